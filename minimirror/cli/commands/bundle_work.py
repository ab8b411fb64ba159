"""What the commands ``export`` and ``import`` do: the work, with progress beside it, and what came of it."""

from __future__ import annotations

import signal
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from json import dumps
from pathlib import Path

from pydantic import TypeAdapter, ValidationError

from minimirror.bundle import BundleRequestError, ImportResult, export, import_bundles, list_exports
from minimirror.cli.commands.mirror_work import print_lines
from minimirror.cli.output.bundle import export_lines, import_lines, list_lines
from minimirror.cli.output.progress import Display, choose
from minimirror.common import Status
from minimirror.config import Config, Size

__all__ = ["export_and_show", "import_and_show", "list_and_show"]

_STATUS_EVERY = 0.1
"""Seconds between two statuses that are shown."""


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
    size = None if split is None else _size(split)
    with _display(quiet=quiet) as display:
        found = export(config, to, since=since, split=size, sign=sign, force=force, progress=display)
    if json:
        print_lines([dumps(found.as_dict(), indent=2)])
    elif not quiet:
        print_lines(export_lines(found))
    return 0


@contextmanager
def _display(*, quiet: bool) -> Iterator[Callable[[Status], None]]:
    """What shows how far it is, ten times a second, once there is something to show.

    Not before: ssh-keygen may ask for a passphrase.
    """
    with ExitStack() as stack:
        shown: list[Display] = []
        last = 0.0

        def show(status: Status) -> None:
            nonlocal last
            now = time.monotonic()
            if now - last >= _STATUS_EVERY:
                last = now
                if not shown:
                    shown.append(stack.enter_context(choose(quiet=quiet)))
                shown[0](status)

        yield show


def _size(text: str) -> int:
    """Bytes of a part."""
    try:
        return TypeAdapter(Size).validate_python(text)
    except ValidationError:
        raise BundleRequestError(
            f"--split {text}: must be a size such as 4.7GB, 700MB, 2GiB or a number of bytes"
        ) from None


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
    done: list[ImportResult] = []
    try:
        with _display(quiet=quiet) as display:
            done.extend(import_bundles(config, files, replace=replace, progress=display))
    finally:
        # What was imported before a bundle that is refused is here.
        if json:
            print_lines([dumps({"version": 1, "imports": [found.as_dict() for found in done]}, indent=2)])
        elif not quiet:
            print_lines(line for found in done for line in import_lines(found))
    return 1 if any(found.damaged for found in done) else 0
