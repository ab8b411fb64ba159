"""The rules of releases: which are listed, which are refused, and how many of the others are kept.

Where there are targets, each chooses by itself, from the files that it accepts. Files of one version that
the same targets accept share their fate; they are one *kind* here.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import NamedTuple

from packaging.specifiers import SpecifierSet
from packaging.version import InvalidVersion, Version

from minimirror.common import format_size
from minimirror.selection.decision import Decision, Refusal
from minimirror.selection.rules import Rules

__all__ = ["Kind", "Release", "refused_kinds", "release_of", "within_size"]

_EVERY = -1
"""A bit mask of every target."""


class Release(NamedTuple):
    """A release, to be compared: a version that is not of PEP 440 is older than any that is.

    Spellings of one version, ``1.0`` and ``1.0.0``, are one release.
    """

    is_version: bool
    version: Version | str

    @property
    def is_prerelease(self) -> bool:
        """Whether it is a pre-release, as far as can be told."""
        return isinstance(self.version, Version) and self.version.is_prerelease


def release_of(text: str) -> Release:
    """The release that a version names, spelled in any way."""
    try:
        return Release(True, Version(text))
    except InvalidVersion:
        return Release(False, text)


class Kind(NamedTuple):
    """Files of a page that the rules of releases do not tell apart."""

    version: str
    """As the filenames spell it."""

    targets: int
    """Bit mask of the targets that accept them; where there are none, everybody is one."""


def refused_kinds(
    offered: Iterable[Kind],
    acceptable: Iterable[Kind],
    rules: Rules,
    specifiers: Sequence[str],
    vulnerable: Mapping[str, str],
) -> dict[Kind, Refusal]:
    """The kinds that are refused whatever their files are.

    :param offered: all that the index has to offer
    :param acceptable: those that have a file that the other rules want
    :param specifiers: specifier sets (PEP 440), any of which a release has to meet; empty for all releases
    :param vulnerable: what is known to be wrong with a release, by its version
    """
    choice = _Choice({*offered, *acceptable})
    allowed = [SpecifierSet(specifier) for specifier in specifiers]
    if allowed:
        choice.keep_specified(allowed)
    if not rules.prereleases and not any(specifier.prereleases for specifier in allowed):
        choice.keep_final()
    if not rules.vulnerable:
        choice.keep_sound(vulnerable)
    if rules.releases is not None:
        choice.keep_newest(rules.releases, set(acceptable), len(rules.targets))
    return choice.refused


class _Choice:
    """What the releases' rules leave, each rule of what those before it left."""

    def __init__(self, kinds: Iterable[Kind]) -> None:
        self.refused: dict[Kind, Refusal] = {}
        self._left = {kind: kind.targets for kind in kinds if kind.targets}
        """The targets that want a kind."""
        self._releases = {text: release_of(text) for text in {kind.version for kind in self._left}}

    def _keep(self, targets: Callable[[Kind], int], rule: str, reason: Callable[[Kind], str]) -> None:
        """Leave each kind to those targets alone, and refuse it where there are none of them.

        :param targets: a bit mask of targets, some of which may not want the kind any more
        """
        for kind, wanting in list(self._left.items()):
            if left := wanting & targets(kind):
                self._left[kind] = left
            else:
                del self._left[kind]
                self.refused[kind] = Refusal(rule, reason(kind))

    def keep_specified(self, allowed: Sequence[SpecifierSet]) -> None:
        """Keep releases that meet a specifier."""
        met = {text: _meets(release, allowed) for text, release in self._releases.items()}
        told = " or ".join(map(str, allowed))
        self._keep(
            lambda kind: _EVERY if met[kind.version] else 0,
            "projects",
            lambda kind: f"{kind.version} is not in {told}",
        )

    def keep_final(self) -> None:
        """Keep final releases, and pre-releases for the targets that have no other."""
        before = {text for text, release in self._releases.items() if release.is_prerelease}
        served = 0
        for kind, targets in self._left.items():
            if kind.version not in before:
                served |= targets
        self._keep(
            lambda kind: ~served if kind.version in before else _EVERY,
            "prereleases",
            lambda kind: f"{kind.version} is a pre-release",
        )

    def keep_sound(self, vulnerable: Mapping[str, str]) -> None:
        """Keep releases of which no vulnerability is known."""
        known = {release_of(text): told for text, told in vulnerable.items()}
        found = {text: known[release] for text, release in self._releases.items() if release in known}
        self._keep(
            lambda kind: 0 if kind.version in found else _EVERY,
            "vulnerable",
            lambda kind: f"known vulnerabilities: {found[kind.version]}",
        )

    def keep_newest(self, count: int, acceptable: set[Kind], targets: int) -> None:
        """Keep the newest releases of each target, of those that have an acceptable file for it."""
        order = {release: place for place, release in enumerate(sorted(set(self._releases.values())))}
        places = {text: order[release] for text, release in self._releases.items()}
        newest: dict[int, int] = {}
        for target in range(targets or 1):
            bit = 1 << target
            usable = {
                places[kind.version] for kind, left in self._left.items() if left & bit and kind in acceptable
            }
            for place in sorted(usable, reverse=True)[:count]:
                newest[place] = newest.get(place, 0) | bit
        reason = "not the newest release" if count == 1 else f"not among the {count} newest releases"
        reason += " for any target that takes it" * bool(targets)
        self._keep(lambda kind: newest.get(places[kind.version], 0), "releases", lambda _: reason)


def _meets(release: Release, specifiers: Iterable[SpecifierSet]) -> bool:
    version = release.version
    return isinstance(version, Version) and any(
        specifier.contains(version, prereleases=True) for specifier in specifiers
    )


def within_size(decisions: Iterable[Decision], most: int, spent: int) -> dict[str, Refusal]:
    """The releases that do not fit, by version as the filenames spell it: the newest come first.

    :param decisions: those on the files that are wanted otherwise
    :param most: bytes of all of them
    :param spent: bytes of those that are wanted anyway
    """
    sizes: dict[Release, int] = {}
    texts: dict[str, Release] = {}
    for each in decisions:
        release = texts.get(each.version) or texts.setdefault(each.version, release_of(each.version))
        sizes[release] = sizes.get(release, 0) + (each.file.size or 0)
    for newest in sorted(sizes, reverse=True):
        if spent + sizes[newest] > most:
            reason = (
                f"{format_size(spent)} are kept, and the {format_size(sizes[newest])} of {newest.version}"
            )
            refusal = Refusal("max_project_size", f"{reason} would make them more than {format_size(most)}")
            return {text: refusal for text, release in texts.items() if release <= newest}
        spent += sizes[newest]
    return {}
