"""The command that fills another index."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import click

from minimirror.cli.extras import needs_extra
from minimirror.cli.group import main
from minimirror.cli.options import config_option

__all__ = ["push"]

_EXTRA = {"requests_toolbelt", "rfc3986", "twine"}

# Commands import what they need when they run: help, completion and version need none of it. And click finds
# its \b, which keeps the lines of a paragraph, only where the docstring is not raw.
# ruff: noqa: D301, PLC0415


@main.command()
@config_option
@click.option("--repository", metavar="FOLDER", help="The folder to push, instead of the config's.")
@click.argument("target", metavar="URL|NAME")
@click.argument("projects", nargs=-1, metavar="[PROJECT]...")
@click.option(
    "--simple-url",
    metavar="URL",
    help="Where the index lists what it has, as pip is given it; left out: where devpi, pypiserver and most"
    " others have it.",
)
@click.option("--all", "own_too", is_flag=True, help="Push what minimirror did not place, too.")
@click.option("--dry-run", is_flag=True, help="Show what is missing there, and upload nothing.")
@click.option("--quiet", "-q", is_flag=True, help="Show nothing but what is not there.")
@click.option("--verbose", "-v", is_flag=True, help="Show each file that is uploaded.")
@click.option("--json", is_flag=True, help="Print the result as one JSON object on standard output.")
def push(path: Path, repository: str | None, target: str, **options: Any) -> None:
    """Upload what the mirror holds into another index: devpi, pypiserver, or any that twine uploads to.

    Uploads what is missing there, of all projects or of the PROJECTs: names, or globs such as 'django-*'.
    What is there already is skipped, so that it may be interrupted and repeated; another file of the same
    name is reported, and never replaced. Packages of your own in the folder are pushed with --all alone.

    NAME is a repository of ~/.pypirc. User and password come from the variables TWINE_USERNAME and
    TWINE_PASSWORD, from ~/.pypirc or from a keyring; at a terminal it asks for them. Needs the extra:
    pip install 'minimirror[push]'.

    Exit code 0: all is there (with --dry-run: nothing is in the way). 1: something is not, and named. 2: a
    mistake in the config or the options. 130: interrupted.

    \b
    Examples:
      minimirror push http://devpi.example.org:3141/lab/mirror/
      minimirror push http://pypi.example.org:8080/ requests 'django-*'
      minimirror push lab --dry-run
      minimirror push https://example.org/upload --simple-url https://example.org/simple/
    """
    from minimirror.config import load

    config = load(path, {} if repository is None else {"repository": repository})
    with needs_extra("push", _EXTRA):
        from minimirror.cli.commands.push_work import push_and_show
    sys.exit(push_and_show(config, target, **options))
