"""Apply, the last step: the one place that changes the mirror during a run."""

from __future__ import annotations

import logging
import math
import time
from collections import Counter
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field

from minimirror.common import Summary
from minimirror.config import Config
from minimirror.publish.static import StaticIndex
from minimirror.storage import Catalog, DiskFullError, ProjectRow, Repository
from minimirror.sync.changes import Changes
from minimirror.sync.held_files import UNLISTED
from minimirror.sync.last_config import record_config
from minimirror.sync.placement import Deletion, Placed, Placement, StagedFile, Step
from minimirror.sync.planner import Gone
from minimirror.sync.project_plan import ProjectPlan, file_row, is_too_much, is_typo
from minimirror.sync.scope import Scope
from minimirror.sync.workers.jobs import Adopted, Failed, FetchFile, FileJob, FileResult

__all__ = ["Apply"]

log = logging.getLogger("minimirror")

_SYNC_EVERY = 0.25
"""Seconds after which verified files are synced and placed, even if they are few."""

_SYNC_AT = 64
"""Sync when this many files are verified: with more at a time, workers would wait for jobs."""

_DELETE_AT = 1000
"""How many superseded files are deleted together."""


@dataclass(slots=True)
class _PendingProject:
    """A project between its page and its last file."""

    plan: ProjectPlan
    left: int
    """Files that are not confirmed yet."""

    failed: bool


@dataclass(frozen=True, slots=True)
class _Doubtful:
    """Files of a project that the run may delete if they are not too many, all projects together."""

    row: ProjectRow | None
    """The project's row in the catalog when they are deleted; None if nothing is left of it."""

    lost: Mapping[str, str] = field(default_factory=dict)
    """Those that the index no longer offers, each with the cause."""

    deselected: Collection[str] = ()
    """Those that the config no longer selects."""

    shrinks_by: int = 0


