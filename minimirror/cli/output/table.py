"""A table of the report at a terminal of any width."""

from __future__ import annotations

import sys
import textwrap
from collections.abc import Iterator, Sequence
from itertools import zip_longest
from typing import NamedTuple

from minimirror.cli.output.screen import Screen
from minimirror.publish.report import Table

__all__ = ["table_lines"]

_BAR = 16
_GAP = 2
"""Spaces before each column."""

_SENTENCE = 20
"""Characters of a text that must fit in a line, unless it is the row's name."""


class _Place(NamedTuple):
    """Where a column is."""

    number: int
    start: int
    width: int
    is_text: bool


def table_lines(table: Table, screen: Screen, most: int) -> Iterator[str]:
    """Yield the first rows below the titles of their columns.

    Columns without values are left out, and where there is little room, those that are needed least. A name
    that is longer than its column has its own line; it is broken only if it is longer than the screen.

    :param most: how many rows
    """
    rows, room = table.rows[:most], screen.width if screen.folds else sys.maxsize
    titles = [column.title for column in table.columns]
    widths = [max(map(len, cells)) for cells in zip(titles, *rows, strict=True)]
    least = [
        min(width, _SENTENCE) if number and column.is_text else width
        for number, (width, column) in enumerate(zip(widths, table.columns, strict=True))
    ]
    shown = [number for number in range(len(titles)) if any(row[number] for row in rows)]
    bar = (_GAP + _BAR) * bool(table.bars)
    optional = [number for number in shown if table.columns[number].is_wide]
    while sum(_GAP + least[number] for number in shown) + bar > room and (optional or bar):
        if optional:
            shown.remove(optional.pop())
        else:
            bar = 0
    places = _places(table, shown, widths, least, room - bar)
    yield from (screen.styled(line, "bright_black") for line in _row(titles, places, room))
    end = places[-1].start + places[-1].width + _GAP
    for number, row in enumerate(rows):
        first, *rest = _row(row, places, room)
        yield (first.ljust(end) + _bar(table.bars[number], screen)).rstrip() if bar else first
        yield from rest


def _places(
    table: Table, shown: Sequence[int], widths: Sequence[int], least: Sequence[int], room: int
) -> list[_Place]:
    """Divide the room: numbers get theirs, then the names, and other texts share what is left."""
    texts = [number for number in shown if table.columns[number].is_text]
    free = room - sum(_GAP if number in texts else _GAP + widths[number] for number in shown)
    found, start = [], 0
    for number in shown:
        width = widths[number]
        if number in texts:
            texts.remove(number)
            if width > free - sum(least[other] for other in texts):
                width = min(width, max(1, free // (len(texts) + 1)))
            free -= width
        found.append(_Place(number, start + _GAP, width, table.columns[number].is_text))
        start += _GAP + width
    return found


def _row(cells: Sequence[str], places: Sequence[_Place], room: int) -> Iterator[str]:
    beside: list[tuple[int, list[str]]] = []
    for number, start, width, is_text in places:
        cell = cells[number]
        if len(max(cell.split(), key=len, default="")) <= width:
            folded = textwrap.wrap(cell, width, break_on_hyphens=False) if is_text else [cell.rjust(width)]
            beside.append((start, folded))
            continue
        yield from _side_by_side(beside)
        indent = _GAP if number == 0 else 2 * _GAP
        yield from _side_by_side([(indent, textwrap.wrap(cell, room - indent))])
        beside = []
    yield from _side_by_side(beside)


def _side_by_side(cells: Sequence[tuple[int, list[str]]]) -> Iterator[str]:
    for parts in zip_longest(*(lines for _, lines in cells), fillvalue=""):
        line = ""
        for (start, _), part in zip(cells, parts, strict=True):
            line = line.ljust(start) + part if part else line
        yield line.rstrip()


def _bar(share: float, screen: Screen) -> str:
    """Return a bar, which is not empty if the share is not 0."""
    length = max(round(share * _BAR), share > 0)
    return screen.styled(("█" if screen.unicode else "#") * length, "blue")
