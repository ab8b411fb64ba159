"""Apply, the last step: the one place that changes the mirror during a run."""

from __future__ import annotations

import logging
import math
import time
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from minimirror.common import defer_signals
from minimirror.publish.static import StaticIndex
from minimirror.storage import DiskFullError
from minimirror.sync.changes import Changes
from minimirror.sync.last_config import record_config
from minimirror.sync.placement import Deletion, Placed, Placement, StagedFile, Step
from minimirror.sync.project_plan import ProjectPlan, file_row
from minimirror.sync.removals import Gone, Removals
from minimirror.sync.scope import Scope
from minimirror.sync.session import Session
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


class Apply:
    """Carry out plans as their files arrive. A context manager, because it syncs in its own thread."""

    def __init__(self, session: Session, static_index: StaticIndex | None) -> None:
        self._config = session.config
        self._catalog = session.catalog
        self._folder = session.folder
        self._summary = session.summary
        self._static_index = static_index
        self._placement = Placement(self._catalog, self._folder, static_index)
        self._pending: dict[str, _PendingProject] = {}
        self._deletions: list[Deletion] = []
        self._removals = Removals(self._catalog)
        self._stale: set[str] = set()
        self._advanced = time.monotonic()

    def __enter__(self) -> Apply:
        return self

    def __exit__(self, *_: object) -> None:
        self._placement.__exit__()

    def begin(self, scope: Scope, changes: Changes) -> None:
        """Record the config, what is selected and resolved, and which files are damaged."""
        # Only what is committed now can be changed: a server may have written since the catalog was read.
        self._catalog.commit()
        record_config(self._config, self._catalog)
        scope.closure.save_resolutions(self._catalog)
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
            with defer_signals():
                self._take_step(self._placement.advance())
            # Each deletion from a bucket saves the catalog there first.
            together = math.inf if self._folder.has_copies else _DELETE_AT
            if sum(len(each.filenames) for each in self._deletions) >= together:
                self._delete()

    def finish(self) -> None:
        """Place all remaining files, and delete those that they supersede."""
        with defer_signals():
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
        delete = self._removals.take(plan)
        if plan.is_doubtful:
            self._catalog.projects.invalidate([plan.row.name])
        if delete:
            row = None if plan.is_doubtful else plan.row
            self._deletions.append(Deletion(plan.row.name, delete, row=row))
        elif not plan.is_doubtful:
            self._catalog.projects.put(plan.row)

    # Files out

    def delete_doubtful(self, gone: Gone, share: float | None, *, take_over: bool) -> None:
        """Delete the files that the index no longer offers and the config no longer selects, within bounds.

        The parameters are those of :meth:`Removals.decide`.
        """
        self.finish()
        deletions = self._removals.decide(gone, share, take_over=take_over)
        self._summary.lost = Counter(self._removals.lost.values())
        self._summary.withheld, self._summary.deselected = self._removals.withheld, self._removals.deselected
        self._stale.update(self._summary.withheld, self._summary.deselected)
        self._stale.update(name for each in deletions for name in each.filenames)
        self._deletions += deletions
        self._delete()

    def _delete(self) -> None:
        with defer_signals():
            deletions, self._deletions = self._deletions, []
            done = self._placement.delete(deletions)
            self._catalog.commit()
            self._take_deleted(deletions, done)

    def _take_deleted(
        self, deletions: Sequence[Deletion], done: Sequence[tuple[Deletion, str, str | None]]
    ) -> None:
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
