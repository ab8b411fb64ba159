"""GET requests with libcurl, many at a time in one thread.

libcurl tells asyncio which sockets to watch and when to wake it. A request is a coroutine that waits for its
:class:`Exchange`. HTTP/2 is used where the server has it: then all requests to a host share one connection.
"""

from __future__ import annotations

import asyncio
import math
import selectors
from collections import defaultdict
from collections.abc import Callable, Iterable
from contextlib import AbstractAsyncContextManager
from functools import partial
from typing import TypeVar

import pycurl

from minimirror.upstream.addresses import AddressGuard
from minimirror.upstream.decoding import decoded
from minimirror.upstream.environment import Environment, OriginSettings
from minimirror.upstream.errors import FetchError
from minimirror.upstream.exchange import Exchange
from minimirror.upstream.http import (
    MAX_REDIRECTS,
    Head,
    Request,
    Response,
    TooManyRedirectsError,
    next_url,
)
from minimirror.upstream.origins import Origin
from minimirror.upstream.retry import Pace
from minimirror.upstream.room import AsyncRoom
from minimirror.upstream.sockets import Sockets
from minimirror.upstream.urls import checked_url, split_credentials

__all__ = ["STREAMS", "Transfers"]

T = TypeVar("T")

STREAMS = 100
"""Requests at once on an HTTP/2 connection; servers commonly allow 100 or more (RFC 9113, 6.5.2)."""

_EVENTS = {
    pycurl.POLL_IN: selectors.EVENT_READ,
    pycurl.POLL_OUT: selectors.EVENT_WRITE,
    pycurl.POLL_INOUT: selectors.EVENT_READ | selectors.EVENT_WRITE,
}

_CHECK_EVERY = 0.25
"""Seconds after which the pace of all transfers is checked."""

_CHECKS = 4
"""How many times it is checked, at least, in the time that a transfer may stall."""

_INTERRUPTED = "interrupted"


