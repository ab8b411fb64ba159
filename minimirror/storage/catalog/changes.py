"""What the next run has to do: the index's list of projects, joined with the catalog.

Because the list may be as long as PyPI's, the database joins them, in temporary tables. Nothing else is
written before :meth:`ChangeTables.record`, so a preview finds the same changes with a read-only connection.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable, Iterator, Mapping
from typing import NamedTuple

from minimirror.storage.catalog.sql import count, exists

__all__ = ["ChangeTables", "ChangedProject"]


_BATCH = 500

_TABLES = """
CREATE TEMP TABLE own_rules (   -- projects to which other rules apply than to most
    name TEXT PRIMARY KEY,
    rules TEXT NOT NULL
) WITHOUT ROWID;
CREATE TEMP TABLE folder (      -- local files in the folder, by the project that they may be of
    name TEXT PRIMARY KEY,
    files TEXT                  -- JSON list
) WITHOUT ROWID;
CREATE TEMP TABLE damaged (     -- files that are not in the folder as the catalog has them
    filename TEXT PRIMARY KEY,
    project TEXT NOT NULL
) WITHOUT ROWID;
CREATE INDEX temp.damaged_projects ON damaged (project);
CREATE TEMP TABLE changed (     -- projects whose page has to be read
    name TEXT PRIMARY KEY,
    ask INTEGER NOT NULL        -- 1: a conditional request may spare it
) WITHOUT ROWID;
"""

_FIND = """
INSERT INTO temp.changed (name, ask)
SELECT s.name, NOT (invalid OR s.listed IS NOT NULL OR s.etag IS NULL)
FROM (
    SELECT s.name, s.listed, p.serial, p.etag,
        p.rules IS NOT ifnull(r.rules, :rules)       -- new, or other rules apply now
        OR p.local_files IS NOT f.files              -- other local files are in the folder
        OR ifnull(p.due <= :now, 0)                  -- time may have changed what the rules select
        OR (p.serial IS NULL AND p.etag IS NULL)     -- it was not mirrored to the end
        OR EXISTS (SELECT 1 FROM temp.damaged AS d WHERE d.project = s.name)
        AS invalid
    FROM selected AS s
    LEFT JOIN main.projects AS p ON p.name = s.name
    LEFT JOIN temp.own_rules AS r ON r.name = s.name
    LEFT JOIN temp.folder AS f ON f.name = s.name
) AS s
WHERE invalid OR s.listed IS NULL OR s.serial IS NULL
    OR s.listed > s.serial       -- not if it is less: then the list is older than the page
"""


class ChangedProject(NamedTuple):
    """A project whose page has to be read."""

    name: str
    listed: int | None
    """Its serial in the index's list of projects; None if the index reports none."""

    etag: str | None
    """The validator of the mirrored page: its ETag or digest."""


