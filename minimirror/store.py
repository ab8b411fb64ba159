"""Verified files to their place, and superseded ones out of it, in an order that survives being killed.

A file is entered into the catalog before it is placed, and taken out of it after it was deleted: at any
moment the catalog knows every file that minimirror placed. What it knows and the folder has not, or has in
another size, is fetched again by the next run.
"""

from __future__ import annotations

import logging
from dataclasses import dataclass, field

from minimirror.catalog import Catalog, ProjectRow
from minimirror.interrupts import held_back
from minimirror.plan import ProjectPlan, file_row
from minimirror.repository import Repository
from minimirror.summary import Summary
from minimirror.worker import FetchFile, FileHere

__all__ = ["Store"]

log = logging.getLogger("minimirror")


@dataclass(slots=True)
class _Project:
    """A project between its page and its last file."""

    row: ProjectRow
    """What the catalog shall say of it once all its files are here."""

    left: int
    """Files that are not here yet."""

    remove: list[str] = field(default_factory=list)
    failed: bool = False


class Store:
    """The catalog and the flat folder, kept in step."""

    def __init__(self, catalog: Catalog, repository: Repository, summary: Summary) -> None:
        self._catalog = catalog
        self._repository = repository
        self._summary = summary
        self._projects: dict[str, _Project] = {}
        self._stale: set[str] = set()
        self._verified: list[tuple[FetchFile, FileHere]] = []

    @property
    def waiting(self) -> int:
        """Files that are verified and not yet placed."""
        return len(self._verified)

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

    def begin(self, row: ProjectRow, plan: ProjectPlan, *, failed: bool) -> None:
        """Begin with a project's files.

        :param row: what the catalog shall say of the project once all its files are here
        :param failed: something of it is missing already, so that this must not be said
        """
        self._catalog.put_files(plan.update)
        self._stale.update(plan.remove)
        self._stale.update(fetch.wanted.file.filename for fetch in plan.fetch if fetch.replace)
        project = self._projects[row.name] = _Project(row, len(plan.fetch), plan.remove, failed)
        self._finish(project)

    def put(self, job: FetchFile, here: FileHere) -> None:
        """Take a file that is verified; :meth:`flush` places it."""
        self._verified.append((job, here))

    def failed(self, job: FetchFile, cause: str) -> None:
        """Take note that a file is not to be had."""
        self._summary.fail(job.project, job.wanted.file.filename, cause)
        self._file_done(job, failed=True)

    def flush(self) -> None:
        """Place the verified files, together: a commit costs more than a rename."""
        with held_back():
            verified, self._verified = self._verified, []
            rows = [file_row(job.project, job.wanted, here.size, here.sha256) for job, here in verified]
            # While a file of the same name may be the old or the new one, its row fits neither.
            self._catalog.put_files(
                row._replace(size=-1) if job.replace else row
                for row, (job, _) in zip(rows, verified, strict=True)
            )
            self._catalog.commit()
            for row, (job, here) in zip(rows, verified, strict=True):
                if self._place(job, here) and job.replace:
                    self._catalog.put_files([row])
            self._catalog.commit()

    def _place(self, job: FetchFile, here: FileHere) -> bool:
        filename = job.wanted.file.filename
        if here.adopted:
            self._summary.files_adopted += 1
            log.info("adopted %s", filename)
        else:
            try:
                self._repository.place(here.partial, filename, replace=job.replace)
            except OSError as error:
                self._catalog.forget_files([filename])
                self.failed(job, f"cannot be placed: {error.strerror or error}")
                return False
            self._summary.files_fetched += 1
            self._summary.bytes_fetched += here.size
            log.info("fetched %s (%d bytes)", filename, here.size)
        self._stale.discard(filename)
        self._file_done(job, failed=False)
        return True

    def _file_done(self, job: FetchFile, *, failed: bool) -> None:
        project = self._projects[job.project]
        project.left -= 1
        project.failed |= failed
        self._finish(project)

    def _finish(self, project: _Project) -> None:
        """Finish a project whose last file has come. What is superseded goes only when all is here."""
        if project.left:
            return
        self._projects.pop(project.row.name)
        if not project.failed and self._remove(project.row.name, project.remove):
            self._catalog.mirrored(project.row)

    def remove_project(self, name: str) -> None:
        """Remove a project and the files of it that minimirror placed."""
        files = list(self._catalog.files(name))
        if self._remove(name, files):
            self._catalog.forget_project(name)
            self._summary.projects_removed += bool(files)

    def _remove(self, project: str, filenames: list[str]) -> bool:
        """Remove files; answer whether all are gone."""
        gone = []
        for filename in filenames:
            try:
                self._repository.delete(filename)
            except OSError as error:
                self._summary.fail(project, filename, f"cannot be removed: {error.strerror or error}")
                continue
            gone.append(filename)
            log.info("removed %s", filename)
        self._summary.files_removed += len(gone)
        self._stale.difference_update(gone)
        self._catalog.forget_files(gone)
        return gone == filenames
