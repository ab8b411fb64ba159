"""The packages that a lock pins for each target, and what its readers share."""

from __future__ import annotations

import posixpath
from collections.abc import Iterable
from collections.abc import Set as AbstractSet
from dataclasses import dataclass, field

from packaging.markers import Marker
from packaging.utils import canonicalize_name

from minimirror.common import mask_credentials, printable, quoted
from minimirror.distributions import Target, read_filename
from minimirror.selection import PinnedRelease
from minimirror.simple_api import File

__all__ = ["LockedPackages", "evaluate_marker", "other_source"]


@dataclass
class LockedPackages:
    """The packages that a lock pins."""

    name: str
    """The first name of each chain."""

    place: str
    """The lock's path in messages."""

    digests: dict[tuple[str, str, int], tuple[str, ...]] = field(default_factory=dict)
    """Of which a file must have one, by project, version and target; empty if any file will do."""

    chains: dict[tuple[str, int], tuple[str, ...]] = field(default_factory=dict)
    """Why a project is needed, by project and target: the shortest way to it, such as
    ``("uv.lock", "app", "idna")``. Only the lock and the project if the lock lists no dependencies."""

    problems: dict[str, str] = field(default_factory=dict)
    """Sentences on packages that do not come from an index, each with the normalized project."""

    registries: dict[str, dict[str, None]] = field(default_factory=dict)
    """The URLs of the indexes that the lock names, by normalized project."""

    files: dict[str, dict[str, File]] = field(default_factory=dict)
    """Files that come from URLs, by normalized project and URL."""

    unsupported: dict[int, str] = field(default_factory=dict)
    """The targets that the lock does not support, by their number from 0, each with the reason."""

    @property
    def pins(self) -> dict[str, list[PinnedRelease]]:
        """The pinned releases by normalized project."""
        pins: dict[str, list[PinnedRelease]] = {}
        for (project, version, target), digests in sorted(self.digests.items()):
            pins.setdefault(project, []).append(PinnedRelease(version, target, digests))
        return pins

    def pin(
        self, project: str, version: str, target: int, digests: tuple[str, ...], names: Iterable[str]
    ) -> None:
        """Pin a release that is reached by some names. If it is pinned already, either's digests match."""
        before = self.digests.get((project, version, target))
        if before is not None:
            digests = tuple(dict.fromkeys([*before, *digests])) if before and digests else ()
        self.digests[project, version, target] = digests
        self.chains.setdefault((project, target), (self.name, *names))

    def come_from(self, project: str, index_url: str | None) -> None:
        """Note the index that a project comes from, if the lock names it."""
        if index_url:
            self.registries.setdefault(project, {})[index_url] = None

    def pin_file(self, project: str, target: int, file: File, names: Iterable[str]) -> None:
        """Pin a file at a URL."""
        version = str(read_filename(file.filename, project).release())
        self.pin(project, version, target, file.pinned, names)
        self.files.setdefault(project, {})[file.url] = file

    def report_source(self, package: str, source: str) -> None:
        """Report a package that does not come from an index."""
        problem = printable(f"cannot mirror {package}: it comes from {source}, not from the index")
        self.problems[f"{self.place}: {problem}"] = canonicalize_name(package.partition(" ")[0])


def evaluate_marker(
    marker: Marker, target: Target, extras: AbstractSet[str], groups: AbstractSet[str]
) -> bool:
    """Evaluate a lock's marker (PEP 751) for a target.

    :raises ValueError: the marker compares values that cannot be compared
    """
    environment: dict[str, str | AbstractSet[str]] = {
        **target.markers(),
        "extras": extras,
        "dependency_groups": groups,
    }
    try:
        return marker.evaluate(environment, context="lock_file")
    except (ValueError, LookupError, TypeError, AssertionError):
        raise ValueError(f"could not evaluate the marker {quoted(str(marker), 200)}") from None


def other_source(vcs: str | None, archive: str | None, folder: str | None) -> str | None:
    """Return where a package comes from if that is neither an index nor the lock's own project.

    :param vcs: the URL or path of a repository
    :param archive: the URL or path of an archive
    :param folder: the path of a folder
    """
    if vcs is not None:
        return f"version control, {mask_credentials(vcs)}"
    if archive is not None:
        return f"an archive, {mask_credentials(archive)}"
    return None if folder is None or _is_in_project(folder) else f"the folder {folder}"


def _is_in_project(path: str) -> bool:
    """Check whether a path is inside the lock's folder, as the project and its workspace members are."""
    whole = posixpath.normpath(path.replace("\\", "/"))
    return not whole.startswith(("../", "/")) and whole != ".." and ":" not in whole
