"""What a bundle lists, compared with the catalog before anything is written, and the earlier imports.

The list is in temporary tables, so that its length does not matter, and disappears with the connection.
"""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Callable, Iterable, Iterator, Mapping
from itertools import groupby
from typing import NamedTuple

from minimirror.storage.catalog.catalog import Catalog
from minimirror.storage.catalog.rows import EarlierExport, FileRow, ListedFile, ProjectRow
from minimirror.storage.catalog.sql import columns, exists

__all__ = ["Arrivals", "LastImport", "TwiceError"]

# ruff: noqa: S608 - only names of tables and columns are put into the SQL here

_FILES = columns(FileRow)
_PROJECTS = columns(ProjectRow)
_LAST = "last import"
"""The catalog's key for the bundle that was imported last."""

_TABLES = f"""
CREATE TEMP TABLE arriving_files ({_FILES}, local, carried_by, PRIMARY KEY (filename)) WITHOUT ROWID;
CREATE TEMP TABLE arriving_projects ({_PROJECTS}, PRIMARY KEY (name)) WITHOUT ROWID;
CREATE TEMP TABLE exporting (number INTEGER PRIMARY KEY, name TEXT, made REAL);
CREATE TEMP TABLE lacking (filename TEXT PRIMARY KEY, occupied INTEGER) WITHOUT ROWID;
CREATE TEMP TABLE here (filename TEXT PRIMARY KEY, size INTEGER) WITHOUT ROWID;
CREATE TEMP TABLE kept (filename TEXT PRIMARY KEY) WITHOUT ROWID;
"""

_NEW_FILES = (
    f"SELECT {_FILES} FROM temp.arriving_files WHERE NOT local"
    " AND filename NOT IN (SELECT filename FROM temp.kept)"
    f" EXCEPT SELECT {_FILES} FROM main.files WHERE NOT invalid"
)
_UPDATED = (
    "SELECT f.filename, f.size, f.sha256 FROM temp.arriving_files AS a JOIN imported USING (filename, sha256)"
    " JOIN main.files AS f ON f.filename = a.filename AND f.sha256 <> a.sha256 AND NOT invalid"
    " WHERE (f.filename, f.sha256) NOT IN (SELECT filename, sha256 FROM imported)"
)
_NEW_PROJECTS = f"SELECT {_PROJECTS} FROM temp.arriving_projects EXCEPT SELECT {_PROJECTS} FROM main.projects"


