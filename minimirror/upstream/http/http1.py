"""What comes back on a connection: an http.client response with its head read at once."""

from __future__ import annotations

import math
import time
from collections.abc import Mapping
from http.client import BadStatusLine, HTTPException, HTTPResponse, LineTooLong, RemoteDisconnected
from io import RawIOBase
from socket import SocketIO
from typing import Any, Protocol

__all__ = ["Incoming", "Response", "content_length"]

MAX_HEAD = 65536
"""Bytes of an answer's head."""
MAX_INTERIM = 20
"""Interim answers (1xx) before the one that counts."""


class Connection(Protocol):
    """What a response has to tell its connection."""

    idle: bool
    """Whether the last answer has been read."""

    def close(self) -> None:
        """Use it no more."""
        ...


class Incoming(RawIOBase):
    """What comes from a connection, up to a deadline: a byte now and then makes a mockery of a timeout."""

    def __init__(self, raw: SocketIO) -> None:
        super().__init__()
        self._raw = raw
        self.deadline = math.inf

    def readable(self) -> bool:
        """It is."""
        return True

    def readinto(self, buffer: Any) -> int | None:
        """Read what is there, if the deadline has not passed."""
        if time.monotonic() > self.deadline:
            raise TimeoutError("the head of the answer takes too long")
        return self._raw.readinto(buffer)

    def close(self) -> None:
        """Let go of the socket."""
        self._raw.close()
        super().close()


class Response(HTTPResponse):
    """An http.client response whose head is read at once, and not by the email parser.

    The same rules (RFC 9112): an interim answer is skipped, a header may be folded, a body ends by chunks, by
    length or by the connection's end.
    """

    head: dict[str, str]
    """The headers, by lower-case name; of those that come twice, both, with a comma between (RFC 9110)."""

    connection: Connection

    _came_with_head = True
    """Whether the reader may hold bytes of the body that came with the head."""

    def begin(self) -> None:
        """Read the status line and the headers."""
        for _ in range(1 + MAX_INTERIM):
            lines = self._read_head()
            self._take_status(lines[0])
            if self.status >= 200:  # noqa: PLR2004
                break
        else:
            raise HTTPException(f"more than {MAX_INTERIM} interim answers")
        self.head = found = _headers(lines[1:])
        self.headers = self.msg = found  # type: ignore[assignment]
        bodiless = self.status in {204, 304}
        self.chunked = found.get("transfer-encoding", "").lower() == "chunked" and not bodiless
        self.chunk_left = None
        self.length = 0 if bodiless else content_length(found)
        connection = found.get("connection", "").lower()
        self.will_close = (
            "close" in connection
            or (self.version == 10 and "keep-alive" not in connection)  # noqa: PLR2004
            or (self.length is None and not self.chunked)
        )

    def _read_head(self) -> list[str]:
        """The lines of a head, without the empty one at its end."""
        seen = self.fp.peek(1)
        end = seen.find(b"\r\n\r\n")
        if end >= 0 and seen.count(b"\n", 0, end) == seen.count(b"\r\n", 0, end):
            return self.fp.read(end + 4)[:end].decode("latin-1").split("\r\n")
        lines: list[str] = []
        left = MAX_HEAD
        while line := self.fp.readline(left):
            left -= len(line)
            if left <= 0:
                raise LineTooLong("head")
            text = line.decode("latin-1").rstrip("\r\n")
            if not text and lines:
                return lines
            lines.append(text)
        raise RemoteDisconnected("the server closed the connection without an answer")

    def _take_status(self, line: str) -> None:
        version, _, rest = line.partition(" ")
        code, _, self.reason = rest.partition(" ")
        if not version.startswith("HTTP/1.") or len(code) != 3 or not code.isdecimal():  # noqa: PLR2004
            raise BadStatusLine(line[:100])
        self.version = 10 if version == "HTTP/1.0" else 11
        self.code = self.status = int(code)

    def readinto(self, buffer: Any) -> int:
        """Read what is there, at most a buffer full; http.client's own waits until the buffer is full."""
        if self.chunked or self.fp is None:
            return super().readinto(buffer)
        view = memoryview(buffer)
        if self.length is not None:
            view = view[: self.length]
        if self._came_with_head and view:
            # The reader would wait for more, to fill the rest of the view, and lose these if none came.
            came = len(self.fp.peek(1))
            self._came_with_head = came > len(view)
            view = view[:came]
        got: int = self.fp.readinto1(view)
        if self.length is not None:
            self.length -= got
        if not got or self.length == 0:
            self._close_conn()
        return got

    def _close_conn(self) -> None:
        # Called by http.client too, at the end of a body.
        super()._close_conn()  # type: ignore[misc]
        self.connection.idle = True

    def close(self) -> None:
        """Close the answer, and its connection where the rest of a body would come before the next answer."""
        unread = not self.isclosed() and self.length != 0
        super().close()
        if unread:
            self.connection.close()


def content_length(headers: Mapping[str, str]) -> int | None:
    """The length that a head announces; None where it tells none, or not as one number.

    Chunks count for more than a length (RFC 9112, 6.3), and one that was sent twice is one.
    """
    if headers.get("transfer-encoding", "").lower() == "chunked":
        return None
    value, *others = {part.strip() for part in headers.get("content-length", "").split(",")}
    return int(value) if not others and value.isascii() and value.isdigit() and len(value) < 20 else None  # noqa: PLR2004


def _headers(lines: list[str]) -> dict[str, str]:
    found: dict[str, str] = {}
    name = ""
    for line in lines:
        if line[:1] in {" ", "\t"} and name:
            found[name] += " " + line.strip()
            continue
        name, _, value = line.partition(":")
        name, value = name.strip().lower(), value.strip()
        found[name] = f"{found[name]}, {value}" if name in found else value
    return found
