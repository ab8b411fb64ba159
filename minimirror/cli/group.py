"""The command `minimirror`, to which the other modules here add theirs."""

from __future__ import annotations

from typing import Any

import click

from minimirror._version import __version__
from minimirror.common import MinimirrorError

__all__ = ["main"]

# ruff: noqa: D301 - click finds its \b, which keeps lines, only where the docstring is not raw


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
            ctx.exit(130)


@click.group(cls=_Commands, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(__version__, prog_name="minimirror")
def main() -> None:
    """Copy the part of a Python package index that you need into one flat folder, and keep it true.

    \b
    The first time:
      minimirror init                                   make ~/.minirepo
      minimirror config set projects requests,flask     choose what to mirror
      minimirror run                                    mirror it

    \b
    Whenever you like:
      minimirror run                                    bring it up to date
      minimirror config edit                            change your mind
      minimirror config show                            see what holds

    `minimirror COMMAND --help` tells more about each.
    """
