"""What the index offered of each project when its page was read last."""

from __future__ import annotations

import sqlite3

from minimirror.storage.catalog.rows import UpstreamRow
from minimirror.storage.catalog.sql import columns, placeholders

__all__ = ["UpstreamTable"]

# ruff: noqa: S608 - only column names are put into the SQL here
_COLUMNS = columns(UpstreamRow)
_OLD, _NEW = (
    ", ".join(f"{table}.{name}" for name in UpstreamRow._fields) for table in ("upstream", "excluded")
)


class UpstreamTable:
    """The table ``upstream``. A catalog that no run has written since this table was added has none."""

    def __init__(self, db: sqlite3.Connection) -> None:
        self._db = db

    def put(self, row: UpstreamRow) -> None:
        """Record what the index offers of a project; write nothing if that has not changed."""
        self._db.execute(
            f"INSERT INTO upstream ({_COLUMNS}) VALUES ({placeholders(UpstreamRow)})"
            f" ON CONFLICT (project) DO UPDATE SET ({_COLUMNS}) = ({_NEW}) WHERE ({_OLD}) IS NOT ({_NEW})",
            row,
        )

    def drop(self, project: str) -> None:
        """Forget what the index offers of a project."""
        self._db.execute("DELETE FROM upstream WHERE project = ?", (project,))

    def all(self) -> dict[str, UpstreamRow]:
        """Return what is recorded, by project."""
        if not self._db.execute("SELECT 1 FROM sqlite_master WHERE name = 'upstream'").fetchone():
            return {}
        rows = self._db.execute(f"SELECT {_COLUMNS} FROM upstream")
        return {row[0]: UpstreamRow(*row) for row in rows}
