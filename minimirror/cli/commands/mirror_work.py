"""What the commands do that take a while: the work, with progress beside it, and what came of it after."""

from __future__ import annotations

import logging
import os
import signal
import sys
from collections.abc import Iterable
from json import dumps
from pathlib import Path

from minimirror.cli.output import explain as explanation
from minimirror.cli.output.plan import as_dict, as_file_lines, as_lines
from minimirror.cli.output.progress import choose, log_to
from minimirror.cli.output.summary import index_lines, summary_lines, verification_lines
from minimirror.common import MinimirrorError, format_duration
from minimirror.config import Config
from minimirror.publish.static import build_index, remove_index
from minimirror.sync import RunInterrupted, check_health, explain, mark_damage, plan_run, run, verify

__all__ = [
    "explain_and_show",
    "health_and_show",
    "index_and_show",
    "plan_and_show",
    "print_lines",
    "run_and_show",
    "verify_and_show",
]

INTERRUPTED = 130
"""The exit code of what SIGINT has ended, as shells have it."""


def run_and_show(  # noqa: PLR0913 - the command's options
    config: Config,
    *,
    quiet: bool,
    verbose: bool,
    json: bool,
    log_file: Path | None,
    allow_delete: bool = False,
    force: bool = False,
) -> int:
    """Run, show how far it is on standard error and what came of it on standard output.

    :returns: the command's exit code
    """
    # systemd, docker and cron end a command by SIGTERM: that is no reason to lose what is done.
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    # At a terminal the summary names what is missing; while the bars are up, their count says enough.
    told_later = sys.stderr.isatty() and not (quiet or json)
    level = logging.INFO if verbose else logging.ERROR if told_later else logging.WARNING
    with choose(quiet=quiet) as display, log_to(display, level=level, file=log_file):
        try:
            summary = run(config, progress=display, allow_delete=allow_delete, force=force)
        except RunInterrupted as interruption:
            summary = interruption.summary
    if json:
        print_lines([dumps(summary.as_dict(), indent=2)])
    elif not quiet:
        print_lines(summary_lines(summary))
    return INTERRUPTED if summary.interrupted else 0 if summary.complete else 1


def plan_and_show(  # noqa: PLR0913 - the command's options
    config: Config,
    *,
    quiet: bool,
    verbose: bool,
    json: bool,
    files: bool = False,
    log_file: Path | None = None,
    allow_delete: bool,
) -> int:
    """Show on standard output what a run would do.

    :returns: the command's exit code: 0 if a run would leave nothing missing, and fits the disk
    """
    level = logging.INFO if verbose else logging.ERROR
    with choose(quiet=quiet) as display, log_to(display, level=level, file=log_file):
        plan = plan_run(config, progress=display, allow_delete=allow_delete)
    if json:
        print_lines([dumps(as_dict(plan), indent=2)])
    elif files:
        print_lines(as_file_lines(plan))
    elif not quiet:
        print_lines(as_lines(plan))
    return 0 if plan.fits and not plan.summary.failures else 1


def explain_and_show(config: Config, name: str, *, json: bool, whole: bool) -> int:
    """Show on standard output why the files of a project, or one file, are wanted or not.

    :param whole: each file, however many there are
    :returns: the command's exit code
    """
    found = explain(config, name)
    if json:
        print_lines([dumps(explanation.as_dict(found), indent=2)])
    else:
        print_lines(explanation.as_lines(found, whole=whole))
    return 0


def print_lines(lines: Iterable[str]) -> None:
    """Print on standard output; where nobody reads it any more, the exit code still says how it went."""
    try:
        print(*(f"{line}\n" for line in lines), sep="", end="", flush=True)  # noqa: T201
    except BrokenPipeError:
        # Or the interpreter would complain when it flushes at its end.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    except OSError as error:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        raise MinimirrorError(f"standard output: {error.strerror}") from None


def verify_and_show(config: Config, *, read: bool, repair: bool, json: bool, quiet: bool) -> int:
    """Look at the folder, show what is wrong with it, and mend it if that is asked for.

    :returns: the command's exit code: 0 if all is, or was made, well
    """
    with choose(quiet=quiet) as display:
        found = verify(config, read=read, progress=display)
    if json:
        print_lines([dumps(found.as_dict(), indent=2)])
    elif not quiet or not found.well:
        print_lines(verification_lines(found))
    if not repair or found.well:
        return 0 if found.well else 1
    mark_damage(config, found)
    code = run_and_show(config, quiet=quiet or json, verbose=False, json=False, log_file=None)
    return code or (0 if verify(config).well else 1)


def health_and_show(config: Config, *, hours: float) -> None:
    """Show that the mirror is kept true.

    :raises StaleError: it is not
    """
    age = check_health(config, hours * 3600)
    print_lines([f"The last run that left nothing missing ended {format_duration(age)} ago."])


def index_and_show(config: Config, *, remove: bool, quiet: bool) -> int:
    """Write, or remove, the static index, and show what came of it.

    :returns: the command's exit code
    """
    if remove:
        removed = remove_index(config)
        if not quiet:
            print_lines([f"{removed}: removed" if removed else "There is no static index of minimirror's."])
            if config.simple:
                print_lines(['The next run makes it again: the config has "simple": true.'])
        return 0
    made = build_index(config)
    if made.summary.failures or not quiet:
        print_lines(index_lines(made))
    return 1 if made.summary.failures else 0
