"""The pages of the simple API, rendered from the catalog and the folder on request.

A page lists the complete files that are in the folder now: no file that a run has recorded but not yet
placed, and none that it has deleted.
"""

from __future__ import annotations

import hashlib
import threading
from heapq import merge
from itertools import groupby
from typing import NamedTuple

from minimirror.publish.static import page_entry
from minimirror.serve.cache import Cache
from minimirror.serve.mirror import ServedMirror
from minimirror.simple_api import (
    QUARANTINED,
    Entry,
    in_order,
    project_html,
    project_json,
    root_html,
    root_json,
)
from minimirror.storage import FileRow

__all__ = ["PageRenderer", "RenderedPage"]

_PACKAGES = "../../packages/"
"""The path from a project's page to the files."""

_CACHED = 64 << 20
"""Bytes of pages that are cached."""


class RenderedPage(NamedTuple):
    """A page as it is sent."""

    body: bytes
    etag: str


class PageRenderer:
    """Renders pages, and caches them until the mirror changes."""

    def __init__(self, mirror: ServedMirror) -> None:
        self._folder, self._catalog, self._local, self._metadata = mirror
        self._cache: Cache[tuple[object, RenderedPage]] = Cache(_CACHED)
        self._roots: dict[bool, tuple[object, RenderedPage]] = {}
        self._root_lock = threading.Lock()

    def project(self, project: str, *, json: bool) -> RenderedPage | None:
        """Return a project's page, None if the mirror has nothing of the project.

        :param project: normalized name
        :raises CatalogError: the catalog cannot be read
        """
        local = self._local.entries(project)
        key = project, json
        # Taken before the page is rendered, so that a change meanwhile invalidates it. The local entries are
        # part of it because overwriting a file does not change the folder's time.
        state = self._state(), local
        cached = self._cache.get(key)
        if cached is not None and cached[0] == state:
            return cached[1]
        mirrored = (self._entry(row) for row in self._catalog.files(project))
        entries = in_order([*(entry for entry in mirrored if entry is not None), *local])
        status = self._catalog.status(project)
        # The empty page of a quarantined project tells installers why it is empty (PEP 792).
        if not entries and status != QUARANTINED:
            return None
        render = project_json if json else project_html
        page = _with_etag(render(project, entries, status, files=_PACKAGES))
        self._cache.put(key, (state, page), len(page.body))
        return page

    def root(self, *, json: bool) -> RenderedPage:
        """Return the list of all projects.

        :raises CatalogError: the catalog cannot be read
        """
        # One at a time: the list of a whole index takes a second to render, and as much memory as the cache.
        with self._root_lock:
            state = self._state()
            cached = self._roots.get(json)
            if cached is None or cached[0] != state:
                projects = merge(self._catalog.projects(), self._local.projects())
                names = (name for name, _ in groupby(projects))
                page = _with_etag(b"".join((root_json if json else root_html)(names)))
                cached = self._roots[json] = state, page
            return cached[1]

    def _state(self) -> object:
        return (
            self._catalog.version(),
            self._folder.changed(),
            self._local.generation,
            self._metadata.generation,
        )

    def _entry(self, row: FileRow) -> Entry | None:
        """Return a mirrored file's entry, None if the file is not in the folder, or not complete."""
        try:
            if self._folder.size(row.filename) != row.size:
                return None
            metadata = self._metadata.digest(row)
        except OSError:
            return None
        return page_entry(row, metadata)


def _with_etag(body: bytes) -> RenderedPage:
    return RenderedPage(body, f'"{hashlib.sha256(body).hexdigest()[:32]}"')
