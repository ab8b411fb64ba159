"""The mirror that is served."""

from __future__ import annotations

import threading
from collections.abc import Iterator, Sequence
from heapq import merge
from itertools import groupby
from typing import NamedTuple

from minimirror.serve.local_files import LocalFiles, RecordedFiles
from minimirror.serve.metadata import MetadataReader
from minimirror.storage import CatalogReader, FileRow, Repository

__all__ = ["ServedMirror"]


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

    is_local: bool
    """Whether the files are on this machine, where one can look at each."""

    def is_here(self, row: FileRow) -> bool:
        """Return whether a mirrored file is complete in its place. In a bucket, it is before it is recorded.

        :raises FolderError: that cannot be found out
        """
        return not self.is_local or self.folder.size(row.filename) == row.size

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
