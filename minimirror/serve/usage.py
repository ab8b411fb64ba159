"""Count what is fetched on demand, how often clients get it, and which projects they do not get."""

from __future__ import annotations

import logging
import threading
import time
from collections import Counter
from typing import TypeVar

from minimirror.common import MinimirrorError
from minimirror.serve.metrics import FAILED, FETCHED, FETCHED_BYTES, MISSED
from minimirror.storage import Demand, MissedProject

__all__ = ["Usage"]

log = logging.getLogger("minimirror")

_KEYS = 5000
"""Names that are counted between two saves, at most."""

_Key = TypeVar("_Key")


class Usage:
    """Counts in memory; :meth:`save` writes the counts, so that no request waits for that."""

    def __init__(self, demand: Demand | None) -> None:
        """:param demand: where to save; None to save nothing"""
        self._demand = demand
        self._lock = threading.Lock()
        self._used: Counter[str] = Counter()
        self._missed: Counter[tuple[str, str]] = Counter()

    def fetched(self, filename: str, size: int, clients: int) -> None:
        """Count a file of so many bytes that was fetched on demand for some clients."""
        FETCHED.inc()
        FETCHED_BYTES.inc(size)
        self.use(filename, clients)

    def failed(self) -> None:
        """Count a file that could not be fetched or kept."""
        FAILED.inc()

    def use(self, filename: str, times: int = 1) -> None:
        """Count that clients get a file."""
        self._count(self._used, filename, times)

    def miss(self, project: str, why: str) -> None:
        """Count that a client does not get a project, by its normalized name."""
        MISSED.inc()
        self._count(self._missed, (project, why), 1)

    def _count(self, counter: Counter[_Key], key: _Key, times: int) -> None:
        with self._lock:
            if self._demand is not None and (key in counter or len(counter) < _KEYS):
                counter[key] += times

    def save(self) -> None:
        """Save the counts."""
        with self._lock:
            used, self._used = self._used, Counter()
            missed, self._missed = self._missed, Counter()
        now = time.time()
        rows = [MissedProject(project, count, now, now, why) for (project, why), count in missed.items()]
        try:
            if self._demand is not None and (used or rows):
                self._demand.use(used, now)
                self._demand.miss(rows)
        except MinimirrorError as error:
            log.warning("could not count requests: %s", error)
