"""The folder against the catalog: what is missing, truncated, altered, unknown, or was wanted in vain."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, field
from io import FileIO
from pathlib import Path
from typing import Any

from minimirror.common import BUFFER, Digests, Failure, Status
from minimirror.config import Config
from minimirror.publish.static import SUFFIX, Folder, wrong_metadata, wrong_pages
from minimirror.storage import Catalog, FolderError, MirrorFolder
from minimirror.sync.workers import LOOKAHEAD, Pool

__all__ = ["Verification", "mark_damage", "verify"]

VERIFICATION_VERSION = 1

_READERS = 2
"""Files that a worker reads at once: while one waits for the disk, the other is hashed."""


@dataclass(slots=True)
class Verification:
    """What a look at the folder found."""

    files: int = 0
    """Files that the catalog knows."""

    bytes: int = 0
    """Their size."""

    hashed: bool = False
    """Whether every byte was read, or sizes alone were compared."""

    missing: list[str] = field(default_factory=list)
    """Filenames of which nothing is there."""

    truncated: list[str] = field(default_factory=list)
    """Filenames whose file has another size."""

    altered: list[str] = field(default_factory=list)
    """Filenames whose file has the right size and a wrong digest, or cannot be read."""

    unknown: list[str] = field(default_factory=list)
    """Files that minimirror did not place. That is no fault: people upload into such folders."""

    pages: list[str] = field(default_factory=list)
    """Projects whose page in the static index is missing or not true; an empty name stands for the root."""

    metadata: list[str] = field(default_factory=list)
    """Wheels beside which the metadata is missing or altered, though the static index offers it."""

    wanted: list[Failure] = field(default_factory=list)
    """What the last run wanted and could not get, and why."""

    unread: int = 0
    """Projects that are wanted and were not yet mirrored since they changed."""

    projects: int = 0
    """Projects that are wanted."""

    seconds: float = 0.0

    @property
    def intact(self) -> bool:
        """Whether each file that the catalog knows is as it should be, and so is the static index."""
        files = self.missing or self.truncated or self.altered
        return not (files or self.pages or self.metadata)

    @property
    def well(self) -> bool:
        """Whether the folder is intact, and has everything that the selection wants."""
        return self.intact and not self.wanted and not self.unread

    def as_dict(self) -> dict[str, Any]:
        """The result as the ``--json`` option prints it; the README documents each key."""
        return {
            "version": VERIFICATION_VERSION,
            "well": self.well,
            "hashed": self.hashed,
            "files": self.files,
            "bytes": self.bytes,
            "missing": self.missing,
            "truncated": self.truncated,
            "altered": self.altered,
            "unknown": self.unknown,
            "pages": [f"simple/{project}" for project in self.pages],
            "metadata": [filename + SUFFIX for filename in self.metadata],
            "projects": {"wanted": self.projects, "unread": self.unread},
            "wanted": [
                {"project": each.project, "filename": each.filename, "cause": each.cause}
                for each in self.wanted
            ],
            "seconds": round(self.seconds, 3),
        }


def verify(
    config: Config, *, read: bool = False, progress: Callable[[Status], None] = lambda _: None
) -> Verification:
    """Check the repository of a config against its catalog. Nothing is changed, and no index is asked.

    :param read: read every byte and compare digests, in worker processes; otherwise compare sizes alone
    :raises FolderError: the folder cannot be used, or another run holds it
    :raises CatalogError: the catalog cannot be read
    """
    begun = time.monotonic()
    repository = MirrorFolder(config.repository)
    if not repository.has_catalog():
        raise FolderError(f"repository {repository.path}: there is no catalog; `minimirror run` makes one")
    found = Verification(hashed=read)
    with repository.lock(), Catalog(repository.catalog) as catalog:
        _compare_sizes(catalog, repository, found)
        found.unknown = catalog.unknown_files(repository.filenames())
        found.wanted = catalog.missing()
        found.projects, found.unread = catalog.project_count(), catalog.unmirrored_count()
        if config.simple or Folder(repository).is_here:
            found.pages = list(wrong_pages(catalog, repository, read=read))
            found.metadata = sorted(wrong_metadata(catalog, repository, read=read))
        if read:
            _compare_digests(catalog, repository, config.processes, found, progress)
    found.seconds = time.monotonic() - begun
    return found


def mark_damage(config: Config, found: Verification) -> None:
    """Have the next run fetch, or write, what is missing, truncated or altered."""
    repository = MirrorFolder(config.repository)
    with repository.lock(), Catalog(repository.catalog) as catalog:
        catalog.doubt([*found.missing, *found.truncated, *found.altered])
        catalog.pages.doubt_metadata(found.metadata)
        catalog.pages.mark(found.pages)
        catalog.commit()


def _compare_sizes(catalog: Catalog, repository: MirrorFolder, found: Verification) -> None:
    for row in catalog.all_files():
        found.files += 1
        found.bytes += max(row.size, 0)
        size = repository.size(row.filename)
        if size is None:
            found.missing.append(row.filename)
        elif size != row.size:
            found.truncated.append(row.filename)
    found.missing.sort()
    found.truncated.sort()


@dataclass(frozen=True)
class _Read:
    """A job: read one file and compare its digest."""

    path: Path
    sha256: str
    size: int


def _handler() -> Callable[[_Read, Callable[[int], None]], bool]:
    return _is_right


def _is_right(job: _Read, report: Callable[[int], None]) -> bool:
    digests = Digests({"sha256": job.sha256}, 4 * BUFFER)
    try:
        with FileIO(job.path) as stream:
            digests.read(stream, report)
    except OSError:
        return False
    return digests.mismatch() is None


def _compare_digests(
    catalog: Catalog,
    repository: MirrorFolder,
    processes: int,
    found: Verification,
    progress: Callable[[Status], None],
) -> None:
    """Read the files that have the right size, the biggest first, each in a worker."""
    jobs = (
        _Read(repository.path / row.filename, row.sha256, row.size)
        for row in catalog.all_files()
        if repository.size(row.filename) == row.size
    )
    files = found.files - len(found.missing) - len(found.truncated)
    in_flight: dict[str, int] = {}
    done = count = 0
    with Pool[_Read](
        _handler,
        processes=processes,
        connections=_READERS,
        lookahead=_lookahead,
        preload=["minimirror.sync.verifying"],
    ) as pool:
        for outcome in pool.run(lambda: next(jobs, None)):
            if outcome is None:
                continue
            name = outcome.job.path.name
            if outcome.progress is not None:
                in_flight[name] = outcome.progress
            else:
                in_flight.pop(name, None)
                done, count = done + outcome.job.size, count + 1
                if not outcome.result:
                    found.altered.append(name)
            progress(Status(0, 0, files, count, found.bytes, done + sum(in_flight.values()), 0, in_flight))
    found.altered.sort()


def _lookahead(job: _Read) -> int:
    return 0 if job.size > BUFFER else LOOKAHEAD
