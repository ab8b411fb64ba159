"""The folder ``simple/`` in the mirror. Complete pages are renamed into it."""

from __future__ import annotations

import filecmp
import itertools
import os
import stat
from collections.abc import Iterable, Iterator
from contextlib import suppress
from pathlib import Path

from minimirror.common import is_link, open_regular, refuse_link
from minimirror.storage import FolderError, MirrorFolder

__all__ = ["HTML", "JSON", "PageFolder", "SimpleError"]

HTML, JSON = "index.html", "index.json"

_MARK = ".minimirror"
_MARKED = "minimirror created this folder and keeps it up to date. `minimirror index --remove` deletes it.\n"


class SimpleError(FolderError):
    """There is a folder ``simple/`` that minimirror did not create."""


class PageFolder:
    """The pages on disk. ``project`` is a normalized name, or empty for the root."""

    def __init__(self, folder: MirrorFolder) -> None:
        self.path = folder.simple
        self._partial = folder.partial
        self._mark = self.path / _MARK
        self._number = itertools.count()

    @property
    def exists(self) -> bool:
        """Whether it exists and minimirror created it."""
        return not is_link(self.path) and _is_regular(self._mark)

    def create(self) -> None:
        """Create it if it does not exist.

        :raises SimpleError: the name is taken by something that minimirror did not create
        :raises OSError: it cannot be created
        """
        if self.exists:
            return
        with suppress(FileExistsError):
            self.path.mkdir()
        # A killed run may have left an empty one.
        if is_link(self.path) or not self.path.is_dir() or any(self.path.iterdir()):
            raise SimpleError(
                f"{self.path} exists, but minimirror did not create it: move it away, or turn off the"
                ' static index ("simple": false)'
            )
        with open(self._mark, "w", encoding="utf-8", opener=open_regular) as stream:
            stream.write(_MARKED)

    def stage(self, project: str, name: str, content: bytes) -> str | None:
        """Write a page to the partial folder if it differs from the one in place.

        :returns: its name in the partial folder; None if it does not differ

        :raises OSError: it cannot be written
        """
        return None if self.content(project, name) == content else self._stage(name, [content])

    def content(self, project: str, name: str) -> bytes | None:
        """Return a page; None if there is no regular file in its place."""
        if not self._has(project, name):
            return None
        with open(self.path / project / name, "rb", opener=open_regular) as stream:
            return stream.read()

    def stage_stream(self, name: str, content: Iterable[bytes]) -> str | None:
        """Do the same for a root, which may be too long for the memory.

        :raises OSError: it cannot be written
        """
        staged = self._stage(name, content)
        if self._has("", name) and filecmp.cmp(self._partial / staged, self.path / name, shallow=False):
            (self._partial / staged).unlink()
            return None
        return staged

    def _stage(self, name: str, content: Iterable[bytes]) -> str:
        # With a number: a page may be written again before it is placed.
        staged = f"{next(self._number)}.{name}"
        path = self._partial / staged
        with open(path, "wb", buffering=1 << 20, opener=open_regular) as stream:
            stream.writelines(content)
        return staged

    def place(self, staged: str, project: str, name: str) -> None:
        """Move a page into its place.

        :param staged: its name in the partial folder
        :raises OSError: it cannot be moved
        """
        folder = self.path / project
        refuse_link(self.path)
        refuse_link(folder)
        try:
            os.replace(self._partial / staged, folder / name)  # noqa: PTH105
        except FileNotFoundError:
            folder.mkdir(exist_ok=True)
            os.replace(self._partial / staged, folder / name)  # noqa: PTH105

    def has(self, project: str) -> bool:
        """Return whether both pages of a project exist."""
        return all(self._has(project, name) for name in (HTML, JSON))

    def _has(self, project: str, name: str) -> bool:
        folder = self.path / project
        return not is_link(self.path) and not is_link(folder) and _is_regular(folder / name)

    def delete(self, project: str) -> None:
        """Delete a project's pages, and their folder if nothing else is in it.

        :raises OSError: they cannot be deleted
        """
        folder = self.path / project
        if is_link(self.path) or is_link(folder):
            return
        for name in (HTML, JSON):
            with suppress(NotADirectoryError):
                (folder / name).unlink(missing_ok=True)
        with suppress(OSError):
            folder.rmdir()

    def projects(self) -> Iterator[str]:
        """Yield the names of the folders in it."""
        with os.scandir(self.path) as entries:
            yield from (entry.name for entry in entries if entry.is_dir(follow_symlinks=False))

    def delete_all(self) -> None:
        """Delete everything that minimirror put into it, and the folder itself if nothing else is in it.

        :raises OSError: it cannot be deleted
        """
        self.delete("")
        for project in list(self.projects()):
            self.delete(project)
        self._mark.unlink()
        with suppress(OSError):
            self.path.rmdir()


def _is_regular(path: Path) -> bool:
    try:
        return stat.S_ISREG(path.lstat().st_mode)
    except OSError:
        return False
