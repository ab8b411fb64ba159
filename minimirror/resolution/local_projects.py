"""Local projects: those that have files in the folder which neither minimirror nor the index placed there."""

from __future__ import annotations

import shutil
from collections.abc import Collection, Mapping, Sequence
from functools import cache
from pathlib import Path
from tempfile import mkdtemp
from weakref import finalize

from minimirror.common import StoredFile, StoredObject
from minimirror.upstream import Indexes, matches

__all__ = ["LocalProjects"]


class LocalProjects:
    """Tells local projects from those whose files the index lists too. Used by many threads.

    The latter are from another tool's mirror, or from one whose catalog was lost. The run adopts their files.
    """

    def __init__(self, indexes: Indexes, local_files: Mapping[str, Sequence[StoredFile]]) -> None:
        """Take the files that minimirror did not place, by normalized project."""
        self._indexes = indexes
        self._local_files = local_files
        self._find = cache(self._find_files)

    def files(self, project: str) -> Collection[Path]:
        """Return the files of a local project; none for any other project.

        :param project: the normalized name
        :raises FetchError: the project's page cannot be fetched
        :raises PageError: the page cannot be read
        """
        return self._find(project) if project in self._local_files else ()

    def _find_files(self, project: str) -> Sequence[Path]:
        paths = self._local_files[project]
        reply = self._indexes.of(project).find_project(project)
        listed = {file.filename: file for file in reply.page.files} if reply else {}
        if all(matches(path, listed.get(path.name)) for path in paths):
            return ()
        return [path if isinstance(path, Path) else self._copied(path) for path in paths]

    def _copied(self, source: StoredObject) -> Path:
        """Copy a file from a bucket, for the resolver."""
        folder = Path(mkdtemp(prefix="minimirror-"))
        finalize(self, shutil.rmtree, folder, ignore_errors=True)
        path = folder / source.name
        with source.open("rb") as stream, path.open("wb") as copy:
            shutil.copyfileobj(stream, copy)
        return path
