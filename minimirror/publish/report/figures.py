"""The report as pictures: what plotly.js draws, as plain values for JSON."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from datetime import datetime, timedelta, timezone
from html import escape
from typing import Any

from minimirror.common import counted, format_size, format_time, printable
from minimirror.publish.report.model import Report, Share
from minimirror.publish.report.tables import causes, refusals

__all__ = ["AGES", "COLOURS", "figures"]

AGES = {
    "less than a year": 1.0,
    "1 to 2 years": 2.0,
    "2 to 4 years": 4.0,
    "older": float("inf"),
    "unknown or mixed": 0,
}
"""The ages by which the treemap is coloured, each with its end in years."""

COLOURS = ("#2f6fb5", "#4a9a8c", "#b08a2e", "#b0553f", "#7d7d85")
"""Of these ages. White text is readable on each, and people who confuse red and green can tell them apart."""

_PROJECTS, _RELEASES = 300, 20
"""Projects, and releases of each, that the treemap shows; the others are one box."""

_BARS = 15
_LABEL = 34
"""Characters of a bar's label."""

_TICKS = 6
"""Ticks of an axis, at most."""

_YEAR = 365.25 * 86400
_EPOCH = datetime(1970, 1, 1, tzinfo=timezone.utc)


def figures(found: Report) -> dict[str, Any]:
    """Return the pictures by the keys of the tables to which they belong."""
    made = {"projects": _treemap(found), "growth": _growth(found)} if found.projects else {}
    for key, shares in (
        ("types", found.types),
        ("pythons", found.pythons),
        ("platforms", found.platforms),
        ("targets", found.targets),
        ("years", found.years),
    ):
        if shares:
            made[key] = _bars(_first(shares) if key != "years" else shares)
    for key, counts, word in (
        ("behind", refusals(found.behind), "project"),
        ("vulnerable", Counter(each.project for each in found.vulnerable).most_common(), "release"),
        ("causes", causes(found.missing), "entry"),
    ):
        if counts:
            made[key] = _horizontal([(name, counted(count, word), count) for name, count in counts[:_BARS]])
    if found.missed:
        wanted = [(each.project, counted(each.requests, "request"), each.requests) for each in found.missed]
        made["missed"] = _horizontal(wanted[:_BARS])
    return made


def _label(text: str) -> str:
    """Return a text that plotly.js shows as it is; it knows some tags of HTML."""
    return escape(printable(text), quote=False)


def _about(name: str, files: int, size: int) -> str:
    return f"<b>{_label(name)}</b><br>{format_size(size)}, {counted(files)}"


def _first(shares: Sequence[Share]) -> list[Share]:
    """Return the biggest, and the sum of the others."""
    rest = shares[_BARS:]
    return [*shares[:_BARS], *_sum_of(rest, "others")]


def _sum_of(rest: Sequence[Share], what: str) -> Iterator[Share]:
    if rest:
        files, size = sum(each.files for each in rest), sum(each.bytes for each in rest)
        yield Share(f"{len(rest):,} {what}", files, size)


def _bars(shares: Sequence[Share]) -> dict[str, Any]:
    """Return bars of bytes, and of files beside them."""
    found = _horizontal([(each.name, format_size(each.bytes), each.bytes) for each in shares])
    (sizes,) = found["data"]
    files = _horizontal([(each.name, counted(each.files), each.files) for each in shares])["data"][0]
    found["data"] = [sizes, {**files, "xaxis": "x2", "marker": {"color": COLOURS[1]}}]
    found["layout"] |= {
        "xaxis": {
            "domain": [0, 0.47],
            "title": {"text": "size"},
            "tickformat": "~s",
            "ticksuffix": "B",
            "nticks": 4,
        },
        "xaxis2": {"domain": [0.53, 1], "title": {"text": "files"}, "tickformat": "~s", "nticks": 4},
    }
    return found


def _horizontal(bars: Sequence[tuple[str, str, int]]) -> dict[str, Any]:
    """Return horizontal bars.

    :param bars: of each, its name, its value for people, and its value
    """
    labels = [_label(name if len(name) <= _LABEL else f"{name[: _LABEL - 1]}…") for name, _, _ in bars]
    places = list(range(len(bars)))
    whole = {"dtick": 1} if max(value for _, _, value in bars) < _TICKS else {}
    return {
        "data": [
            {
                "type": "bar",
                "orientation": "h",
                "x": [value for _, _, value in bars],
                "y": places,
                "customdata": [f"<b>{_label(name)}</b><br>{text}" for name, text, _ in bars],
                "hovertemplate": "%{customdata}<extra></extra>",
                "marker": {"color": COLOURS[0]},
            }
        ],
        "layout": {
            "height": 80 + 24 * len(bars),
            "xaxis": {"tickformat": "~s", "nticks": _TICKS, **whole},
            "yaxis": {
                "tickvals": places,
                "ticktext": labels,
                "range": [len(bars) - 0.5, -0.5],
                "automargin": True,
            },
        },
    }


