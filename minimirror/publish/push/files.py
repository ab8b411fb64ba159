"""Which files to push: those that minimirror placed and, on request, the local files in the folder."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

from pydantic import TypeAdapter, ValidationError

from minimirror.common import StoredFile, hash_file
from minimirror.config import Config, ProjectPattern
from minimirror.distributions import projects_named
from minimirror.publish.push.model import PushFile, PushRequestError
from minimirror.selection import project_patterns
from minimirror.storage import CatalogReader, FolderError, Repository, open_repository

__all__ = ["ChosenFiles", "choose_files"]


@dataclass(slots=True)
class ChosenFiles:
    """The files to push."""

    files: list[PushFile] = field(default_factory=list)
    yanked: list[str] = field(default_factory=list)
    """Those of the files that are yanked (PEP 592)."""

    skipped_local: list[str] = field(default_factory=list)
    """Local files that were left out because the user did not ask for them."""


def choose_files(config: Config, projects: Sequence[str] = (), *, include_local: bool = False) -> ChosenFiles:
    """Choose files to push. Another process may write the catalog at the same time.

    :param projects: names, globs and regular expressions; empty for all projects
    :param include_local: whether to push local files as well
    :raises PushRequestError: a pattern is invalid or matches nothing
    :raises FolderError: the folder cannot be read, or has no catalog
    :raises CatalogError: the catalog cannot be read
    """
    folder = open_repository(config.repository, config.state)
    folder.require_catalog()
    patterns = {pattern: _validated(pattern) for pattern in projects}
    wanted = project_patterns(tuple(patterns.values()))
    chosen = ChosenFiles()
    reader = CatalogReader(folder.catalog)
    try:
        for row in reader.all_files():
            if not patterns or wanted.match(row.project):
                stored = folder.file(row.filename)
                chosen.files.append(PushFile(row.project, row.filename, stored, row.size, row.sha256))
                if row.yanked is not None:
                    chosen.yanked.append(row.filename)
        for project, stored in _local_files(folder, reader):
            if not patterns or wanted.match(project):
                if include_local:
                    chosen.files.append(_read(project, stored))
                else:
                    chosen.skipped_local.append(stored.name)
    finally:
        reader.close()
    chosen.skipped_local.sort()
    _check_matches(patterns, chosen)
    return chosen


def _validated(pattern: str) -> str:
    try:
        return TypeAdapter(ProjectPattern).validate_python(pattern)
    except ValidationError as error:
        raise PushRequestError(error.errors()[0]["msg"].removeprefix("Value error, ")) from None


def _check_matches(patterns: dict[str, str], chosen: ChosenFiles) -> None:
    """Raise an error that names the patterns without a file."""
    names = {file.project for file in chosen.files}
    unmatched = [
        text for text, pattern in patterns.items() if not any(map(project_patterns((pattern,)).match, names))
    ]
    if unmatched:
        hint = "; use --all to push local files as well" if chosen.skipped_local else ""
        raise PushRequestError(f"the mirror has no files of {', '.join(sorted(unmatched))}{hint}")


def _local_files(folder: Repository, reader: CatalogReader) -> Iterator[tuple[str, StoredFile]]:
    """Yield the distributions that minimirror did not place, each with its project."""
    # The filename of a distribution is ASCII.
    names = (name for name in folder.filenames() if name.isascii())
    for filename in reader.local(names):
        # A filename may be read as several projects'; most installers take the first.
        for project in projects_named(filename)[:1]:
            yield project, folder.file(filename)


def _read(project: str, stored: StoredFile) -> PushFile:
    try:
        digests = hash_file(stored)
    except OSError as error:
        raise FolderError(f"cannot read {stored}: {error.strerror}") from None
    return PushFile(project, stored.name, stored, digests.size, digests.sha256)
