"""The HTTP client: one GET, with the machine's own settings, and its errors in words.

Proxies, CA bundles and netrc are found by requests, so they are what people know from it. Credentials go to
the host that they are for, never into a message, a log or a URL that leaves this room.
"""

from __future__ import annotations

import ipaddress
import math
import random
import re
import socket
import time
import zlib
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from email.utils import parsedate_to_datetime
from http.client import HTTPException
from typing import TypeVar
from urllib.parse import unquote, urljoin, urlsplit, urlunsplit

import requests
import urllib3
from requests.auth import _basic_auth_str
from requests.utils import get_netrc_auth, requote_uri

from minimirror._version import __version__
from minimirror.adapter import Answer, Body, DirectAdapter, content_length
from minimirror.errors import MinimirrorError

__all__ = ["Client", "FetchError", "Pace", "Reply", "Retry", "split_credentials"]

USER_AGENT = f"minimirror/{__version__} (selective package index mirror)"
MAX_REDIRECTS = 10
_REDIRECTS = {301, 302, 303, 307, 308}
_PASSING = {408, 425, 429, 500, 502, 503, 504}
"""The statuses that may be gone at the next try."""

T = TypeVar("T")


class FetchError(MinimirrorError):
    """A URL could not be had."""

    def __init__(
        self,
        cause: str,
        *,
        status: int | None = None,
        passing: bool = False,
        retry_after: float | None = None,
    ) -> None:
        super().__init__(cause)
        self.cause = cause
        """What happened, in words, without a URL."""
        self.status = status
        """The HTTP status, where one was answered."""
        self.passing = passing
        """Whether another try may succeed."""
        self.retry_after = retry_after
        """Seconds that the server asked to wait."""

    def __reduce__(self) -> tuple[object, ...]:
        # Exceptions with keyword arguments do not pickle by themselves, and this one crosses processes.
        return _rebuild, (self.cause, self.status, self.passing, self.retry_after)


def _rebuild(cause: str, status: int | None, passing: bool, retry_after: float | None) -> FetchError:
    return FetchError(cause, status=status, passing=passing, retry_after=retry_after)


@dataclass(frozen=True, slots=True)
class Pace:
    """How slow a server may be."""

    connect: float = 10.0
    """Seconds to wait for a connection."""

    read: float = 30.0
    """Seconds to wait for the head of an answer, and for the next bytes of its body."""

    least: float = 1000.0
    """Bytes a second: a body that has come slower than that for the seconds of :attr:`read` is given up."""


@dataclass(frozen=True, slots=True)
class Retry:
    """How often and how long to try again."""

    attempts: int = 5
    """Tries in all."""

    pause: float = 0.5
    """Seconds before the second try; doubled before each further one."""

    longest: float = 60.0
    """Seconds: the longest pause, a server's Retry-After included."""

    total: float = 7200.0
    """Seconds that all tries may take together."""

    def call(self, attempt: Callable[[float], T]) -> T:
        """Call ``attempt`` until it answers, fails for good, or has been tried often or long enough.

        :param attempt: given the time (of the monotonic clock) until which it may take
        :raises FetchError: the last one
        """
        deadline = time.monotonic() + self.total
        for tried in range(1, self.attempts + 1):
            try:
                return attempt(deadline)
            except FetchError as error:
                pause = self.pause_after(tried, error.retry_after)
                if not error.passing or tried == self.attempts or time.monotonic() + pause > deadline:
                    raise
                time.sleep(pause)
        raise AssertionError("unreachable")

    def pause_after(self, tried: int, retry_after: float | None) -> float:
        """Seconds to wait after that many tries: what the server asked for, else twice as long each time.

        A quarter of it is left to chance, so that workers that failed together do not come back together.
        """
        pause = retry_after if retry_after is not None else self.pause * 2 ** (tried - 1)
        return min(pause * random.uniform(1.0, 1.25), self.longest)  # noqa: S311 - no secret


