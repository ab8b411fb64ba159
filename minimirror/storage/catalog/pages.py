"""The state of the static index: which pages are current, and which metadata files exist.

Triggers mark a page as stale in the transaction that changes its content. So code that writes the catalog
need not care about pages, and if no page is stale, all are current.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable, Iterator

from minimirror.storage.catalog.rows import LocalFileRow, MetadataRow
from minimirror.storage.catalog.sql import columns, count, exists, placeholders

__all__ = ["Pages"]

# ruff: noqa: S608 - only column names are put into the SQL here
_BATCH = 500
_STALE_ROOT = "simple root"
"""The catalog's key for whether the root has to be written."""


class Pages:
    """The tables ``pages``, ``metadata`` and ``local_files``."""

    def __init__(self, db: sqlite3.Connection) -> None:
        self._db = db

    # Pages

    def stale(self) -> Iterator[str]:
        """Yield the projects whose page may not be current, by name. The catalog may be changed meanwhile."""
        return self._each("stale")

    def listed(self) -> Iterator[str]:
        """Yield the projects that the root lists, by name."""
        return self._each("listed")

    def empty(self) -> Iterator[str]:
        """Yield the projects whose current page lists no file and can be deleted."""
        return self._each("NOT listed AND NOT stale")

    def all(self) -> Iterator[str]:
        """Yield all projects that have a page, or should have one."""
        return self._each("TRUE")

    def _each(self, condition: str) -> Iterator[str]:
        query = f"SELECT project FROM pages WHERE {condition} AND project > ? ORDER BY project LIMIT ?"
        last = ""
        while rows := self._db.execute(query, (last, _BATCH)).fetchall():
            yield from (name for (name,) in rows)
            last = rows[-1][0]

    def is_stale(self, project: str) -> bool:
        """Return whether a project's page may not be current."""
        return exists(self._db, "pages WHERE project = ? AND stale", project)

    def is_listed(self, project: str) -> bool:
        """Return whether the root lists a project."""
        return exists(self._db, "pages WHERE project = ? AND listed", project)

    def count(self) -> int:
        """Return how many projects the root lists."""
        return count(self._db, "pages WHERE listed")

    def invalidate(self, projects: Iterable[str]) -> None:
        """Mark the pages of these projects as stale, and have their local files read again.

        :param projects: normalized names; an empty one means the root
        """
        for project in projects:
            if project:
                self._db.execute("DELETE FROM local_files WHERE project = ?", (project,))
                self._db.execute("UPDATE pages SET stale = 1 WHERE project = ?", (project,))
            else:
                self.set_root_stale(stale=True)

    def invalidate_files(self, filenames: Iterable[str]) -> None:
        """Mark the pages that list these files as stale."""
        self._db.executemany(
            "UPDATE pages SET stale = 1 WHERE project = (SELECT project FROM files WHERE filename = ?)",
            ((name,) for name in filenames),
        )

    def invalidate_all(self) -> None:
        """Mark all pages and the root as stale."""
        self._db.execute("UPDATE pages SET stale = 1")
        self.set_root_stale(stale=True)

    def placed(self, project: str, *, listed: bool) -> None:
        """Record that a project's page was written, and whether it lists files."""
        changed = self._db.execute(
            "UPDATE pages SET listed = ? WHERE project = ? AND listed <> ?", (listed, project, listed)
        )
        if changed.rowcount:
            self.set_root_stale(stale=True)

    def confirm(self, project: str) -> None:
        """Record that a project's page is current."""
        self._db.execute("UPDATE pages SET stale = 0 WHERE project = ?", (project,))

    def untrack(self, projects: Iterable[str]) -> None:
        """Remove projects whose pages were deleted."""
        self._db.executemany("DELETE FROM pages WHERE project = ?", ((p,) for p in projects))

    def unlist_all(self) -> None:
        """Record that no page exists any more."""
        self._db.execute("UPDATE pages SET stale = 1, listed = 0")

    def set_root_stale(self, *, stale: bool) -> None:
        """Record whether the root has to be written."""
        if stale:
            self._db.execute("INSERT OR REPLACE INTO meta VALUES (?, '1')", (_STALE_ROOT,))
        else:
            self._db.execute("DELETE FROM meta WHERE key = ?", (_STALE_ROOT,))

    def is_root_stale(self) -> bool:
        """Return whether the root has to be written."""
        return exists(self._db, "meta WHERE key = ?", _STALE_ROOT)

    # FILE.metadata

    def metadata_of(self, project: str) -> dict[str, MetadataRow]:
        """Return a project's metadata files, by the wheel's filename."""
        rows = self._db.execute(
            "SELECT filename, wheel, m.size, m.sha256 FROM metadata m JOIN files USING (filename)"
            " WHERE project = ? AND NOT gone",
            (project,),
        )
        return {row[0]: MetadataRow(*row) for row in rows}

    def put_metadata(self, rows: Iterable[MetadataRow]) -> None:
        """Add or update metadata files."""
        self._db.executemany("INSERT OR REPLACE INTO metadata VALUES (?, ?, ?, ?, 0)", rows)

    def metadata(self) -> Iterator[MetadataRow]:
        """Yield each metadata file that minimirror placed. Do not write to the catalog meanwhile."""
        rows = self._db.execute(
            "SELECT filename, wheel, size, sha256 FROM metadata WHERE sha256 <> '' AND NOT gone"
        )
        return (MetadataRow(*row) for row in rows)

    def gone_metadata(self) -> list[tuple[str, bool]]:
        """Return the deleted wheels, each with whether minimirror placed metadata beside it."""
        found = self._db.execute("SELECT filename, sha256 <> '' FROM metadata WHERE gone ORDER BY filename")
        return [(filename, bool(placed)) for filename, placed in found]

    def invalidate_metadata(self, filenames: Iterable[str]) -> None:
        """Make the metadata of these wheels, and the pages that offer it, be written again."""
        filenames = list(filenames)
        self.detach_metadata(filenames)
        self.invalidate_files(filenames)

    def detach_metadata(self, filenames: Iterable[str]) -> None:
        """Record that metadata beside these wheels may belong to other wheels."""
        self._db.executemany("UPDATE metadata SET wheel = '' WHERE filename = ?", ((n,) for n in filenames))

    def retry_metadata(self) -> None:
        """Make wheels without metadata be read again."""
        self._db.execute("DELETE FROM metadata WHERE sha256 = '' AND NOT gone")

    def has_metadata(self) -> bool:
        """Return whether any metadata file is recorded."""
        return exists(self._db, "metadata")

    def drop_metadata(self) -> None:
        """Mark all metadata files for deletion."""
        self._db.execute("UPDATE metadata SET gone = 1")

    def untrack_metadata(self, filenames: Iterable[str]) -> None:
        """Remove the metadata of these wheels from the catalog."""
        self._db.executemany("DELETE FROM metadata WHERE filename = ?", ((name,) for name in filenames))

    # Local files

    def local_files(self) -> list[LocalFileRow]:
        """Return the distribution files that minimirror did not place."""
        rows = self._db.execute(f"SELECT {columns(LocalFileRow)} FROM local_files")
        return [LocalFileRow(*row) for row in rows]

    def local_files_of(self, project: str) -> list[LocalFileRow]:
        """Return a project's local files."""
        rows = self._db.execute(
            f"SELECT {columns(LocalFileRow)} FROM local_files WHERE project = ?", (project,)
        )
        return [LocalFileRow(*row) for row in rows]

    def put_local_files(self, rows: Iterable[LocalFileRow]) -> None:
        """Add or update local files."""
        self._db.executemany(
            f"INSERT OR REPLACE INTO local_files VALUES ({placeholders(LocalFileRow)})", rows
        )

    def untrack_local_files(self, filenames: Iterable[str]) -> None:
        """Remove local files that were deleted or adopted."""
        self._db.executemany("DELETE FROM local_files WHERE filename = ?", ((name,) for name in filenames))
