"""Earlier resolutions, from the catalog. They are valid until something they depend on changes."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from multiprocessing.pool import ThreadPool

from pydantic import TypeAdapter

from minimirror.resolution.uv import Resolution
from minimirror.upstream import FetchError, Indexes

__all__ = ["STORED", "unchanged"]

STORED = TypeAdapter(Resolution)
"""Resolutions as JSON."""


def unchanged(
    found: Mapping[tuple[str, str], Resolution],
    stamps: Mapping[str, Collection[str]],
    indexes: Indexes,
    threads: int,
) -> dict[tuple[str, str], Resolution]:
    """Return the resolutions whose local files and pages have not changed.

    :param found: by key of the requirements, and target
    :param stamps: the stamps of local files, by project
    :param threads: requests at once
    """
    found = {at: each for at, each in found.items() if _has_same_files(each, stamps)}
    pages = list({page for each in found.values() for page in each.consulted.items()})
    if not pages:
        return found
    # Unlike concurrent.futures, its threads do not keep Ctrl-C waiting.
    with ThreadPool(min(threads, len(pages))) as pool:
        states = pool.starmap(lambda *page: _has_changed(indexes, *page), pages, chunksize=1)
    changed = {page for page, has_changed in zip(pages, states, strict=True) if has_changed}
    return {at: each for at, each in found.items() if changed.isdisjoint(each.consulted.items())}


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
