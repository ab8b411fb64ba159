"""How commands show log lines and progress: not at all, or as plain lines for pipes and log files."""

from __future__ import annotations

import sys
import time
from threading import Timer
from typing import TYPE_CHECKING

from minimirror.common import Status, format_size

if TYPE_CHECKING:
    from typing_extensions import Self

__all__ = ["Display", "PlainDisplay", "status_line"]

_FIRST = 1.5
"""Seconds until the first line."""

_EVERY = 10.0
"""Seconds between two lines."""


class Display:
    """Shows log lines, but no progress. A context manager that is called with each status."""

    def __call__(self, status: Status) -> None:
        """Show how far the work is."""

    def line(self, text: str) -> None:
        """Show a line that stays."""
        print(text, file=sys.stderr, flush=True)  # noqa: T201

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        pass


class PlainDisplay(Display):
    """Prints a line soon, and then one every ten seconds, for pipes and log files."""

    def __init__(self) -> None:
        self._begun = time.monotonic()
        self._next = self._begun + _FIRST
        # The first status may take long: an index has to answer.
        self._timer = Timer(_FIRST, self.line, ["reading the index ..."])
        self._timer.daemon = True

    def __enter__(self) -> Self:
        self._timer.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._timer.cancel()

    def __call__(self, status: Status) -> None:
        """Print a line if it is time to."""
        self._timer.cancel()
        now = time.monotonic()
        if now >= self._next:
            self._next = now + _EVERY
            self.line(status_line(status, now - self._begun))


def status_line(status: Status, seconds: float) -> str:
    """Return a status in one line."""
    rate = status.received / seconds if seconds > 0 else 0.0
    pages = f"read {status.projects_read:,} of {status.projects:,} projects, " if status.projects else ""
    return (
        f"{pages}{status.done} {status.files_fetched:,} of {status.files:,} files,"
        f" {format_size(status.bytes_fetched)} ({format_size(rate)}/s)"
        + (f", {status.failures:,} failed" if status.failures else "")
    )
