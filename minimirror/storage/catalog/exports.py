"""The exports that were made, and what the mirror held at each, so that the next knows what has changed."""

from __future__ import annotations

import hashlib
import json
import sqlite3
from collections.abc import Iterator
from typing import NamedTuple
from uuid import uuid4

from minimirror.storage.catalog.catalog import Catalog
from minimirror.storage.catalog.rows import ExportRow, FileRow, ProjectRow

__all__ = ["Exports"]

# ruff: noqa: S608 - what is put into the SQL here are names of tables and columns

_COLUMNS = ", ".join(ExportRow._fields)
_VALUES = ", ".join("?" * len(ExportRow._fields))


class _Kind(NamedTuple):
    """Files, or projects: the same is asked of both."""

    kind: str
    table: str
    key: str
    columns: str
    content: str
    """SQL: what a change of has to be carried as bytes."""

    @property
    def row(self) -> str:
        """SQL: the fingerprint of a row."""
        return f"fingerprint('{self.kind}', {self.columns})"


_FILES = _Kind("file", "files", "filename", ", ".join(FileRow._fields), "sha256")
_PROJECTS = _Kind("project", "projects", "name", ", ".join(ProjectRow._fields), "NULL")
_FIELDS = {"file": FileRow._fields, "project": ProjectRow._fields}

_SINCE = """
SELECT name, min(since) AS first, count(*) AS versions, count(DISTINCT content) AS contents,
    max(content) AS content, max(row) AS row,
    sum(ifnull(until, :next) - since) = :next - min(since) AS unbroken
FROM exported WHERE kind = '{kind}' AND (until IS NULL OR until > :since) GROUP BY name
"""
"""SQL: what has been of each name, at the export ``:since`` and all later ones."""


class Exports:
    """The exports of a catalog. Its changes are kept by the catalog's ``commit``."""

    def __init__(self, catalog: Catalog) -> None:
        self._catalog = catalog
        self._db = catalog.db
        self._db.create_function("fingerprint", -1, _fingerprint, deterministic=True)

    def __iter__(self) -> Iterator[ExportRow]:
        """All, the oldest first."""
        rows = self._db.execute(f"SELECT {_COLUMNS} FROM exports ORDER BY number").fetchall()
        return (ExportRow(*row) for row in rows)

    def last_run(self) -> tuple[int | None, float]:
        """The number of the last run, None where there was none, and when it began."""
        found = self._db.execute("SELECT id, started FROM runs ORDER BY id DESC LIMIT 1").fetchone()
        return found or (None, 0.0)

    def mirror(self) -> str:
        """What this mirror is called in its bundles, made up at the first export."""
        known = self._catalog.recall("mirror")
        if known is None:
            known = uuid4().hex
            self._catalog.remember("mirror", known)
        return known

    # A mirror that takes in a bundle may be in the state of the export that it goes on from, or of any later
    # one: so it holds all that was any different since, even what is now as it was then.

    def changed_files(self, since: int) -> Iterator[tuple[FileRow, bool]]:
        """The files of which something is new since an export, by name, and whether their bytes are.

        :param since: the export's number; 0 for all files
        """
        was = f"was.first <= :since AND was.unbroken AND was.contents = 1 AND was.content = {_FILES.content}"
        for *row, is_same in self._changed(_FILES, f"ifnull({was}, 0)", since):
            yield FileRow(*row), not is_same

    def changed_projects(self, since: int) -> Iterator[ProjectRow]:
        """The projects of which something is new, by name."""
        return (ProjectRow(*row[:-1]) for row in self._changed(_PROJECTS, "0", since))

    def removed_files(self, since: int) -> Iterator[str]:
        """The filenames that are gone."""
        return self._removed(_FILES, since)

    def removed_projects(self, since: int) -> Iterator[str]:
        """The names of the projects that are gone."""
        return self._removed(_PROJECTS, since)

    def _changed(self, kind: _Kind, extra: str, since: int) -> sqlite3.Cursor:
        columns = ", ".join(f"{kind.table}.{column}" for column in _FIELDS[kind.kind])
        return self._db.execute(
            f"SELECT {columns}, {extra} FROM {kind.table}"
            f" LEFT JOIN ({_SINCE.format(kind=kind.kind)}) AS was ON was.name = {kind.table}.{kind.key}"
            f" WHERE NOT ifnull(was.first <= :since AND was.unbroken AND was.versions = 1"
            f" AND was.row = fingerprint('{kind.kind}', {columns}), 0) ORDER BY {kind.table}.{kind.key}",
            {"since": since, "next": self.next_number()},
        )

    def _removed(self, kind: _Kind, since: int) -> Iterator[str]:
        rows = self._db.execute(
            "SELECT DISTINCT name FROM exported WHERE kind = ? AND (until IS NULL OR until > ?)"
            f" AND name NOT IN (SELECT {kind.key} FROM {kind.table}) ORDER BY name",
            (kind.kind, since),
        )
        return (name for (name,) in rows)

    def next_number(self) -> int:
        """What the next export is to be called."""
        (last,) = self._db.execute("SELECT ifnull(max(number), 0) FROM exports").fetchone()
        return int(last) + 1

    def record(self, export: ExportRow) -> None:
        """Note an export, and what the mirror holds now."""
        for kind in (_FILES, _PROJECTS):
            self._db.execute(
                "UPDATE exported SET until = ? WHERE kind = ? AND until IS NULL AND NOT EXISTS"
                f" (SELECT 1 FROM {kind.table}"
                f" WHERE {kind.key} = exported.name AND {kind.row} = exported.row)",
                (export.number, kind.kind),
            )
            self._db.execute(
                "INSERT INTO exported (kind, name, since, content, row)"
                f" SELECT '{kind.kind}', {kind.key}, ?, {kind.content}, {kind.row} FROM {kind.table}"
                " WHERE NOT EXISTS (SELECT 1 FROM exported"
                f" WHERE kind = '{kind.kind}' AND exported.name = {kind.table}.{kind.key} AND until IS NULL)",
                (export.number,),
            )
        self._db.execute(f"INSERT INTO exports ({_COLUMNS}) VALUES ({_VALUES})", export)


def _fingerprint(kind: str, *values: object) -> bytes:
    """Bytes that differ where a row does; a column that is not used makes no difference."""
    known = {key: value for key, value in zip(_FIELDS[kind], values, strict=True) if value is not None}
    return hashlib.sha256(json.dumps(known, sort_keys=True).encode()).digest()
