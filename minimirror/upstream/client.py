"""The client for single requests, which waits for each response: requests, with our bounds and redirects."""

from __future__ import annotations

import math
import time
from collections.abc import AsyncIterator, Callable, Iterator, Mapping
from contextlib import asynccontextmanager, suppress
from functools import partial
from typing import TypeVar

import requests
from urllib3 import HTTPResponse
from urllib3.exceptions import IncompleteRead, ProtocolError

from minimirror.upstream.adapter import LIMITS, BoundedAdapter, Limits
from minimirror.upstream.addresses import AddressGuard, is_public
from minimirror.upstream.decoding import decoded
from minimirror.upstream.environment import Environment, OriginSettings
from minimirror.upstream.errors import NETWORK_ERRORS, FetchError, closed_early, network_error
from minimirror.upstream.http import (
    DISCARDED,
    MAX_REDIRECTS,
    USER_AGENT,
    Head,
    Request,
    Response,
    TooManyRedirectsError,
    check_sendable,
    next_url,
)
from minimirror.upstream.retry import Pace
from minimirror.upstream.room import ThreadRoom
from minimirror.upstream.urls import checked_url

__all__ = ["Client", "Reply"]

T = TypeVar("T")


class Reply:
    """A response whose body has not been read yet."""

    def __init__(self, head: Head, raw: HTTPResponse, address: str | None = None) -> None:
        self.head = head
        self.address = address
        """The server's IP address; None if only a proxy knows it."""

        self._raw = raw

    def __iter__(self) -> Iterator[bytes]:
        """Read the body, as the server sent it.

        :raises FetchError: the connection broke, or is too slow
        """
        try:
            while chunk := self._raw.read(DISCARDED, decode_content=False):
                yield chunk
        except ProtocolError as error:
            raise _broken(error, self.head.url) from None
        except (*NETWORK_ERRORS, ValueError) as error:
            # http.client reads a negative chunk size.
            raise network_error(error, self.head.url) from None

    def start(self) -> bytes:
        """Return the beginning of the body, which is not needed otherwise."""
        with suppress(FetchError):
            return next(iter(self), b"")
        return b""

    def close(self) -> None:
        """Release the connection; the next request uses it again if the whole body has been read."""
        self._raw.close()

    def discard(self) -> None:
        """Close it; the next request uses the connection again if the body is short."""
        self.start()
        self.close()

    def __enter__(self) -> Reply:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


class Client:
    """Sends GET requests. Threads may share it. An :class:`Http` whose coroutines never wait."""

    def __init__(  # noqa: PLR0913 - what may be known of an index
        self,
        *,
        credentials: Mapping[str, tuple[str, str]] | None = None,
        pace: Pace | None = None,
        session: requests.Session | None = None,
        guard: AddressGuard | None = None,
        same_host: bool = False,
        cert: str | None = None,
    ) -> None:
        """Create a client.

        :param credentials: as for :class:`Environment`
        :param pace: how slow a server may be
        :param session: as for :class:`Environment`
        :param guard: which addresses may be connected to; None for all
        :param same_host: follow no redirect to another host
        :param cert: as for :class:`Environment`
        """
        self.credentials = credentials or {}
        self._environment = Environment(credentials, session, {guard.host} if guard else None, cert)
        self._pace = pace or Pace()
        self._adapter = BoundedAdapter(pool_maxsize=64)
        self._guard = guard
        self._same_host = same_host
        self._room = ThreadRoom()

    def open(self, url: str, headers: Mapping[str, str], deadline: float = math.inf) -> Reply:
        """GET a URL, follow redirects, and return a response with status 2xx, 304 or 416.

        :param deadline: when to give up, in seconds of the monotonic clock
        :raises FetchError: the URL is not http or https, the server cannot be reached, it responds with
            another status, or redirects too often
        """
        from_public = False
        for _ in range(MAX_REDIRECTS + 1):
            reply = self._send(checked_url(url), headers, deadline, from_public=from_public)
            try:
                target = next_url(reply.head, same_host=self._same_host, start=reply.start)
            except FetchError:
                reply.discard()
                raise
            if target is None:
                return reply
            from_public = from_public or (reply.address is not None and is_public(reply.address))
            reply.discard()
            url = target
        raise TooManyRedirectsError

    async def get(self, request: Request) -> Response:
        """Send a request, as :meth:`Http.get`."""
        with self.open(request.url, request.headers, request.deadline) as reply:
            if request.sink is None:
                return Response(reply.head, b"".join(decoded(reply.head, reply, request.limit)))
            request.sink.begin(reply.head)
            for chunk in reply:
                request.sink.write(chunk)
                request.sink.flush()
            return Response(reply.head)

    async def pause(self, seconds: float) -> None:
        """Wait before another try."""
        time.sleep(seconds)

    async def aside(self, function: Callable[[], T]) -> T:
        """Call a function."""
        return function()

    @asynccontextmanager
    async def room(self, size: int) -> AsyncIterator[None]:
        """Wait for room, as :meth:`Http.room`."""
        with self._room.taken(size):
            yield

    def close(self) -> None:
        """Close all connections; the next request opens new ones."""
        self._adapter.close()

    def _send(self, url: str, headers: Mapping[str, str], deadline: float, *, from_public: bool) -> Reply:
        settings = self._environment.settings(url)
        request = _prepared(url, headers, settings.authorization)
        limits = Limits(self._pace, deadline, partial(self._allows, settings, from_public=from_public))
        try:
            response = self._exchange(request, settings, limits)
        except requests.exceptions.InvalidSchema:
            raise FetchError("a SOCKS proxy needs PySocks: pip install 'requests[socks]'") from None
        except (ValueError, TypeError):
            # A host that cannot be looked up, or a proxy's password that cannot be sent.
            raise FetchError("invalid URL, or invalid proxy URL") from None
        except NETWORK_ERRORS as error:
            raise network_error(error, url, settings.proxy) from None
        head = Head(url, response.status_code, response.headers, proxy=settings.proxy)
        return Reply(head, response.raw, None if settings.proxy else limits.address)

    def _allows(self, settings: OriginSettings, address: str, *, from_public: bool) -> bool:
        if self._guard is None or settings.proxy:
            # A proxy is the user's choice, and the server's address is only known to it.
            return True
        return self._guard.allows(settings.host, address, from_public=from_public)

    def _exchange(
        self, request: requests.PreparedRequest, settings: OriginSettings, limits: Limits
    ) -> requests.Response:
        LIMITS.set(limits)
        send = partial(
            self._adapter.send,
            request,
            stream=True,
            timeout=(limits.bound(self._pace.connect), limits.bound(self._pace.read)),
            verify=settings.ca_bundle,
            cert=settings.cert,
            proxies={"all": settings.proxy} if settings.proxy else None,
        )
        try:
            return send()
        except requests.ConnectionError:
            if not limits.met_closed_connection:
                raise
        return send()


def _prepared(url: str, headers: Mapping[str, str], authorization: str | None) -> requests.PreparedRequest:
    check_sendable(headers)
    request = requests.PreparedRequest()
    request.method, request.url = "GET", url
    request.headers = requests.structures.CaseInsensitiveDict({**headers, "User-Agent": USER_AGENT})
    if authorization:
        request.headers["Authorization"] = authorization
    return request


def _broken(error: ProtocolError, url: str) -> FetchError:
    cause = error.args[-1]
    if isinstance(cause, IncompleteRead) and cause.expected is not None:
        return closed_early(url, cause.expected)
    return network_error(error, url)
