"""Commands that fill the folder, and look at what is in it."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import click

from minimirror.cli.group import main
from minimirror.cli.options import config_option, override_options

__all__ = ["explain", "health", "plan", "run", "verify"]

# Commands import what they need when they run: help, completion and version need none of it. And click finds
# its \b, which keeps the lines of a paragraph, only where the docstring is not raw.
# ruff: noqa: D301, PLC0415


@main.command()
@config_option
@override_options
@click.option("--quiet", "-q", is_flag=True, help="Show nothing but what is missing.")
@click.option("--verbose", "-v", is_flag=True, help="Show each file that is fetched or removed.")
@click.option("--json", is_flag=True, help="Print the summary as one JSON object on standard output.")
@click.option(
    "--allow-delete",
    is_flag=True,
    help="Remove what the index does not list any more, even if that is more than max_delete.",
)
@click.option("--force", is_flag=True, help="Run though what is wanted does not seem to fit the disk.")
@click.option("--dry-run", is_flag=True, help="Show what a run would do, as `minimirror plan` does.")
@click.option(
    "--log-file",
    metavar="FILE",
    type=click.Path(path_type=Path),
    help="Add everything that happens to FILE, with the time.",
)
def run(path: Path, overrides: dict[str, str], *, force: bool, dry_run: bool, **options: Any) -> None:
    """Mirror what the config selects, or what has changed of it since the last run.

    Fetches what is wanted and not here, and removes what it fetched earlier and is not wanted any more. Other
    files in the folder are left alone. It may be interrupted at any time; the next run goes on.

    Exit code 0: all that is wanted is here. 1: something is missing, and named. 2: a mistake in the config or
    the options. 130: interrupted.

    \b
    Examples:
      minimirror run
      minimirror run --config lab.json --verbose
      minimirror run --quiet --log-file mirror.log
      minimirror run --json | jq .files
      minimirror run --dry-run
    """
    from minimirror.cli.commands.mirror_work import plan_and_show, run_and_show
    from minimirror.cli.config_editor import first_run
    from minimirror.config import load

    first_run(path)
    config = load(path, overrides)
    if dry_run:
        sys.exit(plan_and_show(config, **options))
    sys.exit(run_and_show(config, force=force, **options))


@main.command()
@config_option
@override_options
@click.option("--json", is_flag=True, help="Print one JSON object on standard output.")
@click.option("--files", is_flag=True, help="Print a line a file: fetch or remove, its name, its bytes.")
@click.option("--quiet", "-q", is_flag=True, help="Show no progress; the exit code tells.")
@click.option("--verbose", "-v", is_flag=True, help="Show more of what happens on the way.")
@click.option(
    "--allow-delete",
    is_flag=True,
    help="Plan to remove what the index does not list any more, even if that is more than max_delete.",
)
def plan(path: Path, overrides: dict[str, str], **options: Any) -> None:
    """Show what a run would fetch and remove, and whether that fits the disk. Nothing is changed.

    Reads the pages of the index that are new or have changed, and no file.

    Exit code 0: a run would leave nothing missing, and fits. 1: it would not. 2: a mistake in the config or
    the options. 130: interrupted.

    \b
    Examples:
      minimirror plan
      minimirror plan --config lab.json --json | jq .bytes_fetched
      minimirror plan --files | sort | less
    """
    from minimirror.cli.commands.mirror_work import plan_and_show
    from minimirror.config import load

    sys.exit(plan_and_show(load(path, overrides), **options))


@main.command()
@config_option
@override_options
@click.argument("name", metavar="PROJECT|FILENAME")
@click.option("--json", is_flag=True, help="Print one JSON object on standard output.")
@click.option("--all", "whole", is_flag=True, help="Tell each file by itself, however many there are.")
def explain(path: Path, overrides: dict[str, str], name: str, *, json: bool, whole: bool) -> None:
    """Tell why each file of a project, or one file, is wanted or not: which rule decided, and who needs it.

    Reads the project's page from the index. Nothing is changed.

    Exit code 0: told. 1: the index has nothing of that name, or cannot be asked.

    \b
    Examples:
      minimirror explain requests
      minimirror explain --all numpy | less
      minimirror explain requests-2.32.3-py3-none-any.whl
      minimirror explain idna --json | jq .needed
    """
    from minimirror.cli.commands.mirror_work import explain_and_show
    from minimirror.config import load

    sys.exit(explain_and_show(load(path, overrides), name, json=json, whole=whole))


@main.command()
@config_option
@override_options
@click.option("--hash", "read", is_flag=True, help="Read every file and compare its digest.")
@click.option("--repair", is_flag=True, help="Fetch again what is missing, truncated or altered.")
@click.option("--json", is_flag=True, help="Print one JSON object on standard output.")
@click.option("--quiet", "-q", is_flag=True, help="Show nothing if all is well.")
def verify(path: Path, overrides: dict[str, str], **options: Any) -> None:
    """Check the folder against what minimirror knows it holds, and tell what is missing of the selection.

    Compares names and sizes; with --hash, reads every byte. Asks no index, but to repair. Files that
    minimirror did not place are listed, and are no fault.

    Exit code 0: all is well, and all that is wanted is here. 1: it is not.

    \b
    Examples:
      minimirror verify
      minimirror verify --hash
      minimirror verify --hash --repair
      minimirror verify --json | jq .altered
    """
    from minimirror.cli.commands.mirror_work import verify_and_show
    from minimirror.config import load

    sys.exit(verify_and_show(load(path, overrides), **options))


@main.command()
@config_option
@override_options
@click.option(
    "--hours",
    type=click.FloatRange(min=0),
    default=26,
    show_default=True,
    help="How long ago a run must have ended that left nothing missing.",
)
def health(path: Path, overrides: dict[str, str], *, hours: float) -> None:
    """Tell whether the mirror is kept true: for a monitor, or a container's health check.

    Looks when a run has last left nothing missing, in the catalog alone, so that it may be asked every
    minute, and while a run is under way.

    Exit code 0: within the last HOURS. 1: not since. 2: a mistake in the config or the options.

    \b
    Examples:
      minimirror health
      minimirror health --hours 2
    """
    from minimirror.cli.commands.mirror_work import health_and_show
    from minimirror.config import load

    health_and_show(load(path, overrides), hours=hours)
