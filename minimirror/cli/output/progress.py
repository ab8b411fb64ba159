"""What is shown while it works: progress, and log lines that stay."""

from __future__ import annotations

import logging
import sys
import time
from collections.abc import Iterator
from contextlib import AbstractContextManager, ExitStack, contextmanager
from pathlib import Path
from typing import Protocol

from minimirror.common import MinimirrorError, Status, format_size

__all__ = ["Display", "PlainDisplay", "QuietDisplay", "choose", "log_to"]

_PLAIN_EVERY = 10.0
"""Seconds between two lines where nobody watches, as in a CI log."""


class Display(Protocol):
    """Shows how far a run is. A context manager, called with each status; log lines go through it."""

    def __call__(self, status: Status) -> None:
        """Show a status."""
        ...

    def line(self, text: str) -> None:
        """Show a line that stays."""
        ...

    def __enter__(self) -> Display: ...
    def __exit__(self, *_: object) -> None: ...


class QuietDisplay:
    """Shows no progress, only the lines."""

    def __call__(self, status: Status) -> None:
        """Show nothing."""

    def line(self, text: str) -> None:
        """Print a line on standard error."""
        print(text, file=sys.stderr, flush=True)  # noqa: T201

    def __enter__(self) -> QuietDisplay:
        return self

    def __exit__(self, *_: object) -> None:
        pass


class PlainDisplay(QuietDisplay):
    """A line now and then, for pipes and log files."""

    def __init__(self) -> None:
        self._begun = self._last = time.monotonic()

    def __call__(self, status: Status) -> None:
        """Print a line, if the last one is some time ago."""
        now = time.monotonic()
        if now - self._last >= _PLAIN_EVERY:
            self._last = now
            self.line(status_line(status, now - self._begun))


def choose(*, quiet: bool) -> AbstractContextManager[Display]:
    """The display that fits: live at a terminal, lines elsewhere, none where that is asked for."""
    if quiet:
        return QuietDisplay()
    if not sys.stderr.isatty():
        return PlainDisplay()
    from minimirror.cli.output.live import LiveDisplay  # noqa: PLC0415 - rich costs 50 ms

    return LiveDisplay()


@contextmanager
def log_to(display: Display, *, level: int, file: Path | None) -> Iterator[None]:
    """Send the log to the display, and all of it to a file if there is one.

    :param level: the level from which on the display shows it: each file is INFO, what is missing WARNING
    :raises MinimirrorError: the file cannot be written
    """
    log = logging.getLogger("minimirror")
    with ExitStack() as stack:
        handlers: list[logging.Handler] = [_DisplayHandler(display, level)]
        if file is not None:
            handlers.append(stack.enter_context(_file_handler(file)))
        before = log.level
        log.setLevel(min(handler.level for handler in handlers))
        for handler in handlers:
            log.addHandler(handler)
        try:
            yield
        finally:
            for handler in handlers:
                log.removeHandler(handler)
            log.setLevel(before)


class _DisplayHandler(logging.Handler):
    def __init__(self, display: Display, level: int) -> None:
        super().__init__(level)
        self._display = display

    def emit(self, record: logging.LogRecord) -> None:
        self._display.line(record.getMessage())


@contextmanager
def _file_handler(path: Path) -> Iterator[logging.Handler]:
    try:
        handler = logging.FileHandler(path, encoding="utf-8")
    except OSError as error:
        failure = MinimirrorError(f"log file {path}: {error.strerror}")
        failure.exit_code = 2
        raise failure from None
    handler.setLevel(logging.INFO)
    handler.setFormatter(logging.Formatter("%(asctime)s %(levelname)s %(message)s"))
    try:
        yield handler
    finally:
        handler.close()


def status_line(status: Status, seconds: float) -> str:
    """One line on how far a run is, that many seconds after its start."""
    rate = status.bytes_fetched / seconds if seconds > 0 else 0.0
    pages = f"read {status.projects_read:,} of {status.projects:,} projects, " if status.projects else ""
    return (
        f"{pages}{status.done} {status.files_fetched:,} of {status.files:,} files,"
        f" {format_size(status.bytes_fetched)} ({format_size(rate)}/s)"
        + (f", {status.failures:,} failed" if status.failures else "")
    )
