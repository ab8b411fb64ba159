"""Requests, responses, and the record of both."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from http import HTTPStatus
from typing import TYPE_CHECKING, Protocol
from urllib.parse import unquote

if TYPE_CHECKING:
    import threading
    from collections.abc import Mapping

__all__ = ["Exchange", "Request", "Response", "Wait"]


class Wait(Protocol):
    """Wait for an event, or for some seconds; stopping the server ends the wait."""

    def __call__(self, event: threading.Event, seconds: float | None = None, /) -> None: ...


@dataclass(frozen=True)
class Request:
    """A request of a client."""

    method: str
    target: str
    """The path and query, as they were sent."""
    headers: Mapping[str, str] = field(default_factory=dict)
    """By name in lower case."""
    version: str = "HTTP/1.1"

    @property
    def path(self) -> str:
        """Return the path, percent-decoded, however the client encoded it."""
        return unquote(self.target.partition("?")[0])

    @property
    def keeps_alive(self) -> bool:
        return self.version == "HTTP/1.1" and self.headers.get("connection", "").lower() != "close"

    def without(self, *names: str) -> Request:
        """Return the same request without these headers."""
        headers = {name: value for name, value in self.headers.items() if name not in names}
        return replace(self, headers=headers)


@dataclass(frozen=True)
class Response:
    """A response that the server is about to send."""

    status: int
    headers: Mapping[str, str] = field(default_factory=dict)
    body: bytes = b""
    chunked: bool = False

    @property
    def keeps_alive(self) -> bool:
        return all(f"{name}: {value}".lower() != "connection: close" for name, value in self.headers.items())

    def with_headers(self, headers: Mapping[str, str | None]) -> Response:
        """Return the same response with other headers; None removes a header."""
        changed = {name.lower() for name in headers}
        kept = {name: value for name, value in self.headers.items() if name.lower() not in changed}
        new = {name: value for name, value in headers.items() if value is not None}
        return replace(self, headers=kept | new)

    def head(self) -> bytes:
        """Return the status line and headers; the length is the body's, unless a header sets it."""
        lines = [f"HTTP/1.1 {self.status} {_phrase(self.status)}"]
        lines += [f"{name}: {value}" for name, value in self.headers.items()]
        if self.chunked:
            lines.append("Transfer-Encoding: chunked")
        elif self.status != HTTPStatus.NOT_MODIFIED and not any(
            n.lower() == "content-length" for n in self.headers
        ):
            lines.append(f"Content-Length: {len(self.body)}")
        return "\r\n".join([*lines, "", ""]).encode("latin-1")


@dataclass
class Exchange:
    """A request and its response: an entry of the request log."""

    request: Request
    wait: Wait = field(repr=False, compare=False)
    response: Response = field(default=Response(0), repr=False)
    """What the server was about to send."""
    status: int = 0
    """The status that was sent; 0 if none was sent, or not yet."""
    sent: int = 0
    """How many bytes of the body were sent."""

    @property
    def method(self) -> str:
        return self.request.method

    @property
    def path(self) -> str:
        """Return the path, percent-decoded, however the client encoded it."""
        return self.request.path

    @property
    def headers(self) -> Mapping[str, str]:
        return self.request.headers


def _phrase(status: int) -> str:
    try:
        return HTTPStatus(status).phrase
    except ValueError:
        return "Unknown"
