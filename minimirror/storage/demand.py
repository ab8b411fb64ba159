"""What clients asked the server for: what was fetched on demand, what they did not get, and kept pages.

A database of its own, ``demand.sqlite`` beside the catalog, which only servers write: counting never waits
for a run. Whatever clients can add to it without end has a bound.
"""

from __future__ import annotations

import os
import sqlite3
import threading
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import ExitStack, closing, contextmanager, suppress
from pathlib import Path
from typing import NamedTuple

from minimirror.storage.catalog.catalog import CatalogError, connect
from minimirror.storage.catalog.sql import columns, count, exists, placeholders

__all__ = ["UNKNOWN", "Demand", "DemandedFile", "KeptPage", "MissedProject", "read_demanded", "read_missed"]

# ruff: noqa: S608 - only column names are put into the SQL here

UNKNOWN = "its index has no such project"
"""Why clients do not get a project that nobody can add."""

_MISSED = 10_000
"""Projects that clients did not get, at most: those that were asked for most often."""

_PAGES = 256 << 20
"""Bytes of pages that are kept."""

_NAME = 100
"""Characters of a name that is kept; no project has a longer one."""

_CLEAN_AT = 1000
"""Rows beyond a bound that are dropped at once."""

_SCHEMA = """
BEGIN;
CREATE TABLE files (         -- those that were fetched on demand
    filename TEXT PRIMARY KEY,
    project TEXT NOT NULL,
    version TEXT NOT NULL,
    first REAL NOT NULL,     -- seconds since the epoch: when a client asked for it first
    last REAL NOT NULL,
    uses INTEGER NOT NULL    -- how often clients got it
) WITHOUT ROWID;
CREATE INDEX files_of_project ON files (project);
CREATE TABLE missed (        -- projects that clients asked for and did not get
    project TEXT PRIMARY KEY,
    requests INTEGER NOT NULL,
    first REAL NOT NULL,
    last REAL NOT NULL,
    why TEXT NOT NULL
) WITHOUT ROWID;
CREATE INDEX rare ON missed (requests, last);
CREATE TABLE pages (         -- what the rules select of upstream pages
    project TEXT PRIMARY KEY,
    fetched REAL NOT NULL,   -- seconds since the epoch
    due REAL,                -- when the rules may select something else of the same page
    validator TEXT NOT NULL,
    rules TEXT NOT NULL,     -- digest of the rules
    content TEXT NOT NULL    -- JSON
);
CREATE INDEX oldest ON pages (fetched);
PRAGMA user_version = 1;
COMMIT;
"""


class DemandedFile(NamedTuple):
    """A file that was fetched on demand. Times are in seconds since the epoch."""

    filename: str
    project: str
    version: str
    first: float
    last: float
    """When a client got it last."""

    uses: int
    """How often clients got it."""


class MissedProject(NamedTuple):
    """A project that clients asked for and did not get. Times are in seconds since the epoch."""

    project: str
    requests: int
    first: float
    last: float
    why: str


class KeptPage(NamedTuple):
    """What the rules selected of an upstream page. Times are in seconds since the epoch."""

    project: str
    fetched: float
    due: float | None
    """When the rules may select something else of the same page."""

    validator: str
    rules: str
    """Digest of the rules."""

    content: str
    """JSON."""


