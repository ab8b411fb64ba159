"""A push: what is to be there, what is there, and the rest uploaded."""

from __future__ import annotations

import logging
import multiprocessing
import time
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from multiprocessing.pool import ThreadPool
from typing import TypeVar

from minimirror.common import Status
from minimirror.config import Config
from minimirror.publish.push.comparison import Compared, compare, listed_at_once
from minimirror.publish.push.errors import PushError
from minimirror.publish.push.holdings import Holding, find_holdings
from minimirror.publish.push.results import Pushed
from minimirror.publish.push.target import Target
from minimirror.publish.push.upload import Outcome, Uploader

__all__ = ["PushInterrupted", "push"]

log = logging.getLogger("minimirror")

J = TypeVar("J")
T = TypeVar("T")

_STATUS_EVERY = 0.1
"""Seconds between two calls of the progress callback."""

_MANY = 20
"""Projects, for more than which one page of all files is worth it where the index has such a page."""

_CONFLICT = "another file of that name is there, with another digest; it is never replaced"


class PushInterrupted(KeyboardInterrupt):
    """Ctrl-C has ended a push; what was uploaded is there."""

    def __init__(self, pushed: Pushed) -> None:
        super().__init__("interrupted")
        self.pushed = pushed


def push(  # noqa: PLR0913 - what a push can be told
    config: Config,
    target: Target,
    *,
    projects: Sequence[str] = (),
    own_too: bool = False,
    dry_run: bool = False,
    progress: Callable[[Status], None] = lambda _: None,
) -> Pushed:
    """Upload what the mirror holds and the target has not.

    A run may go on meanwhile. What happens goes to the logger ``minimirror``: each file at INFO, each failure
    at WARNING.

    :param projects: names, globs and regular expressions of the projects to push; none for all
    :param own_too: push also what is in the folder and minimirror did not place
    :param dry_run: only tell what is missing there
    :param progress: called some ten times a second with how far it is
    :returns: what came of it; :attr:`Pushed.failures` names what is not there
    :raises PushError: the target takes nothing from whoever pushes, or what was asked for makes no sense
    :raises MinimirrorError: the catalog or the folder cannot be read
    :raises PushInterrupted: on KeyboardInterrupt
    """
    pushed = Pushed(target.url, target.index.url, dry_run=dry_run)
    begun = time.monotonic()
    try:
        holdings = find_holdings(config, projects, own_too=own_too)
        pushed.files = len(holdings.files)
        work = _Push(target, pushed, config.connections, progress)
        missing = work.compare(holdings.files)
        if dry_run:
            pushed.missing = missing
        else:
            work.upload(missing)
        _note(pushed, yanked=holdings.yanked, own=holdings.own)
    except KeyboardInterrupt:
        pushed.interrupted = True
        raise PushInterrupted(pushed) from None
    finally:
        pushed.seconds = time.monotonic() - begun
        pushed.failures.sort(key=lambda failure: failure.filename or "")
        pushed.conflicts.sort()
        pushed.altered.sort()
    return pushed


def _note(pushed: Pushed, *, yanked: list[str], own: list[str]) -> None:
    if yanked:
        pushed.notes.append(
            f"{_counted(yanked)} yanked by their authors, which the upload API cannot say: there, installers"
            " take them for any others"
        )
    if own:
        pushed.notes.append(f"{_counted(own)} not minimirror's, and not pushed; --all pushes them as well")


def _counted(names: list[str], shown: int = 3) -> str:
    more = f" and {len(names) - shown:,} more" if len(names) > shown else ""
    return f"{', '.join(names[:shown])}{more} {'is' if len(names) == 1 else 'are'}"


def _by_project(files: Iterable[Holding]) -> Mapping[str, list[Holding]]:
    projects: defaultdict[str, list[Holding]] = defaultdict(list)
    for file in files:
        projects[file.project].append(file)
    return projects


