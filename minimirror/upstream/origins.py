"""How many requests to a server may be under way at once."""

from __future__ import annotations

import asyncio
import math
import time

from minimirror.upstream.errors import TimeLimitError

__all__ = ["Origin"]


class Origin:
    """Requests to one scheme, host and port. Those that are too many wait here for their turn.

    libcurl can let them wait too. But it counts that as time to connect; and while it does not know whether
    the server has HTTP/2, it lets them wait for the end of the first response, however long that is.
    """

    def __init__(self, *, connections: int, streams: int, tls: bool) -> None:
        """Begin without requests.

        :param connections: the maximum number of requests at once with HTTP/1.1
        :param streams: the same with HTTP/2
        :param tls: whether the server may have HTTP/2; then only the first request is sent until its response
            begins
        """
        self._connections = connections
        self._streams = streams
        self.limit = 1 if tls else connections
        """How many requests may be under way."""
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

    def responds(self, *, multiplexes: bool) -> None:
        """Note that a response has begun.

        :param multiplexes: whether it comes with HTTP/2
        """
        self.multiplexes = multiplexes
        self._allow(max(self._connections, self._streams) if multiplexes else self._connections)

    def ends(self) -> None:
        """Note that a request has ended: even if it shows nothing, the others wait for it no longer."""
        self._allow(self._connections)

    def _allow(self, limit: int) -> None:
        for _ in range(limit - self.limit):
            self._turns.release()
        self.limit = max(self.limit, limit)
