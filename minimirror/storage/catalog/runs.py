"""The runs, and what the last one could not mirror."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterable, Mapping
from itertools import islice
from typing import Any

from minimirror.common import Failure

__all__ = ["RunTable"]


class RunTable:
    """The tables ``runs`` and ``missing``."""

    def __init__(self, db: sqlite3.Connection) -> None:
        self._db = db

    def begin(self, started: float) -> int:
        """Record that a run has begun.

        :param started: seconds since the epoch
        :returns: its number
        """
        cursor = self._db.execute("INSERT INTO runs (started) VALUES (?)", (started,))
        return cursor.lastrowid or 0

    def end(self, number: int, ended: float, counts: Mapping[str, Any], errors: list[str]) -> None:
        """Record how a run ended."""
        self._db.execute(
            "UPDATE runs SET ended = ?, counts = ?, errors = ? WHERE id = ?",
            (ended, json.dumps(counts), json.dumps(errors), number),
        )

    def last_counts(self, most: int) -> list[dict[str, Any]]:
        """Return the counts of the last runs that fetched anything, newest first, as :meth:`end` got them."""
        rows = self._db.execute("SELECT counts FROM runs WHERE counts IS NOT NULL ORDER BY id DESC")
        fetched = (found for (counts,) in rows if (found := json.loads(counts))["bytes_fetched"])
        return list(islice(fetched, most))

    def last_complete(self) -> float | None:
        """Return when the last complete run ended, in seconds since the epoch; None if there is none."""
        rows = self._db.execute("SELECT ended, counts FROM runs WHERE counts IS NOT NULL ORDER BY id DESC")
        return next((ended for ended, counts in rows if json.loads(counts)["complete"]), None)

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
