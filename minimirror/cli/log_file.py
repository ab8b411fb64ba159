"""``--log-file``: how a command starts, what happens, and how it ends, even if it fails early."""

from __future__ import annotations

import errno
import logging
import os
import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from itertools import islice
from pathlib import Path

import click

from minimirror._version import __version__
from minimirror.cli.console import interruption_code
from minimirror.common import MinimirrorError, is_foreign_link, printable

__all__ = ["handling", "log_file", "log_result"]

log = logging.getLogger("minimirror")


@contextmanager
def log_file(path: Path | None, config: Path) -> Iterator[None]:
    """Append to a file, if there is one, a command's start, log records, error and exit code.

    :raises MinimirrorError: if the file cannot be written
    """
    if path is None:
        yield
        return
    with handling(_handler(path)):
        log.info("start: minimirror %s, config %s, process %d", __version__, config.absolute(), os.getpid())
        code: object = 0
        try:
            yield
        except BaseException as error:
            code = _exit_code(error)
            raise
        finally:
            log.info("end: exit code %s", code)


@contextmanager
def handling(handler: logging.Handler) -> Iterator[None]:
    """Send log records to a handler."""
    before = log.level
    log.setLevel(min(handler.level, before or handler.level))
    log.addHandler(handler)
    try:
        yield
    finally:
        log.removeHandler(handler)
        handler.close()
        log.setLevel(before)


def log_result(lines: Iterable[str]) -> None:
    """Log the first lines of a result as one: its headline, then numbers."""
    headline, *numbers = (" ".join(line.split()) for line in islice(lines, 4))
    log.info("%s %s", headline, "; ".join(numbers))


def _exit_code(error: BaseException) -> object:
    """Return the exit code that an exception leads to, and log the exception if it is an error."""
    if isinstance(error, SystemExit):
        return error.code or 0
    if isinstance(error, KeyboardInterrupt | click.Abort):
        log.error("interrupted")
        return interruption_code()
    if isinstance(error, MinimirrorError | click.ClickException):
        for line in str(error).splitlines():
            log.error("%s", printable(line))
        return error.exit_code
    log.critical("%s", type(error).__name__, exc_info=error)
    return 1


class _FileHandler(logging.FileHandler):
    def handleError(self, record: logging.LogRecord) -> None:  # noqa: N802
        """Go on without the record: if the disk is full, the run says so itself."""


def _handler(path: Path) -> logging.Handler:
    try:
        if is_foreign_link(path):
            raise OSError(errno.EPERM, "it is a link that another user made")  # noqa: TRY301
        handler = _FileHandler(path, encoding="utf-8")
    except OSError as error:
        failure = MinimirrorError(f"cannot write the log file {path}: {error.strerror}")
        failure.exit_code = 2
        raise failure from None
    handler.setLevel(logging.INFO)
    formatter = logging.Formatter("%(asctime)s UTC %(levelname)s %(message)s")
    formatter.converter = time.gmtime
    handler.setFormatter(formatter)
    return handler
