"""What a run reports: its progress, and its summary at the end."""

from __future__ import annotations

import logging
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, field
from typing import Any, TypeAlias

from minimirror.common.formatting import printable

__all__ = ["Failure", "ProgressCallback", "Status", "Summary"]

log = logging.getLogger("minimirror")

SUMMARY_VERSION = 1

ProgressCallback: TypeAlias = "Callable[[Status], None]"
"""Shows the progress of a command."""


@dataclass(frozen=True, slots=True)
class Failure:
    """A file or project that could not be mirrored."""

    project: str
    filename: str | None
    """None if it concerns the whole project."""

    cause: str

    def __str__(self) -> str:
        return f"{self.filename or self.project}: {self.cause}"


@dataclass(frozen=True, slots=True)
class Status:
    """The progress of a run."""

    projects: int = 0
    """Projects whose page the run has to read or to check."""

    projects_read: int = 0
    files: int = 0
    """Files to fetch, from the pages read so far."""

    files_fetched: int = 0
    bytes: int = 0
    """Bytes of those files, as far as the index reports their sizes."""

    bytes_fetched: int = 0
    failures: int = 0
    in_flight: Mapping[str, int] = field(default_factory=dict)
    """The files that are being fetched, with the bytes received so far."""

    done: str = "fetched"
    """What the run does with files, as a participle."""

    sizes: Mapping[str, int] = field(default_factory=dict)
    """The sizes of those files, in bytes, as far as they are known."""

    bytes_resumed: int = 0
    """Bytes of ``bytes_fetched`` that an earlier run had received."""

    stage: str = ""
    """What is done while there are no pages and files to count, such as ``resolving 2 of 3 targets``."""

    @property
    def received(self) -> int:
        """The bytes that this run has received."""
        return self.bytes_fetched - self.bytes_resumed


@dataclass(slots=True)
class Summary:
    """The result of a run."""

    projects_wanted: int = 0
    projects_read: int = 0
    """Projects whose page was new or had changed."""

    projects_removed: int = 0
    files_wanted: int = 0
    files_fetched: int = 0
    files_present: int = 0
    """Wanted files that were in the folder, and in the catalog."""

    files_adopted: int = 0
    """Wanted files that were in the folder, but not in the catalog: another tool's, or a killed run's."""

    files_removed: int = 0
    files_failed: int = 0
    files_unfinished: int = 0
    """Files of which a part is kept, so that the next run can continue them."""

    bytes_unfinished: int = 0
    bytes_fetched: int = 0
    seconds: float = 0.0
    workers_started: int = 0
    interrupted: bool = False
    refused: Counter[str] = field(default_factory=Counter)
    """Files on the pages read that a rule refused, counted by its config key."""

    failures: list[Failure] = field(default_factory=list)
    lost: Counter[str] = field(default_factory=Counter)
    """Files here that the index no longer offers, counted by cause: ``unlisted``, or the rule that refuses
    them."""

    withheld: list[str] = field(default_factory=list)
    """Those files, if they are too many to delete without confirmation."""

    deselected: list[str] = field(default_factory=list)
    """Files here that the config no longer selects, if they are too many to delete without confirmation."""

    passes: bool = False
    """Whether another run may mend one of the failures."""

    unmatched: Mapping[str, int] | None = None
    """If no file matches the config: how many files each rule refused, by its config key. 0 for a key that
    leaves no project."""

    notes: list[str] = field(default_factory=list)
    """What the user should know although nothing failed."""

    def fail(self, project: str, filename: str | None, cause: str, *, passes: bool = False) -> None:
        """Record a failure, and log it.

        :param passes: whether another run may mend it
        """
        self.passes |= passes
        failure = Failure(printable(project), printable(filename) if filename else None, printable(cause))
        self.failures.append(failure)
        log.warning("failed: %s", failure)

    def note(self, text: str) -> None:
        """Record a note, and log it."""
        self.notes.append(printable(text))
        log.info("note: %s", self.notes[-1])

    @property
    def complete(self) -> bool:
        """Whether some file matches the config, the mirror has all of them, and no deletion waits."""
        waits = self.withheld or self.deselected
        return not (self.failures or waits or self.interrupted or self.unmatched)

    def as_dict(self) -> dict[str, Any]:
        """Return the summary as ``--json`` prints it; docs/json.md documents each key."""
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
            "failures": [asdict(each) for each in self.failures],
            "lost": dict(self.lost),
            "withheld": self.withheld,
            "deselected": self.deselected,
            "unmatched": self.unmatched,
            "notes": self.notes,
        }
