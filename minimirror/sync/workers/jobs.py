"""Jobs and results: the values that the run and its workers exchange."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import NamedTuple, TypeAlias
from urllib.parse import urlsplit

from minimirror.selection import Newest, ProjectRequest, Word
from minimirror.simple_api import ACTIVE, File, Page
from minimirror.storage import FileRow

__all__ = [
    "ALONE",
    "AdoptFile",
    "Adopted",
    "AskSize",
    "Evaluation",
    "Failed",
    "FetchFile",
    "Fetched",
    "FileJob",
    "FileResult",
    "Job",
    "PageFailed",
    "PageMissing",
    "PageRead",
    "PageResult",
    "ReadPage",
    "SelectedFile",
]


ALONE = "sha256:alone"
"""The validator in the place of a page's, if the index was not asked for a page. It equals no page's."""


class SelectedFile(NamedTuple):
    """A file that the rules select."""

    file: File
    version: str
    index_url: str | None = None
    """The URL, without credentials, of the index that lists it; None for the main one."""


@dataclass(frozen=True)
class ReadPage:
    """Read a project's page and select from it. The result is a :data:`PageResult`."""

    project: str
    request: ProjectRequest
    tracked: tuple[FileRow, ...] = ()
    """The project's files that minimirror placed earlier."""

    status: str | None = None
    """The project's status when they were placed."""

    rules_changed: bool = False
    """Whether other rules applied then."""

    local_files: tuple[str, ...] = ()
    """Local files in the folder that may belong to the project."""

    files: tuple[File, ...] = ()
    """Files that requirements take from URLs. They count as if the page listed them."""

    alone: bool = False
    """Whether no other files are wanted, so that the index is not asked."""

    was_alone: bool = False
    """The same of the last run."""

    index_url: str | None = None
    """The URL, without credentials, of the project's index; None for the main one."""

    def complete(self, page: Page) -> Page:
        """Return the page with these files."""
        names = {file.filename for file in self.files}
        others = (file for file in page.files if file.filename not in names)
        return replace(page, files=[*self.files, *others]) if self.files else page


@dataclass(frozen=True)
class Evaluation:
    """What the rules say of a page, besides the decision on each file."""

    due: float | None = None
    """When the decisions may change although the page does not, in seconds since the epoch."""

    untimed: int = 0
    """Files that are refused because the index does not report their upload time."""

    unadvised: bool = False
    """Whether the rules ask for vulnerable releases, and the index does not report which these are."""

    newest: Newest | None = None
    """The newest release on the page; None if there is none."""

    vulnerable: Mapping[str, str] | None = None
    """Known vulnerabilities of the releases that are wanted or here, by version; None if the index was not
    asked, or does not report them.
    """

    unmet: tuple[str, ...] = ()
    """One sentence for each needed release without a file."""

    notes: tuple[str, ...] = ()


@dataclass(frozen=True)
class PageRead:
    """The result of reading a project's page."""

    selected: tuple[SelectedFile, ...] = ()
    evaluation: Evaluation = Evaluation()
    refused: Mapping[str, int] = field(default_factory=dict)
    """How many files each rule refused, by the rule's config key."""

    lost: Mapping[str, str] = field(default_factory=dict)
    """Files placed earlier that are refused because of what the index says now: the rule, or ``unlisted``."""

    replaced: Mapping[str, str] = field(default_factory=dict)
    """Files placed earlier that the page lists with other bytes: a sentence that tells both."""

    moved: tuple[str, ...] = ()
    """Files placed earlier, from another index, that are not known to be those of the page."""

    local_files: tuple[str, ...] = ()
    """Local files of the project that the page does not list, or lists with other bytes."""

    problems: tuple[str, ...] = ()
    """Entries that no valid page has: unreadable ones, unsafe names."""

    validator: str | None = None
    """The page's validator, which the next run passes to :meth:`Index.changed`."""

    serial: int | None = None
    status: str = ACTIVE
    invalid_pythons: tuple[str, ...] = ()
    """Requires-Pythons of selected files that were ignored."""

    matched: tuple[Word, ...] = ()
    """Words of the rules that files of the page match, and of no earlier page of this worker."""


@dataclass(frozen=True)
class PageMissing:
    """The index has no such project."""

    cause: str


@dataclass(frozen=True)
class PageFailed:
    """The page could not be read, or nothing could be selected from it."""

    cause: str
    passes: bool = False
    """Whether a later run may read it."""


PageResult: TypeAlias = PageRead | PageMissing | PageFailed


@dataclass(frozen=True)
class FileJob:
    """Get one selected file. The result is a :data:`FileResult`."""

    project: str
    selected: SelectedFile

    @property
    def filename(self) -> str:
        """The file's name."""
        return self.selected.file.filename

    @property
    def server(self) -> str:
        """The host and port that has it."""
        return urlsplit(self.selected.file.url).netloc

    @property
    def size(self) -> int:
        """Bytes; 0 if the index does not report them."""
        return self.selected.file.size or 0


@dataclass(frozen=True)
class FetchFile(FileJob):
    """Download it to the partial folder."""

    replace: bool = False
    """Whether minimirror placed a file with this name, so that it may be replaced."""


@dataclass(frozen=True)
class AdoptFile(FileJob):
    """Check the file with this name that is in the folder already."""


@dataclass(frozen=True)
class AskSize:
    """Ask for the size of a file, which the index does not report. The result is bytes, or None."""

    fetch: FetchFile


Job: TypeAlias = ReadPage | FileJob | AskSize


@dataclass(frozen=True)
class Fetched:
    """A file is in the partial folder, complete and verified."""

    partial: str
    """Its name there; empty if it is in its place in a bucket already."""

    size: int
    """Bytes."""

    sha256: str
    inode: int | None = None
    """Of the file in the partial folder; None in a bucket."""


@dataclass(frozen=True)
class Adopted:
    """A file in the folder equals the one that the index lists."""

    size: int
    """Bytes."""

    sha256: str


@dataclass(frozen=True)
class Failed:
    """A file could not be fetched or adopted."""

    cause: str
    disk_full: bool = False
    """Whether the disk, or a quota, is full."""

    passes: bool = False
    """Whether a later run may fetch it."""

    of_server: bool = False
    """Whether it may be why other files of the same server cannot be fetched."""


FileResult: TypeAlias = Fetched | Adopted | Failed
