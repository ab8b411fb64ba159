"""What shows progress and log lines: nothing, or plain lines for pipes and log files."""

from __future__ import annotations

import time
from threading import Event, Thread
from typing import TYPE_CHECKING

from minimirror.cli.console import say
from minimirror.common import Status, counted, format_duration, format_size

if TYPE_CHECKING:
    from typing_extensions import Self

__all__ = ["Display", "PlainDisplay", "status_line"]

_FIRST = 1.5
"""Seconds until the first line."""

_EVERY = 10.0
"""Seconds between two lines about the same stage."""

_LOOK = 0.5
"""Seconds between two looks at the status."""


class Display:
    """Shows log lines, but no progress. A context manager that is called with each status."""

    def __call__(self, status: Status) -> None:
        """Show how far the work is."""

    def line(self, text: str) -> None:
        """Show a line that stays."""
        say(text)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        pass


class PlainDisplay(Display):
    """Prints a line soon, then one for each new stage, and one every ten seconds: for pipes and log files."""

    def __init__(self, first: str) -> None:
        """Prepare.

        :param first: what is done before the first status
        """
        self._begun = time.monotonic()
        self._status = Status(stage=first)
        self._ended = Event()
        # The next status may take long: an index has to answer, or a disk.
        self._thread = Thread(target=self._tell, daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._ended.set()
        self._thread.join()

    def __call__(self, status: Status) -> None:
        """Print a line about a status if it is time to."""
        self._status = status

    def _tell(self) -> None:
        self._ended.wait(_FIRST)
        told, then = "", 0.0
        while not self._ended.is_set():
            status, now = self._status, time.monotonic()
            stage = status.stage.partition(" ")[0] or status.done
            if stage != told or now - then >= _EVERY:
                told, then = stage, now
                self.line(status_line(status, now - self._begun))
            self._ended.wait(_LOOK)


def status_line(status: Status, seconds: float) -> str:
    """Return a status in one line."""
    if status.stage:
        return f"{status.stage} ... ({format_duration(seconds)})"
    parts = (
        [f"read {status.projects_read:,} of {counted(status.projects, 'project')}"] if status.projects else []
    )
    if status.files:
        rate = status.received / seconds if seconds > 0 else 0.0
        parts += [
            f"{status.done} {status.files_fetched:,} of {counted(status.files)}",
            f"{format_size(status.bytes_fetched)} ({format_size(rate)}/s)",
        ]
    if status.failures:
        parts.append(f"{status.failures:,} failed")
    return ", ".join(parts)
