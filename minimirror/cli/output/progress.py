"""Progress while a command works, and log lines that stay."""

from __future__ import annotations

import errno
import logging
import sys
import time
from collections import deque
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from minimirror.common import (
    MinimirrorError,
    ProgressCallback,
    Status,
    format_duration,
    format_size,
    is_foreign_link,
    shorten,
)

if TYPE_CHECKING:
    from rich.console import Group
    from rich.progress_bar import ProgressBar
    from rich.text import Text

__all__ = ["Display", "LiveDisplay", "PlainDisplay", "choose_display", "late_display", "log_to"]

# ruff: noqa: PLC0415 - rich costs 50 ms, and only a terminal needs it

_PLAIN_EVERY = 10.0
"""Seconds between two lines in a pipe or a CI log."""

_LATE_EVERY = 0.1
"""Seconds between two statuses of a late display."""

_FILES_SHOWN = 4
"""How many files in flight the live display shows, the biggest first."""

_RATE_OVER = 5.0
"""Seconds over which the rate is measured."""


class Display:
    """Shows log lines, but no progress. A context manager that is called with each status."""

    def __call__(self, status: Status) -> None:
        """Show how far the work is."""

    def line(self, text: str) -> None:
        """Show a line that stays."""
        print(text, file=sys.stderr, flush=True)  # noqa: T201

    def __enter__(self) -> Display:
        return self

    def __exit__(self, *_: object) -> None:
        pass


def choose_display(*, quiet: bool) -> Display:
    """Return a live display at a terminal, else one that prints lines; no progress if ``quiet``."""
    if quiet:
        return Display()
    return LiveDisplay() if sys.stderr.isatty() else PlainDisplay()


@contextmanager
def late_display(*, quiet: bool) -> Iterator[ProgressCallback]:
    """Yield a callback that starts the display at the first status.

    Before that, ssh-keygen may ask for a passphrase.
    """
    with ExitStack() as stack:
        display: Display | None = None
        last = 0.0

        def show(status: Status) -> None:
            nonlocal display, last
            now = time.monotonic()
            if now - last >= _LATE_EVERY:
                last = now
                display = display or stack.enter_context(choose_display(quiet=quiet))
                display(status)

        yield show


class PlainDisplay(Display):
    """Prints a line every ten seconds, for pipes and log files."""

    def __init__(self) -> None:
        self._begun = self._last = time.monotonic()

    def __call__(self, status: Status) -> None:
        """Print a line if it is time to."""
        now = time.monotonic()
        if now - self._last >= _PLAIN_EVERY:
            self._last = now
            self.line(_status_line(status, now - self._begun))


def _status_line(status: Status, seconds: float) -> str:
    rate = status.bytes_fetched / seconds if seconds > 0 else 0.0
    pages = f"read {status.projects_read:,} of {status.projects:,} projects, " if status.projects else ""
    return (
        f"{pages}{status.done} {status.files_fetched:,} of {status.files:,} files,"
        f" {format_size(status.bytes_fetched)} ({format_size(rate)}/s)"
        + (f", {status.failures:,} failed" if status.failures else "")
    )


