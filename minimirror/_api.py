"""What only callers from Python need: a config and bundles by plain paths, and plain results."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING

from minimirror.bundle import export, import_bundles
from minimirror.config import config_path, load

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence
    from os import PathLike

    from minimirror.bundle import ExportResult, ImportResult
    from minimirror.common import ProgressCallback
    from minimirror.config import Config

__all__ = ["export_bundle", "import_bundle", "load_config"]


def load_config(
    path: str | PathLike[str] | None = None, overrides: Mapping[str, object] | None = None
) -> Config:
    """Read and check a config file, as ``--config`` does.

    ``load_config("lab.json", {"processes": 8}).processes`` is 8.

    :param path: the file; without it, ``MINIMIRROR_CONFIG`` names it, or else it is ``~/.minirepo``
    :param overrides: values that replace the file's. A relative path among them starts at the current
        directory; one in the file starts at the file's folder
    :raises ConfigError: the file cannot be read or is invalid, with all errors and their lines
    """
    return load(config_path(None if path is None else Path(path)), overrides)


def export_bundle(  # noqa: PLR0913 - each option is one of the command
    config: Config,
    to: str | PathLike[str],
    *,
    since: str = "last",
    split: int | None = None,
    sign: str | PathLike[str] | None = None,
    force: bool = False,
    without_local: bool = False,
    with_installer: Sequence[str] | None = None,
    progress: ProgressCallback | None = None,
) -> ExportResult:
    """Write a bundle of the mirror, to carry it across an air gap.

    ``export_bundle(config, "lab-1.tar").paths`` is ``[Path("lab-1.tar")]``, or ``[]`` if nothing has changed.

    :param to: the bundle's file; if it is split, its first part
    :param since: leave out bytes that exports up to this one carried: ``"last"``; ``"all"`` to leave out none
        (a full bundle); or a run, a date, or ``"export:3"``, as for `minimirror export`
    :param split: the maximum size of a part in bytes
    :param sign: the SSH key to sign with
    :param force: overwrite existing files
    :param without_local: leave out local files
    :param with_installer: also write a file that installs minimirror, with these extras, where there is only
        Python: ``["serve"]``, or ``[]`` for no extras
    :param progress: called about ten times per second with the progress
    :raises MinimirrorError: the bundle cannot be created, and nothing of it is left behind
    """
    key = None if sign is None else Path(sign)
    return export(
        config,
        Path(to),
        since=since,
        split=split,
        sign=key,
        force=force,
        without_local=without_local,
        with_installer=with_installer,
        progress=progress or (lambda _: None),
    )


def import_bundle(
    config: Config,
    paths: str | PathLike[str] | Iterable[str | PathLike[str]],
    *,
    replace: bool = False,
    check: bool = False,
    progress: ProgressCallback | None = None,
) -> list[ImportResult]:
    """Import a bundle, or several, oldest first, into the mirror.

    ``import_bundle(config, "lab-1.tar")[0].added`` is the number of files that are new.

    :param paths: the bundle's file, or all files of one or several bundles in any order
    :param replace: go back to an older bundle, or replace what bundles of another mirror brought
    :param check: check the bundles and say what an import would do, but change nothing
    :param progress: called about ten times per second with the progress
    :returns: one result for each bundle
    :raises MinimirrorError: a bundle is damaged, does not fit or is not allowed: nothing of it was imported,
        and the others were
    """
    found = [Path(each) for each in ([paths] if isinstance(paths, str | os.PathLike) else paths)]
    report = progress or (lambda _: None)
    return list(import_bundles(config, found, replace=replace, check=check, progress=report))
