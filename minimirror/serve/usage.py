"""Count what comes on demand, how often clients get it, and which projects they do not get."""

from __future__ import annotations

import logging
import threading
import time
from collections import Counter

from minimirror.common import MinimirrorError
from minimirror.storage import Demand, MissedProject

__all__ = ["Usage"]

log = logging.getLogger("minimirror")

_NAMES = 5000
"""Names that are counted between two saves, at most."""


class Usage:
    """Counts in memory; :meth:`save` writes the counts, so that no request waits for that."""

    def __init__(self, demand: Demand | None) -> None:
        """:param demand: where to save; None to count nothing"""
        self._demand = demand
        self._lock = threading.Lock()
        self._used: Counter[str] = Counter()
        self._missed: Counter[str] = Counter()
        self._why: dict[str, str] = {}
        self.files = self.bytes = self.failures = self.misses = 0
        """Counts since the server started: files fetched on demand and their bytes, files that could not be
        fetched or kept, and requests for projects that are not here."""

    def come(self, filename: str, size: int, clients: int) -> None:
        """Count a file of so many bytes that came on demand for some clients."""
        self.files += 1
        self.bytes += size
        self.use(filename, clients)

    def fail(self) -> None:
        """Count a file that could not be fetched or kept."""
        self.failures += 1

    def use(self, filename: str, times: int = 1) -> None:
        """Count that clients get a file."""
        self._count(self._used, filename, times)

    def miss(self, project: str, why: str) -> None:
        """Count that a client does not get a project, by its normalized name."""
        self.misses += 1
        if self._count(self._missed, project, 1):
            self._why[project] = why

    def _count(self, counter: Counter[str], name: str, times: int) -> bool:
        if self._demand is None:
            return False
        with self._lock:
            if name not in counter and len(counter) >= _NAMES:
                return False
            counter[name] += times
        return True

    def save(self) -> None:
        """Save the counts."""
        with self._lock:
            used, missed, why = self._used, self._missed, self._why
            self._used, self._missed, self._why = Counter(), Counter(), {}
        now = time.time()
        rows = [MissedProject(name, count, now, now, why.get(name, "")) for name, count in missed.items()]
        try:
            if self._demand is not None and (used or rows):
                self._demand.use(used, now)
                self._demand.miss(rows)
        except MinimirrorError as error:
            log.warning("could not count requests: %s", error)
