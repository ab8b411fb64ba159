"""The static index of a mirror, built or removed at once without asking the index."""

from __future__ import annotations

import time
from dataclasses import dataclass
from pathlib import Path

from minimirror.common import ProgressCallback, Status, Summary
from minimirror.config import Config
from minimirror.publish.static.index import StaticIndex
from minimirror.storage import Repository, open_mirror, open_repository

__all__ = ["BuiltIndex", "build_index", "remove_index"]


@dataclass(frozen=True)
class BuiltIndex:
    """The result of building a static index."""

    path: Path | str
    projects: int
    written: int
    """Projects whose pages were written or deleted."""

    seconds: float
    summary: Summary


def build_index(config: Config, progress: ProgressCallback = lambda _: None) -> BuiltIndex:
    """Write the static index of a mirror, comparing every page that exists. Later runs keep it up to date.

    :raises FolderError: the folder cannot be used, another run has locked it, or minimirror did not create
        ``simple/``
    :raises CatalogError: the catalog cannot be read
    """
    begun = time.monotonic()
    summary = Summary()
    folder = _existing_folder(config)
    with open_mirror(folder) as catalog:
        index = StaticIndex(catalog, folder, summary)
        index.begin()
        index.invalidate_all()
        index.publish(catalog.local_filenames(folder.filenames()), lambda text: progress(Status(stage=text)))
        projects = catalog.pages.count()
    return BuiltIndex(index.store.path, projects, index.written, time.monotonic() - begun, summary)


def remove_index(config: Config) -> Path | str | None:
    """Delete the static index of a mirror.

    :returns: where it was; None if there was none
    :raises FolderError: the folder cannot be used, or another run has locked it
    :raises CatalogError: the catalog cannot be read
    """
    folder = _existing_folder(config)
    with open_mirror(folder) as catalog:
        index = StaticIndex(catalog, folder, Summary())
        existed = index.store.exists
        index.remove()
    return index.store.path if existed else None


def _existing_folder(config: Config) -> Repository:
    folder = open_repository(config.repository, config.state)
    folder.require()
    return folder
