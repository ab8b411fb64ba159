"""The rules of releases: which are listed, which are refused, and how many of the others are kept.

Each target chooses separately, from the files that it accepts. Files of one version that the same targets
accept are decided together; they are one *kind* here.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import NamedTuple

from packaging.specifiers import SpecifierSet
from packaging.version import InvalidVersion, Version

from minimirror.common import format_size
from minimirror.selection.decision import Decision, Refusal
from minimirror.selection.rules import Rules

__all__ = [
    "Kind",
    "Release",
    "counted_release",
    "kind_of",
    "matches",
    "refused_kinds",
    "release_of",
    "within_size",
]

_EVERY = -1
"""Bit mask of every target."""


class Release(NamedTuple):
    """A release that can be compared; an invalid version (PEP 440) is older than any valid one.

    Different spellings of a version, ``1.0`` and ``1.0.0``, are the same release.
    """

    is_version: bool
    version: Version | str

    @property
    def is_prerelease(self) -> bool:
        """Whether it is a pre-release; False if its version is invalid."""
        return isinstance(self.version, Version) and self.version.is_prerelease


@functools.lru_cache(maxsize=4096)
def release_of(text: str) -> Release:
    """Return the release of a version in any spelling; projects have many versions in common."""
    try:
        return Release(True, Version(text))
    except InvalidVersion:
        return Release(False, text)


@functools.lru_cache(maxsize=4096)
def counted_release(text: str) -> Release:
    """Return what a version counts as: builds that differ only in their local version are one release.

    They are builds for other machines or with other options, such as ``1.0+cpu`` (PEP 440).
    """
    release = release_of(text)
    version = release.version
    if isinstance(version, Version) and version.local is not None:
        return Release(True, Version(version.public))
    return release


class Kind(NamedTuple):
    """Files of a page that the rules of releases treat alike."""

    version: str
    """As in the filenames."""

    targets: int
    """Bit mask of the targets that accept them; without targets, one bit means all environments."""

    installable: bool
    """Whether they are sdists or wheels of a valid version, so that installers consider them."""


def kind_of(decision: Decision) -> Kind:
    """Return the kind of an acceptable file."""
    found = decision.distribution
    installable = found is not None and found.package_type in {"bdist_wheel", "sdist"}
    is_version = release_of(decision.version).is_version
    return Kind(decision.version, decision.targets or 1, installable and is_version)


def refused_kinds(
    kinds: Iterable[Kind], rules: Rules, specifiers: Sequence[str], vulnerable: Mapping[str, str]
) -> dict[Kind, Refusal]:
    """Return the kinds that the rules of releases refuse.

    :param kinds: those of the files that the rules of files accept
    :param specifiers: specifier sets (PEP 440); each chooses from the releases that match it
    :param vulnerable: known vulnerabilities of a release, by its version
    """
    refused = []
    for specifier in map(SpecifierSet, dict.fromkeys(specifiers) or [""]):
        choice = _Choice(kinds)
        if specifiers:
            choice.keep_specified(specifier, " or ".join(specifiers))
        if not rules.prereleases and not specifier.prereleases:
            choice.keep_final()
        if not rules.vulnerable:
            choice.keep_sound(vulnerable)
        if rules.releases is not None:
            choice.keep_newest(rules.releases, len(rules.targets))
        refused.append(choice.refused)
    by_all = set.intersection(*map(set, refused))
    # That it does not match one of them says less than why the one that it matches refuses it.
    return {kind: min((each[kind] for each in refused), key=_is_unlisted) for kind in by_all}


def _is_unlisted(refusal: Refusal) -> bool:
    return refusal.rule == "projects"


class _Choice:
    """What the rules of releases leave; each rule chooses from what the rules before it left."""

    def __init__(self, kinds: Iterable[Kind]) -> None:
        self.refused: dict[Kind, Refusal] = {}
        self._left = {kind: kind.targets for kind in kinds}
        """Bit mask of the targets that still want a kind."""
        self._releases = {text: counted_release(text) for text in {kind.version for kind in self._left}}

    def _keep(self, targets: Callable[[Kind], int], rule: str, reason: Callable[[Kind], str]) -> None:
        """Keep each kind for the given targets only, and refuse it if none of them still wants it.

        :param targets: returns a bit mask of targets for a kind
        """
        for kind, wanting in list(self._left.items()):
            if left := wanting & targets(kind):
                self._left[kind] = left
            else:
                del self._left[kind]
                self.refused[kind] = Refusal(rule, reason(kind))

    def keep_specified(self, specifier: SpecifierSet, all_specifiers: str) -> None:
        """Keep releases that match a specifier, which has all builds of a release unless it names one."""
        found = {text for text in self._releases if matches(text, specifier)}
        self._keep(
            lambda kind: _EVERY if kind.version in found else 0,
            "projects",
            lambda kind: f"{kind.version} does not match {all_specifiers}",
        )

    def keep_final(self) -> None:
        """Keep final releases, and pre-releases for targets that have no final one, as pip does."""
        before = {text for text, release in self._releases.items() if release.is_prerelease}
        served = {True: 0, False: 0}
        for kind, targets in self._left.items():
            if kind.version not in before:
                served[kind.installable] |= targets
        served[False] |= served[True]
        self._keep(
            lambda kind: ~served[kind.installable] if kind.version in before else _EVERY,
            "prereleases",
            lambda kind: f"{kind.version} is a pre-release",
        )

    def keep_sound(self, vulnerable: Mapping[str, str]) -> None:
        """Keep releases without known vulnerabilities."""
        known = {counted_release(text): identifiers for text, identifiers in vulnerable.items()}
        found = {text: known[release] for text, release in self._releases.items() if release in known}
        self._keep(
            lambda kind: 0 if kind.version in found else _EVERY,
            "vulnerable",
            lambda kind: f"known vulnerabilities: {found[kind.version]}",
        )

    def keep_newest(self, count: int, targets: int) -> None:
        """Keep, for each target, the newest releases that have a file for it."""
        order = {release: place for place, release in enumerate(sorted(set(self._releases.values())))}
        places = {text: order[release] for text, release in self._releases.items()}
        newest: dict[int, int] = {}
        for target in range(targets or 1):
            bit = 1 << target
            usable = {places[kind.version] for kind, left in self._left.items() if left & bit}
            for place in sorted(usable, reverse=True)[:count]:
                newest[place] = newest.get(place, 0) | bit
        reason = "not the newest release" if count == 1 else f"not among the {count} newest releases"
        reason += " for any target that accepts it" * bool(targets)
        self._keep(lambda kind: newest.get(places[kind.version], 0), "releases", lambda _: reason)


def matches(version: str, specifier: SpecifierSet) -> bool:
    """Return whether a version matches a specifier (PEP 440), which an invalid one never does."""
    release = release_of(version).version
    return isinstance(release, Version) and specifier.contains(release, prereleases=True)


def within_size(decisions: list[Decision], most: int, needed: Mapping[int, Decision]) -> list[Decision]:
    """Refuse the older releases if all together are larger than a project may be.

    :param most: bytes that the project may have
    :param needed: decisions about the files that targets need, which count first, by index in ``decisions``
    """
    kept = sum(each.file.size or 0 for each in needed.values() if each.wanted)
    sizes: dict[Release, int] = {}
    releases: dict[str, Release] = {}
    for at, each in enumerate(decisions):
        if each.wanted and not (at in needed and needed[at].wanted):
            if each.version not in releases:
                releases[each.version] = counted_release(each.version)
            release = releases[each.version]
            sizes[release] = sizes.get(release, 0) + (each.file.size or 0)
    for newest in sorted(sizes, reverse=True):
        if kept + sizes[newest] > most:
            more = f"the {format_size(sizes[newest])} of {newest.version} would exceed {format_size(most)}"
            refusal = Refusal("max_project_size", f"{format_size(kept)} is kept already; {more}")
            refused = {text for text, release in releases.items() if release <= newest}
            return [each.refused(refusal) if each.version in refused else each for each in decisions]
        kept += sizes[newest]
    return decisions
