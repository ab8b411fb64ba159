"""Writes a bundle's parts, under temporary names until all of them are complete."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from io import BufferedWriter, FileIO
from pathlib import Path

from minimirror.bundle import layout
from minimirror.bundle.layout import Layout, Member, PartHeader
from minimirror.bundle.results import BundleError
from minimirror.common import is_disk_full
from minimirror.storage import sync_names

__all__ = ["BundleWriter", "SourceChangedError", "writing"]

_BUFFER = 1 << 20


class SourceChangedError(Exception):
    """A file does not hold exactly the bytes of its member, or cannot be read."""


class BundleWriter:
    """Writes a bundle, member by member."""

    def __init__(self, path: Path, header: PartHeader) -> None:
        """Prepare to write.

        :param path: the first part
        :param header: the first part's
        """
        self._path = path
        self._header = header
        self._layout = Layout(header.split)
        self._part = 0
        self._file: BufferedWriter
        self._checksum = hashlib.sha256()
        self._buffer = memoryview(bytearray(_BUFFER))
        self.bytes = 0
        """Bytes written so far, in all parts."""

    def add(self, member: Member, source: Path, report: Callable[[int], None] = lambda _: None) -> None:
        """Write a member.

        :param source: the file with the member's content
        :param report: called with the number of bytes written so far
        :raises SourceChangedError: the file holds something else, or cannot be read
        :raises OSError: the member cannot be written
        """
        found = hashlib.sha256()
        with _opened(source) as stream:
            for piece in self._layout.pieces(member):
                self._begin_part(piece.part)
                self._write(piece.header)
                left = piece.size
                while left:
                    got = _read(stream, self._buffer[: min(left, _BUFFER)])
                    if not got:
                        raise SourceChangedError
                    found.update(self._buffer[:got])
                    self._write(self._buffer[:got])
                    left -= got
                    report(piece.offset + piece.size - left)
                self._write(layout.padding(piece.size))
            if member.sha256 not in {None, found.hexdigest()} or _read(stream, self._buffer[:1]):
                raise SourceChangedError

    def _begin_part(self, part: int) -> None:
        if part != self._part:
            self._end_part()
            self._checksum = hashlib.sha256()
            self._file = _partial(layout.part_path(self._path, part)).open("xb")
            self._part = part
            text = self._header.of_part(part).model_dump_json(indent=1) + "\n"
            self._write(layout.tar_member(layout.PART_HEADER, text.encode()))

    def _end_part(self) -> None:
        if self._part:
            text = f"{self._checksum.hexdigest()}\n"
            self._write(layout.tar_member(layout.CHECKSUM, text.encode()) + layout.END)
            with self._file as file:
                file.flush()
                os.fsync(file.fileno())

    def _write(self, data: bytes | memoryview) -> None:
        self._checksum.update(data)
        self._file.write(data)
        self.bytes += len(data)

    def finish(self) -> None:
        """End the last part and rename all parts, the first one last.

        :raises OSError: a part cannot be written or renamed
        """
        self._end_part()
        for part in range(self._part, 0, -1):
            path = layout.part_path(self._path, part)
            _partial(path).replace(path)
        sync_names(self._path.parent)

    def clear(self) -> None:
        """Delete parts that were not renamed: this export's, or those of one that was killed."""
        if self._part:
            with suppress(OSError):
                self._file.close()
        for part in range(1, self._header.parts + 1):
            with suppress(OSError):
                _partial(layout.part_path(self._path, part)).unlink(missing_ok=True)


def _opened(source: Path) -> FileIO:
    try:
        return FileIO(source)
    except OSError as error:
        raise SourceChangedError from error


def _read(stream: FileIO, buffer: memoryview) -> int:
    try:
        return stream.readinto(buffer) or 0
    except OSError as error:
        raise SourceChangedError from error


def _partial(path: Path) -> Path:
    return path.with_name(f".{path.name}.partial")


@contextmanager
def writing(path: Path, header: PartHeader) -> Iterator[BundleWriter]:
    """Write a bundle, and leave nothing behind if that fails.

    :param path: the first part
    :raises BundleError: the bundle cannot be written
    """
    writer = BundleWriter(path, header)
    writer.clear()
    try:
        yield writer
        writer.finish()
    except OSError as error:
        cause = "the disk or a quota is full" if is_disk_full(error) else error.strerror
        raise BundleError(f"{path}: cannot be written: {cause}; no bundle was created") from error
    finally:
        writer.clear()
