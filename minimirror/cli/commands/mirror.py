"""Commands that fill the mirror: run, plan."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from minimirror.cli.console import at_terminal, exit_code, log_level, print_result
from minimirror.cli.group import main
from minimirror.cli.options import (
    config_option,
    json_option,
    override_options,
    quiet_option,
    verbose_option,
    with_config,
)
from minimirror.common import mask_credentials

if TYPE_CHECKING:
    from collections.abc import Callable

    from minimirror.common import Summary
    from minimirror.config import Config

__all__ = ["displayed_run", "plan", "run"]

# ruff: noqa: D301, PLC0415 - see the package's docstring


_APPROVALS = (
    click.option(
        "--allow-delete",
        is_flag=True,
        help="Delete files even if they exceed max_delete, or are more than half of the mirror.",
    ),
    click.option(
        "--allow-replace",
        is_flag=True,
        help="Replace files that the index now lists with different content.",
    ),
    click.option(
        "--take-over",
        is_flag=True,
        help="Delete files that another config mirrored into this folder, if this one does not select them.",
    ),
)
"""Options that approve what a run does not do by itself."""


def _approvals(command: Callable[..., None]) -> Callable[..., None]:
    for option in reversed(_APPROVALS):
        command = option(command)
    return command


@main.command()
@config_option
@override_options()
@quiet_option()
@verbose_option("List each file that is fetched or deleted.")
@json_option
@_approvals
@click.option("--force", is_flag=True, help="Run even if the files may not fit on the disk.")
@click.option("--dry-run", is_flag=True, help="Show what a run would do, like `minimirror plan`.")
@click.option(
    "--log-file",
    metavar="FILE",
    type=click.Path(path_type=Path),
    help="Append a timestamped log to FILE.",
)
def run(
    path: Path,
    overrides: dict[str, str],
    *,
    force: bool,
    dry_run: bool,
    log_file: Path | None,
    **options: Any,
) -> None:
    """Download everything the config selects.

    Downloads missing files, and deletes files it downloaded earlier that the config no longer selects.
    Later runs only fetch changes. Does not touch other files in the folder. You can interrupt a run at any
    time; the next one continues.

    \b
    Exit codes:
      0    the mirror is complete
      1    some files could not be mirrored (each is listed), or no file matches
      2    invalid config or options
      130  interrupted

    \b
    Examples:
      minimirror run
      minimirror run --config lab.json --verbose
      minimirror run --quiet --log-file mirror.log
      minimirror run --json | jq .files
      minimirror run --dry-run
    """
    import logging

    from minimirror.cli.log_file import log_file as logged
    from minimirror.cli.new_config import first_run
    from minimirror.config import load

    with logged(log_file, path):
        if first_run(path, overrides):
            return
        config = load(path, overrides)
        logging.getLogger("minimirror").info("index %s", mask_credentials(config.index_url))
        sys.exit(_plan(config, **options) if dry_run else _run(config, force=force, **options))


def _run(config: Config, *, quiet: bool, verbose: bool, json: bool, **options: bool) -> int:
    from minimirror.cli.log_file import log_result
    from minimirror.cli.output.run import summary_lines

    level = log_level(verbose=verbose, summary=not (quiet or json))
    summary = displayed_run(config, quiet=quiet, level=level, **options)
    log_result(summary_lines(summary))
    print_result(summary.as_dict, summary_lines(summary), json=json, quiet=quiet)
    asks = summary.deselected and not summary.withheld and at_terminal() and not (quiet or json)
    if asks and click.confirm("Delete them now?", err=True):
        return _run(config, quiet=quiet, verbose=verbose, json=json, **options | {"allow_delete": True})
    return exit_code(summary)


def displayed_run(config: Config, *, quiet: bool, level: int, **options: bool) -> Summary:
    """Run with a display; return the summary even if the run was interrupted."""
    from minimirror.cli.output.progress import logged_display
    from minimirror.sync import RunInterrupted
    from minimirror.sync import run as run_config

    with logged_display("reading the catalog", quiet=quiet, level=level) as display:
        try:
            return run_config(config, progress=display, **options)
        except RunInterrupted as interruption:
            return interruption.summary


@main.command()
@with_config()
@json_option
@click.option("--files", is_flag=True, help="One line per file: action, name, size.")
@quiet_option("Print nothing; only set the exit code.")
@verbose_option("Verbose progress.")
@_approvals
def plan(config: Config, **options: Any) -> None:
    """Show what a run would download and delete.

    Also shows whether it fits on the disk. Reads new and changed pages of the index, but downloads no files
    and changes nothing.

    \b
    Exit codes:
      0    the mirror would be complete and fit on the disk
      1    it would not, or no file matches the config
      2    invalid config or options
      130  interrupted

    \b
    Examples:
      minimirror plan
      minimirror plan --config lab.json --json | jq .bytes_fetched
      minimirror plan --files | sort | less
    """
    sys.exit(_plan(config, **options))


def _plan(
    config: Config, *, quiet: bool, verbose: bool, json: bool, files: bool = False, **options: bool
) -> int:
    import logging

    from minimirror.cli.log_file import log_result
    from minimirror.cli.output.plan import as_dict, as_file_lines, as_lines
    from minimirror.cli.output.progress import logged_display
    from minimirror.cli.output.screen import Screen
    from minimirror.sync import plan as plan_config

    level = logging.INFO if verbose else logging.ERROR
    with logged_display("reading the catalog", quiet=quiet, level=level) as display:
        found = plan_config(config, progress=display, **options)
    log_result(as_lines(found, Screen()))
    lines = as_file_lines(found) if files else as_lines(found, Screen.of_stdout())
    print_result(lambda: as_dict(found), lines, json=json, quiet=quiet and not files)
    return 0 if found.runs else 1
