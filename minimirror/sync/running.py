"""The run: scope → changes → plans → results → applied."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from contextlib import contextmanager

from minimirror.common import ProgressCallback, Summary, defer_signals, format_size
from minimirror.config import Config
from minimirror.publish.static import open_static_index
from minimirror.storage import (
    Catalog,
    CatalogDamagedError,
    DiskFullError,
    NoRoomError,
    Repository,
    damage_set_aside,
    is_catalog_full,
    open_repository,
)
from minimirror.sync.apply import Apply
from minimirror.sync.changes import find_changes
from minimirror.sync.giving_up import GivenUp
from minimirror.sync.page_notes import UNMATCHED
from minimirror.sync.planner import Planner
from minimirror.sync.preview import check_config
from minimirror.sync.project_plan import ProjectPlan
from minimirror.sync.schedule import Schedule
from minimirror.sync.scope import found_scope
from minimirror.sync.session import Session
from minimirror.sync.workers.jobs import (
    Failed,
    FetchFile,
    FileJob,
    FileResult,
    Job,
    PageFailed,
    PageRead,
    ReadPage,
)
from minimirror.sync.workers.opening import open_pool
from minimirror.sync.workers.processes import Outcome
from minimirror.sync.workers.settings import WorkerSettings

__all__ = ["RunInterrupted", "run"]


class RunInterrupted(KeyboardInterrupt):
    """Ctrl-C, or another KeyboardInterrupt, ended the run; what was done is kept."""

    def __init__(self, summary: Summary) -> None:
        super().__init__("interrupted")
        self.summary = summary


def run(  # noqa: PLR0913 - each option is one of the command
    config: Config,
    *,
    progress: ProgressCallback | None = None,
    allow_delete: bool = False,
    allow_replace: bool = False,
    force: bool = False,
    take_over: bool = False,
) -> Summary:
    """Mirror what a config selects into its folder.

    ``run(config).complete`` is True if the mirror then has every file that the config selects. Each file is
    logged to ``minimirror`` at INFO, and each failure at WARNING.

    :param progress: called about ten times per second with the progress
    :param allow_delete: delete files that the index no longer offers even if they exceed ``max_delete``, and
        those that the config no longer selects even if they are more than half of the mirror
    :param allow_replace: replace files that the index now lists with other bytes under the same name
    :param force: run even if the files may not fit on the disk
    :param take_over: delete what the config of the last run selects and this one does not, even if that was
        another config (see :attr:`Config.source`)
    :returns: the result; :attr:`Summary.failures` lists what could not be mirrored
    :raises MinimirrorError: nothing could be mirrored: the folder cannot be used, another run has locked it,
        or it has another config's files; the catalog cannot be read or written, the index's list of projects
        cannot be read, or the files do not fit
    :raises RunInterrupted: on KeyboardInterrupt
    """
    folder = open_repository(config.repository, config.state)
    folder.prepare()
    summary = Summary()
    if config.state and not isinstance(config.repository, str):
        summary.note("`state` has no effect: a folder keeps its catalog in itself; only a bucket needs it")
    advice = "Run again to rebuild the catalog from the folder and the index"
    try:
        with folder.lock(), damage_set_aside(folder, advice), _open_catalog(folder, summary) as catalog:
            if not take_over:
                check_config(config, folder, catalog, progress)
            run = _Run(Session(config, folder, catalog, summary, progress))
            with run.recorded():
                run.mirror(
                    allow_delete=allow_delete, allow_replace=allow_replace, force=force, take_over=take_over
                )
    except KeyboardInterrupt:
        # Perhaps after everything was done: until the lock is released, it is a part of the run.
        summary.interrupted = True
        raise RunInterrupted(summary) from None
    return summary


class _Run:
    def __init__(self, session: Session) -> None:
        self._session = session
        self._config = session.config
        self._folder = session.folder
        self._catalog = session.catalog
        self._summary = session.summary
        self._progress = session.progress
        self._given_up = GivenUp()
        static_index = open_static_index(self._config, self._catalog, self._folder, self._summary)
        self._apply = Apply(session, static_index)

    def mirror(self, *, allow_delete: bool, allow_replace: bool, force: bool, take_over: bool) -> None:
        """Take the steps of a run, one after the other."""
        room = None if force else self._folder.free()
        # After the block, only the workers have connections to the indexes.
        with found_scope(self._session) as scope:
            changes = find_changes(self._session, scope, allow_older=allow_replace)
        self._apply.begin(scope, changes)
        planner = Planner(self._session, scope, allow_replace=allow_replace)
        self._fetch(planner, scope.settings, room)
        share = None if allow_delete else self._config.max_delete
        self._apply.delete_doubtful(planner.gone(), share, take_over=take_over)
        self._apply.publish(scope.local_filenames, self._progress.stage)
        planner.notes.finish()
        unmatched = self._summary.unmatched
        self._catalog.remember(UNMATCHED, None if unmatched is None else json.dumps(unmatched))
        self._catalog.runs.replace_missing(self._summary.failures)

    def _fetch(self, planner: Planner, settings: WorkerSettings, room: int | None) -> None:
        """Read the changed pages, plan each project, and fetch its files."""
        schedule = Schedule(planner.pages())
        needed = 0

        def next_job() -> Job | None:
            job = schedule.next()
            while isinstance(job, FetchFile) and (cause := self._given_up.why(job.server)):
                self._apply.take(job, Failed(cause))
                job = schedule.next()
            if isinstance(job, FileJob):
                self._progress.begin_file(job.filename, job.size)
            return job

        with open_pool(self._config, settings) as pool:
            for outcomes in pool.run(next_job):
                self._summary.workers_started = pool.started
                for outcome in outcomes:
                    page = outcome.result
                    if isinstance(page, PageRead) and schedule.postpones(outcome.job, len(page.selected)):
                        continue
                    plan = self._take(outcome, planner)
                    if plan is not None:
                        # A file to adopt is in the folder already.
                        needed += sum(job.size for job in plan.fetch if isinstance(job, FetchFile))
                        self._check_room(needed, room)
                        self._start(plan, schedule)
                self._apply.advance()
                self._progress.show()

    def _take(self, outcome: Outcome[Job], planner: Planner) -> ProjectPlan | None:
        """Handle what a worker sends; return the plan if it is a page."""
        job = outcome.job
        if isinstance(job, ReadPage):
            self._progress.pages_read()
            failed = PageFailed(f"its page cannot be read: {outcome.error}", passes=True)
            return planner.plan(job.project, outcome.result or failed)
        if not isinstance(job, FileJob):
            return None
        if outcome.progress is not None:
            self._progress.receiving(job.filename, outcome.progress)
            return None
        result = outcome.result or Failed(outcome.error or "", passes=True)
        self._note_server(job, result)
        self._progress.end_file(job.filename, None if isinstance(result, Failed) else result.size)
        self._apply.take(job, result)
        return None

    def _note_server(self, job: FileJob, result: FileResult) -> None:
        if isinstance(result, Failed) and result.of_server:
            self._given_up.failed(job.server, result.cause)
        elif not isinstance(result, Failed) or not result.passes:
            self._given_up.responded(job.server)

    def _start(self, plan: ProjectPlan, schedule: Schedule) -> None:
        self._apply.start(plan)
        for job in plan.fetch:
            self._progress.expect_files(1, job.size)
            schedule.add(job)

    def _check_room(self, needed: int, room: int | None) -> None:
        if room is not None and needed > room:
            raise NoRoomError(
                f"repository {self._folder}: the files need at least {format_size(needed)}, but"
                f" only {format_size(room)} are free. Free some space, select less (`minimirror plan` shows"
                " what is big), or run with --force"
            )

    @contextmanager
    def recorded(self) -> Iterator[None]:
        """Record how the run ends, even if it fails, and keep what was done."""
        begun = time.monotonic()
        number = self._catalog.runs.begin(time.time())
        error: str | None = None
        try:
            yield
        except KeyboardInterrupt:
            self._summary.interrupted = True
            raise
        except BaseException as found:
            error = str(found) or type(found).__name__
            if isinstance(found, DiskFullError) or is_catalog_full(found):
                self._apply.make_room()
            raise
        finally:
            with defer_signals(), self._apply:
                self._end(number, begun, error)

    def _end(self, number: int, begun: float, error: str | None) -> None:
        summary = self._summary
        self._apply.finish()
        self._apply.count()
        summary.seconds = time.monotonic() - begun
        if summary.interrupted:
            summary.files_unfinished, summary.bytes_unfinished = self._folder.unfinished()
        complete = summary.complete and error is None
        self._folder.delete_leftovers(everything=complete)
        self._progress.show(now=True)
        # The names would add up over the runs.
        counts = {
            key: len(value) if isinstance(value, list) else value for key, value in summary.as_dict().items()
        }
        if summary.files_fetched or summary.files_adopted or summary.files_removed:
            counts["held"] = self._catalog.files.held()
        self._catalog.runs.end(number, time.time(), {**counts, "complete": complete, "error": error})
        self._catalog.commit()


def _open_catalog(folder: Repository, summary: Summary) -> Catalog:
    try:
        return Catalog(folder.catalog)
    except CatalogDamagedError as error:
        aside = folder.set_catalog_aside()
        summary.note(
            f"{error}; the damaged file is kept as {aside.name}. The catalog is rebuilt from the folder and"
            " the index"
        )
        return Catalog(folder.catalog)
