"""What a worker does with a job: read a project's page and select from it, or fetch one file.

Jobs and results are values that go through a pipe. A worker writes neither the catalog nor the flat folder.
"""

from __future__ import annotations

import errno
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from minimirror.selection import Decision, ProjectRequest, Rules
from minimirror.simple_api import File, Page, PageError
from minimirror.storage import MirrorFolder, attend
from minimirror.sync.evaluate import choose
from minimirror.sync.workers import LOOKAHEAD
from minimirror.upstream import AdvisoryError, FetchError, Index, Pace, Retry, check, download, matches

if TYPE_CHECKING:
    # A worker needs none of it, and pydantic takes a tenth of a second to import.
    from minimirror.config import Config

__all__ = [
    "AskSize",
    "FetchFile",
    "FileHere",
    "Job",
    "PageRead",
    "ReadPage",
    "Wanted",
    "WorkerSettings",
    "lookahead",
]


@dataclass(frozen=True)
class WorkerSettings:
    """What a worker needs to know. Called in the worker process, it answers the function that does jobs."""

    index_url: str
    """May hold credentials, so it is never shown."""

    repository: Path
    rules: Rules
    pace: Pace
    retry: Retry
    attends: bool = True
    """Whether it writes to the repository, so that another run has to wait for its end."""

    @classmethod
    def of(cls, config: Config) -> WorkerSettings:
        """What the workers of a run with a config need to know."""
        return cls(
            config.index_url,
            config.repository,
            Rules.of(config),
            Pace(config.connect_timeout, config.read_timeout, config.min_rate),
            Retry(attempts=1 + config.retries, total=config.file_timeout),
        )

    def index(self) -> Index:
        """A client of the index."""
        return Index(self.index_url, pace=self.pace, retry=self.retry)

    def __call__(self) -> Callable[[Job | AskSize, Callable[[int], None]], PageRead | FileHere | int | None]:
        """Begin to work."""
        if self.attends:
            attend(MirrorFolder(self.repository).state)
        return _Work(self).do


@dataclass(frozen=True)
class ReadPage:
    """Read a project's page and select from it."""

    project: str
    wants: ProjectRequest
    placed: tuple[str, ...] = ()
    """Files of it that minimirror placed earlier."""

    unknown: tuple[str, ...] = ()
    """Files in the folder that seem to be of it, and that minimirror did not place."""


@dataclass(frozen=True)
class Wanted:
    """A file that the rules want."""

    file: File
    version: str


@dataclass(frozen=True)
class PageRead:
    """What a project's page says."""

    wanted: tuple[Wanted, ...] = ()
    refused: Mapping[str, int] = field(default_factory=dict)
    """How many files each rule refused, by the rule's config key."""

    vanished: tuple[str, ...] = ()
    """Files placed earlier that the page does not list any more."""

    private: tuple[str, ...] = ()
    """Files of the project that are somebody's own: the page does not list them, or lists others."""

    problems: tuple[str, ...] = ()
    """What no sound page lists, in words: unreadable entries, unsafe names, other projects' files."""

    validator: str | None = None
    """What :meth:`Index.changed` takes at the next run."""

    serial: int | None = None
    due: float | None = None
    """When, in seconds since the epoch, the rules may want more of the same page."""

    status: str = "active"
    untimed: int = 0
    """Files that are refused since the index does not tell when they were uploaded."""

    unmet: tuple[str, ...] = ()
    """Releases that are needed, and of which there is no file, in words."""

    notes: tuple[str, ...] = ()
    """What is no failure, in words."""

    missing: bool = False
    """The index has no such project."""

    failure: str | None = None
    """Why the page could not be read."""

    undecided: str | None = None
    """Why nothing could be selected from it."""


@dataclass(frozen=True)
class FetchFile:
    """Bring one file to the repository's partial folder."""

    project: str
    wanted: Wanted
    occupied: bool = False
    """Something unknown of that name is in the folder, which will do if it is what the index lists."""

    replace: bool = False
    """Whether minimirror placed a file of that name, so that it may be replaced."""

    @property
    def size(self) -> int:
        """Bytes, as far as the index tells."""
        return self.wanted.file.size or 0


@dataclass(frozen=True)
class FileHere:
    """What became of one file."""

    partial: str = ""
    """The verified file's name in the partial folder."""

    size: int = 0
    sha256: str = ""
    adopted: bool = False
    """It was in the folder already."""

    failure: str | None = None
    """Why it is not here."""

    disk_full: bool = False
    """It is not here because the disk, or a quota, is full."""


@dataclass(frozen=True)
class AskSize:
    """Learn the size of a file of which the index does not tell it."""

    fetch: FetchFile


