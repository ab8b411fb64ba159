"""Which index a lock takes a project from: the one of the config with that URL, or it is missing."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping

from minimirror.common import Summary, mask_credentials, printable, shorten
from minimirror.config import comparable_url, default_index_url
from minimirror.upstream import Indexes

__all__ = ["assign_indexes"]

_SHOWN = 5
"""Projects of an index that a message names."""


def assign_indexes(
    lock: str, registries: Mapping[str, Iterable[str]], indexes: Indexes, summary: Summary
) -> set[str]:
    """Let projects come from the indexes that a lock names.

    The config comes first: a project that it gives to an index stays there. A lock may be older than a proxy,
    so PyPI's URL, or the only one that the config does not have, stands for the main index.

    :param registries: URLs of indexes, by normalized project
    :returns: the projects whose index is missing from the config; only a digest shows that a file is theirs
    """
    known = {comparable_url(index.url): number for number, index in enumerate(indexes.all)}
    unknown: dict[str, list[str]] = {}
    for project, urls in registries.items():
        for url in urls:
            number, now = known.get(comparable_url(url)), indexes.number_of(project)
            if number is None and not now:
                unknown.setdefault(url, []).append(project)
            elif number and not now:
                indexes.assigned[project] = number
            elif number not in {None, now}:
                here = indexes.of(project).title
                summary.note(f"{lock} takes {project} from {_shown(url)}, but the config from {here}")
    main = _stands_for_main({url for urls in registries.values() for url in urls}, unknown, known)
    missing = set()
    for url, projects in unknown.items():
        if url != main:
            names = ", ".join(shorten(sorted(projects), _SHOWN))
            summary.note(f"{lock}: {names}: the config has no index {_shown(url)}; add it to `indexes`")
            missing.update(projects)
    return missing


def _stands_for_main(urls: Iterable[str], unknown: Collection[str], known: Mapping[str, int]) -> str | None:
    """Return the unknown URL that means the main index; None if there is none."""
    pypi = comparable_url(default_index_url())
    if of_pypi := [url for url in unknown if comparable_url(url) == pypi]:
        return of_pypi[0]
    has_main = any(known.get(comparable_url(url)) == 0 for url in urls)
    return next(iter(unknown)) if len(unknown) == 1 and not has_main else None


def _shown(url: str) -> str:
    return printable(mask_credentials(url))
