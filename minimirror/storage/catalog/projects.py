"""The selected projects."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable
from contextlib import closing
from pathlib import Path

from minimirror.storage.catalog.rows import ProjectRow
from minimirror.storage.catalog.sql import columns, count, placeholders

__all__ = ["ProjectTable", "names_like"]

# ruff: noqa: S608 - only column names are put into the SQL here
_COLUMNS = columns(ProjectRow)
_OUTDATED = (
    "NOT gone AND (rules IS NULL OR CASE WHEN listed IS NULL THEN etag IS NULL ELSE serial IS NOT listed END)"
)


def names_like(catalog: Path, start: str, most: int) -> list[str]:
    """Return the names of projects that begin with a text, as they were when no run was active last.

    Nothing is written, not even what readers of a database share, and nobody is waited for.

    :param most: how many are enough
    :raises sqlite3.Error: the catalog cannot be read
    """
    uri = f"{catalog.absolute().as_uri()}?mode=ro&immutable=1"
    with closing(sqlite3.connect(uri, uri=True, timeout=0)) as db:
        found = db.execute(
            "SELECT name FROM projects WHERE name >= ?1 AND name < ?1 || char(1114111) AND NOT gone LIMIT ?2",
            (start, most),
        )
        return [name for (name,) in found]


class ProjectTable:
    """The table ``projects``."""

    def __init__(self, db: sqlite3.Connection) -> None:
        self._db = db

    def get(self, name: str) -> ProjectRow | None:
        """Return a project; None if the catalog does not know it."""
        row = self._db.execute(f"SELECT {_COLUMNS} FROM projects WHERE name = ?", (name,)).fetchone()
        return ProjectRow(*row) if row else None

    def count(self) -> int:
        """Return how many projects are selected."""
        return count(self._db, "projects WHERE NOT gone")

    def outdated_count(self) -> int:
        """Return how many selected projects have changed on the index since they were mirrored."""
        return count(self._db, f"projects WHERE {_OUTDATED}")

    def outdated(self) -> list[tuple[str, bool]]:
        """Return these projects by name, each with whether it was never mirrored to the end."""
        rows = self._db.execute(f"SELECT name, rules IS NULL FROM projects WHERE {_OUTDATED} ORDER BY name")
        return [(name, bool(is_new)) for name, is_new in rows]

    def inactive(self) -> list[tuple[str, str]]:
        """Return the selected projects that are not active (PEP 792), each with its status, by name."""
        rows = self._db.execute(
            "SELECT name, status FROM projects WHERE status IS NOT NULL AND NOT gone ORDER BY name"
        )
        return rows.fetchall()

    def local(self) -> dict[str, str]:
        """Return the local projects, each with the files that make it one, one per line."""
        return dict(
            self._db.execute(
                "SELECT name, local_project FROM projects WHERE local_project IS NOT NULL AND NOT gone"
            )
        )

    def put(self, project: ProjectRow) -> None:
        """Add or update a project."""
        self._db.execute(
            f"INSERT OR REPLACE INTO projects ({_COLUMNS}) VALUES ({placeholders(ProjectRow)})", project
        )

    def set_status(self, name: str, status: str | None) -> None:
        """Record a project's status before all its files are mirrored."""
        self._db.execute(
            "UPDATE projects SET status = ? WHERE name = ? AND status IS NOT ?", (status, name, status)
        )

    def invalidate(self, names: Iterable[str]) -> None:
        """Make the next run read the pages of these projects again, even if they have not changed."""
        self._db.executemany(
            "UPDATE projects SET serial = NULL, etag = NULL"
            " WHERE name = ? AND (serial IS NOT NULL OR etag IS NOT NULL)",
            ((name,) for name in names),
        )

    def untrack(self, names: Iterable[str]) -> None:
        """Remove projects from the catalog; their files must be deleted already."""
        self._db.executemany("DELETE FROM projects WHERE name = ?", ((name,) for name in names))
