"""What a worker does with a job: read a page and select from it, fetch a file, adopt one.

A worker writes neither the catalog nor the flat folder.
"""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING, cast

from minimirror.common import is_disk_full, shorten
from minimirror.selection import Decision, UnmatchedWords, Word
from minimirror.simple_api import File, Page, PageError
from minimirror.storage import MirrorFolder, open_repository
from minimirror.sync.evaluate import evaluate
from minimirror.sync.held_files import HeldFiles, compare, find_lost, unlisted
from minimirror.sync.workers.jobs import (
    ALONE,
    Adopted,
    AdoptFile,
    AskSize,
    Failed,
    Fetched,
    FetchFile,
    FileJob,
    FileResult,
    Job,
    PageFailed,
    PageMissing,
    PageRead,
    PageResult,
    ReadPage,
    SelectedFile,
)
from minimirror.sync.workers.readers import Readers
from minimirror.sync.workers.settings import WorkerSettings
from minimirror.upstream import (
    AdvisoryError,
    AsyncRoom,
    Downloaded,
    FetchError,
    IndexReader,
    PartialFile,
    ProjectReply,
    Target,
    check,
    download,
)

if TYPE_CHECKING:
    # A mirror in a folder starts sooner without.
    from minimirror.storage import MirrorBucket, Upload

__all__ = ["Worker"]

_PROBLEMS = 20
"""How many problems of one page are reported separately."""

_MANY = 1000
"""Files of a long page."""

_FOREIGN = 10
"""How many files of other projects a message names."""

_FOREIGN_NOTE = "skipped what its page lists of other projects: {}. `exclude_files` silences this"

_SHOWN = 80
"""Characters of a hostile filename that are shown."""

_IN_MEMORY = 128 << 20
"""Bytes of small files on their way into a bucket, at the same time."""

_IN_PARTS = 4
"""Large files on their way into a bucket, at the same time."""

_OCCUPIED = "the folder already has a file with this name"


