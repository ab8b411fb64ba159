"""The catalog as a whole: opening, committing, and its tables."""

from __future__ import annotations

import json
import os
import sqlite3
from collections.abc import Iterable
from contextlib import ExitStack, suppress
from itertools import islice
from pathlib import Path

from minimirror.common import MinimirrorError, open_regular
from minimirror.storage.catalog.changes import ChangeTables
from minimirror.storage.catalog.files import FileTable
from minimirror.storage.catalog.pages import Pages
from minimirror.storage.catalog.projects import ProjectTable
from minimirror.storage.catalog.rows import ResolutionRow
from minimirror.storage.catalog.runs import RunTable
from minimirror.storage.catalog.schema import ADDED, SCHEMA, SCHEMA_VERSION
from minimirror.storage.catalog.upstream import UpstreamTable

__all__ = [
    "PATIENCE",
    "Catalog",
    "CatalogDamagedError",
    "CatalogError",
    "check_schema",
    "connect",
    "is_catalog_full",
    "reading_uri",
]

PATIENCE = 10.0
"""Seconds to wait for another process that is writing to the catalog."""

_APPLICATION_ID = 0x6D6D6975
"""SQLite's ``application_id`` of a catalog; development versions had others, or none."""


_BATCH = 10_000
"""Filenames looked up at once."""

_UNTRACKED = """
SELECT key FROM json_each(?) WHERE value NOT IN (SELECT filename FROM files) AND NOT (
    value LIKE '%.metadata' AND substr(value, 1, length(value) - 9) IN
    (SELECT filename FROM metadata WHERE sha256 <> '')
)
"""


class CatalogError(MinimirrorError):
    """The catalog cannot be used."""


class CatalogDamagedError(CatalogError):
    """The catalog's file is damaged; a run rebuilds it from the folder and the index."""


class Catalog:
    """An open catalog. :meth:`commit` saves the changes made so far; without it, they are lost."""

    def __init__(self, path: Path, *, read_only: bool = False) -> None:
        """Open the catalog, and create it if there is none.

        :param read_only: write nothing to it except temporary tables; if there is no file, use an empty
            catalog in memory
        :raises CatalogError: it is damaged, locked, or written by a newer minimirror
        """
        self._path = path
        with ExitStack() as stack:
            try:
                self.db = connect(path, read_only=read_only)
                """The connection, for the other files of this folder."""
                stack.callback(self.db.close)
                self._create(read_only=read_only)
            except sqlite3.Error as error:
                raise _explained(path, error) from None
            stack.pop_all()
        self.projects = ProjectTable(self.db)
        self.files = FileTable(self.db)
        self.runs = RunTable(self.db)
        self.changes = ChangeTables(self.db)
        self.pages = Pages(self.db)
        """The state of the static index."""
        self.upstream = UpstreamTable(self.db)

    def _create(self, *, read_only: bool) -> None:
        if check_schema(self.db, self._path):
            self.db.executescript(
                f"BEGIN; {SCHEMA} PRAGMA application_id = {_APPLICATION_ID};"
                f" PRAGMA user_version = {SCHEMA_VERSION}; COMMIT;"
            )
        if not read_only:
            self.db.executescript(ADDED)

    def close(self) -> None:
        """Close the catalog and drop uncommitted changes."""
        self.db.close()

    def __enter__(self) -> Catalog:
        return self

    def __exit__(self, _type: object, error: BaseException | None, _traceback: object) -> None:
        self.close()
        if isinstance(error, sqlite3.Error):
            raise _explained(self._path, error) from error

    def commit(self) -> None:
        """Save all changes made so far."""
        self.db.commit()

    def recall(self, key: str) -> str | None:
        """Return the text that was stored under a key; None if there is none."""
        found = self.db.execute("SELECT value FROM meta WHERE key = ?", (key,)).fetchone()
        return found[0] if found else None

    def remember(self, key: str, value: str | None) -> None:
        """Store a text under a key; None deletes it."""
        if value is None:
            self.db.execute("DELETE FROM meta WHERE key = ?", (key,))
        else:
            self.db.execute("INSERT OR REPLACE INTO meta VALUES (?, ?)", (key, value))

    def local_filenames(self, filenames: Iterable[str]) -> list[str]:
        """Return the sorted filenames that minimirror did not place.

        :param filenames: the names of all files in the folder
        """
        found: list[str] = []
        names = iter(filenames)
        while batch := list(islice(names, _BATCH)):
            # Their places in the list, because the name of a local file may not be valid text.
            found += (batch[place] for (place,) in self.db.execute(_UNTRACKED, (json.dumps(batch),)))
        return sorted(found)

    def resolutions(self) -> list[ResolutionRow]:
        """Return the resolutions, by input and target."""
        rows = self.db.execute("SELECT input, target, key, due, found FROM resolutions")
        return [ResolutionRow(*row) for row in rows]

    def put_resolution(self, row: ResolutionRow) -> None:
        """Store a resolution."""
        self.db.execute(
            "INSERT OR REPLACE INTO resolutions (input, target, key, due, found) VALUES (?, ?, ?, ?, ?)", row
        )

    def delete_resolutions(self, keys: Iterable[tuple[str, str]]) -> None:
        """Delete the resolutions for these inputs and targets."""
        self.db.executemany("DELETE FROM resolutions WHERE input = ? AND target = ?", keys)


