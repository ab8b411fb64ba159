"""The report as tables, which the terminal and the page show alike."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Generic, TypeAlias, TypeVar

from minimirror.common import Failure, counted, format_size, format_time, printable
from minimirror.publish.report.model import (
    Behind,
    Growth,
    OnDemand,
    Outdated,
    Project,
    Report,
    Share,
    TargetShare,
    Vulnerable,
    Year,
)
from minimirror.storage import MissedProject

__all__ = ["Column", "Table", "causes", "facts", "refusals", "report_tables"]

T = TypeVar("T")
S = TypeVar("S", bound=Share)
_T_contra = TypeVar("_T_contra", contravariant=True)


@dataclass(frozen=True, slots=True)
class Column(Generic[_T_contra]):
    """A column of a table."""

    title: str
    value: Callable[[_T_contra], Any]
    """Returns what is in a row's cell; None if nothing is."""

    written: Callable[[Any], str]
    """Returns such a value for people."""

    is_text: bool = False
    """Whether it has text, not numbers."""

    is_wide: bool = False
    """Whether it is left out where there is little room."""

    def cell(self, row: _T_contra) -> str:
        """Return the text of a row's cell."""
        value = self.value(row)
        return "" if value is None else self.written(value)


@dataclass(frozen=True, slots=True)
class Table:
    """A part of the report."""

    key: str
    title: str
    note: str
    """What its rows are; if there are none, what that means."""

    columns: Sequence[Column[Any]]
    rows: Sequence[Sequence[str]]
    """A cell for each column."""

    bars: Sequence[float] = ()
    """For each row, its part of the biggest one; none if the rows cannot be compared."""


def _text(title: str, value: Callable[[T], str | None], *, is_wide: bool = False) -> Column[T]:
    return Column(title, value, printable, is_text=True, is_wide=is_wide)


def _number(title: str, value: Callable[[T], int | None], *, is_wide: bool = False) -> Column[T]:
    return Column(title, value, "{:,}".format, is_wide=is_wide)


def _size(title: str, value: Callable[[T], int | None], *, is_wide: bool = False) -> Column[T]:
    return Column(title, value, format_size, is_wide=is_wide)


def _day(title: str, value: Callable[[T], float | None]) -> Column[T]:
    return Column(
        title, value, lambda seconds: format_time(seconds).partition(" ")[0], is_text=True, is_wide=True
    )


_Columns: TypeAlias = tuple[Column[T], ...]

_NOT_YET = "not mirrored yet"


def _share(title: str) -> _Columns[Share]:
    return (
        _text(title, lambda each: each.name),
        _size("size", lambda each: each.bytes),
        _number("files", lambda each: each.files),
    )


_PROJECTS: _Columns[Project] = (
    *_share("project"),
    _number("releases", lambda each: len(each.releases), is_wide=True),
    _text("newest here", lambda each: each.releases[0].name if each.releases else None, is_wide=True),
    _day("last upload", lambda each: each.uploaded),
    _text("status", lambda each: each.status, is_wide=True),
)
_TARGETS: _Columns[TargetShare] = (
    *_share("target"),
    _number("projects", lambda each: each.projects, is_wide=True),
    _number("missing", lambda each: each.missing),
)
_GROWTH: _Columns[Growth] = (
    _text("started (UTC)", lambda each: format_time(each.started).removesuffix(" UTC")),
    _size("held", lambda each: each.bytes),
    _number("files", lambda each: each.files, is_wide=True),
    _size("fetched", lambda each: each.bytes_fetched, is_wide=True),
    _number("deleted", lambda each: each.removed, is_wide=True),
    _number("missing", lambda each: each.missing, is_wide=True),
    _text("outcome", lambda each: each.outcome),
)
_YEARS: _Columns[Year] = (
    *_share("year"),
    _number("releases", lambda each: each.releases),
    _number("projects", lambda each: each.projects, is_wide=True),
)
_OUTDATED: _Columns[Outdated] = (
    _text("project", lambda each: each.project),
    _text("newest here", lambda each: each.newest or "none", is_wide=True),
    _day("last upload", lambda each: each.uploaded),
    _text("why", lambda each: each.cause),
)
_BEHIND: _Columns[Behind] = (
    _text("project", lambda each: each.project),
    _text("newest here", lambda each: each.newest, is_wide=True),
    _text("on the index", lambda each: each.upstream),
    _day("uploaded", lambda each: each.uploaded),
    _text("refused by", lambda each: ", ".join(each.refused_by) or _NOT_YET),
)
_VULNERABLE: _Columns[Vulnerable] = (
    _text("project", lambda each: each.project),
    _text("release", lambda each: each.release),
    _text("vulnerabilities", lambda each: each.known),
)
_CAUSES: _Columns[tuple[str, int]] = (
    _text("cause", lambda each: each[0]),
    _number("missing", lambda each: each[1]),
)
_MISSING: _Columns[Failure] = (
    _text("project", lambda each: each.project),
    _text("file", lambda each: each.filename or "all"),
    _text("cause", lambda each: each.cause),
)
_MISSED: _Columns[MissedProject] = (
    _text("project", lambda each: each.project),
    _number("requests", lambda each: each.requests),
    _day("last", lambda each: each.last),
    _text("why", lambda each: each.why),
)
_DEMANDED: _Columns[OnDemand] = (
    *_share("project"),
    _number("uses", lambda each: each.uses),
    _day("last use", lambda each: each.last),
)


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
        size = format_size(found.local.bytes)
        yield "local files", f"{found.local.files:,} ({size}), in none of the tables"
    yield "missing", f"{len(found.missing):,}" if found.missing else "nothing"


