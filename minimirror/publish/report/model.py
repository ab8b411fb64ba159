"""What a report says. Times are in seconds since the epoch, sizes in bytes."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from minimirror.common import Failure
from minimirror.storage import MissedProject

__all__ = [
    "Behind",
    "Growth",
    "OnDemand",
    "Outdated",
    "Project",
    "Release",
    "Report",
    "Share",
    "TargetShare",
    "Vulnerable",
    "Year",
]

_VERSION = 1


@dataclass(frozen=True, slots=True)
class Share:
    """Files that have something in common."""

    name: str
    files: int
    bytes: int


@dataclass(frozen=True, slots=True)
class TargetShare(Share):
    """The files that a target can install."""

    projects: int
    missing: int
    """What the mirror lacks for it."""


@dataclass(frozen=True, slots=True)
class Year(Share):
    """The releases whose last file was uploaded to the index in a year (UTC)."""

    releases: int
    projects: int
    """Projects whose newest upload is in that year."""


@dataclass(frozen=True, slots=True)
class Release(Share):
    """The files of a release, which is named by its version."""

    uploaded: float | None
    """When the last of them was uploaded to the index; None if unknown."""

    yanked: str | None
    """The reason, may be empty; None if not all of them are yanked."""


@dataclass(frozen=True, slots=True)
class Project(Share):
    """The files of a project."""

    uploaded: float | None
    """When the last of them was uploaded to the index; None if unknown."""

    status: str | None
    """Its status on the index (PEP 792); None for active."""

    releases: tuple[Release, ...]
    """The newest first."""


@dataclass(frozen=True, slots=True)
class Growth:
    """A run or an import, and what the mirror held after it."""

    started: float
    ended: float | None
    outcome: str
    """``complete``, ``incomplete``, ``interrupted``, ``failed``, ``killed`` or ``running``."""

    fetched: int
    removed: int
    missing: int
    bytes_fetched: int
    files: int | None
    """Files that the mirror held; None if unknown."""

    bytes: int | None


@dataclass(frozen=True, slots=True)
class Outdated:
    """A selected project that was not up to date with the index when the last run ended."""

    project: str
    newest: str | None
    """The newest release that is here; None if there is none."""

    uploaded: float | None
    cause: str


@dataclass(frozen=True, slots=True)
class Behind:
    """A project with a newer release on the index than in the mirror."""

    project: str
    newest: str
    """The newest release that is here."""

    upstream: str
    """The newest release on the index that is not yanked."""

    uploaded: float | None
    """When that was uploaded to the index; None if unknown."""

    refused_by: tuple[str, ...]
    """The rules that refuse it; empty if it is selected, and could not be mirrored yet."""


@dataclass(frozen=True, slots=True)
class Vulnerable:
    """A release that is here and has known vulnerabilities."""

    project: str
    release: str
    known: str
    """Their identifiers, separated by commas."""


@dataclass(frozen=True, slots=True)
class OnDemand(Share):
    """The files of a project that were fetched on demand."""

    uses: int
    """How often clients got them."""

    last: float


@dataclass(frozen=True, slots=True)
class Report:
    """What a mirror holds."""

    repository: str
    """The folder, or the address of the bucket."""

    made: float
    as_of: float | None
    """The mirror has all that was selected from the index's state at that time; None if no run completed."""

    selected: int
    """Selected projects."""

    files: int
    bytes: int
    releases: int
    local: Share
    """Distribution files in the folder that minimirror did not place; they are in none of the other sums."""

    projects: tuple[Project, ...]
    """The biggest first, as are types, Python tags and platforms."""

    types: tuple[Share, ...]
    pythons: tuple[Share, ...]
    platforms: tuple[Share, ...]
    """Without the versions in the tags: ``manylinux_x86_64``."""

    targets: tuple[TargetShare, ...]
    """In the config's order."""

    years: tuple[Year, ...]
    """The newest first; ``unknown`` is last."""

    growth: tuple[Growth, ...]
    """The oldest first."""

    outdated: tuple[Outdated, ...]
    behind: tuple[Behind, ...]
    """Those first whose newer release has waited longest."""

    unread: int
    """Projects with files whose pages no run has read: what the index has is not known."""

    vulnerable: tuple[Vulnerable, ...]
    """By project."""

    unadvised: int
    """Projects that have files, and whose known vulnerabilities are not known."""

    missing: tuple[Failure, ...]
    """What the last finished run could not mirror, and mirrored files that are lost or damaged."""

    demanded: tuple[OnDemand, ...]
    """The biggest first."""

    missed: tuple[MissedProject, ...]
    """The most wanted first."""

    def as_dict(self) -> dict[str, Any]:
        """Return what ``--json`` prints; docs/schemas/report.schema.json describes each key."""
        return {"version": _VERSION, **_plain(self)}


def _plain(value: Any) -> Any:
    """Return a value for JSON; :func:`dataclasses.asdict` would copy each of its parts, too."""
    names = getattr(value, "__dataclass_fields__", None) or getattr(value, "_fields", None)
    if names is None and isinstance(value, tuple):
        return [_plain(each) for each in value]
    return value if names is None else {name: _plain(getattr(value, name)) for name in names}
