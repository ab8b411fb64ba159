"""Commands that fill the mirror and check it: run, status, plan, explain, verify, health."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from minimirror.cli.completion import mirrored
from minimirror.cli.console import (
    at_terminal,
    exit_code,
    log_level,
    print_json,
    print_lines,
    print_raw,
    print_result,
)
from minimirror.cli.group import main
from minimirror.cli.options import (
    config_option,
    json_option,
    override_options,
    quiet_option,
    verbose_option,
)
from minimirror.common import mask_credentials

if TYPE_CHECKING:
    from minimirror.common import Summary
    from minimirror.config import Config

__all__ = ["explain", "health", "plan", "run", "status", "verify"]

# ruff: noqa: D301, PLC0415, PLR0913 - see the package's docstring

_take_over = click.option(
    "--take-over",
    is_flag=True,
    help="Delete files that another config mirrored into this folder and this one does not select.",
)


@main.command()
@config_option
@override_options()
@quiet_option()
@verbose_option("List each file that is fetched or deleted.")
@json_option
@click.option(
    "--allow-delete",
    is_flag=True,
    help="Delete files even if the index dropped more than max_delete, or the config more than half.",
)
@click.option(
    "--allow-replace",
    is_flag=True,
    help="Replace files that the index now lists with other content under the same name.",
)
@click.option("--force", is_flag=True, help="Run even if the files may not fit on the disk.")
@_take_over
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
    Later runs only fetch changes. Other files in the folder are left alone. You can interrupt a run at any
    time; the next one continues.

    \b
    Exit codes:
      0    the mirror is complete
      1    some files could not be mirrored, and each is listed; or no file matches the config
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


def _run(
    config: Config,
    *,
    quiet: bool,
    verbose: bool = False,
    json: bool = False,
    allow_delete: bool = False,
    allow_replace: bool = False,
    force: bool = False,
    take_over: bool = False,
) -> int:
    from minimirror.cli.log_file import log_result
    from minimirror.cli.output.run import summary_lines

    summary = _mirrored(
        config,
        quiet=quiet,
        level=log_level(verbose=verbose, summary=not (quiet or json)),
        allow_delete=allow_delete,
        allow_replace=allow_replace,
        force=force,
        take_over=take_over,
    )
    log_result(summary_lines(summary))
    print_result(summary.as_dict, summary_lines(summary), json=json, quiet=quiet)
    asks = summary.deselected and not summary.withheld and at_terminal() and not (quiet or json)
    if asks and click.confirm("Delete them now?", err=True):
        return _run(config, quiet=False, verbose=verbose, allow_delete=True, force=force)
    return exit_code(summary)


def _mirrored(config: Config, *, quiet: bool, level: int, **options: bool) -> Summary:
    """Run with a display; return the summary even if the run was interrupted."""
    from minimirror.cli.output.progress import choose_display, log_to
    from minimirror.sync import RunInterrupted
    from minimirror.sync import run as run_config

    with (
        choose_display("reading the catalog", quiet=quiet) as display,
        log_to(display, level=level),
    ):
        try:
            return run_config(config, progress=display, **options)
        except RunInterrupted as interruption:
            return interruption.summary


@main.command()
@config_option
@override_options("repository")
@json_option
def status(path: Path, overrides: dict[str, str], *, json: bool) -> None:
    """Show what is mirrored, what is missing and what to do next.

    Also shows the last runs, the next one of a systemd timer, the free space, and what each target has. Reads
    the catalog and the names in the folder, also during a run. Changes nothing.

    \b
    Exit codes:
      0    shown
      1    the catalog or the folder cannot be read
      2    invalid config or options

    \b
    Examples:
      minimirror status
      minimirror status --json | jq .missing
    """
    from minimirror.cli.output.screen import Screen
    from minimirror.cli.output.status import as_dict, as_lines
    from minimirror.cli.timer import next_run
    from minimirror.config import load
    from minimirror.sync import mirror_status

    config = load(path, overrides)
    found, following = mirror_status(config), next_run(path, config.repository)
    if json:
        print_json(as_dict(found, following))
    else:
        print_raw(as_lines(found, following, path, Screen.of_stdout()))
    sys.exit(1 if found.problem else 0)


@main.command()
@config_option
@override_options()
@json_option
@click.option("--files", is_flag=True, help="One line per file: action, name, size.")
@quiet_option("Print nothing; only set the exit code.")
@verbose_option("Verbose progress.")
@click.option(
    "--allow-delete",
    is_flag=True,
    help="Plan to delete files even if the index dropped more than max_delete, or the config more than half.",
)
@click.option(
    "--allow-replace",
    is_flag=True,
    help="Plan to replace files that the index now lists with other content under the same name.",
)
@_take_over
def plan(path: Path, overrides: dict[str, str], **options: Any) -> None:
    """Show what a run would fetch and delete.

    Also shows whether it fits on the disk. Reads the index's new and changed pages, but no files. Changes
    nothing.

    \b
    Exit codes:
      0    a run would complete, and fits on the disk
      1    it would not, or no file matches the config
      2    invalid config or options
      130  interrupted

    \b
    Examples:
      minimirror plan
      minimirror plan --config lab.json --json | jq .bytes_fetched
      minimirror plan --files | sort | less
    """
    from minimirror.config import load

    sys.exit(_plan(load(path, overrides), **options))


def _plan(
    config: Config,
    *,
    quiet: bool,
    verbose: bool,
    json: bool,
    allow_delete: bool,
    allow_replace: bool,
    take_over: bool,
    files: bool = False,
) -> int:
    import logging
    import shutil

    from minimirror.cli.log_file import log_result
    from minimirror.cli.output.plan import as_dict, as_file_lines, as_lines
    from minimirror.cli.output.progress import choose_display, log_to
    from minimirror.sync import plan_run

    level = logging.INFO if verbose else logging.ERROR
    with (
        choose_display("reading the catalog", quiet=quiet) as display,
        log_to(display, level=level),
    ):
        found = plan_run(
            config,
            progress=display,
            allow_delete=allow_delete,
            allow_replace=allow_replace,
            take_over=take_over,
        )
    log_result(as_lines(found))
    lines = as_file_lines(found) if files else as_lines(found, shutil.get_terminal_size().columns)
    print_result(lambda: as_dict(found), lines, json=json, quiet=quiet and not files)
    return 0 if found.runs else 1


@main.command()
@config_option
@override_options()
@click.argument("name", metavar="NAME", shell_complete=mirrored)
@json_option
@click.option("--all", "whole", is_flag=True, help="List every file separately.")
def explain(path: Path, overrides: dict[str, str], name: str, *, json: bool, whole: bool) -> None:
    """Explain why files of a project are mirrored or not, and whether they are here.

    NAME is a project, a release, a requirement, a filename, or the URL or path of a file. Shows the rule that
    decided for each file, and what requires it; for a single file, every rule. Reads the project's page from
    the index; if that cannot be reached, shows what the catalog knows. Changes nothing.

    \b
    Exit codes:
      0    explained
      1    the index has no such project or file, or cannot be reached
      2    invalid config or options

    \b
    Examples:
      minimirror explain requests
      minimirror explain --all numpy | less
      minimirror explain "requests>=2.32"
      minimirror explain requests-2.32.3-py3-none-any.whl
      minimirror explain idna --json | jq .needed
    """
    from minimirror.cli.output.explain import as_dict, as_lines
    from minimirror.config import load
    from minimirror.sync import explain as explain_name

    found = explain_name(load(path, overrides), name)
    print_result(lambda: as_dict(found), as_lines(found, whole=whole), json=json)
    sys.exit(1 if found.offline else 0)


@main.command()
@config_option
@override_options()
@click.option("--hash", "read", is_flag=True, help="Read every file and compare its digest.")
@click.option("--repair", is_flag=True, help="Fetch missing, truncated and altered files again.")
@json_option
@quiet_option()
def verify(
    path: Path, overrides: dict[str, str], *, read: bool, repair: bool, json: bool, quiet: bool
) -> None:
    """Check that the files in the folder are complete and intact.

    Compares names and sizes; with --hash, reads every byte. Contacts the index only for --repair. Files that
    minimirror did not download are listed but not counted as errors.

    \b
    Exit codes:
      0    the mirror is complete and intact
      1    it is not
      2    invalid config or options

    \b
    Examples:
      minimirror verify
      minimirror verify --hash
      minimirror verify --hash --repair
      minimirror verify --json | jq .altered
    """
    from minimirror.cli.output.progress import choose_display
    from minimirror.cli.output.verify import repair_lines, verification_lines
    from minimirror.config import load
    from minimirror.sync import mark_damage
    from minimirror.sync import verify as verify_folder

    config = load(path, overrides)
    with choose_display("reading the catalog", quiet=quiet) as display:
        found = verify_folder(config, read=read, progress=display)
    lines = verification_lines(found, repair=repair)
    print_result(found.as_dict, lines, json=json, quiet=quiet and found.well)
    if found.well or not repair:
        sys.exit(0 if found.well else 1)
    mark_damage(config, found)
    summary = _mirrored(
        config, quiet=quiet or json, level=log_level(verbose=False, summary=not (quiet or json))
    )
    after = verify_folder(config)
    if not json:
        print_lines(repair_lines(found, after, summary, config.repository))
    sys.exit(exit_code(summary) or (0 if after.well and not found.unchecked else 1))


@main.command()
@config_option
@override_options()
@click.option(
    "--hours",
    type=click.FloatRange(min=0),
    default=26,
    show_default=True,
    help="Maximum age of the mirror's state.",
)
def health(path: Path, overrides: dict[str, str], *, hours: float) -> None:
    """Check that the mirror is up to date.

    For monitoring and containers. Looks up the last complete run in the catalog. After an import, the age is
    that of the exporting mirror's run. It is cheap enough to run every minute, also during a run.

    \b
    Exit codes:
      0    the last complete run ended within HOURS
      1    it did not, or the catalog cannot be read
      2    invalid config or options

    \b
    Examples:
      minimirror health
      minimirror health --hours 2
    """
    from minimirror.config import load
    from minimirror.sync import check_health, freshness

    print_lines([f"OK: {freshness(check_health(load(path, overrides), hours * 3600))}"])
