"""Which job comes next: pages until enough files are known, then the biggest file."""

from __future__ import annotations

import heapq
from collections.abc import Iterable

from minimirror.sync.workers.jobs import FileJob, Job, ReadPage

__all__ = ["Schedule"]

BACKLOG = 10_000
"""How many files may wait. With more, no page is read, so that memory does not grow with the index. With
fewer, pages go first. So the biggest files are known and start first, and a run that does not fit on the
disk usually ends before a file is fetched.
"""

MOST = 200_000
"""How many files may wait before a long page that was read meanwhile must be read again later. Each takes a
kilobyte, and hundreds of pages may be in progress when the backlog is full.
"""

LONG = 1000
"""How many files a long page selects."""


class Schedule:
    """The jobs of a run: pages as they come, files by size."""

    def __init__(self, pages: Iterable[ReadPage]) -> None:
        self._pages = iter(pages)
        self._pages_left = True
        self._again: list[ReadPage] = []
        self._reading_again: ReadPage | None = None
        self._files: list[tuple[int, int, FileJob]] = []
        self._count = 0

    def add(self, job: FileJob) -> None:
        """Add a file to fetch."""
        self._count += 1
        heapq.heappush(self._files, (-job.size, self._count, job))

    def postpones(self, page: Job, files: int) -> bool:
        """Return whether a page that was read has to be read again later, because too many files wait.

        :param files: how many files it selects
        """
        if page is self._reading_again:
            self._reading_again = None
        if not isinstance(page, ReadPage) or files < LONG or len(self._files) <= MOST:
            return False
        self._again.append(page)
        return True

    def next(self) -> Job | None:
        """Return the next job; None if there is none at the moment."""
        if self._again and self._reading_again is None and len(self._files) < BACKLOG:
            self._reading_again = self._again.pop()
            return self._reading_again
        if self._pages_left and len(self._files) < BACKLOG:
            page = next(self._pages, None)
            if page is not None:
                return page
            self._pages_left = False
        return heapq.heappop(self._files)[2] if self._files else None
