"""What an export or an import ends with: a result, or one of these errors."""

from __future__ import annotations

from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from minimirror.common import MinimirrorError

__all__ = [
    "BundleError",
    "BundleRequestError",
    "DamagedError",
    "ExportResult",
    "ImportResult",
    "MissingBytesError",
    "OlderError",
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


class MissingBytesError(BundleError):
    """A bundle lists files whose bytes are neither in it nor here."""


class OlderError(BundleError):
    """A newer bundle of the same mirror is imported already."""


class SignatureError(BundleError):
    """A bundle cannot be signed, or has no valid signature."""


@dataclass(frozen=True)
class ExportResult:
    """What an export did."""

    paths: list[Path] = field(default_factory=list)
    """The bundle's parts; empty if there was nothing to export."""

    number: int = 0
    """This export's number; if there was nothing to export, that of the last one."""

    since: int | None = None
    """The bundle leaves out bytes that exports up to this one carried; None if it carries everything."""

    state: str = ""
    """A digest of what the mirror offers."""

    listed: int = 0
    """Files in the manifest."""

    files: int = 0
    """Files whose bytes the bundle carries."""

    local: int = 0
    """Local files in the manifest."""

    without_local: int = 0
    """Local files that were left out."""

    removed: int = 0
    """Files that the last export listed, and this one does not."""

    bytes: int = 0
    """Bytes of all parts."""

    signed: bool = False
    missing: int = 0
    """Files and projects that the last run could not fetch, so that the bundle lacks them too."""

    seconds: float = 0.0
    installer: list[Path] = field(default_factory=list)
    """The file that installs minimirror, and its signature, if that was asked for."""

    def as_dict(self) -> dict[str, Any]:
        """Return the result as ``--json`` prints it."""
        return {
            "version": _VERSION,
            "changed": bool(self.paths),
            **asdict(self),
            "paths": [str(path) for path in self.paths],
            "installer": [str(path) for path in self.installer],
            "seconds": round(self.seconds, 3),
        }


@dataclass
class ImportResult:
    """What the import of one bundle did, or would do."""

    name: str
    """The bundle's first file."""

    number: int
    state: str = ""
    """A digest of what the exported mirror offers."""

    mirrored: float | None = None
    """When the exported mirror's last complete run ended, in seconds since the epoch; None if unknown."""

    checked: bool = False
    """Whether the bundle was only checked: nothing has changed."""

    why_not: str | None = None
    """The reason if there was nothing to do."""

    added: int = 0
    """New files, and files whose content changed."""

    present: int = 0
    """Files of the manifest that were in the folder already."""

    local: int = 0
    """Local files in the manifest."""

    kept: int = 0
    """Files that stayed because a run has updated them since an import placed them."""

    restored: bool = False
    """Whether a newer bundle is imported, so that this one only brought back files that were lost."""

    removed: int = 0
    bytes: int = 0
    """Bytes of the added files."""

    signed: bool = False
    signer: str | None = None
    """None if the config requires no signature."""

    seconds: float = 0.0

    @property
    def changed(self) -> bool:
        """Whether the import changed anything, or would."""
        return self.why_not is None

    def as_dict(self) -> dict[str, Any]:
        """Return the result as ``--json`` prints it."""
        values = {"version": _VERSION, **asdict(self), "changed": self.changed}
        del values["why_not"]
        return {**values, "seconds": round(self.seconds, 3)}