class Transfers:
    """Sends GET requests. An :class:`Http` for the asyncio loop in which it is made."""

    def __init__(  # noqa: PLR0913 - what a config says of requests
        self,
        index_url: str,
        pace: Pace,
        *,
        connections: int,
        streams: int,
        room: AsyncRoom | None = None,
        patience: float = math.inf,
        cert: str | None = None,
    ) -> None:
        """Prepare; no connection is opened yet.

        :param index_url: the URL of the index's simple API, which may hold credentials for its own host
        :param connections: the maximum number of connections to a host
        :param streams: the maximum number of requests at once if servers have HTTP/2
        :param room: for pages, shared with other transfers; by default its own
        :param patience: seconds after which a server that answers none of many requests is given up, as
            :meth:`Origin.check`
        :param cert: as for :class:`Environment`
        """
        self.index_url, self.credentials = split_credentials(index_url)
        """The URL without credentials, and these."""
        self._guard = AddressGuard(self.index_url)
        self._environment = Environment(self.credentials, hosts={self._guard.host}, cert=cert)
        self._pace = pace
        self._connections = connections
        self._streams = streams
        self._patience = patience
        self._loop = asyncio.get_running_loop()
        self._multi = multi = pycurl.CurlMulti()
        multi.setopt(pycurl.M_SOCKETFUNCTION, self._watch)
        multi.setopt(pycurl.M_TIMERFUNCTION, self._set_timer)
        multi.setopt(pycurl.M_MAX_HOST_CONNECTIONS, connections)
        multi.setopt(pycurl.M_MAXCONNECTS, 2 * connections)
        self._sockets = Sockets(self._loop, self._act_on_sockets)
        self._timer: asyncio.Handle | None = None
        self._pace_timer: asyncio.Handle | None = None
        self._active: dict[pycurl.Curl, Exchange] = {}
        self._idle: dict[OriginSettings, list[Exchange]] = defaultdict(list)
        self._origins: dict[str, Origin] = {}
        self._room = room or AsyncRoom()
        self.capacity = connections
        """How many requests can be in progress: more as soon as a server has shown that it has HTTP/2."""

    async def get(self, request: Request) -> Response:
        """Send a request, as :meth:`Http.get`."""
        from_public = False
        url = request.url
        for _ in range(MAX_REDIRECTS + 1):
            url = checked_url(url)
            settings = self._environment.settings(url)
            origin = self._origin(url, settings)
            await origin.turn(request.deadline)
            try:
                origin.check()
                exchange = self._exchange(settings)
                try:
                    head, chunks = await self._send(exchange, origin, url, request, from_public=from_public)
                    target = next_url(head, start=partial(b"".join, chunks))
                    from_public = from_public or (target is not None and exchange.is_from_public)
                except FetchError as error:
                    origin.missed(error)
                    raise
                finally:
                    self._idle[settings].append(exchange)
            finally:
                origin.release()
            if target is None:
                body = b"" if request.sink is not None else b"".join(decoded(head, chunks, request.limit))
                return Response(head, body)
            url = target
        raise TooManyRedirectsError

    async def pause(self, seconds: float) -> None:
        """Wait before another try."""
        await asyncio.sleep(seconds)

    async def aside(self, function: Callable[[], T]) -> T:
        """Call a function in a thread."""
        return await asyncio.to_thread(function)

    def room(self, size: int) -> AbstractAsyncContextManager[None]:
        """Wait for room, as :meth:`Http.room`."""
        return self._room.taken(size)

    def close(self) -> None:
        """Give up all requests and close all connections."""
        if self._multi.closed:
            return
        for exchange in [*self._active.values()]:
            self._end(exchange, FetchError(_INTERRUPTED))
        for timer in (self._timer, self._pace_timer):
            if timer is not None:
                timer.cancel()
        self._multi.close()
        self._sockets.close()

    def _origin(self, url: str, settings: OriginSettings) -> Origin:
        tls = url.startswith("https:")
        # All that is sent to a proxy as it is shares the connections to the proxy.
        key = settings.proxy if settings.proxy and not tls else url[: url.index("/", len("https://"))]
        origin = self._origins.get(key)
        if origin is None:
            origin = Origin(
                connections=self._connections, streams=self._streams, tls=tls, patience=self._patience
            )
            self._origins[key] = origin
        return origin

    def _exchange(self, settings: OriginSettings) -> Exchange:
        idle = self._idle[settings]
        try:
            return idle.pop() if idle else Exchange(settings, self._pace)
        except (ValueError, pycurl.error):
            raise FetchError("invalid URL, or invalid proxy URL") from None

    def _send(
        self, exchange: Exchange, origin: Origin, url: str, request: Request, *, from_public: bool
    ) -> asyncio.Future[tuple[Head, list[bytes]]]:
        if self._multi.closed:
            raise FetchError(_INTERRUPTED)
        done: asyncio.Future[tuple[Head, list[bytes]]] = self._loop.create_future()
        allows = partial(self._guard.allows, exchange.settings.host, from_public=from_public)
        exchange.begin(url, request, origin, allows, done)
        self._active[exchange.curl] = exchange
        self._multi.add_handle(exchange.curl)
        if self._pace_timer is None:
            self._check_pace()
        return done

    # What libcurl calls, and what asyncio calls for it

    def _watch(self, event: int, descriptor: int, *_: object) -> None:
        if event == pycurl.POLL_REMOVE:
            self._sockets.forget(descriptor)
        else:
            self._sockets.watch(descriptor, _EVENTS[event])

    def _set_timer(self, milliseconds: int) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        if milliseconds == 0:
            self._timer = self._loop.call_soon(self._act_on_time)
        elif milliseconds > 0:
            self._timer = self._loop.call_later(milliseconds / 1000, self._act_on_time)

    def _act_on_time(self) -> None:
        self._timer = None
        self._multi.socket_action(pycurl.SOCKET_TIMEOUT, 0)
        self._end_completed()

    def _act_on_sockets(self, ready: Iterable[tuple[int, int]]) -> None:
        for descriptor, events in ready:
            # The values of selectors' events are those of libcurl's.
            self._multi.socket_action(descriptor, events)
        self._end_completed()
        for exchange in [each for each in self._active.values() if each.has_written]:
            try:
                exchange.flush()
            except OSError as error:
                self._end(exchange, error)

    def _end_completed(self) -> None:
        left = 1
        while left:
            left, done, failed = self._multi.info_read()
            for curl in done:
                self._end(self._active[curl], None)
            for curl, number, message in failed:
                self._end(self._active[curl], (number, message))

    def _end(self, exchange: Exchange, failed: tuple[int, str] | Exception | None) -> None:
        self._multi.remove_handle(exchange.curl)
        del self._active[exchange.curl]
        exchange.end(failed)
        self.capacity = max(self.capacity, exchange.origin.limit)

    def _check_pace(self) -> None:
        """Give up transfers that are too slow, as long as there are transfers."""
        for exchange in [*self._active.values()]:
            try:
                exchange.check_pace()
            except FetchError as error:
                self._end(exchange, error)
        self._pace_timer = None
        if self._active:
            interval = min(_CHECK_EVERY, self._pace.read / _CHECKS)
            self._pace_timer = self._loop.call_later(interval, self._check_pace)
