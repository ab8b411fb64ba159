"""Choose how a command shows its progress, and where its log lines go."""

from __future__ import annotations

import errno
import logging
import os
import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

from minimirror.cli.output.display import Display, PlainDisplay
from minimirror.common import MinimirrorError, ProgressCallback, Status, is_foreign_link

__all__ = ["choose_display", "late_display", "log_to"]


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
