"""Which targets accept a file, by a wheel's tags (PEP 425) and by Requires-Python (PEP 345)."""

from __future__ import annotations

import functools
import itertools
from collections.abc import Sequence
from typing import TYPE_CHECKING, NamedTuple

from minimirror.distributions import Distribution

if TYPE_CHECKING:
    from minimirror.distributions import Target

__all__ = ["Compatibility"]


class _Tags(NamedTuple):
    """The tags that some targets accept."""

    masks: dict[str, int]
    """Bit mask of the targets that accept a tag, by tag: ``cp312-abi3-win_amd64``."""

    parts: frozenset[str]
    """The parts of these tags: ``cp312``, ``abi3``, ``win_amd64``."""


@functools.lru_cache(maxsize=8)
def _tags(targets: tuple[Target, ...]) -> _Tags:
    masks: dict[str, int] = {}
    for number, target in enumerate(targets):
        for tag in target.tags:
            masks[tag] = masks.get(tag, 0) | 1 << number
    return _Tags(masks, frozenset(part for tag in masks for part in tag.split("-")))


class Compatibility:
    """Which targets accept the files of a page; remembers tags and specifiers, which mostly repeat."""

    def __init__(self, targets: tuple[Target, ...]) -> None:
        self._targets = targets
        self._all = (1 << len(targets)) - 1
        self._by_tags: dict[tuple[str, str, tuple[str, ...]], int] = {}
        self._by_python: dict[str | None, int] = {}

    def targets(self, found: Distribution, requires_python: str | None) -> int:
        """Return a bit mask of the targets that accept a file."""
        if requires_python not in self._by_python:
            accepting = [target.accepts_python(requires_python) for target in self._targets]
            self._by_python[requires_python] = sum(yes << number for number, yes in enumerate(accepting))
        return self._tagged(found) & self._by_python[requires_python]

    def _tagged(self, found: Distribution) -> int:
        """Return a bit mask of the targets whose tags match; installers accept only wheels and sdists."""
        if found.package_type != "bdist_wheel":
            return self._all if found.package_type == "sdist" else 0
        key = (found.python_tag, found.abi_tag, found.platforms)
        mask = self._by_tags.get(key)
        if mask is None:
            mask = self._by_tags[key] = self._expanded(*key)
        return mask

    def _expanded(self, python: str, abi: str, platforms: Sequence[str]) -> int:
        masks, known = _tags(self._targets)
        # A compressed tag set stands for every combination (PEP 425), and a filename has room for a hundred
        # thousand. Parts that no target knows are skipped.
        parts = [
            known.intersection(map(str.lower, each))
            for each in (python.split("."), abi.split("."), platforms)
        ]
        found = 0
        for tag in itertools.product(*parts):
            found |= masks.get("-".join(tag), 0)
        return found

    def refusal(self, found: Distribution, requires_python: str | None) -> str:
        """Return why no target accepts a file."""
        if found.package_type not in {"bdist_wheel", "sdist"}:
            return f"no installer accepts a {found.package_type}"
        if not self._tagged(found):
            return f"no target accepts {found.python_tag}-{found.abi_tag}-{'.'.join(found.platforms)}"
        these = "" if found.package_type == "sdist" else " with these tags"
        return f"requires Python {requires_python}, which no target{these} has"
