"""The manifest: lines of JSON that list the whole mirror, compressed.

Lines instead of one document, so that a manifest of any length can be written and read.
"""

from __future__ import annotations

import gzip
import json
import re
import zlib
from collections.abc import Iterable, Iterator
from functools import lru_cache
from io import BufferedWriter
from pathlib import Path
from typing import Annotated, Any

from packaging.utils import canonicalize_name
from pydantic import BaseModel, ConfigDict, Field, TypeAdapter, ValidationError

from minimirror.bundle.layout import Sha256
from minimirror.common import BUFFER, open_regular
from minimirror.distributions import FilenameError, read_filename
from minimirror.storage import EarlierExport, FileRow, ListedFile, ProjectRow

__all__ = ["ManifestError", "ManifestHeader", "line_of", "read_manifest", "write_lines"]

MAX_LINE = 16 << 20
"""Bytes."""

_LONGEST_NAME = 255
_MOST = 2**63 - 1
_YEAR_10000 = 253402300800.0
"""Seconds since the epoch."""

_COMPRESSION = 1
"""Digests cannot be compressed, and more effort hardly makes the rest smaller."""

_SHA256 = re.compile("[0-9a-f]{64}")
_DIGESTS = TypeAdapter(dict[str, str], config=ConfigDict(strict=True))

Number = Annotated[int, Field(ge=1, le=_MOST)]
Count = Annotated[int, Field(ge=0, le=_MOST)]
Time = Annotated[float, Field(gt=-_YEAR_10000, lt=_YEAR_10000, allow_inf_nan=False)]
Name = Annotated[str, Field(max_length=_LONGEST_NAME)]


class ManifestError(ValueError):
    """A manifest that no export writes."""


class ManifestHeader(BaseModel):
    """The first line. Sizes are in bytes, and times in seconds since the epoch."""

    model_config = ConfigDict(extra="forbid", strict=True)

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


class _Line(BaseModel):
    """A line: one of the first four, and the rest for a file."""

    model_config = ConfigDict(extra="forbid", strict=True)

    bundle: ManifestHeader | None = None
    export: EarlierExport | None = None
    project: ProjectRow | None = None
    file: FileRow | None = None
    carried_by: Number | None = None
    local: bool = False


_FILE_LINE = {"file", "carried_by", "local"}


def write_lines(path: Path, lines: Iterable[dict[str, Any]]) -> None:
    """Write lines of a manifest. Such files, one after the other, are a manifest too.

    :raises OSError: they cannot be written
    """
    with (
        open(path, "wb", opener=open_regular) as stream,
        gzip.GzipFile("", "wb", _COMPRESSION, stream, mtime=0) as packed,
        BufferedWriter(packed, BUFFER) as buffer,
    ):
        for line in lines:
            buffer.write(json.dumps(line).encode() + b"\n")


def line_of(kind: str, row: EarlierExport | ProjectRow | FileRow) -> dict[str, Any]:
    """Return the line of a row; keys without a value are left out."""
    return {kind: {key: value for key, value in zip(row._fields, row, strict=True) if value is not None}}


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
                found = _read_line(line)
                if isinstance(found, ManifestHeader) != (number == 1):
                    raise ManifestError("unknown kind of line")
                yield found
    except ValidationError as error:
        raise ManifestError(f"line {number}: {_cause(error)}") from None
    except (FilenameError, ValueError) as error:
        raise ManifestError(f"line {number}: {error}") from None
    except (OSError, EOFError, zlib.error) as error:
        raise ManifestError(f"cannot be decompressed: {error}") from None
    if not number:
        raise ManifestError("it is empty")


def _read_line(line: bytes) -> ManifestHeader | EarlierExport | ProjectRow | ListedFile:
    found = _Line.model_validate_json(line)
    file, carrier = found.file, found.carried_by
    if file is not None and carrier is not None and found.model_fields_set <= _FILE_LINE:
        _check((file.size, file.upload_time), file.project)
        read_filename(file.filename, file.project)
        if not _SHA256.fullmatch(file.sha256) or file.size < 0:
            raise ManifestError(f"{file.filename}: invalid size or sha256")
        if file.digests is not None:
            # Runs parse this text.
            _DIGESTS.validate_json(file.digests)
        return ListedFile(file, found.local, carrier)
    row = found.bundle or found.export or found.project
    if row is None or len(found.model_fields_set) > 1:
        raise ManifestError("unknown kind of line")
    if isinstance(row, EarlierExport) and len(row.name) > _LONGEST_NAME:
        raise ManifestError("the name of an export is too long")
    if not isinstance(row, ManifestHeader):
        _check(row, row.name if isinstance(row, ProjectRow) else "")
    return row


@lru_cache(1000)
def _is_normalized(project: str) -> bool:
    return canonicalize_name(project) == project


def _cause(error: ValidationError) -> str:
    first = error.errors(include_url=False, include_input=False, include_context=False)[0]
    place = ".".join(str(part) for part in first["loc"])[:80]
    return f"{place}: {first['msg']}"


def _check(values: tuple[object, ...], project: str) -> None:
    """Check what the types do not express."""
    if not _is_normalized(project):
        raise ManifestError(f"{project[:80]!a} is not a normalized project name")
    for value in values:
        if isinstance(value, int) and not -_MOST <= value <= _MOST:
            raise ManifestError("number out of range")
        if isinstance(value, float) and not abs(value) < _YEAR_10000:
            raise ManifestError("time out of range")
