"""Turn pages into plans, for a run or a preview."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace

from minimirror.simple_api import ACTIVE
from minimirror.storage import ChangedProject, FileRow, ProjectRow
from minimirror.sync.giving_up import GivenUp
from minimirror.sync.held_files import is_moved
from minimirror.sync.page_notes import PageNotes
from minimirror.sync.project_plan import ProjectPlan, plan_local_project, plan_project
from minimirror.sync.removals import Gone
from minimirror.sync.scope import Scope
from minimirror.sync.session import Session
from minimirror.sync.workers.jobs import (
    ALONE,
    AdoptFile,
    PageFailed,
    PageMissing,
    PageRead,
    PageResult,
    ReadPage,
)
from minimirror.upstream import Index

__all__ = ["Planner"]


class Planner:
    """Requests the pages that must be read, and makes a plan from each. Changes nothing."""

    def __init__(self, session: Session, scope: Scope, *, allow_replace: bool = False) -> None:
        """Prepare to plan.

        :param allow_replace: fetch files again that the index now lists with other bytes
        """
        self._scope = scope
        self._allow_replace = allow_replace
        self._folder = session.folder
        self._catalog = session.catalog
        self._summary = session.summary
        self._asked: dict[str, tuple[ChangedProject, Mapping[str, FileRow], ProjectRow | None]] = {}
        self._given_up = GivenUp()
        self._missing: list[str] = []
        self.notes = PageNotes(session, scope)

    def pages(self) -> Iterator[ReadPage]:
        """Yield a job for each page that must be read."""
        for changed in self._catalog.changes.to_read():
            index = self._scope.indexes.of(changed.name)
            if cause := self._given_up.why(index.url):
                self._fail(changed.name, index, PageFailed(cause))
                continue
            known = self._catalog.files.of(changed.name)
            if late := self._scope.demanded.late():
                known = {name: row for name, row in known.items() if name not in late}
            before = self._catalog.projects.get(changed.name) if known else None
            self._asked[changed.name] = changed, known, before
            yield replace(
                self._scope.job(changed.name),
                tracked=tuple(known.values()),
                status=before.status if before else None,
                rules_changed=self._rules_changed(before, changed.name),
                was_alone=changed.etag == ALONE,
            )

    def plan(self, project: str, page: PageResult) -> ProjectPlan | None:
        """Return the plan for a page. If the page could not be read, report that and return None."""
        changed, known, before = self._asked.pop(project)
        index = self._scope.indexes.of(project)
        if isinstance(page, PageFailed):
            self._fail(project, index, page)
            return None
        self._given_up.responded(index.url)
        if isinstance(page, PageMissing):
            self._report_missing(project, page, index)
            return None
        if not any(is_moved(row, index.url) for row in known.values()) and self._is_older(page, before):
            self.notes.is_matched |= bool(known or page.selected or page.local_files)
            return None
        # The index may have another project with this name, which is not mirrored then.
        is_local = bool(page.local_files) and not self._scope.projects.lists_by_name(project)
        problems = page.problems if is_local else (*page.problems, *page.evaluation.unmet)
        for problem in problems:
            self._summary.fail(project, None, problem)
        replaced = {} if is_local or self._allow_replace else page.replaced
        for filename, cause in replaced.items():
            self._summary.fail(project, filename, cause)
        row, failed = self._row(changed, page), bool(problems or replaced)
        invalid = self._catalog.files.invalid(project) if known else ()
        if is_local:
            plan = plan_local_project(row, known, invalid, self._folder, failed=failed)
        else:
            plan = plan_project(
                row,
                page,
                known,
                invalid,
                self._folder,
                keep=replaced,
                rules_changed=self._rules_changed(before, project),
                expired=self._scope.demanded.expired,
                failed=failed,
            )
        # The run adopts these. Then they are no news for the next one.
        adopted = {job.filename for job in plan.fetch if isinstance(job, AdoptFile)}
        if adopted:
            text = self._scope.local_files_text(project, adopted)
            plan = replace(plan, row=row._replace(local_files=text))
        self.notes.add(page, plan, index)
        return plan

    def _fail(self, project: str, index: Index, page: PageFailed) -> None:
        cause = f"{index.title}: {page.cause}" if index.name else page.cause
        self._summary.fail(project, None, cause, passes=page.passes)
        if not page.passes:
            self._given_up.failed(index.url, page.cause)

    def _rules_changed(self, before: ProjectRow | None, project: str) -> bool:
        return before is not None and before.rules != self._scope.rules_of(project)

    def gone(self) -> Gone:
        """Return the projects from which nothing is selected any more."""
        demanded = self._scope.demanded
        gone = Gone(list(self._missing), [], [])
        late = {*demanded.late().values()}
        for name in self._catalog.changes.gone():
            if name in late:
                continue
            if self._scope.projects.selects(name):
                gone.unlisted.append(name)
            elif (files := self._catalog.files.of(name)) and demanded.expired.issuperset(files):
                gone.expired.append(name)
            else:
                gone.unselected.append(name)
        return gone

    def _row(self, changed: ChangedProject, page: PageRead) -> ProjectRow:
        # A cache may have returned an older page than the list announces. Then read it again next time.
        is_old = page.serial is not None and changed.listed is not None and page.serial < changed.listed
        return ProjectRow(
            changed.name,
            listed=changed.listed,
            serial=None if is_old else changed.listed,
            etag=page.validator,
            rules=self._scope.rules_of(changed.name),
            local_files=self._scope.local_files_text(changed.name),
            local_project="\n".join(page.local_files) or None,
            due=page.evaluation.due,
            status=None if page.status == ACTIVE else page.status,
        )

    def _is_older(self, page: PageRead, before: ProjectRow | None) -> bool:
        """Return whether a page is older than the one that is mirrored, and report that."""
        if self._allow_replace or page.serial is None or before is None or before.serial is None:
            return False
        if page.serial >= before.serial:
            return False
        self._summary.note(
            f"{before.name}: its page is older (serial {page.serial}) than the one that is mirrored (serial"
            f" {before.serial}), so it was ignored"
        )
        return True

    def _report_missing(self, project: str, page: PageMissing, index: Index) -> None:
        if self._scope.needs_list(self._scope.indexes.number_of(project)):
            self._summary.fail(project, None, f"{index.title} lists it, but {page.cause}")
        else:
            self._scope.report_missing(project, self._summary)
            self._missing.append(project)
            self.notes.add_missing(index)
