"""Compare the folder with the catalog: what is missing, damaged, local, or could not be mirrored."""

from __future__ import annotations

import asyncio
import math
import time
from collections.abc import Callable, Iterable
from dataclasses import asdict, dataclass, field
from typing import Any

from minimirror.common import (
    BUFFER,
    Failure,
    ProgressCallback,
    StoredFile,
    Summary,
    counted,
    has_sha256,
)
from minimirror.config import Config
from minimirror.publish.static import SUFFIX, open_pages, wrong_metadata, wrong_pages
from minimirror.storage import Catalog, Repository, TrackedFile, open_mirror, open_repository
from minimirror.sync.demanded import Demanded
from minimirror.sync.progress import Progress
from minimirror.sync.workers.opening import starter_of
from minimirror.sync.workers.processes import LOOKAHEAD, Pool

__all__ = ["Verification", "mark_damage", "verify"]

VERIFICATION_VERSION = 1


@dataclass(slots=True)
class Verification:
    """The result of a verification."""

    files: int = 0
    """Files in the catalog."""

    bytes: int = 0
    """Their total size."""

    hashed: bool = False
    """Whether every byte was read; otherwise only sizes were compared."""

    missing: list[str] = field(default_factory=list)
    truncated: list[str] = field(default_factory=list)
    """Files with another size."""

    altered: list[str] = field(default_factory=list)
    """Files with the right size but a wrong digest, and unreadable files."""

    unchecked: list[Failure] = field(default_factory=list)
    """Files whose digest could not be compared because of an error in minimirror's own processes."""

    unknown: list[str] = field(default_factory=list)
    """Local files. They are listed but not counted as errors, since people may upload into the folder."""

    pages: list[str] = field(default_factory=list)
    """Projects whose page in the static index is missing or wrong; an empty name means the root."""

    metadata: list[str] = field(default_factory=list)
    """Wheels whose metadata file is missing or altered, although the static index offers it."""

    on_demand: list[str] = field(default_factory=list)
    """Files in the catalog that were fetched on demand."""

    wanted: list[Failure] = field(default_factory=list)
    """What the last run could not mirror, and why."""

    unread: int = 0
    """Number of selected projects that changed since they were mirrored."""

    projects: int = 0
    seconds: float = 0.0

    @property
    def damaged(self) -> bool:
        """Whether a file in the catalog or the static index is not as it should be."""
        return bool(self.missing or self.truncated or self.altered or self.pages or self.metadata)

    @property
    def intact(self) -> bool:
        """Whether every file in the catalog and the static index are known to be as they should be."""
        return not self.damaged and not self.unchecked

    @property
    def well(self) -> bool:
        """Whether the folder is intact and the mirror complete."""
        return self.intact and not self.wanted and not self.unread

    def as_dict(self) -> dict[str, Any]:
        """Return the result as ``--json`` prints it."""
        return {
            "version": VERIFICATION_VERSION,
            "well": self.well,
            "hashed": self.hashed,
            "files": self.files,
            "bytes": self.bytes,
            "missing": self.missing,
            "truncated": self.truncated,
            "altered": self.altered,
            "unchecked": [asdict(each) for each in self.unchecked],
            "unknown": self.unknown,
            "pages": [f"simple/{project}" for project in self.pages],
            "metadata": [filename + SUFFIX for filename in self.metadata],
            "projects": {"wanted": self.projects, "unread": self.unread},
            "wanted": [asdict(each) for each in self.wanted],
            "on_demand": self.on_demand,
            "seconds": round(self.seconds, 3),
        }