class Reply:
    """The answer to one GET: its head is here, its body is still to be read."""

    def __init__(self, url: str, response: Answer, pace: Pace, deadline: float) -> None:
        self._pace = pace
        self._begun = time.monotonic()
        self._deadline = deadline
        self._got = 0
        self.url = url
        """The URL that answered, after redirects, without credentials."""
        self.status = response.status_code
        self.headers: Mapping[str, str] = response.headers
        self._body: Body = response.raw

    def readinto(self, view: memoryview) -> int:
        """Read the next bytes of the body as the server sent them, 0 at its end.

        :raises FetchError: the connection broke, or the bytes do not come in time
        """
        try:
            got = self._body.readinto(view) or 0
        except _NETWORK_ERRORS as error:
            raise FetchError(_describe(error), passing=True) from None
        self._got += got
        if got:
            self._check_pace()
        return got

    def _check_pace(self) -> None:
        now = time.monotonic()
        if now > self._deadline:
            raise FetchError("it takes longer than a page or a file may")
        seconds = now - self._begun
        if seconds > self._pace.read and self._got < seconds * self._pace.least:
            raise FetchError(f"it comes slower than {self._pace.least:.0f} bytes a second", passing=True)

    def text_chunks(self, limit: int) -> Iterator[bytes]:
        """The body in chunks, with a gzip content encoding undone.

        :param limit: bytes, decoded: a longer body is refused
        :raises FetchError: as :meth:`readinto`; or the body is too long, shorter than announced, or encoded
            in another way
        """
        total = 0
        for chunk in self._decoded(self._raw_chunks(limit)):
            total += len(chunk)
            if total > limit:
                raise FetchError(f"the page is larger than {limit} bytes")
            yield chunk

    def _raw_chunks(self, limit: int) -> Iterator[bytes]:
        buffer = memoryview(bytearray(65536))
        total = 0
        while got := self.readinto(buffer):
            total += got
            # What decodes into nothing could go on for ever.
            if total > limit:
                raise FetchError(f"the page is larger than {limit} bytes")
            yield bytes(buffer[:got])
        if self.length is not None and total < self.length:
            raise FetchError(f"the connection closed {self.length - total} bytes early", passing=True)

    def _decoded(self, chunks: Iterator[bytes]) -> Iterator[bytes]:
        encoding = self.headers.get("content-encoding", "identity").strip().lower()
        if encoding in {"", "identity"}:
            yield from chunks
            return
        if encoding not in {"gzip", "x-gzip"}:
            raise FetchError(f"content encoding {encoding[:20]!r} was not asked for")
        decoder = _gzip_decoder()
        try:
            for chunk in chunks:
                # In steps: a chunk of zeros decodes into a thousand times its length.
                yield decoder.decompress(chunk, 1 << 20)
                while rest := decoder.unconsumed_tail or decoder.unused_data:
                    if decoder.eof:
                        decoder = _gzip_decoder()  # a body may have several members (RFC 1952, 2.2)
                    yield decoder.decompress(rest, 1 << 20)
        except zlib.error:
            raise FetchError("the body is not valid gzip", passing=True) from None
        if not decoder.eof:
            raise FetchError("the gzip body ends early", passing=True)

    @property
    def length(self) -> int | None:
        """Bytes of the body as the server announced them; None where it did not, or not as a number."""
        return content_length(self.headers)

    def close(self) -> None:
        """Let go of the connection, which is kept for the next request if the body was read whole."""
        self._body.close()

    def __enter__(self) -> Reply:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


@dataclass(frozen=True, slots=True)
class _Origin:
    """What the machine's settings say of one scheme, host and port."""

    proxies: dict[str, str]
    verify: bool | str
    cert: str | tuple[str, str] | None
    headers: Mapping[str, str]
    """The ones that each request to it carries."""


