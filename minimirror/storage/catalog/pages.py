"""What the catalog knows of the static index: which pages are true, and what is beside the files.

A page turns stale by the tables' own triggers, in the transaction that changes what it says; so nothing that
writes the catalog has to think of pages, and a run that finds none stale knows that all are true.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable, Iterator
from typing import NamedTuple

__all__ = ["LocalFileRow", "MetadataRow", "Pages"]

_BATCH = 500
_LISTING = "simple root"
"""The key under which the catalog remembers that the root is to be written."""


class MetadataRow(NamedTuple):
    """``FILE.metadata`` beside a wheel, or that there is none."""

    filename: str
    """The wheel's."""

    wheel: str
    """sha256 of the wheel that it was read from."""

    size: int = 0
    """Bytes."""

    sha256: str = ""
    """Empty where the wheel has none, or somebody's own file is in its place."""


class LocalFileRow(NamedTuple):
    """A distribution file in the folder that minimirror did not place."""

    filename: str
    project: str
    """Normalized name."""

    version: str
    size: int
    """Bytes."""

    mtime: int
    """Nanoseconds since the epoch."""

    sha256: str
    requires_python: str | None = None


# ruff: noqa: S608 - what is put into the SQL here are names of columns
_OWN_COLUMNS = ", ".join(LocalFileRow._fields)
_OWN_VALUES = ", ".join("?" * len(LocalFileRow._fields))