_TABLE_OF = {
    EarlierExport: ("temp.exporting", len(EarlierExport._fields)),
    ProjectRow: ("temp.arriving_projects", len(ProjectRow._fields)),
    ListedFile: ("temp.arriving_files", len(FileRow._fields) + 2),
}
"""The table of what a manifest lists, and its number of columns."""


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

    def add(self, rows: Iterable[EarlierExport | ProjectRow | ListedFile]) -> None:
        """Add what a manifest lists.

        :raises TwiceError: the same was added before
        """
        last: tuple[object, ...] = ()

        def flat(rows: Iterable[tuple[object, ...]]) -> Iterator[tuple[object, ...]]:
            nonlocal last
            for row in rows:
                last = (*row.row, row.local, row.carried_by) if isinstance(row, ListedFile) else row
                yield last

        try:
            for kind, group in groupby(rows, type):
                table, count = _TABLE_OF[kind]
                self._db.executemany(f"INSERT INTO {table} VALUES ({', '.join('?' * count)})", flat(group))
        except sqlite3.IntegrityError:
            raise TwiceError(f"{last[0]} is listed twice") from None

    # What is listed, and what is here

    def keep_updated(self, is_here: Callable[[str, int, str], bool]) -> int:
        """Keep files that an import placed and a run has updated since, if the bundle lists the old content.

        :param is_here: tells by filename, bytes and sha256 whether the folder has the new content
        :returns: how many there are
        """
        kept = [(name,) for name, size, sha256 in self._db.execute(_UPDATED) if is_here(name, size, sha256)]
        self._db.executemany("INSERT INTO temp.kept VALUES (?)", kept)
        return len(kept)

    def carried(self, number: int) -> Iterator[tuple[str, int, float | None, str, str | None]]:
        """Yield the files that an export carries, by name.

        :returns: filename, bytes, upload time, sha256, and the filename again if the folder lacks it
        """
        return self._db.execute(
            "SELECT a.filename, size, upload_time, sha256, l.filename FROM temp.arriving_files AS a"
            " LEFT JOIN temp.lacking AS l ON l.filename = a.filename WHERE carried_by = ?"
            " ORDER BY a.filename",
            (number,),
        )

    def lack(self, sizes: Iterable[tuple[str, int | None]]) -> None:
        """Record which listed files the folder lacks, by their bytes.

        :param sizes: everything in the folder: its name, and its bytes; None if it is no regular file
        """
        self._db.executemany(
            "INSERT INTO temp.here VALUES (?, ?)", (each for each in sizes if each[0].isascii())
        )
        self._db.execute(
            "INSERT INTO temp.lacking SELECT filename, here.filename IS NOT NULL"
            " FROM temp.arriving_files AS a LEFT JOIN temp.here USING (filename)"
            " WHERE here.size IS NOT a.size AND filename NOT IN (SELECT filename FROM temp.kept)"
        )

    def doubtful(self, number: int) -> Iterator[tuple[str, str]]:
        """Yield files that are here with the listed bytes' number, but may have other content.

        :param number: the export's, which can replace what it carries if that has changed on the disk
        :returns: filename and sha256
        """
        return self._db.execute(
            "SELECT a.filename, a.sha256 FROM temp.arriving_files AS a JOIN temp.here USING (filename, size)"
            " LEFT JOIN main.files AS f ON f.filename = a.filename AND f.sha256 = a.sha256 AND NOT invalid"
            " WHERE (f.filename IS NULL OR carried_by = ?)"
            " AND a.filename NOT IN (SELECT filename FROM temp.kept)",
            (number,),
        )

    def lack_too(self, filenames: Iterable[str]) -> None:
        """Record that the folder has other content under these names."""
        self._db.executemany("INSERT INTO temp.lacking VALUES (?, 1)", ((name,) for name in filenames))

    def await_files(self, files: Mapping[str, str]) -> None:
        """Do not lack what earlier bundles will bring.

        :param files: their filenames and sha256
        """
        self._db.execute(
            "DELETE FROM temp.lacking WHERE filename IN (SELECT filename FROM temp.arriving_files"
            " JOIN json_each(?) ON key = filename AND value = sha256)",
            (json.dumps(files),),
        )

    def lacking(self) -> Iterator[tuple[FileRow, bool]]:
        """Yield the files that the folder lacks, by name.

        :returns: the columns up to the digest, and whether the folder has anything with this name
        """
        rows = self._db.execute(
            "SELECT a.filename, a.project, a.version, a.size, a.sha256, occupied"
            " FROM temp.lacking JOIN temp.arriving_files AS a USING (filename) ORDER BY a.filename"
        )
        return ((FileRow(*row[:5]), row[5] == 1) for row in rows)

    def occupied(self) -> Iterator[tuple[str, bool]]:
        """Yield the files that the folder lacks but whose names are taken.

        :returns: the filename, and whether an import may replace it: the catalog has it and it stays mirrored
        """
        rows = self._db.execute(
            "SELECT a.filename, f.filename IS NOT NULL AND NOT local"
            " FROM temp.lacking JOIN temp.arriving_files AS a USING (filename)"
            " LEFT JOIN main.files AS f ON f.filename = a.filename WHERE occupied ORDER BY a.filename"
        )
        return ((name, replaceable == 1) for name, replaceable in rows)

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
        """Write the rows of the listed files and projects; a file that the folder lacks is invalid."""
        self._db.execute(
            "DELETE FROM main.files WHERE filename IN (SELECT filename FROM temp.arriving_files WHERE local)"
            " AND filename NOT IN (SELECT filename FROM temp.kept)"
        )
        self._db.execute(
            "DELETE FROM main.local_files WHERE filename IN"
            " (SELECT filename FROM temp.lacking WHERE occupied)"
        )
        self._db.execute(
            f"INSERT OR REPLACE INTO main.files ({_FILES}, invalid)"
            f" SELECT *, filename IN (SELECT filename FROM temp.lacking) FROM ({_NEW_FILES})"
        )
        self._set_invalid(1)
        self._db.execute(f"INSERT OR REPLACE INTO main.projects ({_PROJECTS}) {_NEW_PROJECTS}")

    def confirm(self) -> None:
        """Record that the files which the folder lacked are here."""
        self._set_invalid(0)

    def _set_invalid(self, invalid: int) -> None:
        self._db.execute(
            "UPDATE main.files SET invalid = :new WHERE invalid <> :new"
            " AND filename IN (SELECT filename FROM temp.lacking)",
            {"new": invalid},
        )

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
        """Lack only files that an export carries and that were lost after an import had placed them.

        A file is not lost if the catalog has other content under its name: a run has updated it. Nor is a
        file that the catalog does not list if the folder has another one with its name.
        """
        self._db.execute(
            "DELETE FROM temp.lacking WHERE filename NOT IN (SELECT a.filename FROM temp.lacking"
            " JOIN temp.arriving_files AS a USING (filename) JOIN imported USING (filename, sha256)"
            " LEFT JOIN main.files AS f ON f.filename = a.filename"
            " WHERE carried_by = ? AND ifnull(f.sha256 = a.sha256, NOT occupied))",
            (number,),
        )

    def list_lost(self) -> None:
        """List only the lost files, each as the catalog has it: that is newer than the bundle."""
        self._db.execute(
            "DELETE FROM temp.arriving_files WHERE filename NOT IN (SELECT filename FROM temp.lacking)"
        )
        self._db.execute("DELETE FROM temp.arriving_projects")
        self._db.execute(
            f"INSERT OR REPLACE INTO temp.arriving_files SELECT {_FILES}, 0, carried_by FROM main.files"
            " JOIN (SELECT filename, carried_by FROM temp.arriving_files) USING (filename)"
        )

    def last_import(self) -> LastImport | None:
        """Return the bundle that was imported last; None if there is none."""
        found = self._catalog.recall(_LAST)
        return LastImport(*json.loads(found)) if found else None
