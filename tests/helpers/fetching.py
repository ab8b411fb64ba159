"""The two ways to send a request, so that a test can try both: one at a time, and many at a time."""

from __future__ import annotations

import asyncio
import math
from typing import TYPE_CHECKING, Any, Protocol, TypeVar

from minimirror.upstream import Client, Pace, Transfers, completed
from minimirror.upstream.http import Request

if TYPE_CHECKING:
    from collections.abc import Coroutine, Mapping

    from minimirror.upstream.http import Http, Response

T = TypeVar("T")

PACE = Pace(connect=5, read=5)


class Way(Protocol):
    """A way to send requests, from a test that is no coroutine."""

    http: Http

    def run(self, coroutine: Coroutine[Any, Any, T]) -> T:
        """Run a coroutine that uses :attr:`http`."""
        ...

    def close(self) -> None:
        """Close all connections."""
        ...


class OneAtATime:
    """requests, blocking."""

    def __init__(self, pace: Pace = PACE) -> None:
        self.http: Http = (client := Client(pace=pace))
        self.close = client.close

    def run(self, coroutine: Coroutine[Any, Any, T]) -> T:
        return completed(coroutine)


class ManyAtATime:
    """libcurl, in an asyncio loop that runs while a test waits for a response."""

    def __init__(
        self,
        pace: Pace = PACE,
        *,
        index_url: str = "http://127.0.0.1/simple/",
        connections: int = 8,
        streams: int = 100,
    ) -> None:
        self._loop = asyncio.SelectorEventLoop()

        async def make() -> Transfers:
            return Transfers(index_url, pace, connections=connections, streams=streams)

        self.transfers = self.run(make())
        self.http: Http = self.transfers

    def run(self, coroutine: Coroutine[Any, Any, T]) -> T:
        return self._loop.run_until_complete(coroutine)

    def together(self, *coroutines: Coroutine[Any, Any, T]) -> list[T]:
        async def gather() -> list[T]:
            return await asyncio.gather(*coroutines)

        return self.run(gather())

    def close(self) -> None:
        self.transfers.close()
        self._loop.close()


def get(
    way: Way,
    url: str,
    headers: Mapping[str, str] | None = None,
    *,
    limit: int = 1 << 24,
    deadline: float = math.inf,
) -> Response:
    """GET a URL."""
    return way.run(way.http.get(Request(url, headers or {}, deadline, limit=limit)))
