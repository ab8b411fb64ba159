"""Local files: distributions in the folder that minimirror did not place.

pypiserver lists them, and so does the static index. Each is read once, and again only if its size or
modification time has changed. One that somebody is still writing is not read.
"""

from __future__ import annotations

import os
import time
from collections.abc import Iterable

from minimirror.common import StoredFile, hash_file
from minimirror.distributions import (
    BrokenArchiveError,
    MetadataError,
    projects_named,
    read_filename,
    read_metadata,
    requires_python,
)
from minimirror.storage.catalog.pages import Pages
from minimirror.storage.catalog.rows import LocalFileRow
from minimirror.storage.repository import Repository

__all__ = ["STILL", "is_complete", "read_local_file", "record_local_files"]

STILL = 2.0
"""Seconds after which a file that has not changed is complete: whoever copies it writes more often."""

_LATEST = 2**63 - 1
"""The biggest integer of SQLite."""


def record_local_files(pages: Pages, folder: Repository, filenames: Iterable[str]) -> None:
    """Update the catalog's local files to match the folder. Wait once for files that were just written.

    :param filenames: the names of all files in the folder that minimirror did not place
    """
    known = {row.filename: row for row in pages.local_files()}
    # Some names can be read as two projects'; the first is the one that most installers see.
    local = {name: project for name in filenames for project in projects_named(name)[:1]}
    fresh = {
        name: project for name, project in local.items() if not _record(pages, folder, name, project, known)
    }
    if fresh:
        time.sleep(STILL)
    for name, project in fresh.items():
        if not _record(pages, folder, name, project, known):
            pages.untrack_local_files([name])
    pages.untrack_local_files(known.keys() - local.keys())


def _record(
    pages: Pages, folder: Repository, filename: str, project: str, known: dict[str, LocalFileRow]
) -> bool:
    """Record a file unless it was just written; return whether it is settled what the catalog says of it."""
    path, before = folder.file(filename), known.get(filename)
    try:
        found = path.stat()
        if before is not None and (before.size, before.mtime) == (found.st_size, _mtime(found)):
            return True
        if abs(time.time() - found.st_mtime) <= STILL:
            return False
        row = read_local_file(path, project)
    except OSError:
        # Just deleted, or unreadable: a web server cannot read it either.
        row = None
    if row is None:
        pages.untrack_local_files([filename])
    else:
        pages.put_local_files([row])
    return True


def _mtime(found: os.stat_result) -> int:
    """Return the modification time in nanoseconds, as far as the catalog has room: until 2262."""
    return min(found.st_mtime_ns, _LATEST)


def is_complete(path: StoredFile) -> bool:
    """Return whether a distribution file is an archive of its kind, and not only a part of one.

    :raises OSError: the file cannot be read
    """
    with path.open("rb") as stream:
        try:
            read_metadata(stream, path.name)
        except BrokenArchiveError:
            return False
        except MetadataError:
            pass
    return True


def read_local_file(path: StoredFile, project: str) -> LocalFileRow | None:
    """Read what a page says of a local file.

    :param project: normalized name
    :returns: None if it is no archive of its kind, or only a part of one
    :raises OSError: the file cannot be read
    """
    stat = path.stat()
    metadata = None
    try:
        with path.open("rb") as stream:
            metadata = read_metadata(stream, path.name)
    except BrokenArchiveError:
        return None
    except MetadataError:
        pass
    digests = hash_file(path)
    return LocalFileRow(
        filename=path.name,
        project=project,
        version=read_filename(path.name, project).version,
        size=digests.size,
        mtime=_mtime(stat),
        sha256=digests.sha256,
        requires_python=requires_python(metadata) if metadata else None,
    )
