"""The command that uploads the mirror to another index."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

import click

from minimirror.cli.completion import mirrored
from minimirror.cli.console import exit_code, log_level, print_result
from minimirror.cli.extras import needs_extra
from minimirror.cli.group import main
from minimirror.cli.options import json_option, quiet_option, verbose_option, with_config

if TYPE_CHECKING:
    from minimirror.config import Config

__all__ = ["push"]

_EXTRA = {"requests_toolbelt", "rfc3986", "twine"}

# ruff: noqa: D301, PLC0415, PLR0913 - see the package's docstring


@main.command()
@with_config("repository")
@click.argument("target", metavar="URL|NAME")
@click.argument("projects", nargs=-1, metavar="[PROJECT]...", shell_complete=mirrored)
@click.option(
    "--simple-url",
    metavar="URL",
    help="Simple API of the index, as for pip (default: found for devpi, pypiserver and most others).",
)
@click.option("--all", "include_local", is_flag=True, help="Also upload files minimirror did not download.")
@click.option("--dry-run", is_flag=True, help="List missing files; upload nothing.")
@quiet_option()
@verbose_option("List each file that is uploaded.")
@json_option
def push(
    config: Config,
    target: str,
    projects: tuple[str, ...],
    *,
    simple_url: str | None,
    include_local: bool,
    dry_run: bool,
    quiet: bool,
    verbose: bool,
    json: bool,
) -> None:
    """Upload mirrored files to another index.

    The index may be devpi, pypiserver, or any that twine supports. Uploads the missing files of all projects,
    or only of each PROJECT: a name, or a glob such as 'django-*'. Skips files that are already there, so you
    can interrupt and repeat a push. Reports a different file of the same name and never replaces it. Uploads
    your own packages only with --all.

    NAME is a repository in ~/.pypirc. Username and password come from TWINE_USERNAME and TWINE_PASSWORD,
    ~/.pypirc, a keyring or ~/.netrc; at a terminal, minimirror asks for them. Needs the extra `push`.

    \b
    Exit codes:
      0    everything is uploaded (with --dry-run: nothing prevents it)
      1    some uploads failed; each is listed
      2    invalid config or options
      130  interrupted

    \b
    Examples:
      minimirror push http://devpi.example.org:3141/lab/mirror/
      minimirror push http://pypi.example.org:8080/ requests 'django-*'
      minimirror push lab --dry-run
      minimirror push lab --simple-url https://example.org/simple/
    """
    with needs_extra("push", _EXTRA):
        from minimirror.publish.push import PushInterrupted, find_destination
        from minimirror.publish.push import push as push_mirror
    from minimirror.cli.output.progress import logged_display
    from minimirror.cli.output.push import missing_lines, push_lines

    # Before the progress display starts: this may ask for a password.
    found = find_destination(config, target, simple_url=simple_url)
    level = log_level(verbose=verbose, summary=not (quiet or json))
    with logged_display("comparing with the index", quiet=quiet, level=level) as display:
        try:
            pushed = push_mirror(
                config,
                found,
                projects=projects,
                include_local=include_local,
                dry_run=dry_run,
                progress=display,
            )
        except PushInterrupted as interruption:
            pushed = interruption.result
    lines = [*missing_lines(pushed), *push_lines(pushed)]
    print_result(pushed.as_dict, lines, json=json, quiet=quiet)
    sys.exit(exit_code(pushed))