class ChangeTables:
    """The temporary tables of one run, or of one preview."""

    def __init__(self, db: sqlite3.Connection) -> None:
        self._db = db
        self.is_new_list = False
        """Whether :meth:`select` was called."""

    def begin(self) -> None:
        """Create the tables; they begin with the selected projects in the catalog."""
        for name in ("own_rules", "folder", "damaged", "changed"):
            self._db.execute(f"DROP TABLE IF EXISTS temp.{name}")
        self._drop_selected()
        self._db.executescript(_TABLES)
        self._db.execute("CREATE TEMP VIEW selected AS SELECT name, listed FROM main.projects WHERE NOT gone")
        self.is_new_list = False

    def _drop_selected(self) -> None:
        found = self._db.execute("SELECT type FROM temp.sqlite_master WHERE name = 'selected'").fetchone()
        if found:
            self._db.execute(f"DROP {found[0]} temp.selected")

    def select(self, listed: Iterable[tuple[str, int | None]], *, more: bool = False) -> None:
        """Replace them by the selected projects and serials that an index lists now.

        :param more: add to those of the last call
        """
        if not more:
            self._drop_selected()
            self._db.execute(
                "CREATE TEMP TABLE selected (name TEXT PRIMARY KEY, listed INTEGER) WITHOUT ROWID"
            )
            self.is_new_list = True
        self._db.executemany("INSERT OR REPLACE INTO temp.selected VALUES (?, ?)", listed)

    def known(self) -> Iterator[tuple[str, int | None]]:
        """Yield the projects that were selected so far, with their serials, as the catalog has them."""
        yield from self._db.execute("SELECT name, listed FROM main.projects WHERE NOT gone")

    def selected(self) -> Iterator[str]:
        """Yield the selected projects. Change nothing meanwhile."""
        yield from (name for (name,) in self._db.execute("SELECT name FROM selected"))

    def is_selected(self, name: str) -> bool:
        """Return whether a project is selected and on the index."""
        return exists(self._db, "selected WHERE name = ?", name)

    def add_damaged(self, files: Iterable[tuple[str, str]]) -> None:
        """Add files that are missing from the folder or differ from the catalog, each with its project."""
        self._db.executemany("INSERT INTO temp.damaged VALUES (?, ?)", files)

    def find(
        self, rules: str, own_rules: Mapping[str, str], local_files: Mapping[str, str | None], now: float
    ) -> None:
        """Find the projects whose page has to be read.

        :param rules: digest of the rules that apply to most projects
        :param own_rules: digests for projects with other rules
        :param local_files: by project, the local files that may belong to it, as a JSON list
        :param now: seconds since the epoch
        """
        self._db.executemany("INSERT INTO temp.own_rules VALUES (?, ?)", own_rules.items())
        self._db.executemany("INSERT INTO temp.folder VALUES (?, ?)", local_files.items())
        self._db.execute(_FIND, {"rules": rules, "now": now})

    def count(self) -> int:
        """Return how many projects :meth:`to_ask` and :meth:`to_read` have."""
        return count(self._db, "temp.changed")

    def to_ask(self) -> Iterator[ChangedProject]:
        """Yield the projects whose page may be unchanged, by name; a conditional request will show."""
        return self._each(ask=True)

    def mark_changed(self, names: Iterable[str]) -> None:
        """Mark the projects whose page has changed."""
        self._db.executemany("UPDATE temp.changed SET ask = 0 WHERE name = ?", ((name,) for name in names))

    def to_read(self) -> Iterator[ChangedProject]:
        """Yield the projects whose page has to be read, by name. The catalog may be written meanwhile."""
        return self._each(ask=False)

    def _each(self, *, ask: bool) -> Iterator[ChangedProject]:
        last = ""
        while rows := self._db.execute(
            "SELECT c.name, s.listed, p.etag FROM temp.changed AS c"
            " JOIN selected AS s ON s.name = c.name LEFT JOIN main.projects AS p ON p.name = c.name"
            " WHERE c.ask = ? AND c.name > ? ORDER BY c.name LIMIT ?",
            (ask, last, _BATCH),
        ).fetchall():
            yield from (ChangedProject(*row) for row in rows)
            last = rows[-1][0]

    def gone(self) -> list[str]:
        """Return the projects in the catalog that are no longer listed or selected, by name."""
        rows = self._db.execute(
            "SELECT name FROM main.projects WHERE name NOT IN (SELECT name FROM selected) ORDER BY name"
        )
        return [name for (name,) in rows]

    def selected_count(self) -> int:
        """Return how many projects are selected and on the index."""
        return count(self._db, "selected")

    def keeps_any(self) -> bool:
        """Return whether the mirror has a file of a selected project whose page need not be read."""
        return exists(
            self._db,
            "main.files AS f JOIN selected AS s ON s.name = f.project WHERE NOT EXISTS"
            " (SELECT 1 FROM temp.changed AS c WHERE c.name = f.project AND NOT c.ask)",
        )

    def record(self) -> None:
        """Write the list of selected projects to the catalog. Only a run does this."""
        if not self.is_new_list:
            return
        execute = self._db.execute
        execute(
            "UPDATE projects SET gone = 0, listed = (SELECT listed FROM selected AS s"
            " WHERE s.name = projects.name) WHERE EXISTS (SELECT 1 FROM selected AS s"
            " WHERE s.name = projects.name AND (s.listed IS NOT projects.listed OR projects.gone))"
        )
        execute("UPDATE projects SET gone = 1 WHERE NOT gone AND name NOT IN (SELECT name FROM selected)")
        execute(
            "INSERT INTO projects (name, listed) SELECT name, listed FROM selected"
            " WHERE name NOT IN (SELECT name FROM projects)"
        )
