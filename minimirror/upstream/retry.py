"""How long to wait for a server, and how often to try again."""

from __future__ import annotations

import random
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import TypeVar

from minimirror.upstream.errors import FetchError, TimeLimitError

__all__ = ["Pace", "Retry"]

T = TypeVar("T")

_MORE = 10.0
"""Seconds that a server has to answer at all, besides the pauses between tries."""


@dataclass(frozen=True, slots=True)
class Pace:
    """How slow a server may be."""

    connect: float = 10.0
    """Seconds to wait for a connection."""

    read: float = 30.0
    """Seconds to wait for the head of a response, and for the next bytes of its body."""

    min_rate: float = 1000.0
    """Bytes per second: a response that has been slower than this for :attr:`read` seconds is abandoned."""

    def check(self, got: int, begun: float, deadline: float) -> None:
        """Check a response.

        :param got: bytes so far
        :param begun: when it began, and ``deadline`` when to give up, in seconds of the monotonic clock
        :raises FetchError: it takes too long
        """
        now = time.monotonic()
        if now > deadline:
            raise TimeLimitError
        seconds = now - begun
        if seconds > self.read and got < seconds * self.min_rate:
            raise FetchError(f"slower than {self.min_rate:.0f} bytes per second (`min_rate`)", transient=True)


@dataclass(frozen=True, slots=True)
class Retry:
    """How often and how long to try again."""

    attempts: int = 5
    """Tries in total."""

    pause: float = 0.5
    """Seconds before the second try, doubled for each later one."""

    longest: float = 60.0
    """The longest pause in seconds, even if the server's Retry-After asks for more."""

    total: float = 7200.0
    """Seconds that all tries together may take."""

    async def call(
        self,
        attempt: Callable[[float], Awaitable[T]],
        pause: Callable[[float], Awaitable[None]],
    ) -> T:
        """Call ``attempt`` until it returns, or until its error is permanent or the tries are used up.

        :param attempt: called with the time, in seconds of the monotonic clock, at which to give up
        :param pause: waits for so many seconds, as :meth:`Http.pause`
        :raises FetchError: the last one
        """
        deadline = time.monotonic() + self.total
        for tried in range(1, self.attempts + 1):
            try:
                return await attempt(deadline)
            except FetchError as error:
                seconds = self.pause_after(tried, error.retry_after)
                if not error.transient or tried == self.attempts or time.monotonic() + seconds > deadline:
                    raise
                await pause(seconds)
        raise AssertionError("unreachable")

    @property
    def patience(self) -> float:
        """The seconds that the tries of a request last if each fails at once, and some more."""
        pauses = (min(self.pause * 2.0**tried, self.longest) for tried in range(self.attempts - 1))
        return float(_MORE + 1.25 * sum(pauses))

    def pause_after(self, tried: int, retry_after: float | None) -> float:
        """Return the seconds to wait: what the server asked for, else twice as long each time.

        Up to a quarter is random, so that workers that failed together do not try again together.
        """
        pause = retry_after if retry_after is not None else self.pause * 2 ** (tried - 1)
        return min(pause * random.uniform(1.0, 1.25), self.longest)  # noqa: S311 - no secret
