"""Which projects are wanted, and what of each."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping, Sequence
from types import MappingProxyType

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from minimirror.selection.patterns import is_expression, project_patterns
from minimirror.selection.requests import PinnedRelease, ProjectRequest

__all__ = ["ProjectRules"]

_GLOB = re.compile(r"[^<>=!~]*[*?\[][^<>=]*")
"""A glob has a wildcard in its name; a requirement may have one in its specifier, ``numpy==1.*``."""

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
    ) -> None:
        """Read the patterns and requirements.

        :param projects: names, patterns and requirements; None for the whole index
        :param exclude: names and patterns of projects that are not wanted, whoever needs them
        :param pins: the releases that targets need, by the project's normalized name
        :param follow: have each project with a pin count as listed, so that its newest releases are wanted
        """
        self._all = projects is None
        self._specifiers: dict[str, tuple[str, ...]] = {}
        self._pins = pins
        self._follow = follow
        patterns = []
        for entry in projects or ():
            if is_expression(entry) or _GLOB.fullmatch(entry):
                patterns.append(entry)
            else:
                requirement = Requirement(entry)
                name = canonicalize_name(requirement.name)
                self._specifiers[name] = (*self._specifiers.get(name, ()), str(requirement.specifier))
        self._patterns = project_patterns(tuple(patterns))
        self._excluded = project_patterns(tuple(exclude))
        self._texts = [self._all, sorted(self._specifiers), sorted(patterns), sorted(exclude), sorted(pins)]
        self.needs_root = self._all or bool(patterns)
        """Whether the wanted projects cannot be told without the index's list of all projects."""

    def wants(self, name: str) -> bool:
        """Whether a project, by its normalized name, is wanted."""
        return (self._lists(name) or name in self._pins) and not self._excluded.match(name)

    def why_not(self, name: str) -> tuple[str, str] | None:
        """The rule that refuses a project as a whole, and its answer; None where it is wanted."""
        if self._excluded.match(name):
            return "exclude_projects", "the project is excluded"
        if not self.wants(name):
            return "projects", "the project is not listed, and nothing needs it"
        return None

    def _lists(self, name: str) -> bool:
        return self._all or name in self._specifiers or self._patterns.match(name)

    def names(self, name: str) -> bool:
        """Whether ``projects`` has that very name, rather than a pattern, and it is wanted."""
        return name in self._specifiers and self.wants(name)

    def named(self) -> list[str]:
        """The wanted projects whose names are known: those listed by name, then those that targets need."""
        return [name for name in {**self._specifiers, **self._pins} if self.wants(name)]

    def specifiers(self, name: str) -> tuple[str, ...]:
        """The version specifiers of a project, any of which a release has to meet; empty for all releases."""
        return self._specifiers.get(name, ())

    def wants_of(self, name: str) -> ProjectRequest:
        """What is wanted of a wanted project."""
        pins = self._pins.get(name, ())
        listed = self._lists(name) or (self._follow and bool(pins))
        return ProjectRequest(listed, self.specifiers(name), pins)

    def fingerprint(self) -> str:
        """Short text that differs where another set of projects may be wanted."""
        return hashlib.sha256(repr(self._texts).encode()).hexdigest()[:16]
