"""How long a server is waited for, and how often it is asked again."""

from __future__ import annotations

import random
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeVar

from minimirror.upstream.http.errors import FetchError

__all__ = ["Pace", "Retry"]

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Pace:
    """How slow a server may be."""

    connect: float = 10.0
    """Seconds to wait for a connection."""

    read: float = 30.0
    """Seconds to wait for the head of an answer, and for the next bytes of its body."""

    least: float = 1000.0
    """Bytes a second: a body that has come slower than that for the seconds of :attr:`read` is given up."""


@dataclass(frozen=True, slots=True)
class Retry:
    """How often and how long to try again."""

    attempts: int = 5
    """Tries in all."""

    pause: float = 0.5
    """Seconds before the second try; doubled before each further one."""

    longest: float = 60.0
    """Seconds: the longest pause, a server's Retry-After included."""

    total: float = 7200.0
    """Seconds that all tries may take together."""

    def call(self, attempt: Callable[[float], T]) -> T:
        """Call ``attempt`` until it answers, fails for good, or has been tried often or long enough.

        :param attempt: given the time (of the monotonic clock) until which it may take
        :raises FetchError: the last one
        """
        deadline = time.monotonic() + self.total
        for tried in range(1, self.attempts + 1):
            try:
                return attempt(deadline)
            except FetchError as error:
                pause = self.pause_after(tried, error.retry_after)
                if not error.passing or tried == self.attempts or time.monotonic() + pause > deadline:
                    raise
                time.sleep(pause)
        raise AssertionError("unreachable")

    def pause_after(self, tried: int, retry_after: float | None) -> float:
        """Seconds to wait after that many tries: what the server asked for, else twice as long each time.

        A quarter of it is left to chance, so that workers that failed together do not come back together.
        """
        pause = retry_after if retry_after is not None else self.pause * 2 ** (tried - 1)
        return min(pause * random.uniform(1.0, 1.25), self.longest)  # noqa: S311 - no secret
