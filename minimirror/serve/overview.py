"""The whole mirror at a glance: how big it is, how its last runs went, and which names it has."""

from __future__ import annotations

import asyncio
import difflib
from typing import NamedTuple

from starlette.concurrency import run_in_threadpool

from minimirror.serve.cache import Cache
from minimirror.serve.latest import Latest
from minimirror.serve.mirror import ServedMirror
from minimirror.storage import CatalogSummary

__all__ = ["Overview", "OverviewReader"]

_NEAR = 3
"""Similar names, at most."""

_NEARS = 1000
"""Names whose similar names are cached."""


class Overview(NamedTuple):
    """The mirror at one moment."""

    projects: list[str]
    files: int
    bytes: int
    catalog: CatalogSummary


class OverviewReader:
    """Reads the overview, and keeps it until the mirror changes."""

    def __init__(self, mirror: ServedMirror) -> None:
        self._mirror = mirror
        self._latest = Latest(mirror, self._read)
        self._comparing = asyncio.Lock()
        self._near: Cache[list[str]] = Cache(_NEARS)

    async def read(self) -> Overview:
        """Return the overview.

        :raises CatalogError: the catalog cannot be read
        """
        return await self._latest.read()

    async def near(self, name: str) -> list[str]:
        """Return the names of similar projects, the most similar first."""
        projects = (await self.read()).projects
        # One at a time, since many clients ask for names that are not here.
        async with self._comparing:
            found = self._near.get(name)
            if found is None:
                found = await run_in_threadpool(_similar, name[:100], projects)
                self._near.put(name, found, 1)
            return found

    def _read(self) -> Overview:
        _, catalog, local, *_ = self._mirror
        local_projects = local.projects()
        projects = list(self._mirror.projects(local_projects))
        found = catalog.summary()
        sizes = [stamp.size for each in local_projects for stamp in local.stamps(each)]
        self._near = Cache(_NEARS)
        return Overview(projects, found.files + len(sizes), found.bytes + sum(sizes), found)


def _similar(name: str, known: list[str]) -> list[str]:
    # Comparing is slow: only names with a like length and the same beginning or end.
    start, end, low, high = name[:1], name[-3:], len(name) * 0.6, len(name) * 1.7
    likely = (each for each in known if low <= len(each) <= high and (each[0] == start or each.endswith(end)))
    return difflib.get_close_matches(name, likely, _NEAR, cutoff=0.7)
