"""Turn pages into plans, for a run or a preview."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import replace
from typing import NamedTuple

from minimirror.common import Summary, counted, either, quoted, shorten
from minimirror.distributions import similar_pythons
from minimirror.selection import UnmatchedWords
from minimirror.simple_api import ACTIVE, QUARANTINED
from minimirror.storage import Catalog, ChangedProject, FileRow, ProjectRow, Repository
from minimirror.sync.giving_up import GivenUp
from minimirror.sync.held_files import is_moved
from minimirror.sync.project_plan import ProjectPlan, plan_local_project, plan_project
from minimirror.sync.scope import Scope
from minimirror.sync.workers.jobs import (
    ALONE,
    AdoptFile,
    FetchFile,
    FileJob,
    PageFailed,
    PageMissing,
    PageRead,
    PageResult,
    ReadPage,
)
from minimirror.upstream import Index

__all__ = ["UNMATCHED", "Gone", "Planner"]

UNMATCHED = "unmatched"
"""The catalog's key for what the last run refused, if it refused every file."""

_NAME = 40
"""Characters of an algorithm's name that are shown."""

_PROJECTS = 10
"""Projects in a note."""

_FILES = 10
"""Mirrored files of a local project in a note."""


class Gone(NamedTuple):
    """Projects of which nothing is selected any more."""

    unlisted: list[str]
    """Those that the index no longer has."""

    unselected: list[str]
    """Those that the config no longer selects."""

    expired: list[str]
    """Those that came on demand, and that no client has used for long."""


