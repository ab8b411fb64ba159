"""The rules: which files of a project page are wanted, each with its reason.

Pure functions: the same page and the same rules give the same answer. The rules are applied in this order,
and the first that refuses a file is its reason:

1. the file's own: its name, ``package_types``, ``extensions``, ``python_versions``, ``platforms``,
   ``yanked``;
2. the release's: the project's version specifier, ``prereleases``;
3. the project's: the newest ``releases``, of those that have a file left;
4. the folder's: one file of a name.
"""

from __future__ import annotations

import fnmatch
import hashlib
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, fields
from typing import TYPE_CHECKING, NamedTuple

from packaging.requirements import Requirement
from packaging.specifiers import SpecifierSet
from packaging.utils import canonicalize_name
from packaging.version import Version

from minimirror.distribution import Distribution, FilenameError, read_filename
from minimirror.index.page import File

if TYPE_CHECKING:
    from minimirror.config import Config

__all__ = ["Decision", "ProjectRules", "Rules", "select"]

_VERSION = 1
"""Raised when the same rules come to mean something else, so that existing mirrors apply them anew."""

_GLOB = re.compile(r"[^<>=!~]*[*?\[][^<>=]*")
"""A glob has a wildcard in its name; a requirement may have one in its specifier, ``numpy==1.*``."""


@dataclass(frozen=True, slots=True)
class Rules:
    """The rules that are the same for every project; None allows everything."""

    package_types: frozenset[str] | None
    extensions: frozenset[str] | None
    python_versions: frozenset[str] | None
    platforms: frozenset[str] | None
    releases: int | None
    prereleases: bool
    yanked: bool

    @classmethod
    def of(cls, config: Config) -> Rules:
        """The rules that a config states."""
        return cls(
            package_types=_set(config.package_types),
            extensions=_set(config.extensions),
            python_versions=_set(config.python_versions),
            platforms=_set(config.platforms),
            releases=None if config.releases == "all" else config.releases,
            prereleases=config.prereleases,
            yanked=config.yanked,
        )

    def fingerprint(self, specifiers: Sequence[str]) -> str:
        """Short text that differs where the selection of a project's files may differ."""
        parts = [str(_VERSION), *specifiers]
        for rule in fields(self):
            value = getattr(self, rule.name)
            parts.append(f"{rule.name}={sorted(value) if isinstance(value, frozenset) else value}")
        return hashlib.sha256("\n".join(parts).encode()).hexdigest()[:16]


def _set(values: Iterable[str] | None) -> frozenset[str] | None:
    return None if values is None else frozenset(str(value) for value in values)


class Decision(NamedTuple):
    """What the rules say of one file."""

    file: File
    distribution: Distribution | None
    """None where the filename cannot be read."""

    wanted: bool
    rule: str
    """The config key that refused the file, or ``filename`` where that cannot be read; empty if wanted."""

    reason: str
    """The rule's answer, for a person."""

    suspect: bool = False
    """Whether no sound page lists such a file: see :attr:`FilenameError.suspect`."""

    def refused_name(self, reason: str, *, suspect: bool = False) -> Decision:
        """The same file, refused for its name."""
        return self._replace(wanted=False, rule="filename", reason=reason, suspect=suspect)

    @property
    def version(self) -> str:
        """The version, as the filename spells it; empty where the name cannot be read."""
        return self.distribution.version if self.distribution else ""


class ProjectRules:
    """Which projects are wanted: ``projects`` and ``exclude_projects``."""

    def __init__(self, projects: Sequence[str] | None, exclude: Sequence[str]) -> None:
        self._all = projects is None
        self._specifiers: dict[str, tuple[str, ...]] = {}
        globs = []
        for entry in projects or ():
            if _GLOB.fullmatch(entry):
                globs.append(entry)
            else:
                requirement = Requirement(entry)
                name = canonicalize_name(requirement.name)
                self._specifiers[name] = (*self._specifiers.get(name, ()), str(requirement.specifier))
        self._globs = _any_of(globs)
        self._excluded = _any_of(exclude)
        self.needs_root = self._all or bool(globs)
        """Whether the wanted projects cannot be told without the index's list of all projects."""

    def wants(self, name: str) -> bool:
        """Whether a project, by its normalized name, is wanted."""
        listed = self._all or name in self._specifiers or bool(self._globs and self._globs.match(name))
        return listed and not (self._excluded and self._excluded.match(name))

    def named(self) -> list[str]:
        """The wanted projects that are named without a glob, in the config's order."""
        return [name for name in self._specifiers if self.wants(name)]

    def specifiers(self, name: str) -> tuple[str, ...]:
        """The version specifiers of a project, any of which a release has to meet; empty for all releases."""
        return self._specifiers.get(name, ())

    def fingerprint(self) -> str:
        """Short text that differs where another set of projects may be wanted."""
        pattern = [
            self._globs.pattern if self._globs else "",
            self._excluded.pattern if self._excluded else "",
        ]
        return hashlib.sha256(repr([self._all, sorted(self._specifiers), pattern]).encode()).hexdigest()[:16]


def _any_of(patterns: Sequence[str]) -> re.Pattern[str] | None:
    """One expression for all globs and names, which are normalized as project names are (PEP 503)."""
    if not patterns:
        return None
    normalized = (re.sub(r"[-_.]+", "-", pattern).lower() for pattern in patterns)
    return re.compile("|".join(fnmatch.translate(pattern) for pattern in normalized))


