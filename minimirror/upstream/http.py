"""What both ways to send a request share: the response, and which redirects are followed.

:class:`~minimirror.upstream.client.Client` sends requests one by one, and
:class:`~minimirror.upstream.transfers.Transfers` many at a time. Both are an :class:`Http`, so a page is read
and a file is downloaded by the same code.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Coroutine, Mapping
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from http import HTTPStatus
from typing import TYPE_CHECKING, Any, NamedTuple, Protocol, TypeVar
from urllib.parse import urlsplit

from minimirror._version import __version__
from minimirror.upstream.errors import FetchError, host_of, proxy_refused, status_error
from minimirror.upstream.urls import followed

if TYPE_CHECKING:
    # A run that has nothing to do needs no loop.
    from asyncio import Future

__all__ = [
    "DISCARDED",
    "FILE_HEADERS",
    "MAX_HEAD",
    "MAX_REDIRECTS",
    "USER_AGENT",
    "ContentRange",
    "Head",
    "Http",
    "Request",
    "Response",
    "Sink",
    "TooManyRedirectsError",
    "check_sendable",
    "completed",
    "next_url",
    "status_is_good",
]

USER_AGENT = f"minimirror/{__version__} (selective package index mirror)"

MAX_HEAD = 65536
"""Bytes of the head of a response, with interim responses and trailers."""

MAX_REDIRECTS = 10

FILE_HEADERS = {"Accept": "*/*", "Accept-Encoding": "identity"}
"""For a file as it is stored."""

DISCARDED = 65536
"""Bytes of an unwanted body that are read, so that the connection can be used again."""

_WANTS_TLS = re.compile(rb"plain HTTP|SSL-enabled server|HTTP request to an HTTPS", re.IGNORECASE)
"""Matches what nginx, Apache and Go answer to a plain request at a port for TLS."""

_ADVICE = {
    401: "requires a username and password, or rejects yours; set them in the index's URL or in ~/.netrc",
    403: "refuses access; check the URL, and your credentials for it",
    429: "limits requests; lower `connections`",
    511: "requires you to sign in to the network first; open it in a browser",
}
"""What to do about a status, after the host's name."""

_REDIRECTS = {301, 302, 303, 307, 308}
_CONTENT_RANGE = re.compile(r"bytes (\d{1,18})-(\d{1,18})/(\d{1,18}|\*)")
_UNSENDABLE = re.compile(r"[\r\n\0]|[^\0-\xff]")

T = TypeVar("T")


class ContentRange(NamedTuple):
    """Which part of a file a response has, in bytes (RFC 9110, 14.4)."""

    first: int
    last: int
    total: int | None
    """The size of the whole file, None if the server does not know it."""


@dataclass(frozen=True, slots=True)
class Head:
    """The head of a response."""

    url: str
    """The URL that responded, after redirects, without credentials."""

    status: int
    headers: Mapping[str, str]
    """By lower-case name; repeated ones are joined with a comma (RFC 9110, 5.3)."""

    http2: bool = False
    """Whether it came with HTTP/2."""

    proxy: str | None = None
    """The URL of the proxy that it came through, which may hold credentials."""

    @property
    def whole(self) -> bool:
        """Whether the body is the whole page or file: status 200, or 203 from a proxy."""
        return self.status in {HTTPStatus.OK, HTTPStatus.NON_AUTHORITATIVE_INFORMATION}

    @property
    def length(self) -> int | None:
        """Bytes of the body, from Content-Length; None if there is none, several, or not a number.

        Chunks take precedence over a length (RFC 9112, 6.3); the same length twice counts as one.
        """
        if self.headers.get("transfer-encoding", "").lower() == "chunked":
            return None
        value, *others = {part.strip() for part in self.headers.get("content-length", "").split(",")}
        return int(value) if not others and value.isascii() and value.isdigit() and len(value) < 20 else None  # noqa: PLR2004

    @property
    def range(self) -> ContentRange | None:
        """The part of the file that the body has; None if Content-Range is missing or invalid."""
        found = _CONTENT_RANGE.fullmatch(self.headers.get("content-range", "").strip())
        if found is None:
            return None
        return ContentRange(int(found[1]), int(found[2]), None if found[3] == "*" else int(found[3]))


@dataclass(frozen=True, slots=True)
class Response:
    """A response whose body has been read."""

    head: Head
    body: bytes = b""
    """Decoded; empty if a :class:`Sink` took it."""


