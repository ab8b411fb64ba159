"""What a lock file says, read for the config's targets."""

from __future__ import annotations

import posixpath
from collections.abc import Iterable, Mapping
from collections.abc import Set as AbstractSet
from dataclasses import dataclass, field

from packaging.markers import Marker

from minimirror.common import printable, quoted
from minimirror.distributions import Target
from minimirror.selection import PinnedRelease

__all__ = ["Draft", "Locked", "holds", "is_own_tree"]


@dataclass(frozen=True)
class Locked:
    """The packages that a lock pins, for each target."""

    pins: Mapping[str, tuple[PinnedRelease, ...]]
    """By the project's normalized name."""

    chains: Mapping[tuple[str, int], tuple[str, ...]]
    """How a project came in for a target, from the lock to the project: ``("uv.lock", "app", "idna")``. As
    short as may be; just the lock and the project where the lock does not tell dependencies."""

    problems: tuple[str, ...]
    """Packages that no index can answer for, each with the reason."""

    refused: Mapping[int, str]
    """The targets, from 0, that the lock is not made for, each with the reason: it pins nothing for them."""


@dataclass
class Draft:
    """A :class:`Locked` that is being read."""

    name: str
    """What chains begin with."""

    place: str
    """What messages call the lock."""

    refused: dict[int, str] = field(default_factory=dict)
    _digests: dict[tuple[str, str, int], tuple[str, ...]] = field(default_factory=dict)
    _chains: dict[tuple[str, int], tuple[str, ...]] = field(default_factory=dict)
    _problems: dict[str, None] = field(default_factory=dict)

    def pin(self, project: str, version: str, target: int, digests: tuple[str, ...]) -> None:
        """Add a release. Of two files' lists of one release, either will do."""
        before = self._digests.get((project, version, target))
        if before is not None:
            digests = tuple(dict.fromkeys([*before, *digests])) if before and digests else ()
        self._digests[project, version, target] = digests

    def chain(self, project: str, target: int, names: Iterable[str]) -> None:
        """Say how a project came in, unless that is known."""
        self._chains.setdefault((project, target), (self.name, *names))

    def refuse(self, target: int, told: Target, cause: str) -> None:
        """Say why the lock is not made for a target."""
        self.refused[target] = f"{self.place} is not made for {told}: {printable(cause)}"

    def not_from_index(self, package: str, source: str) -> None:
        """Name a package that no index has."""
        told = (
            f"{package} cannot be mirrored: it comes from {source}, and the mirror holds what the index has"
        )
        self._problems[f"{self.place}: {printable(told)}"] = None

    def finished(self) -> Locked:
        """The whole of it."""
        pins: dict[str, list[PinnedRelease]] = {}
        for (project, version, target), digests in sorted(self._digests.items()):
            pins.setdefault(project, []).append(PinnedRelease(version, target, digests))
        return Locked(
            pins={project: tuple(found) for project, found in pins.items()},
            chains=self._chains,
            problems=tuple(self._problems),
            refused=self.refused,
        )


def holds(marker: Marker, target: Target, extras: AbstractSet[str], groups: AbstractSet[str]) -> bool:
    """Whether a lock's marker (PEP 751) holds for a target.

    :raises ValueError: it compares what cannot be compared
    """
    environment: dict[str, str | AbstractSet[str]] = {
        **target.markers(),
        "extras": extras,
        "dependency_groups": groups,
    }
    try:
        return marker.evaluate(environment, context="lock_file")
    except (ValueError, LookupError, TypeError, AssertionError):
        raise ValueError(f"{quoted(str(marker), 200)} cannot be evaluated") from None


def is_own_tree(path: str) -> bool:
    """Whether a path of a lock lies in the lock's own folder, as the project and its workspace members do."""
    whole = posixpath.normpath(path.replace("\\", "/"))
    return not whole.startswith(("../", "/")) and whole != ".." and ":" not in whole
