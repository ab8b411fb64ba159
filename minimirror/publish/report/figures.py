"""The report as pictures: what plotly.js draws, as plain values for JSON."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from datetime import datetime, timedelta, timezone
from html import escape
from typing import Any, NamedTuple

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
        ("missed", [(each.project, each.requests) for each in found.missed], "request"),
    ):
        if counts:
            made[key] = _horizontal([(name, counted(count, word), count) for name, count in counts[:_BARS]])
    return made


def _label(text: str) -> str:
    """Return a text that plotly.js shows as it is; it knows some tags of HTML."""
    return escape(printable(text), quote=False)


def _first(shares: Sequence[Share]) -> list[Share]:
    """Return the biggest, and the sum of the others."""
    return [*shares[:_BARS], *_sum_of(shares[_BARS:], "others")]


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
    few = len(boxes) <= 400  # noqa: PLR2004 - more at once are slow to draw, and too small to read
    return {
        "data": [
            {
                "type": "treemap",
                "ids": [each.node for each in boxes],
                "parents": [each.parent for each in boxes],
                "labels": [_label(each.share.name) for each in boxes],
                "values": [each.share.bytes for each in boxes],
                "text": [format_size(each.share.bytes) for each in boxes],
                "customdata": [each.about for each in boxes],
                "marker": {
                    "colors": [_colour(found.made, each.uploaded) for each in boxes],
                    "line": {"width": 1, "color": "#fff"},
                },
                "branchvalues": "total",
                "sort": False,
                "maxdepth": 3 if few else 2,
                "texttemplate": "%{label}<br>%{text}",
                "textfont": {"color": "#fff"},
                "hovertemplate": "%{customdata}<extra></extra>",
                "pathbar": {"thickness": 24},
                "root": {"color": "rgba(0,0,0,0)"},
            }
        ],
        "layout": {"height": 560, "margin": {"t": 30, "l": 0, "r": 0, "b": 0}},
    }


class _Box(NamedTuple):
    """A box of the treemap."""

    node: str
    parent: str
    share: Share
    uploaded: float | None = None

    @property
    def about(self) -> str:
        last = "" if self.uploaded is None else f"<br>last upload {format_time(self.uploaded)}"
        about = f"{format_size(self.share.bytes)}, {counted(self.share.files)}"
        return f"<b>{_label(self.share.name)}</b><br>{about}{last}"


def _boxes(found: Report) -> Iterator[_Box]:
    yield _Box("/", "", Share("all", found.files, sum(each.bytes for each in found.projects)))
    for project in found.projects[:_PROJECTS]:
        # A name has no slash, and a version none either.
        node = f"/{_label(project.name)}"
        yield _Box(node, "/", project, project.uploaded)
        releases = sorted(project.releases, key=lambda each: -each.bytes)
        for each in releases[:_RELEASES]:
            share = Share(f"{project.name} {each.name}", each.files, each.bytes)
            yield _Box(f"{node}/{each.name}", node, share, each.uploaded)
        for rest in _sum_of(releases[_RELEASES:], "other releases"):
            yield _Box(f"{node}/", node, rest)
    for rest in _sum_of(found.projects[_PROJECTS:], "other projects"):
        yield _Box("/rest", "/", rest)


def _colour(made: float, uploaded: float | None) -> str:
    if uploaded is None:
        return COLOURS[-1]
    years = (made - uploaded) / _YEAR
    return next(colour for colour, end in zip(COLOURS, AGES.values(), strict=True) if years < end)


def _growth(found: Report) -> dict[str, Any]:
    runs = [each for each in found.growth if each.outcome != "running"]
    colours = [COLOURS[0] if each.outcome == "complete" else COLOURS[3] for each in runs]

    def trace(values: Sequence[int | None], word: str, **more: Any) -> dict[str, Any]:
        return {
            "x": [_moment(each.started) for each in runs],
            "y": values,
            "customdata": [
                f"<b>{format_time(each.started)}</b><br>{each.outcome}; {format_size(value or 0)} {word}"
                for each, value in zip(runs, values, strict=True)
            ],
            "hovertemplate": "%{customdata}<extra></extra>",
            **more,
        }

    held = {"type": "scatter", "mode": "lines+markers", "line": {"color": COLOURS[0], "shape": "hv"}}
    size = {"tickformat": "~s", "ticksuffix": "B", "rangemode": "tozero", "automargin": True, "nticks": 5}
    return {
        "data": [
            trace([each.bytes for each in runs], "held", **held, marker={"color": colours, "size": 5}),
            trace(
                [each.bytes_fetched for each in runs],
                "fetched",
                type="bar",
                yaxis="y2",
                marker={"color": colours},
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
