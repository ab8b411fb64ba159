"""What a worker does with a job: read a page and select from it, fetch a file, adopt one.

A worker writes neither the catalog nor the flat folder.
"""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from minimirror.common import hash_file, is_disk_full, shorten
from minimirror.selection import Decision, Rules, UnmatchedWords, Word
from minimirror.simple_api import File, Page, PageError
from minimirror.storage import MirrorFolder, attend
from minimirror.sync.evaluate import evaluate
from minimirror.sync.held_files import HeldFiles, compare, find_lost
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
from minimirror.sync.workers.processes import LOOKAHEAD, Pool
from minimirror.sync.workers.starting import Starter
from minimirror.upstream import (
    AdvisoryError,
    AsyncRoom,
    FetchError,
    IndexAddress,
    IndexReader,
    Pace,
    ProjectReply,
    Retry,
    Transfers,
    check,
    download,
    matches,
    reader_of,
)

if TYPE_CHECKING:
    # A worker does not need it, and pydantic takes a tenth of a second to import.
    from minimirror.config import Config

__all__ = ["Readers", "WorkerSettings", "open_pool"]

_PROBLEMS = 20
"""How many problems of one page are reported separately."""

_MANY = 1000
"""Files of a long page."""

_FOREIGN = 10
"""How many files of other projects a message names."""

_FOREIGN_NOTE = "skipped what its page lists of other projects: {}. `exclude_files` silences this"

_SHOWN = 80
"""Characters of a hostile filename that are shown."""

_OCCUPIED = "the folder already has a file with this name"

_HEAVY = 1 << 20
"""Bytes: a larger file may take long."""

_GRACE = 60.0
"""Seconds that a job may take longer than `file_timeout`, for what it does besides transfers."""

_UNKNOWN = 6
"""How many files of unknown size may wait in a worker: most of them are small, but not all."""


def _lookahead(job: Job) -> int:
    """Return how many jobs may wait in a worker, this one included."""
    if not isinstance(job, FetchFile) or 0 < job.size < _HEAVY:
        return LOOKAHEAD
    return 0 if job.size else _UNKNOWN


@dataclass(frozen=True)
class WorkerSettings:
    """What a worker needs to know. Calling it in the worker returns what handles its jobs."""

    indexes: tuple[IndexAddress, ...]
    """The main one first."""

    repository: Path
    rules: Rules
    pace: Pace
    retry: Retry
    connections: int
    """Connections to a host, and transfers under way with HTTP/1.1."""

    streams: int
    """Transfers under way with HTTP/2."""

    attends: bool = True
    """Whether it writes to the partial folder, so that another run has to wait until it has ended."""

    @classmethod
    def of(cls, config: Config) -> WorkerSettings:
        """Return the settings for a config."""
        alone = not config.indexes
        named = (IndexAddress(each.request_url, each.name, each.kind, alone) for each in config.indexes)
        return cls(
            (IndexAddress(config.index_url, alone=alone), *named),
            config.repository,
            Rules.of(config),
            Pace(config.connect_timeout, config.read_timeout, config.min_rate),
            Retry(attempts=1 + config.retries, total=config.file_timeout),
            config.connections,
            config.streams,
        )

    def __call__(self) -> _Worker:
        """Begin to work."""
        if self.attends:
            attend(MirrorFolder(self.repository).state)
        return _Worker(self)


def open_pool(config: Config, settings: WorkerSettings) -> Pool[Job]:
    """Return a pool of workers, which start when there are jobs for them."""
    return Pool[Job](
        Starter(settings, preload=[__name__, "minimirror.upstream.transfers", "asyncio"]),
        processes=config.processes,
        capacity=config.connections,
        lookahead=_lookahead,
        limit=config.file_timeout + _GRACE,
    )


class Readers:
    """Readers of the indexes for many requests at a time, in the running asyncio loop.

    Each index has connections, credentials and address rules of its own.
    """

    def __init__(self, settings: WorkerSettings) -> None:
        """Prepare; an index is opened when it is needed first."""
        self._settings = settings
        self._main = settings.indexes[0].plain_url
        self._found: dict[str, tuple[IndexReader, Transfers]] = {}
        self._room = AsyncRoom()

    def of(self, url: str | None) -> IndexReader:
        """Return the reader of an index, by its URL without credentials; None for the main one."""
        url = url or self._main
        if url not in self._found:
            self._open(url)
        return self._found[url][0]

    def _open(self, url: str) -> None:
        settings = self._settings
        address = next((each for each in settings.indexes if each.plain_url == url), settings.indexes[0])
        transfers = Transfers(
            address.url,
            settings.pace,
            connections=settings.connections,
            streams=settings.streams,
            room=self._room,
            patience=settings.retry.patience,
        )
        self._found[url] = reader_of(address, transfers, settings.retry), transfers

    @property
    def capacity(self) -> int:
        """How many requests can be under way."""
        found = (transfers.capacity for _, transfers in self._found.values())
        return max(found, default=self._settings.connections)

    def close(self) -> None:
        """Give up all requests and close all connections."""
        for _, transfers in self._found.values():
            transfers.close()


