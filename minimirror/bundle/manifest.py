"""The manifest: lines of JSON that list the whole mirror, compressed.

Lines instead of one document, so that a manifest of any length can be written and read.
"""

from __future__ import annotations

import gzip
import json
import re
import zlib
from collections.abc import Iterable, Iterator
from io import BufferedWriter
from pathlib import Path
from typing import Annotated, Any

from packaging.utils import canonicalize_name
from pydantic import BaseModel, ConfigDict, Field, TypeAdapter, ValidationError

from minimirror.bundle.layout import Sha256
from minimirror.common import BUFFER, open_regular
from minimirror.distributions import FilenameError, read_filename
from minimirror.storage import ExportRow, FileRow, ListedFile, ProjectRow

__all__ = [
    "EarlierExport",
    "ManifestError",
    "ManifestHeader",
    "bundle_line",
    "export_line",
    "file_line",
    "project_line",
    "read_manifest",
    "write_manifest",
]

MAX_LINE = 16 << 20
"""Bytes."""

_MOST = 2**63 - 1
_YEAR_10000 = 253402300800.0
"""Seconds since the epoch."""

_COMPRESSION = 1
"""Digests cannot be compressed, and more effort hardly makes the rest smaller."""

Number = Annotated[int, Field(ge=1, le=_MOST)]
Count = Annotated[int, Field(ge=0, le=_MOST)]
Time = Annotated[float, Field(gt=-_YEAR_10000, lt=_YEAR_10000, allow_inf_nan=False)]
Name = Annotated[str, Field(max_length=255)]


class ManifestError(ValueError):
    """A manifest that no export writes."""


class _Object(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True)


class ManifestHeader(_Object):
    """The first line. Sizes are in bytes, and times in seconds since the epoch."""

    mirror: str = Field(pattern=r"^[0-9a-f]{32}$")
    """A random number that identifies the exported mirror."""

    number: Number
    name: Name
    state: Sha256
    mirrored: Time | None = None
    """When the mirror's last complete run ended."""

    files: Count
    """How many files the bundle carries."""

    bytes: Count
    """Their size."""


class EarlierExport(_Object):
    """An export that carried bytes which this bundle needs."""

    number: Number
    name: Name
    made: Time


class _BundleLine(_Object):
    bundle: ManifestHeader


class _ExportLine(_Object):
    export: EarlierExport


class _ProjectLine(_Object):
    project: ProjectRow


class _FileLine(_Object):
    file: FileRow
    carried_by: Number
    local: bool = False


_LINES: dict[bytes, TypeAdapter[Any]] = {
    b'{"export"': TypeAdapter(_ExportLine),
    b'{"project': TypeAdapter(_ProjectLine),
    b'{"file": ': TypeAdapter(_FileLine),
}
"""What a line holds, by its beginning."""

_BEGINNING = 9
"""Bytes of it."""


def write_manifest(path: Path, lines: Iterable[dict[str, Any]]) -> None:
    """Write a manifest.

    :raises OSError: it cannot be written
    """
    with (
        open(path, "wb", opener=open_regular) as stream,
        gzip.GzipFile("", "wb", _COMPRESSION, stream, mtime=0) as packed,
        BufferedWriter(packed, BUFFER) as buffer,
    ):
        for line in lines:
            buffer.write(json.dumps(line).encode() + b"\n")


def bundle_line(header: ManifestHeader) -> dict[str, Any]:
    """Return the first line."""
    return {"bundle": header.model_dump(exclude_none=True)}


def export_line(row: ExportRow) -> dict[str, Any]:
    """Return the line of an earlier export."""
    return {"export": {"number": row.number, "name": row.name, "made": row.made}}


def project_line(row: ProjectRow) -> dict[str, Any]:
    """Return the line of a project."""
    return {"project": _known(row)}


def file_line(file: ListedFile) -> dict[str, Any]:
    """Return the line of a file."""
    found = {"file": _known(file.row), "carried_by": file.carried_by}
    return {**found, "local": True} if file.local else found


def _known(row: ProjectRow | FileRow) -> dict[str, Any]:
    return {key: value for key, value in zip(row._fields, row, strict=True) if value is not None}


def read_manifest(path: Path) -> Iterator[ManifestHeader | EarlierExport | ProjectRow | ListedFile]:
    """Read and check a manifest; the first line is its header.

    :raises ManifestError: it is invalid
    """
    number = 0
    try:
        with gzip.open(path) as stream:
            while line := stream.readline(MAX_LINE + 1):
                number += 1
                if len(line) > MAX_LINE or not line.endswith(b"\n"):
                    raise ManifestError("too long, or incomplete")
                yield _read_line(line, is_first=number == 1)
    except ValidationError as error:
        raise ManifestError(f"line {number}: {_cause(error)}") from None
    except (FilenameError, ValueError) as error:
        raise ManifestError(f"line {number}: {error}") from None
    except (OSError, EOFError, zlib.error) as error:
        raise ManifestError(f"cannot be decompressed: {error}") from None
    if not number:
        raise ManifestError("it is empty")


def _read_line(line: bytes, *, is_first: bool) -> ManifestHeader | EarlierExport | ProjectRow | ListedFile:
    if is_first:
        return _BundleLine.model_validate_json(line).bundle
    validator = _LINES.get(line[:_BEGINNING])
    if validator is None:
        raise ManifestError("unknown kind of line")
    found = validator.validate_json(line)
    if isinstance(found, _ExportLine):
        return found.export
    if isinstance(found, _ProjectLine):
        _check(found.project, found.project.name)
        return found.project
    _check(found.file, found.file.project)
    read_filename(found.file.filename, found.file.project)
    if not re.fullmatch("[0-9a-f]{64}", found.file.sha256) or found.file.size < 0:
        raise ManifestError(f"{found.file.filename}: invalid size or sha256")
    return ListedFile(found.file, found.local, found.carried_by)


def _cause(error: ValidationError) -> str:
    first = error.errors(include_url=False, include_input=False, include_context=False)[0]
    place = ".".join(str(part) for part in first["loc"])[:80]
    return f"{place}: {first['msg']}"


def _check(row: ProjectRow | FileRow, project: str) -> None:
    """Check what the types do not express."""
    if canonicalize_name(project) != project:
        raise ManifestError(f"{project[:80]!a} is not a normalized project name")
    for value in row:
        if isinstance(value, int) and not -_MOST <= value <= _MOST:
            raise ManifestError("number out of range")
        if isinstance(value, float) and not abs(value) < _YEAR_10000:
            raise ManifestError("time out of range")
