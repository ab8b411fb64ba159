"""What the command ``push`` does: the work, with progress beside it, and what came of it."""

from __future__ import annotations

import logging
import signal
import sys
from collections.abc import Sequence
from json import dumps

from minimirror.cli.commands.mirror_work import INTERRUPTED, print_lines
from minimirror.cli.output.progress import choose, log_to
from minimirror.cli.output.push import missing_lines, push_lines
from minimirror.config import Config
from minimirror.publish.push import PushInterrupted, find_destination, push

__all__ = ["push_and_show"]


def push_and_show(  # noqa: PLR0913 - the command's options
    config: Config,
    target: str,
    *,
    projects: Sequence[str],
    simple_url: str | None,
    own_too: bool,
    dry_run: bool,
    quiet: bool,
    verbose: bool,
    json: bool,
) -> int:
    """Push, show how far it is on standard error and what came of it on standard output.

    :returns: the command's exit code
    """
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    # Before anything is drawn: it may ask for a password.
    found = find_destination(config, target, simple_url=simple_url)
    told_later = sys.stderr.isatty() and not (quiet or json)
    level = logging.INFO if verbose else logging.ERROR if told_later else logging.WARNING
    with choose(quiet=quiet) as display, log_to(display, level=level, file=None):
        try:
            pushed = push(
                config, found, projects=projects, include_local=own_too, dry_run=dry_run, progress=display
            )
        except PushInterrupted as interruption:
            pushed = interruption.result
    if json:
        print_lines([dumps(pushed.as_dict(), indent=2)])
    elif not quiet:
        print_lines([*missing_lines(pushed), *push_lines(pushed)])
    return INTERRUPTED if pushed.interrupted else 0 if pushed.complete else 1
