"""The content of a project's page: everything that the catalog knows about the files in the folder."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable
from typing import NamedTuple

from packaging.utils import canonicalize_version

from minimirror.publish.static.pages import HTML, JSON
from minimirror.publish.static.wheel_metadata import WheelMetadata, find_metadata
from minimirror.simple_api import QUARANTINED, Entry, in_order, project_html, project_json
from minimirror.storage import Catalog, FileRow, LocalFileRow, Repository

__all__ = ["PageContent", "find_content", "local_entries", "local_entry", "page_entry"]


class PageContent(NamedTuple):
    """The content of a project's page, and the metadata of its wheels."""

    project: str
    """Normalized name."""

    entries: list[Entry]
    status: str | None
    """The project's status (PEP 792); None for active."""

    beside: list[WheelMetadata]

    @property
    def listed(self) -> bool:
        """Whether the root lists the project: it has files, or a status that explains why not."""
        return bool(self.entries) or self.status == QUARANTINED

    def render(self) -> dict[str, bytes]:
        """Return the pages by their names."""
        return {
            HTML: project_html(self.project, self.entries, self.status),
            JSON: project_json(self.project, self.entries, self.status),
        }


def find_content(
    catalog: Catalog, folder: Repository, project: str, *, without: Collection[str] = ()
) -> Callable[[], PageContent]:
    """Begin to find what a project's page must list; return what waits for it.

    That raises :exc:`OSError` if a wheel, or the file beside it, cannot be read.

    :param without: filenames that it must not list
    """
    invalid = catalog.files.invalid(project)
    rows = [
        row
        for row in catalog.files.of(project).values()
        if row.filename not in without
        and row.filename not in invalid
        and folder.size(row.filename) == row.size
    ]
    known = catalog.pages.metadata_of(project)
    finding = [
        folder.submit(find_metadata, row, known.get(row.filename), folder)
        for row in rows
        if row.filename.endswith(".whl")
    ]
    names = {row.filename for row in rows}
    known_local, found = catalog.pages.local_files_of(project), catalog.projects.get(project)

    def content() -> PageContent:
        beside = [wait() for wait in finding]
        # Those that still exist, and that minimirror has not adopted.
        local = (
            row
            for row in known_local
            if row.filename not in names and row.filename not in without and folder.is_file(row.filename)
        )
        digests = {each.row.filename: each.row.sha256 for each in beside}
        entries = [page_entry(row, digests.get(row.filename)) for row in rows]
        entries += local_entries(map(local_entry, local), entries)
        return PageContent(project, in_order(entries), found.status if found else None, beside)

    return content


def local_entries(local: Iterable[Entry], mirrored: Iterable[Entry]) -> list[Entry]:
    """Return the entries of a project's local files, with what its wheels say of an sdist that says nothing.

    pip would take the sdist of a release whose wheel does not support its Python.
    """
    local = list(local)
    known = {
        canonicalize_version(entry.version): entry.requires_python
        for entry in (*mirrored, *local)
        if entry.requires_python and entry.filename.endswith(".whl")
    }
    return [
        entry
        if entry.requires_python or entry.filename.endswith(".whl")
        else entry._replace(requires_python=known.get(canonicalize_version(entry.version)))
        for entry in local
    ]


def page_entry(row: FileRow, metadata: str | None) -> Entry:
    """Return the entry of a mirrored file.

    :param metadata: sha256 of the wheel's metadata; None or empty if it has none
    """
    return Entry(
        filename=row.filename,
        version=row.version,
        size=row.size,
        sha256=row.sha256,
        upload_time=row.upload_time,
        requires_python=row.requires_python,
        yanked=row.yanked,
        metadata=metadata or None,
        provenance=row.provenance,
    )


def local_entry(row: LocalFileRow) -> Entry:
    """Return the entry of a local file."""
    return Entry(
        filename=row.filename,
        version=row.version,
        size=row.size,
        sha256=row.sha256,
        upload_time=row.mtime / 1e9,
        requires_python=row.requires_python,
    )
