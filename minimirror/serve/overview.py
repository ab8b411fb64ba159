"""The whole mirror at a glance: how big it is, how its last runs went, and which names it has."""

from __future__ import annotations

import difflib
from functools import lru_cache, partial

from minimirror.serve.mirror import ServedMirror

__all__ = ["Overview"]

_NEAR = 3
"""Similar names, at most."""

_CACHED = 1000
"""Names whose similar names are cached."""


class Overview:
    """The mirror at one moment."""

    def __init__(self, mirror: ServedMirror) -> None:
        """Read it. Call this in a thread.

        :raises CatalogError: the catalog cannot be read
        """
        local = mirror.local.projects()
        sizes = [stamp.size for each in local for stamp in mirror.local.stamps(each)]
        self.projects = list(mirror.projects(local))
        self.catalog = mirror.catalog.summary()
        self.files = self.catalog.files + len(sizes)
        self.bytes = self.catalog.bytes + sum(sizes)
        self.similar = lru_cache(_CACHED)(partial(_similar, self.projects))
        """Returns the names of the projects most similar to one, the nearest first. Call it in a thread."""


def _similar(known: list[str], name: str) -> list[str]:
    name = name[:100]
    # Comparing is slow: only names with a like length and the same beginning or end.
    start, end, low, high = name[:1], name[-3:], len(name) * 0.6, len(name) * 1.7
    likely = (each for each in known if low <= len(each) <= high and (each[0] == start or each.endswith(end)))
    return difflib.get_close_matches(name, likely, _NEAR, cutoff=0.7)
