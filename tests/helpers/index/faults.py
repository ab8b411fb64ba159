"""Faults of an answer: each kind is one small class with the same three methods.

A new kind overrides the methods it needs:

- `Behaviour.prepare` changes the request that the index answers,
- `Behaviour.respond` changes or replaces the answer,
- `Behaviour.stream` changes how its body goes over the wire.
"""

from __future__ import annotations

import threading
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from .server import Abort, Hangup

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping
    from types import TracebackType

    from .messages import Exchange, Request, Response

__all__ = [
    "Behaviour",
    "Body",
    "Chunked",
    "Drip",
    "Gate",
    "Headers",
    "IgnoreRange",
    "Redirect",
    "Reset",
    "Stall",
    "Status",
    "Together",
    "Truncate",
    "WrongBytes",
]

_INVERTED = bytes(range(255, -1, -1))


class Behaviour:
    """How one request is answered; this one changes nothing."""

    def prepare(self, request: Request, /) -> Request:
        """Return the request that the index answers."""
        return request

    def respond(self, response: Response, /) -> Response:
        """Return the answer to send instead of ``response``."""
        return response

    def stream(self, parts: Iterator[bytes], _exchange: Exchange, /) -> Iterator[bytes]:
        """Yield the parts of the body to send.

        The server takes a part when the one before it was sent, and sends the head with the first. So
        everything before the first part happens before the head, and an empty first part sends only the
        head.
        """
        return parts


class Together(Behaviour):
    """Several behaviours on one request, in order."""

    def __init__(self, *behaviours: Behaviour) -> None:
        self.behaviours = behaviours

    def prepare(self, request: Request, /) -> Request:
        for behaviour in self.behaviours:
            request = behaviour.prepare(request)
        return request

    def respond(self, response: Response, /) -> Response:
        for behaviour in self.behaviours:
            response = behaviour.respond(response)
        return response

    def stream(self, parts: Iterator[bytes], exchange: Exchange, /) -> Iterator[bytes]:
        for behaviour in self.behaviours:
            parts = behaviour.stream(parts, exchange)
        return parts


@dataclass(frozen=True)
class Status(Behaviour):
    """Another status, such as 503, with other headers, such as Retry-After."""

    status: int
    headers: Mapping[str, str] = field(default_factory=dict)
    body: bytes = b"no\n"

    def respond(self, response: Response, /) -> Response:
        return replace(response, status=self.status, headers=self.headers, body=self.body)


@dataclass(frozen=True)
class Redirect(Behaviour):
    """A redirect; to the request's own path it is a loop."""

    url: str
    status: int = 302

    def respond(self, response: Response, /) -> Response:
        return replace(response, status=self.status, headers={"Location": self.url}, body=b"")


@dataclass(frozen=True)
class Body(Behaviour):
    """Another body, with no other header than its type."""

    content: bytes
    content_type: str = "text/html"
    status: int = 200

    def respond(self, response: Response, /) -> Response:
        headers = {"Content-Type": self.content_type}
        return replace(response, status=self.status, headers=headers, body=self.content)


@dataclass(frozen=True)
class Headers(Behaviour):
    """Other headers on the index's answer; None removes a header."""

    headers: Mapping[str, str | None]

    def respond(self, response: Response, /) -> Response:
        return response.with_headers(self.headers)


@dataclass(frozen=True)
class WrongBytes(Behaviour):
    """A body of the right length in which every byte is wrong."""

    def respond(self, response: Response, /) -> Response:
        return replace(response, body=response.body.translate(_INVERTED))


@dataclass(frozen=True)
class IgnoreRange(Behaviour):
    """The whole body instead of the requested range."""

    def prepare(self, request: Request, /) -> Request:
        return request.without("range", "if-range")


@dataclass(frozen=True)
class Chunked(Behaviour):
    """The body in chunks of at most ``size`` bytes, with no length announced."""

    size: int = 1000

    def respond(self, response: Response, /) -> Response:
        return replace(response, chunked=True)

    def stream(self, parts: Iterator[bytes], _exchange: Exchange, /) -> Iterator[bytes]:
        return _pieces(parts, self.size)


@dataclass(frozen=True)
class Truncate(Behaviour):
    """A clean close after that many bytes of the body; before the head if ``after`` is None."""

    after: int | None

    def stream(self, parts: Iterator[bytes], _exchange: Exchange, /) -> Iterator[bytes]:
        return _interrupted(parts, self.after, lambda: _raise(Hangup()))


@dataclass(frozen=True)
class Reset(Behaviour):
    """A reset (RST) after that many bytes of the body; before the head if ``after`` is None.

    A reset discards what the client's kernel has no room for, so a client may see fewer bytes.
    """

    after: int | None

    def stream(self, parts: Iterator[bytes], _exchange: Exchange, /) -> Iterator[bytes]:
        return _interrupted(parts, self.after, lambda: _raise(Abort()))


@dataclass(frozen=True)
class Stall(Behaviour):
    """Silence after that many bytes, until the seconds pass (None: until the server stops); then the rest."""

    after: int | None
    seconds: float | None = None

    def stream(self, parts: Iterator[bytes], exchange: Exchange, /) -> Iterator[bytes]:
        return _interrupted(parts, self.after, lambda: exchange.wait(threading.Event(), self.seconds))


@dataclass(frozen=True)
class Drip(Behaviour):
    """A body that comes slowly, in about 20 pieces a second."""

    bytes_per_second: int

    def stream(self, parts: Iterator[bytes], exchange: Exchange, /) -> Iterator[bytes]:
        size = max(1, self.bytes_per_second // 20)
        for piece in _pieces(parts, size):
            yield piece
            exchange.wait(threading.Event(), len(piece) / self.bytes_per_second)


class Gate(Behaviour):
    """Holds answers within the body until it is released; it always holds the last byte back.

    As a context manager it is released at the end.
    """

    def __init__(self, after: int = 1) -> None:
        self.after = after
        self.reached = threading.Event()
        """Set when a request has arrived and the first bytes of its answer have been sent."""
        self._released = threading.Event()

    def release(self) -> None:
        """Send the held answers, and hold no later ones."""
        self._released.set()

    def stream(self, parts: Iterator[bytes], exchange: Exchange, /) -> Iterator[bytes]:
        if self._released.is_set():
            return parts
        after = max(0, min(self.after, len(exchange.response.body) - 1))
        return _interrupted(parts, after, lambda: self._hold(exchange))

    def _hold(self, exchange: Exchange) -> None:
        self.reached.set()
        exchange.wait(self._released)

    def __enter__(self) -> Gate:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None, /
    ) -> None:
        self.release()


def _interrupted(parts: Iterator[bytes], after: int | None, act: Callable[[], None]) -> Iterator[bytes]:
    """Yield the same parts, and call ``act`` once ``after`` bytes have been sent."""
    if after is None:
        act()
        yield from parts
        return
    left: float = after
    for part in parts:
        if len(part) < left:
            yield part
            left -= len(part)
            continue
        cut = len(part) if left == float("inf") else int(left)
        yield part[:cut]
        act()
        left = float("inf")
        yield part[cut:]
    if left != float("inf"):
        yield b""
        act()


def _pieces(parts: Iterator[bytes], size: int) -> Iterator[bytes]:
    for part in parts:
        for start in range(0, len(part), size):
            yield part[start : start + size]


def _raise(error: Exception) -> None:
    raise error
