"""The mirror's folder: one flat folder of distribution files, and ``.minimirror/`` for minimirror itself.

Only complete, verified files enter the folder, by a rename on the same file system.
"""

from __future__ import annotations

import ctypes
import errno
import os
import shutil
import stat
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path

from minimirror.common import is_link, refuse_link
from minimirror.storage.repository import Repository

__all__ = ["MirrorFolder", "sync_names"]

_KEPT_RETIRED = 600.0
"""Seconds within which an installer downloads a file after it has read the page."""


class MirrorFolder(Repository):
    """The flat folder. pip does not look into ``.minimirror/``, and pypiserver ignores hidden folders."""

    def __init__(self, path: Path) -> None:
        super().__init__(path / ".minimirror")
        self.path = path
        self.retired = self.state / "retired"
        """Where deleted files are moved while the folder is served. It exists only then, and a
        while longer."""
        self.uploads = self.state / "uploads"
        """Where uploads are written until they are complete."""
        self.arriving = self.state / "arriving"
        """Where files fetched on demand are written until they are complete."""
        self._own = (self.retired, self.uploads, self.arriving)
        self.simple = path / "simple"
        """The static index, if there is one."""
        # As text, for what is done to each file: pathlib takes longer than the system call.
        self._prefix = f"{path}{os.sep}"
        self._partial_prefix = f"{self.partial}{os.sep}"

    def __str__(self) -> str:
        return str(self.path)

    def exists(self) -> bool:
        """Return whether it exists; False if this user may not look."""
        return os.path.isdir(self.path)  # noqa: PTH112 - pathlib raises an error then

    def is_file(self, filename: str) -> bool:
        """Return whether there is a file with this name, or a link to one."""
        return (self.path / filename).is_file()

    def file(self, filename: str) -> Path:
        """Return a file, to read it."""
        return self.path / filename

    def size(self, filename: str) -> int | None:
        """Return the size of a regular file in the folder in bytes; None if it does not exist."""
        try:
            found = os.lstat(self._prefix + filename)
        except (FileNotFoundError, NotADirectoryError):
            return None
        except OSError as error:
            raise self.unusable(error) from None
        return found.st_size if stat.S_ISREG(found.st_mode) else None

    def changed(self) -> int:
        """Return when a file was last added to the folder or removed from it, in nanoseconds."""
        with self.explained():
            return os.stat(self.path).st_mtime_ns  # noqa: PTH116

    def filenames(self) -> Iterator[str]:
        """Yield the names of the files in the folder and of links to files, except hidden ones."""
        with self.explained(), os.scandir(self.path) as entries:
            for entry in entries:
                if not entry.name.startswith(".") and _is_file(entry):
                    yield entry.name

    def sizes(self) -> Iterator[tuple[str, int | None]]:
        """Yield everything in the folder: its name, and its bytes; None if it is no regular file."""
        with self.explained(), suppress(FileNotFoundError), os.scandir(self.path) as entries:
            for entry in entries:
                is_regular = entry.is_file(follow_symlinks=False)
                yield entry.name, entry.stat(follow_symlinks=False).st_size if is_regular else None

    def free(self) -> int:
        """Return the bytes that can be written to the folder, which need not exist yet.

        Unfinished transfers count as free.
        """
        with self.explained():
            there = next(each for each in (self.path, *self.path.parents) if each.exists())
            return shutil.disk_usage(there).free + self.unfinished()[1]

    def occupied(self, filename: str) -> bool:
        """Return whether the folder has anything with this name."""
        return os.path.lexists(self._prefix + filename)

    def place(self, partial: str, filename: str, *, replace: bool, inode: int | None = None) -> None:
        """Move a verified file into the folder by a rename.

        :param partial: its name in the partial folder, or its path
        """
        # A name or a path; os.path.join takes longer.
        source = partial if os.sep in partial else self._partial_prefix + partial
        found = os.lstat(source)
        if not stat.S_ISREG(found.st_mode):
            raise OSError(errno.EINVAL, f"{source} is a link or a special file; remove it")
        if inode not in {None, found.st_ino}:
            raise OSError(errno.EBUSY, f"another process has replaced {source}; run again")
        if not replace and self.occupied(filename):
            raise FileExistsError(
                errno.EEXIST, "the folder has a file with this name that minimirror did not place"
            )
        os.replace(source, self._prefix + filename)  # noqa: PTH105

    def sync(self) -> None:
        """Make everything that was written so far survive a power cut. Any thread may call this."""
        if _syncfs is None:
            _sync_everything()
            return
        folder = os.open(self.state, os.O_RDONLY)
        try:
            if _syncfs(folder) != 0:
                number = ctypes.get_errno()
                raise OSError(number, os.strerror(number), str(self.state))
        finally:
            os.close(folder)

    def delete(self, filename: str) -> None:
        """Delete a file that minimirror placed, if it still exists.

        While the folder is served, the file is kept aside for a while: an installer may just have read a
        page that lists it.
        """
        try:
            refuse_link(self.retired)
            os.replace(self._prefix + filename, self.retired / filename)  # noqa: PTH105
        except OSError:
            (self.path / filename).unlink(missing_ok=True)

    def keep_deleted(self) -> None:
        """Have deleted files kept aside. Called by a server every minute; several may serve the folder.

        :raises OSError: its folder for them cannot be created, or is a link
        """
        self.retired.mkdir(exist_ok=True)
        refuse_link(self.retired)
        os.utime(self.retired)

    def delete_leftovers(self, *, everything: bool) -> None:
        """Delete unfinished transfers, as any repository, and what :meth:`delete_expired` does."""
        super().delete_leftovers(everything=everything)
        self.delete_expired()

    def delete_expired(self) -> None:
        """Delete files that were kept aside long enough, and what servers that were killed have left."""
        limit = time.time() - _KEPT_RETIRED
        with suppress(OSError):
            if self.retired.lstat().st_mtime < limit:
                # No server keeps it. If there are files in it, they expire first.
                self.retired.rmdir()
        folders = (each for each in (self.retired, self.uploads, self.arriving) if not is_link(each))
        for path in (path for folder in folders for path in folder.glob("*")):
            with suppress(OSError):
                # A rename changes that time, as writing does.
                if path.lstat().st_ctime < limit:
                    path.unlink()


def _is_file(entry: os.DirEntry[str]) -> bool:
    """Return whether this is a file, or a link to one: installers and servers follow links."""
    # The system tells the type with the name; only a link must be looked up.
    return entry.is_file(follow_symlinks=False) or (entry.is_symlink() and os.path.isfile(entry.path))  # noqa: PTH113


def sync_names(folder: Path) -> None:
    """Make the names in any folder outlast a power cut, if the system can do that."""
    with suppress(OSError):
        handle = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(handle)
        finally:
            os.close(handle)


def _find_syncfs() -> Callable[[int], int] | None:
    """Return the system call that syncs one file system; os.sync() would wait for all disks."""
    try:
        return ctypes.CDLL(None, use_errno=True).syncfs
    except (AttributeError, OSError, TypeError):
        return None


_syncfs = _find_syncfs()
_sync_everything: Callable[[], None] = getattr(os, "sync", lambda: None)
