"""Commands that carry the mirror across an air gap: export, import."""

from __future__ import annotations

import re
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import click

from minimirror.cli.console import print_json, print_lines, print_result
from minimirror.cli.group import main
from minimirror.cli.options import json_option, quiet_option, with_config

if TYPE_CHECKING:
    from minimirror.bundle import ImportResult
    from minimirror.config import Config

__all__ = ["export", "import_"]

NOTHING = 3
"""The exit code of an export that makes no bundle, because nothing has changed."""

# ruff: noqa: D301, PLC0415, PLR0913 - see the package's docstring


@main.command()
@with_config("repository")
@click.option("--to", metavar="FILE", type=click.Path(path_type=Path), help="Bundle to write: lab-1.tar.")
@click.option(
    "--since",
    default="last",
    show_default=True,
    metavar="last|all|RUN|DATE|export:N",
    help="Include what is new since the last export, a run, a date or an export; `all` includes everything.",
)
@click.option(
    "--split", metavar="SIZE", help="Split into parts of at most SIZE, such as 4.7GB: FILE.tar, FILE.2.tar, …"
)
@click.option(
    "--sign",
    metavar="KEY",
    type=click.Path(path_type=Path),
    help="Sign with this SSH key; give the .pub file to sign with ssh-agent.",
)
@click.option("--without-local", is_flag=True, help="Leave out local packages.")
@click.option(
    "--with-installer",
    metavar="[EXTRAS]",
    is_flag=False,
    flag_value="",
    help="Also write FILE.pyz, an installer for machines that have only Python, with EXTRAS such as serve.",
)
@click.option("--force", is_flag=True, help="Overwrite an existing FILE.")
@click.option("--list", "list_only", is_flag=True, help="List earlier exports.")
@quiet_option("Print nothing.")
@json_option
def export(
    config: Config,
    *,
    to: Path | None,
    since: str,
    split: str | None,
    sign: Path | None,
    without_local: bool,
    with_installer: str | None,
    force: bool,
    list_only: bool,
    quiet: bool,
    json: bool,
) -> None:
    """Write a bundle of the files that are new since the last one.

    A bundle lists every file of the mirror, including local packages, and contains those that earlier bundles
    did not. On another machine, `minimirror import` makes a folder match this list. You can skip a bundle if
    its files are already there.

    \b
    Exit codes:
      0    exported
      1    the bundle could not be written
      2    invalid config or options
      3    nothing has changed, or nothing is mirrored: no bundle was written

    \b
    Examples:
      minimirror export --to /media/usb/lab-1.tar
      minimirror export --to lab-2.tar --sign ~/.ssh/id_ed25519
      minimirror export --to lab-3.tar --split 4.7GB
      minimirror export --to lab-full.tar --since all --with-installer=serve
      minimirror export --list
    """
    from minimirror.bundle import export as export_mirror
    from minimirror.cli.output.bundle import export_lines
    from minimirror.cli.output.progress import choose_display, late_display

    if list_only == (to is not None):
        raise click.UsageError("Give either --to FILE or --list.")
    if to is None:
        _list_exports(config, json=json)
        return
    size = None if split is None else _size(split)
    with late_display(quiet=quiet) if sign else choose_display("reading the catalog", quiet=quiet) as display:
        found = export_mirror(
            config,
            to,
            since=since,
            split=size,
            sign=sign,
            force=force,
            without_local=without_local,
            with_installer=None if with_installer is None else re.findall(r"[^\s,]+", with_installer),
            progress=display,
        )
    print_result(found.as_dict, export_lines(found), json=json, quiet=quiet)
    sys.exit(0 if found.paths else NOTHING)


def _list_exports(config: Config, *, json: bool) -> None:
    from minimirror.bundle import list_exports
    from minimirror.cli.output.bundle import list_lines
    from minimirror.cli.output.screen import Screen

    exports = list_exports(config)
    print_result(
        lambda: {"version": 1, "exports": [row._asdict() for row in exports]},
        list_lines(exports, Screen.of_stdout()),
        json=json,
    )


def _size(text: str) -> int:
    """Return bytes."""
    from pydantic import TypeAdapter, ValidationError

    from minimirror.bundle import BundleRequestError
    from minimirror.config import Size

    try:
        return TypeAdapter(Size).validate_python(text)
    except ValidationError:
        raise BundleRequestError(
            f"--split {text}: must be a size such as 4.7GB, 700MB, 2GiB or a number of bytes"
        ) from None


@main.command("import")
@with_config("repository")
@click.argument(
    "files",
    nargs=-1,
    required=True,
    metavar="FILE...",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
)
@click.option("--replace", is_flag=True, help="Allow a bundle that is older, or from another mirror.")
@click.option("--check", is_flag=True, help="Check the bundles and show what would happen; change nothing.")
@quiet_option()
@json_option
def import_(
    config: Config,
    files: tuple[Path, ...],
    *,
    replace: bool,
    check: bool,
    quiet: bool,
    json: bool,
) -> None:
    """Import bundles made by `minimirror export`.

    Give all parts of each bundle, in any order. Each bundle is checked completely before anything changes,
    and then imported as a whole. If one cannot be imported, the others still are. You can interrupt an import
    at any time; importing the same bundle again continues it.

    \b
    Exit codes:
      0    the mirror has every file that the newest bundle lists
      1    a bundle is damaged or does not fit
      2    invalid config or options

    \b
    Examples:
      minimirror import /media/usb/lab-1.tar
      minimirror import /media/usb/lab-*.tar
      minimirror import --check /media/usb/lab-7.tar
    """
    from minimirror.bundle import import_bundles
    from minimirror.cli.output.bundle import import_lines
    from minimirror.cli.output.progress import choose_display

    done: list[ImportResult] = []
    try:
        with choose_display("reading the bundles", quiet=quiet) as display:
            done.extend(import_bundles(config, files, replace=replace, check=check, progress=display))
    finally:
        # Bundles that were imported count, even if others could not be.
        if json:
            print_json({"version": 1, "imports": [found.as_dict() for found in done]})
        elif not quiet:
            print_lines(line for found in done for line in import_lines(found))
