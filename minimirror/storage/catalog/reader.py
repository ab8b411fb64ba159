"""The catalog for a process that only reads it while another one writes."""

from __future__ import annotations

import json
import os
import sqlite3
import threading
from collections.abc import Iterator
from contextlib import closing, contextmanager, suppress
from itertools import islice
from pathlib import Path
from typing import NamedTuple

from minimirror.common import Failure
from minimirror.storage.catalog.catalog import PATIENCE, CatalogError, check_schema, reading_uri
from minimirror.storage.catalog.rows import FileRow, LocalFileRow
from minimirror.storage.catalog.runs import RunRow, RunTable
from minimirror.storage.catalog.sql import columns

__all__ = ["CatalogReader", "CatalogSummary"]

# ruff: noqa: S608 - only column names are put into the SQL here
_VALID = f"SELECT {columns(FileRow)} FROM files WHERE NOT invalid"
_LOCAL = f"SELECT {columns(LocalFileRow)} FROM local_files"

_BATCH = 1000
"""Filenames looked up at once."""


class CatalogSummary(NamedTuple):
    """What the catalog says of the whole mirror, as one commit left it."""

    files: int
    bytes: int
    last_complete: RunRow | None
    last_run: RunRow | None
    """The last run or import, which may be in progress."""

    missing: list[Failure]
    """What the last finished run could not mirror."""


