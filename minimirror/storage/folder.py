"""The repository: one flat folder of distribution files, and ``.minimirror/`` for minimirror's own.

Only whole and verified files come into the folder, by a rename on the same file system.
"""

from __future__ import annotations

import ctypes
import errno
import os
import shutil
import stat
import time
from collections.abc import Callable, Collection, Iterator
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path

from minimirror.common import MinimirrorError
from minimirror.storage.lock import hold, holder

__all__ = ["DiskFullError", "FolderBusyError", "FolderError", "MirrorFolder", "NoRoomError"]

_ROOM = 1 << 20
"""Bytes that the catalog may need to take in what has come when the disk is full."""

_KEPT_PARTIAL = 7 * 86400.0
"""Seconds that an unfinished transfer is kept for a later run to go on with."""

_KEPT_RETIRED = 600.0
"""Seconds within which an installer fetches what a page has told it of."""


class FolderError(MinimirrorError):
    """The folder cannot be used."""

    exit_code = 2


class DiskFullError(FolderError):
    """There is no room left on the disk, or in a quota."""

    exit_code = 1


class NoRoomError(FolderError):
    """What is wanted does not fit the disk; nothing has been lost."""

    exit_code = 1


class FolderBusyError(FolderError):
    """Another run holds the repository."""

    exit_code = 1


