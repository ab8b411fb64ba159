"""What a run tells: how far it is, and what came of it."""

from __future__ import annotations

import logging
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from minimirror.common.formatting import printable

__all__ = ["Failure", "Status", "Summary"]

log = logging.getLogger("minimirror")

SUMMARY_VERSION = 1


@dataclass(frozen=True, slots=True)
class Failure:
    """Something wanted that is not here."""

    project: str
    filename: str | None
    """None where the whole project is concerned."""

    cause: str

    def __str__(self) -> str:
        return f"{self.filename or self.project}: {self.cause}"


@dataclass(frozen=True, slots=True)
class Status:
    """How far a run is."""

    projects: int
    """Projects whose page has to be read, or asked for."""

    projects_read: int
    files: int
    """Files that have to be fetched, as far as pages have been read."""

    files_fetched: int
    bytes: int
    """Bytes of those files, as far as the index tells sizes."""

    bytes_fetched: int
    failures: int
    in_flight: Mapping[str, int]
    """The files on their way, with the bytes that have come."""

    done: str = "fetched"
    """What is done with files, in a word."""


@dataclass(slots=True)
class Summary:
    """What came of a run."""

    projects_wanted: int = 0
    projects_read: int = 0
    """Projects whose page had changed, or had never been read."""

    projects_removed: int = 0
    files_wanted: int = 0
    files_fetched: int = 0
    files_present: int = 0
    """Wanted files that were here already, and known."""

    files_adopted: int = 0
    """Wanted files that were here already, and unknown: another tool's, or of a run that was killed."""

    files_removed: int = 0
    files_failed: int = 0
    bytes_fetched: int = 0
    seconds: float = 0.0
    workers_started: int = 0
    interrupted: bool = False
    refused: Counter[str] = field(default_factory=Counter)
    """Files on the pages read that the rules refused, by the config key that did."""

    failures: list[Failure] = field(default_factory=list)
    withheld: list[str] = field(default_factory=list)
    """Files that the index does not list any more, too many at once to be removed without being asked."""

    notes: list[str] = field(default_factory=list)
    """What a user should know though it is no failure."""

    def fail(self, project: str, filename: str | None, cause: str) -> None:
        """Take note of something that is missing, and log it."""
        failure = Failure(printable(project), printable(filename) if filename else None, printable(cause))
        self.failures.append(failure)
        log.warning("missing: %s", failure)

    def note(self, text: str) -> None:
        """Take note of something that a user should know, and log it."""
        self.notes.append(printable(text))
        log.info("note: %s", self.notes[-1])

    @property
    def complete(self) -> bool:
        """Whether everything that is wanted is here, and nothing else needs a decision."""
        return not self.failures and not self.withheld and not self.interrupted

    def as_dict(self) -> dict[str, Any]:
        """The summary as the ``--json`` option prints it; the README documents each key."""
        return {
            "version": SUMMARY_VERSION,
            "complete": self.complete,
            "interrupted": self.interrupted,
            "projects": {
                "wanted": self.projects_wanted,
                "read": self.projects_read,
                "removed": self.projects_removed,
            },
            "files": {
                "wanted": self.files_wanted,
                "fetched": self.files_fetched,
                "present": self.files_present,
                "adopted": self.files_adopted,
                "removed": self.files_removed,
                "failed": self.files_failed,
            },
            "bytes_fetched": self.bytes_fetched,
            "seconds": round(self.seconds, 3),
            "workers_started": self.workers_started,
            "refused": dict(self.refused),
            "failures": [
                {"project": each.project, "filename": each.filename, "cause": each.cause}
                for each in self.failures
            ],
            "withheld": self.withheld,
            "notes": self.notes,
        }
