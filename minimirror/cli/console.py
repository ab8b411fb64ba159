"""What the commands share: standard output, the log level, signals and exit codes."""

from __future__ import annotations

import os
import shutil
import sys
from typing import TYPE_CHECKING, Any

import click

from minimirror.common import Interrupts, MinimirrorError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable
    from typing import TextIO

    from minimirror.common import Summary
    from minimirror.publish.push import PushResult

__all__ = [
    "at_terminal",
    "exit_code",
    "fitted",
    "interruption_code",
    "log_level",
    "print_json",
    "print_lines",
    "print_raw",
    "print_result",
    "say",
]

# ruff: noqa: PLC0415 - help, completion and version need neither json nor logging


def at_terminal() -> bool:
    """Return whether a person is there to be asked."""
    return sys.stdin.isatty() and sys.stderr.isatty()


def say(text: str) -> None:
    """Tell a person what happens, on standard error: standard output is for results.

    If its reader has gone, the command goes on without it.
    """
    try:
        sys.stderr.write(f"{fitted(text, sys.stderr)}\n")
        sys.stderr.flush()
    except OSError:
        _discard(sys.stderr)


def exit_code(result: Summary | PushResult) -> int:
    """Return a command's exit code: 0 if complete, 1 if something is missing, 130 or 143 if interrupted."""
    if result.interrupted:
        return interruption_code()
    return 0 if result.complete else 1


def interruption_code() -> int:
    """Return the exit code after Ctrl-C, which is 130, or after SIGTERM, which is 143."""
    return click.get_current_context().ensure_object(Interrupts).exit_code


def log_level(*, verbose: bool, summary: bool) -> int:
    """Return the level from which log records are shown during a command.

    :param summary: whether a summary follows. It lists the failures, so they are not shown twice
    """
    import logging

    if verbose:
        return logging.INFO
    return logging.ERROR if summary else logging.WARNING


def print_json(value: Any) -> None:
    """Print one JSON value on standard output."""
    import json

    print_raw([json.dumps(value, indent=2)])


def print_result(
    as_dict: Callable[[], Any], lines: Iterable[str], *, json: bool, quiet: bool = False
) -> None:
    """Print a result: as JSON, or as lines for people, or not at all."""
    if json:
        print_json(as_dict())
    elif not quiet:
        print_lines(lines)


def _discard(stream: TextIO) -> None:
    """Write nothing more to a stream. Otherwise the interpreter would complain when it flushes at exit."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), stream.fileno())


def fitted(text: str, stream: TextIO) -> str:
    """Return a text as it fits the stream, if that is a terminal."""
    if not stream.isatty():
        return text
    from minimirror.cli.output.screen import broken

    width = shutil.get_terminal_size().columns
    return "\n".join(each for line in text.split("\n") for each in broken(line, width))


def print_lines(lines: Iterable[str]) -> None:
    """Print lines for people on standard output, and let them fit a terminal.

    :raises MinimirrorError: if standard output cannot be written, such as on a full disk
    """
    print_raw(fitted(line, sys.stdout) for line in lines)


def print_raw(lines: Iterable[str]) -> None:
    """Print on standard output. If its reader has gone, only the exit code shows the result.

    :raises MinimirrorError: if standard output cannot be written, such as on a full disk
    """
    try:
        print(*(f"{line}\n" for line in lines), sep="", end="", flush=True)  # noqa: T201
    except OSError as error:
        _discard(sys.stdout)
        if not isinstance(error, BrokenPipeError):
            raise MinimirrorError(f"cannot write to standard output: {error.strerror}") from None
