"""Tell which workers do not respond, and which jobs take too long."""

from __future__ import annotations

import time
from collections.abc import Iterable

__all__ = ["LATE", "Clock", "Watch"]

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


class Watch:
    """Watches one worker.

    A worker that has jobs reports several times per second that it is alive. The rules:

    - A worker that has jobs and sends nothing for :data:`SILENCE`, or for the limit if that is shorter, does
      not respond: it is stopped, or stuck in C code. Any of its jobs may be why.
    - A job is late if its worker reports that it is alive, but the job has no result when the limit is over.
      Its time begins when the worker begins it, not while it waits in the worker.
    """

    def __init__(self, clock: Clock, limit: float) -> None:
        """Begin to watch.

        :param limit: seconds that a job may take
        """
        self._clock = clock
        self._limit = limit
        self._heard = clock.now
        self._begun: dict[int, float] = {}

    def hear(self) -> None:
        """Note that the worker has sent something, or has nothing to do."""
        self._heard = self._clock.now

    def is_silent(self, *, ready: bool) -> bool:
        """Return whether the worker does not respond.

        :param ready: whether it has begun to work; its start may take longer than a job
        """
        return self._clock.now - self._heard > (min(self._limit, SILENCE) if ready else SILENCE)

    def late(self, numbers: Iterable[int]) -> list[int]:
        """Return those jobs that take too long.

        :param numbers: of all jobs that the worker has begun
        """
        self._begun = {number: self._begun.get(number, self._clock.now) for number in numbers}
        return [number for number, begun in self._begun.items() if self._heard - begun > self._limit]
