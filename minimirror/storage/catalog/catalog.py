"""The catalog's questions and answers."""

from __future__ import annotations

import json
import os
import sqlite3
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import ExitStack, closing
from itertools import islice
from pathlib import Path
from typing import Any

from minimirror.common import Failure, MinimirrorError
from minimirror.storage.catalog.pages import Pages
from minimirror.storage.catalog.rows import FileRow, ProjectRow, ResolutionRow
from minimirror.storage.catalog.schema import SCHEMA_VERSION, SCHEMAS

__all__ = ["Catalog", "CatalogDamagedError", "CatalogError"]

PATIENCE = 10.0
"""Seconds to wait for another process that is writing to the catalog."""


class CatalogError(MinimirrorError):
    """The catalog cannot be used."""


class CatalogDamagedError(CatalogError):
    """The catalog's file is not what SQLite wrote."""


# ruff: noqa: S608 - what is put into the SQL here are names of columns
_PROJECT_COLUMNS = ", ".join(ProjectRow._fields)
_PROJECT_VALUES = ", ".join("?" * len(ProjectRow._fields))
_FILE_COLUMNS = ", ".join(FileRow._fields)
_FILE_VALUES = ", ".join("?" * len(FileRow._fields))
_CHANGED = "NOT gone AND (listed IS NULL OR serial IS NOT listed)"
"""SQL: a project's page has to be read, or to be asked for with its ETag."""


