"""A gateway in front of a server: it records requests, and can refuse, break or delay them."""

from __future__ import annotations

import http.client
import sys
import threading
from collections import deque
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING, NamedTuple
from urllib.parse import urlsplit

from tests.helpers.running import DEADLINE

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

__all__ = ["Answer", "Gateway", "gateway"]

_HOP = {"connection", "keep-alive", "transfer-encoding", "date", "server", "content-length"}


class Answer(NamedTuple):
    """An answer to an upload, instead of the server's."""

    status: int
    body: bytes = b""
    headers: Mapping[str, str] = {}
    passes: bool = False
    """Whether the server gets the upload, as if only its answer was lost."""


class Gateway:
    """The recorded requests, and what happens to the next uploads."""

    def __init__(self, origin: str) -> None:
        self.origin = origin
        self.url = ""
        self.requests: list[tuple[str, str]] = []
        """Method and path of each request, in order of arrival."""
        self.authorizations: list[str] = []
        """The credentials of the uploads."""
        self.next: deque[Answer | None] = deque()
        """Answers to the next uploads; None for the server's."""
        self.instead: Callable[[str, str], Answer | None] = lambda _method, _path: None
        """Answers to other requests."""
        self.gate = threading.Event()
        """Uploads wait for it."""
        self.gate.set()
        self.free = 0
        """How many uploads do not wait."""
        self.held = threading.Semaphore(0)
        """Released for each upload that waits."""

    @property
    def uploads(self) -> int:
        """Return the number of uploads."""
        return sum(method == "POST" for method, _ in self.requests)


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    gateway: Gateway

    def do_GET(self) -> None:
        self._note()
        body = self.rfile.read(int(self.headers.get("content-length", 0)))
        answer = self.gateway.instead(self.command, self.path)
        if answer is None:
            self._pass(body)
        else:
            self._answer(answer.status, answer.headers, answer.body)

    do_HEAD = do_PUT = do_DELETE = do_GET  # noqa: N815 - as the class wants them

    def do_POST(self) -> None:
        self._note()
        body = self.rfile.read(int(self.headers["content-length"]))
        if len(body) < int(self.headers["content-length"]):
            # The client hung up.
            self.close_connection = True
            return
        self.gateway.authorizations.append(self.headers.get("authorization", ""))
        answer = self.gateway.next.popleft() if self.gateway.next else None
        if self.path.endswith("?delete"):  # S3's way to delete objects
            answer = self.gateway.instead("DELETE", self.path)
        if not self.gateway.gate.is_set() and self.gateway.uploads > self.gateway.free:
            self.gateway.held.release()
            self.gateway.gate.wait(DEADLINE)
        if answer is None or answer.passes:
            self._pass(body, answer)
        else:
            self._answer(answer.status, answer.headers, answer.body)

    def _note(self) -> None:
        self.gateway.requests.append((self.command, self.path))

    def _pass(self, body: bytes, instead: Answer | None = None) -> None:
        server = http.client.HTTPConnection(urlsplit(self.gateway.origin).netloc, timeout=DEADLINE)
        try:
            headers = {name: value for name, value in self.headers.items() if name.lower() != "connection"}
            server.request(self.command, self.path, body, headers)
            reply = server.getresponse()
            said = Answer(reply.status, reply.read(), dict(reply.getheaders()))
            kept = instead or said
            self._answer(kept.status, kept.headers, kept.body, None if instead else reply.reason)
        finally:
            server.close()

    def _answer(
        self, status: int, headers: Mapping[str, str], body: bytes, reason: str | None = None
    ) -> None:
        self.send_response(status, reason)
        for name, value in headers.items():
            if name.lower() not in _HOP:
                self.send_header(name, value)
        length = headers.get("Content-Length", "0") if self.command == "HEAD" else str(len(body))
        self.send_header("Content-Length", length)
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        """Log nothing."""


class _Server(ThreadingHTTPServer):
    daemon_threads = True

    def handle_error(self, *_: object) -> None:
        """Ignore clients that hang up."""
        if not isinstance(sys.exc_info()[1], ConnectionError):
            raise  # noqa: PLE0704 - called where an error is handled


@contextmanager
def gateway(origin: str) -> Iterator[Gateway]:
    """Run a gateway in front of a server."""
    found = Gateway(origin)
    handler = type("Handler", (_Handler,), {"gateway": found})
    with _Server(("127.0.0.1", 0), handler) as server:
        found.url = f"http://127.0.0.1:{server.server_port}"
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
        thread.start()
        try:
            yield found
        finally:
            found.gate.set()
            server.shutdown()
            thread.join()
