"""How commands show progress and log lines: at a terminal, as plain lines in pipes and logs, or not."""

from __future__ import annotations

import logging
import os
import sys
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from threading import Event, Thread
from typing import TYPE_CHECKING

from minimirror.cli.console import say
from minimirror.cli.log_file import handling
from minimirror.common import ProgressCallback, Status, counted, format_duration, format_size

if TYPE_CHECKING:
    from typing_extensions import Self

__all__ = ["Display", "choose_display", "late_display", "logged_display", "status_line"]

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


def choose_display(first: str, *, quiet: bool) -> Display:
    """Return a live display at a terminal, else one that prints lines; no progress if ``quiet``.

    A terminal that cannot move its cursor, and one of a CI service, get lines.

    :param first: what is done before the first status: ``reading the catalog``
    """
    if quiet:
        return Display()
    if not sys.stderr.isatty() or os.environ.get("TERM") == "dumb" or os.environ.get("CI"):
        return PlainDisplay(first)
    from minimirror.cli.output.live import LiveDisplay  # noqa: PLC0415 - rich costs 50 ms

    return LiveDisplay(first)


@contextmanager
def late_display(*, quiet: bool) -> Iterator[ProgressCallback]:
    """Yield a callback that starts the display when files are counted.

    Before that, ssh-keygen may ask for a passphrase.
    """
    with ExitStack() as stack:
        display: Display | None = None

        def show(status: Status) -> None:
            nonlocal display
            if not status.stage:
                display = display or stack.enter_context(choose_display("signed", quiet=quiet))
                display(status)

        yield show


@contextmanager
def logged_display(first: str, *, quiet: bool, level: int) -> Iterator[Display]:
    """Choose a display, and send log records to it.

    :param first: as for :func:`choose_display`
    :param level: the lowest level that the display shows. Each file is INFO, each failure WARNING
    """
    with choose_display(first, quiet=quiet) as display, handling(_DisplayHandler(display, level)):
        yield display


class _DisplayHandler(logging.Handler):
    def __init__(self, display: Display, level: int) -> None:
        super().__init__(level)
        self._display = display

    def emit(self, record: logging.LogRecord) -> None:
        self._display.line(record.getMessage())


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
