"""How commands show progress and log lines: at a terminal, as plain lines in pipes and logs, or not."""

from __future__ import annotations

import logging
import os
import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager

from minimirror.cli.log_file import handling
from minimirror.cli.output.display import Display, PlainDisplay
from minimirror.common import ProgressCallback, Status

__all__ = ["choose_display", "late_display", "logged_display"]


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
