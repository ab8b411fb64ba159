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


class Schedule:
    """The jobs of a run: pages as they come, files by size."""

    def __init__(self, pages: Iterable[ReadPage]) -> None:
        self._pages = iter(pages)
        self._pages_left = True
        self._files: list[tuple[int, int, FileJob]] = []
        self._count = 0

    def add(self, job: FileJob) -> None:
        """Add a file to fetch."""
        self._count += 1
        heapq.heappush(self._files, (-job.size, self._count, job))

    def next(self) -> Job | None:
        """Return the next job; None if there is none at the moment."""
        if self._pages_left and len(self._files) < BACKLOG:
            page = next(self._pages, None)
            if page is not None:
                return page
            self._pages_left = False
        return heapq.heappop(self._files)[2] if self._files else None
