"""The command line: arguments in, exit code out."""

from __future__ import annotations

import functools
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from minimirror._version import __version__
from minimirror.errors import MinimirrorError

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = ["config_option", "main", "override_options"]

# Commands import what they need when they run: help, completion and version need none of it. And click finds
# its \b, which keeps the lines of a paragraph, only where the docstring is not raw.
# ruff: noqa: D301, PLC0415


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


def config_option(command: Callable[..., None]) -> Callable[..., None]:
    """Add ``--config``; the command receives the config file to use as ``path``."""

    @click.option(
        "--config",
        "chosen",
        metavar="PATH",
        type=click.Path(path_type=Path),
        envvar="MINIMIRROR_CONFIG",
        show_envvar=True,
        help="The config file; ~/.minirepo where it is left out.",
    )
    @functools.wraps(command)
    def with_config(*args: object, chosen: Path | None, **kwargs: object) -> None:
        from minimirror.config import config_path

        command(*args, path=config_path(chosen), **kwargs)

    return with_config


def override_options(command: Callable[..., None]) -> Callable[..., None]:
    """Add the options that replace a key of the config; the command receives those given as ``overrides``."""

    @click.option("--repository", metavar="FOLDER", help="The folder to fill, instead of the config's.")
    @click.option("--processes", metavar="N", help="How many worker processes, instead of the config's.")
    @click.option("--index-url", metavar="URL", help="The index's simple API, instead of the config's.")
    @functools.wraps(command)
    def with_overrides(
        *args: object, repository: str | None, processes: str | None, index_url: str | None, **kwargs: object
    ) -> None:
        options = {"repository": repository, "processes": processes, "index_url": index_url}
        command(
            *args, overrides={key: value for key, value in options.items() if value is not None}, **kwargs
        )

    return with_overrides


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
    from minimirror.commands import plan_and_show, run_and_show
    from minimirror.config import load
    from minimirror.editing import first_run

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
    from minimirror.commands import plan_and_show
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
    from minimirror.commands import explain_and_show
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
    from minimirror.commands import verify_and_show
    from minimirror.config import load

    sys.exit(verify_and_show(load(path, overrides), **options))


@main.command()
@config_option
@click.option("--repository", metavar="FOLDER", help="The folder to export, instead of the config's.")
@click.option(
    "--to", metavar="FILE", type=click.Path(path_type=Path), help="The bundle to write, such as lab-1.tar."
)
@click.option(
    "--since",
    default="last",
    show_default=True,
    metavar="last|all|RUN|DATE|export:N",
    help="What the bundle goes on from: the last export, nothing, or the last export up to a run or a date.",
)
@click.option(
    "--split", metavar="SIZE", help="Write parts of at most this size, such as 4.7GB: FILE.tar, FILE.2.tar, …"
)
@click.option(
    "--sign",
    metavar="KEY",
    type=click.Path(path_type=Path),
    help="Sign it with this SSH key; a public one has the agent sign.",
)
@click.option("--force", is_flag=True, help="Replace FILE if it is there.")
@click.option("--list", "list_only", is_flag=True, help="Only show the exports that were made.")
@click.option("--quiet", "-q", is_flag=True, help="Show nothing.")
@click.option("--json", is_flag=True, help="Print one JSON object on standard output.")
def export(path: Path, repository: str | None, *, list_only: bool, to: Path | None, **options: Any) -> None:
    """Write what has changed since the last export into a bundle, to be carried to another machine.

    There, `minimirror import` makes of it the same folder. The first bundle has everything. Each goes on from
    the export that `--since` says: what is imported must have been imported up to that one.

    Exit code 0: the bundle is made, or nothing has changed and there is none to make. 1: it cannot be made.

    \b
    Examples:
      minimirror export --to /media/usb/lab-1.tar
      minimirror export --to lab-2.tar --sign ~/.ssh/id_ed25519
      minimirror export --to lab-3.tar --split 4.7GB
      minimirror export --to lab-full.tar --since all
      minimirror export --list
    """
    from minimirror.bundle.commands import export_and_show, list_and_show
    from minimirror.config import load

    if list_only == (to is not None):
        raise click.UsageError("Give either --to FILE or --list.")
    config = load(path, {} if repository is None else {"repository": repository})
    if to is None:
        sys.exit(list_and_show(config, json=options["json"]))
    sys.exit(export_and_show(config, to, **options))


