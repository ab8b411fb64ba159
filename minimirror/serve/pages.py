"""The pages of the simple API, made from the catalog and the folder when they are asked for.

A page names what is in the folder, whole, at this moment: not what a run has announced and not yet placed,
nor what it has removed.
"""

from __future__ import annotations

import hashlib
import threading
from collections.abc import Iterator
from heapq import merge
from itertools import groupby
from typing import NamedTuple

from minimirror.serve.cache import Cache
from minimirror.serve.holdings import Holdings
from minimirror.simple_api import Entry, in_order, project_html, project_json, root_html, root_json
from minimirror.storage import FileRow

__all__ = ["PACKAGES", "Page", "Pages"]

PACKAGES = "../../packages/"
"""From a project's page to the files."""

_PAGES = 64 << 20
"""Bytes of pages that are held, to be sent again while nothing has changed."""

_QUARANTINED = "quarantined"


class Page(NamedTuple):
    """A page that is true."""

    body: bytes
    etag: str


class Pages:
    """The simple API's pages."""

    def __init__(self, holdings: Holdings) -> None:
        self._repository, self._catalog, self._own, self._metadata = holdings
        self._held: Cache[tuple[object, Page]] = Cache(_PAGES)
        self._roots: dict[bool, tuple[object, Page]] = {}
        self._root_lock = threading.Lock()

    def project(self, project: str, *, json: bool) -> Page | None:
        """A project's page, None where there is nothing of it here.

        :param project: normalized name
        :raises CatalogError: the catalog cannot be read
        """
        own = self._own.of(project)
        key = project, json
        # Before what it is made of: if that changes meanwhile, the page is made again the next time. What is
        # written over somebody's own file does not show in the folder's time.
        state = self._state(), own
        held = self._held.get(key)
        if held is not None and held[0] == state:
            return held[1]
        entries = in_order([*self._entries(project), *own])
        status = self._catalog.status(project)
        # Installers shall hear why there is nothing of a quarantined project (PEP 792).
        if not entries and status != _QUARANTINED:
            return None
        render = project_json if json else project_html
        page = _page(render(project, entries, status, files=PACKAGES))
        self._held.put(key, (state, page), len(page.body))
        return page

    def root(self, *, json: bool) -> Page:
        """The list of all projects.

        :raises CatalogError: the catalog cannot be read
        """
        # One at a time: that of a whole index takes a second, and as much memory as all other pages.
        with self._root_lock:
            state = self._state()
            held = self._roots.get(json)
            if held is None or held[0] != state:
                names = (name for name, _ in groupby(merge(self._catalog.projects(), self._own.projects())))
                page = _page(b"".join((root_json if json else root_html)(names)))
                held = self._roots[json] = state, page
            return held[1]

    def _state(self) -> object:
        return (
            self._catalog.version(),
            self._repository.changed(),
            self._own.generation,
            self._metadata.generation,
        )

    def _entries(self, project: str) -> Iterator[Entry]:
        for row in self._catalog.files(project):
            entry = self._entry(row)
            if entry is not None:
                yield entry

    def _entry(self, row: FileRow) -> Entry | None:
        try:
            if self._repository.size(row.filename) != row.size:
                return None
            metadata = self._metadata.digest(row)
        except OSError:
            return None
        return Entry(
            row.filename,
            row.version,
            row.size,
            row.sha256,
            row.upload_time,
            row.requires_python,
            row.yanked,
            metadata,
            row.provenance,
        )


def _page(body: bytes) -> Page:
    return Page(body, f'"{hashlib.sha256(body).hexdigest()[:32]}"')