class Apply:
    """Carry out plans as their files arrive. A context manager, because a thread of its own syncs."""

    def __init__(
        self,
        catalog: Catalog,
        folder: Repository,
        static_index: StaticIndex | None,
        summary: Summary,
    ) -> None:
        self._catalog = catalog
        self._folder = folder
        self._static_index = static_index
        self._summary = summary
        self._placement = Placement(catalog, folder, static_index)
        self._pending: dict[str, _PendingProject] = {}
        self._deletions: list[Deletion] = []
        self._doubtful: dict[str, _Doubtful] = {}
        self._stale: set[str] = set()
        self._held = catalog.files.count()
        self._advanced = time.monotonic()

    def __enter__(self) -> Apply:
        return self

    def __exit__(self, *_: object) -> None:
        self._placement.__exit__()

    def begin(self, config: Config, scope: Scope, changes: Changes) -> None:
        """Record the config, what is selected and resolved, and which files are damaged."""
        # Only what is committed now can be changed: a server may have written since the catalog was read.
        self._catalog.commit()
        record_config(config, self._catalog)
        scope.closure.resolutions.save(self._catalog)
        changes.record(self._catalog)
        self._stale.update(changes.damaged)
        self._catalog.pages.invalidate_files(changes.damaged)
        self._catalog.commit()

    # Files in

    def start(self, plan: ProjectPlan) -> None:
        """Begin a project's plan; :meth:`take` gets its files one by one."""
        name = plan.row.name
        self._catalog.projects.set_status(name, plan.row.status)
        if plan.upstream is not None:
            self._catalog.upstream.put(plan.upstream)
        else:
            self._catalog.upstream.drop(name)
        self._catalog.files.put(plan.update)
        self._catalog.files.untrack(plan.untrack)
        self._stale.difference_update(plan.untrack)
        self._stale.update(plan.delete, plan.lost)
        self._stale.update(job.filename for job in plan.fetch if _replaces(job))
        project = _PendingProject(plan, len(plan.fetch), plan.failed)
        if plan.fetch:
            # Until all its files are here, the catalog must not say that this page, or an earlier one, is
            # mirrored.
            self._catalog.projects.invalidate([name])
            self._pending[name] = project
        else:
            self._end_project(project)

    def take(self, job: FileJob, result: FileResult) -> None:
        """Take a file that a worker has fetched, adopted or failed to get.

        :raises DiskFullError: the worker has found the disk full
        """
        if isinstance(result, Failed):
            if result.disk_full:
                raise DiskFullError(
                    f"repository {self._folder}: the disk or a quota is full. Fetched files are"
                    " kept. Free some space or select less, then run again"
                )
            self._fail(job.project, job.filename, result.cause, passes=result.passes)
            return
        row = file_row(job.project, job.selected, result.size, result.sha256)
        partial, inode = (None, None) if isinstance(result, Adopted) else (result.partial, result.inode)
        self._placement.stage(StagedFile(row, partial, replace=_replaces(job), inode=inode))

    def advance(self) -> None:
        """Continue as far as possible without waiting for the disk, and let servers write to the catalog."""
        self._catalog.commit()
        now = time.monotonic()
        if now - self._advanced >= _SYNC_EVERY or self._placement.waiting >= _SYNC_AT:
            self._advanced = now
            self._take_step(self._placement.advance())
            # Each deletion from a bucket saves the catalog there first.
            together = math.inf if self._folder.has_copies else _DELETE_AT
            if sum(len(each.filenames) for each in self._deletions) >= together:
                self._delete()

    def finish(self) -> None:
        """Place all remaining files, and delete those that they supersede."""
        for step in self._placement.finish():
            self._take_step(step)
        self._delete()

    def _take_step(self, step: Step) -> None:
        for placed in step.placed:
            self._take_placed(placed)
        for file in step.confirmed:
            self._end_file(file.row.project, failed=False)

    def _take_placed(self, placed: Placed) -> None:
        row = placed.file.row
        if placed.error is not None:
            self._fail(row.project, row.filename, placed.error)
            return
        if placed.file.partial is None:
            self._summary.files_adopted += 1
            log.info("adopted %s", row.filename)
        else:
            self._summary.files_fetched += 1
            self._summary.bytes_fetched += row.size
            log.info("fetched %s (%d bytes)", row.filename, row.size)
        self._stale.discard(row.filename)

    def _fail(self, project: str, filename: str, cause: str, *, passes: bool = False) -> None:
        self._summary.fail(project, filename, cause, passes=passes)
        self._end_file(project, failed=True)

    def _end_file(self, project: str, *, failed: bool) -> None:
        pending = self._pending[project]
        pending.left -= 1
        pending.failed |= failed
        if not pending.left:
            del self._pending[project]
            self._end_project(pending)

    def _end_project(self, project: _PendingProject) -> None:
        """Delete a project's superseded files, now that all its files are confirmed."""
        plan = project.plan
        if project.failed:
            return
        deselected = plan.delete if plan.shrinks_by else ()
        delete = () if plan.shrinks_by else plan.delete
        row = None if plan.lost or deselected else plan.row
        if row is None:
            # Whether these may be deleted depends on how many there are in other projects.
            self._doubtful[plan.row.name] = _Doubtful(plan.row, plan.lost, deselected, plan.shrinks_by)
            self._catalog.projects.invalidate([plan.row.name])
        if delete:
            self._deletions.append(Deletion(plan.row.name, delete, row=row))
        elif row is not None:
            self._catalog.projects.put(row)

    # Files out

    def delete_doubtful(self, gone: Gone, *, share: float | None, take_over: bool = False) -> None:
        """Delete the files that the index no longer offers and the config no longer selects, within bounds.

        If the index is broken and offers little or nothing, or if the config has a typo, that must not empty
        the mirror. What came on demand and has expired is neither.

        :param share: the share of all mirrored files, from 0 to 1, that may be deleted because of what the
            index says; None to delete whatever the index and the config say
        :param take_over: delete whatever the config no longer selects
        """
        self.finish()
        files = self._catalog.files
        for name in gone.unlisted:
            self._doubtful[name] = _Doubtful(None, dict.fromkeys(files.of(name), UNLISTED))
        for name in gone.unselected:
            names = list(files.of(name))
            self._doubtful[name] = _Doubtful(None, deselected=names, shrinks_by=len(names))
        doubtful = self._doubtful.values()
        causes = {name: cause for each in doubtful for name, cause in each.lost.items()}
        deselected = sorted(name for each in doubtful for name in each.deselected)
        self._stale.update(causes, deselected)
        self._summary.lost = Counter(causes.values())
        if is_too_much(len(causes), self._held, share):
            self._summary.withheld = sorted(causes)
        if is_typo(sum(each.shrinks_by for each in doubtful), self._held, None if take_over else share):
            self._summary.deselected = deselected
        self._deletions += (self._deletion(name, each) for name, each in self._doubtful.items())
        expired = [Deletion(name, list(files.of(name)), untrack=True) for name in gone.expired]
        self._stale.update(name for each in expired for name in each.filenames)
        self._deletions += expired
        self._delete()

    def _deletion(self, project: str, doubtful: _Doubtful) -> Deletion:
        """Return what to delete of a project; with all of it, its row follows."""
        lost = () if self._summary.withheld else doubtful.lost
        deselected = () if self._summary.deselected else doubtful.deselected
        names = [*lost, *deselected]
        if len(names) < len(doubtful.lost) + len(doubtful.deselected):
            return Deletion(project, names)
        return Deletion(project, names, row=doubtful.row, untrack=doubtful.row is None)

    def _delete(self) -> None:
        deletions, self._deletions = self._deletions, []
        done = self._placement.delete(deletions)
        self._catalog.commit()
        for deletion, filename, error in done:
            if error is not None:
                self._summary.fail(deletion.project, filename, error)
                continue
            self._stale.discard(filename)
            self._summary.files_removed += 1
            log.info("deleted %s", filename)
        self._summary.projects_removed += sum(
            each.untrack and bool(each.filenames) and self._catalog.projects.get(each.project) is None
            for each in deletions
        )

    def publish(self, local_filenames: Sequence[str], tell: Callable[[str], None]) -> None:
        """Update the static index, if there is one, to match the folder.

        :param tell: called with what is being done
        """
        if self._static_index:
            # Without those that were adopted meanwhile.
            self._static_index.publish(self._catalog.local_filenames(local_filenames), tell)

    # The result

    def count(self) -> None:
        """Report how many files are selected and here."""
        summary = self._summary
        held = self._catalog.files.count() - len(self._stale)
        summary.projects_wanted = self._catalog.projects.count()
        summary.files_failed = sum(failure.filename is not None for failure in summary.failures)
        summary.files_present = held - summary.files_fetched - summary.files_adopted
        left = sum(project.left for project in self._pending.values())
        summary.files_wanted = held + summary.files_failed + left

    def make_room(self) -> None:
        """Delete unfinished transfers, so that the catalog can be written on a full disk."""
        self._folder.make_room(keep={file.partial for file in self._placement.staged if file.partial})


def _replaces(job: FileJob) -> bool:
    return isinstance(job, FetchFile) and job.replace
