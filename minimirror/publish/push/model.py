"""The values of a push: its files, its results, its errors."""

from __future__ import annotations

import logging
from dataclasses import asdict, dataclass, field
from typing import Any, Literal, NamedTuple

from minimirror.common import Failure, MinimirrorError, StoredFile, printable

__all__ = ["FileResult", "PushError", "PushFile", "PushInterrupted", "PushRequestError", "PushResult"]

log = logging.getLogger("minimirror")

_VERSION = 1


class PushError(MinimirrorError):
    """The other index is unreachable or denies access."""


class PushRequestError(PushError):
    """The request is invalid, such as an unknown repository name or a URL with a password in it."""

    exit_code = 2


class PushFile(NamedTuple):
    """A file of the mirror to push."""

    project: str
    """Normalized name (PEP 503)."""

    filename: str
    stored: StoredFile
    size: int
    """Bytes."""

    sha256: str
    """Hexadecimal, in lower case, as in the catalog."""


@dataclass(frozen=True, slots=True)
class FileResult:
    """What the comparison with the index, or the upload, found for a file."""

    file: PushFile
    kind: Literal["missing", "present", "same size", "conflict", "uploaded", "altered", "failed", "untried"]
    """``same size``: the index has a file with this name and size, but lists no digest."""

    cause: str = ""
    """Why the file could not be pushed; empty unless it is a conflict, altered or failed."""

    passes: bool = False
    """Whether a later push may succeed."""


@dataclass(slots=True)
class PushResult:
    """The result of a push."""

    url: str
    """The URL that takes uploads."""

    simple_url: str
    dry_run: bool = False
    files: int = 0
    present: int = 0
    """Number of selected files that the index already had."""

    uploaded: int = 0
    bytes_uploaded: int = 0
    missing: list[PushFile] = field(default_factory=list)
    """The files that a dry run would have uploaded."""

    conflicts: list[str] = field(default_factory=list)
    """Filenames under which the index has a different file."""

    altered: list[str] = field(default_factory=list)
    """Files that were deleted or changed in the folder since minimirror placed them."""

    failures: list[Failure] = field(default_factory=list)
    """Every selected file that is not in the index, with the cause; includes conflicts and altered files."""

    passes: bool = False
    """Whether another push may mend one of the failures."""

    notes: list[str] = field(default_factory=list)
    """What a user should know although nothing failed."""

    interrupted: bool = False
    seconds: float = 0.0

    def record(self, result: FileResult) -> None:
        """Record and log the result of a file."""
        file = result.file
        if result.kind == "uploaded":
            self.uploaded += 1
            self.bytes_uploaded += file.size
            log.info("uploaded %s (%d bytes)", file.filename, file.size)
        elif result.kind in {"present", "same size"}:
            self.present += 1
        elif result.kind == "conflict":
            self.conflicts.append(file.filename)
        elif result.kind == "altered":
            self.altered.append(file.filename)
        self.passes |= result.passes
        if result.cause:
            failure = Failure(file.project, printable(file.filename), printable(result.cause))
            self.failures.append(failure)
            log.warning("not uploaded: %s", failure)

    @property
    def complete(self) -> bool:
        """Whether the index has every selected file; in a dry run, whether nothing prevents that."""
        return not self.failures and not self.interrupted

    def as_dict(self) -> dict[str, Any]:
        """Return the result as the ``--json`` option prints it; docs/json.md documents each key."""
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
            "failures": [asdict(each) for each in self.failures],
            "notes": self.notes,
        }


class PushInterrupted(KeyboardInterrupt):
    """Ctrl-C ended a push; :attr:`result` counts what was uploaded before."""

    def __init__(self, result: PushResult) -> None:
        super().__init__("interrupted")
        self.result = result