class MirrorFolder:
    """The flat folder."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.state = path / ".minimirror"
        """minimirror's own folder: pip does not look into it, pypiserver leaves hidden folders out."""
        self.partial = self.state / "partial"
        """Where files are written before they are whole."""
        self.retired = self.state / "retired"
        """Where deleted files go while the folder is served; there is no such folder otherwise."""
        self.uploads = self.state / "uploads"
        """Where uploads are written before they are whole."""
        self.catalog = self.state / "catalog.sqlite"
        self.simple = path / "simple"
        """The static index, where there is one."""
        # Text, for what is asked of each file at each run: pathlib takes longer than the system does.
        self._prefix = f"{path}{os.sep}"

    def has_catalog(self) -> bool:
        """Whether a run has begun here."""
        return os.path.exists(self.catalog)  # noqa: PTH110 - which answers where it may not look

    def prepare(self) -> None:
        """Make the folders that are not there.

        :raises FolderError: they cannot be made or written
        """
        try:
            self.partial.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise self.unusable(error) from None
        if not all(os.access(folder, os.R_OK | os.W_OK | os.X_OK) for folder in (self.path, self.partial)):
            raise FolderError(f"repository {self.path}: no permission to read and write there")

    def size(self, filename: str) -> int | None:
        """Bytes of a regular file in the folder, None where there is none.

        :raises FolderError: the folder cannot be looked into
        """
        try:
            found = os.lstat(self._prefix + filename)
        except (FileNotFoundError, NotADirectoryError):
            return None
        except OSError as error:
            raise self.unusable(error) from None
        return found.st_size if stat.S_ISREG(found.st_mode) else None

    def changed(self) -> int:
        """When anything was last put into the folder or taken out of it, in nanoseconds since the epoch.

        :raises FolderError: the folder cannot be looked into
        """
        try:
            return os.stat(self.path).st_mtime_ns  # noqa: PTH116
        except OSError as error:
            raise self.unusable(error) from None

    def filenames(self) -> Iterator[str]:
        """The names of the files in the folder, and of links to files; hidden ones left out.

        :raises FolderError: the folder cannot be looked into
        """
        try:
            with os.scandir(self.path) as entries:
                for entry in entries:
                    # Installers and servers follow links.
                    if not entry.name.startswith(".") and os.path.isfile(entry.path):  # noqa: PTH113
                        yield entry.name
        except OSError as error:
            raise self.unusable(error) from None

    def free(self) -> int:
        """Bytes that can be written to the folder, those of unfinished transfers included.

        The folder need not be there yet.

        :raises FolderError: the folder cannot be looked into
        """
        there = next(each for each in (self.path, *self.path.parents) if each.exists())
        try:
            unfinished = sum(path.lstat().st_size for path in self.partial.glob("*"))
            return shutil.disk_usage(there).free + unfinished
        except OSError as error:
            raise self.unusable(error) from None

    def occupied(self, filename: str) -> bool:
        """Whether anything of that name is in the folder."""
        return os.path.lexists(self._prefix + filename)

    def place(self, partial: str, filename: str, *, replace: bool) -> None:
        """Move a verified file into the folder.

        :param partial: its name in the partial folder
        :param replace: whether a file of that name, which minimirror placed, may be there
        :raises FileExistsError: something is there that may not be replaced
        :raises OSError: it cannot be moved
        """
        if not replace and self.occupied(filename):
            raise FileExistsError(
                errno.EEXIST, "a file of that name is there, which minimirror did not place"
            )
        os.replace(self.partial / partial, self._prefix + filename)  # noqa: PTH105

    def sync(self) -> None:
        """Have all that was written so far outlast a power cut. That may take a while; any thread may."""
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
        """Delete a file that minimirror placed; one that is gone already is no error.

        While the folder is served, a file is kept aside for a while: a moment ago somebody may have read a
        page that names it.
        """
        try:
            os.replace(self._prefix + filename, self.retired / filename)  # noqa: PTH105
        except OSError:
            (self.path / filename).unlink(missing_ok=True)

    def sweep(self, *, everything: bool) -> None:
        """Delete unfinished transfers: all, or those that nothing has gone on with for a week."""
        limit = time.time() - _KEPT_PARTIAL
        for path in self.partial.iterdir():
            with suppress(OSError):
                # Not by st_mtime: a verified file that was not placed bears its upload time already.
                if everything or path.stat().st_ctime < limit:
                    path.unlink()
        self.sweep_served()

    def sweep_served(self) -> None:
        """Delete what was retired long enough ago, and uploads that a server had to leave unfinished."""
        limit = time.time() - _KEPT_RETIRED
        for path in (*self.retired.glob("*"), *self.uploads.glob("*")):
            with suppress(OSError):
                # A rename changes that time, as writing does.
                if path.stat().st_ctime < limit:
                    path.unlink()

    def make_room(self, keep: Collection[str]) -> None:
        """On a full disk, delete unfinished transfers, the shortest first, for the catalog to go on.

        :param keep: names in the partial folder that are not to be deleted
        """
        room = 0
        for size, path in sorted((path.lstat().st_size, path) for path in self.partial.iterdir()):
            if path.name not in keep and room < _ROOM:
                with suppress(OSError):
                    path.unlink()
                room += size

    def set_catalog_aside(self) -> Path:
        """Rename a damaged catalog, so that a new one can be made; answers where it is kept."""
        aside = self.state / f"catalog.damaged-{time.time_ns()}.sqlite"
        for suffix in ("-wal", "-shm"):
            # First: SQLite would take them for the new one's.
            self.catalog.with_name(self.catalog.name + suffix).unlink(missing_ok=True)
        self.catalog.rename(aside)
        return aside

    @contextmanager
    def lock(self) -> Iterator[None]:
        """Hold the repository, so that a second run does not work on it at the same time.

        The operating system lets go of it when the process ends, however it ends.

        :raises FolderBusyError: another process holds it
        :raises FolderError: it cannot be held
        """
        with ExitStack() as stack:
            try:
                held = stack.enter_context(hold(self.state))
            except OSError as error:
                raise self.unusable(error) from None
            if not held:
                raise FolderBusyError(f"repository {self.path}: {holder(self.state)}")
            yield

    @contextmanager
    def explained(self) -> Iterator[None]:
        """Turn an error of the system into one that names the folder.

        :raises FolderError: instead of :exc:`OSError`
        """
        try:
            yield
        except OSError as error:
            raise self.unusable(error) from None

    def unusable(self, error: OSError) -> FolderError:
        """The error to raise where the system refuses something in the folder."""
        full = error.errno in {errno.ENOSPC, errno.EDQUOT}
        kind = DiskFullError if full else FolderError
        return kind(f"repository {self.path}: {_words(error)}")


def _find_syncfs() -> Callable[[int], int] | None:
    """The system call that syncs one file system, where there is one; os.sync() would wait for all disks."""
    try:
        return ctypes.CDLL(None, use_errno=True).syncfs
    except (AttributeError, OSError, TypeError):
        return None


_syncfs = _find_syncfs()
_sync_everything: Callable[[], None] = getattr(os, "sync", lambda: None)


def _words(error: OSError) -> str:
    return f"{error.strerror} ({error.filename})" if error.filename else str(error.strerror or error)
