"""A bundle's parts, written under other names until all of them are whole."""

from __future__ import annotations

import errno
import hashlib
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from io import FileIO
from pathlib import Path
from typing import IO

from minimirror.bundle.errors import BundleError
from minimirror.bundle.layout import END, Layout, Member, header, padding
from minimirror.bundle.part_header import Head, part_path

__all__ = ["HEAD", "SUM", "Writer", "writing"]

HEAD = "bundle.json"
"""The name of each part's first member."""

SUM = "part.sha256"
"""The name of each part's last member: the digest of all that is before it."""

_BUFFER = 1 << 20


class Writer:
    """Writes a bundle."""

    def __init__(self, path: Path, head: Head) -> None:
        """Begin.

        :param path: the first part
        """
        self._path = path
        self._head = head
        self._layout = Layout(head.split)
        self._part = 0
        self._file: IO[bytes] | None = None
        self._sum = hashlib.sha256()
        self._buffer = memoryview(bytearray(_BUFFER))
        self.bytes = 0
        """Bytes written so far, of all parts."""

    def add(self, member: Member, stream: FileIO, report: Callable[[int], None] = lambda _: None) -> str:
        """Write a member, and answer the sha256 of its bytes.

        :param stream: the member's bytes, from where it stands
        :param report: called with the number of bytes that were written
        :raises EOFError: there are fewer bytes than the member's size, or they cannot be read
        :raises OSError: it cannot be written
        """
        found = hashlib.sha256()
        for piece in self._layout.pieces(member):
            self._turn_to(piece.part)
            self._write(piece.header)
            left = piece.size
            while left:
                got = _read(stream, self._buffer[: min(left, _BUFFER)])
                found.update(self._buffer[:got])
                self._write(self._buffer[:got])
                left -= got
                report(piece.offset + piece.size - left)
            self._write(padding(piece.size))
        return found.hexdigest()

    def _turn_to(self, part: int) -> None:
        if part != self._part:
            self._end_part()
            self._part = part
            self._sum = hashlib.sha256()
            self._file = _partial(part_path(self._path, part)).open("xb")
            text = self._head.of_part(part).encoded()
            self._write(header(HEAD, len(text)) + text + padding(len(text)))

    def _end_part(self) -> None:
        if self._file is None:
            return
        text = f"{self._sum.hexdigest()}\n".encode()
        self._write(header(SUM, len(text)) + text + padding(len(text)) + END)
        with self._file as file:
            file.flush()
            os.fsync(file.fileno())
        self._file = None

    def _write(self, data: bytes | memoryview) -> None:
        if self._file is None:
            raise ValueError("a part is begun before it is written")
        self._sum.update(data)
        self._file.write(data)
        self.bytes += len(data)

    def finish(self) -> None:
        """End the last part, and give all of them their names; the first part comes last.

        :raises OSError: it cannot be written
        """
        self._end_part()
        for part in range(self._part, 0, -1):
            path = part_path(self._path, part)
            _partial(path).replace(path)
        with suppress(OSError):  # a folder that cannot be synced is one of a system without that
            folder = os.open(self._path.parent, os.O_RDONLY)
            try:
                os.fsync(folder)
            finally:
                os.close(folder)

    def abandon(self) -> None:
        """Delete what was written."""
        if self._file is not None:
            with suppress(OSError):
                self._file.close()
        for part in range(1, self._part + 1):
            with suppress(OSError):
                _partial(part_path(self._path, part)).unlink(missing_ok=True)


def _read(stream: FileIO, buffer: memoryview) -> int:
    try:
        got = stream.readinto(buffer)
    except OSError as error:
        raise EOFError from error
    if not got:
        raise EOFError
    return got


def _partial(path: Path) -> Path:
    return path.with_name(f".{path.name}.partial")


@contextmanager
def writing(path: Path, head: Head) -> Iterator[Writer]:
    """Write a bundle; whatever goes wrong, nothing of it is left behind.

    :raises BundleError: it cannot be written
    """
    writer = Writer(path, head)
    try:
        for part in range(1, head.parts + 1):
            # What an export that was killed has left.
            _partial(part_path(path, part)).unlink(missing_ok=True)
        yield writer
        writer.finish()
    except OSError as error:
        full = error.errno in {errno.ENOSPC, errno.EDQUOT}
        words = "the disk, or a quota, is full" if full else error.strerror
        raise BundleError(f"{path}: cannot be written: {words}; no bundle was made") from error
    finally:
        writer.abandon()
