"""Somebody's own files: distributions in the folder that minimirror did not place.

pypiserver shows them, and so does the static index; nothing is put beside them. Each is read once, and again
only when its size or its time has changed.
"""

from __future__ import annotations

from collections.abc import Iterable
from io import FileIO
from pathlib import Path

from minimirror.common import Digests
from minimirror.distributions import (
    MetadataError,
    projects_named,
    read_filename,
    read_wheel_metadata,
    requires_python,
)
from minimirror.storage.catalog import LocalFileRow, Pages
from minimirror.storage.folder import MirrorFolder

__all__ = ["take_own_files"]


def take_own_files(pages: Pages, repository: MirrorFolder, unknown: Iterable[str]) -> None:
    """Bring what the catalog knows of such files to what is there.

    :param unknown: the names of all files in the folder that minimirror did not place
    """
    known = {row.filename: row for row in pages.own_files()}
    for filename in unknown:
        # Installers may take a name for more than one project's; the first is the one that most of them see.
        for project in projects_named(filename)[:1]:
            before = known.pop(filename, None)
            try:
                row = _read(repository.path / filename, project, before)
            except OSError:
                # Removed at this moment, or not to be read, by a web server either.
                pages.forget_own_files([filename])
                continue
            if row != before:
                pages.put_own_files([row])
    pages.forget_own_files(known)


def _read(path: Path, project: str, known: LocalFileRow | None) -> LocalFileRow:
    stat = path.stat()
    if known is not None and (known.size, known.mtime) == (stat.st_size, stat.st_mtime_ns):
        return known
    digests = Digests({})
    with FileIO(path) as stream:
        digests.read(stream)
    return LocalFileRow(
        filename=path.name,
        project=project,
        version=read_filename(path.name, project).version,
        size=digests.size,
        mtime=stat.st_mtime_ns,
        sha256=digests.sha256,
        requires_python=_requires_python(path) if path.suffix == ".whl" else None,
    )


def _requires_python(path: Path) -> str | None:
    """What a wheel says of the Pythons that it is for, if it can be read."""
    try:
        with path.open("rb") as stream:
            return requires_python(read_wheel_metadata(stream, path.name))
    except MetadataError:
        return None
