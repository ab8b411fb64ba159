"""Servers that do not answer: each is left alone for a minute, so that one client waits for it, not all."""

from __future__ import annotations

import time
from collections.abc import Iterable
from urllib.parse import urlsplit

from minimirror.upstream import FetchError

__all__ = ["LEFT_ALONE", "UNREACHABLE", "Outages", "is_outage"]

LEFT_ALONE = 60.0
"""Seconds for which a server that does not answer is not asked again."""

UNREACHABLE = "its index cannot be reached"


class Outages:
    """Which servers do not answer now. All methods take the URL of anything on a server."""

    def __init__(self) -> None:
        self._until: dict[str, float] = {}

    def begin(self, url: str) -> None:
        """Note that a server does not answer."""
        self._until[urlsplit(url).netloc] = time.monotonic() + LEFT_ALONE

    def end(self, url: str) -> None:
        """Note that a server has answered."""
        self._until.pop(urlsplit(url).netloc, None)

    def affect(self, urls: Iterable[str]) -> bool:
        """Return whether one of these servers is left alone."""
        now = time.monotonic()
        return any(self._until.get(urlsplit(url).netloc, 0.0) > now for url in urls)


def is_outage(error: Exception) -> bool:
    """Return whether a server cannot be reached, or does not answer."""
    return isinstance(error, FetchError) and error.passes and error.status is None
