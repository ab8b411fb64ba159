"""The command `minimirror`, to which each file of ``commands`` adds its own."""

from __future__ import annotations

import atexit
import gc
import os
from typing import Any

import click

from minimirror._version import __version__
from minimirror.cli.console import INTERRUPTED
from minimirror.common import MinimirrorError

__all__ = ["main"]

# At its end, Python would look through all objects again: a fifth of the time of a run with nothing to do.
atexit.register(gc.freeze)
# pydantic would look for plugins in all packages that are installed.
os.environ.setdefault("PYDANTIC_DISABLE_PLUGINS", "__all__")

# ruff: noqa: D301 - click finds its \b, which keeps line breaks, only if the docstring is not raw


class _Commands(click.Group):
    """Commands whose errors become one message and an exit code."""

    def invoke(self, ctx: click.Context) -> Any:
        try:
            return super().invoke(ctx)
        except MinimirrorError as error:
            click.echo(f"error: {error}", err=True)
            ctx.exit(error.exit_code)
        except (KeyboardInterrupt, click.Abort):
            click.echo("interrupted", err=True)
            ctx.exit(INTERRUPTED)


@click.group(cls=_Commands, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(__version__, prog_name="minimirror")
def main() -> None:
    """Mirror selected projects of a Python package index into one folder.

    \b
    First steps:
      minimirror init                   choose a folder and what to mirror
      minimirror plan                   show what a run would download
      minimirror run                    download it

    \b
    Later:
      minimirror status                 show what is mirrored and what is missing
      minimirror add NAME               mirror another project
      minimirror run                    fetch what changed
      minimirror config edit            edit the settings
      minimirror config show            show the settings in effect

    `minimirror COMMAND --help` explains each command.
    """
