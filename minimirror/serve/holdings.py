"""What is there to be served, and what tells of it."""

from __future__ import annotations

from typing import NamedTuple

from minimirror.serve.metadata import MetadataReader
from minimirror.serve.own import OwnFiles
from minimirror.storage import CatalogReader, MirrorFolder

__all__ = ["Holdings"]


class Holdings(NamedTuple):
    """The folder, and all that is known of the files in it."""

    repository: MirrorFolder
    catalog: CatalogReader
    """The files that minimirror placed."""

    own: OwnFiles
    """The others."""

    metadata: MetadataReader

    @classmethod
    def of(cls, repository: MirrorFolder) -> Holdings:
        """Open the catalog.

        :raises CatalogError: it cannot be read
        """
        catalog, metadata = CatalogReader(repository.catalog), MetadataReader(repository.path)
        return cls(repository, catalog, OwnFiles(repository, catalog, metadata), metadata)