class LiveDisplay(Display):
    """Draws bars for projects and files, the rate, the time left, and the biggest files in flight."""

    def __init__(self) -> None:
        from rich.console import Console
        from rich.live import Live

        self._console = Console(stderr=True, highlight=False)
        self._live = Live(console=self._console, transient=True, refresh_per_second=8)
        self._begun = time.monotonic()
        self._points: deque[tuple[float, int]] = deque([(self._begun, 0)])

    def __enter__(self) -> LiveDisplay:
        self._live.start()
        self._live.update("[dim]reading the index …[/dim]")
        return self

    def __exit__(self, *_: object) -> None:
        self._live.stop()

    def line(self, text: str) -> None:
        """Print a line above the bars, without interpreting markup: it may come from an index."""
        self._console.print(text, soft_wrap=True, markup=False, emoji=False)

    def __call__(self, status: Status) -> None:
        """Draw a status."""
        self._live.update(self._drawn(status))

    def _drawn(self, status: Status) -> Group:
        from rich.console import Group
        from rich.table import Table

        table = Table.grid(padding=(0, 1), expand=True)
        table.add_column(width=8)
        table.add_column(ratio=1)
        table.add_column(justify="right", no_wrap=True)
        rows = [("projects", status.projects_read, status.projects)] if status.projects else []
        for name, done, total in (*rows, ("files", status.files_fetched, status.files)):
            table.add_row(name, _bar(done, total), f"{done:,} of {total:,}")
        return Group(table, self._figures(status), *_in_flight(status))

    def _figures(self, status: Status) -> Text:
        from rich.text import Text

        now = time.monotonic()
        rate = self._rate(now, status.bytes_fetched)
        total = f" of {format_size(status.bytes)}" if status.bytes >= status.bytes_fetched else ""
        text = Text(
            f"{format_size(status.bytes_fetched)}{total}, {format_size(rate)}/s,"
            f" {format_duration(now - self._begun)}"
        )
        left = _time_left(status, now - self._begun)
        if left is not None:
            text.append(f", {format_duration(left)} left")
        if status.failures:
            text.append(f", {status.failures:,} failed", style="bold red")
        return text

    def _rate(self, now: float, count: int) -> float:
        """Return the recent bytes per second."""
        self._points.append((now, count))
        while len(self._points) > 2 and now - self._points[0][0] > _RATE_OVER:  # noqa: PLR2004
            self._points.popleft()
        then, before = self._points[0]
        return max(0, count - before) / (now - then) if now > then else 0.0


def _time_left(status: Status, seconds: float) -> float | None:
    """Return the seconds left if work continues at the same pace, or None if it is too early to say."""
    shares = [
        done / total
        for done, total in (
            (status.projects_read, status.projects),
            (status.files_fetched, status.files),
            (status.bytes_fetched, status.bytes),
        )
        if total
    ]
    # The part that is furthest behind decides: the last pages may be read long before the big files arrive.
    share = min(shares, default=0.0)
    return seconds * (1 - share) / share if 0.01 < share < 1 else None  # noqa: PLR2004


def _bar(done: int, total: int) -> ProgressBar:
    from rich.progress_bar import ProgressBar

    return ProgressBar(total=max(total, 1), completed=done if total else 1)


def _in_flight(status: Status) -> list[Text]:
    from rich.text import Text

    biggest = sorted(status.in_flight.items(), key=lambda each: (-each[1], each[0]))
    lines = [f"{name} {format_size(count) if count else ''}" for name, count in biggest]
    shown = shorten(lines, _FILES_SHOWN)
    return [Text(f"  {line}", style="dim", no_wrap=True, overflow="ellipsis") for line in shown]


@contextmanager
def log_to(display: Display, *, level: int, file: Path | None) -> Iterator[None]:
    """Send log records to the display, and all of them to a file if there is one.

    :param level: the lowest level that the display shows. Each file is INFO, each failure WARNING
    :raises MinimirrorError: if the file cannot be written
    """
    log = logging.getLogger("minimirror")
    handlers: list[logging.Handler] = [_DisplayHandler(display, level)]
    if file is not None:
        handlers.append(_file_handler(file))
    before = log.level
    log.setLevel(min(handler.level for handler in handlers))
    for handler in handlers:
        log.addHandler(handler)
    try:
        yield
    finally:
        for handler in handlers:
            log.removeHandler(handler)
            handler.close()
        log.setLevel(before)


class _DisplayHandler(logging.Handler):
    def __init__(self, display: Display, level: int) -> None:
        super().__init__(level)
        self._display = display

    def emit(self, record: logging.LogRecord) -> None:
        self._display.line(record.getMessage())


def _file_handler(path: Path) -> logging.Handler:
    try:
        if is_foreign_link(path):
            raise OSError(errno.EPERM, "it is a link that another user made")  # noqa: TRY301
        handler = logging.FileHandler(path, encoding="utf-8")
    except OSError as error:
        failure = MinimirrorError(f"cannot write the log file {path}: {error.strerror}")
        failure.exit_code = 2
        raise failure from None
    handler.setLevel(logging.INFO)
    handler.setFormatter(logging.Formatter("%(asctime)s %(levelname)s %(message)s"))
    return handler
