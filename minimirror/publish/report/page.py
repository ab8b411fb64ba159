"""The report as one page of HTML that needs nothing else: no file beside it, and no network."""

from __future__ import annotations

import base64
import hashlib
import json
from collections.abc import Iterator
from html import escape
from pathlib import Path
from typing import Any

from minimirror._version import __version__
from minimirror.common import MinimirrorError, format_time, missing_extra, printable
from minimirror.publish.report.figures import AGES, COLOURS, figures
from minimirror.publish.report.model import Report
from minimirror.publish.report.tables import Column, Table, facts, report_tables

__all__ = ["MissingPlotlyError", "report_page"]

_ROWS = 500
"""Rows of a table."""


class MissingPlotlyError(MinimirrorError):
    """The page needs plotly, which is not installed."""

    exit_code = 2


def report_page(found: Report) -> str:
    """Return the report as a page: pictures, and a table below each, which a browser without scripts shows.

    A Content-Security-Policy in it lets a browser run nothing but what is here, and send no request.

    :raises MissingPlotlyError: plotly is not installed
    """
    scripts = [_plotlyjs(), _beside("page.js")]
    title = f"What {printable(Path(found.repository).name) or 'the mirror'} holds"
    parts = list(report_tables(found))
    drawn = figures(found)
    return "".join(
        [
            f'<!doctype html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n{_policy(scripts)}\n',
            '<meta name="viewport" content="width=device-width, initial-scale=1">\n',
            f"<title>{escape(title)}</title>\n<style>{_beside('page.css')}</style>\n</head>\n<body>\n",
            f"<header><h1>{escape(title)}</h1>\n{_facts(found)}{_contents(parts)}</header>\n<main>\n",
            *(_section(each, is_drawn=each.key in drawn) for each in parts),
            f"</main>\n<footer>Made by minimirror {__version__} at {format_time(found.made)}.</footer>\n",
            f'<script type="application/json" id="figures">{_json(drawn)}</script>\n',
            *(f"<script>{each}</script>\n" for each in scripts),
            "</body>\n</html>\n",
        ]
    )


def _plotlyjs() -> str:
    try:
        from plotly.offline import get_plotlyjs  # noqa: PLC0415 - optional, and only the page needs it
    except ModuleNotFoundError:
        raise MissingPlotlyError(missing_extra("the report as a page", "plotly", "report")) from None
    # A browser normalizes newlines before it computes the digest.
    return str(get_plotlyjs()).replace("\r\n", "\n").replace("\r", "\n")


def _beside(name: str) -> str:
    return Path(__file__).with_name(name).read_text("utf-8")


def _policy(scripts: list[str]) -> str:
    hashes = (base64.b64encode(hashlib.sha256(each.encode()).digest()).decode() for each in scripts)
    allowed = " ".join(f"'sha256-{each}'" for each in hashes)
    # plotly.js adds styles, which can load nothing.
    content = (
        f"default-src 'none'; script-src {allowed}; style-src 'unsafe-inline'; img-src data: blob:;"
        " base-uri 'none'; form-action 'none'"
    )
    return f'<meta http-equiv="Content-Security-Policy" content="{content}">'


def _json(value: Any) -> str:
    """Return JSON that cannot end the element in which it is."""
    return json.dumps(value, separators=(",", ":")).replace("<", "\\u003c").replace("&", "\\u0026")


def _facts(found: Report) -> str:
    return f"<dl>{''.join(f'<dt>{label}</dt><dd>{escape(text)}</dd>' for label, text in facts(found))}</dl>\n"


def _contents(parts: list[Table]) -> str:
    links = "".join(f'<li><a href="#{each.key}">{escape(each.title)}</a></li>' for each in parts)
    return f'<nav aria-label="Parts of the report"><ul>{links}</ul></nav>\n'


def _section(table: Table, *, is_drawn: bool) -> str:
    return (
        f'<section id="{table.key}" aria-labelledby="{table.key}-title">'
        f'<h2 id="{table.key}-title">{escape(table.title)}</h2>\n<p>{escape(table.note)}</p>\n'
        + (_figure(table) if is_drawn else "")
        + ("".join(_rows(table)) if table.rows else "")
        + "</section>\n"
    )


def _figure(table: Table) -> str:
    label = escape(f"{table.title}, as a picture of the table below")
    ages = "".join(
        f'<li><i style="background: {colour}"></i>{age}</li>'
        for age, colour in zip(AGES, COLOURS, strict=True)
    )
    legend = f'<ul class="ages" aria-label="Colours by the last upload">{ages}</ul>\n'
    return (
        f'<div class="figure" id="figure-{table.key}" role="img" aria-label="{label}"></div>\n'
        f"{legend if table.key == 'projects' else ''}"
    )


def _rows(table: Table) -> Iterator[str]:
    head = "".join(map(_head, table.columns)) + ("<td></td>" if table.bars else "")
    yield f'<div class="rows" tabindex="0" role="region" aria-labelledby="{table.key}-title">\n'
    yield f"<table><thead><tr>{head}</tr></thead>\n<tbody>\n"
    for number, row in enumerate(table.rows[:_ROWS]):
        (_, name), *others = zip(table.columns, row, strict=True)
        cells = "".join(_cell(*each) for each in others)
        bar = f'<td><i style="width: {table.bars[number]:.1%}"></i></td>' if table.bars else ""
        yield f'<tr><th scope="row">{escape(name)}</th>{cells}{bar}</tr>\n'
    yield "</tbody></table></div>\n"
    if more := len(table.rows[_ROWS:]):
        yield f"<p>And {more:,} more; <code>minimirror report --json</code> lists all.</p>\n"


def _head(column: Column[Any]) -> str:
    return f'<th scope="col"{_class(column)}>{escape(column.title)}</th>'


def _cell(column: Column[Any], text: str) -> str:
    return f"<td{_class(column)}>{escape(text)}</td>"


def _class(column: Column[Any]) -> str:
    return ' class="text"' if column.is_text else ""
