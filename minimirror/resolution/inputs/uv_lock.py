"""uv.lock: the packages that each target needs, and why.

These are the packages that any install from the lock may need: the graph is walked from the project, or from
every member of the workspace, with all extras and dependency groups, or with the requested ones. Extras and
groups that are declared to conflict are walked one after the other, never together.
"""

from __future__ import annotations

import functools
import itertools
import math
from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from typing import NamedTuple

from packaging.specifiers import SpecifierSet

from minimirror.distributions import Target
from minimirror.resolution.chains import shortest_chains
from minimirror.resolution.inputs.entries import find_part
from minimirror.resolution.inputs.lock import LockedPackages, evaluate_marker, other_source
from minimirror.resolution.inputs.uv_lock_format import (
    UvConflict,
    UvDependency,
    UvLock,
    UvRequirement,
    parse_marker,
)

__all__ = ["UvGraph"]

_Holds = Callable[[str | None, frozenset[str]], bool]

_MAX_CHOICES = 512
"""Choices among conflicting extras. Each is a walk of the whole graph."""


def _choices(conflicts: Sequence[Sequence[UvConflict]]) -> list[frozenset[str]]:
    """Return every choice of at most one extra, group or member of each conflict, by their marker names.

    :raises ValueError: there are too many choices
    """
    sets = [[each.marker for each in conflict] for conflict in conflicts]
    if math.prod(len(conflict) + 1 for conflict in sets) > _MAX_CHOICES:
        raise ValueError(
            f"more than {_MAX_CHOICES} choices of conflicting extras; export those that you install with"
            " `uv export --format pylock.toml --extra …` and use these files instead"
        )
    picks = itertools.product(*([None, *conflict] for conflict in sets))
    found = dict.fromkeys(frozenset(name for name in pick if name is not None) for pick in picks)
    return [choice for choice in found if all(len(choice & set(conflict)) <= 1 for conflict in sets)]


def _marker_evaluator(target: Target) -> _Holds:
    """Return a function that checks whether a marker holds with a choice of conflicting extras."""

    @functools.cache
    def evaluate(marker: str, choice: frozenset[str]) -> bool:
        return evaluate_marker(parse_marker(marker), target, choice, frozenset())

    def holds(marker: str | None, choice: frozenset[str]) -> bool:
        return marker is None or evaluate(marker, choice if "extra" in marker else frozenset())

    return holds


class _Node(NamedTuple):
    """A package by its number in the lock: the package itself, one of its extras or one of its groups."""

    package: int
    extra: str | None = None
    group: str | None = None


_Edge = tuple[str | None, tuple[_Node, ...]]
"""A marker, and the nodes that another one needs if the marker holds."""


