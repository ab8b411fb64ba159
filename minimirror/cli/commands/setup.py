"""Commands that set a mirror up: init, add, remove; and describe environments: target, worker-env."""

from __future__ import annotations

from pathlib import Path

import click

from minimirror.cli.completion import entries, mirrored
from minimirror.cli.console import print_lines, print_raw
from minimirror.cli.group import main
from minimirror.cli.options import config_option, override_options, quiet_option

__all__ = ["add", "init", "remove", "target", "worker_env"]

# ruff: noqa: D301, PLC0415, PLR0913 - see the package's docstring


@main.command()
@config_option
@override_options()
@click.option(
    "--project",
    "projects",
    metavar="NAME",
    multiple=True,
    shell_complete=mirrored,
    help="A project to mirror; repeatable.",
)
@click.option(
    "--from",
    "requirements",
    metavar="FILE",
    multiple=True,
    type=click.Path(),
    help="Mirror everything a requirement file, pyproject.toml or lock needs; repeatable.",
)
@click.option(
    "--target",
    "targets",
    metavar="JSON",
    multiple=True,
    shell_complete=lambda *_: ["this"],
    help="An environment to mirror for: `this`, or what `minimirror target` prints; repeatable.",
)
@click.option("--on-demand", is_flag=True, help="Mirror what clients of `minimirror serve` ask for.")
@click.option("--force", is_flag=True, help="Overwrite an existing config.")
def init(
    path: Path,
    overrides: dict[str, str],
    *,
    projects: tuple[str, ...],
    requirements: tuple[str, ...],
    targets: tuple[str, ...],
    on_demand: bool,
    force: bool,
) -> None:
    """Create a config.

    Asks for the folder to fill and what to mirror, unless you pass them. In scripts, pass --repository.

    \b
    Examples:
      minimirror init
      minimirror init --repository /data --from requirements.txt --target this
      minimirror init --repository /data --project flask --project 'django-*'
      minimirror init --repository /data --on-demand
      minimirror init --config lab.json --repository /data/lab --processes 8
    """
    from minimirror.cli.new_config import init as init_config
    from minimirror.cli.new_config import selecting

    selection = selecting(projects, requirements, targets, on_demand=on_demand)
    init_config(path, overrides, selection or None, force=force)


@main.command()
@config_option
@click.argument("names", metavar="NAME...", nargs=-1, required=True, shell_complete=mirrored)
@quiet_option("Print nothing; only change the config.")
def add(path: Path, names: tuple[str, ...], *, quiet: bool) -> None:
    """Add projects to the config.

    NAME is a name, a requirement such as 'numpy>=2,<3', a glob, or a regular expression (re:...). Shows what
    the next run will download for them.

    \b
    Exit codes:
      0    added
      1    the index has no such project
      2    invalid config or name

    \b
    Examples:
      minimirror add requests 'numpy>=2,<3'
      minimirror add 'django-*' --config lab.json
    """
    from minimirror.cli.project_list import add as add_projects

    lines = add_projects(path, names)
    print_lines([] if quiet else lines)


@main.command()
@config_option
@click.argument("names", metavar="NAME...", nargs=-1, required=True, shell_complete=entries)
@quiet_option("Print nothing; only change the config.")
def remove(path: Path, names: tuple[str, ...], *, quiet: bool) -> None:
    """Remove projects from the config.

    Shows which files the next run will delete. NAME is an entry of `projects`; for a requirement such as
    'numpy>=2,<3', its name is enough.

    \b
    Exit codes:
      0    removed
      2    invalid config, or the config has no such entry

    \b
    Examples:
      minimirror remove requests
      minimirror remove 'django-*' --config lab.json
    """
    from minimirror.cli.project_list import remove as remove_projects

    lines = remove_projects(path, names)
    print_lines([] if quiet else lines)


@main.command()
def target() -> None:
    """Print the current environment as an entry for "targets".

    Run it on a machine that will install from the mirror, with the Python that will install. Needs no
    config.

    \b
    Examples:
      minimirror target
      minimirror config set targets "$(minimirror target)"
      ssh build.example.org minimirror target
    """
    import json

    from minimirror.distributions import target_of_this_machine

    print_raw([json.dumps(target_of_this_machine().as_dict())])


@main.command("worker-env")
def worker_env() -> None:
    """Print a requirements file for the machines of Dask workers.

    Lists the versions of Python, minimirror and Dask on this machine, which all workers need. Set the
    config's key "workers" to the address of the Dask scheduler.

    \b
    Examples:
      minimirror worker-env > worker.txt
      pip install -r worker.txt  # on the other machine
    """
    from minimirror.cli.worker_env import needed

    print_raw(needed())
