"""What the commands do that take a while: the work, with progress beside it, and what came of it after."""

from __future__ import annotations

import signal
from json import dumps
from pathlib import Path

from minimirror.config import Config
from minimirror.display import choose, log_to
from minimirror.mirror import RunInterrupted, run
from minimirror.tell import summary_lines, verification_lines
from minimirror.verify import mark_damage, verify

__all__ = ["run_and_show", "verify_and_show"]

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
) -> int:
    """Run, show how far it is on standard error and what came of it on standard output.

    :returns: the command's exit code
    """
    # systemd, docker and cron end a command by SIGTERM: that is no reason to lose what is done.
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    with choose(quiet=quiet) as display, log_to(display, verbose=verbose, file=log_file):
        try:
            summary = run(config, progress=display, allow_delete=allow_delete)
        except RunInterrupted as interruption:
            summary = interruption.summary
    if json:
        print(dumps(summary.as_dict(), indent=2))  # noqa: T201
    elif not quiet:
        print(*summary_lines(summary), sep="\n")  # noqa: T201
    return INTERRUPTED if summary.interrupted else 0 if summary.complete else 1


def verify_and_show(config: Config, *, read: bool, repair: bool, json: bool, quiet: bool) -> int:
    """Look at the folder, show what is wrong with it, and mend it if that is asked for.

    :returns: the command's exit code: 0 if all is, or was made, well
    """
    with choose(quiet=quiet) as display:
        found = verify(config, read=read, progress=display)
    if json:
        print(dumps(found.as_dict(), indent=2))  # noqa: T201
    elif not quiet or not found.well:
        print(*verification_lines(found), sep="\n")  # noqa: T201
    if not repair or found.well:
        return 0 if found.well else 1
    mark_damage(config, found)
    return run_and_show(config, quiet=quiet or json, verbose=False, json=False, log_file=None)
