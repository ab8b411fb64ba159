"""How many bytes of pages may be in memory at once.

A page of small entries takes forty times its size when it is read. So if many arrive at once, they wait for
room, and a large one is read alone.
"""

from __future__ import annotations

import threading
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager

__all__ = ["AsyncRoom", "ThreadRoom"]

TOTAL = 8 << 20
"""Bytes of all pages that are being read and used: with the smallest entries, 300 MB of memory."""


class ThreadRoom:
    """Room for the pages that threads read."""

    def __init__(self) -> None:
        self._turn = threading.Lock()
        self._changed = threading.Condition()
        self._used = 0

    @contextmanager
    def taken(self, size: int) -> Iterator[None]:
        """Wait until there is room for a page of so many bytes, and take it; in the order of the calls."""
        size = min(size, TOTAL)
        with self._turn, self._changed:
            self._changed.wait_for(lambda: self._used + size <= TOTAL)
            self._used += size
        try:
            yield
        finally:
            with self._changed:
                self._used -= size
                self._changed.notify_all()


class AsyncRoom:
    """Room for the pages that coroutines read. A :class:`ThreadRoom` that does not block its thread."""

    def __init__(self, total: int = TOTAL) -> None:
        """Make room.

        :param total: bytes
        """
        self._total = total
        # Only here: a run that has nothing to do needs no loop.
        import asyncio  # noqa: PLC0415

        self._turn = asyncio.Lock()
        self._changed = asyncio.Condition()
        self._used = 0

    @asynccontextmanager
    async def taken(self, size: int) -> AsyncIterator[None]:
        """Wait for room, and take it."""
        size = min(size, self._total)
        async with self._turn, self._changed:
            await self._changed.wait_for(lambda: self._used + size <= self._total)
            self._used += size
        try:
            yield
        finally:
            async with self._changed:
                self._used -= size
                self._changed.notify_all()
