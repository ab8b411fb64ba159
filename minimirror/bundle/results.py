"""What an export or an import ends with: a result, or one of these errors."""

from __future__ import annotations

from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from minimirror.common import MinimirrorError
from minimirror.storage import EMPTY

__all__ = [
    "BundleError",
    "BundleRequestError",
    "DamagedError",
    "ExportResult",
    "GapError",
    "ImportResult",
    "SignatureError",
]

_VERSION = 1


class BundleError(MinimirrorError):
    """A bundle cannot be created or imported."""


class BundleRequestError(BundleError):
    """The arguments make no sense."""

    exit_code = 2


class DamagedError(BundleError):
    """A bundle is not what was exported."""


class GapError(BundleError):
    """A bundle starts after an export that this mirror does not have."""


class SignatureError(BundleError):
    """A bundle cannot be signed, or has no valid signature."""


@dataclass(frozen=True)
class ExportResult:
    """What an export did."""

    paths: list[Path] = field(default_factory=list)
    """The bundle's parts; empty if nothing has changed."""

    number: int = 0
    """This export's number; if nothing has changed, the number of the export it was compared with."""

    since: int | None = None
    """The export that the bundle starts after; None for a full bundle."""

    state: str = EMPTY
    """The state that an import leads to."""

    files: int = 0
    removed: int = 0
    bytes: int = 0
    """Bytes of all parts."""

    signed: bool = False
    missing: int = 0
    """Files and projects that the last run could not fetch, so that the bundle lacks them too."""

    seconds: float = 0.0

    def as_dict(self) -> dict[str, Any]:
        """Return the result as ``--json`` prints it."""
        return {
            "version": _VERSION,
            "changed": bool(self.paths),
            **asdict(self),
            "paths": [str(path) for path in self.paths],
            "seconds": round(self.seconds, 3),
        }


@dataclass
class ImportResult:
    """What the import of one bundle did."""

    name: str
    """The bundle's first file."""

    number: int
    state: str = EMPTY
    """The state that the bundle leads to."""

    why_not: str | None = None
    """The reason if nothing was done."""

    added: int = 0
    """New files, and files whose content changed."""

    present: int = 0
    """Files of the bundle that were in the folder already."""

    removed: int = 0
    bytes: int = 0
    """Bytes of the added files."""

    signer: str | None = None
    """None if the config requires no signature."""

    damaged: list[str] = field(default_factory=list)
    """Files from earlier imports that are missing or have another size."""

    seconds: float = 0.0

    @property
    def changed(self) -> bool:
        """Whether the bundle was imported."""
        return self.why_not is None

    def as_dict(self) -> dict[str, Any]:
        """Return the result as ``--json`` prints it."""
        values = {"version": _VERSION, **asdict(self), "changed": self.changed}
        del values["why_not"]
        return {**values, "seconds": round(self.seconds, 3)}