class _Worker:
    def __init__(self, settings: WorkerSettings) -> None:
        self._readers = Readers(settings)
        self._folder = MirrorFolder(settings.repository)
        self._rules = settings.rules
        self._unmatched = UnmatchedWords(settings.rules)

    @property
    def capacity(self) -> int:
        """How many jobs can be under way."""
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
            return (PageMissing if error.not_found else PageFailed)(f"its page cannot be read: {error.cause}")
        except PageError as error:
            return PageFailed(f"its page cannot be read: {error}")

    async def _select(self, job: ReadPage, index: IndexReader, reply: ProjectReply) -> PageResult:
        page = job.complete(reply.page)
        known = await self._compare(job, page)
        page = replace(page, files=known.files)
        held = {*known.held, *(file.filename for file in job.files)}
        try:
            found = await evaluate(index, self._rules, job.project, page, job.request, held=held)
        except (FetchError, AdvisoryError) as error:
            return PageFailed(f"could not query known vulnerabilities: {error}")
        foreign = [each.file.filename for each in found.decisions if each.foreign]
        if job.tracked and foreign and not any(each.distribution for each in found.decisions):
            # The files that are here have not gone: this is no page of their project.
            return PageFailed(f"its page lists only files of other projects: {_names(foreign)}")
        local_files = job.local_files and await asyncio.to_thread(self._unlisted, job, page)
        return PageRead(
            selected=tuple(
                SelectedFile(each.file, each.version, None if each.file in job.files else index.url)
                for each in found.decisions
                if each.wanted
            ),
            refused=Counter(each.rule for each in found.decisions if not each.wanted),
            lost=find_lost(job, page, found.decisions, self._rules),
            replaced=known.replaced,
            moved=known.moved,
            local_files=local_files,
            problems=_problems(page, found.decisions),
            validator=reply.validator,
            serial=page.serial,
            due=found.due,
            status=page.status,
            untimed=found.untimed,
            unadvised=found.unadvised,
            unmet=tuple(found.unmet),
            notes=(*found.notes, *[_FOREIGN_NOTE.format(_names(foreign))] * bool(foreign)),
            matched=tuple(await self._matched(found.decisions)),
            invalid_pythons=tuple(
                page.invalid_pythons[each.file.filename]
                for each in found.decisions
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
        return await asyncio.to_thread(compare, page, job.tracked, self._mismatch, job.index_url)

    def _mismatch(self, file: File) -> str | None:
        try:
            return hash_file(self._folder.path / file.filename, file.digests).mismatch()
        except OSError:
            # It is missing or damaged, and will be fetched again.
            return None

    def _unlisted(self, job: ReadPage, page: Page) -> tuple[str, ...]:
        listed = {file.filename: file for file in page.files}
        path = self._folder.path
        return tuple(each for each in job.local_files if not matches(path / each, listed.get(each)))

    async def _fetch(self, job: FileJob, report: Callable[[int], None]) -> FileResult:
        file, index = job.selected.file, self._readers.of(job.selected.index_url)
        name = f"{file.filename}.part"
        try:
            found = await download(
                index.http,
                file,
                self._folder.partial / name,
                retry=index.retry,
                report=report,
                most=self._rules.max_file_size,
            )
        except FetchError as error:
            return Failed(error.cause)
        except OSError as error:
            return Failed(f"cannot be written: {error.strerror or error}", disk_full=is_disk_full(error))
        return Fetched(name, found.size, found.sha256)

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
            found = check(self._folder.path / file.filename, file)
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
    return (*shown, f"and {more:,} more entries like these") if more else tuple(shown)


def _names(filenames: Sequence[str]) -> str:
    return ", ".join(shorten(filenames, _FOREIGN))


def _suspect(decision: Decision) -> str:
    name = decision.file.filename
    return f"refused entry {name[:_SHOWN]!a}{'…' * (len(name) > _SHOWN)}: {decision.reason}"
