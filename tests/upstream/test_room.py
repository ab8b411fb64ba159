"""How many bytes of pages are in memory at once."""

from __future__ import annotations

import asyncio
import threading
from concurrent.futures import ThreadPoolExecutor

import pytest

from minimirror.upstream.room import TOTAL, AsyncRoom, ThreadRoom

SIZES = [TOTAL // 4, TOTAL // 2, 10 * TOTAL, TOTAL, 1, TOTAL // 3, 1, 1, TOTAL // 2 + 1, TOTAL // 2] * 5


class Inside:
    """Adds up what is in memory."""

    def __init__(self) -> None:
        self.sizes: list[int] = []
        self.most = 0

    def enter(self, size: int) -> None:
        self.sizes.append(size)
        self.most = max(self.most, len(self.sizes))
        assert sum(self.sizes) <= TOTAL or self.sizes == [size]

    def leave(self, size: int) -> None:
        self.sizes.remove(size)


def test_coroutines_wait_for_room() -> None:
    inside = Inside()

    async def read(room: AsyncRoom, size: int) -> None:
        async with room.taken(size):
            inside.enter(size)
            await asyncio.sleep(0)
            await asyncio.sleep(0)
            inside.leave(size)

    async def read_all() -> None:
        room = AsyncRoom()
        await asyncio.gather(*(read(room, size) for size in SIZES))

    asyncio.run(read_all())
    assert inside.most > 1


def test_threads_wait_for_room() -> None:
    inside, lock, room = Inside(), threading.Lock(), ThreadRoom()

    def read(size: int) -> None:
        with room.taken(size):
            with lock:
                inside.enter(size)
            with lock:
                inside.leave(size)

    with ThreadPoolExecutor(8) as threads:
        assert list(threads.map(read, SIZES)) == [None] * len(SIZES)


def test_a_page_that_fails_leaves_its_room() -> None:
    room = ThreadRoom()
    for _ in range(3):
        with pytest.raises(ValueError, match="broken"), room.taken(TOTAL):
            raise ValueError("broken")
