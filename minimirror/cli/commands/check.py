"""Commands that look at the mirror: status, report, explain, verify, health."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING

import click

from minimirror.cli.commands.mirror import displayed_run
from minimirror.cli.completion import mirrored
from minimirror.cli.console import exit_code, log_level, print_lines, print_result
from minimirror.cli.group import main
from minimirror.cli.options import config_option, json_option, override_options, quiet_option, with_config

if TYPE_CHECKING:
    from minimirror.config import Config

__all__ = ["explain", "health", "report", "status", "verify"]

# ruff: noqa: D301, PLC0415 - see the package's docstring


@main.command()
@config_option
@override_options("repository")
@json_option
def status(path: Path, overrides: dict[str, str], *, json: bool) -> None:
    """Show what is mirrored, what is missing and what to do next.

    Also shows recent runs, the next one that a systemd timer starts, free space, and files per target. Works
    during a run. Changes nothing.

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
    lines = as_lines(found, following, path, Screen.of_stdout())
    print_result(lambda: as_dict(found, following), lines, json=json)
    sys.exit(1 if found.problem else 0)


@main.command()
@with_config("repository")
@json_option
@click.option(
    "--html", "file", metavar="FILE", type=click.Path(path_type=Path), help="Write a page with charts."
)
def report(config: Config, *, json: bool, file: Path | None) -> None:
    """Show what the mirror holds: sizes, types, growth, age, and what is missing.

    Counts files and bytes by project, package type, Python tag, platform and target. Works during a run and
    contacts no index. With --html, writes a self-contained page with charts.

    \b
    Exit codes:
      0    shown, or written
      1    the catalog or the folder cannot be read, or FILE cannot be written
      2    invalid config or options, or plotly is missing

    \b
    Examples:
      minimirror report
      minimirror report --html report.html
      minimirror report --json | jq '.projects[:10][].name'
    """
    from minimirror.cli.output.report import as_lines, write_page
    from minimirror.cli.output.screen import Screen
    from minimirror.sync import mirror_report

    if json and file:
        raise click.UsageError("--json and --html cannot be combined")
    found = mirror_report(config)
    if file:
        print_lines([write_page(found, file)])
    else:
        print_result(found.as_dict, as_lines(found, Screen.of_stdout()), json=json)


@main.command()
@with_config()
@click.argument("name", metavar="NAME", shell_complete=mirrored)
@json_option
@click.option("--all", "whole", is_flag=True, help="List every file separately.")
def explain(config: Config, name: str, *, json: bool, whole: bool) -> None:
    """Explain why a project's files are mirrored or not, and whether they are in the folder.

    NAME is a project, a release, a requirement, a filename, or the URL or path of a file. Shows which rule
    decided about each file, and what requires it; for a single file, shows every rule. Uses the catalog if
    the index cannot be reached. Changes nothing.

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
    from minimirror.sync import explain as explain_name

    found = explain_name(config, name)
    print_result(lambda: as_dict(found), as_lines(found, whole=whole), json=json)
    sys.exit(1 if found.offline else 0)


@main.command()
@with_config()
@click.option("--hash", "read", is_flag=True, help="Read every file and compare its digest.")
@click.option("--repair", is_flag=True, help="Fetch missing, truncated and altered files again.")
@json_option
@quiet_option()
def verify(config: Config, *, read: bool, repair: bool, json: bool, quiet: bool) -> None:
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
    from minimirror.storage import open_repository
    from minimirror.sync import mark_damage
    from minimirror.sync import verify as verify_folder

    with choose_display("reading the catalog", quiet=quiet) as display:
        found = verify_folder(config, read=read, progress=display)
    lines = verification_lines(found, repair=repair)
    print_result(found.as_dict, lines, json=json, quiet=quiet and found.well)
    if found.well or not repair:
        sys.exit(0 if found.well else 1)
    mark_damage(config, found)
    summary = displayed_run(
        config, quiet=quiet or json, level=log_level(verbose=False, summary=not (quiet or json))
    )
    after = verify_folder(config)
    if not json:
        print_lines(repair_lines(found, after, summary, open_repository(config.repository, config.state)))
    sys.exit(exit_code(summary) or (0 if after.well and not found.unchecked else 1))


@main.command()
@with_config("repository")
@click.option(
    "--hours",
    type=click.FloatRange(min=0),
    default=26,
    show_default=True,
    help="Maximum age of the mirror's state.",
)
def health(config: Config, *, hours: float) -> None:
    """Check that the mirror is up to date.

    For monitoring and containers. Looks up the last complete run in the catalog. After an import, the age is
    that of the exporting mirror's run. Fast enough to run every minute, also during a run.

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
    from minimirror.sync import check_health, freshness

    print_lines([f"OK: {freshness(check_health(config, hours * 3600))}"])
