"""Compare the static index with the catalog: wrong pages, and wrong metadata files."""

from __future__ import annotations

from collections.abc import Iterator

from minimirror.common import has_sha256
from minimirror.publish.static.content import find_content
from minimirror.publish.static.pages import open_pages
from minimirror.publish.static.wheel_metadata import SUFFIX, has_metadata
from minimirror.storage import Catalog, LocalFileRow, Repository

__all__ = ["wrong_metadata", "wrong_pages"]


def wrong_pages(catalog: Catalog, folder: Repository, *, read: bool) -> Iterator[str]:
    """Yield the projects whose page is missing or wrong; an empty name means the root.

    :param read: compare every byte; otherwise check that the page exists and is not stale
    """
    page_folder = open_pages(folder)
    pages = catalog.pages

    def is_right(project: str) -> bool:
        if not all(_is_unchanged(row, folder, read=read) for row in pages.local_files_of(project)):
            return False
        if not read:
            return page_folder.has(project)
        content = find_content(catalog, folder, project)()
        return all(page_folder.content(project, name) == page for name, page in content.render().items())

    if pages.is_root_stale() or not page_folder.has(""):
        yield ""
    for project in pages.all():
        if pages.is_stale(project) or (pages.is_listed(project) and not is_right(project)):
            yield project


def _is_unchanged(row: LocalFileRow, folder: Repository, *, read: bool) -> bool:
    """Return whether a local file is what its page says."""
    path = folder.file(row.filename)
    try:
        found = path.stat()
        is_same = (found.st_size, found.st_mtime_ns) == (row.size, row.mtime)
        return (is_same and not read) or has_sha256(path, row.sha256)
    except OSError:
        return False


def wrong_metadata(catalog: Catalog, folder: Repository, *, read: bool) -> list[str]:
    """Return the wheels whose metadata file is missing or was changed.

    :param read: compare every byte; otherwise only sizes
    """
    return [
        row.filename
        for row in catalog.pages.metadata()
        if folder.size(row.filename + SUFFIX) != row.size or (read and not has_metadata(row, folder))
    ]
