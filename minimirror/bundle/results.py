"""What came of an export, or of an import."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from minimirror.storage import EMPTY

__all__ = ["Exported", "Imported"]

_VERSION = 1


@dataclass(frozen=True)
class Exported:
    """What came of an export."""

    paths: list[Path] = field(default_factory=list)
    """The bundle's parts; none where nothing has changed."""

    number: int = 0
    """Of this export; where nothing has changed, of the one that it would have gone on from."""

    since: int | None = None
    """The export that it goes on from; None where the bundle is full."""

    state: str = EMPTY
    """That it leads to."""

    files: int = 0
    """Carried."""

    removed: int = 0
    bytes: int = 0
    """Of all parts."""

    signed: bool = False
    missing: int = 0
    """What the last run wanted and could not get, so that the bundle has it neither."""

    seconds: float = 0.0

    def as_dict(self) -> dict[str, Any]:
        """The result as the ``--json`` option prints it."""
        return {
            "version": _VERSION,
            "changed": bool(self.paths),
            "paths": [str(path) for path in self.paths],
            "number": self.number,
            "since": self.since,
            "state": self.state,
            "files": self.files,
            "removed": self.removed,
            "bytes": self.bytes,
            "signed": self.signed,
            "missing": self.missing,
            "seconds": round(self.seconds, 3),
        }


@dataclass
class Imported:
    """What came of a bundle's import."""

    name: str
    """The bundle's first file."""

    number: int
    """Of the export."""

    state: str = EMPTY
    """That it leads to."""

    changed: bool = False
    """Whether anything was done."""

    why_not: str | None = None
    """In words, where nothing was."""

    added: int = 0
    """Files that were not here, or were another's under the same name."""

    present: int = 0
    """Files of the bundle that were here already."""

    removed: int = 0
    bytes: int = 0
    """Of the files that were added."""

    signer: str | None = None
    """None where no signature was asked for."""

    damaged: list[str] = field(default_factory=list)
    """Files that the mirror should have from earlier imports, and that are missing or of another size."""

    seconds: float = 0.0

    def as_dict(self) -> dict[str, Any]:
        """The result as the ``--json`` option prints it."""
        return {
            "version": _VERSION,
            "name": self.name,
            "number": self.number,
            "state": self.state,
            "changed": self.changed,
            "added": self.added,
            "present": self.present,
            "removed": self.removed,
            "bytes": self.bytes,
            "signer": self.signer,
            "damaged": self.damaged,
            "seconds": round(self.seconds, 3),
        }
