"""What the search of the browser looks at, kept up to date with the mirror."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Iterator
from typing import Any, NamedTuple

from packaging.version import InvalidVersion, Version
from simple_repository import model
from simple_repository_browser import fetch_description, fetch_projects
from simple_repository_browser.crawler import Crawler
from simple_repository_browser.metadata_serialization import pkg_info_to_metadata_json

from minimirror.common import MinimirrorError, printable
from minimirror.distributions import FilenameError, read_filename
from minimirror.serve.browse.source import Source
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
        loop, source, state = asyncio.get_running_loop(), self._source, None
        indexed: dict[str, str] = {}
        while True:
            begun = loop.time()
            try:
                if (now := source.mirror.state()) != state:
                    state = now
                    await self._index(source, indexed)
            except MinimirrorError:
                state = None
            await asyncio.sleep(max(_PAUSE, _SHARE * (loop.time() - begun)))

    async def fetch_pkg_info(self, *arguments: Any, **more: Any) -> tuple[model.File, Any]:
        """Return a file and what it says, without what would load pictures or run scripts in the page."""
        try:
            # Whoever asks for it to be made again has it from the cache, too: that may take seconds.
            file, info = await super().fetch_pkg_info(*arguments, **{**more, "force_recache": False})
        except Exception as error:  # noqa: BLE001 - whatever their parsers raise
            # Authors write anything into metadata. The page has its files and other releases, too.
            _, version, releases, *_ = arguments
            files = releases[version].files
            file = max(files, key=lambda each: each.filename.endswith(".whl"))
            log.warning("/browse/ does not show all metadata of %s: %s", file.filename, printable(str(error)))
            info = about(self._source.metadata(file.filename))
            info.files_info = {each.filename: fetch_description.FileInfo(each.size or 0) for each in files}
        return file, harmless(info)

    async def _index(self, source: Source, indexed: dict[str, str]) -> None:
        """Add what is new to the search, and remove what is gone.

        :param indexed: the file of each project whose metadata was read, to be kept for the next time
        """
        found = await source.get_project_list()
        names = {each.name for each in found.projects}
        for name in indexed.keys() - names:
            fetch_projects.remove_if_found(self._projects_db, name)
            del indexed[name]
        for name in sorted(names):
            newest = max(_files(source.mirror, name), default=None)
            if newest is None or indexed.get(name) == newest.filename:
                continue
            indexed[name] = newest.filename
            self._describe(source, name, newest)
            await asyncio.sleep(0)

    def _describe(self, source: Source, project: str, newest: _Candidate) -> None:
        described = about(source.metadata(newest.filename))
        at = source.uploaded(newest.filename, newest.upload_time)
        fetch_projects.insert_if_missing(self._projects_db, project, project)
        fetch_projects.update_summary(self._projects_db, project, described.summary, at, str(newest.version))
        fetch_projects.update_metadata(self._projects_db, project, pkg_info_to_metadata_json(described))


class _Candidate(NamedTuple):
    """A file of a project: the one that says most of its newest release is the greatest."""

    usable: bool
    final: bool
    version: Version
    is_wheel: bool
    filename: str
    upload_time: float | None


def _files(mirror: ServedMirror, project: str) -> Iterator[_Candidate]:
    rows = {row.filename: (row.yanked is None, row.upload_time) for row in mirror.catalog.files(project)}
    for filename in {*rows, *mirror.local.names(project)}:
        usable, upload_time = rows.get(filename, (True, None))
        try:
            version = Version(read_filename(filename, project).version)
        except (FilenameError, InvalidVersion):
            version = Version("0.dev0")
        is_wheel = filename.endswith(".whl")
        yield _Candidate(usable, not version.is_prerelease, version, is_wheel, filename, upload_time)
