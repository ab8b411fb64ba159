"""The layout of a bundle: each part's header, and which bytes of which member are in which part.

A bundle is one tar archive or several, its *parts*. The sizes of the members alone determine the layout, so
an import knows each tar header before it reads it: it compares bytes and interprets nothing.

The tar headers are ustar (POSIX.1-1988), with a pax header (POSIX.1-2001) in front if a name or a size does
not fit. They are built here because :mod:`tarfile` writes different bytes in different versions of Python.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated, NamedTuple

from pydantic import BaseModel, ConfigDict, Field, StringConstraints, ValidationError

from minimirror.bundle.results import DamagedError

__all__ = [
    "BLOCK",
    "CHECKSUM",
    "END",
    "FORMAT",
    "MANIFEST",
    "MAX_PART_HEADER",
    "MIN_SPLIT",
    "PART_HEADER",
    "SIGNATURE",
    "Layout",
    "Member",
    "PartHeader",
    "Piece",
    "Sha256",
    "padding",
    "part_path",
    "read_part_header",
    "tar_header",
    "tar_member",
]

FORMAT = 1
"""The bundle format. It is raised when an older minimirror could no longer read what this one writes."""

PART_HEADER = "bundle.json"
"""The first member of each part."""

CHECKSUM = "part.sha256"
"""The last member of each part: the sha256 of everything before it."""

MANIFEST = "manifest.jsonl"
SIGNATURE = f"{MANIFEST}.sig"

BLOCK = 512
"""Bytes; a tar archive consists of blocks."""

END = bytes(2 * BLOCK)
"""The end of a tar archive."""

OVERHEAD = 16 * BLOCK
"""Bytes of a part that are reserved for its header, its checksum and its end."""

MAX_PART_HEADER = 4096
"""Bytes."""

MIN_SPLIT = 64 * 1024
"""Bytes; the smallest value of ``--split``."""

_MOST = 2**63 - 1
_MAX_SIGNATURE = 64 * 1024
_LONGEST_NAME = 100
_BIGGEST = 8**11
_ENDLESS = 1 << 100
_TOO_LITTLE = 4 * BLOCK
"""Bytes; if fewer are left in a part, the next part begins."""

Sha256 = Annotated[str, StringConstraints(pattern=r"^[0-9a-f]{64}$")]


def tar_member(name: str, data: bytes) -> bytes:
    """Return a whole member: its header, its content and the padding."""
    return tar_header(name, len(data)) + data + padding(len(data))


def tar_header(name: str, size: int, mtime: int = 0) -> bytes:
    """Return the header of a member that is a regular file.

    :param name: ASCII
    :param size: bytes
    :param mtime: seconds since the epoch
    """
    records = b""
    if len(name) > _LONGEST_NAME:
        records += _pax_record("path", name)
    if size >= _BIGGEST:
        records += _pax_record("size", str(size))
    plain = _ustar(name[:_LONGEST_NAME], size if size < _BIGGEST else 0, mtime, b"0")
    if not records:
        return plain
    return _ustar("././@PaxHeader", len(records), mtime, b"x") + records + padding(len(records)) + plain


def _pax_record(key: str, value: str) -> bytes:
    # A record begins with its own length.
    rest = f" {key}={value}\n"
    length = len(rest)
    while len(f"{length}{rest}") != length:
        length = len(f"{length}{rest}")
    return f"{length}{rest}".encode("ascii")


def _ustar(name: str, size: int, mtime: int, kind: bytes) -> bytes:
    def octal(number: int, width: int) -> bytes:
        return f"{number:0{width - 1}o}\0".encode("ascii")

    before = name.encode("ascii").ljust(100, b"\0") + octal(0o644, 8) + octal(0, 8) + octal(0, 8)
    before += octal(size, 12) + octal(min(max(mtime, 0), _BIGGEST - 1), 12)
    after = (kind + bytes(100) + b"ustar\x0000").ljust(BLOCK - len(before) - 8, b"\0")
    checksum = sum(before) + 8 * ord(" ") + sum(after)
    return before + f"{checksum:06o}\0 ".encode("ascii") + after


def padding(size: int) -> bytes:
    """Return the zeros that fill the last block of a member of ``size`` bytes."""
    return bytes(-size % BLOCK)


class PartHeader(BaseModel):
    """The first member of a part: which bundle it belongs to, and which part it is.

    It is not signed. It determines only the layout; the manifest, whose digest it has, holds what matters.
    Numbers count from 1, and sizes are in bytes.
    """

    model_config = ConfigDict(extra="forbid", strict=True, frozen=True)

    minimirror_bundle: int
    """:data:`FORMAT`."""

    number: int = Field(ge=1, le=_MOST)
    name: str = Field(max_length=255)
    """The filename of the first part when it was written."""

    part: int = Field(ge=1, le=_MOST)
    parts: int = Field(ge=1, le=_MOST)
    split: int | None = Field(ge=MIN_SPLIT, le=_MOST)
    """The maximum size of a part; None for a bundle of one part."""

    manifest_size: int = Field(ge=1, le=_MOST)
    manifest_sha256: Sha256
    signature_size: int | None = Field(ge=1, le=_MAX_SIGNATURE)

    def of_part(self, part: int) -> PartHeader:
        """Return the header of another part of the same bundle."""
        return self.model_copy(update={"part": part})

    def first_members(self) -> Iterator[Member]:
        """Yield the members before the files: the manifest and its signature."""
        yield Member(MANIFEST, self.manifest_size, sha256=self.manifest_sha256)
        if self.signature_size is not None:
            yield Member(SIGNATURE, self.signature_size)


def read_part_header(text: bytes, path: Path) -> PartHeader:
    """Parse the header of a part.

    :raises DamagedError: it is invalid, or of a newer format
    """
    version = re.match(rb'\{\s*"minimirror_bundle":\s*([0-9]{1,9})\b', text)
    if version and int(version[1]) > FORMAT:
        raise DamagedError(
            f"{path}: made by a newer minimirror (bundle format {int(version[1])}, this version reads"
            f" {FORMAT}); update minimirror here"
        )
    try:
        found = PartHeader.model_validate_json(text)
    except ValidationError:
        found = None
    if found is None or found.minimirror_bundle != FORMAT or found.part > found.parts:
        raise DamagedError(f"{path}: damaged or modified at {PART_HEADER}; copy it again")
    return found


def part_path(path: Path, part: int) -> Path:
    """Return the path of a part: ``lab.tar``, ``lab.2.tar``, ``lab.3.tar``.

    :param path: the first part
    """
    return path if part == 1 else path.with_name(f"{path.stem}.{part}{path.suffix}")


class Member(NamedTuple):
    """A member of a bundle: the manifest, its signature or a distribution file."""

    name: str
    size: int
    mtime: int = 0
    sha256: str | None = None
    """The digest of its content; None if it is not known beforehand."""


class Piece(NamedTuple):
    """The bytes of a member that are in one part."""

    name: str
    """The member's name; for a member that is cut, with ``~`` and the number of the piece."""

    size: int
    mtime: int
    part: int
    """Counted from 1."""

    offset: int
    """Where in the member the piece begins."""

    @property
    def header(self) -> bytes:
        """The piece's tar header."""
        return tar_header(self.name, self.size, self.mtime)