class Client:
    """GETs URLs. Safe to use from several threads: each has its own connections."""

    def __init__(
        self,
        *,
        credentials: Mapping[str, tuple[str, str]] | None = None,
        pace: Pace | None = None,
    ) -> None:
        """Make a client.

        :param credentials: user and password by origin (``https://host:port``, as :func:`split_credentials`
            gives it); netrc is asked for the other origins
        :param pace: how slow a server may be
        """
        self._credentials = dict(credentials or {})
        self._pace = pace or Pace()
        self._adapter = DirectAdapter()
        self._session = requests.Session()
        self._origins: dict[str, _Origin] = {}

    def get(self, url: str, headers: Mapping[str, str], deadline: float = math.inf) -> Reply:
        """GET a URL, following redirects, and answer any 2xx, 304 or 416.

        :param deadline: the time (of the monotonic clock) until which the answer may take
        :raises FetchError: the URL is none of http or https, the server cannot be reached, it answers another
            status, or redirects too often
        """
        for _ in range(MAX_REDIRECTS + 1):
            reply = self._send(url, headers, deadline)
            if reply.status not in _REDIRECTS:
                return _checked(reply)
            location = reply.headers.get("location")
            reply.close()
            if not location:
                raise FetchError(f"HTTP {reply.status} without a Location", status=reply.status)
            url = _followed(url, location)
        raise FetchError(f"more than {MAX_REDIRECTS} redirects")

    def close(self) -> None:
        """Close the connections; the next request makes new ones."""
        self._adapter.close()

    def _send(self, url: str, headers: Mapping[str, str], deadline: float) -> Reply:
        url = _checked_url(url)
        origin = self._origin(url[: url.index("/", len("https://"))])
        request = requests.PreparedRequest()
        request.method, request.url = "GET", url
        request.headers = {**headers, **origin.headers}  # type: ignore[assignment]
        try:
            response = self._adapter.send(
                request,
                stream=True,
                timeout=(self._pace.connect, self._pace.read),
                verify=origin.verify,
                cert=origin.cert,
                proxies=origin.proxies,
            )
        except _NETWORK_ERRORS as error:
            raise FetchError(_describe(error), passing=True) from None
        except (ValueError, TypeError):
            # A host or a port that there cannot be, a header that cannot be sent, half a proxy's URL.
            raise FetchError("the URL, or that of its proxy, is not valid") from None
        return Reply(url, response, self._pace, deadline)

    def _origin(self, url: str) -> _Origin:
        found = self._origins.get(url)
        if found is None:
            settings = self._session.merge_environment_settings(url, {}, None, None, None)
            credentials = self._credentials.get(url) or _netrc(url)
            found = self._origins[url] = _Origin(
                proxies=dict(settings["proxies"]),
                verify=True if settings["verify"] is None else settings["verify"],
                cert=settings["cert"],
                headers=_origin_headers(credentials),
            )
        return found


def _netrc(url: str) -> tuple[str, str] | None:
    try:
        return get_netrc_auth(url)
    except UnicodeDecodeError:
        # Of other files that cannot be read requests says as much: nothing.
        return None


def _origin_headers(credentials: tuple[str, str] | None) -> dict[str, str]:
    headers = {"User-Agent": USER_AGENT}
    if credentials:
        # RFC 7617 leaves the encoding open; UTF-8 is the only one with room for everything.
        headers["Authorization"] = _basic_auth_str(*(each.encode() for each in credentials))
    return headers


def _gzip_decoder() -> zlib._Decompress:
    return zlib.decompressobj(wbits=16 + zlib.MAX_WBITS)


def split_credentials(url: str) -> tuple[str, dict[str, tuple[str, str]]]:
    """Part a URL from the user and password in it.

    :returns: the URL without them, and ``{origin: (user, password)}``, empty where it has none
    """
    parts = urlsplit(url)
    userinfo, _, host = parts.netloc.rpartition("@")
    host = host.lower()
    clean = urlunsplit(parts._replace(netloc=host))
    if not userinfo:
        return clean, {}
    user, _, password = userinfo.partition(":")
    return clean, {f"{parts.scheme}://{host}": (unquote(user), unquote(password))}


