"""Verified files to their place, superseded ones out of it, in an order that outlasts a kill or a power cut.

In turns: what was written is synced to the disk; the catalog takes the files in, durably; they are renamed
into the folder. After the next sync, which makes the renames last, their project is said to be mirrored, and
what it supersedes is deleted; the rows of that go after one more. So at any moment, on the disk as well, the
catalog knows every file that minimirror placed, each of them is whole, and a release is there until the next
one is. What the catalog knows and the folder has not, or has in another size, is fetched again by the next
run.
"""

from __future__ import annotations

import logging
from collections.abc import Iterable
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field

from minimirror.catalog import Catalog, FileRow, ProjectRow
from minimirror.interrupts import held_back
from minimirror.plan import ProjectPlan, file_row, is_too_much
from minimirror.repository import Repository, RepositoryError
from minimirror.summary import Summary
from minimirror.worker import FetchFile, FileHere

__all__ = ["Store"]

log = logging.getLogger("minimirror")


@dataclass(slots=True)
class _Project:
    """A project between its page and its last file."""

    row: ProjectRow
    """What the catalog shall say of it once all its files are here."""

    plan: ProjectPlan
    left: int
    """Files that are not here yet."""

    failed: bool


@dataclass(slots=True)
class _Turn:
    """What one sync makes durable."""

    verified: list[tuple[FetchFile, FileHere]] = field(default_factory=list)
    replaced: list[FileRow] = field(default_factory=list)
    """Rows of files that were renamed over others, and that are surely these after it."""

    placed: list[_Project] = field(default_factory=list)
    """Projects of which all files are in the folder, and stay there after it."""

    deleted: list[str] = field(default_factory=list)
    """Files whose rows can go after it."""

    projects: list[str] = field(default_factory=list)
    """Projects whose rows can go after it."""

    def __bool__(self) -> bool:
        return bool(self.verified or self.replaced or self.placed or self.deleted or self.projects)


