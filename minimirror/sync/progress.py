"""The progress of a run: the one object that its steps report to."""

from __future__ import annotations

import time
from collections.abc import Iterable, Iterator
from typing import TypeVar

from minimirror.common import ProgressCallback, Status, Summary

__all__ = ["Progress"]

T = TypeVar("T")

_EVERY = 0.1
"""Seconds between two calls of the callback."""

_SOME = 16
"""How many things are counted between two reports."""


class Progress:
    """Counts what the steps report, and shows it from time to time."""

    def __init__(self, summary: Summary, callback: ProgressCallback | None, done: str = "fetched") -> None:
        """Begin to count.

        :param done: what is done with files, as a participle
        """
        self._done = done
        self._summary = summary
        self._callback = callback
        self._shown = 0.0
        self._pages = self._pages_read = self._files = self._files_done = 0
        self._bytes = self._bytes_done = 0
        self._resumed: dict[str, int] = {}
        self._bytes_resumed = 0
        self._in_flight: dict[str, int] = {}
        self._sizes: dict[str, int] = {}
        self._stage = ""

    def stage(self, text: str) -> None:
        """Report what begins, with its numbers; an empty text if pages and files are counted."""
        self._stage = text
        self.show(now=True)

    def counted(self, things: Iterable[T], text: str) -> Iterator[T]:
        """Yield things, and report how many there were.

        :param text: what is done, with a place for the number: ``reading the index: {:,} projects``
        """
        self.stage(text.format(0))
        for number, thing in enumerate(things, 1):
            if not number % _SOME:
                self._stage = text.format(number)
                self.show()
            yield thing

    def expect_pages(self, count: int) -> None:
        """Report how many pages may have to be read."""
        self._pages = count
        self.stage("")

    def pages_read(self, count: int = 1) -> None:
        """Report pages that were read, or need not be read."""
        self._pages_read += count
        self.show()

    def expect_files(self, count: int, size: int) -> None:
        """Report files that have to be fetched, and their bytes as far as they are known."""
        self._files += count
        self._bytes += size

    def begin_file(self, filename: str, size: int) -> None:
        """Report that a worker has begun a file; its size is 0 if unknown."""
        self._in_flight[filename] = 0
        if size:
            self._sizes[filename] = size

    def receiving(self, filename: str, size: int) -> None:
        """Report how many bytes of a file are here. Those of the first report may be an earlier run's."""
        self._resumed.setdefault(filename, size)
        self._in_flight[filename] = size
        self.show()

    def end_file(self, filename: str, size: int | None) -> None:
        """Report that a file of this size is done; None if it failed."""
        self._in_flight.pop(filename, None)
        self._sizes.pop(filename, None)
        resumed = self._resumed.pop(filename, 0)
        if size is not None:
            self._bytes_resumed += resumed
            self._files_done += 1
            self._bytes_done += size
        self.show()

    def show(self, *, now: bool = False) -> None:
        """Call the callback, if its last call is long enough ago.

        :param now: call it in any case
        """
        if self._callback is None:
            return
        moment = time.monotonic()
        if not now and moment - self._shown < _EVERY:
            return
        self._shown = moment
        self._callback(
            Status(
                projects=self._pages,
                projects_read=self._pages_read,
                files=self._files,
                files_fetched=self._files_done,
                bytes=self._bytes,
                bytes_fetched=self._bytes_done + sum(self._in_flight.values()),
                failures=len(self._summary.failures),
                in_flight=dict(self._in_flight),
                done=self._done,
                sizes=dict(self._sizes),
                bytes_resumed=self._bytes_resumed + sum(self._resumed.values()),
                stage=self._stage,
            )
        )
