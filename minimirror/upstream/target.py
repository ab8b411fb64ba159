"""Where a download is written: a partial file, or anything else that takes bytes."""

from __future__ import annotations

import os
import shutil
from io import FileIO
from pathlib import Path
from typing import TYPE_CHECKING, Protocol
from uuid import uuid4

from minimirror.common import BUFFER, Digests, open_regular

if TYPE_CHECKING:
    # A run that has nothing to do needs no loop.
    from asyncio import Future

__all__ = ["PartialFile", "Target"]


class Target(Protocol):
    """Where a download is written. It may keep the bytes of an earlier one."""

    @property
    def size(self) -> int:
        """Bytes from an earlier download, while it is open."""
        ...

    @property
    def free(self) -> int | None:
        """Bytes that can still be written; None for no limit."""
        ...

    def open(self) -> None:
        """Begin a try."""
        ...

    def read(self, digests: Digests) -> None:
        """Hash the bytes from an earlier download."""
        ...

    def restart(self) -> None:
        """Drop all bytes, and take others."""
        ...

    def write(self, data: bytes) -> None:
        """Append bytes."""
        ...

    def ready(self) -> Future[None] | None:
        """Return what to wait for before more bytes come; None if they may come now."""
        ...

    def close(self) -> None:
        """End a try, and keep the bytes."""
        ...

    def discard(self) -> None:
        """Drop all bytes. Closed or open."""
        ...

    def date(self, upload_time: float | None) -> None:
        """Note when the file was uploaded to the index, in seconds since the epoch; None if unknown."""
        ...


class PartialFile:
    """A file on disk. A :class:`Target`.

    An earlier process that was frozen may still have its file open when it wakes up. So nothing is written to
    a file that this object did not create: what an earlier process left is copied.
    """

    _stream: FileIO

    def __init__(self, path: Path) -> None:
        self.path = path
        self._is_own = False
        self.inode = 0
        """Of the file that was closed last: the path may be another's by then."""

    @property
    def size(self) -> int:
        """Bytes that it has."""
        return os.fstat(self._stream.fileno()).st_size

    @property
    def free(self) -> int:
        """Bytes that are free on its disk."""
        return shutil.disk_usage(self.path).free

    def open(self) -> None:
        """Open it behind its last byte.

        :raises OSError: it cannot be opened, or is not a regular file
        """
        try:
            self._open(os.O_CREAT | os.O_EXCL)
            self._is_own = True
        except FileExistsError:
            self._open()
            if not self._is_own and not self._stream.tell():
                self.restart()

    def _open(self, more: int = 0) -> None:
        self._stream = FileIO(self.path, "r+", opener=lambda path, flags: open_regular(path, flags | more))
        self._stream.seek(0, os.SEEK_END)

    def read(self, digests: Digests) -> None:
        """Hash it."""
        self._stream.seek(0)
        if self._is_own:
            digests.read(self._stream)
        else:
            self._create(digests)

    def restart(self) -> None:
        """Cut it to nothing."""
        self._stream.seek(0)
        if self._is_own:
            self._stream.truncate()
        else:
            self._create(None)

    def _create(self, digests: Digests | None) -> None:
        """Put a new file in the place of an earlier process's.

        :param digests: hash the bytes of that, and copy them; None to start without them
        """
        path = self.path.with_name(f"{self.path.name}.{uuid4().hex}")
        with self._stream, path.open("xb") as new:
            while digests is not None and (block := self._stream.read(BUFFER)):
                digests.update(block)
                new.write(block)
        path.replace(self.path)
        self._is_own = True
        self._open()

    def write(self, data: bytes) -> None:
        """Append bytes: an unbuffered file may take only a part, for example just before the disk is full."""
        written = self._stream.write(data)
        while written < len(data):
            written += self._stream.write(memoryview(data)[written:])

    def ready(self) -> None:
        """Return None: writing has waited for the disk."""

    def close(self) -> None:
        """Close it."""
        if not self._stream.closed:
            self.inode = os.fstat(self._stream.fileno()).st_ino
        self._stream.close()

    def discard(self) -> None:
        """Delete it."""
        self.path.unlink(missing_ok=True)

    def date(self, upload_time: float | None) -> None:
        """Set its modification time."""
        if upload_time is not None:
            os.utime(self.path, (upload_time, upload_time))
