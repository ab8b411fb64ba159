"""Tables, at a terminal of any width."""

from __future__ import annotations

import textwrap
from collections.abc import Iterator, Sequence
from typing import NamedTuple

from minimirror.cli.output.screen import Screen
from minimirror.common import format_size, printable
from minimirror.sync import Holding

__all__ = ["Column", "holding_lines", "table_lines"]

_BAR = 16
_GAP = 2
"""Spaces before each column."""

_SENTENCE = 20
"""Characters of a text that must fit in a line, unless it is the row's name."""


class Column(NamedTuple):
    """A column of a table."""

    title: str
    is_text: bool = False
    """Whether it has text, not numbers."""

    is_wide: bool = False
    """Whether it is left out where there is little room."""


class _Place(NamedTuple):
    """Where a column is."""

    number: int
    start: int
    width: int
    is_text: bool


def holding_lines(title: str, holdings: Sequence[Holding], screen: Screen, most: int) -> Iterator[str]:
    """Yield parts of the mirror as a table: their bytes and files, and how many files are missing.

    :param title: what the parts are; it begins the line of titles, and the rows below are indented
    :param most: how many of them
    """
    columns = [Column(title, is_text=True), Column("size"), Column("files"), Column("missing")]
    rows = [
        (
            printable(each.name),
            format_size(each.bytes),
            f"{each.files:,}",
            f"{each.missing:,}" if each.missing else "",
        )
        for each in holdings
    ]
    biggest = max((each.bytes for each in holdings), default=0) or 1
    lines = table_lines(columns, rows, [each.bytes / biggest for each in holdings], screen, most)
    yield from (line.replace(f"  {title}", f"{title}  ", 1) for line in lines)


def table_lines(
    columns: Sequence[Column], rows: Sequence[Sequence[str]], bars: Sequence[float], screen: Screen, most: int
) -> Iterator[str]:
    """Yield the first rows below the titles of their columns; nothing if there are no rows.

    Columns without values are left out, and where there is little room, those that are needed least. A name
    that is longer than its column has its own line; it is broken only if it is longer than the screen.

    :param bars: for each row, how long its bar is, from 0 to 1; empty for no bars
    :param most: how many rows
    """
    first = rows[:most]
    if not first:
        return
    places, has_bars = _places(columns, first, screen.width, has_bars=bool(bars))
    for line in _row([column.title for column in columns], places, screen):
        yield screen.styled(line, "bright_black")
    for number, row in enumerate(first):
        line, *more = _row(row, places, screen)
        if has_bars and bars[number]:
            line = line.ljust(places[-1].start + places[-1].width + _GAP) + _bar(bars[number], screen)
        yield line
        yield from more
    if len(rows) > most:
        yield f"  and {len(rows) - most:,} more (`--json` lists all)"


def _places(
    columns: Sequence[Column], rows: Sequence[Sequence[str]], room: int, *, has_bars: bool
) -> tuple[list[_Place], bool]:
    """Return where columns are, and whether there is room for bars."""
    shown = [number for number in range(len(columns)) if any(row[number] for row in rows)]
    optional = [number for number in shown if columns[number].is_wide]
    widths = [max(len(column.title), *(len(row[n]) for row in rows)) for n, column in enumerate(columns)]
    least = [
        min(width, _SENTENCE) if number and columns[number].is_text else width
        for number, width in enumerate(widths)
    ]
    room -= (_GAP + _BAR) * has_bars
    while (free := room - sum(_GAP + least[number] for number in shown)) < 0 and (optional or has_bars):
        if optional:
            shown.remove(optional.pop())
        else:
            room, has_bars = room + _GAP + _BAR, False
    places, end = [], 0
    for number in shown:
        width, is_text = widths[number], columns[number].is_text
        if is_text:
            # Numbers get their room, then the names, and other texts share what is left.
            width = min(width, max(len(columns[number].title), least[number] + free))
            free -= width - least[number]
        places.append(_Place(number, end + _GAP, width, is_text))
        end += _GAP + width
    return places, has_bars


def _row(cells: Sequence[str], places: Sequence[_Place], screen: Screen) -> Iterator[str]:
    line = ""
    for number, start, width, is_text in places:
        cell = cells[number]
        is_name = start == _GAP
        if max(map(len, [cell] if is_name else cell.split()), default=0) > width:
            if line:
                yield line.rstrip()
            line, indent = "", " " * (_GAP if is_name else 2 * _GAP)
            yield from textwrap.wrap(cell, screen.width, initial_indent=indent, subsequent_indent=indent)
            continue
        *before, last = textwrap.wrap(cell, width, break_on_hyphens=False) or [""]
        for part in before:
            yield line.ljust(start) + part
            line = ""
        line = line.ljust(start) + (last if is_text else last.rjust(width))
    if line.strip():
        yield line.rstrip()


def _bar(share: float, screen: Screen) -> str:
    """Return a bar, which is not empty if the share is not 0."""
    length = max(round(share * _BAR), share > 0)
    return screen.styled(("█" if screen.unicode else "#") * length, "blue")
