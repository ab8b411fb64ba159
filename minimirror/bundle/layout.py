"""Where everything is in a bundle's files: headers of members, and which piece is in which part.

A bundle is one tar archive, or several, the *parts*. What is in them follows from the sizes alone, so that
the far side knows each header before it reads it, to the byte: it compares, and interprets nothing.

The headers are ustar's (POSIX.1-1988), with an extended one (POSIX.1-2001) before it where a name or a size
does not fit. They are made here, since what the library writes differs between versions of Python.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

__all__ = ["BLOCK", "END", "MIN_SPLIT", "Layout", "Member", "Piece", "header", "padding"]

BLOCK = 512
"""Bytes: a tar archive consists of blocks."""

END = bytes(2 * BLOCK)
"""How a tar archive ends."""

OVERHEAD = 16 * BLOCK
"""Bytes of a part that are kept for what it says of itself, at its beginning and at its end."""

MIN_SPLIT = 64 * 1024
"""Bytes: the smallest part that may be asked for."""

_LONGEST_NAME = 100
_BIGGEST = 8**11
_NO_ROOM = 4 * BLOCK
"""Bytes: where fewer are left in a part, the next one begins."""


def header(name: str, size: int, mtime: int = 0) -> bytes:
    """The header of a member that is a regular file.

    :param name: ASCII
    :param size: bytes
    :param mtime: seconds since the epoch
    """
    records = b""
    if len(name) > _LONGEST_NAME:
        records += _record("path", name)
    if size >= _BIGGEST:
        records += _record("size", str(size))
    plain = _ustar(name[:_LONGEST_NAME], size if size < _BIGGEST else 0, mtime, b"0")
    if not records:
        return plain
    extended = _ustar("././@PaxHeader", len(records), mtime, b"x")
    return extended + records + padding(len(records)) + plain


def _record(key: str, value: str) -> bytes:
    """An extended header's record, which begins with its own length."""
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
    """What fills the last block of so many bytes."""
    return bytes(-size % BLOCK)


class Member(NamedTuple):
    """What a bundle consists of: the manifest, its signature, a file."""

    name: str
    size: int
    mtime: int = 0


class Piece(NamedTuple):
    """As much of a member as is in one part."""

    name: str
    """The member's name, with the number of the piece behind ``~`` where it is cut."""

    size: int
    mtime: int
    part: int
    """From 1."""

    offset: int
    """Where in the member it begins."""

    @property
    def header(self) -> bytes:
        """What stands before it."""
        return header(self.name, self.size, self.mtime)


class Layout:
    """Lays members one after the other into parts of a size; a member is cut where its part is full."""

    def __init__(self, split: int | None) -> None:
        """Begin with the first part.

        :param split: the most bytes that a part may have, at least :data:`MIN_SPLIT`; None for one part
        """
        self._room = None if split is None else split // BLOCK * BLOCK - OVERHEAD
        self._left = self._room
        self.part = 1

    def pieces(self, member: Member) -> Iterator[Piece]:
        """Lay the next member; each piece is laid when it is asked for."""
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
        if self._left is None or self._room is None:
            return Piece(member.name, rest, member.mtime, self.part, offset)
        name = member.name if number == 1 else f"{member.name}~{number}"
        if self._left < len(header(name, rest)) + (_NO_ROOM if rest else 0):
            self.part, self._left = self.part + 1, self._room
        fits = self._left - len(header(name, rest))
        if rest > fits and number == 1:
            name = f"{member.name}~1"
            fits = self._left - len(header(name, rest))
        size = min(rest, fits)
        self._left -= len(header(name, size)) + size + len(padding(size))
        return Piece(name, size, member.mtime, self.part, offset)
