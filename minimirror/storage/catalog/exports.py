"""The exports of a mirror, and what it held at each, so that the next export can find the changes."""

from __future__ import annotations

import hashlib
import json
import sqlite3
from collections.abc import Iterator
from typing import NamedTuple
from uuid import uuid4

from minimirror.storage.catalog.catalog import Catalog
from minimirror.storage.catalog.rows import ExportRow, FileRow, ProjectRow
from minimirror.storage.catalog.sql import columns, placeholders

__all__ = ["Exports"]

# ruff: noqa: S608 - only names of tables and columns are put into the SQL here

_COLUMNS = columns(ExportRow)


class _Exported(NamedTuple):
    """A table whose rows are exported: files or projects."""

    kind: str
    table: str
    key: str
    fields: tuple[str, ...]
    content: str
    """SQL: the digest of the bytes that belong to a row."""

    @property
    def columns(self) -> str:
        return ", ".join(f"{self.table}.{field}" for field in self.fields)

    @property
    def fingerprint(self) -> str:
        return f"fingerprint('{self.kind}', {self.columns})"


_FILES = _Exported("file", "files", "filename", FileRow._fields, "files.sha256")
_PROJECTS = _Exported("project", "projects", "name", ProjectRow._fields, "NULL")
_FIELDS = {each.kind: each.fields for each in (_FILES, _PROJECTS)}

_SINCE = """
SELECT name, min(since) AS first, count(*) AS versions, count(DISTINCT content) AS contents,
    max(content) AS content, max(row) AS row,
    sum(ifnull(until, :next) - since) = :next - min(since) AS unbroken
FROM exported WHERE kind = :kind AND (until IS NULL OR until > :since) GROUP BY name
"""
"""SQL: the history of each name from the export ``:since`` on."""


class Exports:
    """The exports of a catalog; :meth:`Catalog.commit` keeps their changes."""

    def __init__(self, catalog: Catalog) -> None:
        self._catalog = catalog
        self._db = catalog.db
        self._db.create_function("fingerprint", -1, _fingerprint, deterministic=True)

    def __iter__(self) -> Iterator[ExportRow]:
        """Yield all exports, oldest first."""
        rows = self._db.execute(f"SELECT {_COLUMNS} FROM exports ORDER BY number").fetchall()
        return (ExportRow(*row) for row in rows)

    def last_run(self) -> tuple[int | None, float]:
        """Return the number of the last run or import, and the time of the index's state that it had.

        :returns: the start of the run, or of the exporting mirror's run, in seconds since the epoch;
            ``(None, 0.0)`` if there was no run
        """
        found = self._db.execute(
            "SELECT id, ifnull(json_extract(counts, '$.mirrored'), started) FROM runs"
            " ORDER BY id DESC LIMIT 1"
        ).fetchone()
        return found or (None, 0.0)

    def mirror(self) -> str:
        """Return the random number that identifies this mirror, made at the first export."""
        known = self._catalog.recall("mirror")
        if known is None:
            known = uuid4().hex
            self._catalog.remember("mirror", known)
        return known

    # The importing mirror may have the state of the export that the bundle starts after, or of any later
    # one. So a bundle has everything that has changed since, even if it has changed back.

    def changed_files(self, since: int) -> Iterator[tuple[FileRow, bool]]:
        """Yield the files that have changed since an export, by name, and whether their bytes have.

        :param since: the export's number; 0 for all files
        """
        same = f"was.first <= :since AND was.unbroken AND was.contents = 1 AND was.content = {_FILES.content}"
        for *row, is_same in self._changed(_FILES, f"ifnull({same}, 0)", since):
            yield FileRow(*row), not is_same

    def changed_projects(self, since: int) -> Iterator[ProjectRow]:
        """Yield the projects that have changed since an export, by name."""
        return (ProjectRow(*row[:-1]) for row in self._changed(_PROJECTS, "0", since))

    def _changed(self, what: _Exported, extra: str, since: int) -> sqlite3.Cursor:
        key = f"{what.table}.{what.key}"
        return self._db.execute(
            f"SELECT {what.columns}, {extra} FROM {what.table}"
            f" LEFT JOIN ({_SINCE}) AS was ON was.name = {key}"
            " WHERE NOT ifnull(was.first <= :since AND was.unbroken AND was.versions = 1"
            f" AND was.row = {what.fingerprint}, 0) ORDER BY {key}",
            {"kind": what.kind, "since": since, "next": self.next_number()},
        )

    def removed_files(self, since: int) -> Iterator[str]:
        """Yield the filenames that the mirror has had since an export and no longer has."""
        return self._removed(_FILES, since)

    def removed_projects(self, since: int) -> Iterator[str]:
        """Yield the projects that the mirror has had since an export and no longer has."""
        return self._removed(_PROJECTS, since)

    def _removed(self, what: _Exported, since: int) -> Iterator[str]:
        rows = self._db.execute(
            "SELECT DISTINCT name FROM exported WHERE kind = ? AND (until IS NULL OR until > ?)"
            f" AND name NOT IN (SELECT {what.key} FROM {what.table}) ORDER BY name",
            (what.kind, since),
        )
        return (name for (name,) in rows)

    def next_number(self) -> int:
        """Return the number of the next export."""
        (last,) = self._db.execute("SELECT ifnull(max(number), 0) FROM exports").fetchone()
        return int(last) + 1

    def record(self, export: ExportRow) -> None:
        """Record an export, and what the mirror holds now."""
        for what in (_FILES, _PROJECTS):
            same = f"exported.kind = ? AND exported.until IS NULL AND exported.name = {what.table}.{what.key}"
            self._db.execute(
                "UPDATE exported SET until = ? WHERE kind = ? AND until IS NULL AND NOT EXISTS"
                f" (SELECT 1 FROM {what.table} WHERE {what.key} = exported.name"
                f" AND {what.fingerprint} = exported.row)",
                (export.number, what.kind),
            )
            self._db.execute(
                "INSERT INTO exported (kind, name, since, content, row)"
                f" SELECT ?, {what.key}, ?, {what.content}, {what.fingerprint} FROM {what.table}"
                f" WHERE NOT EXISTS (SELECT 1 FROM exported WHERE {same})",
                (what.kind, export.number, what.kind),
            )
        self._db.execute(f"INSERT INTO exports ({_COLUMNS}) VALUES ({placeholders(ExportRow)})", export)


def _fingerprint(kind: str, *values: object) -> bytes:
    """Return a digest of a row. Unused columns that were added later do not change it."""
    known = {key: value for key, value in zip(_FIELDS[kind], values, strict=True) if value is not None}
    return hashlib.sha256(json.dumps(known, sort_keys=True).encode()).digest()
