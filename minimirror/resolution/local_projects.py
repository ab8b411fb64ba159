"""Private projects: those of which the folder has files that are not the index's."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from functools import cache
from pathlib import Path

from minimirror.distributions import FilenameError, read_filename
from minimirror.selection import release_of
from minimirror.upstream import FetchError, Index, matches

__all__ = ["Private", "is_of"]


def is_of(path: Path, project: str, version: str) -> bool:
    """Whether a file is one of a release of a project, both normalized."""
    try:
        return release_of(read_filename(path.name, project).version) == release_of(version)
    except FilenameError:
        return False


class Private:
    """Tells which projects are private, of those that have files in the folder that nobody knows of.

    Another tool's mirror is such a folder, or one whose catalog was lost: what the index lists too is no
    user's own, and the run adopts it. Used by many threads.
    """

    def __init__(self, index: Index, unknown: Mapping[str, Sequence[Path]]) -> None:
        """Take what is in the folder.

        :param unknown: the files that minimirror did not place, by the normalized name of their project
        """
        self._index = index
        self._unknown = unknown
        self._files = cache(self._find)

    def files(self, project: str) -> Collection[Path]:
        """The files of a project, if it is private; none if it is not.

        :param project: the normalized name
        :raises FetchError: what the index lists cannot be had; :exc:`PageError`: or not be read
        """
        return self._files(project) if project in self._unknown else ()

    def _find(self, project: str) -> Sequence[Path]:
        paths = self._unknown[project]
        try:
            page = self._index.project(project).page
        except FetchError as error:
            if error.status in {404, 410}:
                return paths
            raise
        listed = {file.filename: file for file in page.files}
        return () if all(matches(path, listed.get(path.name)) for path in paths) else paths
