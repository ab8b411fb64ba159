"""The push: choose files, compare them with the index, upload those that are missing."""

from __future__ import annotations

import multiprocessing
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from functools import partial
from itertools import groupby
from multiprocessing.pool import ThreadPool
from operator import attrgetter
from typing import TypeVar

from minimirror.common import ProgressCallback, Status, counted, shorten
from minimirror.config import Config
from minimirror.publish.push.comparison import compare, list_digests
from minimirror.publish.push.destination import Destination
from minimirror.publish.push.files import choose_files
from minimirror.publish.push.model import PushError, PushFile, PushInterrupted, PushResult
from minimirror.publish.push.upload import Uploader

__all__ = ["push"]

J = TypeVar("J")
T = TypeVar("T")

_NAMED = 3
"""Files that a note names."""

_STATUS_EVERY = 0.1
"""Seconds between two calls of the progress callback."""

_MANY_PROJECTS = 20
"""With more projects, one page that lists all files of an index is faster than a page per project."""


def push(  # noqa: PLR0913 - the command's options
    config: Config,
    destination: Destination,
    *,
    projects: Sequence[str] = (),
    include_local: bool = False,
    dry_run: bool = False,
    progress: ProgressCallback = lambda _: None,
) -> PushResult:
    """Upload the files of the mirror that another index does not have.

    A run may change the mirror at the same time. The logger ``minimirror`` gets each file at INFO and each
    failure at WARNING.

    :param projects: names, globs and regular expressions of the projects to push; empty for all
    :param include_local: whether to push local files as well
    :param dry_run: only find out which files are missing
    :param progress: called about ten times a second
    :returns: the result; :attr:`PushResult.failures` lists the files that could not be pushed
    :raises PushError: the index denies access, or the request is invalid
    :raises MinimirrorError: the catalog or the folder cannot be read
    :raises PushInterrupted: on KeyboardInterrupt
    """
    result = PushResult(destination.url, destination.index.url, dry_run=dry_run)
    begun = time.monotonic()
    try:
        chosen = choose_files(config, projects, include_local=include_local)
        result.files = len(chosen.files)
        work = _Push(destination, result, config.connections, progress)
        missing = work.compare(chosen.files)
        if dry_run:
            result.missing = missing
        else:
            work.upload(missing)
        if chosen.yanked:
            result.notes.append(
                "uploads cannot mark a file as yanked; installers will use these yanked files like any other:"
                f" {', '.join(shorten(chosen.yanked, _NAMED))}"
            )
        if chosen.skipped_local:
            result.notes.append(
                "skipped local files (use --all to push them):"
                f" {', '.join(shorten(chosen.skipped_local, _NAMED))}"
            )
    except KeyboardInterrupt:
        result.interrupted = True
        raise PushInterrupted(result) from None
    finally:
        result.seconds = time.monotonic() - begun
        result.failures.sort(key=lambda failure: failure.filename or "")
        result.conflicts.sort()
        result.altered.sort()
    return result


def _by_project(files: Iterable[PushFile]) -> list[list[PushFile]]:
    of = attrgetter("project")
    return [list(group) for _, group in groupby(sorted(files, key=of), key=of)]


class _Push:
    def __init__(
        self,
        destination: Destination,
        result: PushResult,
        threads: int,
        progress: ProgressCallback,
    ) -> None:
        self._destination = destination
        self._result = result
        self._threads = threads
        self._progress = progress
        self._uploader = Uploader(destination)
        self._projects = self._compared = self._files = self._bytes = 0
        self._shown = time.monotonic()

    def compare(self, files: Sequence[PushFile]) -> list[PushFile]:
        """Return the files that the index does not have, the largest first."""
        index, result = self._destination.index, self._result
        projects = _by_project(files)
        self._projects = len(projects)
        if len(projects) > _MANY_PROJECTS:
            digests = list_digests(index)
            rest = [file for file in files if digests.get(file.filename) != file.sha256]
            result.present += len(files) - len(rest)
            projects = _by_project(rest)
            self._compared = self._projects - len(projects)
        missing: list[PushFile] = []
        same_size: list[str] = []
        for results in self._in_threads(partial(compare, index), projects):
            self._compared += 1
            missing += [each.file for each in results if each.kind == "missing"]
            same_size += [each.file.filename for each in results if each.kind == "same size"]
            for each in results:
                result.record(each)
        if same_size:
            result.notes.append(
                "compared by filename and size only, because the index lists no digest:"
                f" {', '.join(shorten(sorted(same_size), _NAMED))}"
            )
        # The largest first, so that none is left to upload alone at the end.
        return sorted(missing, key=lambda file: (-file.size, file.filename))

    def upload(self, files: Sequence[PushFile]) -> None:
        """Upload files, given the largest first."""
        self._files, self._bytes = len(files), sum(file.size for file in files)
        waiting = list(files)
        try:
            # A small file alone first: if the password is wrong, it is sent only once.
            while waiting and not self._uploader.tried:
                self._upload([waiting.pop()])
            self._upload(waiting)
        finally:
            # Nothing waits for the threads, so they must not start more uploads.
            self._uploader.stop()
        if self._uploader.refusal:
            raise PushError(self._access_denied(len(files)))

    def _upload(self, files: Sequence[PushFile]) -> None:
        for result in self._in_threads(self._uploader.upload, files):
            self._result.record(result)

    def _access_denied(self, count: int) -> str:
        user = f"user {self._destination.user}" if self._destination.user else "anonymous uploads"
        uploaded = self._result.uploaded
        after = f" after {uploaded:,} of {counted(count)}" if uploaded else ""
        return (
            f"{self._destination.url} rejects {user}{after}: {self._uploader.refusal}. Credentials come from"
            " TWINE_USERNAME and TWINE_PASSWORD, ~/.pypirc, a keyring or netrc, whichever has them first"
        )

    def _in_threads(self, function: Callable[[J], T], jobs: Sequence[J]) -> Iterator[T]:
        """Yield what a function returns for each job, as it comes, and report progress meanwhile."""
        # concurrent.futures would wait for its threads at Ctrl-C.
        with ThreadPool(max(1, min(self._threads, len(jobs)))) as pool:
            results = pool.imap_unordered(function, jobs)
            while True:
                try:
                    yield results.next(_STATUS_EVERY)
                except multiprocessing.TimeoutError:
                    pass
                except StopIteration:
                    return
                self._report()

    def _report(self) -> None:
        now = time.monotonic()
        if now - self._shown < _STATUS_EVERY:
            return
        self._shown = now
        in_flight = dict(self._uploader.in_flight)
        self._progress(
            Status(
                projects=self._projects,
                projects_read=self._compared,
                files=self._files,
                files_fetched=self._result.uploaded,
                bytes=self._bytes,
                bytes_fetched=self._result.bytes_uploaded + sum(in_flight.values()),
                failures=len(self._result.failures),
                in_flight=in_flight,
                done="uploaded",
            )
        )
