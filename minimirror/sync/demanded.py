"""What was fetched on demand, for a run: releases that it keeps up to date while clients use them.

Servers go on while a run works. What they fetch after the run has looked is left to the next run.
"""

from __future__ import annotations

import os
import time
from collections.abc import Collection, Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from minimirror.config import Config
from minimirror.distributions import projects_named
from minimirror.selection import ON_DEMAND, PinnedRelease
from minimirror.storage import (
    Catalog,
    DemandedFile,
    MissedProject,
    Repository,
    open_folder,
    read_demanded,
    read_missed,
)

__all__ = ["Demanded", "Requested", "requested", "still_missed"]


class Demanded:
    """What was fetched on demand when this was made."""

    def __init__(self, config: Config, folder: Repository) -> None:
        """Read what servers have recorded.

        :raises CatalogError: it cannot be read
        """
        self._path = folder.demand
        self._stamp = _stamp(self._path)
        self._late: Mapping[str, str] = {}
        self.files: dict[str, DemandedFile] = {each.filename: each for each in read_demanded(self._path)}
        """By filename."""

        keep = config.serve.on_demand_keep
        limit = time.time() - keep if keep else 0.0
        self.expired = frozenset(name for name, each in self.files.items() if each.last < limit)
        """Names of the files that no client has used for long, so that the run may delete them."""

    def here(self, catalog: Catalog) -> list[DemandedFile]:
        """Return those that the mirror has."""
        held = {project: catalog.files.of(project) for project in {e.project for e in self.files.values()}}
        return [each for name, each in self.files.items() if name in held[each.project]]

    def pins(self) -> dict[str, tuple[PinnedRelease, ...]]:
        """Return the releases that clients use, by project."""
        used = sorted({(each.project, each.version) for each in self._used()})
        found: dict[str, tuple[PinnedRelease, ...]] = {}
        for project, version in used:
            found[project] = (*found.get(project, ()), PinnedRelease(version, ON_DEMAND))
        return found

    def _used(self) -> list[DemandedFile]:
        return [each for name, each in self.files.items() if name not in self.expired]

    def late(self) -> Mapping[str, str]:
        """Return the projects of files that clients have got since, by filename; this run leaves them alone.

        :raises CatalogError: they cannot be read
        """
        stamp = _stamp(self._path)
        if stamp != self._stamp:
            self._stamp = stamp
            self._late = {
                each.filename: each.project for each in read_demanded(self._path) if self._is_late(each)
            }
        return self._late

    def _is_late(self, file: DemandedFile) -> bool:
        known = self.files.get(file.filename)
        return known is None or (file.filename in self.expired and file.last > known.last)


@dataclass(frozen=True)
class Requested:
    """What clients asked the server for."""

    missed: Sequence[MissedProject]
    """Projects that they did not get and that are still not here, the most wanted first."""

    came: Sequence[DemandedFile]
    """Files that were fetched on demand and are here, by project and name."""

    expired: Collection[str]
    """Names of those that the next run deletes, because no client has used them for long."""


def requested(config: Config) -> Requested:
    """Return what clients asked the server of a config for. No request, no lock, no writes.

    :raises FolderError: the folder does not exist, or is a bucket
    :raises CatalogError: the catalog, or what servers have recorded, cannot be read
    """
    folder = open_folder(config.repository, "requested")
    folder.require()
    found = Demanded(config, folder)
    with Catalog(folder.catalog, read_only=True) as catalog:
        missed = still_missed(folder, catalog, catalog.local_filenames(folder.filenames()))
        return Requested(missed, found.here(catalog), found.expired)


def still_missed(folder: Repository, catalog: Catalog, local_filenames: Iterable[str]) -> list[MissedProject]:
    """Return the projects that clients did not get and that are not here by now, the most wanted first.

    :raises CatalogError: what servers have recorded cannot be read
    """
    missed = [each for each in read_missed(folder.demand) if not catalog.files.of(each.project)]
    local = {project for name in local_filenames for project in projects_named(name)} if missed else set()
    return [each for each in missed if each.project not in local]


def _stamp(path: Path) -> list[tuple[int, int]]:
    """Return what changes whenever a database is written."""
    found = []
    for each in (path, path.with_name(f"{path.name}-wal")):
        with suppress(OSError):
            stat = os.stat(each)  # noqa: PTH116 - for each page; pathlib takes longer than the system
            found.append((stat.st_mtime_ns, stat.st_size))
    return found
