"""Progress at a terminal: one bar that moves by bytes, the rate, the time left, and the files under way."""

from __future__ import annotations

import time
from collections import deque
from typing import TYPE_CHECKING

from minimirror.cli.output import cut
from minimirror.cli.output.display import Display
from minimirror.common import Status, counted, format_duration, format_size

if TYPE_CHECKING:
    from rich.console import RenderableType
    from rich.text import Text

__all__ = ["LiveDisplay", "share_done"]

# ruff: noqa: PLC0415 - rich costs 50 ms, and only a terminal needs it

_FILES_SHOWN = 4
"""Files under way that are shown; each keeps its line."""

_RATE_OVER = 10.0
"""Seconds over which the rate is measured."""

_SOON = 2.0
"""Seconds before which no time is promised."""


class LiveDisplay(Display):
    """Draws what is left to do, and redraws it in place."""

    def __init__(self, first: str) -> None:
        """Prepare.

        :param first: what is done before the first status
        """
        from rich.console import Console
        from rich.live import Live

        self._status = Status(stage=first)
        self._console = Console(stderr=True, highlight=False)
        self._begun = time.monotonic()
        self._points: deque[tuple[float, int]] = deque([(self._begun, 0)])
        self._slots: list[str | None] = [None] * _FILES_SHOWN
        # Its thread draws: the time goes on while no status comes.
        self._live = Live(
            console=self._console, transient=True, refresh_per_second=8, get_renderable=self._drawn
        )

    def __enter__(self) -> LiveDisplay:
        self._live.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._live.stop()

    def line(self, text: str) -> None:
        """Print a line above the bar, without interpreting markup: it may come from an index."""
        self._console.print(text, soft_wrap=True, markup=False, emoji=False)

    def __call__(self, status: Status) -> None:
        """Draw a status soon."""
        self._status = status

    def _drawn(self) -> RenderableType:
        from rich.console import Group
        from rich.progress_bar import ProgressBar
        from rich.table import Table

        status = self._status
        if status.stage:
            return self._stage(status.stage)
        share = share_done(status)
        table = Table.grid(padding=(0, 1), expand=True)
        table.add_column(no_wrap=True)
        table.add_column(ratio=1)
        table.add_column(no_wrap=True)
        bar = ProgressBar(total=1, completed=share)
        table.add_row("files" if status.files else "pages", bar, f"{100 * share:3.0f} %")
        return Group(table, *self._figures(status, share), *self._in_flight(status))

    def _stage(self, stage: str) -> Text:
        """Return what is done before pages and files are counted, and for how long the command has run."""
        from rich.text import Text

        return Text(f"{stage} … {format_duration(time.monotonic() - self._begun)}", style="dim")

    def _figures(self, status: Status, share: float) -> list[Text]:
        """Return two lines: how much is done, and how fast."""
        from rich.text import Text

        now = time.monotonic()
        rate = self._rate(now, status.received)
        counts = []
        if status.projects_read < status.projects:
            counts.append(f"{status.projects_read:,} of {counted(status.projects, 'project')}")
        if status.files:
            counts.append(f"{status.files_fetched:,} of {counted(status.files)}")
        if status.bytes >= status.bytes_fetched > 0:
            counts.append(f"{format_size(status.bytes_fetched)} of {format_size(status.bytes)}")
        pace = [f"{format_size(rate)}/s"] if status.received else []
        pace.append(format_duration(now - self._begun))
        left = self._time_left(status, rate, share, now - self._begun)
        if left is not None:
            pace.append(f"{format_duration(left)} left")
        lines = [Text(f"  {', '.join(each)}") for each in (counts, pace)]
        if status.failures:
            lines[1].append(f", {status.failures:,} failed", style="bold red")
        return lines

    def _rate(self, now: float, count: int) -> float:
        """Return the recent bytes per second."""
        self._points.append((now, count))
        while len(self._points) > 2 and now - self._points[0][0] > _RATE_OVER:  # noqa: PLR2004
            self._points.popleft()
        then, before = self._points[0]
        return max(0, count - before) / (now - then) if now > then else 0.0

    def _time_left(self, status: Status, rate: float, share: float, seconds: float) -> float | None:
        """Return the seconds left at the recent rate, or None if it is too early to say."""
        if seconds < _SOON or not 0 < share < 1:
            return None
        if status.bytes and rate:
            return status.bytes_fetched * (1 / share - 1) / rate
        return seconds * (1 / share - 1)

    def _in_flight(self, status: Status) -> list[RenderableType]:
        """Return the biggest files under way. One keeps its line until it ends, and then another takes it."""
        shown = [name if name in status.in_flight else None for name in self._slots]
        waiting = sorted(
            status.in_flight.keys() - set(shown), key=lambda each: (-status.in_flight[each], each)
        )
        self._slots = [name or (waiting.pop(0) if waiting else None) for name in shown]
        lines = [self._file(name, status) for name in self._slots if name]
        return [*lines, *self._more(len(waiting))]

    def _file(self, name: str, status: Status) -> Text:
        from rich.text import Text

        known = (status.in_flight[name], status.sizes.get(name))
        figures = " / ".join(format_size(each) for each in known if each)
        room = self._console.width - len(figures) - 3
        return Text(f"  {cut(name, max(1, room))} {figures}", style="dim", no_wrap=True, overflow="crop")

    def _more(self, count: int) -> list[Text]:
        from rich.text import Text

        return [Text(f"  and {count:,} more", style="dim")] if count else []


def share_done(status: Status) -> float:
    """Return how much of the work is done, from 0 to 1: by bytes if the sizes are known.

    While pages are left to read, their files are taken to be like those of the pages read so far.
    """
    read = status.projects_read / status.projects if status.projects else 1.0
    if status.bytes and status.bytes >= status.bytes_fetched:
        return read * status.bytes_fetched / status.bytes
    if status.files:
        return read * status.files_fetched / status.files
    return read if status.projects else 0.0