Job = ReadPage | FetchFile
"""What a run has workers do."""

_HEAVY = 1 << 20
"""Bytes: fetching a file of that size may take long."""

_UNKNOWN = 6
"""Files of unknown size that may wait in a worker: most are small, and some are not."""


def lookahead(job: Job | AskSize) -> int:
    """How many jobs may wait in a worker, this one included."""
    if not isinstance(job, FetchFile) or 0 < job.size < _HEAVY:
        return LOOKAHEAD
    return 0 if job.size else _UNKNOWN


_OCCUPIED = "another file of that name is in the folder"


_PROBLEMS = 20
"""Problems of one page that are told one by one."""

_SHOWN = 80
"""Characters of a hostile filename that are told."""


def _problems(page: Page, decisions: Sequence[Decision]) -> tuple[str, ...]:
    """What a user should know of a page's entries. A look-alike of a letter is told by its number."""
    suspects = [each for each in decisions if each.suspect]
    told = [*page.problems[:_PROBLEMS], *(_told(each) for each in suspects[:_PROBLEMS])][:_PROBLEMS]
    more = len(page.problems) + len(suspects) - len(told)
    return (*told, f"and {more:,} more entries like these") if more else tuple(told)


def _told(decision: Decision) -> str:
    name = decision.file.filename
    return f"an entry that is refused, {name[:_SHOWN]!a}{'…' * (len(name) > _SHOWN)}: {decision.reason}"


class _Work:
    def __init__(self, settings: WorkerSettings) -> None:
        self._index = settings.index()
        self._repository = MirrorFolder(settings.repository)
        self._rules = settings.rules

    def do(self, job: Job | AskSize, report: Callable[[int], None]) -> PageRead | FileHere | int | None:
        """Do one job; of the size of a file, None where the server does not tell it."""
        if isinstance(job, ReadPage):
            return self._read(job)
        if isinstance(job, AskSize):
            return self._index.size(job.fetch.wanted.file)
        return self._fetch(job, report)

    def _read(self, job: ReadPage) -> PageRead:
        try:
            reply = self._index.project(job.project)
        except FetchError as error:
            return PageRead(failure=error.cause, missing=error.status in {404, 410})
        except PageError as error:
            return PageRead(failure=str(error))
        page = reply.page
        listed = {file.filename: file for file in page.files}
        vanished = tuple(each for each in job.placed if each not in listed)
        if not self._rules.allow_status(page.status):
            # Nothing of it shall stay, whatever the page lists: it may be quarantined (PEP 792).
            vanished = ()
        try:
            choice = choose(self._index, self._rules, job.project, page, job.wants)
        except (FetchError, AdvisoryError) as error:
            return PageRead(undecided=f"what is vulnerable of it cannot be told: {error}")
        decisions = choice.decisions
        return PageRead(
            wanted=tuple(Wanted(each.file, each.version) for each in decisions if each.wanted),
            refused=Counter(each.rule for each in decisions if not each.wanted),
            vanished=vanished,
            private=tuple(
                each for each in job.unknown if not matches(self._repository.path / each, listed.get(each))
            ),
            problems=_problems(page, decisions),
            validator=reply.validator,
            serial=page.serial,
            due=choice.due,
            status=page.status,
            untimed=choice.untimed,
            unmet=tuple(choice.unmet),
            notes=tuple(choice.notes),
        )

    def _fetch(self, job: FetchFile, report: Callable[[int], None]) -> FileHere:
        file = job.wanted.file
        if job.occupied:
            return self._adopt(file)
        try:
            name = f"{file.filename}.part"
            partial = self._repository.partial / name
            here = download(self._index.client, file, partial, retry=self._index.retry, report=report)
        except FetchError as error:
            return FileHere(failure=error.cause)
        except OSError as error:
            full = error.errno in {errno.ENOSPC, errno.EDQUOT}
            return FileHere(failure=f"cannot be written: {error.strerror or error}", disk_full=full)
        return FileHere(name, here.size, here.sha256)

    def _adopt(self, file: File) -> FileHere:
        if self._repository.size(file.filename) is None:
            return FileHere(failure="something of that name is in the folder that is no file; remove it")
        if not file.digests:
            # What is adopted may be removed one day, so it must not be somebody's own.
            return FileHere(failure=f"{_OCCUPIED}, and the index gives no digest to compare it with")
        try:
            found = check(self._repository.path / file.filename, file)
        except OSError as error:
            return FileHere(failure=f"{_OCCUPIED} that cannot be read: {error.strerror or error}")
        if found is None:
            return FileHere(failure=f"{_OCCUPIED}; delete it, and the next run fetches the index's")
        return FileHere(size=found.size, sha256=found.sha256, adopted=True)
