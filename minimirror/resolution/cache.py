"""What was resolved before: kept in the catalog, good while what it was made from is the same."""

from __future__ import annotations

import json
from collections.abc import Collection, Iterable, Mapping
from multiprocessing.pool import ThreadPool
from typing import Any

from minimirror.resolution.uv import Needed, Resolution
from minimirror.storage import Catalog, ResolutionRow
from minimirror.upstream import FetchError, Index

__all__ = ["Memory"]


class Memory:
    """The resolutions that the catalog has."""

    def __init__(self, catalog: Catalog) -> None:
        self._catalog = catalog
        self._rows = {(row.input, row.target): row for row in catalog.resolutions()}

    def last(self, name: str, target: str) -> Resolution | None:
        """What was found the last time for an environment, by its name, and a target."""
        row = self._rows.get((name, target))
        return row and _decoded(row.found)

    def good(
        self, keys: Mapping[tuple[str, str], str], index: Index, now: float, threads: int
    ) -> dict[tuple[str, str], Resolution]:
        """What still holds: made from the same, not due, and no page that was looked at has changed.

        :param keys: by environment and target, what the resolution is made from
        :param threads: requests at once
        """
        rows = [
            row for at, row in self._rows.items() if keys.get(at) == row.key and now < (row.due or now + 1)
        ]
        found = {(row.input, row.target): _decoded(row.found) for row in rows}
        pages = {page for each in found.values() for page in each.consulted.items()}
        changed = _changed(pages, index, threads)
        return {at: each for at, each in found.items() if changed.isdisjoint(each.consulted.items())}

    def keep(self, name: str, target: str, key: str, resolution: Resolution, due: float | None) -> None:
        """Remember what was found."""
        self._catalog.put_resolution(ResolutionRow(name, target, key, due, _encoded(resolution)))

    def forget_others(self, keep: Collection[tuple[str, str]]) -> None:
        """Forget what is not asked for any more."""
        self._catalog.forget_resolutions(self._rows.keys() - set(keep))


def _changed(
    pages: Collection[tuple[str, str | None]], index: Index, threads: int
) -> set[tuple[str, str | None]]:
    """Those of the pages, each by project and validator, that are not as they were."""
    if not pages:
        return set()
    asked = list(pages)
    # Not concurrent.futures: at Ctrl-C nothing waits for these threads, whatever they wait for.
    with ThreadPool(min(threads, len(asked))) as pool:
        changed = pool.starmap(lambda *page: _has_changed(index, *page), asked, chunksize=1)
    return {page for page, other in zip(asked, changed, strict=True) if other}


def _has_changed(index: Index, project: str, validator: str | None) -> bool:
    try:
        return index.changed(project, validator or "") or validator is None
    except FetchError as error:
        # The resolver will find out what is wrong, and say so.
        return validator is not None or error.status not in {404, 410}


def _encoded(resolution: Resolution) -> str:
    found: dict[str, Any] = {
        "needed": [list(each) for each in resolution.needed],
        "consulted": dict(resolution.consulted),
        "warnings": list(resolution.warnings),
    }
    return json.dumps(found)


def _decoded(text: str) -> Resolution:
    found = json.loads(text)
    return Resolution(
        "",
        0,
        needed=tuple(_needed(*each) for each in found["needed"]),
        consulted=found["consulted"],
        warnings=tuple(found["warnings"]),
    )


def _needed(project: str, version: str, chain: Iterable[str], digests: Iterable[str]) -> Needed:
    return Needed(project, version, tuple(chain), tuple(digests))
