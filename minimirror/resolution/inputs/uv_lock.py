"""uv.lock: which of its packages a target needs, and how they came in.

Wanted is what any install from the lock may need: the graph is walked from the project, or from every member
of the workspace, with all of their extras and dependency groups. Extras and groups that are declared to
conflict are never walked together, but each in its turn.
"""

from __future__ import annotations

import itertools
import math
from collections import deque
from collections.abc import Iterable, Iterator, Sequence

from minimirror.common import mask_credentials
from minimirror.distributions import Target
from minimirror.resolution.inputs.errors import RequirementsError
from minimirror.resolution.inputs.files import shown
from minimirror.resolution.inputs.inputs import Input
from minimirror.resolution.inputs.locked import Draft, Locked, holds, is_own_tree
from minimirror.resolution.inputs.uv_format import Conflict, Package, load, parsed_marker
from minimirror.resolution.inputs.uv_graph import Graph, Part, with_extras

__all__ = ["read_uv_lock"]

_MOST_CHOICES = 512
"""Ways to choose among conflicting extras that are walked, each a walk of the whole graph."""


def read_uv_lock(given: Input, targets: Sequence[Target]) -> Locked:
    """Read a uv.lock for some targets.

    :raises RequirementsError: it cannot be read, or contradicts itself
    """
    lock = load(given.path)
    draft = Draft(given.name, shown(given.path))
    try:
        graph = Graph(lock)
        choices = _choices(lock.conflicts)
        for number, target in enumerate(targets):
            _take(graph, choices, number, target, draft)
    except ValueError as error:
        raise RequirementsError(f"{shown(given.path)}: {error}") from None
    return draft.finished()


def _choices(conflicts: Sequence[Sequence[Conflict]]) -> list[frozenset[str]]:
    """Every choice of at most one of each set of conflicting extras, groups and members, by uv's names.

    :raises ValueError: there are too many
    """
    sets = [[each.marker for each in conflict] for conflict in conflicts]
    if math.prod(len(conflict) + 1 for conflict in sets) > _MOST_CHOICES:
        raise ValueError(
            "its conflicting extras can be chosen in too many ways: write the ones that you install by"
            " `uv export --format pylock.toml --extra …`, and name those files instead"
        )
    picks = itertools.product(*([None, *conflict] for conflict in sets))
    found = dict.fromkeys(frozenset(name for name in pick if name is not None) for pick in picks)
    return [choice for choice in found if all(len(choice & set(conflict)) <= 1 for conflict in sets)]


def _take(graph: Graph, choices: Iterable[frozenset[str]], number: int, target: Target, draft: Draft) -> None:
    """Pin what a target needs, or say why the lock is not made for it.

    :raises ValueError: a marker cannot be evaluated
    """
    lock, conditions = graph.lock, _Conditions(target)
    if not target.accepts_python(lock.requires_python):
        draft.refuse(number, target, f"its requires-python is {lock.requires_python}")
        return
    supported = lock.supported_markers
    if supported and not any(conditions.hold(marker, frozenset()) for marker in supported):
        draft.refuse(number, target, "none of its environments (tool.uv.environments) is like that")
        return
    for choice in choices:
        for at, names in _walk(graph, choice, conditions).items():
            _pin(graph.packages[at], names, number, draft, is_member=at in graph.members)


class _Conditions:
    """Markers, evaluated once for a target."""

    def __init__(self, target: Target) -> None:
        self._target = target
        self._known: dict[tuple[str, frozenset[str]], bool] = {}

    def hold(self, marker: str | None, choice: frozenset[str]) -> bool:
        """Whether a marker holds with a choice of conflicting extras."""
        if marker is None:
            return True
        key = marker, choice if "extra" in marker else frozenset[str]()
        if key not in self._known:
            self._known[key] = holds(parsed_marker(marker), self._target, choice, frozenset())
        return self._known[key]


def _walk(graph: Graph, choice: frozenset[str], conditions: _Conditions) -> dict[int, tuple[str, ...]]:
    """The packages that can be reached, by their place in the lock, each with the names that lead to it."""
    found: dict[int, tuple[str, ...]] = {}
    seen = set(_starts(graph, choice, conditions))
    pending = deque[tuple[Part, tuple[str, ...]]](
        (part, (graph.packages[part.package].name,)) for part in sorted(seen, key=_order)
    )
    while pending:
        part, names = pending.popleft()
        found.setdefault(part.package, names)
        for edge in graph.edges.get(part, ()):
            new = [each for each in edge.parts if each not in seen]
            if new and conditions.hold(edge.marker, choice):
                seen.update(new)
                pending.extend((each, (*names, graph.packages[each.package].name)) for each in new)
    return found


def _order(part: Part) -> tuple[int, str, str]:
    return part.package, part.extra or "", part.group or ""


def _starts(graph: Graph, choice: frozenset[str], conditions: _Conditions) -> Iterator[Part]:
    yield from graph.starts(choice)
    for asked in graph.asked():
        if conditions.hold(asked.marker, choice):
            for at in graph.answers(asked):
                forks = graph.packages[at].resolution_markers
                if not forks or any(conditions.hold(marker, choice) for marker in forks):
                    yield from with_extras(at, asked.extras)


def _pin(package: Package, names: tuple[str, ...], number: int, draft: Draft, *, is_member: bool) -> None:
    source = package.source
    if source.registry is not None and package.version is not None:
        draft.pin(package.name, package.version, number, package.digests)
        draft.chain(package.name, number, names)
    elif source.virtual is None and not is_member and not is_own_tree(source.tree or ".."):
        draft.not_from_index(str(package), _told(package))


def _told(package: Package) -> str:
    source = package.source
    if source.git is not None:
        return f"version control, {mask_credentials(source.git)}"
    if source.tree is not None:
        return f"the folder {source.tree}"
    return f"one archive, {mask_credentials(source.url or source.path or '')}"
