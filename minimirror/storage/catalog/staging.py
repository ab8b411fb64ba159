"""What a bundle adds and removes, compared with the catalog before anything is written.

It is in temporary tables, so that its length does not matter, and disappears with the connection.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable, Iterator

from minimirror.storage.catalog.catalog import Catalog
from minimirror.storage.catalog.rows import (
    FILE_STATE,
    PROJECT_STATE,
    FileRow,
    ImportRow,
    ProjectRow,
    state_digest,
)
from minimirror.storage.catalog.sql import columns, exists, placeholders

__all__ = ["Arrivals", "TwiceError"]

# ruff: noqa: S608 - only names of tables and columns are put into the SQL here

_FILES = columns(FileRow)
_PROJECTS = columns(ProjectRow)
_IMPORTS = columns(ImportRow)

_TABLES = f"""
CREATE TEMP TABLE arriving_files AS SELECT {_FILES}, 0 AS carried FROM files WHERE 0;
CREATE UNIQUE INDEX temp.arriving_filename ON arriving_files (filename);
CREATE TEMP TABLE arriving_projects AS SELECT {_PROJECTS} FROM projects WHERE 0;
CREATE UNIQUE INDEX temp.arriving_name ON arriving_projects (name);
CREATE TEMP TABLE leaving_files (filename TEXT PRIMARY KEY) WITHOUT ROWID;
CREATE TEMP TABLE leaving_projects (name TEXT PRIMARY KEY) WITHOUT ROWID;
"""


class TwiceError(ValueError):
    """The same name is added twice, or both added and removed."""


class Arrivals:
    """What an import adds and removes."""

    def __init__(self, catalog: Catalog) -> None:
        self._catalog = catalog
        self._db = catalog.db
        self._db.executescript(_TABLES)

    # What is added and removed

    def add_file(self, row: FileRow, *, carried: bool) -> None:
        """Add a file.

        :param carried: whether the bundle has its bytes; otherwise only its row changes
        :raises TwiceError: it was added before
        """
        self._insert(f"arriving_files ({_FILES}, carried)", (*row, carried))

    def add_project(self, row: ProjectRow) -> None:
        """Add a project.

        :raises TwiceError: it was added before
        """
        self._insert(f"arriving_projects ({_PROJECTS})", row)

    def remove_file(self, filename: str) -> None:
        """Add a file to remove.

        :raises TwiceError: it was added before
        """
        self._insert("leaving_files (filename)", (filename,))

    def remove_project(self, name: str) -> None:
        """Add a project to remove.

        :raises TwiceError: it was added before
        """
        self._insert("leaving_projects (name)", (name,))

    def _insert(self, into: str, row: tuple[object, ...]) -> None:
        try:
            self._db.execute(f"INSERT INTO temp.{into} VALUES ({', '.join('?' * len(row))})", row)
        except sqlite3.IntegrityError:
            raise TwiceError(f"{row[0]} is in it twice") from None

    def remove_all_else(self) -> None:
        """Remove every file and project that is not added."""
        for key, what in (("filename", "files"), ("name", "projects")):
            self._db.execute(
                f"INSERT INTO temp.leaving_{what} SELECT {key} FROM main.{what}"
                f" WHERE {key} NOT IN (SELECT {key} FROM temp.arriving_{what})"
            )

    def check(self) -> None:
        """Check that nothing is both added and removed.

        :raises TwiceError: something is
        """
        for key, what in (("filename", "files"), ("name", "projects")):
            both = f"SELECT {key} FROM temp.arriving_{what} INTERSECT SELECT {key} FROM temp.leaving_{what}"
            if found := self._db.execute(f"{both} LIMIT 1").fetchone():
                raise TwiceError(f"{found[0]} both comes and goes")

    # The mirror after the import

    def state(self) -> str:
        """Return the state that the mirror would have."""
        return state_digest(
            self._after("files", "filename", FILE_STATE), self._after("projects", "name", PROJECT_STATE)
        )

    def _after(self, what: str, key: str, columns: Iterable[str]) -> sqlite3.Cursor:
        names = ", ".join(columns)
        return self._db.execute(
            f"SELECT {names} FROM main.{what} WHERE {key} NOT IN (SELECT {key} FROM temp.arriving_{what})"
            f" AND {key} NOT IN (SELECT {key} FROM temp.leaving_{what})"
            f" UNION ALL SELECT {names} FROM temp.arriving_{what} ORDER BY {key}"
        )

    def lacks(self) -> bool:
        """Return whether a file is missing whose bytes the bundle does not have."""
        return exists(
            self._db,
            "temp.arriving_files AS new WHERE NOT carried AND NOT EXISTS (SELECT 1 FROM main.files AS old"
            " WHERE old.filename = new.filename AND old.sha256 = new.sha256)",
        )

    def carried(self) -> Iterator[FileRow]:
        """Yield the files whose bytes the bundle has, by name. Other tables may be changed meanwhile."""
        rows = self._db.execute(f"SELECT {_FILES} FROM temp.arriving_files WHERE carried ORDER BY filename")
        return (FileRow(*row) for row in rows)

    def known(self, filename: str) -> bool:
        """Return whether minimirror placed a file with this name here."""
        return exists(self._db, "main.files WHERE filename = ?", filename)

    def brings(self, project: str) -> bool:
        """Return whether files of a project are added."""
        return exists(self._db, "temp.arriving_files WHERE carried AND project = ?", project)

    def carries(self, filename: str) -> bool:
        """Return whether a file is added."""
        return exists(self._db, "temp.arriving_files WHERE carried AND filename = ?", filename)

    def leaving(self) -> Iterator[tuple[str, str]]:
        """Yield the files to remove that minimirror placed here, each with its project."""
        yield from self._db.execute(
            "SELECT filename, project FROM temp.leaving_files JOIN main.files USING (filename)"
            " ORDER BY filename"
        )

    def record(self) -> None:
        """Write the rows of the added files and projects to the catalog."""
        for what, names in (("files", _FILES), ("projects", _PROJECTS)):
            self._db.execute(
                f"INSERT OR REPLACE INTO main.{what} ({names}) SELECT {names} FROM temp.arriving_{what}"
            )

    def untrack(self) -> None:
        """Remove the other files and projects from the catalog."""
        for key, what in (("filename", "files"), ("name", "projects")):
            self._db.execute(
                f"DELETE FROM main.{what} WHERE {key} IN (SELECT {key} FROM temp.leaving_{what})"
            )

    # Imports

    def last_import(self) -> ImportRow | None:
        """Return the bundle that was imported last; None if there is none."""
        query = f"SELECT {_IMPORTS} FROM imports ORDER BY id DESC LIMIT 1"
        found = self._db.execute(query).fetchone()
        return ImportRow(*found) if found else None

    def record_import(self, row: ImportRow) -> None:
        """Record that a bundle was imported."""
        self._db.execute(f"INSERT INTO imports ({_IMPORTS}) VALUES ({placeholders(ImportRow)})", row)
