"""Where a mirror's files lie, as the rest of minimirror sees it: a folder, or a bucket of an object store.

Both have a local folder for the catalog, the lock and unfinished transfers.
"""

from __future__ import annotations

import os
import time
from abc import ABC, abstractmethod
from collections.abc import Callable, Collection, Iterable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from functools import partial
from pathlib import Path
from typing import Any, TypeVar

from minimirror.common import MinimirrorError, StoredFile, is_disk_full, is_link, open_regular
from minimirror.storage.lock import hold, holder, is_held

__all__ = ["BESIDE", "DiskFullError", "FolderBusyError", "FolderError", "NoRoomError", "Repository"]

_T = TypeVar("_T")

_ROOM = 1 << 20
"""Bytes that the catalog may need when the disk is full, to record what was fetched."""

_KEPT_PARTIAL = 7 * 86400.0
"""Seconds that an unfinished transfer is kept, so that a later run can resume it."""

BESIDE = ("-wal", "-shm", "-journal")
"""What SQLite adds to the catalog's name for its own files."""


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


class Repository(ABC):
    """Where a mirror's files lie. ``str()`` names it in messages."""

    has_copies = False
    """Whether other machines read copies of the catalog, which :meth:`save_catalog` makes."""

    def __init__(self, state: Path) -> None:
        self.state = state
        """minimirror's own local folder."""
        self.partial = state / "partial"
        """Where files are written until they are complete."""
        self.catalog = state / "catalog.sqlite"
        self.demand = state / "demand.sqlite"
        """What clients of the server asked for."""
        self._own: tuple[Path, ...] = ()
        """Other folders and databases of minimirror's own."""

    @abstractmethod
    def __str__(self) -> str:
        """Return the path or address, as messages name it."""

    # The files

    @abstractmethod
    def exists(self) -> bool:
        """Return whether it exists, as far as this user may know."""

    @abstractmethod
    def filenames(self) -> Iterator[str]:
        """Yield the names of the files, except hidden ones.

        :raises FolderError: they cannot be listed
        """

    @abstractmethod
    def sizes(self) -> Iterator[tuple[str, int | None]]:
        """Yield what has the name of a file: its name, and its bytes; None if it is no regular file.

        :raises FolderError: they cannot be listed
        """

    @abstractmethod
    def size(self, filename: str) -> int | None:
        """Return the size of a file in bytes; None if it does not exist.

        :raises FolderError: that cannot be found out
        """

    @abstractmethod
    def occupied(self, filename: str) -> bool:
        """Return whether there is anything with this name."""

    def is_file(self, filename: str) -> bool:
        """Return whether there is a file with this name, or a link to one."""
        return self.occupied(filename)

    @abstractmethod
    def file(self, filename: str) -> StoredFile:
        """Return a file, to read it."""

    @abstractmethod
    def free(self) -> int | None:
        """Return the bytes that can be written; None if there is no limit.

        :raises FolderError: that cannot be found out
        """

    @abstractmethod
    def place(self, partial: str, filename: str, *, replace: bool, inode: int | None = None) -> None:
        """Move a verified file into its place.

        :param partial: its name among the unfinished transfers
        :param replace: whether it may replace a file with this name that minimirror placed
        :param inode: of the file that was verified; None for any file
        :raises FileExistsError: the name is taken by something that must not be replaced
        :raises OSError: it cannot be moved
        """

    def submit(self, function: Callable[..., _T], *arguments: Any, **more: Any) -> Callable[[], _T]:
        """Begin to do something, and return what waits for it; in a folder, it is done only then."""
        return partial(function, *arguments, **more)

    @abstractmethod
    def sync(self) -> None:
        """Make everything that was written so far survive a power cut. Any thread may call this."""

    @abstractmethod
    def delete(self, filename: str) -> None:
        """Delete a file that minimirror placed, if it still exists.

        :raises OSError: it cannot be deleted
        """

    def changed(self) -> int:
        """Return what changes when files are added or removed, if the catalog may not tell.

        :raises FolderError: that cannot be found out
        """
        return 0

    def refresh(self) -> None:  # noqa: B027 - a folder has the newest
        """Fetch the newest catalog, if it is kept elsewhere, to read it without the lock.

        :raises FolderError: that is not possible
        """

    # The local folder

    def has_catalog(self) -> bool:
        """Return whether a run has started here."""
        return os.path.exists(self.catalog)  # noqa: PTH110 - which answers where it may not look

    def require(self) -> None:
        """Check that there is a folder.

        :raises FolderError: there is none
        """
        if not self.exists():
            raise FolderError(
                f"repository {self}: there is no such folder; create it, or run `minimirror run`"
            )

    def require_catalog(self) -> None:
        """Fetch the newest catalog, and check that there is one.

        :raises FolderError: there is none, or it cannot be fetched
        """
        self.refresh()
        if not self.has_catalog():
            raise FolderError(f"repository {self}: no catalog found; run `minimirror run` first")

    def prepare(self) -> None:
        """Create the folders that do not exist. git then ignores minimirror's own.

        :raises FolderError: they cannot be created or written
        """
        self._refuse_links()
        with self.explained():
            is_new = not self.state.exists()
            self.partial.mkdir(parents=True, exist_ok=True)
            if is_new:
                with open(self.state / ".gitignore", "x", opener=open_regular) as ignored:
                    ignored.write("*\n")
        folders = (self.state.parent, self.partial)
        if not all(os.access(folder, os.R_OK | os.W_OK | os.X_OK) for folder in folders):
            raise FolderError(f"repository {self}: no permission to read and write in it")

    def _refuse_links(self) -> None:
        """Check that minimirror's own folders, and the catalog, are in this folder.

        :raises FolderError: one is a link
        """
        paths = (self.state, self.partial, self.catalog, self.demand, *self._own)
        for path in (each.with_name(each.name + suffix) for each in paths for suffix in ("", *BESIDE)):
            if is_link(path):
                raise FolderError(
                    f"repository {self}: {path} is a link, which minimirror does not follow: remove it,"
                    " or replace it by what it leads to"
                )

    def unfinished(self) -> tuple[int, int]:
        """Return how many transfers are unfinished, and the bytes that they have so far."""
        sizes = [size for size, _ in _sizes(self.partial.glob("*")) if size]
        return len(sizes), sum(sizes)

    def delete_leftovers(self, *, everything: bool) -> None:
        """Delete unfinished transfers: all of them, or those that have not changed for a week."""
        limit = time.time() - _KEPT_PARTIAL
        for path in self.partial.iterdir():
            with suppress(OSError):
                # Not st_mtime: a verified file that was not placed has its upload time already.
                if everything or path.lstat().st_ctime < limit:
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

    def save_catalog(self) -> None:  # noqa: B027 - there is nothing to do for a folder
        """Let other machines read what is committed. In a folder, they can already.

        :raises OSError: it cannot be saved
        """

    def set_catalog_aside(self) -> Path:
        """Rename a damaged catalog, so that a new one can be created. Return the new name."""
        aside = self.state / f"catalog.damaged-{time.time_ns()}.sqlite"
        for suffix in BESIDE:
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
            with self.explained():
                held = stack.enter_context(hold(self.state))
            if not held:
                raise self.busy(holder(self.state))
            yield

    def busy(self, who: str) -> FolderBusyError:
        """Return the error to raise if another process has locked it, which may be unknown."""
        return FolderBusyError(": ".join(filter(None, (f"repository {self}", "locked by another run", who))))

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
        return kind(f"repository {self}: {error.strerror or error}{place}")


def _sizes(paths: Iterable[Path]) -> Iterator[tuple[int, Path]]:
    """Yield the sizes of files, without those that a run has just placed or deleted."""
    for path in paths:
        with suppress(FileNotFoundError):
            yield path.lstat().st_size, path
