"""The plan of a whole run: what it would fetch and remove, and whether that fits. Nothing is changed.

The survey is made on a copy of the catalog, so that a plan needs no lock and leaves no trace.
"""

from __future__ import annotations

import os
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from minimirror.common import Status, Summary
from minimirror.config import Config
from minimirror.distributions import read_filename
from minimirror.storage import Catalog, FileRow, MirrorFolder
from minimirror.sync.project_plan import is_too_much
from minimirror.sync.survey import Survey
from minimirror.sync.worker import AskSize, FetchFile, PageRead, ReadPage, lookahead
from minimirror.sync.workers import Outcome, Pool

__all__ = ["PlannedFile", "RunPlan", "apart", "plan_run"]

_RUNS = 5
"""Earlier runs from which the duration is estimated."""

_STATUS_EVERY = 0.1
"""Seconds between two calls of the progress callback."""


@dataclass(frozen=True, slots=True)
class PlannedFile:
    """A file that a run would fetch or remove."""

    project: str
    filename: str
    size: int | None
    """Bytes; None where neither the index nor the file's server tells."""

    package_type: str
    python_tag: str
    platforms: tuple[str, ...]


@dataclass(slots=True)
class RunPlan:
    """What a run would do."""

    fetch: list[PlannedFile] = field(default_factory=list)
    remove: list[PlannedFile] = field(default_factory=list)
    withheld: list[str] = field(default_factory=list)
    """Files that the index does not list any more, too many at once to be removed without being asked."""

    summary: Summary = field(default_factory=Summary)
    """What reading the index has shown: failures, notes, refusals, projects wanted and read."""

    free: int = 0
    """Bytes that are free where the repository is, unfinished transfers counted as free."""

    seconds: float | None = None
    """How long the fetching may take, by the last runs; None where none fetched anything."""

    @property
    def bytes_fetched(self) -> int:
        """Bytes to fetch, as far as the index tells sizes."""
        return sum(each.size or 0 for each in self.fetch)

    @property
    def bytes_removed(self) -> int:
        """Bytes to remove."""
        return sum(each.size or 0 for each in self.remove)

    @property
    def unsized(self) -> int:
        """Files to fetch of which the index does not tell the size."""
        return sum(each.size is None for each in self.fetch)

    @property
    def fits(self) -> bool:
        """Whether a run would start: what it would fetch fits the disk, as far as sizes are known."""
        return self.bytes_fetched <= self.free


def plan_run(
    config: Config, *, progress: Callable[[Status], None] | None = None, allow_delete: bool = False
) -> RunPlan:
    """Find out what a run would do, without doing it.

    :param allow_delete: as for the run
    :raises MinimirrorError: what keeps a run from starting
    """
    plan = RunPlan()
    plan.free = MirrorFolder(config.repository).free()
    with apart(config) as (other, catalog):
        survey = Survey(other, MirrorFolder(other.repository), catalog, plan.summary)
        reading = _Reading(plan, survey, catalog, progress)
        reading.read(other)
        _plan_removals(survey, catalog, plan, reading, 1.0 if allow_delete else config.max_delete)
        survey.note_rest()
        plan.summary.projects_wanted = catalog.project_count()
        plan.seconds = _estimate(plan, catalog.last_counts(_RUNS))
    plan.fetch.sort(key=lambda each: (each.project, each.filename))
    plan.remove.sort(key=lambda each: (each.project, each.filename))
    return plan


@contextmanager
def apart(config: Config) -> Iterator[tuple[Config, Catalog]]:
    """A copy of the catalog; and the config, of an empty folder where the repository is not there yet."""
    with tempfile.TemporaryDirectory(prefix="minimirror-") as folder:
        copy = Path(folder) / "catalog.sqlite"
        repository = MirrorFolder(config.repository)
        if not os.path.isdir(config.repository):  # noqa: PTH112 - which answers where it may not look
            empty = Path(folder) / "empty"
            empty.mkdir()
            config = config.model_copy(update={"repository": empty})
        elif repository.catalog.exists():
            with Catalog(repository.catalog) as catalog:
                catalog.copy_to(copy)
        with Catalog(copy) as catalog:
            yield config, catalog