_PLAIN_URL = re.compile(r"https?://[a-z0-9.-]+(?::[0-9]{1,5})?/[!\"$-~]*")
"""What nearly all URLs are like, and what needs no further look: 20 µs a request less."""


def _checked_url(url: str) -> str:
    """A URL as it may be requested: http or https, with a host and a path, quoted, without credentials."""
    if _PLAIN_URL.fullmatch(url):
        return url
    try:
        parts = urlsplit(requote_uri(url))
        host, _ = parts.hostname, parts.port
    except (ValueError, requests.RequestException):
        raise FetchError("not a valid URL") from None
    if parts.scheme not in {"http", "https"} or not host:
        raise FetchError(f"a URL of scheme {parts.scheme[:20]!r}: only http and https are fetched")
    if parts.username is not None:
        raise FetchError("a URL with credentials in it, which no index needs")
    return urlunsplit(parts._replace(netloc=parts.netloc.lower(), path=parts.path or "/", fragment=""))


def _followed(url: str, location: str) -> str:
    """Where a redirect leads. Headers are read as Latin-1, but who sends more than ASCII sends UTF-8."""
    try:
        # As it will be requested: in a host too, %31 is a 1.
        target = _checked_url(urljoin(url, location.encode("latin-1", "replace").decode("utf-8", "replace")))
        inwards = _is_internal(target) and not _is_internal(url)
    except ValueError:
        raise FetchError("redirected to what is no valid URL") from None
    if inwards:
        # Or an index could have what is served inside a network fetched, and looked at.
        raise FetchError("redirected to an address inside the network")
    return target


def _is_internal(url: str) -> bool:
    """Whether a URL's host is this machine, or a literal address that is not of the public internet."""
    host = (urlsplit(url).hostname or "").rstrip(".")
    if host == "localhost" or host.endswith(".localhost"):
        return True
    try:
        return not ipaddress.ip_address(host).is_global
    except ValueError:
        pass
    try:
        # Other spellings that the resolver takes for an address: 127.1, 0x7f000001.
        return host[:1].isdigit() and not ipaddress.IPv4Address(socket.inet_aton(host)).is_global
    except OSError:
        return False


def _checked(reply: Reply) -> Reply:
    if 200 <= reply.status < 300 or reply.status in {304, 416}:  # noqa: PLR2004
        return reply
    reply.close()
    raise FetchError(
        f"HTTP {reply.status}",
        status=reply.status,
        passing=reply.status in _PASSING,
        retry_after=_retry_after(reply.headers.get("retry-after")),
    )


def _retry_after(value: str | None) -> float | None:
    """Seconds, from either of the header's forms (RFC 9110, 10.2.3)."""
    if not value:
        return None
    if value.strip().isdecimal():
        return float(value.strip()[:9])
    try:
        return max(0.0, parsedate_to_datetime(value).timestamp() - time.time())
    except (ValueError, OverflowError):
        return None


_NETWORK_ERRORS = (OSError, HTTPException, urllib3.exceptions.HTTPError)
# requests' own exceptions are OSErrors.


def _describe(error: BaseException) -> str:
    """The cause in a person's words; the libraries' chains of class names help nobody."""
    root = error
    while (deeper := _deeper(root)) is not None:
        root = deeper
    if isinstance(root, TimeoutError | urllib3.exceptions.TimeoutError | requests.Timeout):
        return "no answer in time"
    if isinstance(root, HTTPException):
        return f"the connection broke: {type(root).__name__}"
    if isinstance(root, OSError) and root.strerror:
        return f"the connection failed: {root.strerror}"
    text = str(root)
    # A URL may hold a password.
    return f"the connection failed: {type(root).__name__ if '://' in text or '@' in text else text}"


def _deeper(error: BaseException) -> BaseException | None:
    reason = getattr(error, "reason", None)
    if isinstance(reason, BaseException):
        return reason
    if isinstance(error, urllib3.exceptions.NewConnectionError):
        return error.__cause__
    return next((argument for argument in error.args if isinstance(argument, BaseException)), None)
