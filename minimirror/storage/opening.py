"""Open a mirror to change it: hold its folder, open its catalog, and set a damaged catalog aside."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from minimirror.storage.catalog import Catalog, CatalogDamagedError
from minimirror.storage.folder import MirrorFolder

__all__ = ["damage_set_aside", "open_mirror"]


@contextmanager
def open_mirror(folder: MirrorFolder) -> Iterator[Catalog]:
    """Create what is missing of a folder, hold it, and open its catalog.

    :raises FolderError: the folder cannot be used, or another run holds it
    :raises CatalogError: the catalog cannot be read
    """
    folder.prepare()
    with folder.lock(), Catalog(folder.catalog) as catalog:
        yield catalog


@contextmanager
def damage_set_aside(folder: MirrorFolder, advice: str) -> Iterator[None]:
    """Set the catalog aside if it turns out to be damaged.

    :param advice: what the error tells the user to do next
    :raises CatalogDamagedError: it is damaged; the message says where it is kept
    """
    try:
        yield
    except CatalogDamagedError as error:
        aside = folder.set_catalog_aside()
        raise CatalogDamagedError(f"{error}; the damaged file is kept as {aside.name}. {advice}") from None
