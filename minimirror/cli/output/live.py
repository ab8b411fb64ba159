"""Progress at a terminal: one bar that moves by bytes, the rate, the time left, and the files in progress.

Only a terminal needs this module: it imports rich, which takes 50 ms.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator

from rich.console import Console, Group, RenderableType
from rich.live import Live
from rich.progress import BarColumn, Progress, TextColumn
from rich.text import Text

from minimirror.cli.output.display import Display
from minimirror.common import Status, counted, format_duration, format_size

__all__ = ["LiveDisplay", "cut", "share_done"]

_FILES_SHOWN = 4
"""Files in progress that are shown: those that began first."""

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
        self._status = Status(stage=first)
        self._console = Console(stderr=True, highlight=False)
        self._progress = Progress(
            TextColumn("{task.description}"),
            BarColumn(bar_width=None),
            TextColumn("{task.percentage:3.0f} %"),
            auto_refresh=False,
            expand=True,
            speed_estimate_period=_RATE_OVER,
        )
        self._progress.add_task("pages", total=1)
        self._points = deque([(0.0, 0)])
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
        status, (share,) = self._status, self._progress.tasks
        self._progress.update(
            share.id, completed=share_done(status), description="files" if status.files else "pages"
        )
        passed = share.elapsed or 0.0
        rate = self._rate(passed, status.received)
        if status.stage:
            return Text(f"{status.stage} … {format_duration(passed)}", style="dim")
        counts = []
        if status.projects_read < status.projects:
            counts.append(f"{status.projects_read:,} of {counted(status.projects, 'project')}")
        if status.files:
            counts.append(f"{status.files_fetched:,} of {counted(status.files)}")
        if status.bytes >= status.bytes_fetched > 0:
            counts.append(f"{format_size(status.bytes_fetched)} of {format_size(status.bytes)}")
        pace = [f"{format_size(rate)}/s"] if status.received else []
        pace.append(format_duration(passed))
        if share.time_remaining and passed >= _SOON:
            pace.append(f"{format_duration(share.time_remaining)} left")
        figures = Text(f"  {', '.join(counts)}\n  {', '.join(pace)}")
        if status.failures:
            figures.append(f", {status.failures:,} failed", style="bold red")
        return Group(self._progress, figures, *self._in_flight(status))

    def _rate(self, passed: float, received: int) -> float:
        """Return the recent bytes per second; it falls to 0 if nothing comes any more, as rich's does not."""
        self._points.append((passed, received))
        while passed - self._points[0][0] > _RATE_OVER:
            self._points.popleft()
        then, before = self._points[0]
        return max(0, received - before) / (passed - then) if passed > then else 0.0

    def _in_flight(self, status: Status) -> Iterator[Text]:
        for name in list(status.in_flight)[:_FILES_SHOWN]:
            known = (status.in_flight[name], status.sizes.get(name))
            figures = " / ".join(format_size(each) for each in known if each)
            # The terminal writes ^C at the end of the last line; if it did not fit, a line would stay.
            room = max(1, self._console.width - len(figures) - len("   ^C"))
            yield Text(f"  {cut(name, room)} {figures}", style="dim", no_wrap=True, overflow="crop")
        if len(status.in_flight) > _FILES_SHOWN:
            yield Text(f"  and {len(status.in_flight) - _FILES_SHOWN:,} more", style="dim")


def cut(text: str, width: int) -> str:
    """Return the text with its middle left out if it is longer than the width, which is at least 1.

    >>> cut("numpy-2.1.0-cp312-cp312-manylinux_2_28_x86_64.whl", 24)
    'numpy-2.1.0-…_x86_64.whl'
    """
    end = (width - 1) // 2
    return text if len(text) <= width else f"{text[: width - 1 - end]}…{text[len(text) - end :]}"


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
