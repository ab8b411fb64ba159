"""What the commands ``export`` and ``import`` do: the work, with progress beside it, and what came of it."""

from __future__ import annotations

import signal
from collections.abc import Sequence
from json import dumps
from pathlib import Path

from minimirror.bundle.exporting import export, list_exports
from minimirror.bundle.importing import import_bundles
from minimirror.bundle.results import Imported
from minimirror.bundle.split import read_split
from minimirror.bundle.tell import export_lines, import_lines, list_lines
from minimirror.commands import print_lines
from minimirror.config import Config
from minimirror.display import choose

__all__ = ["export_and_show", "import_and_show", "list_and_show"]


def export_and_show(  # noqa: PLR0913 - the command's options
    config: Config,
    to: Path,
    *,
    since: str,
    split: str | None,
    sign: Path | None,
    force: bool,
    quiet: bool,
    json: bool,
) -> int:
    """Export, show how far it is on standard error and what came of it on standard output.

    :returns: the command's exit code
    """
    # Ended by SIGTERM, too, it leaves nothing behind.
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    size = None if split is None else read_split(split)
    with choose(quiet=quiet) as display:
        found = export(config, to, since=since, split=size, sign=sign, force=force, progress=display)
    if json:
        print_lines([dumps(found.as_dict(), indent=2)])
    elif not quiet:
        print_lines(export_lines(found))
    return 0


def list_and_show(config: Config, *, json: bool) -> int:
    """Show the exports that were made.

    :returns: the command's exit code
    """
    exports = list_exports(config)
    if json:
        print_lines([dumps({"version": 1, "exports": [row._asdict() for row in exports]}, indent=2)])
    else:
        print_lines(list_lines(exports))
    return 0


def import_and_show(config: Config, files: Sequence[Path], *, replace: bool, quiet: bool, json: bool) -> int:
    """Import, show how far it is on standard error and what came of it on standard output.

    :returns: the command's exit code
    """
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    done: list[Imported] = []
    try:
        with choose(quiet=quiet) as display:
            done.extend(import_bundles(config, files, replace=replace, progress=display))
    finally:
        # What was imported before a bundle that is refused is here.
        if json:
            print_lines([dumps({"version": 1, "imports": [found.as_dict() for found in done]}, indent=2)])
        elif not quiet:
            print_lines(line for found in done for line in import_lines(found))
    return 1 if any(found.damaged for found in done) else 0