class Demand:
    """The open database. Any number of threads may share it; every change is saved at once."""

    def __init__(self, path: Path) -> None:
        """Open the database, and create it if there is none.

        :raises CatalogError: it cannot be read or written
        """
        self._path = path
        self._lock = threading.Lock()
        self._bytes: int | None = None
        self._db = _opened(path, read_only=False)

    def close(self) -> None:
        """Close it."""
        with self._lock:
            self._db.close()

    @contextmanager
    def _change(self) -> Iterator[sqlite3.Connection]:
        """Yield the connection; save what is done in the block, or nothing of it."""
        with self._lock, _explained(self._path), self._db as db:
            yield db

    def came(self, file: DemandedFile) -> None:
        """Add a file that is about to come; if it is known, count one more use of it."""
        with self._change() as db:
            db.execute(
                f"INSERT INTO files ({columns(DemandedFile)}) VALUES ({placeholders(DemandedFile)})"
                " ON CONFLICT (filename) DO UPDATE SET last = excluded.last, uses = uses + excluded.uses",
                file,
            )

    def has(self, project: str) -> bool:
        """Return whether anything of a project was fetched on demand."""
        with self._change() as db:
            return exists(db, "files WHERE project = ?", project)

    def use(self, counts: Mapping[str, int], now: float) -> None:
        """Count uses of files; those that were not fetched on demand do not matter.

        :param counts: by filename
        """
        values = [(now, count, filename) for filename, count in counts.items()]
        with self._change() as db:
            db.executemany("UPDATE files SET last = ?, uses = uses + ? WHERE filename = ?", values)

    def miss(self, missed: Iterable[MissedProject]) -> None:
        """Count requests for projects that are not here; of too many, the rare ones are dropped."""
        rows = [each for each in missed if len(each.project) <= _NAME]
        with self._change() as db:
            db.executemany(
                f"INSERT INTO missed ({columns(MissedProject)}) VALUES ({placeholders(MissedProject)})"
                " ON CONFLICT (project) DO UPDATE SET requests = requests + excluded.requests,"
                " last = excluded.last, why = excluded.why",
                rows,
            )
            known = count(db, "missed")
            if known > _MISSED + _CLEAN_AT:
                db.execute(
                    "DELETE FROM missed WHERE project IN"
                    " (SELECT project FROM missed ORDER BY requests, last LIMIT ?)",
                    (known - _MISSED,),
                )

    def drop_expired(self, limit: float, is_here: Callable[[str], bool]) -> None:
        """Drop the files that no client has got since a time, if runs have deleted them.

        :param is_here: returns whether the mirror has a file
        """
        with self._change() as db:
            found = db.execute("SELECT filename FROM files WHERE last < ?", (limit,)).fetchall()
        self.drop([filename for (filename,) in found if not is_here(filename)])

    def drop(self, filenames: Iterable[str]) -> None:
        """Drop files that are not here."""
        with self._change() as db:
            db.executemany("DELETE FROM files WHERE filename = ?", [(each,) for each in filenames])

    def page(self, project: str) -> KeptPage | None:
        """Return the page that is kept of a project."""
        query = f"SELECT {columns(KeptPage)} FROM pages WHERE project = ?"
        with self._change() as db:
            row = db.execute(query, (project,)).fetchone()
        return KeptPage(*row) if row else None

    def keep(self, page: KeptPage) -> None:
        """Keep a page; the oldest pages are dropped for it, if need be."""
        with self._change() as db:
            db.execute(f"INSERT OR REPLACE INTO pages VALUES ({placeholders(KeptPage)})", page)
            known = self._bytes
            self._bytes = _total(db) if known is None else known + len(page.content)
            if self._bytes > _PAGES:
                self._bytes = _drop_oldest(db)

    def confirm(self, project: str, now: float) -> None:
        """Record that a page has not changed."""
        with self._change() as db:
            db.execute("UPDATE pages SET fetched = ? WHERE project = ?", (now, project))


def _total(db: sqlite3.Connection) -> int:
    return int(db.execute("SELECT ifnull(sum(length(content)), 0) FROM pages").fetchone()[0])


def _drop_oldest(db: sqlite3.Connection) -> int:
    """Drop the oldest pages until some room is free; return the bytes of those that are left."""
    left = _total(db)
    rows = db.execute("SELECT project, length(content) FROM pages ORDER BY fetched").fetchall()
    while left > _PAGES * 3 // 4 and rows:
        project, size = rows.pop(0)
        db.execute("DELETE FROM pages WHERE project = ?", (project,))
        left -= size
    return left


def read_demanded(path: Path) -> list[DemandedFile]:
    """Return the files that were fetched on demand, by project and name; none if there is no database.

    :raises CatalogError: it cannot be read
    """
    query = f"SELECT {columns(DemandedFile)} FROM files ORDER BY project, filename"
    return [DemandedFile(*row) for row in _read(path, query)]


def read_missed(path: Path) -> list[MissedProject]:
    """Return the projects that clients asked for and did not get, the most wanted first.

    :raises CatalogError: the database cannot be read
    """
    query = f"SELECT {columns(MissedProject)} FROM missed ORDER BY requests DESC, last DESC, project"
    return [MissedProject(*row) for row in _read(path, query)]


def _read(path: Path, query: str) -> list[tuple]:  # type: ignore[type-arg]
    if not os.path.exists(path):  # noqa: PTH110 - answers for a folder that may not be searched
        return []
    with closing(_opened(path, read_only=True)) as db, _explained(path):
        is_new = not db.execute("PRAGMA user_version").fetchone()[0]
        return [] if is_new else db.execute(query).fetchall()


def _opened(path: Path, *, read_only: bool) -> sqlite3.Connection:
    with ExitStack() as stack, _explained(path):
        db = connect(path, read_only=read_only, check_same_thread=False)
        stack.callback(db.close)
        (version,) = db.execute("PRAGMA user_version").fetchone()
        if version > 1:
            raise CatalogError(f"{path}: written by a newer minimirror; update minimirror")
        if not version and not read_only:
            with suppress(sqlite3.OperationalError):
                db.executescript(_SCHEMA)
            # If another server has just created the tables.
            db.rollback()
        stack.pop_all()
        return db


@contextmanager
def _explained(path: Path) -> Iterator[None]:
    try:
        yield
    except sqlite3.Error as error:
        # Others tell of the disk, not of the database.
        is_damaged = not isinstance(error, sqlite3.OperationalError)
        advice = ". It lists what was fetched on demand; if you delete it, the next run deletes those files"
        raise CatalogError(f"{path}: {error}{advice * is_damaged}") from None
