"""The manifest: what a bundle brings and takes away, a line of JSON each, after one that says what it is.

Lines, and not one document, so that it may be written and read as long as it likes.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from io import BufferedReader, BufferedWriter
from typing import Annotated, Any, Literal

from packaging.utils import canonicalize_name
from pydantic import BaseModel, ConfigDict, Field, TypeAdapter, ValidationError

from minimirror.bundle.layout import Member
from minimirror.bundle.part_header import Head, Sha256
from minimirror.distributions import FilenameError, read_filename
from minimirror.storage import FileRow, ProjectRow

__all__ = [
    "MANIFEST",
    "SIGNATURE",
    "Entry",
    "Export",
    "File",
    "Header",
    "ManifestError",
    "Project",
    "RemovedFile",
    "RemovedProject",
    "member_of",
    "members_before",
    "read_entries",
    "read_header",
    "write_line",
]

MANIFEST = "manifest.jsonl"
SIGNATURE = f"{MANIFEST}.sig"

MAX_LINE = 16 << 20
"""Bytes of a line, at most."""

MAX_HISTORY = 500
"""Exports before a bundle's own that it tells of, so that a far side can be told which it lacks."""

_MOST = 2**63
_LATEST = 253402300800.0
"""Seconds since the epoch: the year 10000."""


class ManifestError(ValueError):
    """A manifest that no export wrote."""


class _Line(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True, frozen=True, allow_inf_nan=False)


class Export(_Line):
    """An export, as a later one tells of it."""

    number: int = Field(ge=1, lt=_MOST)
    state: Sha256
    name: str = Field(max_length=255)
    """Of the bundle's first file."""

    run: int | None = Field(ge=0, lt=_MOST)
    made: float = Field(ge=0, lt=_MOST)
    """Seconds since the epoch."""


class Header(_Line):
    """The first line."""

    kind: Literal["bundle"] = "bundle"
    mirror: str = Field(pattern=r"^[0-9a-f]{32}$")
    """The mirror that it is of: random, and always the same."""

    number: int = Field(ge=1, lt=_MOST)
    """Of this export."""

    mirrored: float = Field(ge=0, lt=_MOST)
    """When the last run of that mirror began, in seconds since the epoch."""

    since: int | None = Field(ge=1, lt=_MOST)
    """The number of the export that it goes on from, or of which any later one will do; None: it is full."""

    state: Sha256
    """That it leads to."""

    files: int = Field(ge=0, lt=_MOST)
    """How many files it carries."""

    bytes: int = Field(ge=0, lt=_MOST)
    """What they have in all."""

    removed: int = Field(ge=0, lt=_MOST)
    """How many files it takes away; a full one takes away all that it does not bring."""

    exports: tuple[Export, ...] = Field(max_length=MAX_HISTORY)
    """The exports before it, the oldest first."""


class Project(_Line):
    """What the catalog says of a project."""

    kind: Literal["project"] = "project"
    row: ProjectRow


class File(_Line):
    """What the catalog says of a file, which is in the bundle if it is ``carried``."""

    kind: Literal["file"] = "file"
    carried: bool
    row: FileRow


class RemovedFile(_Line):
    """A file that is gone."""

    kind: Literal["removed_file"] = "removed_file"
    name: str


class RemovedProject(_Line):
    """A project that is gone."""

    kind: Literal["removed_project"] = "removed_project"
    name: str


Entry = Project | File | RemovedFile | RemovedProject
_ENTRY: TypeAdapter[Entry] = TypeAdapter(Annotated[Entry, Field(discriminator="kind")])


def write_line(stream: BufferedWriter, line: Header | Entry) -> None:
    """Write a line, rows by their columns' names."""
    fields = {
        key: value._asdict() if isinstance(value, FileRow | ProjectRow) else value for key, value in line
    }
    stream.write(_JSON.dump_json(fields) + b"\n")


_JSON: TypeAdapter[Any] = TypeAdapter(Any)


def read_header(stream: BufferedReader) -> Header:
    """Read the first line.

    :raises ManifestError: it is none
    """
    try:
        return Header.model_validate_json(_read_line(stream, 1))
    except ValidationError as error:
        raise ManifestError(f"line 1: {_told(error)}") from None


def read_entries(stream: BufferedReader) -> Iterator[Entry]:
    """Read the other lines, and check what each says.

    :raises ManifestError: a line that no export wrote
    """
    number = 1
    while line := _read_line(stream, number := number + 1):
        try:
            entry = _ENTRY.validate_json(line)
            _check(entry)
        except ValidationError as error:
            raise ManifestError(f"line {number}: {_told(error)}") from None
        except FilenameError as error:
            raise ManifestError(f"line {number}: {error}") from None
        except ValueError as error:
            raise ManifestError(f"line {number}: {error}") from None
        yield entry


def _read_line(stream: BufferedReader, number: int) -> bytes:
    line = stream.readline(MAX_LINE + 1)
    if len(line) > MAX_LINE or (line and not line.endswith(b"\n")):
        raise ManifestError(f"line {number}: it has no end")
    return line


def _told(error: ValidationError) -> str:
    first = error.errors(include_url=False, include_input=False, include_context=False)[0]
    place = ".".join(str(part) for part in first["loc"])[:80]
    return f"{place}: {first['msg']}"


def _check(entry: Entry) -> None:
    """Check what the types do not say."""
    if isinstance(entry, RemovedFile | RemovedProject):
        # It is compared with what is known here, and does nothing else.
        return
    _check_numbers(entry.row)
    name = entry.row.project if isinstance(entry, File) else entry.row.name
    if canonicalize_name(name) != name:
        raise ValueError(f"{name[:80]!a} is no project's normalized name")
    if isinstance(entry, File):
        read_filename(entry.row.filename, name)
        if not re.fullmatch("[0-9a-f]{64}", entry.row.sha256) or entry.row.size < 0:
            raise ValueError(f"{entry.row.filename}: without size or sha256")


def _check_numbers(row: Iterable[object]) -> None:
    for value in row:
        if isinstance(value, int) and not -_MOST <= value < _MOST:
            raise ValueError("a number that is too big")
        if isinstance(value, float) and not abs(value) < _LATEST:
            raise ValueError("a time that is none")


def member_of(row: FileRow) -> Member:
    """The member that carries a file."""
    return Member(f"files/{row.filename}", row.size, int(row.upload_time or 0))


def members_before(head: Head) -> Iterator[Member]:
    """What comes before the files."""
    yield Member(MANIFEST, head.manifest_size)
    if head.signature_size is not None:
        yield Member(SIGNATURE, head.signature_size)
