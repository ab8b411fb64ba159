"""The newest release that a page lists, whether the rules want it or not."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from typing import NamedTuple

from minimirror.selection.decision import Decision
from minimirror.selection.releases import counted_release

__all__ = ["Newest", "newest_release"]


class Newest(NamedTuple):
    """The newest release of a project on its index."""

    version: str
    uploaded: float | None
    """When the first of its files was uploaded, in seconds since the epoch; None if unknown."""

    refused_by: tuple[str, ...]
    """The rules that refuse its files, the most frequent first; empty if a file of it is wanted."""


def newest_release(decisions: Iterable[Decision], *, prereleases: bool) -> Newest | None:
    """Return the newest release with a file that is not yanked; None if there is none.

    :param decisions: about all files of a page
    :param prereleases: whether a pre-release counts; it always does if there is nothing else
    """
    files = [each for each in decisions if each.distribution is not None and each.file.yanked is None]
    releases = {text: counted_release(text) for text in {each.version for each in files}}
    final = {text: each for text, each in releases.items() if prereleases or not each.is_prerelease}
    if not releases:
        return None
    newest = max((final or releases).values())
    of_newest = [each for each in files if releases[each.version] == newest]
    times = [each.file.upload_time for each in of_newest if each.file.upload_time is not None]
    wanted = any(each.wanted for each in of_newest)
    rules = [] if wanted else Counter(each.rule for each in of_newest).most_common()
    return Newest(str(newest.version), min(times, default=None), tuple(rule for rule, _ in rules))
