"""What the search of the browser looks at, kept up to date with the mirror."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Iterable
from typing import Any

from simple_repository import model
from simple_repository.errors import PackageNotFoundError
from simple_repository_browser import fetch_description, fetch_projects
from simple_repository_browser.crawler import Crawler
from simple_repository_browser.metadata_serialization import pkg_info_to_metadata_json

from minimirror.common import MinimirrorError, printable
from minimirror.serve.browse.texts import about, harmless
from minimirror.serve.mirror import ServedMirror

__all__ = ["Search"]

log = logging.getLogger("minimirror")

_PAUSE = 2.0
"""Seconds between two updates of the search, at least."""

_SHARE = 20
"""Updates take at most one part in this many of the time."""


class Search(Crawler):  # type: ignore[misc]
    """Keeps what the search looks at up to date with the mirror."""

    async def run_reindex_periodically(self) -> None:
        """Update the search whenever the mirror has changed."""
        loop, mirror, state = asyncio.get_running_loop(), self._source.mirror, None
        indexed: dict[str, Any] = {}
        while True:
            begun = loop.time()
            try:
                mirror.local.refresh()
                if (now := _state(mirror)) != state:
                    await self._index(indexed)
                    state = now
            except MinimirrorError:
                state = None
            await asyncio.sleep(max(_PAUSE, _SHARE * (loop.time() - begun)))

    async def fetch_pkg_info(
        self, prj: model.ProjectDetail, version: Any, releases: Any, **_: Any
    ) -> tuple[model.File, Any]:
        """Return a file and what it says, without what would load pictures or run scripts in the page.

        It is made again only if a file has changed, whoever asks for that: it may take seconds.
        """
        files = releases[version].files
        # Theirs is kept by the files' names; those of local files stay when their content changes.
        known = self._cache.get(("pkg-info", prj.name, str(version)))
        if known is not None and known[1] == files:
            return known[0], harmless(known[2])
        try:
            file, info = await super().fetch_pkg_info(prj, version, releases, force_recache=True)
        except Exception as error:  # noqa: BLE001 - whatever their parsers raise
            # Authors write anything into metadata. The page has its files and other releases, too.
            file = _telling(files)
            log.warning("/browse/ does not show all metadata of %s: %s", file.filename, printable(str(error)))
            info = about(self._source.metadata(file.filename))
            info.files_info = {each.filename: fetch_description.FileInfo(each.size or 0) for each in files}
        return file, harmless(info)

    async def _index(self, indexed: dict[str, Any]) -> None:
        """Add what is new to the search, and remove what is gone.

        :param indexed: by project: what changes with the file whose metadata was read; kept for the next time
        """
        names = set(self._source.mirror.projects())
        for name in indexed.keys() - names:
            fetch_projects.remove_if_found(self._projects_db, name)
            del indexed[name]
        for name in sorted(names):
            await asyncio.sleep(0)
            try:
                page = await self._source.get_project_page(name)
            except PackageNotFoundError:
                continue
            releases, latest = self._release_info_model.release_infos(page)
            file = _telling(releases[latest].files)
            if indexed.get(name) != (content := (file.filename, file.hashes["sha256"])):
                self._describe(name, str(latest), file)
                indexed[name] = content

    def _describe(self, project: str, version: str, file: model.File) -> None:
        described = about(self._source.metadata(file.filename))
        fetch_projects.insert_if_missing(self._projects_db, project, project)
        fetch_projects.update_summary(
            self._projects_db, project, described.summary, file.upload_time, version
        )
        fetch_projects.update_metadata(self._projects_db, project, pkg_info_to_metadata_json(described))


def _state(mirror: ServedMirror) -> object:
    """Return what changes whenever a file does."""
    return mirror.state(), [mirror.local.stamps(each) for each in mirror.local.projects()]


def _telling(files: Iterable[model.File]) -> model.File:
    """Return the file of a release that says most."""
    return max(files, key=lambda each: each.filename.endswith(".whl"))
