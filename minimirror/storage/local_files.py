"""Local files: distributions in the folder that minimirror did not place.

pypiserver lists them, and so does the static index. Each is read once, and again only if its size or
modification time has changed.
"""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from minimirror.common import hash_file
from minimirror.distributions import (
    MetadataError,
    projects_named,
    read_filename,
    read_wheel_metadata,
    requires_python,
)
from minimirror.storage.catalog import LocalFileRow, Pages
from minimirror.storage.folder import MirrorFolder

__all__ = ["record_local_files"]


def record_local_files(pages: Pages, folder: MirrorFolder, filenames: Iterable[str]) -> None:
    """Update the catalog's local files to match the folder.

    :param filenames: the names of all files in the folder that minimirror did not place
    """
    known = {row.filename: row for row in pages.local_files()}
    for filename in filenames:
        # Some names can be read as two projects'; the first is the one that most installers see.
        for project in projects_named(filename)[:1]:
            before = known.pop(filename, None)
            try:
                row = _read(folder.path / filename, project, before)
            except OSError:
                # Just deleted, or unreadable: a web server cannot read it either.
                pages.untrack_local_files([filename])
                continue
            if row != before:
                pages.put_local_files([row])
    pages.untrack_local_files(known)


def _read(path: Path, project: str, known: LocalFileRow | None) -> LocalFileRow:
    stat = path.stat()
    if known is not None and (known.size, known.mtime) == (stat.st_size, stat.st_mtime_ns):
        return known
    digests = hash_file(path)
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
    try:
        with path.open("rb") as stream:
            return requires_python(read_wheel_metadata(stream, path.name))
    except MetadataError:
        return None