class Catalog:
    """An open catalog. Changes are kept by :meth:`commit`, and lost without it."""

    def __init__(self, path: Path) -> None:
        """Open the catalog, and make it where there is none.

        :raises CatalogError: it is damaged, locked, or of a newer minimirror
        """
        self._path = path
        with ExitStack() as stack:
            try:
                self._db = sqlite3.connect(path, timeout=PATIENCE, isolation_level="DEFERRED")
                stack.callback(self._db.close)
                self._db.execute("PRAGMA journal_mode = WAL")
                self._db.execute("PRAGMA synchronous = FULL")
                self._create()
            except sqlite3.Error as error:
                raise _in_words(path, error) from None
            stack.pop_all()
        self.pages = Pages(self._db)
        """What is known of the static index."""

    def _create(self) -> None:
        (version,) = self._db.execute("PRAGMA user_version").fetchone()
        if version > SCHEMA_VERSION:
            raise CatalogError(
                f"catalog {self._path}: written by a newer minimirror (schema {version}, this one knows"
                f" {SCHEMA_VERSION}); update minimirror"
            )
        if version < SCHEMA_VERSION:
            steps = "".join(SCHEMAS[version:])
            self._db.executescript(f"BEGIN; {steps} PRAGMA user_version = {SCHEMA_VERSION}; COMMIT;")

    def close(self) -> None:
        """Close the catalog, without what was not committed."""
        self._db.close()

    def __enter__(self) -> Catalog:
        return self

    def __exit__(self, _type: object, error: BaseException | None, _traceback: object) -> None:
        self.close()
        if isinstance(error, sqlite3.Error):
            raise _in_words(self._path, error) from error

    def copy_to(self, path: Path) -> None:
        """Write a copy of the catalog as it was last committed."""
        with closing(sqlite3.connect(path)) as copy:
            self._db.backup(copy)

    @property
    def db(self) -> sqlite3.Connection:
        """The connection, for the other rooms of this folder."""
        return self._db

    def commit(self) -> None:
        """Keep all changes made so far."""
        self._db.commit()

    # What is remembered from run to run

    def recall(self, key: str) -> str | None:
        """What was remembered under a key."""
        found = self._db.execute("SELECT value FROM meta WHERE key = ?", (key,)).fetchone()
        return found[0] if found else None

    def remember(self, key: str, value: str | None) -> None:
        """Remember a text under a key; None forgets it."""
        if value is None:
            self._db.execute("DELETE FROM meta WHERE key = ?", (key,))
        else:
            self._db.execute("INSERT OR REPLACE INTO meta VALUES (?, ?)", (key, value))

    # Projects

    def list_projects(self, listed: Iterable[tuple[str, int | None]]) -> None:
        """Take the wanted projects and their serials, as the index lists them now; the others are gone.

        Comparing goes on in the database, so that the list may be as long as PyPI's.
        """
        execute = self._db.execute
        execute("CREATE TEMP TABLE IF NOT EXISTS seen (name TEXT PRIMARY KEY, listed INTEGER) WITHOUT ROWID")
        execute("DELETE FROM seen")
        self._db.executemany("INSERT OR REPLACE INTO seen VALUES (?, ?)", listed)
        execute(
            "UPDATE projects SET gone = 0, listed = (SELECT listed FROM seen WHERE seen.name = projects.name)"
            " WHERE EXISTS (SELECT 1 FROM seen WHERE seen.name = projects.name"
            " AND (seen.listed IS NOT projects.listed OR projects.gone))"
        )
        execute("UPDATE projects SET gone = 1 WHERE NOT gone AND name NOT IN (SELECT name FROM seen)")
        execute(
            "INSERT INTO projects (name, listed) SELECT name, listed FROM seen"
            " WHERE name NOT IN (SELECT name FROM projects)"
        )
        execute("DELETE FROM seen")

    def project(self, name: str) -> ProjectRow | None:
        """A project, None where it is not known."""
        row = self._db.execute(f"SELECT {_PROJECT_COLUMNS} FROM projects WHERE name = ?", (name,)).fetchone()
        return ProjectRow(*row) if row else None

    def project_count(self) -> int:
        """How many projects are wanted."""
        (count,) = self._db.execute("SELECT count(*) FROM projects WHERE NOT gone").fetchone()
        return int(count)

    def private_projects(self) -> list[ProjectRow]:
        """The projects of which the folder has files that are somebody's own."""
        rows = self._db.execute(
            f"SELECT {_PROJECT_COLUMNS} FROM projects WHERE private IS NOT NULL AND NOT gone ORDER BY name"
        )
        return [ProjectRow(*row) for row in rows]

    def gone_projects(self) -> list[str]:
        """The projects whose files are to be removed."""
        return [name for (name,) in self._db.execute("SELECT name FROM projects WHERE gone ORDER BY name")]

    def expect_rules(self, rules_of: Callable[[str], str]) -> None:
        """Have those projects read anew to which another selection was applied."""
        found = self._db.execute("SELECT name, rules FROM projects WHERE rules IS NOT NULL").fetchall()
        self.reread(name for name, rules in found if rules != rules_of(name))

    def expect_private(self, rules_of: Callable[[str], str], names: Iterable[str]) -> None:
        """The same for these projects, and for those of which unknown files were there the last time."""
        marked = self._db.execute("SELECT name FROM projects WHERE rules LIKE '%+%'").fetchall()
        rows = [self.project(name) for name in {*names, *(name for (name,) in marked)}]
        self.reread(row.name for row in rows if row and row.rules and row.rules != rules_of(row.name))

    def expect_due(self, now: float) -> None:
        """Have those projects read anew whose selection changes with time, and may have by now."""
        due = self._db.execute("SELECT name FROM projects WHERE due <= ?", (now,)).fetchall()
        self.reread(name for (name,) in due)

    def reread(self, names: Iterable[str]) -> None:
        """Have these projects read anew, whatever the index says of changes."""
        self._db.executemany(
            "UPDATE projects SET serial = NULL, etag = NULL WHERE name = ?", ((name,) for name in names)
        )

    def changed_count(self) -> int:
        """How many projects :meth:`changed_projects` has."""
        (count,) = self._db.execute(f"SELECT count(*) FROM projects WHERE {_CHANGED}").fetchone()
        return int(count)

    def unmirrored_count(self) -> int:
        """How many wanted projects have changed, as far as is known, since they were mirrored."""
        (count,) = self._db.execute(
            "SELECT count(*) FROM projects WHERE NOT gone AND (rules IS NULL"
            " OR CASE WHEN listed IS NULL THEN etag IS NULL ELSE serial IS NOT listed END)"
        ).fetchone()
        return int(count)

    def changed_projects(self, batch: int = 500) -> Iterator[ProjectRow]:
        """The projects whose page has to be read, by name. The catalog may be written meanwhile."""
        last = ""
        while True:
            rows = self._db.execute(
                f"SELECT {_PROJECT_COLUMNS} FROM projects WHERE {_CHANGED} AND name > ?"
                " ORDER BY name LIMIT ?",
                (last, batch),
            ).fetchall()
            if not rows:
                return
            yield from (ProjectRow(*row) for row in rows)
            last = rows[-1][0]

    def mirrored(self, project: ProjectRow) -> None:
        """Note that all wanted files of a project are here."""
        self._db.execute(
            f"INSERT OR REPLACE INTO projects ({_PROJECT_COLUMNS}) VALUES ({_PROJECT_VALUES})",
            project,
        )

    def tell_status(self, name: str, status: str | None) -> None:
        """Note a project's status, before all of it is mirrored."""
        self._db.execute(
            "UPDATE projects SET status = ? WHERE name = ? AND status IS NOT ?", (status, name, status)
        )

    def forget_projects(self, names: Iterable[str]) -> None:
        """Delete projects, whose files are gone."""
        self._db.executemany("DELETE FROM projects WHERE name = ?", ((name,) for name in names))

    # Files

    def files(self, project: str) -> dict[str, FileRow]:
        """A project's files, by filename."""
        rows = self._db.execute(f"SELECT {_FILE_COLUMNS} FROM files WHERE project = ?", (project,))
        return {row[0]: FileRow(*row) for row in rows}

    def sizes(self) -> Iterator[tuple[str, str, int]]:
        """Filename, project and size of each file, while nothing is written."""
        yield from self._db.execute("SELECT filename, project, size FROM files")

    def all_files(self) -> Iterator[FileRow]:
        """All files, the biggest first, while nothing is written."""
        rows = self._db.execute(f"SELECT {_FILE_COLUMNS} FROM files ORDER BY size DESC, filename")
        return (FileRow(*row) for row in rows)

    def doubt(self, filenames: Iterable[str]) -> None:
        """Have the next run fetch these files again, whatever is in the folder."""
        for filename in filenames:
            self._db.execute("UPDATE files SET size = -1 WHERE filename = ?", (filename,))

    def file_count(self) -> int:
        """How many files the mirror holds."""
        (count,) = self._db.execute("SELECT count(*) FROM files").fetchone()
        return int(count)

    def put_files(self, rows: Iterable[FileRow]) -> None:
        """Add files, or change what is known of them."""
        self._db.executemany(
            f"INSERT OR REPLACE INTO files ({_FILE_COLUMNS}) VALUES ({_FILE_VALUES})",
            rows,
        )

    def forget_files(self, filenames: Iterable[str]) -> None:
        """Delete files that are gone."""
        self._db.executemany("DELETE FROM files WHERE filename = ?", ((name,) for name in filenames))

    def unknown_files(self, filenames: Iterable[str]) -> list[str]:
        """Those of the filenames that minimirror did not place."""
        execute = self._db.execute
        execute("CREATE TEMP TABLE IF NOT EXISTS present (filename BLOB)")
        execute("DELETE FROM present")
        # Bytes: the name of somebody's own file need not be text, which SQLite's must be.
        self._db.executemany("INSERT INTO present VALUES (?)", ((os.fsencode(name),) for name in filenames))
        found = execute(
            "SELECT filename FROM present WHERE CAST(filename AS TEXT) NOT IN (SELECT filename FROM files)"
            " AND CAST(filename AS TEXT) NOT IN"
            " (SELECT filename || '.metadata' FROM metadata WHERE sha256 <> '')"
        )
        return sorted(os.fsdecode(name) for (name,) in found)

    # What targets need

    def resolutions(self) -> list[ResolutionRow]:
        """What was resolved, by input and target."""
        rows = self._db.execute("SELECT input, target, key, due, found FROM resolutions")
        return [ResolutionRow(*row) for row in rows]

    def put_resolution(self, row: ResolutionRow) -> None:
        """Remember what was resolved."""
        self._db.execute(
            "INSERT OR REPLACE INTO resolutions (input, target, key, due, found) VALUES (?, ?, ?, ?, ?)", row
        )

    def forget_resolutions(self, keys: Iterable[tuple[str, str]]) -> None:
        """Forget what was resolved for these inputs and targets."""
        self._db.executemany("DELETE FROM resolutions WHERE input = ? AND target = ?", keys)

    # What is missing

    def replace_missing(self, failures: Iterable[Failure]) -> None:
        """Note what a run that came to its end could not get."""
        self._db.execute("DELETE FROM missing")
        self._db.executemany(
            "INSERT OR REPLACE INTO missing VALUES (?, ?, ?)",
            ((each.project, each.filename or "", each.cause) for each in failures),
        )

    def missing(self) -> list[Failure]:
        """What the last run that came to its end could not get."""
        rows = self._db.execute("SELECT project, filename, cause FROM missing ORDER BY project, filename")
        return [Failure(project, filename or None, cause) for project, filename, cause in rows]

    # Runs

    def begin_run(self, started: float) -> int:
        """Note that a run has begun; answers its number."""
        cursor = self._db.execute("INSERT INTO runs (started) VALUES (?)", (started,))
        return cursor.lastrowid or 0

    def end_run(self, number: int, ended: float, counts: Mapping[str, Any], errors: list[str]) -> None:
        """Note how a run ended."""
        self._db.execute(
            "UPDATE runs SET ended = ?, counts = ?, errors = ? WHERE id = ?",
            (ended, json.dumps(counts), json.dumps(errors), number),
        )

    def last_counts(self, most: int) -> list[dict[str, Any]]:
        """What the last runs that fetched anything counted, as :meth:`end_run` was told; the newest first."""
        rows = self._db.execute("SELECT counts FROM runs WHERE counts IS NOT NULL ORDER BY id DESC")
        fetched = (found for (counts,) in rows if (found := json.loads(counts))["bytes_fetched"])
        return list(islice(fetched, most))

    def last_complete_run(self) -> float | None:
        """When the last run that left nothing missing ended, in seconds since the epoch; None: never."""
        rows = self._db.execute("SELECT ended, counts FROM runs WHERE counts IS NOT NULL ORDER BY id DESC")
        return next((ended for ended, counts in rows if json.loads(counts)["complete"]), None)


def _in_words(path: Path, error: sqlite3.Error) -> CatalogError:
    # Of that class itself: what derives from it has other causes.
    damaged = type(error) is sqlite3.DatabaseError
    return (CatalogDamagedError if damaged else CatalogError)(f"catalog {path}: {error}")
