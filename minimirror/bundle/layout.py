"""The tar headers of a bundle, and the header of each of its parts.

The names, sizes and times of the members determine every byte of the archive except their content. So an
import knows each tar header before it reads it: it compares bytes and interprets nothing. The headers are
built here because :mod:`tarfile` takes ten times as long, and not every version writes the same bytes.
"""

from __future__ import annotations

import os
import re
from pathlib import Path
from tarfile import PAX_FORMAT, TarInfo
from typing import Annotated, NamedTuple

from pydantic import BaseModel, ConfigDict, Field, StringConstraints, ValidationError

from minimirror.bundle.results import DamagedError

__all__ = [
    "BLOCK",
    "END",
    "HEADER_SIZE",
    "MANIFEST",
    "MIN_SPLIT",
    "SIGNATURE",
    "Member",
    "PartHeader",
    "Sha256",
    "padding",
    "part_name",
    "part_path",
    "read_part_header",
    "tar_header",
]

FORMAT = 1
"""The bundle format. It is raised when an older minimirror could no longer read what this one writes."""

MANIFEST = "manifest.jsonl.gz"
SIGNATURE = f"{MANIFEST}.sig"

BLOCK = 512
"""Bytes; a tar archive consists of blocks."""

END = bytes(2 * BLOCK)
"""The end of a tar archive."""

HEADER_SIZE = 4 * BLOCK
"""Bytes of a part before its share of the archive."""

MIN_SPLIT = 64 * 1024
"""Bytes; the smallest value of ``--split``."""

_MOST = 2**63 - 1
_MAX_SIGNATURE = 64 * 1024
_LONGEST_NAME = 100
_BIGGEST = 8**11
"""Bytes or seconds for which a field of a tar header has no room."""

_AFTER = (b"0".ljust(101, b"\0") + b"ustar\x0000").ljust(BLOCK - 156, b"\0")
"""What follows the checksum in the header of a regular file."""

_CHECKSUM = sum(_AFTER) + sum(b" " * 8)

Sha256 = Annotated[str, StringConstraints(pattern=r"^[0-9a-f]{64}$")]


def tar_header(name: str, size: int, mtime: int = 0) -> bytes:
    """Return the header of a member that is a regular file.

    :param name: ASCII
    :param size: bytes
    :param mtime: seconds since the epoch
    """
    if len(name) > _LONGEST_NAME or max(size, mtime) >= _BIGGEST:
        info = TarInfo(name)
        info.size, info.mtime = size, mtime
        return info.tobuf(PAX_FORMAT)
    # TarInfo takes five times as long.
    begin = f"{name:\0<100}0000644\x000000000\x000000000\0{size:011o}\0{max(mtime, 0):011o}\0".encode()
    return b"%s%06o\0 %s" % (begin, sum(begin) + _CHECKSUM, _AFTER)


def padding(size: int) -> bytes:
    """Return the zeros that fill the last block of a member of ``size`` bytes."""
    return bytes(-size % BLOCK)


class Member(NamedTuple):
    """A file in the archive. All of it but the content follows from these values."""

    name: str
    size: int
    """Bytes."""

    mtime: int = 0
    """Seconds since the epoch."""

    sha256: str | None = None
    """None if the content does not matter."""

    @classmethod
    def of(cls, filename: str, size: int, upload_time: float | None, sha256: str) -> Member:
        """Return the member that holds a listed file."""
        return cls(f"files/{filename}", size, int(upload_time or 0), sha256)

    @property
    def header(self) -> bytes:
        """What stands before the content."""
        return tar_header(self.name, self.size, self.mtime)


class PartHeader(BaseModel):
    """The beginning of a part: which bundle it belongs to, and which part it is.

    It is not signed; the manifest, whose digest it has, holds what matters. Sizes are in bytes.
    """

    model_config = ConfigDict(extra="forbid", strict=True, frozen=True)

    minimirror_bundle: int = FORMAT
    number: int = Field(ge=1, le=_MOST)
    name: str = Field(max_length=255)
    """The filename of the first part when it was written."""

    part: int = Field(default=1, ge=1, le=_MOST)
    """Counted from 1."""

    parts: int = Field(default=1, ge=1, le=_MOST)
    manifest_size: int = Field(ge=1, le=_MOST)
    manifest_sha256: Sha256
    signature_size: int | None = Field(ge=1, le=_MAX_SIGNATURE)
    signature_sha256: Sha256 | None
    """So that a damaged signature is noticed, even if none is required."""

    sha256: Sha256 | None = None
    """Of the rest of the part; None if it is the only one."""

    def of_part(self, part: int, sha256: str | None = None) -> PartHeader:
        """Return the header of another part of the same bundle."""
        return self.model_copy(update={"part": part, "sha256": sha256})

    def encode(self) -> bytes:
        """Return the first :data:`HEADER_SIZE` bytes of the part."""
        size = HEADER_SIZE - BLOCK
        text = self.model_dump_json(indent=1).encode()
        return tar_header("part.json", size) + text.ljust(size - 1) + b"\n"


def read_part_header(data: bytes, path: Path) -> PartHeader:
    """Parse the beginning of a part.

    :param data: its first :data:`HEADER_SIZE` bytes
    :raises DamagedError: it is invalid, or of a newer format
    """
    if data[:BLOCK] != tar_header("part.json", HEADER_SIZE - BLOCK):
        raise DamagedError(f"{path}: not a minimirror bundle")
    version = re.match(rb'\{\s*"minimirror_bundle":\s*([0-9]{1,9})\b', data[BLOCK:])
    if version and int(version[1]) > FORMAT:
        raise DamagedError(
            f"{path}: made by a newer minimirror (bundle format {int(version[1])}, this version reads"
            f" {FORMAT}); update minimirror here"
        )
    try:
        found = PartHeader.model_validate_json(data[BLOCK:])
    except ValidationError:
        found = None
    if (
        found is None
        or found.encode() != data
        or found.part > found.parts
        or (found.signature_size is None) != (found.signature_sha256 is None)
    ):
        raise DamagedError(f"{path}: damaged or modified at part.json; copy it again")
    return found


def part_path(path: Path, part: int) -> Path:
    """Return the path of a part: ``lab.tar``, ``lab.2.tar``, ``lab.3.tar``.

    :param path: the first part
    """
    return path.with_name(part_name(path.name, part))


def part_name(name: str, part: int) -> str:
    """Return the filename of a part.

    :param name: that of the first part; any text, if it comes from a bundle
    """
    stem, suffix = os.path.splitext(name)  # noqa: PTH122 - pathlib refuses some texts
    return name if part == 1 else f"{stem}.{part}{suffix}"
