"""Commands that make an index of the folder."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import click

from minimirror.cli.extras import needs_extra
from minimirror.cli.group import main
from minimirror.cli.options import config_option, override_options

__all__ = ["index", "serve"]

_EXTRA = {"bcrypt", "multipart", "passlib", "pypiserver", "waitress"}

# Commands import what they need when they run: help, completion and version need none of it. And click finds
# its \b, which keeps the lines of a paragraph, only where the docstring is not raw.
# ruff: noqa: D301, PLC0415


@main.command()
@config_option
@override_options
@click.option("--remove", is_flag=True, help="Remove it, and the metadata files beside the wheels.")
@click.option("--quiet", "-q", is_flag=True, help="Show nothing but what is missing.")
def index(path: Path, overrides: dict[str, str], *, remove: bool, quiet: bool) -> None:
    """Write the static index, `simple/`, of what is in the folder now, for a plain web server.

    Compares every page, and writes those that are not right. From then on each run keeps it true. Asks no
    upstream index. With "simple": true in the config, a run makes it by itself.

    Exit code 0: it is true. 1: something is missing, and named. 2: a mistake.

    \b
    Examples:
      minimirror index
      minimirror index --repository /data
      minimirror index --remove
    """
    from minimirror.cli.commands.mirror_work import index_and_show
    from minimirror.config import load

    sys.exit(index_and_show(load(path, overrides), remove=remove, quiet=quiet))


@main.command()
@config_option
@click.option("--repository", metavar="FOLDER", help="The folder to serve, instead of the config's.")
@click.option(
    "--host", default="127.0.0.1", show_default=True, help="The address to listen at; 0.0.0.0 for all."
)
@click.option(
    "--port", type=click.IntRange(0, 65535), default=8080, show_default=True, help="0 for any that is free."
)
@click.option(
    "--htpasswd",
    metavar="FILE",
    type=click.Path(path_type=Path),
    help="Allow uploads to the users of FILE, as Apache's htpasswd writes it.",
)
@click.option("--quiet", "-q", is_flag=True, help="Show nothing but what goes wrong.")
@click.option("--verbose", "-v", is_flag=True, help="Show each request.")
def serve(path: Path, repository: str | None, **options: Any) -> None:
    """Serve the folder as a package index, for pip, uv and twine.

    A run may go on meanwhile. What somebody puts into the folder is served, too. Ctrl-C or SIGTERM ends it.
    Needs the extra: pip install 'minimirror[serve]'.

    Exit code 0: it was ended. 1: the catalog cannot be read. 2: it cannot serve, or a mistake in the config
    or the options.

    \b
    Examples:
      minimirror serve
      minimirror serve --host 0.0.0.0 --port 8000 --verbose
      minimirror serve --htpasswd uploaders.htpasswd
    """
    from minimirror.config import load

    with needs_extra("serve", _EXTRA):
        from minimirror.serve import serve as serve_config

    config = load(path, {"repository": repository} if repository else {})
    serve_config(config, **options)
