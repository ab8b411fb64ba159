"""The pages of the simple API, rendered from the catalog and the folder on request.

A page lists the complete files that are in the folder now: no file that a run has recorded but not yet
placed, and none that it has deleted.
"""

from __future__ import annotations

import asyncio
import hashlib
import time
from collections.abc import AsyncIterator, Callable, Iterator
from typing import TYPE_CHECKING, NamedTuple

from starlette.concurrency import run_in_threadpool

from minimirror.publish.static import local_entries, page_entry
from minimirror.serve.cache import Cache
from minimirror.serve.mirror import ServedMirror
from minimirror.simple_api import (
    QUARANTINED,
    Entry,
    file_list,
    in_order,
    project_html,
    project_json,
    root_html,
    root_json,
)
from minimirror.storage import FileRow

if TYPE_CHECKING:
    from minimirror.serve.on_demand import Offer

__all__ = ["PageRenderer", "RenderedPage"]

_PACKAGES = "../../packages/"
"""The path from a project's page to the files."""

_CACHED = 64 << 20
"""Bytes of pages that are cached."""

_GLANCE = 0.001
"""Seconds in which the disk is looked at once for cached pages. Each look lets other threads run, which costs
a busy server more than all else that a page does."""

_LISTED = 1000
"""Files of the list of all files that are rendered at once."""


class RenderedPage(NamedTuple):
    """A page as it is sent."""

    body: bytes
    etag: str


class PageRenderer:
    """Renders pages, and caches them until the mirror changes."""

    def __init__(self, mirror: ServedMirror) -> None:
        self._mirror = mirror
        _, self._catalog, self._local, self._metadata, *_ = mirror
        self._cache: Cache[tuple[object, RenderedPage]] = Cache(_CACHED)
        self._on_disk: object = None
        self._looked = 0.0
        self._roots: dict[bool, tuple[object, RenderedPage]] = {}
        self._slow = asyncio.Lock()
        """Held by what takes long, so that it keeps one thread from other requests, at most."""

    def current(self, project: str, *, json: bool, offer: Offer | None = None) -> RenderedPage | None:
        """Return a project's page if it is cached and was current a moment ago.

        :param project: normalized name
        :param offer: what can be had on demand of it
        :raises CatalogError: the catalog cannot be read
        """
        now = time.monotonic()
        if self._on_disk is None or now - self._looked > _GLANCE:
            self._local.refresh()
            self._on_disk, self._looked = self._mirror.on_disk(), now
        cached = self._cache.get((project, json))
        return cached[1] if cached and cached[0] == self._state(project, offer, self._on_disk) else None

    def project(self, project: str, *, json: bool, offer: Offer | None = None) -> RenderedPage | None:
        """Return a project's page, None if the mirror has nothing of the project. Call this in a thread.

        :param offer: as for :meth:`current`
        :raises CatalogError: the catalog cannot be read
        """
        page = self._render(project, offer, json=json)
        if page is None:
            # Its first file may have been added to the folder a moment ago.
            self._local.refresh(wait=True)
            page = self._render(project, offer, json=json)
        return page

    def _render(self, project: str, offer: Offer | None, *, json: bool) -> RenderedPage | None:
        # Taken before the page is rendered, so that a change meanwhile invalidates it.
        state = self._state(project, offer)
        entries, status = self.entries(project, offer), self._catalog.status(project)
        status = status or (offer.page.status if offer else None)
        # The empty page of a quarantined project tells installers why it is empty (PEP 792).
        if not entries and status != QUARANTINED:
            return None
        render = project_json if json else project_html
        page = _with_etag(render(project, entries, status, files=_PACKAGES))
        self._cache.put((project, json), (state, page), len(page.body))
        return page

    def entries(self, project: str, offer: Offer | None = None) -> list[Entry]:
        """Return the files on a project's page, by version. Call this in a thread."""
        if offer and offer.page.status == QUARANTINED:
            # Its files stay until the next run, but no index may list them (PEP 792).
            return []
        found = (self._entry(row, self._metadata.digest) for row in self._catalog.files(project))
        mirrored = list(filter(None, found))
        here = [*mirrored, *local_entries(self._local.entries(project), mirrored)]
        offered = {each.filename: each for each in offer.entries()} if offer else {}
        return in_order({**offered, **{each.filename: each for each in here}}.values())

    async def root(self, *, json: bool) -> RenderedPage:
        """Return the list of all projects.

        :raises CatalogError: the catalog cannot be read
        """
        # The list of a whole index takes a second to render, and as much memory as the cache.
        async with self._slow:
            self._local.refresh()
            return await run_in_threadpool(self._render_root, json=json)

    def _render_root(self, *, json: bool) -> RenderedPage:
        local = self._local.projects()
        state, cached = (self._catalog.version(), local), self._roots.get(json)
        if cached is None or cached[0] != state:
            render = root_json if json else root_html
            page = _with_etag(b"".join(render(self._mirror.projects(local))))
            cached = self._roots[json] = state, page
        return cached[1]

    async def file_list(self) -> AsyncIterator[bytes]:
        """Yield a page with a link to each file, piece by piece."""
        pieces = iter(file_list("Files", self._batches()))
        while True:
            async with self._slow:
                piece = await run_in_threadpool(next, pieces, None)
            if piece is None:
                return
            yield piece

    def _batches(self) -> Iterator[list[Entry]]:
        last = ""
        # No transaction stays open while a slow client reads.
        while rows := self._catalog.files_after(last, _LISTED):
            yield [entry for row in rows if (entry := self._entry(row, lambda _: None))]
            last = rows[-1].filename
        for project in self._local.projects():
            yield local_entries(self._local.entries(project), ())

    def _state(self, project: str, offer: Offer | None, on_disk: object = None) -> object:
        """Return what changes whenever a page may."""
        # Overwriting a local file changes nothing else.
        stamps = self._local.stamps(project)
        return self._mirror.state(on_disk), stamps, offer and (offer.until, offer.stale)

    def _entry(self, row: FileRow, metadata: Callable[[FileRow], str | None]) -> Entry | None:
        """Return a mirrored file's entry, None if the file is not in the folder, or not complete."""
        try:
            return page_entry(row, metadata(row)) if self._mirror.is_here(row) else None
        except OSError:
            return None


def _with_etag(body: bytes) -> RenderedPage:
    return RenderedPage(body, f'"{hashlib.sha256(body).hexdigest()[:32]}"')
