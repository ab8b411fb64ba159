"""The folder ``simple/`` in the mirror. Complete pages are renamed into it."""

from __future__ import annotations

import filecmp
import os
import stat
from collections.abc import Iterable, Iterator
from contextlib import suppress
from pathlib import Path

from minimirror.common import is_link, open_regular, refuse_link
from minimirror.publish.static.pages import HTML, JSON, MARK, MARKED, PageStore, SimpleError
from minimirror.storage import MirrorFolder

__all__ = ["PageFolder"]


class PageFolder(PageStore):
    """The pages on disk."""

    path: Path

    def __init__(self, folder: MirrorFolder) -> None:
        super().__init__(folder.simple, folder.partial)
        self._mark = folder.simple / MARK

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
            raise SimpleError(self.path)
        with open(self._mark, "w", encoding="utf-8", opener=open_regular) as stream:
            stream.write(MARKED)

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
