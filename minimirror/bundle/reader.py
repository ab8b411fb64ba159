"""A bundle's parts, read and compared with what they must be, byte for byte."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from io import FileIO
from pathlib import Path
from typing import NamedTuple

from minimirror.bundle.errors import BundleRequestError, DamagedError
from minimirror.bundle.layout import BLOCK, END, Layout, Member, header, padding
from minimirror.bundle.part_header import MAX_HEAD, Head, read_head
from minimirror.bundle.writer import HEAD, SUM
from minimirror.common import printable

__all__ = ["Bundle", "Reader", "find_bundles"]

_BUFFER = 1 << 20
_SIZE = slice(124, 135)
"""Where a header has the member's size, in octal digits."""


class Bundle(NamedTuple):
    """A bundle, of which all parts are there."""

    head: Head
    paths: Sequence[Path]
    """Its parts, in order."""

    @property
    def told(self) -> str:
        """What it is called in a message."""
        return str(self.paths[0])


def find_bundles(paths: Sequence[Path]) -> list[Bundle]:
    """Put parts together that belong together, whatever their order and names; the oldest export comes first.

    :raises DamagedError: a file is no part of a bundle, or parts are missing
    :raises BundleRequestError: two files are the same part
    """
    found: dict[Head, dict[int, Path]] = {}
    for path in dict.fromkeys(paths):
        with _opened(path) as stream:
            head = _Part(path, stream).head()
        parts = found.setdefault(head.of_part(1), {})
        if (other := parts.setdefault(head.part, path)) is not path:
            raise BundleRequestError(f"{other} and {path} are the same part of one bundle: name one of them")
    for head, parts in found.items():
        missing = (part for part in range(1, head.parts + 1) if part not in parts)
        if (part := next(missing, None)) is not None:
            raise DamagedError(
                f"{next(iter(parts.values()))}: part {part} of {head.parts} of its bundle is missing: name"
                f" {head.path_of(part)}, too"
            )
    bundles = [
        Bundle(head, [parts[part] for part in range(1, head.parts + 1)]) for head, parts in found.items()
    ]
    return sorted(bundles, key=lambda bundle: bundle.head.number)


@contextmanager
def _opened(path: Path) -> Iterator[FileIO]:
    try:
        stream = FileIO(path)
    except OSError as error:
        raise DamagedError(f"{path}: cannot be read: {error.strerror or error}") from None
    with stream:
        yield stream


class _Part:
    """One file, read from its beginning to its end."""

    def __init__(self, path: Path, stream: FileIO) -> None:
        self._path = path
        self._stream = stream
        self._sum = hashlib.sha256()
        self._buffer = memoryview(bytearray(_BUFFER))

    def head(self) -> Head:
        """What it says of itself, which is at its beginning."""
        first = self._take(BLOCK)
        digits = first[_SIZE]
        size = int(digits, 8) if digits.isdigit() and not set(digits) & set(b"89") else 0
        if not 0 < size <= MAX_HEAD or first != header(HEAD, size):
            raise DamagedError(f"{self._path}: not a bundle of minimirror")
        text = self._take(size)
        self.expect(padding(size), "what it says of itself")
        return read_head(text, self._path)

    def expect(self, data: bytes, what: str) -> None:
        """Read what is known beforehand."""
        if self._take(len(data)) != data:
            raise DamagedError(f"{self._path}: damaged, or tampered with, at {what}")

    def copy(self, size: int, write: Callable[[memoryview], object]) -> None:
        """Read so many bytes, and have them written."""
        while size:
            got = self._read(self._buffer[: min(size, _BUFFER)])
            if not got:
                raise DamagedError(f"{self._path}: it ends too early: was it copied to its end?")
            self._sum.update(self._buffer[:got])
            write(self._buffer[:got])
            size -= got

    def end(self) -> None:
        """Read its sum and its end, behind which is nothing."""
        text = f"{self._sum.hexdigest()}\n".encode()
        self.expect(header(SUM, len(text)), "its sum")
        self.expect(text + padding(len(text)), "some place: its sum is wrong")
        self.expect(END, "its end")
        if self._read(self._buffer[:1]):
            raise DamagedError(f"{self._path}: damaged, or tampered with: something is behind its end")

    def _take(self, size: int) -> bytes:
        taken = bytearray()
        self.copy(size, taken.extend)
        return bytes(taken)

    def _read(self, buffer: memoryview) -> int:
        try:
            return self._stream.readinto(buffer) or 0
        except OSError as error:
            raise DamagedError(f"{self._path}: cannot be read: {error.strerror or error}") from None


class Reader:
    """Reads a bundle, member by member."""

    def __init__(self, bundle: Bundle) -> None:
        self._bundle = bundle
        self._layout = Layout(bundle.head.split)
        self._open = ExitStack()
        self._part: _Part | None = None
        self._number = 0

    def __enter__(self) -> Reader:
        return self

    def __exit__(self, *_: object) -> None:
        self._open.close()

    def extract(
        self, member: Member, to: FileIO | None, report: Callable[[int], None] = lambda _: None
    ) -> str:
        """Read a member, and answer the sha256 of its bytes.

        :param to: where they are written as well
        :param report: called with the number of bytes that were read
        :raises DamagedError: something else is there
        :raises OSError: they cannot be written
        """
        found = hashlib.sha256()
        done = 0

        def take(data: memoryview) -> None:
            nonlocal done
            found.update(data)
            done += len(data)
            if to is not None:
                # An unbuffered file may take a part, the last one before the disk is full for instance.
                while data:
                    data = data[to.write(data) :]
            report(done)

        for piece in self._layout.pieces(member):
            part = self._turn_to(piece.part)
            what = printable(member.name)
            part.expect(piece.header, what)
            part.copy(piece.size, take)
            part.expect(padding(piece.size), what)
        return found.hexdigest()

    @property
    def path(self) -> Path:
        """The part that is being read."""
        return self._bundle.paths[self._number - 1]

    def finish(self) -> None:
        """Read to the end, after the last member.

        :raises DamagedError: more is there
        """
        self._end_part()
        if self._number != len(self._bundle.paths):
            raise DamagedError(f"{self._bundle.paths[-1]}: more parts than the manifest's files take")

    def _turn_to(self, number: int) -> _Part:
        if number != self._number or self._part is None:
            self._end_part()
            if number > len(self._bundle.paths):
                raise DamagedError(f"{self.path}: fewer parts than the manifest's files take")
            self._number = number
            self._part = _Part(self.path, self._open.enter_context(_opened(self.path)))
            if self._part.head() != self._bundle.head.of_part(number):
                raise DamagedError(f"{self.path}: changed while it was read")
        return self._part

    def _end_part(self) -> None:
        if self._part is not None:
            self._part.end()
            self._part = None
            self._open.close()
