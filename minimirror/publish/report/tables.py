"""The report as tables, which the terminal and the page show alike."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TypeAlias, TypeVar

from minimirror.common import Failure, counted, format_size, format_time, printable
from minimirror.publish.report.model import (
    Behind,
    Growth,
    Missed,
    OnDemand,
    Outdated,
    Project,
    Report,
    Share,
    TargetShare,
    Vulnerable,
    Year,
)

__all__ = ["Column", "Table", "causes", "facts", "refusals", "report_tables"]

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Column:
    """A column of a table."""

    title: str
    is_text: bool = False
    """Whether it has text, not numbers."""

    is_wide: bool = False
    """Whether it is left out where there is little room."""


@dataclass(frozen=True, slots=True)
class Table:
    """A part of the report."""

    key: str
    title: str
    note: str
    """What its rows are; if there are none, what that means."""

    columns: Sequence[Column]
    rows: Sequence[Sequence[str]]
    """A cell for each column."""

    bars: Sequence[float] = ()
    """For each row, its part of the biggest one; none if the rows cannot be compared."""


_NOT_YET = "not mirrored yet"


def facts(found: Report) -> Iterator[tuple[str, str]]:
    """Yield what is most important, each with a label."""
    yield "bucket" if "://" in found.repository else "folder", printable(found.repository)
    yield "state", f"as of {format_time(found.as_of)}" if found.as_of else "no run has completed yet"
    outdated = f"{len(found.outdated):,} not up to date" if found.outdated else "all up to date"
    yield "projects", f"{found.selected:,} selected; {outdated}"
    if found.behind:
        yield "newer", f"{counted(len(found.behind), 'project')} with a newer release on the index"
    if found.unadvised < len(found.projects):
        vulnerable = f"{counted(len(found.vulnerable), 'release')} with known vulnerabilities"
        yield "vulnerable", vulnerable if found.vulnerable else "nothing known"
    yield "files", f"{found.files:,} ({format_size(found.bytes)}), of {counted(found.releases, 'release')}"
    if found.local.files:
        yield (
            "local files",
            f"{found.local.files:,} ({format_size(found.local.bytes)}), in none of the tables",
        )
    yield "missing", f"{len(found.missing):,}" if found.missing else "nothing"


def report_tables(found: Report) -> Iterator[Table]:
    """Yield the parts of the report."""
    note = "The biggest first." if found.projects else "The mirror holds no file."
    yield _table("projects", "Projects", note, found.projects, _PROJECT, _size)
    if found.projects:
        yield from _kinds(found)
    runs = found.growth[::-1]
    note = "Runs and imports, the newest first, and what the mirror held after each."
    yield _table("growth", "Growth", note if runs else "No run is recorded.", runs, _GROWTH, _size)
    if found.projects:
        note = (
            "By the year in which a release's last file was uploaded. A project is in the year of its newest."
        )
        yield _table("years", "Age", note, found.years, _YEAR, _size)
    note = "Projects that were not up to date with the index when the last run ended."
    if not found.outdated:
        note = "All projects were up to date with the index when the last run ended."
    yield _table("outdated", "Not up to date", note, found.outdated, _OUTDATED)
    if found.projects:
        yield _table("behind", "Newer on the index", _about_behind(found), found.behind, _BEHIND)
        note = _about_vulnerable(found)
        yield _table("vulnerable", "Known vulnerabilities", note, found.vulnerable, _VULNERABLE)
    yield from _missing(found)
    if found.missed:
        note = "Projects that clients asked the server for and did not get, the most wanted first."
        yield _table("missed", "Not found", note, found.missed, _MISSED, lambda each: each.requests)
    if found.demanded:
        note = "Files that came because a client asked for them. They are in the other tables, too."
        yield _table("demanded", "On demand", note, found.demanded, _ON_DEMAND, _size)


def _table(  # noqa: PLR0913, PLR0917 - what a table has
    key: str,
    title: str,
    note: str,
    values: Sequence[T],
    cells: _Cells[T],
    weight: Callable[[T], int] | None = None,
) -> Table:
    """Return a table.

    :param values: one for each row
    :param weight: returns what the bar of a row shows; None for no bars
    """
    rows = [[cell(each) for cell in cells.values()] for each in values]
    weights = [weight(each) for each in values] if weight else []
    most = max(weights, default=0) or 1
    return Table(key, title, note, tuple(cells), rows, [each / most for each in weights])


def _size(each: Share | Growth) -> int:
    return each.bytes or 0


def _kinds(found: Report) -> Iterator[Table]:
    for key, title, shares in (
        ("types", "Package types", found.types),
        ("pythons", "Python tags", found.pythons),
        ("platforms", "Platforms", found.platforms),
    ):
        yield _table(key, title, "", shares, {_text(title[:-1].lower()): _name, **_SHARE}, _size)
    if found.targets:
        note = "What each can install. A file may be in several rows."
        yield _table("targets", "Targets", note, found.targets, _TARGET, _size)


def _about_behind(found: Report) -> str:
    note = "No newer release is known."
    if found.behind:
        note = "The index has a newer release than the mirror. The rules that refuse it are named."
    if found.unread:
        note += f" Not known for {counted(found.unread, 'project')} whose page no run has read."
    return note


def _about_vulnerable(found: Report) -> str:
    if found.unadvised == len(found.projects):
        return 'Not checked. Set `vulnerable` to "report" or "exclude", and run; the index must report them.'
    note = "Releases that are here and have known vulnerabilities." if found.vulnerable else "None is known."
    if found.unadvised:
        note += f" {counted(found.unadvised, 'project')} could not be checked."
    return note


def _missing(found: Report) -> Iterator[Table]:
    counts = causes(found.missing)
    note = "What the last run could not mirror, and mirrored files that are lost or damaged."
    yield _table(
        "causes",
        "Missing, by cause",
        note if counts else "Nothing is missing.",
        counts,
        _CAUSE,
        lambda each: each[1],
    )
    if found.missing:
        yield _table("missing", "Missing", "Each with its cause.", found.missing, _MISSING)


def causes(failures: Iterable[Failure]) -> list[tuple[str, int]]:
    """Return why something is missing, and how often: the most frequent first."""
    return sorted(Counter(printable(each.cause) for each in failures).items(), key=lambda each: -each[1])


def refusals(behind: Iterable[Behind]) -> list[tuple[str, int]]:
    """Return which rules refuse newer releases, and how often: the most frequent first."""
    return Counter(rule for each in behind for rule in each.refused_by or (_NOT_YET,)).most_common()


_Cells: TypeAlias = Mapping[Column, Callable[[T], str]]
"""The columns of a table, each with what it has of a value."""


def _text(title: str, *, is_wide: bool = False) -> Column:
    return Column(title, is_text=True, is_wide=is_wide)


def _wide(title: str) -> Column:
    return Column(title, is_wide=True)


def _name(each: Share) -> str:
    return printable(each.name)


def _newest(each: Project) -> str:
    return printable(each.releases[0].name) if each.releases else ""


def _day(seconds: float | None) -> str:
    return "" if seconds is None else format_time(seconds).partition(" ")[0]


_SHARE: _Cells[Share] = {
    Column("size"): lambda each: format_size(each.bytes),
    Column("files"): lambda each: f"{each.files:,}",
}
_PROJECT: _Cells[Project] = {
    _text("project"): _name,
    **_SHARE,
    _wide("releases"): lambda each: f"{len(each.releases):,}",
    _text("newest here", is_wide=True): _newest,
    _text("last upload", is_wide=True): lambda each: _day(each.uploaded),
    _text("status", is_wide=True): lambda each: printable(each.status or ""),
}
_TARGET: _Cells[TargetShare] = {
    _text("target"): _name,
    **_SHARE,
    _wide("projects"): lambda each: f"{each.projects:,}",
    Column("missing"): lambda each: f"{each.missing:,}",
}
_GROWTH: _Cells[Growth] = {
    _text("started (UTC)"): lambda each: format_time(each.started).removesuffix(" UTC"),
    Column("held"): lambda each: "" if each.bytes is None else format_size(each.bytes),
    _wide("files"): lambda each: "" if each.files is None else f"{each.files:,}",
    _wide("fetched"): lambda each: format_size(each.bytes_fetched),
    _wide("deleted"): lambda each: f"{each.removed:,}",
    _wide("missing"): lambda each: f"{each.missing:,}",
    _text("outcome"): lambda each: each.outcome,
}
_YEAR: _Cells[Year] = {
    _text("year"): _name,
    **_SHARE,
    Column("releases"): lambda each: f"{each.releases:,}",
    _wide("projects"): lambda each: f"{each.projects:,}",
}
_OUTDATED: _Cells[Outdated] = {
    _text("project"): lambda each: printable(each.project),
    _text("newest here", is_wide=True): lambda each: printable(each.newest or "none"),
    _text("last upload", is_wide=True): lambda each: _day(each.uploaded),
    _text("why"): lambda each: each.cause,
}
_BEHIND: _Cells[Behind] = {
    _text("project"): lambda each: printable(each.project),
    _text("newest here", is_wide=True): lambda each: printable(each.newest),
    _text("on the index"): lambda each: printable(each.upstream),
    _text("uploaded", is_wide=True): lambda each: _day(each.uploaded),
    _text("refused by"): lambda each: ", ".join(each.refused_by) or _NOT_YET,
}
_VULNERABLE: _Cells[Vulnerable] = {
    _text("project"): lambda each: printable(each.project),
    _text("release"): lambda each: printable(each.release),
    _text("vulnerabilities"): lambda each: printable(each.known),
}
_CAUSE: _Cells[tuple[str, int]] = {
    _text("cause"): lambda each: each[0],
    Column("missing"): lambda each: f"{each[1]:,}",
}
_MISSING: _Cells[Failure] = {
    _text("project"): lambda each: printable(each.project),
    _text("file"): lambda each: printable(each.filename or "all"),
    _text("cause"): lambda each: printable(each.cause),
}
_MISSED: _Cells[Missed] = {
    _text("project"): lambda each: printable(each.project),
    Column("requests"): lambda each: f"{each.requests:,}",
    _text("last", is_wide=True): lambda each: _day(each.last),
    _text("why"): lambda each: printable(each.why),
}
_ON_DEMAND: _Cells[OnDemand] = {
    _text("project"): _name,
    **_SHARE,
    Column("uses"): lambda each: f"{each.uses:,}",
    _text("last use", is_wide=True): lambda each: _day(each.last),
}
