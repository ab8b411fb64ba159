"""The manifest: one line of JSON that describes the bundle, then one line for each change.

Lines instead of one document, so that a manifest of any length can be written and read.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator
from io import BufferedReader, BufferedWriter
from typing import Annotated, Any, Literal

from packaging.utils import canonicalize_name
from pydantic import BaseModel, ConfigDict, Field, TypeAdapter, ValidationError

from minimirror.bundle.layout import Member, Sha256
from minimirror.common import ProgressCallback, Status
from minimirror.distributions import FilenameError, read_filename
from minimirror.storage import FileRow, ProjectRow

__all__ = [
    "EarlierExport",
    "ManifestEntry",
    "ManifestError",
    "ManifestFile",
    "ManifestHeader",
    "ManifestProject",
    "ManifestRemoval",
    "member_of",
    "read_entries",
    "read_header",
    "with_progress",
    "write_line",
]

MAX_LINE = 16 << 20
"""Bytes."""

MAX_HISTORY = 500
"""How many earlier exports a manifest lists, so that an import can name those that are missing."""

_MOST = 2**63
_YEAR_10000 = 253402300800.0
"""Seconds since the epoch."""


class ManifestError(ValueError):
    """A manifest that no export writes."""


class _Line(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True, frozen=True, allow_inf_nan=False)


class EarlierExport(_Line):
    """An export before this one."""

    number: int = Field(ge=1, lt=_MOST)
    state: Sha256
    name: str = Field(max_length=255)
    """The filename of the bundle's first part."""

    run: int | None = Field(ge=0, lt=_MOST)
    made: float = Field(ge=0, lt=_MOST)


class ManifestHeader(_Line):
    """The first line. Sizes are in bytes, and times in seconds since the epoch."""

    kind: Literal["bundle"] = "bundle"
    mirror: str = Field(pattern=r"^[0-9a-f]{32}$")
    """A random number that identifies the exported mirror."""

    number: int = Field(ge=1, lt=_MOST)
    mirrored: float = Field(ge=0, lt=_MOST)
    """The start of the mirror's last run."""

    since: int | None = Field(ge=1, lt=_MOST)
    """The bundle can be imported after this export or any later one; None for a full bundle."""

    state: Sha256
    """The state that an import leads to."""

    files: int = Field(ge=0, lt=_MOST)
    bytes: int = Field(ge=0, lt=_MOST)
    removed: int = Field(ge=0, lt=_MOST)
    """How many files an import deletes; 0 for a full bundle, which deletes all that it does not list."""

    exports: tuple[EarlierExport, ...] = Field(max_length=MAX_HISTORY)
    """Oldest first."""


class ManifestProject(_Line):
    """A project's row in the catalog."""

    kind: Literal["project"] = "project"
    row: ProjectRow


class ManifestFile(_Line):
    """A file's row in the catalog; the file itself is in the bundle if it is ``carried``."""

    kind: Literal["file"] = "file"
    carried: bool
    row: FileRow


class ManifestRemoval(_Line):
    """A file or project that the mirror no longer has."""

    kind: Literal["removed_file", "removed_project"]
    name: str


ManifestEntry = ManifestProject | ManifestFile | ManifestRemoval
_ENTRY: TypeAdapter[ManifestEntry] = TypeAdapter(Annotated[ManifestEntry, Field(discriminator="kind")])
_JSON: TypeAdapter[Any] = TypeAdapter(Any)


def write_line(stream: BufferedWriter, line: ManifestHeader | ManifestEntry) -> None:
    """Write a line, with a row as an object whose keys are the columns."""
    fields = {
        key: value._asdict() if isinstance(value, FileRow | ProjectRow) else value for key, value in line
    }
    stream.write(_JSON.dump_json(fields) + b"\n")


def read_header(stream: BufferedReader) -> ManifestHeader:
    """Read the first line.

    :raises ManifestError: it is invalid
    """
    try:
        return ManifestHeader.model_validate_json(_read_line(stream, 1))
    except ValidationError as error:
        raise ManifestError(f"line 1: {_cause(error)}") from None


def read_entries(stream: BufferedReader) -> Iterator[ManifestEntry]:
    """Read and check the other lines.

    :raises ManifestError: a line is invalid
    """
    number = 1
    while line := _read_line(stream, number := number + 1):
        try:
            entry = _ENTRY.validate_json(line)
            _check(entry)
        except ValidationError as error:
            raise ManifestError(f"line {number}: {_cause(error)}") from None
        except (FilenameError, ValueError) as error:
            raise ManifestError(f"line {number}: {error}") from None
        yield entry


def _read_line(stream: BufferedReader, number: int) -> bytes:
    line = stream.readline(MAX_LINE + 1)
    if len(line) > MAX_LINE or (line and not line.endswith(b"\n")):
        raise ManifestError(f"line {number}: too long, or incomplete")
    return line


def _cause(error: ValidationError) -> str:
    first = error.errors(include_url=False, include_input=False, include_context=False)[0]
    place = ".".join(str(part) for part in first["loc"])[:80]
    return f"{place}: {first['msg']}"


def _check(entry: ManifestEntry) -> None:
    """Check what the types do not express."""
    if isinstance(entry, ManifestRemoval):
        # These names are only compared with the catalog's.
        return
    _check_numbers(entry.row)
    name = entry.row.project if isinstance(entry, ManifestFile) else entry.row.name
    if canonicalize_name(name) != name:
        raise ValueError(f"{name[:80]!a} is not a normalized project name")
    if isinstance(entry, ManifestFile):
        read_filename(entry.row.filename, name)
        if not re.fullmatch("[0-9a-f]{64}", entry.row.sha256) or entry.row.size < 0:
            raise ValueError(f"{entry.row.filename}: invalid size or sha256")


def _check_numbers(row: Iterable[object]) -> None:
    for value in row:
        if isinstance(value, int) and not -_MOST <= value < _MOST:
            raise ValueError("number out of range")
        if isinstance(value, float) and not abs(value) < _YEAR_10000:
            raise ValueError("time out of range")


def member_of(row: FileRow) -> Member:
    """Return the member that carries a file."""
    return Member(f"files/{row.filename}", row.size, int(row.upload_time or 0), row.sha256)


def with_progress(
    rows: Iterable[FileRow], header: ManifestHeader, progress: ProgressCallback, done: str
) -> Iterator[tuple[FileRow, Callable[[int], None]]]:
    """Yield each carried file with a function that reports how many of its bytes are done.

    :param done: what is done with the files, in one word
    """
    size = 0
    for number, row in enumerate(rows):

        def report(got: int, row: FileRow = row, number: int = number, size: int = size) -> None:
            progress(
                Status(
                    files=header.files,
                    files_fetched=number,
                    bytes=header.bytes,
                    bytes_fetched=size + got,
                    in_flight={row.filename: got},
                    done=done,
                )
            )

        yield row, report
        size += row.size
