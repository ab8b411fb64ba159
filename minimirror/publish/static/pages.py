"""The pages of the static index, in a folder or a bucket. Complete pages are moved into their places."""

from __future__ import annotations

import filecmp
import itertools
import os
import stat
from abc import ABC, abstractmethod
from collections.abc import Iterable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, cast

from minimirror.common import is_link, open_regular, refuse_link
from minimirror.storage import FolderError, MirrorFolder, Repository

if TYPE_CHECKING:
    # A mirror in a folder starts sooner without.
    from minimirror.storage import MirrorBucket

__all__ = ["HTML", "JSON", "PageStore", "SimpleError", "open_pages"]

HTML, JSON = "index.html", "index.json"

_MARK = ".minimirror"
_MARKED = b"minimirror created this folder and keeps it up to date. `minimirror index --remove` deletes it.\n"


class SimpleError(FolderError):
    """There is a folder ``simple/`` that minimirror did not create."""

    def __init__(self, path: Path | str) -> None:
        super().__init__(
            f"{path} exists, but minimirror did not create it: move it away, or turn off the"
            ' static index ("simple": false)'
        )


def open_pages(repository: Repository) -> PageStore:
    """Return the pages of a mirror."""
    if isinstance(repository, MirrorFolder):
        return _PageFolder(repository)
    return _PageBucket(cast("MirrorBucket", repository))


class PageStore(ABC):
    """The pages. ``project`` is a normalized name, or empty for the root."""

    def __init__(self, path: Path | str, partial: Path) -> None:
        """Name the place.

        :param partial: the local folder for what is not in its place yet
        """
        self.path = path
        self._partial = partial
        self._number = itertools.count()

    @property
    def exists(self) -> bool:
        """Whether it exists and minimirror created it."""
        return self._has("", _MARK)

    def create(self) -> None:
        """Create it if it does not exist.

        :raises SimpleError: the name is taken by something that minimirror did not create
        :raises OSError: it cannot be created
        """
        if self.exists:
            return
        if self._is_taken():
            raise SimpleError(self.path)
        self.place(self._stage(_MARK, [_MARKED]), "", _MARK)

    def content(self, project: str, name: str) -> bytes | None:
        """Return a page; None if it does not exist."""
        return self._read(project, name) if self._has(project, name) else None

    def has(self, project: str) -> bool:
        """Return whether both pages of a project exist."""
        return self._has(project, HTML) and self._has(project, JSON)

    def stage(self, project: str, name: str, content: bytes) -> str | None:
        """Write a page to the partial folder if it differs from the one in place.

        :returns: its name in the partial folder; None if it does not differ
        :raises OSError: it cannot be written
        """
        return None if self.content(project, name) == content else self._stage(name, [content])

    def stage_root(self, name: str, content: Iterable[bytes]) -> str | None:
        """Do the same for a root, which may be too long for the memory."""
        return self._stage(name, content)

    def _stage(self, name: str, content: Iterable[bytes]) -> str:
        # With a number: a page may be written again before it is placed.
        staged = f"{next(self._number)}.{name}"
        path = self._partial / staged
        with open(path, "wb", buffering=1 << 20, opener=open_regular) as stream:
            stream.writelines(content)
        return staged

    @abstractmethod
    def place(self, staged: str, project: str, name: str) -> None:
        """Move a page into its place; in a bucket, syncing waits until it is there.

        :param staged: its name in the partial folder
        :raises OSError: it cannot be moved
        """

    def delete(self, project: str) -> None:
        """Delete a project's pages.

        :raises OSError: they cannot be deleted
        """
        for name in (HTML, JSON):
            self._delete(project, name)

    def delete_all(self) -> None:
        """Delete everything that minimirror put into it.

        :raises OSError: it cannot be deleted
        """
        for project in ("", *self.projects()):
            self.delete(project)
        self._delete("", _MARK)

    @abstractmethod
    def projects(self) -> Iterator[str]:
        """Yield the projects that may have pages."""

    @abstractmethod
    def _is_taken(self) -> bool: ...

    @abstractmethod
    def _has(self, project: str, name: str) -> bool: ...

    @abstractmethod
    def _read(self, project: str, name: str) -> bytes: ...

    @abstractmethod
    def _delete(self, project: str, name: str) -> None: ...


class _PageFolder(PageStore):
    """The folder ``simple/`` in the mirror."""

    path: Path

    def __init__(self, folder: MirrorFolder) -> None:
        super().__init__(folder.simple, folder.partial)

    def _is_taken(self) -> bool:
        # A killed run may have left an empty folder.
        return os.path.lexists(self.path) and (
            is_link(self.path) or not self.path.is_dir() or any(self.path.iterdir())
        )

    def _has(self, project: str, name: str) -> bool:
        if self._is_behind_link(project):
            return False
        try:
            return stat.S_ISREG((self.path / project / name).lstat().st_mode)
        except OSError:
            return False

    def _is_behind_link(self, project: str) -> bool:
        return is_link(self.path) or is_link(self.path / project)

    def _read(self, project: str, name: str) -> bytes:
        with open(self.path / project / name, "rb", opener=open_regular) as stream:
            return stream.read()

    def stage_root(self, name: str, content: Iterable[bytes]) -> str | None:
        staged = self._stage(name, content)
        if self._has("", name) and filecmp.cmp(self._partial / staged, self.path / name, shallow=False):
            (self._partial / staged).unlink()
            return None
        return staged

    def place(self, staged: str, project: str, name: str) -> None:
        folder = self.path / project
        refuse_link(self.path)
        refuse_link(folder)
        try:
            os.replace(self._partial / staged, folder / name)  # noqa: PTH105
        except FileNotFoundError:
            folder.mkdir(exist_ok=True)
            os.replace(self._partial / staged, folder / name)  # noqa: PTH105

    def _delete(self, project: str, name: str) -> None:
        """Delete a page, and its folder if nothing else is in it."""
        if self._is_behind_link(project):
            return
        folder = self.path / project
        with suppress(NotADirectoryError):
            (folder / name).unlink(missing_ok=True)
        with suppress(OSError):
            folder.rmdir()

    def projects(self) -> Iterator[str]:
        with os.scandir(self.path) as entries:
            yield from (entry.name for entry in entries if entry.is_dir(follow_symlinks=False))


class _PageBucket(PageStore):
    """What is under ``simple/`` in a bucket."""

    def __init__(self, bucket: MirrorBucket) -> None:
        super().__init__(f"{bucket}/simple", bucket.partial)
        self._bucket = bucket

    def _is_taken(self) -> bool:
        return any(self._bucket.names("simple/"))

    def _has(self, project: str, name: str) -> bool:
        return self._bucket.occupied(_key(project, name))

    def _read(self, project: str, name: str) -> bytes:
        return self._bucket.read(_key(project, name))

    def place(self, staged: str, project: str, name: str) -> None:
        self._bucket.send(staged, _key(project, name))

    def _delete(self, project: str, name: str) -> None:
        self._bucket.delete(_key(project, name))

    def projects(self) -> Iterator[str]:
        names = (name.split("/") for name in self._bucket.names("simple/"))
        yield from dict.fromkeys(parts[1] for parts in names if len(parts) > 2)  # noqa: PLR2004


def _key(project: str, name: str) -> str:
    return f"simple/{project}/{name}" if project else f"simple/{name}"
