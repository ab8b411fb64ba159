"""A mirror's state in one digest: two mirrors that offer installers the same are in the same one.

What only runs need is left out: where a file came from, and what tells whether a page has changed. A run that
fails, or finds nothing new, does not change the state.
"""

from __future__ import annotations

import hashlib
import json
import sqlite3
from collections.abc import Iterable

__all__ = ["EMPTY", "FILE_COLUMNS", "PROJECT_COLUMNS", "digest", "state"]

FILE_COLUMNS = (
    "filename",
    "project",
    "version",
    "sha256",
    "upload_time",
    "requires_python",
    "yanked",
    "core_metadata",
    "provenance",
)
PROJECT_COLUMNS = ("name", "status")


def state(db: sqlite3.Connection) -> str:
    """The state of a catalog: 64 hexadecimal digits."""
    return digest(
        db.execute(f"SELECT {', '.join(FILE_COLUMNS)} FROM files ORDER BY filename"),  # noqa: S608
        db.execute(f"SELECT {', '.join(PROJECT_COLUMNS)} FROM projects ORDER BY name"),  # noqa: S608
    )


def digest(files: Iterable[tuple[object, ...]], projects: Iterable[tuple[object, ...]]) -> str:
    """The state that these rows are, each in order of its first column."""
    found = hashlib.sha256()
    for columns, rows in ((FILE_COLUMNS, files), (PROJECT_COLUMNS, projects)):
        for row in rows:
            # Without what is not known, so that a new column changes nothing for rows that do not use it.
            known = {key: value for key, value in zip(columns, row, strict=True) if value is not None}
            found.update(json.dumps(known).encode() + b"\n")
    return found.hexdigest()


EMPTY = digest((), ())
"""The state of a mirror that holds nothing."""
