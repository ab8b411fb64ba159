"""The static index against the catalog: pages, and files beside wheels, that are not as they should be."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial

from minimirror.publish.static.content import find_content
from minimirror.publish.static.folder import Folder
from minimirror.publish.static.metadata import SUFFIX, has_metadata
from minimirror.storage import Catalog, MirrorFolder

__all__ = ["wrong_metadata", "wrong_pages"]


def wrong_pages(catalog: Catalog, repository: MirrorFolder, *, read: bool) -> Iterator[str]:
    """The projects whose page is missing or not true; an empty name is the root's.

    :param read: compare every byte; otherwise look whether it is there, and true as far as is known
    """
    folder = Folder(repository)
    pages = catalog.pages
    is_right = partial(_is_true, catalog, repository, folder) if read else folder.has
    if pages.is_root_stale() or not folder.has(""):
        yield ""
    for project in pages.all():
        if pages.is_stale(project) or (pages.is_listed(project) and not is_right(project)):
            yield project


def _is_true(catalog: Catalog, repository: MirrorFolder, folder: Folder, project: str) -> bool:
    content = find_content(catalog, repository, project, stage=lambda _name, _content: None)
    return all(folder.content(project, name) == page for name, page in content.render().items())


def wrong_metadata(catalog: Catalog, repository: MirrorFolder, *, read: bool) -> list[str]:
    """The wheels beside which the metadata is missing or not what it was.

    :param read: compare every byte; otherwise sizes alone
    """
    return [
        row.filename
        for row in catalog.pages.metadata()
        if repository.size(row.filename + SUFFIX) != row.size or (read and not has_metadata(row, repository))
    ]
