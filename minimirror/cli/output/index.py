"""What `minimirror index` did."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from minimirror.cli.output import note_lines
from minimirror.common import counted, format_duration
from minimirror.publish.static import BuiltIndex

__all__ = ["index_lines", "removal_lines"]


def index_lines(made: BuiltIndex) -> Iterator[str]:
    """Yield what was written."""
    yield (
        f"{made.path}: {counted(made.projects, 'project')}, {counted(made.written, 'page')} written in"
        f" {format_duration(made.seconds)}"
    )
    yield from note_lines(made.summary.notes, made.summary.failures)


def removal_lines(removed: Path | str | None, *, will_return: bool) -> Iterator[str]:
    """Yield what was removed.

    :param will_return: whether the config asks for an index
    """
    yield f"{removed}: removed" if removed else "There is no static index made by minimirror."
    if will_return:
        yield 'The next run creates it again, because the config has "simple": true.'