@main.command("import")
@config_option
@click.option("--repository", metavar="FOLDER", help="The folder to fill, instead of the config's.")
@click.argument(
    "files",
    nargs=-1,
    required=True,
    metavar="FILE...",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
)
@click.option(
    "--replace",
    is_flag=True,
    help="Let a full bundle replace what is from another mirror, or newer.",
)
@click.option("--quiet", "-q", is_flag=True, help="Show nothing but what is wrong.")
@click.option("--json", is_flag=True, help="Print one JSON object on standard output.")
def import_(path: Path, repository: str | None, files: tuple[Path, ...], **options: Any) -> None:
    """Take bundles in that `minimirror export` made: all parts of each, in any order.

    A bundle is checked to its last byte before anything is changed, and then taken in as a whole. It may be
    interrupted at any time, and repeated: importing the same bundle again brings it to its end, or does
    nothing.

    Exit code 0: this mirror is as the exported one was. 1: a bundle is damaged or does not fit.

    \b
    Examples:
      minimirror import /media/usb/lab-1.tar
      minimirror import /media/usb/lab-*.tar
      minimirror import --repository /data lab-full.tar
    """
    from minimirror.bundle.commands import import_and_show
    from minimirror.config import load

    config = load(path, {} if repository is None else {"repository": repository})
    sys.exit(import_and_show(config, files, **options))


@main.command()
@config_option
@override_options
@click.option("--force", is_flag=True, help="Replace the config that there is.")
def init(path: Path, overrides: dict[str, str], *, force: bool) -> None:
    """Make a config: which folder to fill, with how many processes.

    Asks for what is not given. Where nobody can be asked, give at least --repository.

    \b
    Examples:
      minimirror init
      minimirror init --repository /data --processes 8
      minimirror init --config lab.json --repository /data/lab
    """
    from minimirror.editing import init as init_config

    init_config(path, overrides, force=force)


@main.command()
def target() -> None:
    """Print this machine and its Python as an object for the config's "targets".

    Run it where you are going to install from the mirror, with the Python that is going to. It needs no
    config.

    \b
    Examples:
      minimirror target
      minimirror config set targets "$(minimirror target)"
      ssh build.example.org minimirror target
    """
    import json

    from minimirror.target import target_of_this_machine

    click.echo(json.dumps(target_of_this_machine().as_dict()))


@main.group()
def config() -> None:
    """Show, check and change the config.

    \b
    Examples:
      minimirror config show
      minimirror config set releases 3
      minimirror config edit
    """


@config.command()
@config_option
@override_options
@click.option("--json", is_flag=True, help="Print one JSON object.")
def show(path: Path, overrides: dict[str, str], *, json: bool) -> None:
    """Show every key's value, and whether it is from the config, an option, or a default.

    With the options of a run, shows what that run would use. Passwords are masked.

    \b
    Examples:
      minimirror config show
      minimirror config show --json
      minimirror config show --processes 4
    """
    from minimirror.config import load
    from minimirror.config.show import as_json, as_lines

    print_as = as_json if json else as_lines
    click.echo(print_as(load(path, overrides), overrides))


@config.command()
@config_option
def check(path: Path) -> None:
    """Check the config: exit 0 where it is right, else 2 with all its mistakes.

    \b
    Examples:
      minimirror config check
      minimirror config check --config lab.json
    """
    from minimirror.config import load

    load(path)
    click.echo(f"{path}: ok")


@config.command()
@config_option
def edit(path: Path) -> None:
    """Edit a copy of the config in $VISUAL or $EDITOR, and install it once it is right.

    Where the copy has mistakes, shows them and offers to edit again; the config itself is
    never half written or wrong.

    \b
    Examples:
      minimirror config edit
      EDITOR="code --wait" minimirror config edit
    """
    from minimirror.editing import edit as edit_config

    edit_config(path)


@config.command("set")
@config_option
@click.argument("key")
@click.argument("value", required=False)
@click.option("--unset", is_flag=True, help="Take KEY out instead, so that its default holds.")
def set_(path: Path, key: str, value: str | None, *, unset: bool) -> None:
    """Set KEY to VALUE in the config, if the result is right.

    VALUE is JSON, or plain text; for a list, items with commas between them. Ages, sizes and dates are
    written as in "7 days", "500 MB" and 2026-01-31. A relative path starts at the config file's folder.

    \b
    Examples:
      minimirror config set releases 3
      minimirror config set projects 'requests,django-*,numpy>=2,<3'
      minimirror config set extensions '["whl", "gz"]'
      minimirror config set min_age '7 days'
      minimirror config set targets "$(minimirror target)"
      minimirror config set requirements 'requirements.txt,groups/*.in'
      minimirror config set projects --unset
    """
    from minimirror.config import set_value, unset_value
    from minimirror.config.show import as_lines

    if unset == (value is not None):
        raise click.UsageError("Give either a VALUE or --unset.")
    changed = set_value(path, key, value) if value is not None else unset_value(path, key)
    click.echo(f"{path}: saved\n{as_lines(changed, keys=[key])}".strip())


@config.command()
def schema() -> None:
    """Print the config's JSON Schema, with which editors complete and check it.

    \b
    Examples:
      minimirror config schema > minirepo.schema.json
      minimirror config set '$schema' ./minirepo.schema.json
    """
    import json

    from minimirror.config import schema as config_schema

    click.echo(json.dumps(config_schema(), indent=4))
