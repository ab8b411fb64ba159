"""Reads a bundle's parts, and compares every byte with what the layout requires."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Callable, Sequence
from contextlib import closing
from io import FileIO
from pathlib import Path
from typing import NamedTuple

from minimirror.bundle import layout
from minimirror.bundle.layout import Layout, Member, PartHeader
from minimirror.bundle.results import BundleRequestError, DamagedError
from minimirror.common import printable

__all__ = ["Bundle", "BundleReader", "find_bundles"]

_BUFFER = 1 << 20
_SIZE = slice(124, 135)
"""The size in a tar header, in octal digits."""


class Bundle(NamedTuple):
    """A bundle whose parts are all present."""

    header: PartHeader
    """The first part's."""

    paths: Sequence[Path]
    """The parts, in order."""

    @property
    def path(self) -> Path:
        """The first part, which names the bundle in messages."""
        return self.paths[0]


def find_bundles(paths: Sequence[Path]) -> list[Bundle]:
    """Group parts by bundle, whatever their order and names; the oldest export comes first.

    :raises DamagedError: a file is not part of a bundle, or a part is missing
    :raises BundleRequestError: two files are the same part
    """
    found: dict[PartHeader, dict[int, Path]] = {}
    for path in dict.fromkeys(paths):
        with closing(_Part(path)) as part:
            header = part.header()
        parts = found.setdefault(header.of_part(1), {})
        if (other := parts.setdefault(header.part, path)) is not path:
            raise BundleRequestError(
                f"{other} and {path} are the same part of a bundle; pass only one of them"
            )
    bundles = [_whole(header, parts) for header, parts in found.items()]
    return sorted(bundles, key=lambda bundle: bundle.header.number)


def _whole(header: PartHeader, parts: dict[int, Path]) -> Bundle:
    paths = []
    for part in range(1, header.parts + 1):
        if part not in parts:
            name = printable(layout.part_path(Path(header.name), part).name)
            raise DamagedError(
                f"{next(iter(parts.values()))}: part {part} of {header.parts} of this bundle is missing; also"
                f" pass {name}"
            )
        paths.append(parts[part])
    return Bundle(header, paths)


def _unreadable(path: Path, error: OSError) -> DamagedError:
    return DamagedError(f"{path}: cannot be read: {error.strerror or error}")


class _Part:
    """One part, read from beginning to end."""

    def __init__(self, path: Path) -> None:
        self._path = path
        try:
            self._stream = FileIO(path)
        except OSError as error:
            raise _unreadable(path, error) from None
        self._checksum = hashlib.sha256()
        self._buffer = memoryview(bytearray(_BUFFER))

    def close(self) -> None:
        self._stream.close()

    def header(self) -> PartHeader:
        """Read the part's header, its first member."""
        first = self._take(layout.BLOCK)
        digits = first[_SIZE]
        size = int(digits, 8) if re.fullmatch(rb"[0-7]+", digits) else 0
        if not 0 < size <= layout.MAX_PART_HEADER or first != layout.tar_header(layout.PART_HEADER, size):
            raise DamagedError(f"{self._path}: not a minimirror bundle")
        text = self._take(size)
        self.expect(layout.padding(size), f"at {layout.PART_HEADER}")
        return layout.read_part_header(text, self._path)

    def expect(self, data: bytes, what: str) -> None:
        """Read bytes that are known beforehand.

        :param what: what the message says is damaged if other bytes are there
        """
        if self._take(len(data)) != data:
            raise self.damaged(what)

    def copy(self, size: int, write: Callable[[memoryview], object]) -> None:
        """Read ``size`` bytes and pass them to ``write``."""
        while size:
            got = self._read(self._buffer[: min(size, _BUFFER)])
            if not got:
                raise DamagedError(f"{self._path}: truncated; copy it again")
            self._checksum.update(self._buffer[:got])
            write(self._buffer[:got])
            size -= got

    def end(self) -> None:
        """Read the checksum and the end, which nothing may follow."""
        text = f"{self._checksum.hexdigest()}\n".encode()
        self.expect(layout.tar_header(layout.CHECKSUM, len(text)), f"at {layout.CHECKSUM}")
        self.expect(text + layout.padding(len(text)), f"({layout.CHECKSUM} does not match)")
        self.expect(layout.END, "at its end")
        if self._read(self._buffer[:1]):
            raise self.damaged("(data after its end)")

    def damaged(self, what: str) -> DamagedError:
        """Return the error for bytes that are not those of the export."""
        return DamagedError(f"{self._path}: damaged or modified {printable(what)}; copy it again")

    def _take(self, size: int) -> bytes:
        taken = bytearray()
        self.copy(size, taken.extend)
        return bytes(taken)

    def _read(self, buffer: memoryview) -> int:
        try:
            return self._stream.readinto(buffer) or 0
        except OSError as error:
            raise _unreadable(self._path, error) from None


class BundleReader:
    """Reads a bundle, member by member."""

    def __init__(self, bundle: Bundle) -> None:
        self._bundle = bundle
        self._layout = Layout(bundle.header.split)
        self._part: _Part | None = None
        self._number = 0

    def __enter__(self) -> BundleReader:
        return self

    def __exit__(self, *_: object) -> None:
        if self._part is not None:
            self._part.close()

    def extract(
        self, member: Member, to: FileIO | None, report: Callable[[int], None] = lambda _: None
    ) -> None:
        """Read the next member and check its digest, if that is known.

        :param to: an unbuffered file to write the content to; None only checks it
        :param report: called with the number of bytes read so far
        :raises DamagedError: the bundle holds something else here
        :raises OSError: the content cannot be written
        """
        found = hashlib.sha256()
        done = 0

        def take(data: memoryview) -> None:
            nonlocal done
            found.update(data)
            done += len(data)
            if to is not None:
                # One write may not take all, for example the last one before the disk is full.
                while data:
                    data = data[to.write(data) :]
            report(done)

        for piece in self._layout.pieces(member):
            part = self._open_part(piece.part)
            part.expect(piece.header, f"at {member.name}")
            part.copy(piece.size, take)
            part.expect(layout.padding(piece.size), f"at {member.name}")
        if member.sha256 not in {None, found.hexdigest()}:
            raise part.damaged(f"at {member.name}")

    def finish(self) -> None:
        """Read to the end, after the last member.

        :raises DamagedError: there is more
        """
        self._end_part()
        if self._number != len(self._bundle.paths):
            raise DamagedError(
                f"{self._bundle.paths[-1]}: the bundle has more parts than its manifest describes"
            )

    def _open_part(self, number: int) -> _Part:
        if number != self._number or self._part is None:
            self._end_part()
            if number > len(self._bundle.paths):
                raise DamagedError(
                    f"{self._bundle.paths[-1]}: the bundle has fewer parts than its manifest describes"
                )
            path = self._bundle.paths[number - 1]
            self._number = number
            self._part = _Part(path)
            if self._part.header() != self._bundle.header.of_part(number):
                raise DamagedError(f"{path}: changed while it was read")
        return self._part

    def _end_part(self) -> None:
        if self._part is not None:
            self._part.end()
            self._part.close()
            self._part = None
