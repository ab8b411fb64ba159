"""What a run shows: progress while it works, and a summary to act on."""

from __future__ import annotations

import logging
import signal
import sys
import time
from collections.abc import Iterator
from contextlib import AbstractContextManager, ExitStack, contextmanager
from json import dumps
from pathlib import Path
from typing import Protocol

from minimirror.config import Config
from minimirror.errors import MinimirrorError
from minimirror.mirror import RunInterrupted, run
from minimirror.summary import Status, Summary

__all__ = ["Display", "PlainDisplay", "QuietDisplay", "choose", "log_to", "run_and_show", "summary_lines"]

INTERRUPTED = 130
"""The exit code of what SIGINT has ended, as shells have it."""

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
    from minimirror.live import LiveDisplay  # noqa: PLC0415 - rich costs 50 ms

    return LiveDisplay()


def run_and_show(config: Config, *, quiet: bool, verbose: bool, json: bool, log_file: Path | None) -> int:
    """Run, show how far it is on standard error and what came of it on standard output.

    :returns: the command's exit code
    """
    # systemd, docker and cron end a command by SIGTERM: that is no reason to lose what is done.
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    with choose(quiet=quiet) as display, log_to(display, verbose=verbose, file=log_file):
        try:
            summary = run(config, progress=display)
        except RunInterrupted as interruption:
            summary = interruption.summary
    if json:
        print(dumps(summary.as_dict(), indent=2))  # noqa: T201
    elif not quiet:
        print(*summary_lines(summary), sep="\n")  # noqa: T201
    return INTERRUPTED if summary.interrupted else 0 if summary.complete else 1


@contextmanager
def log_to(display: Display, *, verbose: bool, file: Path | None) -> Iterator[None]:
    """Send the log to the display, and all of it to a file if there is one.

    :param verbose: whether the display shows each file, or warnings alone
    :raises MinimirrorError: the file cannot be written
    """
    log = logging.getLogger("minimirror")
    with ExitStack() as stack:
        handlers: list[logging.Handler] = [
            _DisplayHandler(display, logging.INFO if verbose else logging.WARNING)
        ]
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
    return (
        f"read {status.projects_read:,} of {status.projects:,} projects, fetched {status.files_fetched:,} of"
        f" {status.files:,} files, {size(status.bytes_fetched)} ({size(rate)}/s)"
        + (f", {status.failures:,} failed" if status.failures else "")
    )


def summary_lines(summary: Summary) -> Iterator[str]:
    """The summary for a person: what was done, what is missing and why, what to do."""
    yield _headline(summary)
    yield (
        f"  projects  {summary.projects_wanted:,} wanted; {summary.projects_read:,} read,"
        f" {summary.projects_removed:,} removed"
    )
    adopted = f", {summary.files_adopted:,} adopted" if summary.files_adopted else ""
    yield (
        f"  files     {summary.files_wanted:,} wanted; {summary.files_fetched:,} fetched"
        f" ({size(summary.bytes_fetched)}){adopted}, {summary.files_present:,} already here,"
        f" {summary.files_removed:,} removed"
    )
    rate = f" ({size(summary.bytes_fetched / summary.seconds)}/s)" if summary.bytes_fetched else ""
    yield f"  time      {duration(summary.seconds)}{rate}"
    for note in summary.notes:
        yield f"note: {note}"
    for failure in summary.failures:
        yield f"missing: {failure}"
    if not summary.complete:
        yield "Run it again: it goes on where it stopped, and tries again what failed."


def _headline(summary: Summary) -> str:
    if summary.interrupted:
        return "Interrupted; what was fetched is kept."
    if not summary.complete:
        return f"Incomplete: {len(summary.failures):,} missing."
    if not summary.files_wanted:
        return "Nothing is wanted: no file of the index passes the rules."
    if not (summary.files_fetched or summary.files_removed or summary.files_adopted):
        return "Complete; nothing had changed."
    return "Complete."


def size(count: float) -> str:
    """Bytes for a person, in decimal units as disks and networks have them."""
    if count < 1000:  # noqa: PLR2004
        return f"{count:.0f} B"
    for unit in ("kB", "MB", "GB", "TB"):
        count /= 1000
        if count < 999.5 or unit == "TB":  # noqa: PLR2004
            break
    return f"{count:.1f} {unit}" if count < 99.95 else f"{count:.0f} {unit}"  # noqa: PLR2004


def duration(seconds: float) -> str:
    """Seconds for a person."""
    if seconds < 60:  # noqa: PLR2004
        return f"{seconds:.1f} s"
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours} h {minutes:02} min" if hours else f"{minutes} min {rest:02} s"
