"""What is to be pushed: files that minimirror placed, or all in the folder."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from io import FileIO
from itertools import islice
from pathlib import Path
from typing import NamedTuple

from pydantic import TypeAdapter, ValidationError

from minimirror.common import Digests
from minimirror.config import Config, ProjectPattern
from minimirror.distributions import projects_named
from minimirror.publish.push.errors import PushRequestError
from minimirror.selection import project_patterns
from minimirror.storage import CatalogReader, FolderError, MirrorFolder

__all__ = ["Holding", "Holdings", "find_holdings"]

_BATCH = 1000
"""Names that are compared with the catalog at once."""


class Holding(NamedTuple):
    """A file that is to be pushed."""

    project: str
    """Its normalized name."""

    filename: str
    path: Path
    size: int
    """Bytes."""

    sha256: str
    """Hexadecimal, in lower case, as the catalog has it."""


@dataclass(slots=True)
class Holdings:
    """What was chosen of the mirror."""

    files: list[Holding] = field(default_factory=list)
    yanked: list[str] = field(default_factory=list)
    """Those of the files that their authors have withdrawn."""

    own: list[str] = field(default_factory=list)
    """Distributions that minimirror did not place, and that were not asked for."""


def find_holdings(config: Config, projects: Sequence[str] = (), *, own_too: bool = False) -> Holdings:
    """Choose from the catalog, which a run may write meanwhile.

    :param projects: names, globs and regular expressions; none for all
    :param own_too: choose what minimirror did not place as well
    :raises PushRequestError: one of them is none, or matches nothing
    :raises CatalogError: the catalog cannot be read; :exc:`FolderError`: there is none, or no folder
    """
    repository = MirrorFolder(config.repository)
    if not repository.has_catalog():
        raise FolderError(f"repository {repository.path}: there is no catalog; `minimirror run` makes one")
    wanted = _Wanted(projects)
    found = Holdings()
    reader = CatalogReader(repository.catalog)
    try:
        for row in reader.all_files():
            if wanted(row.project):
                path = repository.path / row.filename
                found.files.append(Holding(row.project, row.filename, path, row.size, row.sha256))
                found.yanked += [row.filename] * (row.yanked is not None)
        for project, path in _own(repository, reader):
            if wanted(project, counts=own_too):
                if own_too:
                    found.files.append(_read(project, path))
                else:
                    found.own.append(path.name)
    finally:
        reader.close()
    found.own.sort()
    wanted.check(found.own)
    return found


class _Wanted:
    """Which projects were asked for, and which of the patterns have matched any."""

    def __init__(self, patterns: Sequence[str]) -> None:
        self._patterns = {pattern: project_patterns((_pattern(pattern),)) for pattern in patterns}
        self._left = set(patterns)

    def __call__(self, project: str, *, counts: bool = True) -> bool:
        matching = [each for each, pattern in self._patterns.items() if pattern.match(project)]
        if counts:
            self._left.difference_update(matching)
        return bool(matching or not self._patterns)

    def check(self, own: Sequence[str]) -> None:
        if self._left:
            names = ", ".join(sorted(self._left))
            todo = "; --all pushes what minimirror did not place as well" if own else ""
            raise PushRequestError(f"nothing is mirrored of: {names}{todo}")


def _pattern(text: str) -> str:
    try:
        return TypeAdapter(ProjectPattern).validate_python(text)
    except ValidationError as error:
        raise PushRequestError(error.errors()[0]["msg"].removeprefix("Value error, ")) from None


def _own(repository: MirrorFolder, reader: CatalogReader) -> Iterator[tuple[str, Path]]:
    """Distributions that minimirror did not place, each with its project."""
    # A distribution's name is plain ASCII.
    names = (name for name in repository.filenames() if name.isascii())
    while batch := list(islice(names, _BATCH)):
        # In this order: what a run places is in the catalog before it is in the folder.
        for filename in reader.local(batch):
            # Installers may take a name for more than one project's; most see the first.
            for project in projects_named(filename)[:1]:
                yield project, repository.path / filename


def _read(project: str, path: Path) -> Holding:
    digests = Digests({})
    try:
        with FileIO(path) as stream:
            digests.read(stream)
    except OSError as error:
        raise FolderError(f"{path}: cannot be read: {error.strerror}") from None
    return Holding(project, path.name, path, digests.size, digests.sha256)
