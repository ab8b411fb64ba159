"""What a bundle lists, compared with the catalog before anything is written, and the earlier imports.

The list is in temporary tables, so that its length does not matter, and disappears with the connection.
"""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterator
from typing import NamedTuple

from minimirror.storage.catalog.catalog import Catalog
from minimirror.storage.catalog.rows import FileRow, ListedFile, ProjectRow
from minimirror.storage.catalog.sql import columns, exists

__all__ = ["Arrivals", "LastImport", "TwiceError"]

# ruff: noqa: S608 - only names of tables and columns are put into the SQL here

_FILES = columns(FileRow)
_PROJECTS = columns(ProjectRow)
_LAST = "last import"
"""The catalog's key for the bundle that was imported last."""

_TABLES = f"""
CREATE TEMP TABLE arriving_files AS SELECT {_FILES}, 0 AS local, 0 AS carried_by FROM files WHERE 0;
CREATE UNIQUE INDEX temp.arriving_filename ON arriving_files (filename);
CREATE TEMP TABLE arriving_projects AS SELECT {_PROJECTS} FROM projects WHERE 0;
CREATE UNIQUE INDEX temp.arriving_name ON arriving_projects (name);
CREATE TEMP TABLE exporting (number INTEGER PRIMARY KEY, name TEXT, made REAL);
CREATE TEMP TABLE lacking (filename TEXT PRIMARY KEY) WITHOUT ROWID;
"""

_NEW_FILES = (
    f"SELECT {_FILES} FROM temp.arriving_files WHERE NOT local"
    f" EXCEPT SELECT {_FILES} FROM main.files WHERE NOT invalid"
)
_NEW_PROJECTS = f"SELECT {_PROJECTS} FROM temp.arriving_projects EXCEPT SELECT {_PROJECTS} FROM main.projects"


class TwiceError(ValueError):
    """The same name is listed twice."""


class LastImport(NamedTuple):
    """The bundle that was imported last."""

    mirror: str
    """The mirror that it was made from."""

    number: int
    """The number of the export in that mirror."""

    name: str


class ArrivalCounts(NamedTuple):
    """How much a bundle lists."""

    files: int
    local: int
    """Local files."""

    lacking: int
    """Files that the folder lacks."""

    lacking_bytes: int