def report_tables(found: Report) -> Iterator[Table]:
    """Yield the parts of the report."""
    note = "The biggest first." if found.projects else "The mirror holds no file."
    yield _shares("projects", "Projects", note, _PROJECTS, found.projects)
    if found.projects:
        yield from _kinds(found)
    note = "Runs and imports, the newest first, and what the mirror held after each."
    yield _table(
        "growth",
        "Growth",
        note if found.growth else "No run is recorded.",
        _GROWTH,
        found.growth[::-1],
        lambda each: each.bytes or 0,
    )
    if found.projects:
        note = (
            "By the year in which a release's last file was uploaded. A project is in the year of its newest."
        )
        yield _shares("years", "Age", note, _YEARS, found.years)
    note = (
        "Projects that were not up to date with the index when the last run ended."
        if found.outdated
        else "All projects were up to date with the index when the last run ended."
    )
    yield _table("outdated", "Not up to date", note, _OUTDATED, found.outdated)
    if found.projects:
        yield _table("behind", "Newer on the index", _about_newer(found), _BEHIND, found.behind)
        note = _about_vulnerable(found)
        yield _table("vulnerable", "Known vulnerabilities", note, _VULNERABLE, found.vulnerable)
    yield from _missing(found)
    yield from _asked_for(found)


def causes(failures: Iterable[Failure]) -> list[tuple[str, int]]:
    """Return why something is missing, and how often: the most frequent first."""
    return Counter(printable(each.cause) for each in failures).most_common()


def refusals(behind: Iterable[Behind]) -> list[tuple[str, int]]:
    """Return which rules refuse newer releases, and how often: the most frequent first."""
    return Counter(rule for each in behind for rule in each.refused_by or (_NOT_YET,)).most_common()


def _table(  # noqa: PLR0913, PLR0917 - what a table has
    key: str,
    title: str,
    note: str,
    columns: _Columns[T],
    items: Sequence[T],
    bar: Callable[[T], int] | None = None,
) -> Table:
    """Return a table with a row for each item.

    :param bar: what the bars compare; no bars without it
    """
    rows = [[column.cell(each) for column in columns] for each in items]
    lengths = [bar(each) for each in items] if bar else []
    most = max(lengths, default=0) or 1
    return Table(key, title, note, columns, rows, [each / most for each in lengths])


def _shares(key: str, title: str, note: str, columns: _Columns[S], shares: Sequence[S]) -> Table:
    return _table(key, title, note, columns, shares, lambda each: each.bytes)


def _kinds(found: Report) -> Iterator[Table]:
    yield _shares("types", "Package types", "", _share("package type"), found.types)
    yield _shares("pythons", "Python tags", "", _share("python tag"), found.pythons)
    yield _shares("platforms", "Platforms", "", _share("platform"), found.platforms)
    if found.targets:
        note = "What each can install. A file may be in several rows."
        yield _shares("targets", "Targets", note, _TARGETS, found.targets)


def _about_newer(found: Report) -> str:
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
    note = "What the last run could not mirror, and mirrored files that are lost or damaged."
    yield _table(
        "causes",
        "Missing, by cause",
        note if found.missing else "Nothing is missing.",
        _CAUSES,
        causes(found.missing),
        lambda each: each[1],
    )
    if found.missing:
        yield _table("missing", "Missing", "Each with its cause.", _MISSING, found.missing)


def _asked_for(found: Report) -> Iterator[Table]:
    if found.missed:
        note = "Projects that clients asked the server for and did not get, the most wanted first."
        yield _table("missed", "Not found", note, _MISSED, found.missed, lambda each: each.requests)
    if found.demanded:
        note = "Files that came because a client asked for them. They are in the other tables, too."
        yield _shares("demanded", "On demand", note, _DEMANDED, found.demanded)