def verify(config: Config, *, read: bool = False, progress: ProgressCallback | None = None) -> Verification:
    """Compare the mirror with its catalog. Change nothing, and contact no index.

    ``verify(config).well`` is True if the mirror is complete and no file is missing or has another size.

    :param read: read every byte and compare digests, in worker processes; otherwise compare only sizes
    :param progress: called with the progress of reading
    :raises FolderError: the folder cannot be used, or another run has locked it
    :raises CatalogError: the catalog cannot be read
    """
    begun = time.monotonic()
    folder = open_repository(config.repository, config.state)
    folder.require_catalog()
    found = Verification(hashed=read)
    with open_mirror(folder) as catalog:
        stages = Progress(Summary(), progress, "checked")
        of = f"comparing sizes: {{:,}} of {counted(catalog.files.count())}"
        _compare_sizes(stages.counted(catalog.files.tracked(), of), folder, found)
        names = stages.counted(folder.filenames(), "listing the folder: {:,} files")
        found.unknown = catalog.local_filenames(names)
        found.wanted = catalog.runs.missing()
        found.on_demand = [each.filename for each in Demanded(config, folder).here(catalog)]
        found.projects, found.unread = catalog.projects.count(), catalog.projects.outdated_count()
        if config.simple or open_pages(folder).exists:
            stages.stage("checking the static index")
            found.pages = list(wrong_pages(catalog, folder, read=read))
            found.metadata = sorted(wrong_metadata(catalog, folder, read=read))
        if read:
            _compare_digests(catalog, folder, config, found, stages)
    found.seconds = time.monotonic() - begun
    return found


def mark_damage(config: Config, found: Verification) -> None:
    """Make the next run fetch or write again what is missing, truncated or altered."""
    with open_mirror(open_repository(config.repository, config.state)) as catalog:
        catalog.files.invalidate([*found.missing, *found.truncated, *found.altered])
        catalog.pages.invalidate_metadata(found.metadata)
        catalog.pages.invalidate(found.pages)
        catalog.commit()


def _compare_sizes(files: Iterable[TrackedFile], folder: Repository, found: Verification) -> None:
    for file in files:
        found.files += 1
        found.bytes += file.size
        size = folder.size(file.filename)
        if size is None:
            found.missing.append(file.filename)
        elif size != file.size:
            found.truncated.append(file.filename)
        elif file.invalid:
            found.altered.append(file.filename)
    found.missing.sort()
    found.truncated.sort()
    found.altered.sort()


@dataclass(frozen=True)
class _Read:
    """A job: read one file and compare its digest."""

    project: str
    path: StoredFile
    sha256: str
    size: int


class _Reader:
    """Reads files in a worker."""

    capacity = 2
    """Files at the same time: while one waits for the disk, the other is hashed."""

    async def do(self, job: _Read, report: Callable[[int], None]) -> bool:
        matches: bool = await asyncio.to_thread(has_sha256, job.path, job.sha256, report)
        return matches


def _compare_digests(
    catalog: Catalog,
    folder: Repository,
    config: Config,
    found: Verification,
    progress: Progress,
) -> None:
    """Read the files that have the right size, the biggest first, each in a worker."""
    invalid = set(found.altered)
    jobs = (
        _Read(row.project, folder.file(row.filename), row.sha256, row.size)
        for row in catalog.files.all()
        if folder.size(row.filename) == row.size and row.filename not in invalid
    )
    progress.expect_files(found.files - len(found.missing) - len(found.truncated) - len(invalid), found.bytes)
    progress.stage("")

    def next_job() -> _Read | None:
        job = next(jobs, None)
        if job is not None:
            progress.begin_file(job.path.name, job.size)
            # Nothing of it was read earlier.
            progress.receiving(job.path.name, 0)
        return job

    with Pool[_Read](
        starter_of(config, _Reader, folder, preload=["minimirror.sync.verifying"]),
        processes=config.processes,
        capacity=_Reader.capacity,
        lookahead=lambda job: 0 if job.size > BUFFER else LOOKAHEAD,
        limit=math.inf,
    ) as pool:
        for outcomes in pool.run(next_job):
            for outcome in outcomes:
                job, name = outcome.job, outcome.job.path.name
                if outcome.progress is not None:
                    progress.receiving(name, outcome.progress)
                    continue
                progress.end_file(name, job.size)
                if outcome.error is not None:
                    found.unchecked.append(Failure(job.project, name, outcome.error))
                elif not outcome.result:
                    found.altered.append(name)
            progress.show()
    progress.show(now=True)
    found.altered.sort()
    found.unchecked.sort(key=str)
