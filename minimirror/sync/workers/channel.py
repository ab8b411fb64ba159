"""Messages between the parent and a worker: pickled values over a pair of sockets.

Neither end ever waits for the other: what cannot be sent yet is kept, and what has arrived in part, too.
"""

from __future__ import annotations

import pickle
import socket
from typing import Any

__all__ = ["Channel"]

_LENGTH = 8
"""Bytes before each message, which say how many it has."""

_BUFFER = 256 << 10
"""Bytes to receive at once."""


class Channel:
    """One end of a pair."""

    def __init__(self, sock: socket.socket) -> None:
        """Take an end of :func:`socket.socketpair`."""
        sock.setblocking(False)
        self._socket = sock
        self._outgoing = bytearray()
        self._incoming = bytearray()

    def fileno(self) -> int:
        """Return the socket's descriptor, to wait until it can be read or written."""
        return self._socket.fileno()

    @property
    def waits(self) -> bool:
        """Whether something is left to send: call :meth:`flush` when the socket can be written."""
        return bool(self._outgoing)

    def send(self, message: object) -> None:
        """Send a message, or as much of it as the other end has room for.

        :raises OSError: the other end is closed
        """
        data = pickle.dumps(message, pickle.HIGHEST_PROTOCOL)
        self._outgoing += len(data).to_bytes(_LENGTH, "big")
        self._outgoing += data
        self.flush()

    def flush(self) -> None:
        """Send what is left, or as much of it as the other end has room for.

        :raises OSError: the other end is closed
        """
        try:
            while self._outgoing:
                del self._outgoing[: self._socket.send(self._outgoing)]
        except BlockingIOError:
            return

    def receive(self) -> list[Any]:
        """Return the messages that have arrived.

        :raises EOFError: the other end is closed
        """
        try:
            data = self._socket.recv(_BUFFER)
        except BlockingIOError:
            return []
        except OSError:
            data = b""
        if not data:
            raise EOFError
        self._incoming += data
        messages = []
        while (end := self._end()) is not None:
            with memoryview(self._incoming) as view, view[_LENGTH:end] as message:
                messages.append(pickle.loads(message))  # noqa: S301 - our own
            del self._incoming[:end]
        return messages

    def _end(self) -> int | None:
        """Return where the first message ends in what has arrived, None if its end is missing."""
        end = _LENGTH + int.from_bytes(self._incoming[:_LENGTH], "big")
        return end if len(self._incoming) >= max(end, _LENGTH + 1) else None

    def close(self) -> None:
        """Close this end."""
        self._socket.close()
