"""The index as resolvers may see it: a simple API (PEP 691) on loopback.

Each scope has a URL of its own, which nobody can guess. The resolver needs no credentials, proxies or
certificates, since all that comes from the index comes through minimirror's own client.
"""

from __future__ import annotations

import logging
import re
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
from minimirror.resolution.uv.filtered_index import Scope

__all__ = ["View"]

_LOG = logging.getLogger("minimirror")
_PAGE = re.compile(r"simple/([^/]+)/")
_FILE = re.compile(r"files/([^/]+)/([^/]+)")


class _Answer(NamedTuple):
    status: HTTPStatus
    content: bytes | Path
    content_type: str = "text/plain; charset=utf-8"


_NOT_FOUND = _Answer(HTTPStatus.NOT_FOUND, b"not found\n")
_FORBIDDEN = _Answer(HTTPStatus.FORBIDDEN, b"only the configured index is asked\n")


class View:
    """A server of scopes, on a free port of 127.0.0.1, from its making until :meth:`close`."""

    def __init__(self) -> None:
        self._scopes: dict[str, Scope] = {}
        self._server = _Server(("127.0.0.1", 0), _Handler)
        self._server.view = self
        self.origin = f"http://127.0.0.1:{self._server.server_address[1]}"
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.02,), daemon=True)
        self._thread.start()

    def close(self) -> None:
        """Serve no more."""
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()

    def open(self, scope: Scope) -> str:
        """Serve a scope; answers the URL of its simple API."""
        token = secrets.token_urlsafe(24)
        self._scopes[token] = scope
        return f"{self.origin}/{token}/simple/"

    def answer(self, path: str) -> _Answer:
        """What is at a path of the server."""
        token, _, rest = path.lstrip("/").partition("/")
        scope = self._scopes.get(token)
        if scope is None:
            return _FORBIDDEN
        try:
            return _within(scope, rest)
        except (MinimirrorError, OSError) as error:
            return _Answer(HTTPStatus.BAD_GATEWAY, str(error).encode(errors="replace"))


def _within(scope: Scope, path: str) -> _Answer:
    if page := _PAGE.fullmatch(path):
        body = scope.page(unquote(page[1]))
        content_type = "application/vnd.pypi.simple.v1+json"
        return _NOT_FOUND if body is None else _Answer(HTTPStatus.OK, body, content_type)
    found = _FILE.fullmatch(path)
    if found is None:
        return _NOT_FOUND
    project, name = map(unquote, found.groups())
    wheel = name.removesuffix(".metadata")
    content = scope.file(project, name) if wheel == name else scope.metadata(project, wheel)
    return _NOT_FOUND if content is None else _Answer(HTTPStatus.OK, content, "application/octet-stream")


class _Server(socketserver.ThreadingTCPServer):
    """Not http.server's own, which asks the DNS for this machine's name."""

    daemon_threads = True
    block_on_close = False
    request_queue_size = 128
    view: View

    def handle_error(self, request: Any, client_address: Any) -> None:  # noqa: ARG002 - the signature is its
        """Say what went wrong in the log; a resolver that has gone away has a right to."""
        if not isinstance(sys.exc_info()[1], ConnectionError):
            _LOG.error("the view of the index could not answer", exc_info=True)


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    wbufsize = -1
    disable_nagle_algorithm = True
    server: _Server

    def do_GET(self) -> None:
        self._send(self.server.view.answer(self.path))

    def do_CONNECT(self) -> None:
        """Refuse to be a proxy: the resolver is told that this is one for whatever is not the index."""
        self.close_connection = True
        self._send(_FORBIDDEN)

    def _send(self, answer: _Answer) -> None:
        content = answer.content
        size = len(content) if isinstance(content, bytes) else content.stat().st_size
        self.send_response(answer.status)
        self.send_header("Content-Type", answer.content_type)
        self.send_header("Content-Length", str(size))
        # A scope's URL is its own, and what it shows does not change.
        self.send_header("Cache-Control", "max-age=86400")
        self.end_headers()
        if isinstance(content, bytes):
            self.wfile.write(content)
        else:
            with content.open("rb") as file:
                shutil.copyfileobj(file, self.wfile)

    def log_message(self, *_: object) -> None:
        """Keep no log of requests."""
