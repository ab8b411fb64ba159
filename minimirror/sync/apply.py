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
from collections.abc import Callable, Collection, Iterable
from concurrent.futures import Future, ThreadPoolExecutor
from functools import partial

from minimirror.common import Summary, defer_signals
from minimirror.publish.static import Publisher
from minimirror.storage import Catalog, FileRow, FolderError, MirrorFolder, ProjectRow
from minimirror.sync.batch import Removal, Turn, Underway
from minimirror.sync.project_plan import ProjectPlan, file_row, is_too_much
from minimirror.sync.worker import FetchFile, FileHere

__all__ = ["Store"]

log = logging.getLogger("minimirror")


class Store:
    """The catalog and the flat folder, kept in step. A context manager, for its thread."""

    def __init__(
        self,
        catalog: Catalog,
        repository: MirrorFolder,
        summary: Summary,
        publisher: Publisher | None = None,
    ) -> None:
        """Begin with what the catalog knows.

        :param publisher: of the static index; None where there is none
        """
        self._catalog = catalog
        self._repository = repository
        self._summary = summary
        self._publisher = publisher
        self._replacing: dict[str, set[str]] = {}
        """Files on the way that replace others under their names, by project: not to be named meanwhile."""
        self._projects: dict[str, Underway] = {}
        self._vanished: dict[str, tuple[ProjectRow | None, list[str]]] = {}
        self._stale: set[str] = set()
        self._next = Turn()
        self._syncing: tuple[Turn, Future[None]] | None = None
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
        pages = self._publisher.partials if self._publisher else set()
        return {here.partial for _, here in verified} | pages

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
        self._catalog.tell_status(row.name, row.status)
        self._catalog.put_files(plan.update)
        self._catalog.forget_files(plan.disown)
        self._stale.difference_update(plan.disown)
        self._stale.update(plan.remove, plan.vanished)
        self._stale.update(fetch.wanted.file.filename for fetch in plan.fetch if fetch.replace)
        project = self._projects[row.name] = Underway(row, plan, len(plan.fetch), failed)
        self._finish(project)

    def put(self, job: FetchFile, here: FileHere) -> None:
        """Take a file that is verified; a turn or two of :meth:`flush` later it is placed."""
        if job.replace and self._publisher:
            # Whatever is there by that name, it is another than the page says once this is in its place.
            self._replacing.setdefault(job.project, set()).add(job.wanted.file.filename)
            if not self._draft(self._publisher, job.project):
                self._file_done(job, failed=True)
                return
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
                failure = FolderError(f"repository {self._repository.path}: cannot be synced: {error}")
                failure.exit_code = 1
                raise failure
            with defer_signals():
                self._take_turn(turn)
        if self._syncing is None and self._next:
            turn, self._next = self._next, Turn()
            self._syncing = turn, self._thread.submit(self._repository.sync)

    def finish(self) -> None:
        """Place, and delete, all that is still waiting."""
        while self._syncing is not None or self._next:
            if self._syncing is not None:
                self._syncing[1].exception()
            self.flush()

    def _take_turn(self, turn: Turn) -> None:
        self._catalog.forget_files(turn.deleted)
        self._catalog.forget_projects(turn.projects)
        self._stale.difference_update(turn.deleted)
        if self._publisher:
            self._publisher.settle(turn.published)
        self._catalog.put_files(turn.replaced)
        for row in turn.replaced:
            self._replacing.get(row.project, set()).discard(row.filename)
        for project in turn.placed:
            self._settle(project)
        rows = [file_row(job.project, job.wanted, here.size, here.sha256) for job, here in turn.verified]
        # While a file of the same name may be the old or the new one, its row fits neither.
        self._catalog.put_files(
            row._replace(size=-1) if job.replace else row
            for row, (job, _) in zip(rows, turn.verified, strict=True)
        )
        if self._publisher:
            self._publisher.register(removal.draft for removal in turn.removals)
        self._catalog.commit()
        if self._publisher:
            for removal in turn.removals:
                self._publish(self._publisher, removal)
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

    def _finish(self, project: Underway) -> None:
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

    def _settle(self, project: Underway) -> None:
        """Delete what a project's files supersede, now that all of them are here to stay."""
        self._remove(project.row.name, project.plan.remove, partial(self._settled, project))

    def _settled(self, project: Underway) -> None:
        name = project.row.name
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
            else:
                self._remove(name, filenames, partial(self._catalog.mirrored, row))

    def remove_project(self, name: str) -> None:
        """Remove a project and the files of it that minimirror placed."""
        filenames = list(self._catalog.files(name))
        self._remove(name, filenames, partial(self._removed, name, bool(filenames)))

    def _removed(self, project: str, had_files: bool) -> None:
        self._next.projects.append(project)
        self._summary.projects_removed += had_files

    def _remove(self, project: str, filenames: Collection[str], then: Callable[[], None]) -> None:
        """Delete files that minimirror placed, but not before the index does not name them any more."""
        if self._publisher and (filenames or self._catalog.pages.is_stale(project)):
            self._draft(self._publisher, project, filenames, then)
        elif self._delete(project, filenames):
            then()

    def _draft(
        self,
        publisher: Publisher,
        project: str,
        filenames: Collection[str] = (),
        then: Callable[[], None] = lambda: None,
    ) -> bool:
        """Draft a project's pages without these files; answer whether that could be done."""
        try:
            draft = publisher.draft(project, {*filenames, *self._replacing.get(project, ())})
        except OSError as error:
            self._no_page(project, error)
            return False
        self._next.removals.append(Removal(draft, filenames, then))
        return True

    def _publish(self, publisher: Publisher, removal: Removal) -> None:
        """Place what was drafted; then delete the files that it does not name any more."""
        project = removal.draft.project
        try:
            publisher.place(removal.draft)
        except OSError as error:
            self._no_page(project, error)
            return
        if self._delete(project, removal.filenames):
            removal.then()
            if not self._replacing.get(project):
                self._next.published.append(removal.draft)

    def _no_page(self, project: str, error: OSError) -> None:
        self._summary.fail(project, None, f"its page cannot be written: {error.strerror or error}")

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
