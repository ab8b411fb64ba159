"""Open a mirror to change it: hold its folder, open its catalog, and set a damaged catalog aside."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from minimirror.storage.catalog import Catalog, CatalogDamagedError
from minimirror.storage.folder import MirrorFolder
from minimirror.storage.repository import FolderError, Repository

__all__ = ["damage_set_aside", "open_folder", "open_mirror", "open_repository"]


def open_repository(repository: Path | str, state: Path | None = None) -> Repository:
    """Return the folder or bucket that a config names; nothing is read yet.

    :param repository: a folder, or the URL of a bucket
    :param state: the local folder for a bucket's catalog; None for the default
    """
    if not isinstance(repository, str):
        return MirrorFolder(repository)
    from minimirror.storage.bucket import MirrorBucket  # noqa: PLC0415 - a mirror in a folder starts sooner

    return MirrorBucket(repository, state)


def open_folder(repository: Path | str, command: str) -> MirrorFolder:
    """Return the folder that a config names, for a command that cannot use a bucket.

    :raises FolderError: it names a bucket
    """
    if isinstance(repository, str):
        raise FolderError(f"repository {repository}: `minimirror {command}` needs a folder, not a bucket")
    return MirrorFolder(repository)


@contextmanager
def open_mirror(folder: Repository) -> Iterator[Catalog]:
    """Create what is missing of a folder, hold it, and open its catalog.

    :raises FolderError: the folder cannot be used, or another run holds it
    :raises CatalogError: the catalog cannot be read
    """
    folder.prepare()
    with folder.lock(), Catalog(folder.catalog) as catalog:
        yield catalog


@contextmanager
def damage_set_aside(folder: Repository, advice: str) -> Iterator[None]:
    """Set the catalog aside if it turns out to be damaged.

    :param advice: what the error tells the user to do next
    :raises CatalogDamagedError: it is damaged; the message says where it is kept
    """
    try:
        yield
    except CatalogDamagedError as error:
        aside = folder.set_catalog_aside()
        raise CatalogDamagedError(f"{error}; the damaged file is kept as {aside.name}. {advice}") from None
