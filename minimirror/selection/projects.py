"""Which projects are wanted, and which releases of each: what ``projects`` lists and targets need."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping, Sequence
from types import MappingProxyType
from typing import TYPE_CHECKING, NamedTuple

from packaging.utils import canonicalize_name

from minimirror.selection.patterns import is_expression, project_patterns

if TYPE_CHECKING:
    from minimirror.config import Config

__all__ = ["ON_DEMAND", "IndexRules", "PinnedRelease", "ProjectRequest", "ProjectRules"]

_GLOB = re.compile(r"[^<>=!~]*[*?\[][^<>=]*")
"""A glob has a wildcard in its name; a requirement may have one in its specifier, ``numpy==1.*``."""
_NAME = re.compile(r"[a-z0-9](?:[a-z0-9._-]*[a-z0-9])?", re.IGNORECASE | re.ASCII)


ON_DEMAND = -1
"""The target of a release that was fetched on demand: whatever clients install into."""


class PinnedRelease(NamedTuple):
    """A release that a target needs, by a resolver or a lock file, or that was fetched on demand."""

    version: str
    """Normalized (PEP 440)."""

    target: int
    """Index of the target in the config; :data:`ON_DEMAND` if clients use the release."""

    digests: tuple[str, ...] = ()
    """A file must have one of these digests (``sha256:…``); any file if empty."""


class ProjectRequest(NamedTuple):
    """The wanted releases of one project."""

    listed: bool = True
    """Whether the config lists the project, so that its newest releases are wanted."""

    specifiers: tuple[str, ...] = ()
    """Specifier sets (PEP 440); those releases must match one of them, if there are any."""

    pins: tuple[PinnedRelease, ...] = ()
    """Releases that are wanted in addition, even if there are newer ones."""

    rule: str = "projects"
    """The config key that refuses the other releases."""

    def texts(self) -> list[str]:
        """Return strings that differ for different requests; none for the default request."""
        pins = sorted(f"{pin.version} for {pin.target} {sorted(pin.digests)}" for pin in self.pins)
        return [*self.specifiers, *["not listed"] * (not self.listed), *pins]

    @property
    def is_on_demand(self) -> bool:
        """Whether it is wanted only because it was fetched on demand."""
        return not self.listed and all(pin.target == ON_DEMAND for pin in self.pins)


_NO_PINS: Mapping[str, tuple[PinnedRelease, ...]] = MappingProxyType({})


class ProjectRules:
    """Which projects are wanted: ``projects``, ``exclude_projects``, and those that targets need."""

    def __init__(
        self,
        projects: Sequence[str] | None,
        exclude: Sequence[str],
        pins: Mapping[str, tuple[PinnedRelease, ...]] = _NO_PINS,
        *,
        follow: bool = False,
        rule: str = "projects",
    ) -> None:
        """Read the patterns and requirements.

        :param projects: names, patterns and requirements; None for the whole index
        :param exclude: names and patterns of projects that are not wanted, even if a target needs them
        :param pins: the releases that targets need or that were fetched on demand, by the project's
            normalized name
        :param follow: treat every project that a target needs as listed, so that its newest releases are
            wanted
        :param rule: the config key that refuses all others
        """
        self._all = projects is None
        self._specifiers: dict[str, tuple[str, ...]] = {}
        self._pins = pins
        self._follow = follow
        self._rule = rule
        patterns = [entry for entry in projects or () if _is_pattern(entry)]
        for entry in projects or ():
            if not _is_pattern(entry):
                name, specifier = _read(entry)
                self._specifiers[name] = (*self._specifiers.get(name, ()), specifier)
        self.listed_patterns, self.excluded_patterns = tuple(patterns), tuple(exclude)
        """The globs and expressions of ``projects``, and the entries of ``exclude_projects``."""
        self._patterns = project_patterns(tuple(patterns))
        self._excluded = project_patterns(tuple(exclude))
        self._texts = [self._all, sorted(self._specifiers), sorted(patterns), sorted(exclude), sorted(pins)]
        self.needs_root = self._all or bool(patterns)
        """Whether the index's list of all projects is needed to find the wanted ones."""

    def selects(self, name: str) -> bool:
        """Return whether a project is wanted, by its normalized name."""
        return (self._lists(name) or name in self._pins) and not self._excluded.match(name)

    def excludes(self, name: str) -> bool:
        """Return whether a project must not be mirrored, whatever else says."""
        return self._excluded.match(name)

    def why_not(self, name: str) -> tuple[str, str] | None:
        """Return the rule that refuses a whole project, and the reason; None if the project is wanted."""
        if self._excluded.match(name):
            return "exclude_projects", "the project is excluded"
        if not self.selects(name):
            listed = "the project is not listed, and " if self._rule == "projects" else ""
            return self._rule, f"{listed}nothing needs it"
        return None

    def _lists(self, name: str) -> bool:
        return self._all or name in self._specifiers or self._patterns.match(name)

    def lists_by_name(self, name: str) -> bool:
        """Return whether the project is wanted and ``projects`` has its name, not just a pattern."""
        return name in self._specifiers and self.selects(name)

    def named(self) -> list[str]:
        """Return the wanted projects with known names: those listed by name, then those that targets need."""
        return [name for name in {**self._specifiers, **self._pins} if self.selects(name)]

    def specifiers(self, name: str) -> tuple[str, ...]:
        """Return the version specifiers of a project; a release must match one of them, if there are any."""
        return self._specifiers.get(name, ())

    def request(self, name: str) -> ProjectRequest:
        """Return the wanted releases of a wanted project."""
        pins = self._pins.get(name, ())
        follows = self._follow and any(pin.target != ON_DEMAND for pin in pins)
        listed = self._lists(name) or follows
        return ProjectRequest(listed, self.specifiers(name), pins, self._rule)

    def fingerprint(self) -> str:
        """Return a short string that differs if other projects may be wanted."""
        return hashlib.sha256(repr(self._texts).encode()).hexdigest()[:16]


