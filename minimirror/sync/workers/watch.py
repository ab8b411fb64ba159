"""A worker as the parent sees it: its jobs, whether it responds, and which jobs take too long."""

from __future__ import annotations

import time
from itertools import islice
from typing import Any, Generic, TypeVar

from minimirror.sync.workers.channel import Channel

__all__ = ["LATE", "SILENCE", "Clock", "WatchedWorker"]

Job = TypeVar("Job")

LATE = "it took longer than file_timeout allows; its worker was ended"
"""Why a job that took too long has no result."""

SILENCE = 300.0
"""Seconds after which a worker that has sent nothing, not even that it is alive, does not respond."""

_STEP = 1.0
"""Seconds that the clock advances at most between two looks at it."""


class Clock:
    """Seconds during which the parent could listen.

    It advances little while the parent is stopped, suspended or busy: what workers send meanwhile waits.
    """

    def __init__(self) -> None:
        self.now = 0.0
        self._last = time.monotonic()

    def advance(self) -> None:
        """Look at the time."""
        now = time.monotonic()
        self.now += min(now - self._last, _STEP)
        self._last = now


class WatchedWorker(Generic[Job]):
    """A worker, and the jobs that it has.

    A worker that has jobs reports several times per second that it is alive. The rules:

    - A worker that has jobs and sends nothing for :data:`SILENCE`, or for the limit if that is shorter, does
      not respond: it is stopped, or stuck in C code. Any of its jobs may be why.
    - A job is late if its worker reports that it is alive, but the job has no result when the limit is over.
      Its time begins when the worker begins it, not while it waits in the worker.
    """

    def __init__(self, process: Any, channel: Channel, capacity: int, clock: Clock, limit: float) -> None:
        """Begin to watch.

        :param capacity: how many jobs it can have in progress
        :param limit: seconds that a job may take
        """
        self.process = process
        self.channel = channel
        self.capacity = capacity
        self.jobs: dict[int, Job] = {}
        """In the order in which it begins them."""
        self.unsent: list[tuple[int, Job]] = []
        """Those of them that it does not have yet."""
        self.ready = False
        """Whether it has begun to work."""
        self.on_trial = False
        """Whether its only job is one that may have killed another worker."""
        self._clock = clock
        self._limit = limit
        self._heard = clock.now
        self._begun: dict[int, float] = {}

    @property
    def idle(self) -> int:
        """How many more jobs it could begin at once; negative if some wait."""
        return self.capacity - len(self.jobs)

    def give(self, number: int, job: Job) -> None:
        """Add a job to those that are sent next."""
        self.jobs[number] = job
        self.unsent.append((number, job))

    def hear(self) -> None:
        """Note that it has sent something, or has nothing to do."""
        self._heard = self._clock.now

    def is_silent(self) -> bool:
        """Return whether it does not respond. Its start may take longer than a job."""
        return self._clock.now - self._heard > (min(self._limit, SILENCE) if self.ready else SILENCE)

    def late(self) -> list[int]:
        """Return the numbers of the jobs that take too long."""
        begun = islice(self.jobs, self.capacity)
        self._begun = {number: self._begun.get(number, self._clock.now) for number in begun}
        return [number for number, then in self._begun.items() if self._heard - then > self._limit]
