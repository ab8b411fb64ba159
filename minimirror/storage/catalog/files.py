"""The files that minimirror placed."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable, Iterator
from typing import NamedTuple

from minimirror.storage.catalog.rows import FileRow
from minimirror.storage.catalog.sql import columns, count, placeholders

__all__ = ["FileTable", "HeldRelease", "TrackedFile"]

# ruff: noqa: S608 - only column names are put into the SQL here
_COLUMNS = columns(FileRow)


class TrackedFile(NamedTuple):
    """The data of a file that is compared with the folder."""

    filename: str
    project: str
    size: int
    """Bytes."""

    invalid: int
    """1 if it must be fetched again even if the folder has it."""

    requires_python: str | None


class HeldRelease(NamedTuple):
    """The files of a release, in sums."""

    project: str
    version: str
    """As in the filenames."""

    files: int
    bytes: int
    uploaded: float | None
    """When the last of them was uploaded, in seconds since the epoch; None if unknown."""

    yanked: str | None
    """The reason, may be empty; None if not all of them are yanked."""


class FileTable:
    """The table ``files``."""

    def __init__(self, db: sqlite3.Connection) -> None:
        self._db = db

    def of(self, project: str) -> dict[str, FileRow]:
        """Return a project's files by filename."""
        rows = self._db.execute(f"SELECT {_COLUMNS} FROM files WHERE project = ?", (project,))
        return {row[0]: FileRow(*row) for row in rows}

    def tracked(self) -> Iterator[TrackedFile]:
        """Yield every file. Do not write to the catalog meanwhile."""
        rows = self._db.execute("SELECT filename, project, size, invalid, requires_python FROM files")
        return map(TrackedFile._make, rows)

    def all(self) -> Iterator[FileRow]:
        """Yield every file, the biggest first. Do not write to the catalog meanwhile."""
        rows = self._db.execute(f"SELECT {_COLUMNS} FROM files ORDER BY size DESC, filename")
        return (FileRow(*row) for row in rows)

    def count(self) -> int:
        """Return how many files the mirror holds."""
        return count(self._db, "files")

    def held(self) -> dict[str, int]:
        """Return how many ``files`` the mirror holds, and their ``bytes``."""
        files, size = self._db.execute("SELECT count(*), ifnull(sum(size), 0) FROM files").fetchone()
        return {"files": files, "bytes": size}

    def releases(self) -> Iterator[HeldRelease]:
        """Yield every release, by project. Do not write to the catalog meanwhile."""
        rows = self._db.execute(
            "SELECT project, version, count(*), sum(size), max(upload_time),"
            " CASE WHEN count(yanked) = count(*) THEN max(yanked) END FROM files GROUP BY project, version"
        )
        return map(HeldRelease._make, rows)

    def invalid(self, project: str) -> set[str]:
        """Return a project's files that must be fetched again."""
        rows = self._db.execute("SELECT filename FROM files WHERE invalid AND project = ?", (project,))
        return {name for (name,) in rows}

    def put(self, rows: Iterable[FileRow], *, invalid: bool = False) -> None:
        """Add or update files.

        :param invalid: whether the folder may still have the old bytes under this name
        """
        self._db.executemany(
            f"INSERT OR REPLACE INTO files ({_COLUMNS}, invalid)"
            f" VALUES ({placeholders(FileRow)}, {int(invalid)})",
            rows,
        )

    def invalidate(self, filenames: Iterable[str]) -> None:
        """Make the next run fetch these files again, even if they are in the folder."""
        self._db.executemany(
            "UPDATE files SET invalid = 1 WHERE filename = ?", ((name,) for name in filenames)
        )

    def untrack(self, filenames: Iterable[str]) -> None:
        """Remove files from the catalog. What gets such a name later is the user's: no import deletes it."""
        names = [(name,) for name in filenames]
        for table in ("files", "imported"):
            self._db.executemany(f"DELETE FROM {table} WHERE filename = ?", names)
