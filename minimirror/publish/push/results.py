"""What came of a push."""

from __future__ import annotations

import logging
from dataclasses import dataclass, field
from typing import Any

from minimirror.common import Failure, printable
from minimirror.publish.push.holdings import Holding

__all__ = ["Pushed"]

log = logging.getLogger("minimirror")

_VERSION = 1


@dataclass(slots=True)
class Pushed:
    """What came of a push."""

    url: str
    """Where files were uploaded."""

    simple_url: str
    """Where what is there was read."""

    dry_run: bool = False
    files: int = 0
    """Files that were chosen."""

    present: int = 0
    """Those that were there already."""

    uploaded: int = 0
    bytes_uploaded: int = 0
    missing: list[Holding] = field(default_factory=list)
    """What would have been uploaded, where nothing was to be."""

    conflicts: list[str] = field(default_factory=list)
    """Filenames that are other files' there."""

    altered: list[str] = field(default_factory=list)
    """Files that are missing here, or are others than were placed."""

    failures: list[Failure] = field(default_factory=list)
    """All that is not there, and why, those of the conflicts and of the altered included."""

    notes: list[str] = field(default_factory=list)
    """What a user should know though it is no failure."""

    interrupted: bool = False
    seconds: float = 0.0

    def fail(self, file: Holding, cause: str) -> None:
        """Take note of a file that is not there, and log it."""
        failure = Failure(file.project, printable(file.filename), printable(cause))
        self.failures.append(failure)
        log.warning("not there: %s", failure)

    @property
    def complete(self) -> bool:
        """Whether all that was chosen is there; before a push, whether nothing is in its way."""
        return not self.failures and not self.interrupted

    def as_dict(self) -> dict[str, Any]:
        """The result as the ``--json`` option prints it; the README documents each key."""
        return {
            "version": _VERSION,
            "complete": self.complete,
            "interrupted": self.interrupted,
            "dry_run": self.dry_run,
            "url": self.url,
            "simple_url": self.simple_url,
            "files": {
                "chosen": self.files,
                "present": self.present,
                "uploaded": self.uploaded,
                "failed": len(self.failures),
            },
            "bytes_uploaded": self.bytes_uploaded,
            "seconds": round(self.seconds, 3),
            "missing": [
                {"project": each.project, "filename": each.filename, "size": each.size}
                for each in self.missing
            ],
            "conflicts": self.conflicts,
            "altered": self.altered,
            "failures": [
                {"project": each.project, "filename": each.filename, "cause": each.cause}
                for each in self.failures
            ],
            "notes": self.notes,
        }
