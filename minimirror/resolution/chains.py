"""Find the shortest chain of names to everything that something needs."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Hashable, Iterable
from typing import TypeVar

__all__ = ["shortest_chains"]

T = TypeVar("T", bound=Hashable)


def shortest_chains(
    starts: Iterable[T], needs: Callable[[T], Iterable[T]], name: Callable[[T], str]
) -> dict[T, tuple[str, ...]]:
    """Return all that is reached from some starts, each with the names from a start to it.

    :param needs: returns what something needs; called once for each
    """
    found: dict[T, tuple[str, ...]] = {}
    pending: deque[tuple[T, tuple[str, ...]]] = deque((each, (name(each),)) for each in starts)
    while pending:
        each, chain = pending.popleft()
        if each not in found:
            found[each] = chain
            pending.extend((other, (*chain, name(other))) for other in needs(each) if other not in found)
    return found
