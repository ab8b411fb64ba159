"""What a run or a preview notes about the pages that were read, most of it at the end."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Collection, Mapping, Sequence

from minimirror.common import counted, either, quoted, shorten
from minimirror.distributions import similar_pythons
from minimirror.selection import UnmatchedWords
from minimirror.simple_api import QUARANTINED
from minimirror.sync.project_plan import ProjectPlan
from minimirror.sync.scope import Scope
from minimirror.sync.session import Session
from minimirror.sync.workers.jobs import FetchFile, FileJob, PageRead
from minimirror.upstream import Index

__all__ = ["UNMATCHED", "PageNotes"]

UNMATCHED = "unmatched"
"""The catalog's key for what the last run refused, if it refused every file."""

_NAME = 40
"""Characters of an algorithm's name that are shown."""

_PROJECTS = 10
"""Projects in a note."""

_FILES = 10
"""Mirrored files of a local project in a note."""


class PageNotes:
    """Collects what concerns many projects."""

    def __init__(self, session: Session, scope: Scope) -> None:
        self._scope = scope
        self._catalog = session.catalog
        self._summary = session.summary
        self.is_matched = bool(scope.closure.local)
        """Whether a file matches the config, as far as pages were read. A local project's do."""
        self._missing: Counter[Index] = Counter()
        """How many projects an index had no page of."""
        self._read: set[Index] = set()
        """The indexes that had pages."""
        self._untimed: Counter[str] = Counter()
        self._unadvised: Counter[str] = Counter()
        """How many projects were read of each index that does not report known vulnerabilities."""
        self._invalid_pythons: dict[str, str] = {}
        self._unmatched = UnmatchedWords(scope.settings.rules)
        self._unverified: Counter[str] = Counter()
        """Files to fetch whose digests cannot be checked, by the name of an unknown algorithm."""
        self._local = session.catalog.projects.local()
        """Local projects, each with the files that make it one, as far as is known."""
        self._untracked: dict[str, Collection[str]] = {}
        """Those whose page was read, each with the mirrored files that are no longer here as they were."""

    def add_missing(self, index: Index) -> None:
        """Add a project without a page on its index."""
        self._missing[index] += 1

    def add(self, page: PageRead, plan: ProjectPlan, index: Index) -> None:
        """Add a project whose page was read."""
        project, found = plan.row.name, page.evaluation
        self._summary.projects_read += 1
        self._summary.refused.update(page.refused)
        self.is_matched |= bool(page.selected or page.local_files)
        self._unmatched.drop(page.matched)
        self._read.add(index)
        if found.untimed:
            self._untimed.update(projects=1, files=found.untimed)
        if found.unadvised:
            self._unadvised[index.title] += 1
        self._unverified.update(filter(None, map(_unknown_algorithm, plan.fetch)))
        self._local.pop(project, None)
        if plan.row.local_project is not None:
            self._local[project] = plan.row.local_project
        if plan.upstream is None:
            self._untracked[project] = plan.untrack
            return
        if page.invalid_pythons:
            self._invalid_pythons[project] = " and ".join(map(quoted, dict.fromkeys(page.invalid_pythons)))
        self._note_nothing_selected(project, page)
        for note in found.notes:
            self._summary.note(f"{project}: {note}")

    def _note_nothing_selected(self, project: str, page: PageRead) -> None:
        if page.selected:
            return
        if page.status == QUARANTINED:
            self._summary.note(f"{project}: skipped, because the index has quarantined it")
        elif project in self._scope.projects.named():
            rules = ", ".join(f"{rule} {count:,}" for rule, count in page.refused.items())
            why = f"skipped by rule: {rules}" if rules else "its page lists no files"
            self._summary.note(f"{project}: no file is selected ({why})")

    def finish(self) -> None:
        """Note what concerns many projects."""
        self._note_unmatched()
        for index in self._missing:
            if index not in self._read and (advice := index.advice()):
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
        for name, filenames in sorted(self._local.items()):
            if self._catalog.changes.is_selected(name):
                self.is_matched = True
                self._note_local(name, filenames.replace("\n", ", "))
        if not self.is_matched and not self._catalog.changes.keeps_any():
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
        if read and read + self._missing.total() == self._catalog.changes.selected_count():
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
