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
        indexed: dict[str, _Candidate] = {}
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
        self,
        prj: model.ProjectDetail,
        version: Any,
        releases: Any,
        force_recache: bool,  # noqa: ARG002 - as it is called
    ) -> tuple[model.File, Any]:
        """Return a file and what it says, without what would load pictures or run scripts in the page.

        It is made again only if a file has changed, whoever asks for that: it may take seconds.
        """
        files = releases[version].files
        known = self._cache.get(("pkg-info", prj.name, str(version)))
        if known is not None and known[1] == files:
            return known[0], harmless(known[2])
        try:
            file, info = await super().fetch_pkg_info(prj, version, releases, force_recache=True)
        except Exception as error:  # noqa: BLE001 - whatever their parsers raise
            # Authors write anything into metadata. The page has its files and other releases, too.
            file = max(files, key=lambda each: each.filename.endswith(".whl"))
            log.warning("/browse/ does not show all metadata of %s: %s", file.filename, printable(str(error)))
            info = about(self._source.metadata(file.filename))
            info.files_info = {each.filename: fetch_description.FileInfo(each.size or 0) for each in files}
        return file, harmless(info)

    async def _index(self, indexed: dict[str, _Candidate]) -> None:
        """Add what is new to the search, and remove what is gone.

        :param indexed: the file of each project whose metadata was read, to be kept for the next time
        """
        names = set(self._source.mirror.projects())
        for name in indexed.keys() - names:
            fetch_projects.remove_if_found(self._projects_db, name)
            del indexed[name]
        for name in sorted(names):
            newest = max(_files(self._source.mirror, name), key=_Candidate.rank, default=None)
            if newest is not None and indexed.get(name) != newest:
                self._describe(name, newest)
                indexed[name] = newest
                await asyncio.sleep(0)

    def _describe(self, project: str, newest: _Candidate) -> None:
        described = about(self._source.metadata(newest.filename))
        at = self._source.uploaded(newest.filename, newest.upload_time)
        fetch_projects.insert_if_missing(self._projects_db, project, project)
        fetch_projects.update_summary(self._projects_db, project, described.summary, at, str(newest.version))
        fetch_projects.update_metadata(self._projects_db, project, pkg_info_to_metadata_json(described))


class _Candidate(NamedTuple):
    """A file of a project."""

    usable: bool
    final: bool
    version: Version
    is_wheel: bool
    filename: str
    upload_time: float | None
    content: object
    """What changes with its content."""

    def rank(self) -> tuple[object, ...]:
        """Return what is greatest for the file that says most of the newest release."""
        return self[:5]


def _state(mirror: ServedMirror) -> object:
    """Return what changes whenever a file does."""
    return mirror.state(), [mirror.local.stamps(each) for each in mirror.local.projects()]


def _files(mirror: ServedMirror, project: str) -> Iterator[_Candidate]:
    for row in mirror.catalog.files(project):
        yield _candidate(project, row.filename, row.upload_time, row.sha256, usable=row.yanked is None)
    for stamp in mirror.local.stamps(project):
        yield _candidate(project, stamp.filename, stamp.mtime / 1e9, stamp)


def _candidate(
    project: str, filename: str, upload_time: float | None, content: object, *, usable: bool = True
) -> _Candidate:
    try:
        version = Version(read_filename(filename, project).version)
    except (FilenameError, InvalidVersion):
        version = Version("0.dev0")
    is_wheel = filename.endswith(".whl")
    return _Candidate(usable, not version.is_prerelease, version, is_wheel, filename, upload_time, content)
