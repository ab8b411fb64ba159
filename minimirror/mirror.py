"""The run: what is wanted, what the index has of it, what is here, and what makes the two the same."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from minimirror.catalog import Catalog, CatalogDamagedError, ProjectRow
from minimirror.config import Config
from minimirror.distribution import projects_named
from minimirror.interrupts import held_back
from minimirror.listing import Listing
from minimirror.plan import plan_private, plan_project
from minimirror.pool import Outcome, Pool
from minimirror.repository import DiskFullError, Repository
from minimirror.schedule import Schedule
from minimirror.selection import ProjectRules
from minimirror.store import Store
from minimirror.summary import Status, Summary
from minimirror.worker import FetchFile, FileHere, Job, PageRead, ReadPage, WorkerSettings, lookahead

__all__ = ["RunInterrupted", "run"]

_STORE_EVERY = 0.25
"""Seconds after which the next verified files are synced and placed, however few they are."""

_STORE_AT = 64
"""Verified files that are worth it at once: more at a time would keep the workers waiting for jobs."""

_STATUS_EVERY = 0.1
"""Seconds between two calls of the progress callback."""

Progress = Callable[[Status], None]


class RunInterrupted(KeyboardInterrupt):
    """Ctrl-C, or another KeyboardInterrupt, has ended a run; what was done is kept."""

    def __init__(self, summary: Summary) -> None:
        super().__init__("interrupted")
        self.summary = summary


def run(config: Config, *, progress: Progress | None = None, allow_delete: bool = False) -> Summary:
    """Mirror what a config selects into its repository.

    What happens on the way goes to the logger ``minimirror``: each file at INFO, each failure at WARNING.
    Workers are processes that import the main module, so a script that calls this needs the usual
    ``if __name__ == "__main__":``.

    :param progress: called some ten times a second with how far the run is
    :param allow_delete: remove what the index does not list any more, however much that is
    :returns: what came of it; :attr:`Summary.failures` names what is missing
    :raises MinimirrorError: the run could not be done at all: the folder cannot be used or is held by another
        run, the catalog cannot be read or written, the index's list of projects cannot be had
    :raises RunInterrupted: on KeyboardInterrupt
    """
    repository = Repository(config.repository)
    repository.prepare()
    summary = Summary()
    with repository.lock(), _damage_set_aside(repository), _open_catalog(repository, summary) as catalog:
        return _Run(config, repository, catalog, summary, progress).run(allow_delete=allow_delete)


@contextmanager
def _damage_set_aside(repository: Repository) -> Iterator[None]:
    """Where the catalog turns out to be damaged in mid-run, have the next run begin with a new one."""
    try:
        yield
    except CatalogDamagedError as error:
        aside = repository.set_catalog_aside()
        raise CatalogDamagedError(
            f"{error}; it is kept as {aside.name}. Run again: it is made anew from the folder and the index"
        ) from None


def _open_catalog(repository: Repository, summary: Summary) -> Catalog:
    try:
        return Catalog(repository.catalog)
    except CatalogDamagedError as error:
        aside = repository.set_catalog_aside()
        summary.note(f"{error}; it is kept as {aside.name}, and made anew from the folder and the index")
        return Catalog(repository.catalog)


class _Run:
    def __init__(
        self,
        config: Config,
        repository: Repository,
        catalog: Catalog,
        summary: Summary,
        progress: Progress | None,
    ) -> None:
        self._config = config
        self._repository = repository
        self._catalog = catalog
        self._progress = progress
        self._settings = WorkerSettings.of(config)
        self._projects = ProjectRules(config.projects, config.exclude_projects)
        self._unknown = self._find_unknown()
        self._listing = Listing(
            self._settings.index(), catalog, self._projects, self._settings.rules, self._unknown
        )
        self._summary = summary
        self._store = Store(catalog, repository, summary)
        self._rows: dict[str, ProjectRow] = {}
        self._in_flight: dict[str, int] = {}
        self._errors: list[str] = []
        self._begun = self._stored = self._shown = time.monotonic()
        self._pages = self._pages_read = self._files = self._bytes = self._bytes_here = 0

    def run(self, *, allow_delete: bool) -> Summary:
        number = self._catalog.begin_run(time.time())
        try:
            with self._listing:
                self._listing.refresh()
                self._find_damage()
                self._ask()
            self._mirror()
            self._remove_gone(1.0 if allow_delete else self._config.max_delete)
            self._catalog.replace_missing(self._summary.failures)
        except KeyboardInterrupt:
            self._summary.interrupted = True
            raise RunInterrupted(self._summary) from None
        except DiskFullError as error:
            self._errors.append(str(error))
            self._repository.make_room(keep=self._store.partials)
            raise
        except BaseException as error:
            self._errors.append(str(error) or type(error).__name__)
            raise
        finally:
            with held_back(), self._store:
                self._end(number)
        return self._summary

    def _find_unknown(self) -> dict[str, list[str]]:
        """The files in the folder that minimirror did not place, by the wanted project they seem to be of."""
        found: dict[str, list[str]] = {}
        for filename in self._catalog.unknown_files(self._repository.filenames()):
            for project in filter(self._projects.wants, projects_named(filename)):
                found.setdefault(project, []).append(filename)
        return found

    def _find_damage(self) -> None:
        """Find the files that were deleted or truncated behind minimirror's back."""
        size = self._repository.size
        damaged = {name: project for name, project, known in self._catalog.sizes() if size(name) != known}
        for filename in damaged:
            self._store.damaged(filename)
        self._catalog.reread(set(damaged.values()))
        self._catalog.commit()

    def _ask(self) -> None:
        """Find out which pages have changed, as far as that can be had without reading them."""
        for name in self._listing.missing():
            self._summary.fail(name, None, "the index has no project of that name")
        self._pages = self._catalog.changed_count()
        for _ in self._listing.ask(self._config.connections):
            self._keep_up()

    def _mirror(self) -> None:
        """Read the changed pages and fetch what they have that is wanted and not here."""
        schedule = Schedule(self._changed_pages())
        with Pool[Job](
            self._settings,
            processes=self._config.processes,
            connections=self._config.connections,
            lookahead=lookahead,
            preload=["minimirror.worker"],
        ) as pool:
            for outcome in pool.run(lambda: self._next(schedule)):
                self._summary.workers_started = pool.started
                if outcome is not None:
                    self._take(outcome, schedule)
                self._keep_up()

    def _changed_pages(self) -> Iterator[ReadPage]:
        for row in self._listing.changed():
            self._rows[row.name] = row
            yield ReadPage(
                row.name,
                self._projects.specifiers(row.name),
                placed=tuple(self._catalog.files(row.name)),
                unknown=tuple(self._unknown.get(row.name, ())),
            )

    def _next(self, schedule: Schedule) -> Job | None:
        job = schedule.next()
        if isinstance(job, FetchFile):
            self._in_flight[job.wanted.file.filename] = 0
        return job

    def _take(self, outcome: Outcome[Job], schedule: Schedule) -> None:
        job = outcome.job
        if isinstance(job, ReadPage):
            self._pages_read += 1
            page = outcome.result or PageRead(failure=outcome.error)
            self._take_page(self._rows.pop(job.project), page, schedule)
        elif outcome.progress is not None:
            self._in_flight[job.wanted.file.filename] = outcome.progress
        else:
            self._in_flight.pop(job.wanted.file.filename, None)
            self._take_file(job, outcome.result or FileHere(failure=outcome.error))

    def _take_page(self, row: ProjectRow, page: PageRead, schedule: Schedule) -> None:
        if page.failure is not None:
            self._take_no_page(row, page)
            return
        self._summary.projects_read += 1
        self._summary.refused.update(page.refused)
        for problem in page.problems:
            self._summary.fail(row.name, None, problem)
        # Its name may be a private package's, and the index's of that name another's.
        private = page.private and row.name not in self._projects.named()
        if not private:
            self._note_nothing_wanted(row.name, page)
        make_plan = plan_private if private else plan_project
        plan = make_plan(row.name, page, self._catalog.files(row.name), self._repository)
        if plan.fetch:
            # Until all of it is here, no page is the one that was mirrored last, not even that one again.
            self._catalog.reread([row.name])
        self._store.begin(self._mirrored(row, page), plan, failed=bool(page.problems))
        for fetch in plan.fetch:
            schedule.add(fetch)
            self._files += 1
            self._bytes += fetch.size

    def _mirrored(self, row: ProjectRow, page: PageRead) -> ProjectRow:
        """What the catalog shall say of a project once it is mirrored from that page."""
        # A cache on the way may hold an older page than the root tells of: it is read again next time.
        stale = page.serial is not None and row.listed is not None and page.serial < row.listed
        rules = self._listing.rules_of(row.name)
        return row._replace(
            serial=None if stale else row.listed,
            etag=page.validator,
            rules=rules,
            private="\n".join(page.private) or None,
            due=page.due,
            status=None if page.status == "active" else page.status,
        )

    def _take_no_page(self, row: ProjectRow, page: PageRead) -> None:
        if not page.missing:
            self._summary.fail(row.name, None, f"its page cannot be read: {page.failure}")
        elif self._projects.needs_root:
            self._summary.fail(row.name, None, f"the index lists it, but has no page of it: {page.failure}")
        else:
            self._summary.fail(row.name, None, "the index has no project of that name")
            self._store.vanish(row.name)

    def _note_nothing_wanted(self, project: str, page: PageRead) -> None:
        if page.status == "quarantined":
            self._summary.note(f"{project}: left out, the index has quarantined it")
        elif not page.wanted and project in self._projects.named():
            rules = ", ".join(f"{count} by {rule}" for rule, count in page.refused.items())
            refused = f"the rules refuse all its files: {rules}" if rules else "its page lists no files"
            self._summary.note(f"{project}: nothing is mirrored, {refused}")

    def _note_private(self) -> None:
        for row in self._catalog.private_projects():
            own = (row.private or "").replace("\n", ", ")
            if row.name in self._projects.named():
                self._summary.note(f"{row.name}: mirrored beside files that are not minimirror's: {own}")
            else:
                self._summary.note(
                    f"{row.name}: private and not mirrored, since these files are not minimirror's: {own};"
                    " delete them if they are leftovers, or name it in `projects` to mirror it all the same"
                )

    def _take_file(self, job: FetchFile, here: FileHere) -> None:
        if here.disk_full:
            raise DiskFullError(
                f"repository {self._repository.path}: the disk, or a quota, is full. What was fetched is"
                " kept: make room, or want less, and run again"
            )
        if here.failure is None:
            self._bytes_here += here.size
            self._store.put(job, here)
        else:
            self._store.failed(job, here.failure)

    def _keep_up(self) -> None:
        now = time.monotonic()
        if self._store.waiting >= _STORE_AT or now - self._stored >= _STORE_EVERY:
            self._store.flush()
            self._stored = now
        if now - self._shown >= _STATUS_EVERY:
            self._show()
            self._shown = now

    def _remove_gone(self, share: float) -> None:
        """Remove what the config or, within bounds, the index does not list any more."""
        self._store.finish()
        for name in self._catalog.gone_projects():
            if self._projects.wants(name):
                self._store.vanish(name)
            else:
                self._store.remove_project(name)
        self._store.remove_vanished(share=share)
        self._catalog.commit()

    def _show(self) -> None:
        if self._progress is None:
            return
        summary = self._summary
        self._progress(
            Status(
                projects=self._pages,
                projects_read=self._pages_read + self._listing.unchanged,
                files=self._files,
                files_fetched=summary.files_fetched + summary.files_adopted + self._store.waiting,
                bytes=self._bytes,
                bytes_fetched=self._bytes_here + sum(self._in_flight.values()),
                failures=len(summary.failures),
                in_flight=dict(self._in_flight),
            )
        )

    def _end(self, number: int) -> None:
        """Keep what is done, and note what came of the run."""
        self._store.finish()
        self._note_private()
        summary = self._summary
        held = self._catalog.file_count() - self._store.stale
        summary.projects_wanted = self._catalog.project_count()
        summary.files_failed = sum(failure.filename is not None for failure in summary.failures)
        summary.files_present = held - summary.files_fetched - summary.files_adopted
        summary.files_wanted = held + summary.files_failed + self._store.left
        summary.seconds = time.monotonic() - self._begun
        complete = summary.complete and not self._errors
        self._repository.sweep(everything=complete)
        self._show()
        counts = {key: value for key, value in summary.as_dict().items() if key not in {"failures", "notes"}}
        errors = [*map(str, summary.failures), *self._errors]
        self._catalog.end_run(number, time.time(), {**counts, "complete": complete}, errors)
        self._catalog.commit()
