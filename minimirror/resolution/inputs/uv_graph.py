"""The packages of a uv.lock, and what they need of each other."""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Iterator
from typing import NamedTuple

from packaging.specifiers import SpecifierSet

from minimirror.resolution.inputs.uv_format import Conflict, Dependency, Requirement, UvLock

__all__ = ["Edge", "Graph", "Part", "with_extras"]


class Part(NamedTuple):
    """What can be asked of a package: itself, with an extra, or one of its groups."""

    package: int
    extra: str | None = None
    group: str | None = None


class Edge(NamedTuple):
    """That one part needs others, under a condition."""

    marker: str | None
    parts: tuple[Part, ...]


class Graph:
    """The lock's packages, by their place in it, and what they need of each other.

    :raises ValueError: a dependency is no package of the lock, or nothing needs the packages
    """

    def __init__(self, lock: UvLock) -> None:
        self.lock = lock
        self.packages = lock.packages
        self._by_name: dict[str, list[int]] = {}
        for at, package in enumerate(lock.packages):
            self._by_name.setdefault(package.name, []).append(at)
        self.edges = {part: edges for at in range(len(lock.packages)) for part, edges in self._parts(at)}
        """What each part needs; a part that is not there needs nothing."""
        self.members = self._members()
        """The project, or the members of the workspace."""
        self._conditional = self._starts()

    def _parts(self, at: int) -> Iterator[tuple[Part, list[Edge]]]:
        package = self.packages[at]
        key = f"package[{at}]"
        yield Part(at), self._edges(package.dependencies, f"{key}.dependencies")
        for extra, needs in package.optional_dependencies.items():
            yield Part(at, extra=extra), self._edges(needs, f"{key}.optional-dependencies.{extra}")
        for group, needs in package.dev_dependencies.items():
            yield Part(at, group=group), self._edges(needs, f"{key}.dev-dependencies.{group}")

    def _edges(self, needs: Iterable[Dependency], key: str) -> list[Edge]:
        return [
            Edge(need.marker, with_extras(self._find(need, f"{key}[{at}]"), need.extra))
            for at, need in enumerate(needs)
        ]

    def _find(self, need: Dependency, key: str) -> int:
        """The package that a dependency means. uv tells no more of it than is needed."""
        found = [
            at
            for at in self._by_name.get(need.name, ())
            if need.version in {None, self.packages[at].version}
            and (need.source is None or need.source == self.packages[at].source)
        ]
        if len(found) != 1:
            told = "is no package of the lock" if not found else "may be more than one package"
            raise ValueError(
                f"{key}: {need.name} {need.version or ''} {told}: lock it again".replace("  ", " ")
            )
        return found[0]

    def _members(self) -> frozenset[int]:
        names = self.lock.manifest.members
        found = frozenset(
            at
            for at, package in enumerate(self.packages)
            if package.source.tree is not None
            and (package.name in names if names else package.source.tree == ".")
        )
        if self.packages and not found and not any(self.asked()):
            raise ValueError("names no project or script that needs its packages: lock it again")
        return found

    def _starts(self) -> list[tuple[Part, frozenset[str]]]:
        """The parts of the members, with what has to be chosen for them to be asked for."""
        exclusive = {each.marker for conflict in self.lock.conflicts for each in conflict}
        found = []
        for part in self.edges:
            if part.package in self.members:
                name = self.packages[part.package].name
                marks = {Conflict(package=name, extra=part.extra, group=part.group).marker}
                if part.group is None:
                    marks.add(Conflict(package=name).marker)
                found.append((part, frozenset(exclusive & marks)))
        return found

    def starts(self, choice: frozenset[str]) -> Iterator[Part]:
        """What an install may ask of the project, or of the members of the workspace, with that choice."""
        return (part for part, condition in self._conditional if condition <= choice)

    def asked(self) -> Iterator[Requirement]:
        """What is asked for without a project."""
        manifest = self.lock.manifest
        yield from manifest.requirements
        yield from itertools.chain.from_iterable(manifest.dependency_groups.values())

    def answers(self, asked: Requirement) -> Iterator[int]:
        """The packages that a requirement may mean: more than one where the lock has forks."""
        for at in self._by_name.get(asked.name, ()):
            version = self.packages[at].version
            if version is None or SpecifierSet(asked.specifier).contains(version, prereleases=True):
                yield at


def with_extras(package: int, extras: Iterable[str]) -> tuple[Part, ...]:
    """A package, and the extras of it."""
    return (Part(package), *(Part(package, extra=extra) for extra in extras))
