"""Conditional requests for pages that are known, if the index reports no serials: many at a time."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine, Iterable, Iterator
from concurrent.futures import Future, wait
from contextlib import closing
from itertools import islice
from threading import Thread
from typing import Any

from minimirror.common import defer_signals
from minimirror.simple_api import PageError
from minimirror.storage import ChangedProject
from minimirror.sync.giving_up import GivenUp
from minimirror.sync.progress import Progress
from minimirror.sync.scope import Scope
from minimirror.sync.workers.readers import Readers
from minimirror.upstream import FetchError

__all__ = ["find_changed_pages"]

_BATCH = 4096
"""Pages that are asked for together: memory must not grow with the index."""

_TICK = 0.1
"""Seconds between two reports on a batch."""


def find_changed_pages(
    scope: Scope, pages: Iterable[ChangedProject], progress: Progress
) -> Iterator[list[str]]:
    """Yield the projects whose page has changed, or cannot be read: a list for each batch."""
    left = iter(pages)
    with closing(_Checks(scope)) as checks:
        while batch := list(islice(left, _BATCH)):
            yield checks.changed(batch, progress)


class _Checks:
    """Sends the requests, in an asyncio loop in its own thread.

    The caller's thread may have a loop already. And signals, which only the main thread receives, must not
    raise an exception in a function that libcurl calls.
    """

    def __init__(self, scope: Scope) -> None:
        with defer_signals():
            # The default loop of Windows cannot watch sockets.
            self._loop = asyncio.SelectorEventLoop()
            self._thread = Thread(target=self._loop.run_forever, daemon=True)
            self._thread.start()
        self._given_up = GivenUp()
        self._begin(self._open(scope)).result()

    def changed(self, pages: list[ChangedProject], progress: Progress) -> list[str]:
        """Return the projects whose page has changed, or cannot be read."""
        changed: list[str] = []
        unchanged: list[str] = []
        check = self._begin(self._check(pages, changed, unchanged))
        reported, running = 0, True
        while running:
            running = bool(wait([check], _TICK).not_done)
            count = len(unchanged)
            progress.pages_read(count - reported)
            reported = count
        check.result()
        return changed

    def close(self) -> None:
        """Give up what is in progress, and end the thread."""
        self._begin(self._end()).result()
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()

    def _begin(self, coroutine: Coroutine[Any, Any, None]) -> Future[None]:
        return asyncio.run_coroutine_threadsafe(coroutine, self._loop)

    # In the loop

    async def _open(self, scope: Scope) -> None:
        self._indexes = scope.indexes
        self._readers = Readers(scope.settings)

    async def _check(self, pages: list[ChangedProject], changed: list[str], unchanged: list[str]) -> None:
        left = iter(pages)
        tasks: list[asyncio.Task[None]] = []

        async def ask() -> None:
            for project in left:
                (changed if await self._has_changed(project) else unchanged).append(project.name)
                begin()

        def begin() -> None:
            # More can be in progress once the server has shown that it has HTTP/2.
            more = self._readers.capacity - len(tasks)
            tasks.extend(self._loop.create_task(ask()) for _ in range(more))

        begin()
        for task in tasks:
            await task

    async def _has_changed(self, project: ChangedProject) -> bool:
        url = self._indexes.of(project.name).url
        if self._given_up.why(url):
            return True
        try:
            found = await self._readers.of(url).changed(project.name, project.etag or "")
        except (FetchError, PageError) as error:
            # A worker will find the cause and report it.
            if isinstance(error, PageError) or not (error.passes or error.not_found):
                self._given_up.failed(url, str(error))
            return True
        self._given_up.responded(url)
        return found

    async def _end(self) -> None:
        requests = asyncio.all_tasks() - {asyncio.current_task()}
        for request in requests:
            request.cancel()
        await asyncio.gather(*requests, return_exceptions=True)
        self._readers.close()
