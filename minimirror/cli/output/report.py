"""What `minimirror report` shows and writes."""

from __future__ import annotations

from collections.abc import Iterator
from io import StringIO
from pathlib import Path

from minimirror.cli.output.screen import Screen
from minimirror.common import MinimirrorError, format_size, printable, replacing
from minimirror.publish.report import Report, Table, facts, report_page, report_tables

__all__ = ["as_lines", "write_page"]

_ROWS = 10
"""Rows of a table that are shown."""

_BAR = 16
_ROOMY = 76
"""Columns of a screen that shows bars and all columns of a table."""

_NO_LIMIT = 10_000


def as_lines(found: Report, screen: Screen) -> Iterator[str]:
    """Yield the report for people, as tables with bars."""
    for label, text in facts(found):
        yield screen.folded(f"  {label:<12} {text}")
    for table in report_tables(found):
        yield ""
        yield screen.styled(table.title, "cyan")
        if table.note:
            yield screen.folded(table.note)
        if table.rows:
            yield from _rows(table, screen)
        if len(table.rows) > _ROWS:
            yield f"  and {len(table.rows) - _ROWS:,} more (`--json` lists all)"


def _rows(table: Table, screen: Screen) -> Iterator[str]:
    # rich costs 50 ms, which other commands need not pay.
    from rich.console import Console  # noqa: PLC0415
    from rich.table import Table as Drawn  # noqa: PLC0415
    from rich.text import Text  # noqa: PLC0415

    is_roomy = screen.width >= _ROOMY
    shown = [number for number, column in enumerate(table.columns) if is_roomy or not column.is_wide]
    drawn = Drawn(box=None, padding=(0, 2, 0, 0), pad_edge=False, header_style="dim")
    for number in shown:
        column = table.columns[number]
        # A text is folded where it must be, so that nothing is lost.
        drawn.add_column(
            column.title,
            justify="left" if column.is_text else "right",
            overflow="fold",
            no_wrap=not column.is_text,
        )
    has_bars = bool(table.bars) and is_roomy
    if has_bars:
        drawn.add_column("", no_wrap=True)
    for row, cells in enumerate(table.rows[:_ROWS]):
        texts = [Text(cells[number]) for number in shown]
        drawn.add_row(*texts, *([Text(_bar(table.bars[row], screen), "blue")] if has_bars else []))
    out = StringIO()
    width = screen.width - 2 if screen.folds else _NO_LIMIT
    colours = (
        {"force_terminal": True, "color_system": "standard"} if screen.colour else {"color_system": None}
    )
    Console(file=out, width=width, highlight=False, emoji=False, **colours).print(drawn)
    yield from (f"  {line.rstrip()}" for line in out.getvalue().splitlines())


def _bar(share: float, screen: Screen) -> str:
    """Return a bar, which is not empty if the share is not 0."""
    length = max(round(share * _BAR), share > 0)
    return ("█" if screen.unicode else "#") * length


def write_page(found: Report, file: Path) -> str:
    """Write the report as a page, and return what was written.

    :raises MinimirrorError: the file cannot be written; an older one is as it was
    """
    content = report_page(found).encode()
    try:
        if file.exists() and not file.is_file():
            file.write_bytes(content)  # a pipe, such as /dev/stdout
        else:
            with replacing(file) as new:
                new.write_bytes(content)
    except OSError as error:
        raise MinimirrorError(f"{printable(str(file))}: cannot write: {error.strerror}") from None
    return f"Wrote {printable(str(file))} ({format_size(len(content))})."