class Store:
    """The catalog and the flat folder, kept in step. A context manager, for its thread."""

    def __init__(self, catalog: Catalog, repository: Repository, summary: Summary) -> None:
        self._catalog = catalog
        self._repository = repository
        self._summary = summary
        self._projects: dict[str, _Project] = {}
        self._vanished: dict[str, tuple[ProjectRow | None, list[str]]] = {}
        self._stale: set[str] = set()
        self._next = _Turn()
        self._syncing: tuple[_Turn, Future[None]] | None = None
        self._thread = ThreadPoolExecutor(1)
        self._held = catalog.file_count()

    def __enter__(self) -> Store:
        return self

    def __exit__(self, *_: object) -> None:
        self._thread.shutdown()

    @property
    def waiting(self) -> int:
        """Files that are verified and not yet placed."""
        return len(self._next.verified) + (len(self._syncing[0].verified) if self._syncing else 0)

    @property
    def partials(self) -> set[str]:
        """Names in the partial folder of the files that are waiting."""
        verified = [*self._next.verified, *(self._syncing[0].verified if self._syncing else ())]
        return {here.partial for _, here in verified}

    @property
    def stale(self) -> int:
        """Files that the catalog has and that are not here as they are wanted: damaged, or superseded."""
        return len(self._stale)

    @property
    def left(self) -> int:
        """Files that are wanted and neither here nor known to fail."""
        return sum(project.left for project in self._projects.values())

    def damaged(self, filename: str) -> None:
        """Take note that a file is not here as the catalog has it."""
        self._stale.add(filename)

    # Files in

    def begin(self, row: ProjectRow, plan: ProjectPlan, *, failed: bool) -> None:
        """Begin with a project's files.

        :param row: what the catalog shall say of the project once all its files are here
        :param failed: something of it is missing already, so that this must not be said
        """
        self._catalog.put_files(plan.update)
        self._catalog.forget_files(plan.disown)
        self._stale.difference_update(plan.disown)
        self._stale.update(plan.remove, plan.vanished)
        self._stale.update(fetch.wanted.file.filename for fetch in plan.fetch if fetch.replace)
        project = self._projects[row.name] = _Project(row, plan, len(plan.fetch), failed)
        self._finish(project)

    def put(self, job: FetchFile, here: FileHere) -> None:
        """Take a file that is verified; a turn or two of :meth:`flush` later it is placed."""
        self._next.verified.append((job, here))

    def failed(self, job: FetchFile, cause: str) -> None:
        """Take note that a file is not to be had."""
        self._summary.fail(job.project, job.wanted.file.filename, cause)
        self._file_done(job, failed=True)

    def flush(self) -> None:
        """Go on: place what has been synced, and have synced what has come since. Waits for no disk."""
        if self._syncing is not None and self._syncing[1].done():
            turn, synced = self._syncing
            self._syncing = None
            if (error := synced.exception()) is not None:
                failure = RepositoryError(f"repository {self._repository.path}: cannot be synced: {error}")
                failure.exit_code = 1
                raise failure
            with held_back():
                self._take_turn(turn)
        if self._syncing is None and self._next:
            turn, self._next = self._next, _Turn()
            self._syncing = turn, self._thread.submit(self._repository.sync)

    def finish(self) -> None:
        """Place, and delete, all that is still waiting."""
        while self._syncing is not None or self._next:
            if self._syncing is not None:
                self._syncing[1].exception()
            self.flush()

    def _take_turn(self, turn: _Turn) -> None:
        self._catalog.forget_files(turn.deleted)
        self._catalog.forget_projects(turn.projects)
        self._stale.difference_update(turn.deleted)
        self._catalog.put_files(turn.replaced)
        for project in turn.placed:
            self._settle(project)
        rows = [file_row(job.project, job.wanted, here.size, here.sha256) for job, here in turn.verified]
        # While a file of the same name may be the old or the new one, its row fits neither.
        self._catalog.put_files(
            row._replace(size=-1) if job.replace else row
            for row, (job, _) in zip(rows, turn.verified, strict=True)
        )
        self._catalog.commit()
        for row, (job, here) in zip(rows, turn.verified, strict=True):
            self._place(row, job, here)
        self._catalog.commit()

    def _place(self, row: FileRow, job: FetchFile, here: FileHere) -> None:
        if here.adopted:
            self._summary.files_adopted += 1
            log.info("adopted %s", row.filename)
        else:
            try:
                self._repository.place(here.partial, row.filename, replace=job.replace)
            except OSError as error:
                if not job.replace:
                    self._catalog.forget_files([row.filename])
                self.failed(job, f"cannot be placed: {error.strerror or error}")
                return
            self._summary.files_fetched += 1
            self._summary.bytes_fetched += here.size
            log.info("fetched %s (%d bytes)", row.filename, here.size)
        if job.replace:
            self._next.replaced.append(row)
        self._stale.discard(row.filename)
        self._file_done(job, failed=False)

    def _file_done(self, job: FetchFile, *, failed: bool) -> None:
        project = self._projects[job.project]
        project.left -= 1
        project.failed |= failed
        self._finish(project)

    def _finish(self, project: _Project) -> None:
        """Finish a project whose last file has come."""
        if project.left:
            return
        self._projects.pop(project.row.name)
        if project.failed:
            return
        if project.plan.fetch:
            self._next.placed.append(project)
        else:
            self._settle(project)

    def _settle(self, project: _Project) -> None:
        """Delete what a project's files supersede, now that all of them are here to stay."""
        name = project.row.name
        if not self._delete(name, project.plan.remove):
            return
        if project.plan.vanished:
            # Whether it may go depends on how much else has vanished; until then the project is not settled.
            self._vanished[name] = project.row, project.plan.vanished
            self._catalog.reread([name])
        else:
            self._catalog.mirrored(project.row)

    # Files out

    def vanish(self, name: str) -> None:
        """Take note that the index has a project no more; :meth:`remove_vanished` removes it, if it may."""
        filenames = list(self._catalog.files(name))
        self._vanished[name] = None, filenames
        self._stale.update(filenames)

    def remove_vanished(self, *, share: float) -> None:
        """Remove what the index does not list any more, if that is at most a share of all mirrored files.

        An index that is broken lists little or nothing; a mirror must not be emptied for that.
        """
        vanished = sorted(filename for _, filenames in self._vanished.values() for filename in filenames)
        if is_too_much(len(vanished), self._held, share):
            self._summary.withheld = vanished
            return
        for name, (row, filenames) in self._vanished.items():
            if row is None:
                self.remove_project(name)
            elif self._delete(name, filenames):
                self._catalog.mirrored(row)

    def remove_project(self, name: str) -> None:
        """Remove a project and the files of it that minimirror placed."""
        filenames = list(self._catalog.files(name))
        if self._delete(name, filenames):
            self._next.projects.append(name)
            self._summary.projects_removed += bool(filenames)

    def _delete(self, project: str, filenames: Iterable[str]) -> bool:
        """Delete files that minimirror placed; answer whether all are gone."""
        all_gone = True
        for filename in filenames:
            try:
                self._repository.delete(filename)
            except OSError as error:
                self._summary.fail(project, filename, f"cannot be removed: {error.strerror or error}")
                all_gone = False
                continue
            self._next.deleted.append(filename)
            self._stale.add(filename)
            self._summary.files_removed += 1
            log.info("removed %s", filename)
        return all_gone
