"""The preview of a run: its first three steps, and nothing else. No lock, no copy, no writes."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from minimirror.common import ProgressCallback, Summary, counted
from minimirror.config import Config
from minimirror.distributions import read_filename
from minimirror.storage import Catalog, Repository, open_repository, open_to_read
from minimirror.sync.changes import find_changes
from minimirror.sync.last_config import OtherConfigError, other_config
from minimirror.sync.planner import Planner
from minimirror.sync.project_plan import ProjectPlan
from minimirror.sync.removals import Removals
from minimirror.sync.scope import found_scope
from minimirror.sync.session import Session
from minimirror.sync.workers.jobs import AskSize, FetchFile, Job, PageFailed, ReadPage
from minimirror.sync.workers.opening import open_pool
from minimirror.sync.workers.processes import Outcome
from minimirror.sync.workers.settings import WorkerSettings

__all__ = ["PlannedFile", "RunPlan", "check_config", "plan"]

_RUNS = 5
"""Earlier runs from which the duration is estimated."""


@dataclass(frozen=True, slots=True)
class PlannedFile:
    """A file that a run would fetch or delete."""

    project: str
    filename: str
    size: int | None
    """Bytes; None if neither the index nor the file's server reports them."""

    package_type: str
    python_tag: str
    platforms: tuple[str, ...]


@dataclass(slots=True)
class RunPlan:
    """What a run would do."""

    fetch: list[PlannedFile] = field(default_factory=list)
    remove: list[PlannedFile] = field(default_factory=list)
    withheld: list[str] = field(default_factory=list)
    """Files that the index no longer offers, and that are more than ``max_delete`` allows."""

    deselected: list[str] = field(default_factory=list)
    """Files that the config no longer selects, and that are more than half of the mirror."""

    unlisted: list[str] = field(default_factory=list)
    """Selected projects that the index does not have."""

    on_demand: list[str] = field(default_factory=list)
    """Files that were fetched on demand, and that a run keeps because clients use them."""

    taken: list[str] = field(default_factory=list)
    """Files to delete that the last run's config selects, if it is another one: then a run refuses."""

    other_config: str | None = None
    """The file of that config."""

    summary: Summary = field(default_factory=Summary)
    """Failures, notes, refusals, and how many projects are selected and read."""

    free: int | None = 0
    """Free bytes in the mirror's file system; unfinished transfers count as free. None for no limit."""

    seconds: float | None = None
    """Estimated seconds, from the last runs; None if none of them fetched anything."""

    @property
    def bytes_fetched(self) -> int:
        """Bytes to fetch, as far as the index reports sizes."""
        return sum(each.size or 0 for each in self.fetch)

    @property
    def bytes_removed(self) -> int:
        """Bytes to delete."""
        return sum(each.size or 0 for each in self.remove)

    @property
    def unsized(self) -> int:
        """Number of files to fetch whose size is unknown."""
        return sum(each.size is None for each in self.fetch)

    @property
    def refusal(self) -> str | None:
        """Why a run would refuse to begin; None if it would not."""
        if not self.taken:
            return None
        return (
            f"a run would delete {counted(len(self.taken))} that the config of the last run"
            f" ({self.other_config}) selects. Give this config its own folder (`repository`), or run"
            " with --take-over"
        )

    @property
    def fits(self) -> bool:
        """Whether a run would start: the files fit on the disk, as far as their sizes are known."""
        return self.free is None or self.bytes_fetched <= self.free

    @property
    def runs(self) -> bool:
        """Whether a run would start, and complete the mirror."""
        missing = self.summary.failures or self.withheld or self.deselected or self.summary.unmatched
        return self.fits and not missing and not self.refusal


def plan(
    config: Config,
    *,
    progress: ProgressCallback | None = None,
    allow_delete: bool = False,
    allow_replace: bool = False,
    take_over: bool = False,
) -> RunPlan:
    """Return what a run would do, without doing it.

    ``[each.filename for each in plan(config).fetch]`` is what it would download, such as
    ``["requests-2.32.3-py3-none-any.whl"]``.

    :param progress: called about ten times per second with the progress
    :param allow_delete: as for the run
    :param allow_replace: as for the run
    :param take_over: as for the run
    :raises MinimirrorError: what would keep a run from starting
    """
    found = RunPlan()
    found.free = open_repository(config.repository, config.state).free()
    with open_to_read(config.repository, config.state) as (folder, catalog):
        preview = _Preview(Session(config, folder, catalog, found.summary, progress), found)
        found.other_config = None if take_over else other_config(config, catalog)
        share = None if allow_delete else config.max_delete
        preview.find(share=share, allow_replace=allow_replace, take_over=take_over)
    found.fetch.sort(key=lambda each: (each.project, each.filename))
    found.remove.sort(key=lambda each: (each.project, each.filename))
    return found