def _treemap(found: Report) -> dict[str, Any]:
    boxes = list(_boxes(found))
    keys = ("ids", "parents", "labels", "values", "customdata", "text", "colors")
    columns = dict(zip(keys, zip(*boxes, strict=True), strict=True))
    few = len(boxes) <= 400  # noqa: PLR2004 - more at once are slow to draw, and too small to read
    trace = {
        "type": "treemap",
        "marker": {"colors": columns.pop("colors"), "line": {"width": 1, "color": "#fff"}},
        **columns,
        "branchvalues": "total",
        "sort": False,
        "maxdepth": 3 if few else 2,
        "texttemplate": "%{label}<br>%{text}",
        "textfont": {"color": "#fff"},
        "hovertemplate": "%{customdata}<extra></extra>",
        "pathbar": {"thickness": 24},
        "root": {"color": "rgba(0,0,0,0)"},
    }
    return {"data": [trace], "layout": {"height": 560, "margin": {"t": 30, "l": 0, "r": 0, "b": 0}}}


def _boxes(found: Report) -> Iterator[tuple[str | int, ...]]:
    """Yield all, the projects, and the releases in each."""
    whole = Share("all", found.files, sum(each.bytes for each in found.projects))
    yield _box("/", "", whole.name, whole)
    for project in found.projects[:_PROJECTS]:
        # A name has no slash, and a version none either.
        node = f"/{_label(project.name)}"
        yield _box(node, "/", project.name, project, project.uploaded, found.made)
        releases = sorted(project.releases, key=lambda each: -each.bytes)
        for each in releases[:_RELEASES]:
            name = f"{project.name} {each.name}"
            yield _box(f"{node}/{each.name}", node, name, each, each.uploaded, found.made)
        for rest in _sum_of(releases[_RELEASES:], "other releases"):
            yield _box(f"{node}/", node, rest.name, rest)
    for rest in _sum_of(found.projects[_PROJECTS:], "other projects"):
        yield _box("/rest", "/", rest.name, rest)


def _box(  # noqa: PLR0913, PLR0917 - what a box has
    node: str, parent: str, name: str, share: Share, uploaded: float | None = None, now: float = 0.0
) -> tuple[str | int, ...]:
    about, colour = _about(name, share.files, share.bytes), COLOURS[-1]
    if uploaded is not None:
        about += f"<br>last upload {format_time(uploaded)}"
        years = (now - uploaded) / _YEAR
        colour = next(colour for colour, end in zip(COLOURS, AGES.values(), strict=True) if years < end)
    return node, parent, _label(name), share.bytes, about, format_size(share.bytes), colour


def _growth(found: Report) -> dict[str, Any]:
    runs = [each for each in found.growth if each.outcome != "running"]
    moments = [_moment(each.started) for each in runs]

    def trace(
        values: Sequence[int | None], word: str, about: Callable[[int], str], **more: Any
    ) -> dict[str, Any]:
        texts = [
            f"<b>{format_time(each.started)}</b><br>{each.outcome}; {about(value or 0)} {word}"
            for each, value in zip(runs, values, strict=True)
        ]
        return {
            "x": moments,
            "y": values,
            "customdata": texts,
            "hovertemplate": "%{customdata}<extra></extra>",
            **more,
        }

    whole = [COLOURS[0] if each.outcome == "complete" else COLOURS[3] for each in runs]
    held = {"type": "scatter", "mode": "lines+markers", "line": {"color": COLOURS[0], "shape": "hv"}}
    size = {"tickformat": "~s", "ticksuffix": "B", "rangemode": "tozero", "automargin": True, "nticks": 5}
    return {
        "data": [
            trace(
                [each.bytes for each in runs], "held", format_size, **held, marker={"color": whole, "size": 5}
            ),
            trace(
                [each.bytes_fetched for each in runs],
                "fetched",
                format_size,
                type="bar",
                yaxis="y2",
                marker={"color": whole},
            ),
        ],
        "layout": {
            "height": 420,
            "xaxis": {"type": "date", "anchor": "y2", "automargin": True, "nticks": 6},
            "yaxis": {**size, "domain": [0.45, 1], "title": {"text": "held"}},
            "yaxis2": {**size, "domain": [0, 0.35], "title": {"text": "fetched"}},
        },
    }


def _moment(seconds: float) -> str | None:
    try:
        return (_EPOCH + timedelta(seconds=seconds)).strftime("%Y-%m-%d %H:%M:%S")
    except (OverflowError, ValueError):
        return None
