"""Conditional requests for pages that are known, if the index reports no serials: many at a time."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator, Sequence

from minimirror.storage import ChangedProject
from minimirror.sync.progress import Progress
from minimirror.sync.workers.worker import WorkerSettings
from minimirror.upstream import SMALL_PAGE, FetchError, IndexReader, TooLargeError

__all__ = ["find_changed_pages"]


def find_changed_pages(
    settings: WorkerSettings, pages: Sequence[ChangedProject], progress: Progress
) -> list[str]:
    """Return the projects whose page has changed, or cannot be read."""
    return asyncio.run(_find(settings, pages, progress))


async def _find(settings: WorkerSettings, pages: Sequence[ChangedProject], progress: Progress) -> list[str]:
    transfers = settings.transfers()
    index = IndexReader(transfers.index_url, transfers, settings.retry)
    changed: list[str] = []
    large_page = asyncio.Lock()
    left = iter(pages)

    async def ask(projects: Iterator[ChangedProject]) -> None:
        for project in projects:
            if await _has_changed(index, project, large_page):
                changed.append(project.name)
            else:
                progress.pages_read(1)

    try:
        # The first response shows whether the server has HTTP/2.
        await ask(iter(pages[:1]))
        next(left)
        await asyncio.gather(*(ask(left) for _ in range(transfers.capacity)))
    finally:
        transfers.close()
    return changed


async def _has_changed(index: IndexReader, project: ChangedProject, large_page: asyncio.Lock) -> bool:
    validator = project.etag or ""
    try:
        try:
            return await index.changed(project.name, validator, SMALL_PAGE)
        except TooLargeError:
            async with large_page:
                return await index.changed(project.name, validator)
    except FetchError:
        # A worker will find the cause and report it.
        return True