class _Reading:
    """The pages that have changed, read into the plan."""

    def __init__(
        self, plan: RunPlan, survey: Survey, catalog: Catalog, progress: Callable[[Status], None] | None
    ) -> None:
        self._plan = plan
        self._survey = survey
        self._catalog = catalog
        self._progress = progress
        self._shown = 0.0
        self._read = 0
        self._unsized: list[FetchFile] = []
        self.vanished: list[FileRow] = []
        """Files that the index does not list any more."""

    def read(self, config: Config) -> None:
        with self._survey as survey:
            survey.refresh()
            for _ in survey.ask():
                self._show()
        pages = survey.changed_pages()
        with Pool[ReadPage | AskSize](
            replace(survey.settings, attends=False),
            processes=config.processes,
            connections=config.connections,
            lookahead=lookahead,
            preload=["minimirror.sync.worker"],
        ) as pool:
            for outcome in pool.run(lambda: next(pages, None) or self._question()):
                if outcome is not None:
                    self._take(outcome)
                self._show()

    def _question(self) -> AskSize | None:
        return AskSize(self._unsized.pop()) if self._unsized else None

    def _take(self, outcome: Outcome[ReadPage | AskSize]) -> None:
        job = outcome.job
        if isinstance(job, AskSize):
            self._plan.fetch.append(_fetched(job.fetch, outcome.result))
        else:
            self._read += 1
            self._take_page(job.project, outcome.result or PageRead(failure=outcome.error))

    def _take_page(self, project: str, page: PageRead) -> None:
        found = self._survey.take(project, page)
        if found is None:
            return
        for fetch in found.plan.fetch:
            if fetch.occupied:
                # It is looked at, and most likely adopted.
                continue
            size = fetch.wanted.file.size
            if size is None:
                self._unsized.append(fetch)
            else:
                self._plan.fetch.append(_fetched(fetch, size))
        if not found.failed:
            rows = self._catalog.files(project)
            self._plan.remove += (_removed(rows[name]) for name in found.plan.remove)
            self.vanished += (rows[name] for name in found.plan.vanished)

    def _show(self) -> None:
        if self._progress is None or time.monotonic() - self._shown < _STATUS_EVERY:
            return
        self._shown = time.monotonic()
        self._progress(
            Status(
                projects=self._survey.pages,
                projects_read=self._read + self._survey.pages_unchanged,
                files=len(self._plan.fetch),
                files_fetched=0,
                bytes=self._plan.bytes_fetched,
                bytes_fetched=0,
                failures=len(self._plan.summary.failures),
                in_flight={},
            )
        )


def _plan_removals(survey: Survey, catalog: Catalog, plan: RunPlan, reading: _Reading, share: float) -> None:
    """Plan what goes with whole projects, and withhold what the index has lost if that is too much."""
    gone, unwanted = survey.gone()
    vanished = [*reading.vanished, *(row for name in gone for row in catalog.files(name).values())]
    plan.remove += (_removed(row) for name in unwanted for row in catalog.files(name).values())
    if is_too_much(len(vanished), catalog.file_count(), share):
        plan.withheld = sorted(row.filename for row in vanished)
    else:
        plan.remove += map(_removed, vanished)


def _fetched(job: FetchFile, size: int | None) -> PlannedFile:
    return _planned(job.project, job.wanted.file.filename, size)


def _removed(row: FileRow) -> PlannedFile:
    return _planned(row.project, row.filename, max(row.size, 0))


def _planned(project: str, filename: str, size: int | None) -> PlannedFile:
    found = read_filename(filename, project)
    return PlannedFile(project, filename, size, found.package_type, found.python_tag, found.platforms)


def _estimate(plan: RunPlan, runs: Sequence[Mapping[str, Any]]) -> float | None:
    """Seconds, by the files and the bytes a second of earlier runs: whichever says more."""
    seconds = sum(run["seconds"] for run in runs)
    files = sum(run["files"]["fetched"] for run in runs)
    size = sum(run["bytes_fetched"] for run in runs)
    if not (files and size and seconds and plan.fetch):
        return None
    return float(max(len(plan.fetch) / files, plan.bytes_fetched / size) * seconds)