class Worker:
    """Handles jobs in a worker process."""

    def __init__(self, settings: WorkerSettings) -> None:
        """Prepare; connections are opened when they are needed first."""
        self._readers = Readers(settings)
        self._folder = open_repository(settings.repository, settings.state)
        self._room = AsyncRoom(_IN_MEMORY)
        self._slots = asyncio.Semaphore(_IN_PARTS)
        self._rules = settings.rules
        self._unmatched = UnmatchedWords(settings.rules)

    @property
    def capacity(self) -> int:
        """How many jobs can be in progress."""
        return self._readers.capacity

    async def do(self, job: Job, report: Callable[[int], None]) -> PageResult | FileResult | int | None:
        """Handle a job."""
        if isinstance(job, ReadPage):
            return await self._read(job)
        if isinstance(job, AskSize):
            selected = job.fetch.selected
            return await self._readers.of(selected.index_url).size(selected.file)
        if isinstance(job, AdoptFile):
            return await asyncio.to_thread(self._adopt, job)
        return await self._fetch(job, report)

    async def _read(self, job: ReadPage) -> PageResult:
        index = self._readers.of(job.index_url)
        if job.alone:
            return await self._select(job, index, ProjectReply(Page(), ALONE))
        try:
            return await index.project(job.project, partial(self._select, job, index))
        except FetchError as error:
            cause = f"its page cannot be read: {error.cause}"
            return PageMissing(cause) if error.not_found else PageFailed(cause, error.passes)
        except PageError as error:
            return PageFailed(f"its page cannot be read: {error}")

    async def _select(self, job: ReadPage, index: IndexReader, reply: ProjectReply) -> PageResult:
        page = job.complete(reply.page)
        known = await self._compare(job, page)
        page = replace(page, files=known.files)
        held = {*known.held, *(file.filename for file in job.files)}
        try:
            decisions, found = await evaluate(index, self._rules, job.project, page, job.request, held=held)
        except (FetchError, AdvisoryError) as error:
            passes = isinstance(error, FetchError) and error.passes
            return PageFailed(f"could not query known vulnerabilities: {error}", passes)
        foreign = [each.file.filename for each in decisions if each.foreign]
        if job.tracked and foreign and not any(each.distribution for each in decisions):
            # The files that are here have not gone: this is no page of their project.
            return PageFailed(f"its page lists only files of other projects: {_names(foreign)}")
        if foreign:
            found = replace(found, notes=(*found.notes, _FOREIGN_NOTE.format(_names(foreign))))
        local_files: Sequence[str] = ()
        if job.local_files:
            local_files = await asyncio.to_thread(unlisted, page, job.local_files, self._folder)
        return PageRead(
            selected=tuple(
                SelectedFile(each.file, each.version, None if each.file in job.files else index.url)
                for each in decisions
                if each.wanted
            ),
            evaluation=found,
            refused=Counter(each.rule for each in decisions if not each.wanted),
            lost=find_lost(job, page, decisions, self._rules),
            replaced=known.replaced,
            moved=known.moved,
            local_files=tuple(local_files),
            problems=_problems(page, decisions),
            validator=reply.validator,
            serial=page.serial,
            status=page.status,
            matched=tuple(await self._matched(decisions)),
            invalid_pythons=tuple(
                page.invalid_pythons[each.file.filename]
                for each in decisions
                if each.wanted and each.file.filename in page.invalid_pythons
            ),
        )

    async def _matched(self, decisions: Sequence[Decision]) -> list[Word]:
        # Other transfers must not wait for a long page.
        if len(decisions) < _MANY:
            return self._unmatched.take(decisions)
        return await asyncio.to_thread(self._unmatched.take, decisions)

    async def _compare(self, job: ReadPage, page: Page) -> HeldFiles:
        if not job.tracked:
            return HeldFiles(page.files, {}, {})
        return await asyncio.to_thread(compare, page, job.tracked, self._folder, job.index_url)

    async def _fetch(self, job: FileJob, report: Callable[[int], None]) -> FileResult:
        name = f"{job.filename}.part"
        try:
            if isinstance(self._folder, MirrorFolder):
                target = PartialFile(self._folder.partial / name)
                found = await self._download(job, target, report)
                return Fetched(name, found.size, found.sha256, target.inode)
            replace = isinstance(job, FetchFile) and job.replace
            bucket = cast("MirrorBucket", self._folder)
            upload = bucket.upload(job.filename, self._slots, replace=replace)
            async with self._room.taken(min(job.size or upload.memory, upload.memory)):
                return await self._transfer(job, upload, report)
        except FetchError as error:
            of_server = not error.passes and not error.not_found
            return Failed(error.cause, passes=error.passes, of_server=of_server)
        except OSError as error:
            return Failed(f"cannot be written: {error.strerror or error}", disk_full=is_disk_full(error))

    async def _transfer(self, job: FileJob, upload: Upload, report: Callable[[int], None]) -> Fetched:
        """Stream a file into the bucket."""
        upload.expect(job.selected.file.digests.get("sha256"))
        try:
            found = await self._download(job, upload, report)
        except BaseException:
            upload.discard()
            raise
        return Fetched(await upload.finish(found.sha256), found.size, found.sha256)

    async def _download(self, job: FileJob, target: Target, report: Callable[[int], None]) -> Downloaded:
        index = self._readers.of(job.selected.index_url)
        most = self._rules.max_file_size
        return await download(
            index.http, job.selected.file, target, retry=index.retry, report=report, most=most
        )

    def _adopt(self, job: FileJob) -> FileResult:
        file: File = job.selected.file
        if self._folder.size(file.filename) is None:
            return Failed("the folder has something with this name that is not a file; remove it")
        if not file.verifiable:
            # minimirror may delete an adopted file later, so this must not be a user's own.
            return Failed(
                f"{_OCCUPIED}, and the index gives no digest of a known algorithm to compare it with"
            )
        try:
            found = check(self._folder.file(file.filename), file)
        except OSError as error:
            return Failed(f"{_OCCUPIED} and cannot be read: {error.strerror or error}")
        if found is None:
            return Failed(f"{_OCCUPIED} and other content; delete it to fetch the index's")
        return Adopted(found.size, found.sha256)


def _problems(page: Page, decisions: Sequence[Decision]) -> tuple[str, ...]:
    """Return a sentence for each invalid entry; letters that look like others are shown as numbers."""
    suspects = [each for each in decisions if each.suspect and not each.foreign]
    shown = [*page.problems[:_PROBLEMS], *map(_suspect, suspects[:_PROBLEMS])][:_PROBLEMS]
    more = len(page.problems) + len(suspects) - len(shown)
    return (*shown, f"and {more:,} more like these") if more else tuple(shown)


def _names(filenames: Sequence[str]) -> str:
    return ", ".join(shorten(filenames, _FOREIGN))


def _suspect(decision: Decision) -> str:
    name = decision.file.filename
    return f"refused entry {name[:_SHOWN]!a}{'…' * (len(name) > _SHOWN)}: {decision.reason}"
