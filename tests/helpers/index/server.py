"""The HTTP/1.1 server: one thread per connection, keep-alive, and a clean shutdown."""

from __future__ import annotations

import socket
import struct
import threading
from contextlib import suppress
from typing import TYPE_CHECKING

from .messages import Exchange, Request

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from .messages import Response, Wait

__all__ = ["Abort", "Hangup", "Server"]

_LONGEST_HEAD = 1 << 16


class Hangup(Exception):  # noqa: N818 - an event, not an error
    """Close the connection here, cleanly."""


class Abort(Exception):  # noqa: N818 - an event, not an error
    """Reset the connection here."""


class Server:
    """Serves on a free port of 127.0.0.1 until `close`.

    ``handler`` sets an exchange's response and returns the parts of its body, which are asked for one at a
    time, each when the one before it was sent; the head goes out with the first.
    """

    def __init__(self, handler: Callable[[Exchange], Iterator[bytes]]) -> None:
        self._handler = handler
        self._lock = threading.Lock()
        self._stopping = False
        self._waits: list[threading.Event] = []
        self._clients: list[tuple[threading.Thread, socket.socket]] = []
        self._open = 0
        self.accepted = 0
        self.peak = 0
        self._listener = socket.create_server(("127.0.0.1", 0), backlog=512)
        self.port: int = self._listener.getsockname()[1]
        self._acceptor = threading.Thread(target=self._accept, name=f"index-{self.port}", daemon=True)
        self._acceptor.start()

    def close(self) -> None:
        """Close all connections and end all threads; a second call does nothing."""
        with self._lock:
            if self._stopping:
                return
            self._stopping = True
            for event in self._waits:
                event.set()
        # Closing a listener does not wake the thread that accepts on it; a connection does.
        socket.create_connection(("127.0.0.1", self.port)).close()
        self._acceptor.join()
        self._listener.close()
        for _, client in self._clients:
            with suppress(OSError):
                client.shutdown(socket.SHUT_RDWR)
        for thread, _ in self._clients:
            thread.join()

    def forget(self) -> None:
        """Count connections from here on."""
        with self._lock:
            self.accepted, self.peak = 0, self._open

    def wait(self, event: threading.Event, seconds: float | None = None, /) -> None:
        """Wait for the event or the time; raise `Hangup` when the server stops meanwhile."""
        with self._lock:
            if self._stopping:
                raise Hangup
            self._waits.append(event)
        event.wait(seconds)
        with self._lock:
            self._waits.remove(event)
            if self._stopping:
                raise Hangup

    def _accept(self) -> None:
        while True:
            client, _ = self._listener.accept()
            if self._stopping:
                client.close()
                return
            thread = threading.Thread(
                target=self._serve, args=(client,), name=f"{self._acceptor.name}-client", daemon=True
            )
            self._clients.append((thread, client))
            with self._lock:
                self.accepted += 1
                self._open += 1
                self.peak = max(self.peak, self._open)
            thread.start()

    def _serve(self, client: socket.socket) -> None:
        # An OSError means that the client hung up, which it may.
        with client, suppress(OSError):
            client.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            try:
                _Conversation(client, self._handler, self.wait).run()
                # Not only close: a forked child may have the same socket open.
                client.shutdown(socket.SHUT_RDWR)
            except Abort:
                client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        with self._lock:
            self._open -= 1


class _Conversation:
    """The requests of one connection, one after the other."""

    def __init__(
        self, client: socket.socket, handler: Callable[[Exchange], Iterator[bytes]], wait: Wait
    ) -> None:
        self._client = client
        self._handler = handler
        self._wait = wait
        self._received = b""

    def run(self) -> None:
        with suppress(Hangup):
            while (request := self._receive()) is not None:
                exchange = Exchange(request, self._wait)
                self._send(exchange, self._handler(exchange))
                if not (request.keeps_alive and exchange.response.keeps_alive):
                    return

    def _receive(self) -> Request | None:
        while b"\r\n\r\n" not in self._received:
            data = self._client.recv(_LONGEST_HEAD)
            if not data or len(self._received) > _LONGEST_HEAD:
                return None
            self._received += data
        head, _, self._received = self._received.partition(b"\r\n\r\n")
        return _parse(head.decode("latin-1"))

    def _send(self, exchange: Exchange, parts: Iterator[bytes]) -> None:
        response = exchange.response
        unsent = response.head()
        if exchange.method != "HEAD":
            for part in parts:
                # Counted before it is sent, so that the log is complete when the client has everything.
                exchange.status = response.status
                exchange.sent += len(part)
                self._client.sendall(unsent + _frame(response, part))
                unsent = b""
        exchange.status = response.status
        if response.chunked:
            unsent += b"0\r\n\r\n"
        if unsent:
            self._client.sendall(unsent)


def _parse(head: str) -> Request | None:
    request_line, *lines = head.split("\r\n")
    method, _, rest = request_line.partition(" ")
    target, _, version = rest.rpartition(" ")
    if not version.startswith("HTTP/1."):
        return None
    fields = (line.partition(":") for line in lines)
    return Request(method, target, {name.lower(): value.strip() for name, _, value in fields}, version)


def _frame(response: Response, part: bytes) -> bytes:
    # An empty chunk would end the body.
    return b"%x\r\n%b\r\n" % (len(part), part) if response.chunked and part else part
