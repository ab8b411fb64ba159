"""The report as pictures: what plotly.js draws, as plain values for JSON."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from datetime import datetime, timedelta, timezone
from html import escape
from typing import Any

from minimirror.common import counted, format_size, format_time, printable
from minimirror.publish.report.model import Project, Release, Report, Share
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
    nodes = _Nodes(found.made)
    nodes.add("", "", "all", found.files, sum(each.bytes for each in found.projects), None)
    for project in found.projects[:_PROJECTS]:
        nodes.project(project)
    for rest in _sum_of(found.projects[_PROJECTS:], "other projects"):
        nodes.add("/rest", "/", rest.name, rest.files, rest.bytes, None)
    return {
        "data": [nodes.trace()],
        "layout": {
            "height": 560,
            "margin": {"t": 30, "l": 0, "r": 0, "b": 0},
        },
    }


class _Nodes:
    """The boxes of a treemap."""

    def __init__(self, made: float) -> None:
        self._made = made
        self._columns: dict[str, list[Any]] = {
            key: [] for key in ("ids", "parents", "labels", "values", "customdata", "text", "colors")
        }

    def add(  # noqa: PLR0913, PLR0917 - what a box has
        self, node: str, parent: str, name: str, files: int, size: int, uploaded: float | None
    ) -> None:
        values = (
            node or "/",
            parent,
            _label(name),
            size,
            _about(name, files, size)
            + ("" if uploaded is None else f"<br>last upload {format_time(uploaded)}"),
            format_size(size),
            self._colour(uploaded),
        )
        for column, value in zip(self._columns.values(), values, strict=True):
            column.append(value)

    def project(self, project: Project) -> None:
        # A name has no slash, and a version none either.
        node = f"/{_label(project.name)}"
        self.add(node, "/", project.name, project.files, project.bytes, project.uploaded)
        releases = sorted(project.releases, key=lambda each: -each.bytes)
        for each in releases[:_RELEASES]:
            self._release(node, project, each)
        for rest in _sum_of(releases[_RELEASES:], "other releases"):
            self.add(f"{node}/", node, rest.name, rest.files, rest.bytes, None)

    def _release(self, node: str, project: Project, release: Release) -> None:
        name = f"{project.name} {release.name}"
        self.add(f"{node}/{release.name}", node, name, release.files, release.bytes, release.uploaded)

    def _colour(self, uploaded: float | None) -> str:
        if uploaded is None:
            return COLOURS[-1]
        years = (self._made - uploaded) / _YEAR
        return next(colour for colour, end in zip(COLOURS, AGES.values(), strict=True) if years < end)

    def trace(self) -> dict[str, Any]:
        colours = self._columns.pop("colors")
        few = len(colours) <= 400  # noqa: PLR2004 - more at once are slow to draw, and too small to read
        return {
            "type": "treemap",
            **self._columns,
            "marker": {"colors": colours, "line": {"width": 1, "color": "#fff"}},
            "branchvalues": "total",
            "sort": False,
            "maxdepth": 3 if few else 2,
            "texttemplate": "%{label}<br>%{text}",
            "textfont": {"color": "#fff"},
            "hovertemplate": "%{customdata}<extra></extra>",
            "pathbar": {"thickness": 24},
            "root": {"color": "rgba(0,0,0,0)"},
        }


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
