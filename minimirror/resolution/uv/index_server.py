"""Serve filtered indexes to uv: a simple API (PEP 691) on loopback.

Each index has a secret URL. uv needs no credentials, proxies or certificates, because minimirror's own client
fetches everything that comes from the real index.
"""

from __future__ import annotations

import logging
import secrets
import shutil
import socketserver
import sys
import threading
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler
from pathlib import Path
from typing import Any, NamedTuple
from urllib.parse import unquote

from minimirror.common import MinimirrorError
from minimirror.resolution.uv.filtered_index import FilteredIndex
from minimirror.simple_api import JSON_TYPE

__all__ = ["IndexServer"]

_LOG = logging.getLogger("minimirror")


class _IndexResponse(NamedTuple):
    status: HTTPStatus
    content: bytes | Path
    content_type: str = "text/plain; charset=utf-8"


_NOT_FOUND = _IndexResponse(HTTPStatus.NOT_FOUND, b"not found\n")
_FORBIDDEN = _IndexResponse(HTTPStatus.FORBIDDEN, b"only the configured index can be used\n")


class IndexServer(socketserver.ThreadingTCPServer):
    """A server on a free port of 127.0.0.1, from its creation until :meth:`close`.

    Unlike http.server's own, it does not look up this machine's name in the DNS.
    """

    daemon_threads = True
    block_on_close = False
    request_queue_size = 128

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _RequestHandler)
        self._indexes: dict[str, FilteredIndex] = {}
        self.origin = f"http://127.0.0.1:{self.server_address[1]}"
        self._thread = threading.Thread(target=self.serve_forever, args=(0.02,), daemon=True)
        self._thread.start()

    def close(self) -> None:
        """Stop serving."""
        self.shutdown()
        self._thread.join()
        self.server_close()

    def add(self, index: FilteredIndex) -> str:
        """Serve an index, and return the URL of its simple API."""
        token = secrets.token_urlsafe(24)
        self._indexes[token] = index
        return f"{self.origin}/{token}/simple/"

    def respond(self, path: str) -> _IndexResponse:
        """Return the response for a path of the server."""
        token, *parts = map(unquote, path.lstrip("/").split("/"))
        index = self._indexes.get(token)
        if index is None:
            return _FORBIDDEN
        content: bytes | Path | None = None
        content_type = "application/octet-stream"
        try:
            match parts:
                case ["simple", project, ""]:
                    content, content_type = index.page(project), JSON_TYPE
                case ["files", project, name] if name.endswith(".metadata"):
                    content = index.metadata(project, name.removesuffix(".metadata"))
                case ["files", project, name]:
                    content = index.file(project, name)
        except (MinimirrorError, OSError) as error:
            return _IndexResponse(HTTPStatus.BAD_GATEWAY, str(error).encode(errors="replace"))
        return _NOT_FOUND if content is None else _IndexResponse(HTTPStatus.OK, content, content_type)

    def handle_error(self, request: Any, client_address: Any) -> None:  # noqa: ARG002
        """Log an error, unless uv closed the connection."""
        if not isinstance(sys.exc_info()[1], ConnectionError):
            _LOG.error("the filtered index failed to respond", exc_info=True)


class _RequestHandler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    wbufsize = -1
    disable_nagle_algorithm = True
    server: IndexServer

    def do_GET(self) -> None:
        self._send(self.server.respond(self.path))

    def do_CONNECT(self) -> None:
        """Refuse to act as a proxy. This server is uv's only proxy, so that uv reaches nothing else."""
        self.close_connection = True
        self._send(_FORBIDDEN)

    def _send(self, response: _IndexResponse) -> None:
        content = response.content
        size = len(content) if isinstance(content, bytes) else content.stat().st_size
        self.send_response(response.status)
        self.send_header("Content-Type", response.content_type)
        self.send_header("Content-Length", str(size))
        # What a URL of this server shows never changes.
        self.send_header("Cache-Control", "max-age=86400")
        self.end_headers()
        if isinstance(content, bytes):
            self.wfile.write(content)
        else:
            with content.open("rb") as file:
                shutil.copyfileobj(file, self.wfile)

    def log_message(self, *_: object) -> None:
        """Log no requests."""
