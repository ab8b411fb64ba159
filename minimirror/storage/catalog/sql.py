"""Small parts of SQL that several tables share."""

from __future__ import annotations

import sqlite3
from typing import NamedTuple

__all__ = ["columns", "count", "exists", "placeholders"]

# ruff: noqa: S608 - only names and conditions from the source code are put into the SQL here


def columns(row: type[NamedTuple]) -> str:
    """Return the column names of a row type: ``"filename, project, …"``."""
    return ", ".join(row._fields)


def placeholders(row: type[NamedTuple]) -> str:
    """Return a placeholder for each column of a row type: ``"?, ?, …"``."""
    return ", ".join("?" * len(row._fields))


def count(db: sqlite3.Connection, rows: str) -> int:
    """Return how many rows there are.

    :param rows: a table, and a condition if there is one: ``"projects WHERE NOT gone"``
    """
    (found,) = db.execute(f"SELECT count(*) FROM {rows}").fetchone()
    return int(found)


def exists(db: sqlite3.Connection, rows: str, *values: object) -> bool:
    """Return whether there is such a row.

    :param rows: a table, and a condition if there is one: ``"files WHERE filename = ?"``
    """
    return db.execute(f"SELECT 1 FROM {rows} LIMIT 1", values).fetchone() is not None
