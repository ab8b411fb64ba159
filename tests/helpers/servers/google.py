"""The XML API of Google Cloud Storage, in front of a store with the API of S3, from which it differs little.

It has what a mirror needs: objects, their metadata and generations, copies, lists, and uploads in parts.
"""

from __future__ import annotations

import http.client
import threading
from contextlib import closing, contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING
from urllib.parse import quote, unquote, urlsplit

from botocore.auth import S3SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials

from tests.helpers.running import DEADLINE
from tests.helpers.servers.gateway import Answer
from tests.helpers.servers.seaweedfs import KEYS

if TYPE_CHECKING:
    from collections.abc import Iterator

__all__ = ["google"]

_MATCH = "x-goog-if-generation-match"
_SAME = ("content-type", "cache-control", "range", "if-match", "if-none-match")
_SIGNER = S3SigV4Auth(
    Credentials(KEYS["AWS_ACCESS_KEY_ID"], KEYS["AWS_SECRET_ACCESS_KEY"]), "s3", KEYS["AWS_REGION"]
)


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    origin: str
    tags: dict[str, str]
    """The ETags of the store, by generation."""

    def do_PUT(self) -> None:
        parts = urlsplit(self.path)
        path = quote(unquote(parts.path)) + (f"?{parts.query}" if parts.query else "")
        headers = {name: self.headers[name] for name in _SAME if name in self.headers}
        headers |= {
            name.lower().replace("x-goog-meta-", "x-amz-meta-"): value
            for name, value in self.headers.items()
            if name.lower().startswith("x-goog-meta-")
        }
        if source := self.headers.get("x-goog-copy-source"):
            headers["x-amz-copy-source"] = f"/{quote(unquote(source.lstrip('/')))}"
        if (generation := self.headers.get(_MATCH)) == "0":
            headers["if-none-match"] = "*"
            # S3 has no copy that replaces nothing.
            if source and self._ask("HEAD", path, {}, b"").status == http.client.OK:
                self._answer(Answer(http.client.PRECONDITION_FAILED))
                return
        elif generation is not None:
            headers["if-match"] = self.tags.get(generation, '"none"')
        body = self.rfile.read(int(self.headers.get("content-length", 0)))
        self._answer(self._ask(self.command, path, headers, body))

    do_GET = do_HEAD = do_POST = do_DELETE = do_PUT  # noqa: N815 - as the class wants them

    def _ask(self, method: str, path: str, headers: dict[str, str], body: bytes) -> Answer:
        request = AWSRequest(method, f"{self.origin}{path}", headers, body)
        _SIGNER.add_auth(request)
        server = http.client.HTTPConnection(urlsplit(self.origin).netloc, timeout=DEADLINE)
        with closing(server):
            server.request(method, path, body, dict(request.headers.items()))
            reply = server.getresponse()
            return Answer(reply.status, reply.read(), dict(reply.getheaders()))

    def _answer(self, answer: Answer) -> None:
        self.send_response(answer.status)
        for name, value in answer.headers.items():
            if name.lower() not in {"connection", "transfer-encoding", "date", "server", "content-length"}:
                self.send_header(name.lower().replace("x-amz-meta-", "x-goog-meta-"), value)
            if name.lower() == "etag":
                generation = str(int(value.strip('"').partition("-")[0][:14], 16))
                self.tags[generation] = value
                self.send_header("x-goog-generation", generation)
        is_head = self.command == "HEAD"
        length = answer.headers.get("Content-Length", "0") if is_head else str(len(answer.body))
        self.send_header("Content-Length", length)
        self.end_headers()
        if not is_head:
            self.wfile.write(answer.body)

    def log_message(self, *_: object) -> None:
        """Log nothing."""


@contextmanager
def google(origin: str) -> Iterator[str]:
    """Run the API in front of a store; yield its origin.

    :param origin: the store's
    """
    handler = type("Handler", (_Handler,), {"origin": origin, "tags": {}})
    with ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        server.daemon_threads = True
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.server_port}"
        finally:
            server.shutdown()
            thread.join()
