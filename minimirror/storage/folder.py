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
from collections.abc import Callable, Collection, Iterable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path

from minimirror.common import MinimirrorError, is_disk_full, is_link, open_regular, refuse_link
from minimirror.storage.lock import hold, holder, is_held

__all__ = ["DiskFullError", "FolderBusyError", "FolderError", "MirrorFolder", "NoRoomError", "sync_names"]

_ROOM = 1 << 20
"""Bytes that the catalog may need when the disk is full, to record what was fetched."""

_KEPT_PARTIAL = 7 * 86400.0
"""Seconds that an unfinished transfer is kept, so that a later run can resume it."""

_BESIDE = ("-wal", "-shm", "-journal")
"""What SQLite adds to the catalog's name for files of its own."""

_KEPT_RETIRED = 600.0
"""Seconds within which an installer downloads a file after it has read the page."""


class FolderError(MinimirrorError):
    """The folder cannot be used."""

    exit_code = 2


class DiskFullError(FolderError):
    """The disk or a quota is full."""

    exit_code = 1


class NoRoomError(FolderError):
    """The files do not fit on the disk. Nothing was deleted."""

    exit_code = 1


class FolderBusyError(FolderError):
    """Another run has locked the folder."""

    exit_code = 1


class MirrorFolder:
    """The flat folder."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.state = path / ".minimirror"
        """minimirror's own folder. pip does not look into it, and pypiserver ignores hidden folders."""
        self.partial = self.state / "partial"
        """Where files are written until they are complete."""
        self.retired = self.state / "retired"
        """Where deleted files are moved while the folder is served. It exists only then."""
        self.uploads = self.state / "uploads"
        """Where uploads are written until they are complete."""
        self.catalog = self.state / "catalog.sqlite"
        self.demand = self.state / "demand.sqlite"
        """What clients of the server asked for."""
        self.arriving = self.state / "arriving"
        """Where files that come on demand are written until they are complete."""
        self.simple = path / "simple"
        """The static index, if there is one."""
        # As text, for what is done to each file: pathlib takes longer than the system call.
        self._prefix = f"{path}{os.sep}"
        self._partial_prefix = f"{self.partial}{os.sep}"

    def has_catalog(self) -> bool:
        """Return whether a run has started here."""
        return os.path.exists(self.catalog)  # noqa: PTH110 - which answers where it may not look

    def require_catalog(self) -> None:
        """Check that a run has started here.

        :raises FolderError: there is no catalog
        """
        if not self.has_catalog():
            raise FolderError(f"repository {self.path}: no catalog found; run `minimirror run` first")

    def prepare(self) -> None:
        """Create the folders that do not exist. git then ignores minimirror's own.

        :raises FolderError: they cannot be created or written
        """
        self._refuse_links()
        try:
            is_new = not self.state.exists()
            self.partial.mkdir(parents=True, exist_ok=True)
            if is_new:
                with open(self.state / ".gitignore", "x", opener=open_regular) as ignored:
                    ignored.write("*\n")
        except OSError as error:
            raise self.unusable(error) from None
        if not all(os.access(folder, os.R_OK | os.W_OK | os.X_OK) for folder in (self.path, self.partial)):
            raise FolderError(f"repository {self.path}: no permission to read and write in it")

    def _refuse_links(self) -> None:
        """Check that minimirror's own folders, and the catalog, are in this folder.

        :raises FolderError: one is a link
        """
        databases = (self.catalog, self.demand)
        beside = [each.with_name(each.name + suffix) for each in databases for suffix in ("", *_BESIDE)]
        for path in (self.state, self.partial, self.retired, self.uploads, self.arriving, *beside):
            if is_link(path):
                raise FolderError(
                    f"repository {self.path}: {path} is a link, which minimirror does not follow: remove it,"
                    " or replace it by what it leads to"
                )

    def size(self, filename: str) -> int | None:
        """Return the size of a regular file in the folder in bytes; None if it does not exist.

        :raises FolderError: the folder cannot be searched
        """
        found = self.look_up(filename)
        return found.st_size if found and stat.S_ISREG(found.st_mode) else None

    def look_up(self, filename: str) -> os.stat_result | None:
        """Return what the folder has with this name, whatever it is; None if there is nothing.

        :raises FolderError: the folder cannot be searched
        """
        try:
            return os.lstat(self._prefix + filename)
        except (FileNotFoundError, NotADirectoryError):
            return None
        except OSError as error:
            raise self.unusable(error) from None

    def changed(self) -> int:
        """Return when a file was last added to the folder or removed from it, in nanoseconds since the epoch.

        :raises FolderError: the folder cannot be searched
        """
        try:
            return os.stat(self.path).st_mtime_ns  # noqa: PTH116
        except OSError as error:
            raise self.unusable(error) from None

    def filenames(self) -> Iterator[str]:
        """Yield the names of the files in the folder and of links to files, except hidden ones.

        :raises FolderError: the folder cannot be searched
        """
        try:
            with os.scandir(self.path) as entries:
                for entry in entries:
                    if not entry.name.startswith(".") and _is_file(entry):
                        yield entry.name
        except OSError as error:
            raise self.unusable(error) from None

    def free(self) -> int:
        """Return the bytes that can be written to the folder; unfinished transfers count as free.

        The folder need not exist yet.

        :raises FolderError: the folder cannot be searched
        """
        there = next(each for each in (self.path, *self.path.parents) if each.exists())
        try:
            return shutil.disk_usage(there).free + self.unfinished()[1]
        except OSError as error:
            raise self.unusable(error) from None

    def unfinished(self) -> tuple[int, int]:
        """Return how many transfers are unfinished, and the bytes that they have so far."""
        sizes = [size for size, _ in _sizes(self.partial.glob("*")) if size]
        return len(sizes), sum(sizes)

    def occupied(self, filename: str) -> bool:
        """Return whether the folder has anything with this name."""
        return os.path.lexists(self._prefix + filename)

    def place(self, partial: str, filename: str, *, replace: bool) -> None:
        """Move a verified file into the folder.

        :param partial: its name in the partial folder, or its path
        :param replace: whether it may replace a file with this name that minimirror placed
        :raises FileExistsError: the name is taken by something that must not be replaced
        :raises OSError: it cannot be moved, or is not a regular file
        """
        source = os.path.join(self._partial_prefix, partial)  # noqa: PTH118 - faster than pathlib
        if not stat.S_ISREG(os.lstat(source).st_mode):
            raise OSError(errno.EINVAL, f"{source} is a link or a special file; remove it")
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

    def delete_leftovers(self, *, everything: bool) -> None:
        """Delete unfinished transfers: all of them, or those that have not changed for a week."""
        limit = time.time() - _KEPT_PARTIAL
        for path in self.partial.iterdir():
            with suppress(OSError):
                # Not st_mtime: a verified file that was not placed has its upload time already.
                if everything or path.lstat().st_ctime < limit:
                    path.unlink()
        self.delete_expired()

    def delete_expired(self) -> None:
        """Delete files that were kept aside long enough, and unfinished uploads."""
        limit = time.time() - _KEPT_RETIRED
        folders = (each for each in (self.retired, self.uploads) if not is_link(each))
        for path in (path for folder in folders for path in folder.glob("*")):
            with suppress(OSError):
                # A rename changes that time, as writing does.
                if path.lstat().st_ctime < limit:
                    path.unlink()

    def make_room(self, keep: Collection[str]) -> None:
        """Delete unfinished transfers, the shortest first, so that the catalog can be written on a full disk.

        :param keep: names in the partial folder that must not be deleted
        """
        room = 0
        for size, path in sorted(_sizes(self.partial.iterdir())):
            if path.name not in keep and room < _ROOM:
                with suppress(OSError):
                    path.unlink()
                room += size

    def set_catalog_aside(self) -> Path:
        """Rename a damaged catalog, so that a new one can be created. Return the new name."""
        aside = self.state / f"catalog.damaged-{time.time_ns()}.sqlite"
        for suffix in _BESIDE:
            # Do this first, or SQLite would use them for the new catalog.
            self.catalog.with_name(self.catalog.name + suffix).unlink(missing_ok=True)
        self.catalog.rename(aside)
        return aside

    @contextmanager
    def lock(self) -> Iterator[None]:
        """Lock the folder, so that no second run works on it at the same time.

        The operating system releases the lock when the process ends, even if it is killed.

        :raises FolderBusyError: another process has locked it
        :raises FolderError: it cannot be locked
        """
        with ExitStack() as stack:
            try:
                held = stack.enter_context(hold(self.state))
            except OSError as error:
                raise self.unusable(error) from None
            if not held:
                parts = (f"repository {self.path}", "locked by another run", holder(self.state))
                raise FolderBusyError(": ".join(filter(None, parts)))
            yield

    def holder(self) -> str | None:
        """Return who has locked the folder, without waiting; None if nobody has."""
        return (holder(self.state) or "process unknown") if is_held(self.state) else None

    @contextmanager
    def explained(self) -> Iterator[None]:
        """Turn an error of the operating system into one that names the folder.

        :raises FolderError: instead of :exc:`OSError`
        """
        try:
            yield
        except OSError as error:
            raise self.unusable(error) from None

    def unusable(self, error: OSError) -> FolderError:
        """Return the error to raise after an error of the operating system."""
        kind = DiskFullError if is_disk_full(error) else FolderError
        place = f" ({error.filename})" if error.filename else ""
        return kind(f"repository {self.path}: {error.strerror or error}{place}")


def _sizes(paths: Iterable[Path]) -> Iterator[tuple[int, Path]]:
    """Yield the sizes of files, without those that a run has just placed or deleted."""
    for path in paths:
        with suppress(FileNotFoundError):
            yield path.lstat().st_size, path


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
