"""A response on a connection: http.client's class, with its head read at once."""

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
"""Bytes of the head of a response."""
MAX_INTERIM = 20
"""Interim responses (1xx) before the final one."""


class Connection(Protocol):
    """What a response needs of its connection."""

    idle: bool
    """Whether the last response has been read."""

    def close(self) -> None:
        """Close it for further requests."""
        ...


class Incoming(RawIOBase):
    """Reads from a socket until a deadline: the timeout alone allows a byte now and then for ever."""

    def __init__(self, raw: SocketIO) -> None:
        super().__init__()
        self._raw = raw
        self.deadline = math.inf

    def readable(self) -> bool:
        """Return True."""
        return True

    def readinto(self, buffer: Any) -> int | None:
        """Read what has arrived.

        :raises TimeoutError: the deadline has passed
        """
        if time.monotonic() > self.deadline:
            raise TimeoutError("the response headers take too long")
        return self._raw.readinto(buffer)

    def close(self) -> None:
        """Close the socket."""
        self._raw.close()
        super().close()


class Response(HTTPResponse):
    """http.client's response, with its head read at once and without the email parser.

    By the same rules (RFC 9112): skip interim responses, accept folded headers, end a body by chunks, by
    length or with the connection.
    """

    head: dict[str, str]
    """The headers, by lower-case name; repeated ones are joined with a comma (RFC 9110)."""

    connection: Connection

    _came_with_head = True
    """Whether the reader may have buffered bytes of the body, which arrived with the head."""

    def begin(self) -> None:
        """Read the status line and the headers."""
        for _ in range(1 + MAX_INTERIM):
            lines = self._read_head()
            self._take_status(lines[0])
            if self.status >= 200:  # noqa: PLR2004
                break
        else:
            raise HTTPException(f"more than {MAX_INTERIM} interim responses")
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
        """Return the lines of a head, without the empty one at its end."""
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
        raise RemoteDisconnected("the server closed the connection without a response")

    def _take_status(self, line: str) -> None:
        version, _, rest = line.partition(" ")
        code, _, self.reason = rest.partition(" ")
        if not version.startswith("HTTP/1.") or len(code) != 3 or not code.isdecimal():  # noqa: PLR2004
            raise BadStatusLine(line[:100])
        self.version = 10 if version == "HTTP/1.0" else 11
        self.code = self.status = int(code)

    def readinto(self, buffer: Any) -> int:
        """Read what has arrived; http.client's own method waits until the buffer is full."""
        if self.chunked or self.fp is None:
            return super().readinto(buffer)
        view = memoryview(buffer)
        if self.length is not None:
            view = view[: self.length]
        if self._came_with_head and view:
            # The reader would wait for more to fill the view, and lose these bytes if none came.
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
        # http.client calls this too, at the end of a body.
        super()._close_conn()  # type: ignore[misc]
        self.connection.idle = True

    def close(self) -> None:
        """Close the response, and its connection if the rest of the body would precede the next response."""
        unread = not self.isclosed() and self.length != 0
        super().close()
        if unread:
            self.connection.close()


def content_length(headers: Mapping[str, str]) -> int | None:
    """Return the length of the body, None if the head has none, or several.

    Chunks take precedence over a length (RFC 9112, 6.3); the same length twice counts as one.
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
