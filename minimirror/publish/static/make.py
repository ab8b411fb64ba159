"""The static index of a repository at once, with no index asked: made, compared, or removed."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from minimirror.common import Summary
from minimirror.config import Config
from minimirror.publish.static.publisher import Publisher
from minimirror.storage import Catalog, FolderError, MirrorFolder

__all__ = ["Made", "make_index", "remove_index"]


@dataclass(frozen=True)
class Made:
    """What came of making a static index."""

    path: Path
    projects: int
    """Projects that it has."""

    written: int
    """Those of them of which something was written, or all was removed."""

    seconds: float
    summary: Summary
    """What is missing, and what a user should know."""


def make_index(config: Config) -> Made:
    """Write the static index of a repository, and compare every page that is there.

    From then on each run keeps it true.

    :raises FolderError: the folder cannot be used, another run holds it, or ``simple`` is somebody's own
    :raises CatalogError: the catalog cannot be read
    """
    begun = time.monotonic()
    summary = Summary()
    with _opened(config) as (repository, catalog):
        publisher = Publisher(catalog, repository, summary)
        publisher.begin()
        publisher.doubt_all()
        publisher.take_own_files(catalog.unknown_files(repository.filenames()))
        publisher.publish()
        projects = catalog.pages.count()
    return Made(repository.simple, projects, publisher.written, time.monotonic() - begun, summary)


def remove_index(config: Config) -> Path | None:
    """Remove the static index of a repository; answers where it was, None where there was none.

    :raises FolderError: the folder cannot be used, or another run holds it
    :raises CatalogError: the catalog cannot be read
    """
    with _opened(config) as (repository, catalog):
        publisher = Publisher(catalog, repository, Summary())
        was_here = publisher.is_here
        publisher.remove()
    return repository.simple if was_here else None


@contextmanager
def _opened(config: Config) -> Iterator[tuple[MirrorFolder, Catalog]]:
    repository = MirrorFolder(config.repository)
    if not repository.path.is_dir():
        raise FolderError(f"repository {repository.path}: there is no such folder")
    repository.prepare()
    with repository.lock(), Catalog(repository.catalog) as catalog:
        yield repository, catalog