class Sink(Protocol):
    """Takes a body as it arrives."""

    def begin(self, head: Head) -> None:
        """Take the head of the response, before its body.

        :raises FetchError: the body is not wanted
        """
        ...

    def write(self, data: bytes) -> None:
        """Take the next bytes of the body, as the server sent them.

        :raises FetchError: no more is wanted
        :raises OSError: they cannot be written
        """
        ...

    def flush(self) -> Future[None] | None:
        """Write what was taken, since no more has arrived yet.

        :returns: what to wait for before more is received; None if it may come
        :raises OSError: it cannot be written
        """
        ...


@dataclass(frozen=True, slots=True)
class Request:
    """A GET request."""

    url: str
    headers: Mapping[str, str]
    deadline: float
    """When to give up, in seconds of the monotonic clock."""

    limit: int = DISCARDED
    """Bytes that the body may have, decoded, if there is no sink."""

    sink: Sink | None = None
    """Takes the head and the body, not decoded."""


class Http(Protocol):
    """Sends GET requests."""

    @property
    def credentials(self) -> Mapping[str, tuple[str, str]]:
        """The index's user and password by its origin, as :func:`split_credentials` returns them."""
        ...

    async def get(self, request: Request) -> Response:
        """Send a request, follow redirects, and return a response with status 2xx, 304 or 416.

        :raises FetchError: the URL is not http or https, the server cannot be reached, it responds with
            another status, or redirects too often; or the body is too long, too slow, or ends early
        :raises OSError: the sink cannot write
        """
        ...

    async def pause(self, seconds: float) -> None:
        """Wait before another try."""
        ...

    async def aside(self, function: Callable[[], T]) -> T:
        """Call a function that may take long, while other transfers go on."""
        ...

    def room(self, size: int) -> AbstractAsyncContextManager[None]:
        """Wait until a page of so many bytes may be in memory, and keep this room."""
        ...


def completed(coroutine: Coroutine[Any, Any, T]) -> T:
    """Run a coroutine whose requests a :class:`Client` sends: it blocks, so nothing is left to wait for."""
    try:
        coroutine.send(None)
    except StopIteration as end:
        value: T = end.value
        return value
    raise AssertionError("a coroutine that uses a Client cannot wait for anything else")


class TooManyRedirectsError(FetchError):
    """The server redirects too often."""

    def __init__(self) -> None:
        super().__init__(f"more than {MAX_REDIRECTS} redirects")


def check_sendable(headers: Mapping[str, str]) -> None:
    """Check headers, some of which come from a server, an ETag for example.

    :raises FetchError: one of them would end its line, or is not Latin-1
    """
    if _UNSENDABLE.search("".join(headers.values())):
        raise FetchError("a header with a line break or a character that is not Latin-1 cannot be sent")


def status_is_good(status: int) -> bool:
    """Return whether :meth:`Http.get` returns a response with this status."""
    return 200 <= status < 300 or status in {304, 416}  # noqa: PLR2004


def next_url(head: Head, *, same_host: bool = False, start: Callable[[], bytes] = lambda: b"") -> str | None:
    """Return the URL that a response redirects to; None if it is the final response.

    :param same_host: refuse to leave the host
    :param start: returns the beginning of the body of an error
    :raises FetchError: the status is an error, or the redirect must not be followed
    """
    status = head.status
    if status_is_good(status):
        return None
    if status not in _REDIRECTS:
        raise _refusal(head, start)
    location = head.headers.get("location")
    if not location:
        raise FetchError(f"HTTP {status} without a Location", status=status)
    target = followed(head.url, location)
    if same_host and urlsplit(target).hostname != urlsplit(head.url).hostname:
        raise FetchError(f"HTTP {status} redirects to another host", status=status)
    return target


def _refusal(head: Head, start: Callable[[], bytes]) -> FetchError:
    """Return the error for a status, with what the user can do about it."""
    status, host = head.status, host_of(head.url)
    if status == HTTPStatus.PROXY_AUTHENTICATION_REQUIRED and head.proxy:
        return proxy_refused(head.url, head.proxy, status)
    if status == HTTPStatus.BAD_REQUEST and head.url.startswith("http:") and _WANTS_TLS.search(start()):
        return FetchError(f"HTTP 400: {host} speaks TLS; its URL needs https, not http", status=status)
    advice = _ADVICE.get(status)
    return status_error(status, head.headers, advice and f"{host} {advice}")
