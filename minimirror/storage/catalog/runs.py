"""The runs and imports, and what the last run could not mirror."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterable, Iterator, Mapping
from itertools import islice
from typing import Any, NamedTuple

from minimirror.common import Failure

__all__ = ["RunRow", "RunTable"]

_KEPT = 400
"""Runs: more than a year of one every night."""


class RunRow(NamedTuple):
    """A run, or the import of a bundle. Times are in seconds since the epoch."""

    number: int
    started: float
    ended: float | None
    """None if it still works, or was killed."""

    counts: dict[str, Any]
    """How it ended and what it did, as in ``run --json``, with lengths instead of lists. ``error`` is what
    ended it early. ``held`` has the files and bytes that the mirror held then, unless it changed none. An
    import has ``bundle``, its name, and ``mirrored``, the time of the exporting mirror's last run. Empty if
    it has not ended."""

    @property
    def complete(self) -> bool:
        """Whether it left nothing missing."""
        return bool(self.counts.get("complete"))

    @property
    def outcome(self) -> str:
        """``complete``, ``incomplete``, ``interrupted``, ``failed``, or ``killed`` if it has not ended."""
        if self.ended is None:
            return "killed"
        kinds = {"error": "failed", "interrupted": "interrupted", "complete": "complete"}
        return next((kind for key, kind in kinds.items() if self.counts.get(key)), "incomplete")

    @property
    def bundle(self) -> str | None:
        """The name of the imported bundle; None for a run."""
        return self.counts.get("bundle")

    @property
    def as_of(self) -> float:
        """The time of the index's state that the mirror has since then."""
        return float(self.counts.get("mirrored") or self.ended or self.started)


class RunTable:
    """The tables ``runs`` and ``missing``."""

    def __init__(self, db: sqlite3.Connection) -> None:
        self._db = db

    def begin(self, started: float) -> int:
        """Record that a run has begun. Of old runs, keep only the last complete one.

        :param started: seconds since the epoch
        :returns: its number
        """
        number = self._db.execute("INSERT INTO runs (started) VALUES (?)", (started,)).lastrowid or 0
        good = self.last_complete()
        self._db.execute(
            "DELETE FROM runs WHERE id <= ? AND id IS NOT ?", (number - _KEPT, good and good.number)
        )
        return number

    def end(self, number: int, ended: float, counts: Mapping[str, Any]) -> None:
        """Record how a run ended.

        :param counts: see :attr:`RunRow.counts`
        """
        self._db.execute(
            "UPDATE runs SET ended = ?, counts = ? WHERE id = ?", (ended, json.dumps(counts), number)
        )

    def newest_first(self) -> Iterator[RunRow]:
        """Yield the runs and imports, the newest first."""
        rows = self._db.execute("SELECT id, started, ended, counts FROM runs ORDER BY id DESC")
        return (
            RunRow(number, started, ended, json.loads(counts or "{}"))
            for number, started, ended, counts in rows
        )

    def last_counts(self, most: int) -> list[dict[str, Any]]:
        """Return the counts of the last runs that fetched anything from an index, newest first."""
        runs = (row.counts for row in self.newest_first() if not row.bundle)
        return list(islice((counts for counts in runs if counts.get("bytes_fetched")), most))

    def last_complete(self) -> RunRow | None:
        """Return the last run or import that left nothing missing; None if there is none."""
        return next((row for row in self.newest_first() if row.complete), None)

    def replace_missing(self, failures: Iterable[Failure]) -> None:
        """Record what a finished run could not mirror."""
        self._db.execute("DELETE FROM missing")
        self._db.executemany(
            "INSERT OR REPLACE INTO missing VALUES (?, ?, ?)",
            ((each.project, each.filename or "", each.cause) for each in failures),
        )

    def missing(self) -> list[Failure]:
        """Return what the last finished run could not mirror."""
        rows = self._db.execute("SELECT project, filename, cause FROM missing ORDER BY project, filename")
        return [Failure(project, filename or None, cause) for project, filename, cause in rows]
