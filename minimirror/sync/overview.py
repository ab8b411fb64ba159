"""The mirror as it is, from the folder and the catalog alone: no request, no lock."""

from __future__ import annotations

from contextlib import closing

from minimirror.config import Config
from minimirror.storage import FileRow, open_to_read
from minimirror.sync.workers.settings import WorkerSettings
from minimirror.upstream import Index

__all__ = ["count_projects", "mirrored_files"]


def mirrored_files(config: Config) -> list[FileRow]:
    """Return the catalog's files, by filename.

    :raises MinimirrorError: the catalog cannot be read
    """
    with open_to_read(config.repository, config.state) as (_, catalog):
        return sorted(catalog.files.all())


def count_projects(config: Config) -> int:
    """Return how many projects the main index lists.

    :raises ListingError: its list cannot be read
    """
    index = Index(WorkerSettings.of(config).indexes[0])
    with closing(index.client):
        return index.read_listing(lambda root: sum(1 for _ in root.listed) if root else 0)
