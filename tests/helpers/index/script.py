"""Which behaviour each request meets."""

from __future__ import annotations

import threading
from dataclasses import dataclass
from fnmatch import fnmatchcase
from typing import TYPE_CHECKING

from packaging.utils import canonicalize_name

from .faults import Together

if TYPE_CHECKING:
    from collections import deque

    from .faults import Behaviour, Gate

__all__ = ["Rule", "Script"]


@dataclass
class Rule:
    """Behaviours for the requests that match a pattern, one each."""

    pattern: str
    behaviours: deque[Behaviour]
    always: bool = False
    """Start again at the first behaviour after the last."""
    met: int = 0
    """How many requests met a behaviour."""

    def take(self) -> Behaviour:
        behaviour = self.behaviours[0]
        self.behaviours.rotate(-1)
        if not self.always:
            self.behaviours.pop()
        self.met += 1
        return behaviour


class Script:
    """Gates and rules: a request meets all its gates, and the first matching rule that is not used up."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._rules: list[Rule] = []
        self._gates: list[tuple[str, Gate]] = []

    def add(self, rule: Rule) -> None:
        with self._lock:
            self._rules.append(rule)

    def hold(self, pattern: str, gate: Gate) -> None:
        with self._lock:
            self._gates.append((pattern, gate))

    def clear(self) -> None:
        """Drop the rules, and release and drop the gates."""
        with self._lock:
            self._rules.clear()
            for _, gate in self._gates:
                gate.release()
            self._gates.clear()

    def behaviour(self, path: str) -> Behaviour:
        """Return what the next request for this path meets, and use it up."""
        with self._lock:
            met: list[Behaviour] = [gate for pattern, gate in self._gates if _matches(pattern, path)]
            rules = (rule for rule in self._rules if rule.behaviours and _matches(rule.pattern, path))
            if (rule := next(rules, None)) is not None:
                met.insert(0, rule.take())
        return Together(*met)


def _matches(pattern: str, path: str) -> bool:
    """Return whether the pattern is the path's filename, its project, or a glob of the path."""
    return (
        path.endswith(f"/{pattern}")
        or path == f"/simple/{canonicalize_name(pattern)}/"
        or fnmatchcase(path, pattern)
    )
