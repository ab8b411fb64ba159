"""The mirror that is served, and what is kept until it changes."""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from heapq import merge
from itertools import groupby
from typing import Generic, NamedTuple, TypeVar

from starlette.concurrency import run_in_threadpool

from minimirror.serve.local_files import LocalFiles, RecordedFiles
from minimirror.serve.metadata import MetadataReader
from minimirror.storage import CatalogReader, FileRow, MirrorFolder, Repository

__all__ = ["Latest", "ServedMirror"]

_SHARE = 20
"""Making what is kept takes at most one part in this many of the time, however often the mirror changes."""

_Made = TypeVar("_Made")


class ServedMirror(NamedTuple):
    """The folder or bucket, and what is known about its files."""

    folder: Repository
    catalog: CatalogReader
    """The files that minimirror placed."""

    local: LocalFiles | RecordedFiles
    """The other distribution files in it."""

    metadata: MetadataReader
    placing: threading.Lock
    """Held while a file enters the folder, so that a project does not become local and mirrored at once."""

    def is_here(self, row: FileRow) -> bool:
        """Return whether a mirrored file is complete in its place. In a bucket, it is before it is recorded.

        :raises FolderError: that cannot be found out
        """
        return not isinstance(self.folder, MirrorFolder) or self.folder.size(row.filename) == row.size

    def projects(self, local: Sequence[str] | None = None) -> Iterator[str]:
        """Yield the names of all projects, sorted.

        :param local: what :meth:`LocalFiles.projects` returns, if that is known already
        """
        found = merge(self.catalog.projects(), self.local.projects() if local is None else local)
        return (name for name, _ in groupby(found))

    def state(self, on_disk: object = None) -> object:
        """Return what changes whenever a page may, except that a local file is overwritten.

        :param on_disk: what :meth:`on_disk` returned a moment ago; None to ask again
        :raises CatalogError: the catalog cannot be read
        """
        return on_disk or self.on_disk(), self.local.generation, self.metadata.generation

    def on_disk(self) -> object:
        """Return what changes with the catalog and the folder.

        :raises CatalogError: the catalog cannot be read
        """
        return self.catalog.version(), self.folder.changed()


class Latest(Generic[_Made]):
    """Makes something when it is first asked for, and again after the mirror has changed."""

    def __init__(self, mirror: ServedMirror, make: Callable[[], _Made]) -> None:
        """:param make: called in a thread"""
        self._mirror = mirror
        self._make = make
        self._making = asyncio.Lock()
        self._made: _Made | None = None
        self._state: object = None
        self._due = 0.0

    async def read(self) -> _Made:
        """Return it.

        :raises CatalogError: the catalog cannot be read
        """
        async with self._making:
            self._mirror.local.refresh()
            state = self._mirror.state()
            if self._made is None or (state != self._state and time.monotonic() > self._due):
                begun = time.monotonic()
                self._made, self._state = await run_in_threadpool(self._make), state
                self._due = begun + _SHARE * (time.monotonic() - begun)
            return self._made
