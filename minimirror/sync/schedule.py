"""Which job comes next: pages until enough files are known, then the biggest file."""

from __future__ import annotations

import heapq
from collections.abc import Iterable

from minimirror.sync.worker import FetchFile, Job, ReadPage

__all__ = ["Schedule"]

BACKLOG = 10_000
"""Files that are known and wait. With as many the pages wait, so that memory does not grow with the index.
With fewer, pages go first: the big files are told from the small ones and started first, and what does not
fit the disk is mostly known before a file is fetched."""


class Schedule:
    """The jobs of a run: pages as they come, files by size."""

    def __init__(self, pages: Iterable[ReadPage]) -> None:
        self._pages = iter(pages)
        self._pages_left = True
        self._files: list[tuple[int, int, FetchFile]] = []
        self._count = 0

    def add(self, job: FetchFile) -> None:
        """Add a file to fetch."""
        self._count += 1
        heapq.heappush(self._files, (-job.size, self._count, job))

    def next(self) -> Job | None:
        """The next job; None where there is none at the moment."""
        if self._pages_left and len(self._files) < BACKLOG:
            page = next(self._pages, None)
            if page is not None:
                return page
            self._pages_left = False
        return heapq.heappop(self._files)[2] if self._files else None
