"""A server that sends exactly the bytes that a test gives it."""

from __future__ import annotations

import socket
import threading
from contextlib import suppress
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence
    from io import BufferedReader


class RawServer:
    """Answers the n-th request of each connection with the n-th of that connection's bytes, then hangs up."""

    def __init__(
        self, *connections: Sequence[bytes], greeting: bytes = b"", endless: bytes = b"", pause: float = 0.0
    ) -> None:
        """Listen on loopback.

        :param greeting: sent at the beginning of each connection, before any request
        :param endless: sent again and again after the last answer of a connection, until the client goes
        :param pause: seconds to wait after each time
        """
        self.requests: list[bytes] = []
        self.accepted = 0
        self._connections = connections
        self._greeting = greeting
        self._endless = endless
        self._pause = pause
        self._stopping = threading.Event()
        self._client: socket.socket | None = None
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.url = f"http://127.0.0.1:{self._listener.getsockname()[1]}/"
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()

    def _run(self) -> None:
        for answers in self._connections:
            client, _ = self._listener.accept()
            self._client = client
            if self._stopping.is_set():
                client.close()
                return
            self.accepted += 1
            # An OSError is a client that went away, which is its right.
            with suppress(OSError), client:
                self._serve(client, answers)

    def _serve(self, client: socket.socket, answers: Sequence[bytes]) -> None:
        with client.makefile("rb") as stream:
            client.sendall(self._greeting)
            for answer in answers:
                self.requests.append(_read_request(stream))
                client.sendall(answer)
            while self._endless:
                client.sendall(self._endless)
                self._stopping.wait(self._pause)
            # Not close alone, which resets where something is unread.
            client.shutdown(socket.SHUT_RDWR)

    def __enter__(self) -> RawServer:
        return self

    def __exit__(self, *_: object) -> None:
        self._stopping.set()
        if self._client is not None:
            with suppress(OSError):
                self._client.shutdown(socket.SHUT_RDWR)
        if self._thread.is_alive():
            # It may be waiting for a connection.
            with suppress(OSError):
                socket.create_connection(self._listener.getsockname()).close()
        self._thread.join()
        self._listener.close()


def _read_request(stream: BufferedReader) -> bytes:
    lines = []
    while (line := stream.readline()) not in {b"", b"\r\n"}:
        lines.append(line)
    return b"".join(lines)
