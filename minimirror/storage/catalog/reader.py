"""The catalog for those who only read it, while another process writes."""

from __future__ import annotations

import json
import os
import sqlite3
import threading
from collections.abc import Iterator, Sequence
from contextlib import closing, suppress
from pathlib import Path

from minimirror.storage.catalog.catalog import PATIENCE, CatalogError
from minimirror.storage.catalog.rows import FileRow
from minimirror.storage.catalog.schema import SCHEMA_VERSION

__all__ = ["CatalogOutdatedError", "CatalogReader"]

# ruff: noqa: S608 - what is put into the SQL here are names of columns
_COLUMNS = ", ".join(FileRow._fields)


class CatalogOutdatedError(CatalogError):
    """The catalog is an older minimirror's; who opens it to write brings it up to date."""


class CatalogReader:
    """A catalog that another process writes, for any number of threads.

    Each answer is as the last commit left it, and no writer ever waits for it. Where a run has set a damaged
    catalog aside and made another, the next answer is from that one. Every method raises
    :exc:`CatalogError` where the catalog cannot be read.
    """

    def __init__(self, path: Path) -> None:
        """Open the catalog.

        :raises CatalogError: there is none, or it cannot be read by this minimirror
        """
        self._path = path
        self._lock = threading.Lock()
        self._db: sqlite3.Connection | None = None
        self._identity: tuple[int, int] | None = None
        self._opened = 0
        self.version()

    def close(self) -> None:
        """Close it; the next question opens it again."""
        with self._lock:
            self._drop()

    def version(self) -> tuple[int, int]:
        """What is another value after every commit, and after the catalog was replaced."""
        ((version,),) = self._ask("PRAGMA data_version")
        return self._opened, version

    def file(self, filename: str) -> FileRow | None:
        """A file that minimirror placed, None where it did not."""
        rows = self._ask(f"SELECT {_COLUMNS} FROM files WHERE filename = ?", filename)
        return FileRow(*rows[0]) if rows else None

    def files(self, project: str) -> list[FileRow]:
        """A project's files."""
        return [
            FileRow(*row) for row in self._ask(f"SELECT {_COLUMNS} FROM files WHERE project = ?", project)
        ]

    def status(self, project: str) -> str | None:
        """A project's status where that is not active (PEP 792)."""
        rows = self._ask("SELECT status FROM projects WHERE name = ?", project)
        return rows[0][0] if rows else None

    def file_count(self) -> int:
        """How many files there are."""
        ((count,),) = self._ask("SELECT count(*) FROM files")
        return int(count)

    def unknown(self, filenames: Sequence[str]) -> list[str]:
        """Those of the filenames, which are text, that minimirror did not place."""
        rows = self._ask(
            "SELECT value FROM json_each(?) WHERE value NOT IN (SELECT filename FROM files)",
            json.dumps(filenames),
        )
        return [name for (name,) in rows]

    def projects(self) -> Iterator[str]:
        """The projects that have files, by name, from one commit."""
        yield from (name for (name,) in self._walk("SELECT DISTINCT project FROM files ORDER BY project"))

    def all_files(self) -> Iterator[FileRow]:
        """All files, from one commit."""
        yield from (FileRow(*row) for row in self._walk(f"SELECT {_COLUMNS} FROM files"))

    def _ask(self, query: str, *values: object) -> list[tuple]:  # type: ignore[type-arg]
        with self._lock:
            try:
                return self._connection().execute(query, values).fetchall()
            except sqlite3.Error as error:
                self._drop()
                raise CatalogError(f"catalog {self._path}: {error}") from None

    def _walk(self, query: str) -> Iterator[tuple]:  # type: ignore[type-arg]
        """Rows one by one: with a connection of its own, so that nobody waits for it."""
        try:
            with closing(self._open()) as db:
                yield from db.execute(query)
        except sqlite3.Error as error:
            raise CatalogError(f"catalog {self._path}: {error}") from None

    def _connection(self) -> sqlite3.Connection:
        # Where there is none at this moment, the new one is not there yet.
        identity = self._identity
        with suppress(OSError):
            found = os.stat(self._path)  # noqa: PTH116 - of each request; pathlib takes longer than the system
            identity = (found.st_dev, found.st_ino)
        if self._db is None or identity != self._identity:
            opened = self._open()
            self._drop()
            self._db, self._identity = opened, identity
            self._opened += 1
        return self._db

    def _open(self) -> sqlite3.Connection:
        uri = f"{self._path.absolute().as_uri()}?mode=ro"
        db = sqlite3.connect(uri, uri=True, timeout=PATIENCE, check_same_thread=False)
        try:
            self._check(db)
        except BaseException:
            db.close()
            raise
        return db

    def _check(self, db: sqlite3.Connection) -> None:
        (version,) = db.execute("PRAGMA user_version").fetchone()
        if version == SCHEMA_VERSION:
            return
        newer = version > SCHEMA_VERSION
        kind, other = (CatalogError, "a newer") if newer else (CatalogOutdatedError, "an older")
        raise kind(
            f"catalog {self._path}: written by {other} minimirror (schema {version}, this one knows"
            f" {SCHEMA_VERSION})"
        )

    def _drop(self) -> None:
        if self._db is not None:
            self._db.close()
        self._db = None