class UvGraph:
    """The packages of a lock and their dependencies.

    :raises ValueError: a dependency is not in the lock, there are too many choices of conflicting extras, or
        no project or script needs the packages
    """

    def __init__(self, lock: UvLock, extras: Collection[str] = (), group: str | None = None) -> None:
        """Find the packages that are needed first.

        :param extras: requested extras; if there are any, no others and no groups are needed
        :param group: a requested dependency group; if there is one, nothing else is needed
        """
        self._lock = lock
        self._extras = extras
        self._group = group
        self._choices = _choices(lock.conflicts)
        self._packages = lock.packages
        self._by_name: dict[str, list[int]] = {}
        for at, package in enumerate(lock.packages):
            self._by_name.setdefault(package.name, []).append(at)
        self._edges = {node: edges for at in range(len(lock.packages)) for node, edges in self._nodes(at)}
        names = lock.manifest.members
        self._members = {
            at
            for at, package in enumerate(lock.packages)
            if package.source.folder is not None
            and (package.name in names if names else package.source.folder == ".")
        }
        """The project, or the members of the workspace."""
        groups, requirements = lock.manifest.dependency_groups, lock.manifest.requirements
        if self._packages and not (self._members or requirements or any(groups.values())):
            raise ValueError("no project or script needs its packages; create the lock again")
        self._roots = self._find_roots()
        if group is not None:
            requirements = groups.get(group, ())
        elif not extras:
            requirements = (*requirements, *itertools.chain.from_iterable(groups.values()))
        self._requirements = requirements
        nodes = [node for node in self._edges if node.package in self._members]
        for name in extras:
            find_part("extra", name, (node.extra for node in nodes if node.extra))
        if group is not None:
            find_part("group", group, (*(node.group for node in nodes if node.group), *groups))

    def pin(self, number: int, target: Target, found: LockedPackages) -> str | None:
        """Add the packages that a target needs; return the reason if the lock does not support it."""
        lock, holds = self._lock, _marker_evaluator(target)
        if not target.accepts_python(lock.requires_python):
            return f"its requires-python is {lock.requires_python}"
        supported = lock.supported_markers
        if supported and not any(holds(marker, frozenset()) for marker in supported):
            return "none of its environments (tool.uv.environments) matches"
        for choice in self._choices:
            for at, names in self._walk(choice, holds).items():
                package = self._packages[at]
                source = package.source
                if source.registry is not None and package.version is not None:
                    found.pin(package.name, package.version, number, package.digests, names)
                    found.come_from(package.name, source.registry)
                elif file := package.file:
                    found.pin_file(package.name, number, file, names)
                elif at not in self._members:
                    folder = source.directory or source.editable
                    if described := other_source(source.git, source.url or source.path, folder):
                        found.report_source(str(package), described)
        return None

    def _nodes(self, at: int) -> Iterator[tuple[_Node, list[_Edge]]]:
        package = self._packages[at]
        key = f"package[{at}]"
        yield _Node(at), self._find_edges(package.dependencies, f"{key}.dependencies")
        for extra, needs in package.optional_dependencies.items():
            yield _Node(at, extra=extra), self._find_edges(needs, f"{key}.optional-dependencies.{extra}")
        for group, needs in package.dev_dependencies.items():
            yield _Node(at, group=group), self._find_edges(needs, f"{key}.dev-dependencies.{group}")

    def _find_edges(self, needs: Iterable[UvDependency], key: str) -> list[_Edge]:
        return [
            (need.marker, _with_extras(self._find(need, f"{key}[{at}]"), need.extra))
            for at, need in enumerate(needs)
        ]

    def _find(self, need: UvDependency, key: str) -> int:
        """Find the package of a dependency. It has a version and a source only if the name is ambiguous."""
        found = [
            at
            for at in self._by_name.get(need.name, ())
            if need.version in {None, self._packages[at].version}
            and (need.source is None or need.source == self._packages[at].source)
        ]
        if len(found) != 1:
            name = f"{need.name} {need.version}" if need.version else need.name
            what = "is not in the lock" if not found else "matches several packages"
            raise ValueError(f"{key}: {name} {what}; create the lock again")
        return found[0]

    def _find_roots(self) -> list[tuple[_Node, frozenset[str]]]:
        """Find the nodes of the members, each with the conflicting extras that it is installed with."""
        exclusive = {each.marker for conflict in self._lock.conflicts for each in conflict}
        found = []
        for node in self._edges:
            if node.package in self._members and self._is_requested(node):
                name = self._packages[node.package].name
                marks = {UvConflict(package=name, extra=node.extra, group=node.group).marker}
                if node.group is None:
                    marks.add(UvConflict(package=name).marker)
                found.append((node, frozenset(exclusive & marks)))
        return found

    def _is_requested(self, node: _Node) -> bool:
        if self._group is not None:
            return node.group == self._group
        return not self._extras or node.extra in self._extras or node == _Node(node.package)

    def _walk(self, choice: frozenset[str], holds: _Holds) -> dict[int, tuple[str, ...]]:
        """Return the packages that are reached with a choice, each with the names that lead to it."""

        def needs(node: _Node) -> Iterator[_Node]:
            for marker, nodes in self._edges.get(node, ()):
                if holds(marker, choice):
                    yield from nodes

        starts = sorted(
            set(self._starts(choice, holds)),
            key=lambda node: (node.package, node.extra or "", node.group or ""),
        )
        chains = shortest_chains(starts, needs, lambda node: self._packages[node.package].name)
        found: dict[int, tuple[str, ...]] = {}
        for node, chain in chains.items():
            found.setdefault(node.package, chain)
        return found

    def _starts(self, choice: frozenset[str], holds: _Holds) -> Iterator[_Node]:
        yield from (node for node, condition in self._roots if condition <= choice)
        for requirement in self._requirements:
            if holds(requirement.marker, choice):
                for at in self._matching(requirement):
                    forks = self._packages[at].resolution_markers
                    if not forks or any(holds(marker, choice) for marker in forks):
                        yield from _with_extras(at, requirement.extras)

    def _matching(self, requirement: UvRequirement) -> Iterator[int]:
        """Find the packages that match a requirement: several if the lock has forks."""
        for at in self._by_name.get(requirement.name, ()):
            version = self._packages[at].version
            if version is None or SpecifierSet(requirement.specifier).contains(version, prereleases=True):
                yield at


def _with_extras(package: int, extras: Iterable[str]) -> tuple[_Node, ...]:
    return (_Node(package), *(_Node(package, extra=extra) for extra in extras))
