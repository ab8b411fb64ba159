"""How many requests to a server may be in progress at once."""

from __future__ import annotations

import asyncio
import math
import time

from minimirror.upstream.errors import FetchError, TimeLimitError

__all__ = ["Origin"]

_MANY = 30
"""So many requests without a response, and none with one since, may mean that a server is down."""


class Origin:
    """Requests to one scheme, host and port. Those that are too many wait here for their turn.

    libcurl can let them wait too. But it counts that as time to connect; and while it does not know whether
    the server has HTTP/2, it lets them wait for the end of the first response, however long that is.
    """

    def __init__(self, *, connections: int, streams: int, tls: bool, patience: float = math.inf) -> None:
        """Begin without requests.

        :param connections: the maximum number of requests at once with HTTP/1.1
        :param streams: the same with HTTP/2
        :param tls: whether the server may have HTTP/2; then only the first request is sent until its response
            begins
        :param patience: seconds without a response to many requests, after which only a few are sent
        """
        self._patience = patience
        self._missed = 0
        self._silent_since = self._tried = 0.0
        self._cause = ""
        self._connections = connections
        self._streams = streams
        self.limit = 1 if tls else connections
        """How many requests may be in progress."""
        self._turns = asyncio.Semaphore(self.limit)
        self.multiplexes = False
        """Whether the server has responded with HTTP/2."""

    async def turn(self, deadline: float) -> None:
        """Wait until one more request may be sent; it must call :meth:`release` in the end.

        :param deadline: when to give up, in seconds of the monotonic clock
        :raises FetchError: it is not its turn until then
        """
        if not self._turns.locked():
            await self._turns.acquire()
            return
        seconds = None if deadline == math.inf else max(0.0, deadline - time.monotonic())
        try:
            await asyncio.wait_for(self._turns.acquire(), seconds)
        except asyncio.TimeoutError:
            raise TimeLimitError from None

    def release(self) -> None:
        """Let another request be sent."""
        self._turns.release()

    def check(self) -> None:
        """Check that the server is not given up: then only one request is sent now and then.

        So a server that is down costs a run its own files, and not the hours that it would take to try each.

        :raises FetchError: it is; the cause is that of the last request
        """
        now = time.monotonic()
        if self._missed < _MANY or now - self._silent_since < self._patience:
            return
        if now - self._tried < self._patience:
            raise FetchError(self._cause, passes=True)
        self._tried = now

    def missed(self, error: FetchError) -> None:
        """Note that a request has failed."""
        now = time.monotonic()
        if not self._missed:
            self._silent_since = now
        self._missed += error.transient
        self._tried, self._cause = now, error.cause

    def responds(self, *, multiplexes: bool) -> None:
        """Note that a response has begun.

        :param multiplexes: whether it comes with HTTP/2
        """
        self.multiplexes = multiplexes
        self._missed = 0
        self._allow(max(self._connections, self._streams) if multiplexes else self._connections)

    def ends(self) -> None:
        """Note that a request has ended: even if it shows nothing, the others wait for it no longer."""
        self._allow(self._connections)

    def _allow(self, limit: int) -> None:
        for _ in range(limit - self.limit):
            self._turns.release()
        self.limit = max(self.limit, limit)
