"""Servers that do not answer: each is left alone for a minute, so that one client waits for it, not all."""

from __future__ import annotations

import time
from collections.abc import Iterable
from urllib.parse import urlsplit

from minimirror.upstream import FetchError

__all__ = ["LEFT_ALONE", "UNREACHABLE", "Silence", "is_silence"]

LEFT_ALONE = 60.0
"""Seconds for which a server that does not answer is not asked again."""

UNREACHABLE = "its index cannot be reached"


class Silence:
    """Which servers do not answer now. All take the URL of anything on a server."""

    def __init__(self) -> None:
        self._until: dict[str, float] = {}

    def begins(self, url: str) -> None:
        """Note that a server does not answer."""
        self._until[urlsplit(url).netloc] = time.monotonic() + LEFT_ALONE

    def ends(self, url: str) -> None:
        """Note that a server has answered."""
        self._until.pop(urlsplit(url).netloc, None)

    def of_any(self, urls: Iterable[str]) -> bool:
        """Return whether one of these servers is left alone."""
        now = time.monotonic()
        return any(self._until.get(urlsplit(url).netloc, 0.0) > now for url in urls)


def is_silence(error: Exception) -> bool:
    """Return whether a server cannot be reached, or does not answer."""
    return isinstance(error, FetchError) and error.passes and error.status is None
