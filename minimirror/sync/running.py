"""The run: what is wanted, what the index has of it, what is here, and what makes the two the same."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from minimirror.common import Status, Summary, defer_signals, format_size
from minimirror.config import Config
from minimirror.publish.static import publisher_of
from minimirror.storage import Catalog, CatalogDamagedError, DiskFullError, MirrorFolder, NoRoomError
from minimirror.sync.apply import Store
from minimirror.sync.schedule import Schedule
from minimirror.sync.survey import Survey
from minimirror.sync.worker import FetchFile, FileHere, Job, PageRead, ReadPage, lookahead
from minimirror.sync.workers import Outcome, Pool

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


def run(
    config: Config, *, progress: Progress | None = None, allow_delete: bool = False, force: bool = False
) -> Summary:
    """Mirror what a config selects into its repository.

    What happens on the way goes to the logger ``minimirror``: each file at INFO, each failure at WARNING.
    Workers are processes that import the main module, so a script that calls this needs the usual
    ``if __name__ == "__main__":``.

    :param progress: called some ten times a second with how far the run is
    :param allow_delete: remove what the index does not list any more, however much that is
    :param force: go on though what is wanted does not seem to fit the disk
    :returns: what came of it; :attr:`Summary.failures` names what is missing
    :raises MinimirrorError: the run could not be done at all: the folder cannot be used or is held by another
        run, the catalog cannot be read or written, the index's list of projects cannot be had, or what
        is wanted does not fit the disk
    :raises RunInterrupted: on KeyboardInterrupt
    """
    repository = MirrorFolder(config.repository)
    repository.prepare()
    summary = Summary()
    with repository.lock(), _damage_set_aside(repository), _open_catalog(repository, summary) as catalog:
        run = _Run(config, repository, catalog, summary, progress)
        return run.run(allow_delete=allow_delete, force=force)


@contextmanager
def _damage_set_aside(repository: MirrorFolder) -> Iterator[None]:
    """Where the catalog turns out to be damaged in mid-run, have the next run begin with a new one."""
    try:
        yield
    except CatalogDamagedError as error:
        aside = repository.set_catalog_aside()
        raise CatalogDamagedError(
            f"{error}; it is kept as {aside.name}. Run again: it is made anew from the folder and the index"
        ) from None


def _open_catalog(repository: MirrorFolder, summary: Summary) -> Catalog:
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
        repository: MirrorFolder,
        catalog: Catalog,
        summary: Summary,
        progress: Progress | None,
    ) -> None:
        self._config = config
        self._repository = repository
        self._catalog = catalog
        self._progress = progress
        self._room = math.inf
        self._summary = summary
        self._survey = Survey(config, repository, catalog, summary)
        self._publisher = publisher_of(config, catalog, repository, summary)
        self._store = Store(catalog, repository, summary, self._publisher)
        self._in_flight: dict[str, int] = {}
        self._errors: list[str] = []
        self._begun = self._stored = self._shown = time.monotonic()
        self._pages_read = self._files = self._bytes = self._bytes_here = self._needed = 0

    def run(self, *, allow_delete: bool, force: bool) -> Summary:
        if not force:
            self._room = self._repository.free()
        number = self._catalog.begin_run(time.time())
        try:
            self._ask()
            self._mirror()
            self._remove_gone(1.0 if allow_delete else self._config.max_delete)
            self._publish()
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
            with defer_signals(), self._store:
                self._end(number)
        return self._summary

    def _ask(self) -> None:
        """Find out which pages have changed, as far as that can be had without reading them."""
        with self._survey:
            for filename in self._survey.refresh():
                self._store.damaged(filename)
            for _ in self._survey.ask():
                self._keep_up()

    def _mirror(self) -> None:
        """Read the changed pages and fetch what they have that is wanted and not here."""
        schedule = Schedule(self._survey.changed_pages())
        with Pool[Job](
            self._survey.settings,
            processes=self._config.processes,
            connections=self._config.connections,
            lookahead=lookahead,
            preload=["minimirror.sync.worker"],
        ) as pool:
            for outcome in pool.run(lambda: self._next(schedule)):
                self._summary.workers_started = pool.started
                if outcome is not None:
                    self._take(outcome, schedule)
                self._keep_up()

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
            self._take_page(job, page, schedule)
        elif outcome.progress is not None:
            self._in_flight[job.wanted.file.filename] = outcome.progress
        else:
            self._in_flight.pop(job.wanted.file.filename, None)
            self._take_file(job, outcome.result or FileHere(failure=outcome.error))

    def _take_page(self, job: ReadPage, page: PageRead, schedule: Schedule) -> None:
        found = self._survey.take(job.project, page)
        if found is None:
            return
        if found.plan.fetch:
            # Until all of it is here, no page is the one that was mirrored last, not even that one again.
            self._catalog.reread([job.project])
        self._store.begin(found.row, found.plan, failed=found.failed)
        for fetch in found.plan.fetch:
            schedule.add(fetch)
            self._files += 1
            self._bytes += fetch.size
            # What is there already, another tool's, is looked at and takes no more room.
            self._needed += 0 if fetch.occupied else fetch.size
        if self._needed > self._room:
            raise NoRoomError(
                f"repository {self._repository.path}: the files need at least {format_size(self._needed)},"
                f" and {format_size(self._room)} are free: make room, select less (`minimirror plan` tells"
                " what is big), or run with --force"
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
        vanished, unwanted = self._survey.gone()
        for name in vanished:
            self._store.vanish(name)
        for name in unwanted:
            self._store.remove_project(name)
        self._store.remove_vanished(share=share)
        self._catalog.commit()

    def _publish(self) -> None:
        """Bring the static index, if there is one, to what the folder now holds."""
        if self._publisher:
            self._store.finish()
            self._publisher.take_own_files(self._survey.unknown_files)
            self._publisher.publish()

    def _show(self) -> None:
        if self._progress is None:
            return
        summary = self._summary
        self._progress(
            Status(
                projects=self._survey.pages,
                projects_read=self._pages_read + self._survey.pages_unchanged,
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
        self._survey.note_rest()
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