class Arrivals:
    """What a bundle lists, and what the folder lacks of it."""

    def __init__(self, catalog: Catalog) -> None:
        self._catalog = catalog
        self._db = catalog.db
        self._db.executescript(_TABLES)

    def add_file(self, file: ListedFile) -> None:
        """Add a file.

        :raises TwiceError: it was added before
        """
        self._insert("arriving_files", (*file.row, file.local, file.carried_by))

    def add_project(self, row: ProjectRow) -> None:
        """Add a project.

        :raises TwiceError: it was added before
        """
        self._insert("arriving_projects", row)

    def add_export(self, number: int, name: str, made: float) -> None:
        """Add an earlier export, which carried bytes of listed files.

        :raises TwiceError: it was added before
        """
        self._insert("exporting", (number, name, made))

    def _insert(self, table: str, row: tuple[object, ...]) -> None:
        try:
            self._db.execute(f"INSERT INTO temp.{table} VALUES ({', '.join('?' * len(row))})", row)
        except sqlite3.IntegrityError:
            raise TwiceError(f"{row[0]} is listed twice") from None

    # What is listed, and what is here

    def files(self) -> Iterator[tuple[ListedFile, bool]]:
        """Yield the listed files by name, each with whether the catalog has the same content."""
        return self._files(
            "f.sha256 = a.sha256 AND NOT invalid", "LEFT JOIN main.files AS f ON f.filename = a.filename"
        )

    def carried(self, number: int) -> Iterator[tuple[ListedFile, bool]]:
        """Yield the files that an export carries by name, each with whether the folder lacks it."""
        return self._files(
            "l.filename IS NOT NULL",
            f"LEFT JOIN temp.lacking AS l ON l.filename = a.filename WHERE carried_by = {number}",
        )

    def lacking(self) -> Iterator[tuple[ListedFile, bool]]:
        """Yield the files that the folder lacks by name, each with whether the catalog has its name."""
        return self._files(
            "f.filename IS NOT NULL",
            "JOIN temp.lacking USING (filename) LEFT JOIN main.files AS f ON f.filename = a.filename",
        )

    def _files(self, value: str, source: str) -> Iterator[tuple[ListedFile, bool]]:
        names = ", ".join(f"a.{name}" for name in FileRow._fields)
        rows = self._db.execute(
            f"SELECT {names}, local, carried_by, {value} FROM temp.arriving_files AS a {source}"
            " ORDER BY a.filename"
        )
        return (
            (ListedFile(FileRow(*row), bool(local), carried_by), bool(found))
            for *row, local, carried_by, found in rows
        )

    def lack(self, filename: str) -> None:
        """Record that the folder lacks a file. Allowed while :meth:`files` is iterated."""
        self._db.execute("INSERT INTO temp.lacking VALUES (?)", (filename,))

    def count(self) -> ArrivalCounts:
        """Count what is listed, and what the folder lacks of it."""
        found = self._db.execute(
            "SELECT count(*), ifnull(sum(local), 0), count(l.filename),"
            " ifnull(sum(CASE WHEN l.filename IS NOT NULL THEN size END), 0)"
            " FROM temp.arriving_files LEFT JOIN temp.lacking AS l USING (filename)"
        )
        return ArrivalCounts(*found.fetchone())

    def missing(self, number: int) -> Iterator[tuple[str, int, str | None, float]]:
        """Yield the files that the folder lacks and an export does not carry.

        :returns: the filename, and the last export that carried it: its number, name and time
        """
        yield from self._db.execute(
            "SELECT filename, carried_by, name, made FROM temp.lacking JOIN temp.arriving_files"
            " USING (filename) LEFT JOIN temp.exporting ON number = carried_by"
            " WHERE carried_by <> ? ORDER BY carried_by, filename",
            (number,),
        )

    def lists(self, filename: str) -> bool:
        """Return whether a file is listed."""
        return exists(self._db, "temp.arriving_files WHERE filename = ?", filename)

    def brings(self, project: str) -> bool:
        """Return whether the folder lacks mirrored files of a project."""
        return exists(
            self._db,
            "temp.lacking JOIN temp.arriving_files USING (filename) WHERE NOT local AND project = ?",
            project,
        )

    def imported(self, filename: str) -> list[str]:
        """Return the digests of the files with this name that an import placed, or was about to place."""
        rows = self._db.execute("SELECT sha256 FROM imported WHERE filename = ?", (filename,))
        return [sha256 for (sha256,) in rows]

    def leaving(self) -> Iterator[tuple[str, str, str | None]]:
        """Yield the files that an import placed and that are not listed: filename, sha256 and project.

        The project of a local file is None.
        """
        yield from self._db.execute(
            "SELECT i.filename, i.sha256, f.project FROM imported AS i"
            " LEFT JOIN main.files AS f USING (filename)"
            " WHERE i.filename NOT IN (SELECT filename FROM temp.arriving_files)"
            " AND ifnull(f.sha256 = i.sha256, 1) ORDER BY i.filename"
        )

    # Changes

    def is_same(self) -> bool:
        """Return whether the catalog has the rows of all listed files and projects."""
        return not exists(self._db, f"({_NEW_FILES})") and not exists(self._db, f"({_NEW_PROJECTS})")

    def claim(self) -> None:
        """Record the files that the import will have placed, so that a later one may delete them."""
        self._db.execute(
            "INSERT OR IGNORE INTO imported SELECT filename, sha256 FROM temp.arriving_files"
            " WHERE filename IN (SELECT filename FROM temp.lacking)"
            " OR NOT local AND filename NOT IN (SELECT filename FROM main.files)"
        )

    def record(self) -> None:
        """Write the rows of the listed files and projects to the catalog."""
        self._db.execute(
            "DELETE FROM main.files WHERE filename IN (SELECT filename FROM temp.arriving_files WHERE local)"
        )
        self._db.execute(f"INSERT OR REPLACE INTO main.files ({_FILES}) {_NEW_FILES}")
        self._db.execute(f"INSERT OR REPLACE INTO main.projects ({_PROJECTS}) {_NEW_PROJECTS}")

    def settle(self, last: LastImport) -> None:
        """Record an import, after what it does not list was deleted."""
        self._db.execute(
            "DELETE FROM imported WHERE NOT EXISTS (SELECT 1 FROM temp.arriving_files AS new"
            " WHERE new.filename = imported.filename AND new.sha256 = imported.sha256)"
        )
        self._db.execute(
            "DELETE FROM main.projects WHERE name NOT IN (SELECT name FROM temp.arriving_projects)"
            " AND name NOT IN (SELECT project FROM main.files)"
        )
        self._catalog.remember(_LAST, json.dumps(last))

    def keep_lost(self, number: int) -> None:
        """Lack only files that an export carries and that an import placed here, so that they were lost."""
        self._db.execute(
            "DELETE FROM temp.lacking WHERE filename NOT IN (SELECT a.filename FROM temp.arriving_files AS a"
            " JOIN imported USING (filename, sha256) WHERE carried_by = ?)",
            (number,),
        )

    def last_import(self) -> LastImport | None:
        """Return the bundle that was imported last; None if there is none."""
        found = self._catalog.recall(_LAST)
        return LastImport(*json.loads(found)) if found else None
