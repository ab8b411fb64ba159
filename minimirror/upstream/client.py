"""The client for single requests, which waits for each response: requests, with our bounds and redirects."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Iterator, Mapping
from typing import TypeVar

import requests
from urllib3 import HTTPResponse
from urllib3.exceptions import IncompleteRead, ProtocolError

from minimirror.upstream.adapter import LIMITS, BoundedAdapter, Limits
from minimirror.upstream.environment import Environment
from minimirror.upstream.errors import NETWORK_ERRORS, FetchError, describe
from minimirror.upstream.http import (
    MAX_REDIRECTS,
    USER_AGENT,
    Head,
    Request,
    Response,
    TooManyRedirectsError,
    check_sendable,
    decoded,
    next_url,
    read_body,
)
from minimirror.upstream.retry import Pace
from minimirror.upstream.urls import checked_url

__all__ = ["Client", "Reply"]

T = TypeVar("T")

BUFFER = 64 << 10
"""Bytes of a body that are read at once."""


class Reply:
    """A response whose body has not been read yet."""

    def __init__(self, head: Head, raw: HTTPResponse) -> None:
        self.head = head
        self._raw = raw

    def __iter__(self) -> Iterator[bytes]:
        """Read the body, as the server sent it.

        :raises FetchError: the connection broke, or is too slow
        """
        try:
            while chunk := self._raw.read(BUFFER, decode_content=False):
                yield chunk
        except ProtocolError as error:
            raise FetchError(_broken(error), transient=True) from None
        except (*NETWORK_ERRORS, ValueError) as error:
            # http.client reads a negative chunk size.
            raise FetchError(describe(error), transient=True) from None

    def decoded(self, limit: int) -> Iterator[bytes]:
        """Read the body in chunks, decoded if its content encoding is gzip.

        :param limit: bytes that the body may have
        :raises FetchError: as for an iteration; or the body is too long, or has another encoding
        """
        return decoded(self, self.head.headers.get("content-encoding"), limit)

    def close(self) -> None:
        """Release the connection; the next request uses it again if the whole body has been read."""
        self._raw.close()

    def __enter__(self) -> Reply:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


class Client:
    """Sends GET requests. Threads may share it. An :class:`Http` whose coroutines never wait."""

    def __init__(
        self,
        *,
        credentials: Mapping[str, tuple[str, str]] | None = None,
        pace: Pace | None = None,
        session: requests.Session | None = None,
        same_host: bool = False,
    ) -> None:
        """Create a client.

        :param credentials: as for :class:`Environment`
        :param pace: how slow a server may be
        :param session: as for :class:`Environment`
        :param same_host: follow no redirect to another host
        """
        self._environment = Environment(credentials, session)
        self._pace = pace or Pace()
        self._adapter = BoundedAdapter(pool_maxsize=64)
        self._same_host = same_host

    def open(self, url: str, headers: Mapping[str, str], deadline: float = math.inf) -> Reply:
        """GET a URL, follow redirects, and return a response with status 2xx, 304 or 416.

        :param deadline: when to give up, in seconds of the monotonic clock
        :raises FetchError: the URL is not http or https, the server cannot be reached, it responds with
            another status, or redirects too often
        """
        for _ in range(MAX_REDIRECTS + 1):
            reply = self._send(checked_url(url), headers, deadline)
            try:
                target = next_url(reply.head, same_host=self._same_host)
            except FetchError:
                reply.close()
                raise
            if target is None:
                return reply
            reply.close()
            url = target
        raise TooManyRedirectsError

    async def get(self, request: Request) -> Response:
        """Send a request, as :meth:`Http.get`."""
        with self.open(request.url, request.headers, request.deadline) as reply:
            if request.sink is None:
                return Response(reply.head, read_body(reply.head, reply, request.limit))
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

    def close(self) -> None:
        """Close all connections; the next request opens new ones."""
        self._adapter.close()

    def _send(self, url: str, headers: Mapping[str, str], deadline: float) -> Reply:
        settings = self._environment.settings(url)
        request = requests.PreparedRequest()
        request.method, request.url = "GET", url
        request.headers = requests.structures.CaseInsensitiveDict({**headers, "User-Agent": USER_AGENT})
        if settings.authorization:
            request.headers["Authorization"] = settings.authorization
        check_sendable(headers)
        LIMITS.set(Limits(self._pace, deadline))
        try:
            response = self._adapter.send(
                request,
                stream=True,
                timeout=(self._pace.connect, self._pace.read),
                verify=settings.ca_bundle,
                cert=settings.cert,
                proxies={"all": settings.proxy} if settings.proxy else None,
            )
        except (ValueError, TypeError):
            # An impossible host or port, a header that cannot be sent, half a proxy URL.
            raise FetchError("invalid URL, or invalid proxy URL") from None
        except NETWORK_ERRORS as error:
            raise FetchError(describe(error), transient=True) from None
        return Reply(Head(url, response.status_code, response.headers), response.raw)


def _broken(error: ProtocolError) -> str:
    cause = error.args[-1]
    if isinstance(cause, IncompleteRead) and cause.expected is not None:
        return f"the connection closed {cause.expected} bytes early"
    return describe(error)
