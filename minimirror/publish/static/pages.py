"""The pages of the static index, wherever the mirror is. Complete pages are moved into their places."""

from __future__ import annotations

import itertools
from abc import ABC, abstractmethod
from collections.abc import Iterable, Iterator
from pathlib import Path

from minimirror.common import open_regular
from minimirror.storage import FolderError

__all__ = ["HTML", "JSON", "MARK", "MARKED", "PageStore", "SimpleError"]

HTML, JSON = "index.html", "index.json"

MARK = ".minimirror"
MARKED = "minimirror created this folder and keeps it up to date. `minimirror index --remove` deletes it.\n"


class SimpleError(FolderError):
    """There is a folder ``simple/`` that minimirror did not create."""

    def __init__(self, path: Path | str) -> None:
        super().__init__(
            f"{path} exists, but minimirror did not create it: move it away, or turn off the"
            ' static index ("simple": false)'
        )


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
    @abstractmethod
    def exists(self) -> bool:
        """Whether it exists and minimirror created it."""

    @abstractmethod
    def create(self) -> None:
        """Create it if it does not exist.

        :raises SimpleError: the name is taken by something that minimirror did not create
        :raises OSError: it cannot be created
        """

    @abstractmethod
    def content(self, project: str, name: str) -> bytes | None:
        """Return a page; None if it does not exist."""

    @abstractmethod
    def stage_stream(self, name: str, content: Iterable[bytes]) -> str | None:
        """Stage a root, which may be too long for the memory, as :meth:`stage` does.

        :raises OSError: it cannot be written
        """

    @abstractmethod
    def place(self, staged: str, project: str, name: str) -> None:
        """Move a page into its place.

        :param staged: its name in the partial folder
        :raises OSError: it cannot be moved
        """

    @abstractmethod
    def has(self, project: str) -> bool:
        """Return whether both pages of a project exist."""

    @abstractmethod
    def delete(self, project: str) -> None:
        """Delete a project's pages.

        :raises OSError: they cannot be deleted
        """

    @abstractmethod
    def projects(self) -> Iterator[str]:
        """Yield the projects that may have pages."""

    @abstractmethod
    def delete_all(self) -> None:
        """Delete everything that minimirror put into it.

        :raises OSError: it cannot be deleted
        """

    def stage(self, project: str, name: str, content: bytes) -> str | None:
        """Write a page to the partial folder if it differs from the one in place.

        :returns: its name in the partial folder; None if it does not differ
        :raises OSError: it cannot be written
        """
        return None if self.content(project, name) == content else self._stage(name, [content])

    def _stage(self, name: str, content: Iterable[bytes]) -> str:
        # With a number: a page may be written again before it is placed.
        staged = f"{next(self._number)}.{name}"
        path = self._partial / staged
        with open(path, "wb", buffering=1 << 20, opener=open_regular) as stream:
            stream.writelines(content)
        return staged