class Pages:
    """The part of an open catalog that is about the static index."""

    def __init__(self, db: sqlite3.Connection) -> None:
        self._db = db

    # Pages

    def stale(self) -> Iterator[str]:
        """The projects whose page may not be true, by name. The catalog may be written meanwhile."""
        return self._each("SELECT project FROM pages WHERE stale AND project > ? ORDER BY project LIMIT ?")

    def listed(self) -> Iterator[str]:
        """The projects that the root names, by name."""
        return self._each("SELECT project FROM pages WHERE listed AND project > ? ORDER BY project LIMIT ?")

    def empty(self) -> Iterator[str]:
        """The projects whose page names no file, so that it is to be removed; true pages alone."""
        return self._each(
            "SELECT project FROM pages WHERE NOT listed AND NOT stale AND project > ?"
            " ORDER BY project LIMIT ?"
        )

    def all(self) -> Iterator[str]:
        """All projects that have a page, or should have one."""
        return self._each("SELECT project FROM pages WHERE project > ? ORDER BY project LIMIT ?")

    def _each(self, query: str) -> Iterator[str]:
        last = ""
        while rows := self._db.execute(query, (last, _BATCH)).fetchall():
            yield from (name for (name,) in rows)
            last = rows[-1][0]

    def is_stale(self, project: str) -> bool:
        """Whether a project's page may not be true."""
        found = self._db.execute("SELECT stale FROM pages WHERE project = ?", (project,)).fetchone()
        return bool(found and found[0])

    def is_listed(self, project: str) -> bool:
        """Whether the root names a project."""
        found = self._db.execute("SELECT listed FROM pages WHERE project = ?", (project,)).fetchone()
        return bool(found and found[0])

    def count(self) -> int:
        """How many projects the root names."""
        (count,) = self._db.execute("SELECT count(*) FROM pages WHERE listed").fetchone()
        return int(count)

    def mark(self, projects: Iterable[str]) -> None:
        """Take the pages of these projects for stale; an empty name is the root's."""
        for project in projects:
            if project:
                self._db.execute("UPDATE pages SET stale = 1 WHERE project = ?", (project,))
            else:
                self.mark_root(stale=True)

    def mark_files(self, filenames: Iterable[str]) -> None:
        """Take the pages that name these files for stale."""
        self._db.executemany(
            "UPDATE pages SET stale = 1 WHERE project = (SELECT project FROM files WHERE filename = ?)",
            ((name,) for name in filenames),
        )

    def mark_all(self) -> None:
        """Take all pages, and the root, for stale."""
        self._db.execute("UPDATE pages SET stale = 1")
        self.mark_root(stale=True)

    def placed(self, project: str, *, listed: bool) -> None:
        """Take note that a project's page was written, and whether it names files."""
        changed = self._db.execute(
            "UPDATE pages SET listed = ? WHERE project = ? AND listed <> ?", (listed, project, listed)
        )
        if changed.rowcount:
            self.mark_root(stale=True)

    def settle(self, project: str) -> None:
        """Take a project's page for true."""
        self._db.execute("UPDATE pages SET stale = 0 WHERE project = ?", (project,))

    def forget(self, projects: Iterable[str]) -> None:
        """Delete projects whose pages are gone."""
        self._db.executemany("DELETE FROM pages WHERE project = ?", ((p,) for p in projects))

    def unlist(self) -> None:
        """Take note that no page is there any more."""
        self._db.execute("UPDATE pages SET stale = 1, listed = 0")

    def mark_root(self, *, stale: bool) -> None:
        """Take the root for stale, or for true."""
        if stale:
            self._db.execute("INSERT OR REPLACE INTO meta VALUES (?, '1')", (_LISTING,))
        else:
            self._db.execute("DELETE FROM meta WHERE key = ?", (_LISTING,))

    def is_root_stale(self) -> bool:
        """Whether the root may not be true."""
        found = self._db.execute("SELECT 1 FROM meta WHERE key = ?", (_LISTING,)).fetchone()
        return found is not None

    # FILE.metadata

    def metadata_of(self, project: str) -> dict[str, MetadataRow]:
        """What is known of a project's metadata files, by the wheel's filename."""
        rows = self._db.execute(
            "SELECT filename, wheel, m.size, m.sha256 FROM metadata m JOIN files USING (filename)"
            " WHERE project = ? AND NOT gone",
            (project,),
        )
        return {row[0]: MetadataRow(*row) for row in rows}

    def put_metadata(self, rows: Iterable[MetadataRow]) -> None:
        """Add metadata files, or change what is known of them."""
        self._db.executemany("INSERT OR REPLACE INTO metadata VALUES (?, ?, ?, ?, 0)", rows)

    def metadata(self) -> Iterator[MetadataRow]:
        """Each metadata file that minimirror placed, while nothing is written."""
        rows = self._db.execute(
            "SELECT filename, wheel, size, sha256 FROM metadata WHERE sha256 <> '' AND NOT gone"
        )
        return (MetadataRow(*row) for row in rows)

    def gone_metadata(self) -> list[tuple[str, bool]]:
        """The filenames of wheels that are gone, each with whether minimirror placed metadata beside it."""
        found = self._db.execute("SELECT filename, sha256 <> '' FROM metadata WHERE gone ORDER BY filename")
        return [(filename, bool(placed)) for filename, placed in found]

    def doubt_metadata(self, filenames: Iterable[str]) -> None:
        """Have the metadata of these wheels, and the pages that offer it, be written again."""
        filenames = list(filenames)
        self.unfit_metadata(filenames)
        self.mark_files(filenames)

    def unfit_metadata(self, filenames: Iterable[str]) -> None:
        """Have what is known of these wheels' metadata, if anything is, fit no wheel."""
        self._db.executemany("UPDATE metadata SET wheel = '' WHERE filename = ?", ((n,) for n in filenames))

    def retry_metadata(self) -> None:
        """Have those wheels looked into again that had no metadata."""
        self._db.execute("DELETE FROM metadata WHERE sha256 = '' AND NOT gone")

    def has_metadata(self) -> bool:
        """Whether anything is known of files beside wheels."""
        return self._db.execute("SELECT 1 FROM metadata LIMIT 1").fetchone() is not None

    def retire_metadata(self) -> None:
        """Have all metadata files be removed."""
        self._db.execute("UPDATE metadata SET gone = 1")

    def forget_metadata(self, filenames: Iterable[str]) -> None:
        """Delete what is known of these wheels' metadata."""
        self._db.executemany("DELETE FROM metadata WHERE filename = ?", ((name,) for name in filenames))

    # Somebody's own files

    def own_files(self) -> list[LocalFileRow]:
        """The distribution files that minimirror did not place."""
        rows = self._db.execute(f"SELECT {_OWN_COLUMNS} FROM own_files")
        return [LocalFileRow(*row) for row in rows]

    def own_files_of(self, project: str) -> list[LocalFileRow]:
        """A project's files of that kind."""
        rows = self._db.execute(f"SELECT {_OWN_COLUMNS} FROM own_files WHERE project = ?", (project,))
        return [LocalFileRow(*row) for row in rows]

    def put_own_files(self, rows: Iterable[LocalFileRow]) -> None:
        """Add such files, or change what is known of them."""
        self._db.executemany(f"INSERT OR REPLACE INTO own_files VALUES ({_OWN_VALUES})", rows)

    def forget_own_files(self, filenames: Iterable[str]) -> None:
        """Delete such files that are gone, or are minimirror's now."""
        self._db.executemany("DELETE FROM own_files WHERE filename = ?", ((name,) for name in filenames))
