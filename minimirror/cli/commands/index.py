"""Commands that offer the mirror to installers: index, serve, requested."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from minimirror.cli.console import print_lines, print_result
from minimirror.cli.extras import needs_extra
from minimirror.cli.group import main
from minimirror.cli.options import (
    config_option,
    json_option,
    override_options,
    quiet_option,
    verbose_option,
    with_config,
)

if TYPE_CHECKING:
    from minimirror.config import Config

__all__ = ["index", "requested", "serve"]

_EXTRA = {"anyio", "bcrypt", "granian", "passlib", "prometheus_client", "python_multipart", "starlette"}

_FILE = click.Path(path_type=Path)

# ruff: noqa: D301, PLC0415 - see the package's docstring


@main.command()
@with_config("repository")
@click.option("--remove", is_flag=True, help="Delete the index and the metadata files next to the wheels.")
@quiet_option()
def index(config: Config, *, remove: bool, quiet: bool) -> None:
    """Write a static index, simple/, for any web server.

    Checks every page and writes those that are missing or outdated. Later runs keep the index up to date.
    With "simple": true in the config, runs create it. Does not contact the upstream index.

    \b
    Exit codes:
      0    the index is up to date
      1    some pages could not be written; each is listed
      2    invalid config or options

    \b
    Examples:
      minimirror index
      minimirror index --repository /data
      minimirror index --remove
    """
    from minimirror.cli.output.index import index_lines, removal_lines
    from minimirror.cli.output.progress import choose_display
    from minimirror.publish.static import build_index, remove_index

    if remove:
        removed = remove_index(config)
        if not quiet:
            print_lines(removal_lines(removed, will_return=config.simple))
        return
    with choose_display("reading the catalog", quiet=quiet) as display:
        made = build_index(config, display)
    if made.summary.failures or not quiet:
        print_lines(index_lines(made))
    sys.exit(1 if made.summary.failures else 0)


@main.command()
@config_option
@override_options("repository")
@click.option("--host", help="Address to listen on; 0.0.0.0 for all.  [default: 127.0.0.1]")
@click.option(
    "--port", type=click.IntRange(0, 65535), help="Port to listen on; 0 for any free one.  [default: 8080]"
)
@click.option(
    "--htpasswd",
    metavar="FILE",
    type=_FILE,
    help="Allow uploads by the users in FILE, an Apache htpasswd file.",
)
@click.option("--certificate", metavar="FILE", type=_FILE, help="Serve https with this certificate (PEM).")
@click.option("--key", metavar="FILE", type=_FILE, help="Key of the certificate, if it is in another file.")
@click.option(
    "--on-demand",
    is_flag=True,
    help="Fetch missing projects from the index when clients ask for them.",
)
@quiet_option()
@verbose_option("Log each request.")
def serve(path: Path, overrides: dict[str, Any], *, on_demand: bool, **options: Any) -> None:
    """Serve the folder as a package index.

    Works with pip, uv and twine. Runs can continue while it serves. Files that you put into the folder are
    served, too. Stop it with Ctrl-C or SIGTERM. These options override the config's key "serve". Needs the
    extra `serve`.

    \b
    Exit codes:
      0    stopped normally
      1    the catalog cannot be read
      2    cannot serve, or invalid config or options

    \b
    Examples:
      minimirror serve
      minimirror serve --host 0.0.0.0 --port 8000 --verbose
      minimirror serve --htpasswd uploaders.htpasswd
      minimirror serve --on-demand
    """
    from minimirror.config import load

    with needs_extra("serve", _EXTRA):
        from minimirror.serve import serve as serve_config

    if on_demand:
        # Then the config need not select any project.
        overrides["serve"] = {"on_demand": True}
    serve_config(load(path, overrides), **options)


@main.command()
@with_config("repository")
@json_option
def requested(config: Config, *, json: bool) -> None:
    """Show what clients of `minimirror serve` asked for.

    Lists projects that clients requested but did not get, and files that were fetched on demand, each with
    the number of requests. Contacts no index and changes nothing.

    \b
    Exit codes:
      0    shown
      1    what the server recorded cannot be read
      2    invalid config or options

    \b
    Examples:
      minimirror requested
      minimirror requested --json | jq -r '.missed[].project'
    """
    from minimirror.cli.output.requested import as_dict, as_lines
    from minimirror.sync import requested as find_requested

    found = find_requested(config)
    print_result(lambda: as_dict(found), as_lines(found), json=json)
