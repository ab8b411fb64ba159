"""Writes a bundle's parts, under temporary names until all of them are complete."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from io import BufferedWriter, FileIO
from pathlib import Path

from minimirror.bundle.layout import END, HEADER_SIZE, Member, PartHeader, padding, part_path
from minimirror.bundle.results import BundleError, BundleRequestError
from minimirror.bundle.source import SourceChangedError
from minimirror.common import BUFFER, is_disk_full
from minimirror.storage import sync_names

__all__ = ["BundleWriter", "partial_path", "refuse_existing", "writing"]


class BundleWriter:
    """Writes a bundle, member by member."""

    def __init__(self, path: Path, header: PartHeader, split: int | None, *, force: bool) -> None:
        """Prepare to write.

        :param path: the first part
        :param split: the maximum size of a part in bytes; None for one part
        :param force: overwrite existing files
        """
        self._force = force
        self._path = path
        self._header = header
        self._room = (split or 1 << 62) - HEADER_SIZE
        self._left = 0
        """Bytes for which the current part has room."""
        self._file: BufferedWriter[FileIO] | None = None
        self._checksum = hashlib.sha256() if split else None
        self._checksums: list[str | None] = []
        """Those of the parts that are full; None for the only part."""
        self.bytes = 0
        """Bytes written so far, in all parts."""

    def add(
        self, member: Member, read: Callable[[int], bytes], report: Callable[[int], None] = lambda _: None
    ) -> None:
        """Write a member.

        :param read: returns the next bytes of its content, fewer than asked for only at the end
        :param report: called with the number of bytes, piece by piece
        :raises SourceChangedError: the file holds something else, or cannot be read
        :raises BundleRequestError: a part exists
        :raises OSError: the member cannot be written
        """
        found, left, before = hashlib.sha256(), member.size, member.header
        while True:
            asked = min(left + 1, BUFFER)
            try:
                data = read(asked)
            except OSError as error:
                raise SourceChangedError from error
            found.update(data)
            left -= len(data)
            if left < 0:
                raise SourceChangedError
            report(len(data))
            is_last = len(data) < asked
            self._write(b"".join((before, data, padding(member.size) if is_last else b"")))
            if is_last:
                break
            before = b""
        if left or member.sha256 not in {None, found.hexdigest()}:
            raise SourceChangedError

    def _write(self, data: bytes) -> None:
        rest = memoryview(data)
        while rest:
            if self._file is None or not self._left:
                self._end_part()
                self._file = self._begin_part()
            piece, rest = rest[: self._left], rest[self._left :]
            self._file.write(piece)
            if self._checksum:
                self._checksum.update(piece)
            self._left -= len(piece)
            self.bytes += len(piece)

    def _begin_part(self) -> BufferedWriter[FileIO]:
        path = part_path(self._path, len(self._checksums) + 1)
        self._check_free(path)
        file = BufferedWriter(FileIO(partial_path(path), "xb"), BUFFER)
        self.bytes += file.write(bytes(HEADER_SIZE))
        self._left = self._room
        return file

    def _end_part(self) -> None:
        if self._file is not None:
            self._file.close()
            self._checksums.append(self._checksum.hexdigest() if self._checksum else None)
            self._checksum = self._checksum and hashlib.sha256()

    def _check_free(self, path: Path) -> None:
        if not self._force:
            refuse_existing(path)

    def finish(self) -> list[Path]:
        """End the last part, and write the parts' headers.

        :returns: the parts
        :raises BundleRequestError: a file exists
        :raises OSError: a part cannot be written
        """
        self._write(END)
        self._end_part()
        count = len(self._checksums)
        header = self._header.model_copy(update={"parts": count})
        paths = [part_path(self._path, part) for part in range(1, count + 1)]
        for part, (path, checksum) in enumerate(zip(paths, self._checksums, strict=True), 1):
            self._check_free(path)
            with partial_path(path).open("r+b") as file:
                file.write(header.of_part(part, checksum if count > 1 else None).encode())
                file.flush()
                os.fsync(file.fileno())
        return paths

    def place(self, paths: Sequence[Path]) -> None:
        """Rename all parts, the first one last.

        :raises OSError: a part cannot be renamed
        """
        for path in reversed(paths):
            partial_path(path).replace(path)
        sync_names(self._path.parent)

    def clear(self) -> None:
        """Delete parts that were not renamed: this export's, or those of one that was killed."""
        with suppress(OSError):
            if self._file is not None:
                self._file.close()
        part = 1
        with suppress(OSError):
            while True:
                partial_path(part_path(self._path, part)).unlink()
                part += 1


def refuse_existing(path: Path) -> None:
    """Refuse to overwrite a file.

    :raises BundleRequestError: it exists
    """
    if os.path.lexists(path):
        raise BundleRequestError(f"{path}: already exists; --force overwrites it")


def partial_path(path: Path) -> Path:
    """Return the name of a file until it is complete."""
    return path.with_name(f".{path.name}.partial")


@contextmanager
def writing(path: Path, header: PartHeader, split: int | None, *, force: bool) -> Iterator[BundleWriter]:
    """Write a bundle, and leave nothing behind if that fails.

    :param path: the first part
    :param split: the maximum size of a part in bytes; None for one part
    :param force: overwrite existing files
    :raises BundleError: the bundle cannot be written
    """
    writer = BundleWriter(path, header, split, force=force)
    writer.clear()
    try:
        yield writer
    except OSError as error:
        cause = "the disk or a quota is full" if is_disk_full(error) else error.strerror
        raise BundleError(f"{path}: cannot be written: {cause}; no bundle was created") from error
    finally:
        writer.clear()