class IndexRules:
    """Which index a project comes from: the first that names it, else the main one. Never two."""

    def __init__(self, named: Sequence[Sequence[str]]) -> None:
        """Read the patterns.

        :param named: for each index besides the main one, names and patterns of its projects
        """
        self._named = [(number, project_patterns(tuple(each))) for number, each in enumerate(named, 1)]
        self._patterns: list[Sequence[str]] = [("*",), *named]

    @classmethod
    def of(cls, config: Config) -> IndexRules:
        """Return the rules of a config."""
        return cls([each.projects for each in config.indexes])

    def number_of(self, project: str) -> int:
        """Return the number of a project's index, by the project's normalized name; the main one has 0."""
        for number, patterns in self._named:
            if patterns.match(project):
                return number
        return 0

    def names(self, number: int) -> list[str] | None:
        """Return the normalized names of an index's projects; None if only its list can tell them."""
        entries = self._patterns[number]
        return None if any(map(_is_pattern, entries)) else [canonicalize_name(each) for each in entries]

    def fingerprint(self) -> str:
        """Return a string that differs if projects may come from other indexes; empty for a single one."""
        return repr(self._patterns[1:]) if self._named else ""


def _read(entry: str) -> tuple[str, str]:
    """Return the normalized name and the specifier of a requirement such as ``requests>=2``."""
    if _NAME.fullmatch(entry):
        return canonicalize_name(entry), ""
    # Only here: its parser takes a while to import, and most entries are names.
    from packaging.requirements import Requirement  # noqa: PLC0415

    requirement = Requirement(entry)
    return canonicalize_name(requirement.name), str(requirement.specifier)


def _is_pattern(entry: str) -> bool:
    return is_expression(entry) or _GLOB.fullmatch(entry) is not None
