"""Earlier resolutions, from the catalog. They are valid until something they depend on changes."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from multiprocessing.pool import ThreadPool

from pydantic import TypeAdapter

from minimirror.resolution.closure import ResolutionChanges
from minimirror.resolution.uv import Resolution
from minimirror.storage import ResolutionRow
from minimirror.upstream import FetchError, Indexes

__all__ = ["ResolutionCache"]

_STORED = TypeAdapter(Resolution)
"""Resolutions as JSON."""


class ResolutionCache:
    """The resolutions of earlier runs, by the key of the request and the target."""

    def __init__(self, rows: Iterable[ResolutionRow]) -> None:
        self._rows = {(row.input, row.target): row for row in rows}
        self._new: list[ResolutionRow] = []

    def last(self, key: str, target: str) -> Resolution | None:
        """Return the last resolution, even if it is no longer valid."""
        row = self._rows.get((key, target))
        return row and _STORED.validate_json(row.found)

    def valid(
        self,
        fingerprints: Mapping[tuple[str, str], str],
        stamps: Mapping[str, Collection[str]],
        indexes: Indexes,
        now: float,
        threads: int,
    ) -> dict[tuple[str, str], Resolution]:
        """Return the valid resolutions: same fingerprint and local files, not due, and no page has changed.

        :param fingerprints: by request key and target
        :param stamps: the stamps of local files, by project
        :param now: in seconds since the epoch
        :param threads: requests at once
        """
        found = {
            at: _STORED.validate_json(row.found)
            for at, row in self._rows.items()
            if fingerprints.get(at) == row.key and now < (row.due or now + 1)
        }
        found = {at: each for at, each in found.items() if _has_same_files(each, stamps)}
        pages = list({page for each in found.values() for page in each.consulted.items()})
        if not pages:
            return found
        # Unlike concurrent.futures, its threads do not keep Ctrl-C waiting.
        with ThreadPool(min(threads, len(pages))) as pool:
            states = pool.starmap(lambda *page: _has_changed(indexes, *page), pages, chunksize=1)
        changed = {page for page, has_changed in zip(pages, states, strict=True) if has_changed}
        return {at: each for at, each in found.items() if changed.isdisjoint(each.consulted.items())}

    def add(self, key: str, target: str, fingerprint: str, resolution: Resolution, due: float | None) -> None:
        """Remember a resolution until it is due, in seconds since the epoch."""
        self._new.append(ResolutionRow(key, target, fingerprint, due, _STORED.dump_json(resolution).decode()))

    def changes(self, requested: Collection[tuple[str, str]]) -> ResolutionChanges:
        """Return what the catalog should save: new resolutions, and those that are no longer requested."""
        return ResolutionChanges(self._new, self._rows.keys() - set(requested))


def _has_same_files(resolution: Resolution, stamps: Mapping[str, Collection[str]]) -> bool:
    """Return whether its projects have the same local files; those of the index may have been adopted."""
    for name in {*resolution.consulted, *resolution.local}:
        now, then = {*stamps.get(name, ())}, {*resolution.stamps.get(name, ())}
        if now != then and (name in resolution.local or not now < then):
            return False
    return True


def _has_changed(indexes: Indexes, project: str, validator: str | None) -> bool:
    try:
        return indexes.of(project).changed(project, validator or "") or validator is None
    except FetchError as error:
        # If there is a problem, the resolver will report it.
        return validator is not None or not error.not_found
