"""The live display at a terminal, drawn by rich."""

from __future__ import annotations

import time
from collections import deque

from rich.console import Console, Group
from rich.live import Live
from rich.progress_bar import ProgressBar
from rich.table import Table
from rich.text import Text

from minimirror.common import Status, format_duration, format_size

__all__ = ["LiveDisplay"]

SHOWN = 4
"""Files on their way that are shown, the biggest."""

_RATE_OVER = 5.0
"""Seconds over which the rate is measured."""


class LiveDisplay:
    """Bars for projects and files, the rate, the time left, and the biggest files on their way."""

    def __init__(self) -> None:
        self._console = Console(stderr=True, highlight=False)
        self._live = Live(console=self._console, transient=True, refresh_per_second=8)
        self._begun = time.monotonic()
        self._points: deque[tuple[float, int]] = deque([(self._begun, 0)])

    def __enter__(self) -> LiveDisplay:
        self._live.start()
        self._live.update(Text("reading the index …", style="dim"))
        return self

    def __exit__(self, *_: object) -> None:
        self._live.stop()

    def line(self, text: str) -> None:
        """Print a line above the bars, as it is: what comes from an index is no markup."""
        self._console.print(Text(text), soft_wrap=True)

    def __call__(self, status: Status) -> None:
        """Draw a status."""
        self._live.update(self._drawn(status))

    def _drawn(self, status: Status) -> Group:
        table = Table.grid(padding=(0, 1))
        table.add_column(width=8)
        table.add_column(ratio=1)
        table.add_column(justify="right", no_wrap=True)
        if status.projects:
            table.add_row(
                "projects",
                _bar(status.projects_read, status.projects),
                _of(status.projects_read, status.projects),
            )
        table.add_row(
            "files", _bar(status.files_fetched, status.files), _of(status.files_fetched, status.files)
        )
        table.expand = True
        return Group(table, self._figures(status), *_in_flight(status))

    def _figures(self, status: Status) -> Text:
        now = time.monotonic()
        rate = self._rate(now, status.bytes_fetched)
        of = f" of {format_size(status.bytes)}" if status.bytes >= status.bytes_fetched else ""
        text = Text(
            f"{format_size(status.bytes_fetched)}{of}, {format_size(rate)}/s,"
            f" {format_duration(now - self._begun)}"
        )
        left = _left(status, now - self._begun)
        if left is not None:
            text.append(f", {format_duration(left)} left")
        if status.failures:
            text.append(f", {status.failures:,} failed", style="bold red")
        return text

    def _rate(self, now: float, count: int) -> float:
        """Bytes a second, of late."""
        self._points.append((now, count))
        while len(self._points) > 2 and now - self._points[0][0] > _RATE_OVER:  # noqa: PLR2004
            self._points.popleft()
        then, before = self._points[0]
        return max(0, count - before) / (now - then) if now > then else 0.0


def _left(status: Status, seconds: float) -> float | None:
    """Seconds that the rest takes if it goes on as it has; None while nothing can be said."""
    shares = [
        done / of
        for done, of in (
            (status.projects_read, status.projects),
            (status.files_fetched, status.files),
            (status.bytes_fetched, status.bytes),
        )
        if of
    ]
    # The part that is furthest behind decides: all pages may be read while the big files still come.
    share = min(shares, default=0.0)
    return seconds * (1 - share) / share if 0.01 < share < 1 else None  # noqa: PLR2004


def _bar(done: int, of: int) -> ProgressBar:
    return ProgressBar(total=max(of, 1), completed=done if of else 1)


def _of(done: int, of: int) -> str:
    return f"{done:,} of {of:,}"


def _in_flight(status: Status) -> list[Text]:
    biggest = sorted(status.in_flight.items(), key=lambda each: (-each[1], each[0]))[:SHOWN]
    texts = [
        Text(
            f"  {name} {format_size(count) if count else ''}", style="dim", no_wrap=True, overflow="ellipsis"
        )
        for name, count in biggest
    ]
    rest = len(status.in_flight) - len(biggest)
    return [*texts, Text(f"  and {rest} more", style="dim")] if rest > 0 else texts