def connect(path: Path, *, read_only: bool, check_same_thread: bool = True) -> sqlite3.Connection:
    """Open a database; to read one that does not exist, use an empty one in memory."""
    if not read_only:
        with suppress(OSError):  # it exists, or SQLite will say why it cannot be created
            # SQLite itself would not give it all permissions that the umask leaves.
            os.close(open_regular(str(path), os.O_RDWR | os.O_CREAT | os.O_EXCL))
        db = sqlite3.connect(path, timeout=PATIENCE, check_same_thread=check_same_thread)
        try:
            db.execute("PRAGMA journal_mode = WAL")
            db.execute("PRAGMA synchronous = FULL")
        except BaseException:
            db.close()
            raise
        return db
    if not os.path.exists(path):  # noqa: PTH110 - answers for a folder that may not be searched
        return sqlite3.connect(":memory:")
    uri, _ = reading_uri(path)
    return sqlite3.connect(uri, uri=True, timeout=PATIENCE)


def reading_uri(path: Path) -> tuple[str, bool]:
    """Return the URI with which SQLite reads a catalog, and whether it then overlooks all later changes."""
    # To read a catalog in WAL mode, SQLite has to create files beside it, unless nobody can be writing.
    beside = os.access(path.parent, os.W_OK, effective_ids=os.access in os.supports_effective_ids)
    still = not beside and not _size(path.with_name(f"{path.name}-wal"))
    return f"{path.absolute().as_uri()}?mode=ro{'&immutable=1' * still}", still


def _size(path: Path) -> int:
    with suppress(OSError):
        return path.stat().st_size
    return 0


def check_schema(db: sqlite3.Connection, path: Path) -> bool:
    """Check that this version of minimirror can read the tables of a catalog.

    :returns: whether it is new and has no tables yet
    :raises CatalogDamagedError: a development version of minimirror wrote it
    :raises CatalogError: a newer minimirror wrote it
    """
    (version,) = db.execute("PRAGMA user_version").fetchone()
    (application,) = db.execute("PRAGMA application_id").fetchone()
    if version and application != _APPLICATION_ID:
        raise CatalogDamagedError(f"catalog {path}: written by a development version of minimirror")
    if version > SCHEMA_VERSION:
        raise CatalogError(
            f"catalog {path}: written by a newer minimirror (schema {version}, this one knows"
            f" {SCHEMA_VERSION}); update minimirror"
        )
    return not version


def is_catalog_full(error: BaseException) -> bool:
    """Return whether the catalog could not be written because the disk, or the user's quota, is full."""
    return isinstance(error, sqlite3.OperationalError) and "disk is full" in str(error)


def _explained(path: Path, error: sqlite3.Error) -> CatalogError:
    if is_catalog_full(error):
        return CatalogError(
            f"catalog {path}: the disk or a quota is full. Free some space or select less, then run again"
        )
    # Only this class: errors derived from it have other causes.
    damaged = type(error) is sqlite3.DatabaseError
    return (CatalogDamagedError if damaged else CatalogError)(f"catalog {path}: {error}")