class CatalogReader:
    """A catalog that another process writes, for any number of threads.

    It reads what was committed last, and no writer ever waits for it. If a run has replaced a damaged
    catalog, it reads the new one. It omits files whose bytes in the folder may be wrong. Every method raises
    :exc:`CatalogError` if the catalog cannot be read.
    """

    def __init__(self, path: Path, awaited: Path | None = None) -> None:
        """Open the catalog.

        :param awaited: another catalog, to be read as soon as somebody has created it
        :raises CatalogError: it does not exist, or this version of minimirror cannot read it
        """
        self._path = path
        self._awaited = awaited if awaited != path else None
        self._lock = threading.Lock()
        self._db: sqlite3.Connection | None = None
        self._identity: tuple[int, ...] = ()
        self._still = True
        self._opened = 0
        self.version()

    def close(self) -> None:
        """Close it; the next query opens it again."""
        with self._lock:
            self._drop()

    def version(self) -> tuple[int, int]:
        """Return a value that changes with every commit, and when the catalog is replaced."""
        ((version,),) = self._query("PRAGMA data_version")
        return self._opened, version

    def file(self, filename: str) -> FileRow | None:
        """Return a file that minimirror placed; None if it did not."""
        rows = self._query(f"{_VALID} AND filename = ?", filename)
        return FileRow(*rows[0]) if rows else None

    def local_file(self, filename: str) -> LocalFileRow | None:
        """Return what is recorded of a local file; None if it is not recorded."""
        rows = self._query(f"{_LOCAL} WHERE filename = ?", filename)
        return LocalFileRow(*rows[0]) if rows else None

    def files(self, project: str) -> list[FileRow]:
        """Return a project's files."""
        return [FileRow(*row) for row in self._query(f"{_VALID} AND project = ?", project)]

    def status(self, project: str) -> str | None:
        """Return a project's status (PEP 792); None for active."""
        rows = self._query("SELECT status FROM projects WHERE name = ?", project)
        return rows[0][0] if rows else None

    def local(self, filenames: Iterator[str]) -> Iterator[str]:
        """Yield those of the filenames that minimirror did not place.

        :param filenames: read before the catalog, some at a time: a run records a file before it places it
        """
        while batch := list(islice(filenames, _BATCH)):
            rows = self._query(
                "SELECT value FROM json_each(?) WHERE value NOT IN (SELECT filename FROM files)",
                json.dumps(batch),
            )
            yield from (name for (name,) in rows)

    def local_files(self, project: str) -> list[LocalFileRow]:
        """Return a project's local files, as the last run found them."""
        rows = self._query(f"{_LOCAL} WHERE project = ? ORDER BY filename", project)
        return [LocalFileRow(*row) for row in rows]

    def local_projects(self) -> list[str]:
        """Return the projects that have local files, by name."""
        return [name for (name,) in self._query("SELECT DISTINCT project FROM local_files ORDER BY project")]

    def projects(self) -> Iterator[str]:
        """Yield the projects that have files, by name, as one commit left them."""
        yield from (name for (name,) in self._walk("SELECT DISTINCT project FROM files ORDER BY project"))

    def files_after(self, filename: str, limit: int) -> list[FileRow]:
        """Return the next files by name: after this one, and so many at most."""
        query = f"{_VALID} AND filename > ? ORDER BY filename LIMIT ?"
        return [FileRow(*row) for row in self._query(query, filename, limit)]

    def all_files(self) -> Iterator[FileRow]:
        """Yield all files as one commit left them."""
        yield from (FileRow(*row) for row in self._walk(_VALID))

    def summary(self) -> CatalogSummary:
        """Return the sums of all files, and how the last runs went."""
        with self._apart() as db:
            db.execute("BEGIN")
            runs = RunTable(db)
            ((count, size),) = db.execute("SELECT count(*), coalesce(sum(size), 0) FROM files")
            last = next(runs.newest_first(), None)
            return CatalogSummary(count, size, runs.last_complete(), last, runs.missing())

    def _query(self, query: str, *values: object) -> list[tuple]:  # type: ignore[type-arg]
        with self._lock:
            try:
                return self._connection().execute(query, values).fetchall()
            except sqlite3.Error as error:
                self._drop()
                raise CatalogError(f"catalog {self._path}: {error}") from None

    def _walk(self, query: str) -> Iterator[tuple]:  # type: ignore[type-arg]
        with self._apart() as db:
            yield from db.execute(query)

    @contextmanager
    def _apart(self) -> Iterator[sqlite3.Connection]:
        """Yield a separate connection, so that no other thread waits."""
        try:
            with closing(self._open(self._path)[0]) as db:
                yield db
        except sqlite3.Error as error:
            raise CatalogError(f"catalog {self._path}: {error}") from None

    def _connection(self) -> sqlite3.Connection:
        if self._awaited is not None and self._awaited.exists():
            self._read_awaited(self._awaited)
        # If it does not exist at this moment, a run is about to create the new one.
        identity = self._identity
        with suppress(OSError):
            identity = self._identify()
        if self._db is None or identity != self._identity:
            opened, self._still = self._open(self._path)
            self._drop()
            self._db, self._identity = opened, identity if self._still else identity[:2]
            self._opened += 1
        return self._db

    def _read_awaited(self, awaited: Path) -> None:
        # Until then, it is being created.
        with suppress(CatalogError, sqlite3.Error):
            with closing(self._open(awaited)[0]) as db:
                db.execute("SELECT 1 FROM projects, files, runs LIMIT 1")
            self._path, self._awaited = awaited, None

    def _identify(self) -> tuple[int, ...]:
        """Return what changes when it has to be opened again: with each commit, if SQLite overlooks that."""
        found = os.stat(self._path)  # noqa: PTH116 - of each request; pathlib takes longer than the system
        if not self._still:
            return found.st_dev, found.st_ino
        size = 0
        with suppress(OSError):
            size = os.stat(f"{self._path}-wal").st_size  # noqa: PTH116
        return found.st_dev, found.st_ino, found.st_size, found.st_mtime_ns, size

    def _open(self, path: Path) -> tuple[sqlite3.Connection, bool]:
        uri, still = reading_uri(path)
        db = sqlite3.connect(uri, uri=True, timeout=PATIENCE, check_same_thread=False)
        try:
            check_schema(db, path)
        except BaseException:
            db.close()
            raise
        return db, still

    def _drop(self) -> None:
        if self._db is not None:
            self._db.close()
        self._db = None
