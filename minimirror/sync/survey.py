"""The survey: which pages have to be read, and what each of them means for the folder. It changes no file."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping
from typing import NamedTuple

from minimirror.common import Summary
from minimirror.config import Config
from minimirror.distributions import projects_named
from minimirror.resolution import Closure, find_closure
from minimirror.selection import ProjectRules
from minimirror.storage import Catalog, FileRow, MirrorFolder, ProjectRow
from minimirror.sync.discover import Listing
from minimirror.sync.project_plan import ProjectPlan, plan_private, plan_project
from minimirror.sync.worker import PageRead, ReadPage, WorkerSettings

__all__ = ["Survey", "Surveyed"]


class Surveyed(NamedTuple):
    """What a page means for the folder."""

    row: ProjectRow
    """What the catalog shall say of the project once it is mirrored from that page."""

    plan: ProjectPlan
    failed: bool
    """Something of it is missing, whatever is fetched."""


class Survey:
    """What is wanted, what the index has of it and what is here. Failures and notes go to the summary."""

    def __init__(self, config: Config, repository: MirrorFolder, catalog: Catalog, summary: Summary) -> None:
        self._config = config
        self._repository = repository
        self._catalog = catalog
        self._summary = summary
        self.settings = WorkerSettings.of(config)
        self.index = self.settings.index()
        self.closure = Closure()
        self.projects = ProjectRules(self._listed(), config.exclude_projects)
        self.unknown_files: list[str] = []
        """The files in the folder that minimirror did not place."""
        self.unknown: Mapping[str, list[str]] = {}
        """Those that seem to be a project's, by that."""
        self._unknown: Mapping[str, list[str]] = {}
        """Those of wanted projects."""
        self._listing = self._make_listing()
        self._untimed: Counter[str] = Counter()
        self._asked: dict[str, tuple[ProjectRow, Mapping[str, FileRow]]] = {}
        """The projects whose page is being read, each with its files in the catalog."""
        self._vanished: list[str] = []
        self.pages = 0
        """Pages that may have to be read."""

    @property
    def pages_unchanged(self) -> int:
        """Pages that were asked for and need not be read."""
        return self._listing.unchanged

    def __enter__(self) -> Survey:
        return self

    def __exit__(self, *_: object) -> None:
        # The workers open as many connections as the index should see.
        self.index.client.close()

    def settle(self) -> None:
        """Find out what is wanted.

        :raises MinimirrorError: what cannot be found out for want of an input, the resolver or the index
        """
        config = self._config
        self.unknown_files = self._catalog.unknown_files(self._repository.filenames())
        self.unknown = self._find_unknown()
        # Who names a project has its files from the index, though there are others here.
        paths = {
            name: [self._repository.path / each for each in files]
            for name, files in self.unknown.items()
            if not self.projects.lists_by_name(name)
        }
        self.closure = find_closure(config, self.index, self._catalog, self._summary, paths)
        follow = config.closure == "releases"
        self.projects = ProjectRules(
            self._listed(), config.exclude_projects, self.closure.pins, follow=follow
        )
        self._unknown = {name: files for name, files in self.unknown.items() if self.projects.wants(name)}
        self._listing = self._make_listing()
        self._listing.validators = self.closure.validators

    def refresh(self) -> list[str]:
        """Learn which projects are wanted; answers the files that are not here as the catalog has them.

        :raises MinimirrorError: as :meth:`settle`; or the index's list of projects cannot be had
        """
        self.settle()
        self._listing.refresh()
        damaged = self._find_damage()
        self._catalog.commit()
        for name in self._listing.missing():
            self._summary.fail(name, None, "the index has no project of that name")
        self.pages = self._catalog.changed_count()
        return damaged

    def ask(self) -> Iterator[None]:
        """Find out which pages have changed, as far as that can be had without reading them.

        Yields now and then, so that progress can be shown.
        """
        yield from self._listing.ask(self._config.connections)

    def changed_pages(self) -> Iterator[ReadPage]:
        """The pages that have to be read."""
        for row in self._listing.changed():
            known = self._catalog.files(row.name)
            self._asked[row.name] = row, known
            yield ReadPage(
                row.name,
                self.projects.request(row.name),
                placed=tuple(known),
                unknown=tuple(self._unknown.get(row.name, ())),
            )

    def take(self, project: str, page: PageRead) -> Surveyed | None:
        """Take a page that was read; answers what it means, None where it could not be read."""
        row, known = self._asked.pop(project)
        if page.failure is not None:
            self._take_no_page(row, page)
            return None
        if page.undecided is not None:
            self._summary.fail(row.name, None, page.undecided)
            return None
        self._summary.projects_read += 1
        self._summary.refused.update(page.refused)
        self._untimed.update(projects=bool(page.untimed), files=page.untimed)
        # Its name may be a private package's, and the index's of that name another's.
        private = page.private and not self.projects.lists_by_name(row.name)
        problems = page.problems if private else (*page.problems, *page.unmet)
        for problem in problems:
            self._summary.fail(row.name, None, problem)
        if not private:
            self._note_nothing_wanted(row.name, page)
            for note in page.notes:
                self._summary.note(f"{row.name}: {note}")
        make_plan = plan_private if private else plan_project
        plan = make_plan(row.name, page, known, self._repository)
        return Surveyed(self._mirrored(row, page), plan, failed=bool(problems))

    def gone(self) -> tuple[list[str], list[str]]:
        """The projects that the index has no more, and those that the config does not want any more."""
        vanished, unwanted = list(self._vanished), list[str]()
        for name in self._catalog.gone_projects():
            (vanished if self.projects.wants(name) else unwanted).append(name)
        return vanished, unwanted

    def note_rest(self) -> None:
        """Note what concerns many files or earlier runs: upload times that are missing, private projects."""
        files, projects = self._untimed["files"], self._untimed["projects"]
        if files:
            self._summary.note(
                f"{files:,} files of {projects:,} projects are held back, since the index does not tell when"
                " they were uploaded (`min_age`, `uploaded_before`)"
            )
        self._note_private()

    def _note_private(self) -> None:
        for row in self._catalog.private_projects():
            own = (row.private or "").replace("\n", ", ")
            if self.projects.lists_by_name(row.name):
                self._summary.note(f"{row.name}: mirrored beside files that are not minimirror's: {own}")
            else:
                self._summary.note(
                    f"{row.name}: private and not mirrored, since these files are not minimirror's: {own};"
                    " delete them if they are leftovers, or name it in `projects` to mirror it all the same"
                )

    def _make_listing(self) -> Listing:
        return Listing(self.index, self._catalog, self.projects, self.settings.rules, self._unknown)

    def _find_unknown(self) -> dict[str, list[str]]:
        """The unknown files by the project that they seem to be of; some may be of more than one."""
        found: dict[str, list[str]] = {}
        for filename in self.unknown_files:
            for project in projects_named(filename):
                found.setdefault(project, []).append(filename)
        return found

    def _listed(self) -> tuple[str, ...] | None:
        """What ``projects`` lists; without it the whole index, or what the requirements need and no more."""
        if self._config.projects is None and self._config.requirements:
            return ()
        return self._config.projects

    def _find_damage(self) -> list[str]:
        """Find the files that were deleted or truncated behind minimirror's back."""
        size = self._repository.size
        damaged = {name: project for name, project, known in self._catalog.sizes() if size(name) != known}
        self._catalog.reread(set(damaged.values()))
        self._catalog.pages.mark(set(damaged.values()))
        return list(damaged)

    def _mirrored(self, row: ProjectRow, page: PageRead) -> ProjectRow:
        # A cache on the way may hold an older page than the root tells of: it is read again next time.
        stale = page.serial is not None and row.listed is not None and page.serial < row.listed
        return row._replace(
            serial=None if stale else row.listed,
            etag=page.validator,
            rules=self._listing.rules_of(row.name),
            private="\n".join(page.private) or None,
            due=page.due,
            status=None if page.status == "active" else page.status,
        )

    def _take_no_page(self, row: ProjectRow, page: PageRead) -> None:
        if not page.missing:
            self._summary.fail(row.name, None, f"its page cannot be read: {page.failure}")
        elif self.projects.needs_root:
            self._summary.fail(row.name, None, f"the index lists it, but has no page of it: {page.failure}")
        else:
            self._summary.fail(row.name, None, "the index has no project of that name")
            self._vanished.append(row.name)

    def _note_nothing_wanted(self, project: str, page: PageRead) -> None:
        if page.status == "quarantined" and not page.wanted:
            self._summary.note(f"{project}: left out, the index has quarantined it")
        elif not page.wanted and project in self.projects.named():
            rules = ", ".join(f"{count} by {rule}" for rule, count in page.refused.items())
            refused = f"the rules refuse all its files: {rules}" if rules else "its page lists no files"
            self._summary.note(f"{project}: nothing is mirrored, {refused}")
