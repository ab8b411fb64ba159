"""The page at ``/report``: what the mirror holds, in pictures."""

from __future__ import annotations

import asyncio
import time
from importlib.util import find_spec

from starlette.concurrency import run_in_threadpool

from minimirror.config import Config
from minimirror.publish.report import report_page
from minimirror.serve.mirror import ServedMirror
from minimirror.sync import mirror_report

__all__ = ["ReportPage", "can_report"]

_SHARE = 20
"""Making the page takes at most one part in this many of the time, however often the mirror changes."""


def can_report() -> bool:
    """Return whether the extra ``report`` is installed."""
    return find_spec("plotly") is not None


class ReportPage:
    """Makes the page, and keeps it until the mirror changes."""

    def __init__(self, config: Config, mirror: ServedMirror) -> None:
        self._config = config
        self._mirror = mirror
        self._making = asyncio.Lock()
        self._page: bytes | None = None
        self._state: object = None
        self._due = 0.0

    async def read(self) -> bytes:
        """Return the page.

        :raises MinimirrorError: the catalog cannot be read, or plotly is not installed
        """
        async with self._making:
            state = self._mirror.state()
            if self._page is None or (state != self._state and time.monotonic() > self._due):
                begun = time.monotonic()
                self._page, self._state = await run_in_threadpool(self._make), state
                self._due = begun + _SHARE * (time.monotonic() - begun)
            return self._page

    def _make(self) -> bytes:
        return report_page(mirror_report(self._config)).encode()
