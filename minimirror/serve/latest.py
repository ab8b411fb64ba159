"""What is made from the whole mirror, and takes long: kept until the mirror changes."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from typing import Generic, TypeVar

from starlette.concurrency import run_in_threadpool

from minimirror.serve.mirror import ServedMirror

__all__ = ["Latest"]

_SHARE = 20
"""Making it takes at most one part in this many of the time, however often the mirror changes."""

_Made = TypeVar("_Made")


class Latest(Generic[_Made]):
    """Makes something when it is first asked for, and again after the mirror has changed."""

    def __init__(self, mirror: ServedMirror, make: Callable[[], _Made]) -> None:
        """:param make: called in a thread"""
        self._mirror = mirror
        self._make = make
        self._making = asyncio.Lock()
        self._made: _Made | None = None
        self._state: object = None
        self._due = 0.0

    async def read(self) -> _Made:
        """Return it.

        :raises CatalogError: the catalog cannot be read
        """
        async with self._making:
            self._mirror.local.refresh()
            state = self._mirror.state()
            if self._made is None or (state != self._state and time.monotonic() > self._due):
                begun = time.monotonic()
                self._made, self._state = await run_in_threadpool(self._make), state
                self._due = begun + _SHARE * (time.monotonic() - begun)
            return self._made