def select(
    files: Sequence[File], project: str, rules: Rules, specifiers: Sequence[str] = ()
) -> list[Decision]:
    """Decide on every file of a project's page.

    :param files: the page's files, in its order
    :param project: the project's normalized name
    :param specifiers: specifier sets (PEP 440), any of which a release has to meet; empty for all releases
    :returns: a decision a file, in the same order
    """
    decisions = [_by_file(file, project, rules) for file in files]
    refused = _refused_releases(decisions, rules, specifiers)
    return _once(
        Decision(each.file, each.distribution, False, *refused[each.version])
        if each.wanted and each.version in refused
        else each
        for each in decisions
    )


def _by_file(file: File, project: str, rules: Rules) -> Decision:
    try:
        found = read_filename(file.filename, project)
    except FilenameError as error:
        return Decision(file, None, False, "filename", error.reason, suspect=error.suspect)
    refusal = _refusal(found, file, rules)
    if refusal is None:
        return Decision(file, found, wanted=True, rule="", reason="wanted")
    return Decision(file, found, False, *refusal)


def _once(decisions: Iterable[Decision]) -> list[Decision]:
    """The same, with one wanted file of each name: two would be in each other's way in a flat folder.

    On some systems names that differ in case are one. Of two files with the very same name nothing tells
    which is meant, so that neither is.
    """
    once = list(decisions)
    first: dict[str, int] = {}
    for at, decision in enumerate(once):
        if not decision.wanted:
            continue
        earlier = first.setdefault(decision.file.filename.lower(), at)
        if earlier == at:
            continue
        other = once[earlier]
        if _is_same(decision.file, other.file):
            once[at] = decision.refused_name("a file of that name is listed twice")
        elif decision.file.filename != other.file.filename:
            reason = f"differs from {other.file.filename} in case only, and is another file"
            once[at] = decision.refused_name(reason, suspect=True)
        else:
            once[at] = decision.refused_name("two files of that name are listed", suspect=True)
            once[earlier] = other.refused_name("two files of that name are listed")
    return once


def _is_same(file: File, other: File) -> bool:
    """Whether two entries list one file, for certain."""
    if file.size != other.size and None not in {file.size, other.size}:
        return False
    both = file.digests.keys() & other.digests.keys()
    if not both:
        return file.url == other.url
    return all(file.digests[name] == other.digests[name] for name in both)


def _refusal(found: Distribution, file: File, rules: Rules) -> tuple[str, str] | None:
    """The first rule that refuses a file, and why."""
    if rules.package_types is not None and found.package_type not in rules.package_types:
        return "package_types", f"{found.package_type} is not listed"
    if rules.extensions is not None and found.extension not in rules.extensions:
        return "extensions", f"{found.extension} is not listed"
    if rules.python_versions is not None and not _python_listed(found, rules.python_versions):
        return "python_versions", f"{found.python_tag} is not listed"
    if rules.platforms is not None and found.platforms and not _platform_listed(found, rules.platforms):
        return "platforms", f"{'.'.join(found.platforms)} is not listed"
    if file.yanked is not None and not rules.yanked:
        return "yanked", f"yanked: {file.yanked}" if file.yanked else "yanked"
    return None


def _python_listed(found: Distribution, listed: frozenset[str]) -> bool:
    tag = found.python_tag
    return tag in listed or ("." in tag and found.abi_tag != "" and not listed.isdisjoint(tag.split(".")))


def _platform_listed(found: Distribution, listed: frozenset[str]) -> bool:
    return any(tag in listed or not listed.isdisjoint(_families(tag)) for tag in found.platforms)


def _families(tag: str) -> tuple[str, ...]:
    """The families of a platform tag: its leading letters, and ``linux`` for manylinux and musllinux."""
    letters = tag[: len(tag) - len(tag.lstrip("abcdefghijklmnopqrstuvwxyz"))]
    return (letters, "linux") if letters in {"manylinux", "musllinux"} else (letters,)


def _refused_releases(
    decisions: Iterable[Decision], rules: Rules, specifiers: Sequence[str]
) -> dict[str, tuple[str, str]]:
    """The releases that are not wanted whatever their files are, by version as the filenames spell it."""
    live = [d for d in decisions if d.distribution and (d.file.yanked is None or rules.yanked)]
    versions = {d.version: d.distribution.release() for d in live if d.distribution}
    allowed = [SpecifierSet(specifier) for specifier in specifiers]
    refused = {
        text: ("projects", f"{text} is not in {' or '.join(specifiers)}")
        for text, version in versions.items()
        if allowed and not _allowed(version, allowed)
    }
    if not rules.prereleases and not any(specifier.prereleases for specifier in allowed):
        refused |= _refused_prereleases({text: v for text, v in versions.items() if text not in refused})
    if rules.releases is not None:
        kept = {d.version: versions[d.version] for d in live if d.wanted and d.version not in refused}
        refused |= _refused_older(kept, rules.releases)
    return refused


def _allowed(version: Version | None, specifiers: Iterable[SpecifierSet]) -> bool:
    return version is not None and any(
        specifier.contains(version, prereleases=True) for specifier in specifiers
    )


def _refused_prereleases(versions: Mapping[str, Version | None]) -> dict[str, tuple[str, str]]:
    before = {text for text, version in versions.items() if version is not None and version.is_prerelease}
    if len(before) == len(versions):
        return {}
    return {text: ("prereleases", f"{text} is a pre-release") for text in before}


def _refused_older(versions: Mapping[str, Version | None], newest: int) -> dict[str, tuple[str, str]]:
    """All but the newest releases. A version that is not of PEP 440 is older than any that is.

    Spellings of one version, ``1.0`` and ``1.0.0``, are one release.
    """
    keys = {text: (version is not None, version or text) for text, version in versions.items()}
    kept = set(sorted(set(keys.values()), reverse=True)[:newest])
    reason = "not the newest release" if newest == 1 else f"not among the {newest} newest releases"
    return {text: ("releases", reason) for text, key in keys.items() if key not in kept}
