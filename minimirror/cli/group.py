"""The command `minimirror`, to which each file of ``commands`` adds its own."""

from __future__ import annotations

import atexit
import gc
import os
import shutil
import sys
from typing import Any, NoReturn

import click

from minimirror._version import __version__
from minimirror.cli.console import say
from minimirror.common import Interrupts, MinimirrorError, nearest, quoted

__all__ = ["main"]

# At its end, Python would look through all objects again: a fifth of the time of a run with nothing to do.
atexit.register(gc.freeze)
# pydantic would look for plugins in all packages that are installed.
os.environ.setdefault("PYDANTIC_DISABLE_PLUGINS", "__all__")

_OVERVIEW = {
    "Start": {
        "init": "choose a folder and what to mirror",
        "plan": "show what a run would download and delete",
        "run": "download it; later runs only fetch changes",
    },
    "Choose": {
        "add, remove": "add projects, or remove them",
        "config": "show, edit and check the settings",
        "target": "describe the machine that will install",
        "worker-env": "list what a Dask worker needs",
        "explain": "show why a file is mirrored or not",
    },
    "Check": {
        "status, report": "show what is mirrored and missing; what takes space",
        "verify, health": "check that files are intact; that the mirror is fresh",
    },
    "Use": {
        "serve": "serve the mirror to pip, uv and twine",
        "requested": "show what clients of serve asked for",
        "index": "write an index for any web server",
        "push": "upload the mirror to another index",
        "export, import": "carry changes across an air gap",
    },
}
"""All commands, on one screen."""

_KEPT = {
    "config": "`minimirror config show` shows the settings in effect",
    "export": "`minimirror export --list` shows whether the bundle was written",
    "import": "import again to continue",
    "index": "run `minimirror index` again to continue",
    "init": "no config was written",
    "push": "push again to continue",
    "report": "no page was written",
    "run": "run again to continue",
    "verify": "verify again for the result",
}
"""What is left of a command that was interrupted; most change nothing before they end, or report it."""


class _Commands(click.Group):
    """Commands whose errors become one message and an exit code."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        if not args or args[0] == "help":
            args = [*args[1:], "--help"]
        try:
            return super().parse_args(ctx, args)
        except click.UsageError as error:
            _refuse(ctx, error)

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        if args[0] not in self.commands and not ctx.resilient_parsing:
            raise click.UsageError(f"unknown command {quoted(args[0])}{nearest(args[0], self.commands)}", ctx)
        return super().resolve_command(ctx, args)

    def invoke(self, ctx: click.Context) -> Any:
        interrupts = ctx.ensure_object(Interrupts)
        try:
            return super().invoke(ctx)
        except click.exceptions.Exit:
            raise
        except MinimirrorError as error:
            say(f"error: {error}")
            ctx.exit(error.exit_code)
        except click.UsageError as error:
            _refuse(ctx, error)
        except (KeyboardInterrupt, click.Abort):
            _interrupt(interrupts, ctx.invoked_subcommand)
        except Exception:
            # What Ctrl-C interrupts may raise another error: threading (bpo-45274) or pydantic, for example.
            if not interrupts.received:
                raise
            _interrupt(interrupts, ctx.invoked_subcommand)
        finally:
            interrupts.over = True


def _interrupt(interrupts: Interrupts, command: str | None = None) -> NoReturn:
    """End because of a signal, or because a question was not answered."""
    # The terminal has written ^C at the cursor.
    start = "\n" if sys.stderr.isatty() else ""
    say(f"{start}Interrupted; {_KEPT.get(command or '', 'nothing was changed')}.")
    sys.exit(interrupts.exit_code)


def _refuse(ctx: click.Context, error: click.UsageError) -> NoReturn:
    """End because of wrong arguments."""
    message = error.format_message()
    command = error.ctx.command_path if error.ctx else f"{ctx.command_path} {ctx.invoked_subcommand or ''}"
    say(f"error: {message[0].lower()}{message[1:]}\n`{command.strip()} --help` shows how to use it.")
    ctx.exit(error.exit_code)


def _help_width() -> int:
    return max(20, min(80, shutil.get_terminal_size().columns) - 1)


class _Main(_Commands):
    """The command whose help shows all commands on one screen."""

    group_class = _Commands

    def main(self, *args: Any, **extra: Any) -> Any:
        """Run a command, and handle signals from its first to its last moment."""
        interrupts = Interrupts()
        interrupts.install()
        try:
            # Otherwise click would end an interrupted command with the exit code 1.
            extra |= {"obj": interrupts, "standalone_mode": False}
            code = super().main(*args, **extra)
        except (KeyboardInterrupt, click.Abort):
            _interrupt(interrupts)
        finally:
            interrupts.over = True
        sys.exit(code)

    def format_options(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:  # noqa: ARG002
        width = max(len(names) for rows in _OVERVIEW.values() for names in rows)
        for title, rows in _OVERVIEW.items():
            formatter.write(f"{title}:\n")
            with formatter.indentation():
                formatter.write_dl([(names.ljust(width), text) for names, text in rows.items()])


@click.group(
    cls=_Main,
    # By itself, help would be at least 50 columns wide.
    context_settings={"help_option_names": ["-h", "--help"], "terminal_width": _help_width()},
    subcommand_metavar="COMMAND ...",
    options_metavar="",
    epilog="`minimirror COMMAND --help` explains each command; `-V` shows the version.",
)
@click.version_option(__version__, "-V", "--version", prog_name="minimirror", message="%(prog)s %(version)s")
def main() -> None:
    """Mirror selected projects of a Python package index into one folder."""