def check_config(
    config: Config, folder: Repository, catalog: Catalog, progress: ProgressCallback | None
) -> None:
    """Check that a run would not delete what another config selects. Change nothing.

    :raises OtherConfigError: it would
    """
    plan = RunPlan(other_config=other_config(config, catalog))
    if plan.other_config is None:
        return
    _Preview(Session(config, folder, catalog, plan.summary, progress), plan).find(
        share=0.0, allow_replace=False
    )
    if plan.refusal:
        raise OtherConfigError(f"repository {folder}: {plan.refusal}")


class _Preview:
    def __init__(self, session: Session, plan: RunPlan) -> None:
        self._session = session
        self._catalog = session.catalog
        self._progress = session.progress
        self._plan = plan
        self._unsized: list[FetchFile] = []
        self._removals = Removals(session.catalog)

    def find(self, *, share: float | None, allow_replace: bool, take_over: bool = False) -> None:
        """Take the first three steps of a run."""
        with found_scope(self._session) as scope:
            find_changes(self._session, scope, allow_older=allow_replace)
        planner = Planner(self._session, scope, allow_replace=allow_replace)
        self._read(planner, replace(scope.settings, attends=False))
        self._add_removals(planner, share, take_over=take_over)
        planner.notes.finish()
        self._plan.summary.projects_wanted = self._catalog.changes.selected_count()
        came, expired = scope.demanded.here(self._catalog), scope.demanded.expired
        self._plan.on_demand = [each.filename for each in came if each.filename not in expired]
        self._plan.seconds = _estimate(self._plan, self._catalog.runs.last_counts(_RUNS))

    def _read(self, planner: Planner, settings: WorkerSettings) -> None:
        pages = planner.pages()

        def next_job() -> Job | None:
            return next(pages, None) or (AskSize(self._unsized.pop()) if self._unsized else None)

        with open_pool(self._session.config, settings) as pool:
            for outcomes in pool.run(next_job):
                for outcome in outcomes:
                    self._take(outcome, planner)
                self._progress.show()

    def _take(self, outcome: Outcome[Job], planner: Planner) -> None:
        job = outcome.job
        if isinstance(job, AskSize):
            self._plan.fetch.append(_planned(job.fetch.project, job.fetch.filename, outcome.result))
        elif isinstance(job, ReadPage):
            self._progress.pages_read()
            failed = PageFailed(f"its page cannot be read: {outcome.error}", passes=True)
            found = planner.plan(job.project, outcome.result or failed)
            if found is not None:
                self._add(found)

    def _add(self, found: ProjectPlan) -> None:
        project = found.row.name
        for job in found.fetch:
            if not isinstance(job, FetchFile):
                continue  # it is in the folder and will most likely be adopted
            if job.selected.file.size is None:
                self._unsized.append(job)
            else:
                self._progress.expect_files(1, job.size)
                self._plan.fetch.append(_planned(project, job.filename, job.size))
        if not found.failed:
            self._remove(project, self._removals.take(found))
            if found.rules_changed:
                self._take_from_other(found.delete)

    def _add_removals(self, planner: Planner, share: float | None, *, take_over: bool) -> None:
        """Add what can only be decided for all projects together."""
        gone = planner.gone()
        self._plan.unlisted = gone.unlisted
        for deletion in self._removals.decide(gone, share, take_over=take_over):
            self._remove(deletion.project, deletion.filenames)
        self._plan.withheld, self._plan.deselected = self._removals.withheld, self._removals.deselected
        for name in gone.unselected:
            self._take_from_other(self._catalog.files.of(name))

    def _remove(self, project: str, filenames: Sequence[str]) -> None:
        rows = self._catalog.files.of(project) if filenames else {}
        self._plan.remove += (_planned(project, name, rows[name].size) for name in filenames)

    def _take_from_other(self, filenames: Iterable[str]) -> None:
        if self._plan.other_config:
            self._plan.taken += filenames


def _planned(project: str, filename: str, size: int | None) -> PlannedFile:
    found = read_filename(filename, project)
    return PlannedFile(project, filename, size, found.package_type, found.python_tag, found.platforms)


def _estimate(plan: RunPlan, runs: Sequence[Mapping[str, Any]]) -> float | None:
    """Estimate the seconds, by the files and the bytes per second of earlier runs, whichever is longer."""
    seconds = sum(run["seconds"] for run in runs)
    files = sum(run["files"]["fetched"] for run in runs)
    size = sum(run["bytes_fetched"] for run in runs)
    if not (files and size and seconds and plan.fetch):
        return None
    return float(max(len(plan.fetch) / files, plan.bytes_fetched / size) * seconds)
