"""The local files of a bucket."""

from __future__ import annotations

from minimirror.publish.static import local_entry
from minimirror.serve.local_files import Stamp
from minimirror.simple_api import Entry
from minimirror.storage import CatalogReader

__all__ = ["RecordedFiles"]


class RecordedFiles:
    """The local files that a run has recorded in the catalog, with the methods of :class:`LocalFiles`."""

    generation = 0
    """The catalog's version tells when they change."""

    def __init__(self, catalog: CatalogReader) -> None:
        self._catalog = catalog

    def stamps(self, project: str) -> tuple[Stamp, ...]:
        """Return the size and time of each of a project's files."""
        return tuple(Stamp(row.filename, row.size, row.mtime) for row in self._catalog.local_files(project))

    def entries(self, project: str) -> list[Entry]:
        """Return the entries of a project's files for its page."""
        return [local_entry(row) for row in self._catalog.local_files(project)]

    def projects(self) -> list[str]:
        """Return the names of the projects that have local files, sorted."""
        return self._catalog.local_projects()

    def names(self, project: str) -> list[str]:
        """Return the names of a project's files."""
        return [row.filename for row in self._catalog.local_files(project)]

    def refresh(self, *, wait: bool = False) -> None:
        """Do nothing: the catalog is refreshed elsewhere."""