class Layout:
    """Lays members one after the other into parts; a member is cut where a part is full."""

    def __init__(self, split: int | None) -> None:
        """Begin the first part.

        :param split: the maximum size of a part in bytes, at least :data:`MIN_SPLIT`; None for one part
        """
        self._room = _ENDLESS if split is None else split // BLOCK * BLOCK - OVERHEAD
        self._left = self._room
        self.part = 1

    def pieces(self, member: Member) -> Iterator[Piece]:
        """Lay the next member, piece by piece as the caller asks for them."""
        offset = number = 0
        while True:
            number += 1
            piece = self._piece(member, offset, number)
            offset += piece.size
            yield piece
            if offset == member.size:
                return

    def _piece(self, member: Member, offset: int, number: int) -> Piece:
        rest = member.size - offset
        name = member.name if number == 1 else f"{member.name}~{number}"
        if self._left < len(tar_header(name, rest)) + (_TOO_LITTLE if rest else 0):
            self.part, self._left = self.part + 1, self._room
        fits = self._left - len(tar_header(name, rest))
        if rest > fits and number == 1:
            name = f"{member.name}~1"
            fits = self._left - len(tar_header(name, rest))
        size = min(rest, fits)
        self._left -= len(tar_header(name, size)) + size + len(padding(size))
        return Piece(name, size, member.mtime, self.part, offset)
