"""Commands that carry the folder across an air gap."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import click

from minimirror.cli.group import main
from minimirror.cli.options import config_option

__all__ = ["export", "import_"]

# Commands import what they need when they run: help, completion and version need none of it. And click finds
# its \b, which keeps the lines of a paragraph, only where the docstring is not raw.
# ruff: noqa: D301, PLC0415


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
    from minimirror.cli.commands.bundle_work import export_and_show, list_and_show
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
    from minimirror.cli.commands.bundle_work import import_and_show
    from minimirror.config import load

    config = load(path, {} if repository is None else {"repository": repository})
    sys.exit(import_and_show(config, files, **options))
