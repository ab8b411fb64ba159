"""What `minimirror report` shows and writes."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from minimirror.cli.output.screen import Screen
from minimirror.cli.output.table import Column, table_lines
from minimirror.common import MinimirrorError, format_size, printable, replacing
from minimirror.publish.report import Report, facts, report_page, report_tables

__all__ = ["as_lines", "write_page"]

_ROWS = 10
"""Rows of a table that are shown."""


def as_lines(found: Report, screen: Screen) -> Iterator[str]:
    """Yield the report for people, as tables with bars."""
    for label, text in facts(found):
        yield f"  {label:<12} {text}"
    for table in report_tables(found):
        yield ""
        yield screen.styled(table.title, "cyan")
        if table.note:
            yield table.note
        columns = [Column(each.title, each.is_text, each.is_wide) for each in table.columns]
        yield from table_lines(columns, table.rows, table.bars, screen, _ROWS)


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
