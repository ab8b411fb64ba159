"""The exports of a mirror, and which of them carried the bytes of each file."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from typing import Any
from uuid import uuid4

from minimirror.storage.catalog.catalog import Catalog
from minimirror.storage.catalog.rows import EarlierExport, ExportRow, FileRow, ListedFile, ProjectRow
from minimirror.storage.catalog.sql import columns, placeholders

__all__ = ["EMPTY", "Exports"]

# ruff: noqa: S608 - only names of tables and columns are put into the SQL here

EMPTY = hashlib.sha256().hexdigest()
"""The state of an empty mirror."""

_COLUMNS = columns(ExportRow)
_FILES = columns(FileRow)

_LISTING = f"""
CREATE TEMP VIEW listing AS
SELECT {_FILES}, 0 AS local FROM main.files
UNION ALL SELECT filename, project, version, size, sha256, mtime / 1e9 AS upload_time, requires_python,
    NULL, NULL, '', NULL, NULL, NULL, 1 FROM main.local_files
    WHERE :local AND filename NOT IN (SELECT filename FROM main.files)
"""


_LISTED = """
FROM temp.listing LEFT JOIN (SELECT filename AS name, sha256 AS content, last FROM carried WHERE first <= ?)
    ON name = filename AND content = sha256 ORDER BY filename
"""


class Exports:
    """The exports of a catalog; :meth:`Catalog.commit` keeps their changes."""

    def __init__(self, catalog: Catalog, *, local: bool = True) -> None:
        """Prepare the list of what the mirror holds.

        :param local: whether local files are listed
        """
        self._catalog = catalog
        self._db = catalog.db
        self._db.execute("DROP VIEW IF EXISTS temp.listing")
        self._db.execute(_LISTING.replace(":local", str(int(local))))

    def all(self) -> list[ExportRow]:
        """Return all exports, oldest first."""
        rows = self._db.execute(f"SELECT {_COLUMNS} FROM exports ORDER BY number")
        return [ExportRow(*row) for row in rows]

    def carriers(self, since: int) -> Iterator[EarlierExport]:
        """Yield the exports that carried the bytes which an export does not carry again.

        :param since: the last export whose bytes are not carried again
        """
        rows = self._db.execute(
            f"SELECT {columns(EarlierExport)} FROM exports WHERE number IN"
            " (SELECT last FROM temp.listing JOIN carried USING (filename, sha256) WHERE first <= ?)"
            " ORDER BY number",
            (since,),
        )
        return (EarlierExport(*row) for row in rows)

    def last_run(self) -> int | None:
        """Return the number of the last run or import; None if there was none."""
        found: int | None = self._db.execute("SELECT max(id) FROM runs").fetchone()[0]
        return found

    def mirror(self) -> str:
        """Return the random number that identifies this mirror, made at the first export."""
        known = self._catalog.recall("mirror")
        if known is None:
            known = uuid4().hex
            self._catalog.remember("mirror", known)
        return known

    def projects(self) -> Iterator[ProjectRow]:
        """Yield the projects, by name."""
        rows = self._db.execute(f"SELECT {columns(ProjectRow)} FROM projects ORDER BY name")
        return (ProjectRow(*row) for row in rows)

    def files(self, number: int, since: int) -> Iterator[ListedFile]:
        """Yield the files that an export lists, by name.

        :param number: the export's
        :param since: the last export whose bytes are not carried again
        """
        rows = self._db.execute(f"SELECT {_FILES}, local, ifnull(last, ?) {_LISTED}", (number, since))
        return (ListedFile(FileRow(*row[:-2]), row[-2] == 1, row[-1]) for row in rows)

    def carried(self, since: int) -> Iterator[tuple[str, int, float | None, str, int]]:
        """Yield the files that an export carries, by name.

        :param since: the last export whose bytes are not carried again
        :returns: filename, bytes, upload time, sha256, and 1 for a local file
        """
        what = "filename, size, upload_time, sha256, local"
        return self._db.execute(
            f"SELECT {what} {_LISTED.replace('ORDER', 'WHERE last IS NULL ORDER')}", (since,)
        )

    def counts(self, since: int) -> dict[str, Any]:
        """Count what an export lists (``listed``, ``local``) and carries (``files``, ``bytes``).

        ``without_local`` counts the local files that are not listed, and ``removed`` the files that the last
        export listed and this one does not.

        :param since: the last export whose bytes are not carried again
        """
        absent = "WHERE filename NOT IN (SELECT filename FROM temp.listing)"
        found = self._db.execute(
            "SELECT count(*) AS listed, ifnull(sum(local), 0) AS local,"
            " ifnull(sum(last IS NULL), 0) AS files, ifnull(sum(size * (last IS NULL)), 0) AS bytes,"
            f" (SELECT count(*) FROM local_files {absent}) AS without_local,"
            f" (SELECT count(*) FROM carried {absent}) AS removed {_LISTED.partition('ORDER')[0]}",
            (since,),
        )
        return {name[0]: value for name, value in zip(found.description, found.fetchone(), strict=True)}

    def record(self, export: ExportRow) -> None:
        """Record an export, and whose bytes it carried.

        A far side deletes what an export does not list, so those bytes must be carried again if they return.
        """
        self._db.execute(
            "DELETE FROM carried WHERE NOT EXISTS (SELECT 1 FROM temp.listing AS now"
            " WHERE now.filename = carried.filename AND now.sha256 = carried.sha256)"
        )
        self._db.execute(
            "INSERT INTO carried (filename, sha256, first, last)"
            " SELECT filename, sha256, :number, :number FROM temp.listing WHERE NOT EXISTS (SELECT 1"
            " FROM carried AS old WHERE old.filename = listing.filename AND first <= :since)"
            " ON CONFLICT (filename) DO UPDATE SET last = :number",
            {"number": export.number, "since": export.since or 0},
        )
        self._db.execute(f"INSERT INTO exports ({_COLUMNS}) VALUES ({placeholders(ExportRow)})", export)