class _Push:
    def __init__(
        self, target: Target, pushed: Pushed, threads: int, progress: Callable[[Status], None]
    ) -> None:
        self._target = target
        self._pushed = pushed
        self._threads = threads
        self._progress = progress
        self._uploader = Uploader(target)
        self._projects = self._compared = self._files = self._bytes = 0
        self._shown = time.monotonic()

    def compare(self, files: Sequence[Holding]) -> list[Holding]:
        """Find out what is missing there: at once where that can be had, and by a page a project."""
        projects = _by_project(files)
        self._projects = len(projects)
        if len(projects) > _MANY:
            there = listed_at_once(self._target.index)
            left = [file for file in files if there.get(file.filename) != file.sha256]
            self._pushed.present += len(files) - len(left)
            projects = _by_project(left)
            self._compared = self._projects - len(projects)
        missing: list[Holding] = []
        unsure: list[str] = []
        jobs = list(projects.items())
        for found in self._in_threads(lambda job: compare(self._target.index, *job), jobs):
            self._compared += 1
            self._take_page(found)
            missing += found.missing
            unsure += found.unsure
        if unsure:
            self._pushed.notes.append(
                f"{_counted(sorted(unsure))} there under that name, and the index tells no digest to compare"
            )
        # The big ones first, so that none is left over at the end.
        return sorted(missing, key=lambda file: (-file.size, file.filename))

    def _take_page(self, found: Compared) -> None:
        self._pushed.present += len(found.present)
        for file in found.conflicts:
            self._conflict(file)
        for file, cause in found.failures:
            self._pushed.fail(file, cause)

    def upload(self, files: Sequence[Holding]) -> None:
        """Upload these files."""
        self._files, self._bytes = len(files), sum(file.size for file in files)
        left = list(files)
        try:
            # A small one alone shows whether the server takes any: a wrong password is sent but once.
            while left and not self._uploader.tried:
                self._upload([left.pop()])
            self._upload(left)
        finally:
            # Threads that are not waited for must not begin with more.
            self._uploader.stop()
        if self._uploader.refusal:
            raise PushError(self._refused(len(files)))

    def _upload(self, files: Sequence[Holding]) -> None:
        for outcome in self._in_threads(self._uploader.upload, files):
            self._take_file(outcome)

    def _take_file(self, outcome: Outcome) -> None:
        file, pushed = outcome.file, self._pushed
        if outcome.kind == "uploaded":
            pushed.uploaded += 1
            pushed.bytes_uploaded += file.size
            log.info("uploaded %s (%d bytes)", file.filename, file.size)
        elif outcome.kind == "present":
            pushed.present += 1
        elif outcome.kind == "conflict":
            self._conflict(file)
        elif outcome.kind != "untried":
            pushed.altered += [file.filename] * (outcome.kind == "altered")
            pushed.fail(file, outcome.cause)

    def _conflict(self, file: Holding) -> None:
        self._pushed.conflicts.append(file.filename)
        self._pushed.fail(file, _CONFLICT)

    def _refused(self, count: int) -> str:
        user = f"user {self._target.user}" if self._target.user else "uploads without a user"
        done = f" after {self._pushed.uploaded:,} of {count:,} files" if self._pushed.uploaded else ""
        return (
            f"{self._target.url} refuses {user}{done}: {self._uploader.refusal}. Credentials are taken from"
            " TWINE_USERNAME and TWINE_PASSWORD, ~/.pypirc, a keyring and netrc, in this order"
        )

    def _in_threads(self, function: Callable[[J], T], jobs: Sequence[J]) -> Iterator[T]:
        """What a function answers for each job, as it comes, with progress shown meanwhile."""
        # Not concurrent.futures: at Ctrl-C nothing waits for these threads, whatever they wait for.
        with ThreadPool(max(1, min(self._threads, len(jobs)))) as pool:
            answers = pool.imap_unordered(function, jobs)
            while True:
                try:
                    yield answers.next(_STATUS_EVERY)
                except multiprocessing.TimeoutError:
                    pass
                except StopIteration:
                    return
                self._show()

    def _show(self) -> None:
        now = time.monotonic()
        if now - self._shown < _STATUS_EVERY:
            return
        self._shown = now
        pushed = self._pushed
        in_flight = dict(self._uploader.in_flight)
        self._progress(
            Status(
                projects=self._projects,
                projects_read=self._compared,
                files=self._files,
                files_fetched=pushed.uploaded,
                bytes=self._bytes,
                bytes_fetched=pushed.bytes_uploaded + sum(in_flight.values()),
                failures=len(pushed.failures),
                in_flight=in_flight,
                done="uploaded",
            )
        )