class Planner:
    """Requests the pages that must be read, and makes a plan from each. Changes nothing."""

    def __init__(
        self,
        scope: Scope,
        folder: Repository,
        catalog: Catalog,
        summary: Summary,
        *,
        allow_replace: bool = False,
    ) -> None:
        """Prepare to plan.

        :param allow_replace: fetch files again that the index now lists with other bytes
        """
        self._scope = scope
        self._allow_replace = allow_replace
        self._folder = folder
        self._catalog = catalog
        self._summary = summary
        self._asked: dict[str, tuple[ChangedProject, Mapping[str, FileRow], ProjectRow | None]] = {}
        self._given_up = GivenUp()
        self._missing: list[str] = []
        self._is_matched = bool(scope.closure.local)
        """Whether a file matches the config, as far as pages were read. A local project's do."""
        self._untimed: Counter[str] = Counter()
        self._unadvised: Counter[str] = Counter()
        """How many projects of each index were read that does not report known vulnerabilities."""
        self._has_pages: dict[Index, None] = {}
        self._has_none: dict[Index, None] = {}
        """The indexes that had no page of a project."""
        self._invalid_pythons: dict[str, str] = {}
        self._unmatched = UnmatchedWords(scope.settings.rules)
        self._unverified: Counter[str] = Counter()
        """Files to fetch whose digests cannot be checked, by the name of an unknown algorithm."""
        self._local: dict[str, str | None] = {}
        """Projects whose page was read, each with the files that make it a local project."""
        self._untracked: dict[str, Collection[str]] = {}
        """Local projects, each with the mirrored files that are no longer here as they were."""

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
        self._is_matched |= bool(page.selected or page.local_files)
        if not any(is_moved(row, index.url) for row in known.values()) and self._is_older(page, before):
            self._is_matched |= bool(known)
            return None
        self._count(page, index)
        # The index may have another project with this name, which is not mirrored then.
        is_local = bool(page.local_files) and not self._scope.projects.lists_by_name(project)
        problems = page.problems if is_local else (*page.problems, *page.evaluation.unmet)
        for problem in problems:
            self._summary.fail(project, None, problem)
        replaced = {} if is_local or self._allow_replace else page.replaced
        for filename, cause in replaced.items():
            self._summary.fail(project, filename, cause)
        row, failed = self._row(changed, page), bool(problems or replaced)
        self._local[project] = row.local_project
        invalid = self._catalog.files.invalid(project) if known else ()
        if is_local:
            plan = plan_local_project(row, known, invalid, self._folder, failed=failed)
            self._untracked[project] = plan.untrack
            return plan
        if page.invalid_pythons:
            self._invalid_pythons[project] = " and ".join(map(quoted, dict.fromkeys(page.invalid_pythons)))
        self._note_nothing_selected(project, page)
        for note in page.evaluation.notes:
            self._summary.note(f"{project}: {note}")
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
        self._unverified.update(filter(None, map(_unknown_algorithm, plan.fetch)))
        return plan

    def _fail(self, project: str, index: Index, page: PageFailed) -> None:
        cause = f"{index.title}: {page.cause}" if index.name else page.cause
        self._summary.fail(project, None, cause, passes=page.passes)
        if not page.passes:
            self._given_up.failed(index.url, page.cause)

    def _count(self, page: PageRead, index: Index) -> None:
        self._summary.projects_read += 1
        self._summary.refused.update(page.refused)
        self._unmatched.drop(page.matched)
        self._has_pages[index] = None
        if page.evaluation.untimed:
            self._untimed.update(projects=1, files=page.evaluation.untimed)
        if page.evaluation.unadvised:
            self._unadvised[index.title] += 1

    def _rules_changed(self, before: ProjectRow | None, project: str) -> bool:
        return before is not None and before.rules != self._scope.rules_of(project)

    def gone(self) -> Gone:
        """Return the projects of which nothing is selected any more."""
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

    def note_rest(self) -> None:
        """Add the notes that concern many projects."""
        self._note_unmatched()
        for index in self._has_none:
            if index not in self._has_pages and (advice := index.advice()):
                self._summary.note(advice)
        for title, count in self._unadvised.items():
            does = "reports" if self._scope.settings.rules.vulnerable else "excludes"
            self._summary.note(
                f"{title} does not report known vulnerabilities, so `vulnerable` {does} nothing of its"
                f" projects ({count:,} read)"
            )
        files, projects = self._untimed["files"], self._untimed["projects"]
        if files:
            self._summary.note(
                f"skipped {counted(files)} of {counted(projects, 'project')}, because the index does not"
                " report their upload time (`min_age`, `uploaded_before`)"
            )
        if self._invalid_pythons:
            found = [f"{project} ({texts})" for project, texts in sorted(self._invalid_pythons.items())]
            self._summary.note(
                f"ignored an invalid Requires-Python, as pip does, of {', '.join(shorten(found, _PROJECTS))}"
            )
        if self._unverified:
            names = ", ".join(shorten(sorted(self._unverified), 3))
            self._summary.note(
                f"cannot verify {counted(self._unverified.total())}, because the index gives only digests"
                f" of unknown algorithms ({names})"
            )
        local = {row.name: row.local_project for row in self._catalog.projects.local()}
        for name, filenames in sorted({**local, **self._local}.items()):
            if filenames and self._catalog.changes.is_selected(name):
                self._is_matched = True
                self._note_local(name, filenames.replace("\n", ", "))
        if not self._is_matched and not self._catalog.changes.keeps_any():
            self._summary.unmatched = self._refused()

    def _refused(self) -> Mapping[str, int] | None:
        """Return how many files each rule refused; None if there are none."""
        if not self._catalog.changes.selected_count():
            return dict.fromkeys(self._scope.project_keys, 0) or None
        # Pages that have not changed are not read again.
        known: Counter[str] = Counter(json.loads(self._catalog.recall(UNMATCHED) or "{}"))
        return (known | self._summary.refused) or None

    def _note_unmatched(self) -> None:
        """If every page was read, name the words of the rules that no file matches."""
        read = self._summary.projects_read
        if read and read + len(self._missing) == self._catalog.changes.selected_count():
            for key, words in self._unmatched.by_key().items():
                self._summary.note(f"`{key}`: no {_noun(key)} matches {either(words)}{_instead(key, words)}")

    def _note_local(self, project: str, filenames: str) -> None:
        if self._scope.projects.lists_by_name(project):
            self._summary.note(f"{project}: mirrored in addition to its local files: {filenames}")
            return
        untracked = sorted(self._untracked.get(project, ()))
        staying = sorted(self._catalog.files.of(project).keys() - {*untracked})
        self._summary.note(
            f"{project}: {'no longer' if staying or untracked else 'not'} mirrored, because these local files"
            f" make it a local project: {filenames}."
            + f" Its mirrored files stay: {', '.join(shorten(staying, _FILES))}." * bool(staying)
            + f" Not fetched again: {', '.join(shorten(untracked, _FILES))}." * bool(untracked)
            + " Delete the local files if they are leftovers, or name the project in `projects` to mirror it"
            " anyway"
        )

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
            self._has_none[index] = None

    def _note_nothing_selected(self, project: str, page: PageRead) -> None:
        if page.selected:
            return
        if page.status == QUARANTINED:
            self._summary.note(f"{project}: skipped, because the index has quarantined it")
        elif project in self._scope.projects.named():
            rules = ", ".join(f"{rule} {count:,}" for rule, count in page.refused.items())
            why = f"skipped by rule: {rules}" if rules else "its page lists no files"
            self._summary.note(f"{project}: no file is selected ({why})")


def _noun(key: str) -> str:
    return "selected project" if key == "min_age_exempt" else "file of the selected projects"


def _instead(key: str, words: Sequence[str]) -> str:
    """Return what to write instead of Python versions, which only eggs and other old files have."""
    versions = [word for word in words if key == "python_versions" and word[0].isdigit()]
    tags = [tag for version in versions for tag in similar_pythons(version)]
    return f"; wheels for {' and '.join(versions)} have {either(tags)}" if tags else ""


def _unknown_algorithm(job: FileJob) -> str | None:
    """Return an algorithm if a file will be fetched that has only digests of unknown ones."""
    file = job.selected.file
    is_unverified = file.digests and isinstance(job, FetchFile) and not file.verifiable
    return min(file.digests)[:_NAME] if is_unverified else None
