"""The folder ``simple/`` in the repository, into which pages come whole, by a rename."""

from __future__ import annotations

import filecmp
import itertools
import os
from collections.abc import Iterable, Iterator
from contextlib import suppress

from minimirror.storage import FolderError, MirrorFolder

__all__ = ["HTML", "JSON", "Folder", "SimpleError"]

HTML, JSON = "index.html", "index.json"

_MARK = ".minimirror"
_MARKED = "minimirror made this folder and keeps it true. `minimirror index --remove` removes it.\n"


class SimpleError(FolderError):
    """The folder ``simple/`` is somebody's own."""


class Folder:
    """The pages on the disk. ``project`` is a normalized name, or empty for the root."""

    def __init__(self, repository: MirrorFolder) -> None:
        self.path = repository.simple
        self._partial = repository.partial
        self._mark = self.path / _MARK
        self._number = itertools.count()
        self._staged: set[str] = set()

    @property
    def is_here(self) -> bool:
        """Whether minimirror has made it."""
        return self._mark.is_file()

    @property
    def staged(self) -> set[str]:
        """The names in the partial folder of the pages that are written and not yet placed."""
        return self._staged

    def make(self) -> None:
        """Make it where it is not there.

        :raises SimpleError: something of that name is there that minimirror did not make
        :raises OSError: it cannot be made
        """
        if self.is_here:
            return
        with suppress(FileExistsError):
            self.path.mkdir()
        # An empty one may be a killed run's.
        if not self.path.is_dir() or any(self.path.iterdir()):
            raise SimpleError(
                f"{self.path} is there and minimirror did not make it: move it away, or do without the static"
                ' index ("simple": false)'
            )
        self._mark.write_text(_MARKED, encoding="utf-8")

    def stage(self, project: str, name: str, content: bytes) -> str | None:
        """Write a page to the partial folder, if it differs from what is there; answers its name there.

        :raises OSError: it cannot be written
        """
        return None if self.content(project, name) == content else self._stage(name, [content])

    def content(self, project: str, name: str) -> bytes | None:
        """A page as it is there, None where it is not."""
        try:
            return (self.path / project / name).read_bytes()
        except (FileNotFoundError, NotADirectoryError):
            return None

    def stage_stream(self, name: str, content: Iterable[bytes]) -> str | None:
        """The same for a root that may be too long to be held in memory.

        :raises OSError: it cannot be written
        """
        staged = self._stage(name, content)
        with suppress(FileNotFoundError):
            if filecmp.cmp(self._partial / staged, self.path / name, shallow=False):
                (self._partial / staged).unlink()
                self._staged.discard(staged)
                return None
        return staged

    def _stage(self, name: str, content: Iterable[bytes]) -> str:
        # Numbered, for a page may be written again before it was placed.
        staged = f"{next(self._number)}.{name}"
        self._staged.add(staged)
        with (self._partial / staged).open("wb", buffering=1 << 20) as stream:
            stream.writelines(content)
        return staged

    def place(self, staged: str, project: str, name: str) -> None:
        """Move a page into its place.

        :param staged: its name in the partial folder
        :raises OSError: it cannot be moved
        """
        self._staged.discard(staged)
        folder = self.path / project
        try:
            os.replace(self._partial / staged, folder / name)  # noqa: PTH105
        except FileNotFoundError:
            folder.mkdir(exist_ok=True)
            os.replace(self._partial / staged, folder / name)  # noqa: PTH105

    def has(self, project: str) -> bool:
        """Whether both pages of a project are there."""
        return all((self.path / project / name).is_file() for name in (HTML, JSON))

    def remove(self, project: str) -> None:
        """Remove a project's pages, and their folder if nothing else is in it.

        :raises OSError: they cannot be removed
        """
        folder = self.path / project
        for name in (HTML, JSON):
            with suppress(NotADirectoryError):
                (folder / name).unlink(missing_ok=True)
        with suppress(OSError):
            folder.rmdir()

    def projects(self) -> Iterator[str]:
        """The names of the folders in it."""
        with os.scandir(self.path) as entries:
            yield from (entry.name for entry in entries if entry.is_dir(follow_symlinks=False))

    def unmake(self) -> None:
        """Remove all that minimirror has put into it, and itself if nothing else is in it.

        :raises OSError: it cannot be removed
        """
        self.remove("")
        for project in list(self.projects()):
            self.remove(project)
        self._mark.unlink()
        with suppress(OSError):
            self.path.rmdir()
