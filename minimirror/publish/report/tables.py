"""The report as tables, which the terminal and the page show alike."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import TypeVar

from minimirror.common import Failure, counted, format_size, format_time, printable
from minimirror.publish.report.model import Behind, Project, Report, Share

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


_Cells = Callable[[T], tuple[str, ...]]
_SIZE, _FILES, _PROJECTS = Column("size"), Column("files"), Column("projects", is_wide=True)
_SHARE: tuple[Column, ...] = (_SIZE, _FILES)
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
    yield _shares("projects", "Projects", "The biggest first.", found.projects, _PROJECT, _project)
    if found.projects:
        yield from _kinds(found)
    yield _growth(found)
    if found.projects:
        note = (
            "By the year in which a release's last file was uploaded. A project is in the year of its newest."
        )
        columns = (Column("year", is_text=True), *_SHARE, Column("releases"), _PROJECTS)
        yield _shares(
            "years",
            "Age",
            note,
            found.years,
            columns,
            lambda each: (*_share(each), f"{each.releases:,}", f"{each.projects:,}"),
        )
    yield _outdated(found)
    if found.projects:
        yield _behind(found)
        yield _vulnerable(found)
    yield from _missing(found)
    yield from _asked_for(found)


def _kinds(found: Report) -> Iterator[Table]:
    for key, title, shares in (
        ("types", "Package types", found.types),
        ("pythons", "Python tags", found.pythons),
        ("platforms", "Platforms", found.platforms),
    ):
        yield _shares(key, title, "", shares, (Column(title[:-1].lower(), is_text=True), *_SHARE))
    if found.targets:
        note = "What each can install. A file may be in several rows."
        columns = (Column("target", is_text=True), *_SHARE, _PROJECTS, Column("missing"))
        yield _shares(
            "targets",
            "Targets",
            note,
            found.targets,
            columns,
            lambda each: (*_share(each), f"{each.projects:,}", f"{each.missing:,}"),
        )


def causes(failures: Iterable[Failure]) -> list[tuple[str, int]]:
    """Return why something is missing, and how often: the most frequent first."""
    return sorted(Counter(printable(each.cause) for each in failures).items(), key=lambda each: -each[1])


def refusals(behind: Iterable[Behind]) -> list[tuple[str, int]]:
    """Return which rules refuse newer releases, and how often: the most frequent first."""
    return Counter(rule for each in behind for rule in each.refused_by or (_NOT_YET,)).most_common()


def _share(each: Share) -> tuple[str, ...]:
    return printable(each.name), format_size(each.bytes), f"{each.files:,}"


_PROJECT = (
    Column("project", is_text=True),
    *_SHARE,
    Column("releases", is_wide=True),
    Column("newest here", is_text=True, is_wide=True),
    Column("last upload", is_text=True, is_wide=True),
    Column("status", is_text=True, is_wide=True),
)


def _project(each: Project) -> tuple[str, ...]:
    newest = each.releases[0].name if each.releases else ""
    status = each.status or ""
    return (
        *_share(each),
        f"{len(each.releases):,}",
        printable(newest),
        _day(each.uploaded),
        printable(status),
    )


def _day(seconds: float | None) -> str:
    return "" if seconds is None else format_time(seconds).partition(" ")[0]


S = TypeVar("S", bound=Share)


def _shares(  # noqa: PLR0913, PLR0917 - what a table has
    key: str, title: str, note: str, shares: Sequence[S], columns: Sequence[Column], cells: _Cells[S] = _share
) -> Table:
    most = max((each.bytes for each in shares), default=0) or 1
    note = note if shares else "The mirror holds no file."
    return Table(
        key, title, note, columns, [cells(each) for each in shares], [each.bytes / most for each in shares]
    )


def _growth(found: Report) -> Table:
    runs = found.growth[::-1]
    most = max((each.bytes or 0 for each in runs), default=0) or 1
    return Table(
        "growth",
        "Growth",
        "Runs and imports, the newest first, and what the mirror held after each."
        if runs
        else "No run is recorded.",
        (
            Column("started (UTC)", is_text=True),
            Column("held"),
            Column("files", is_wide=True),
            Column("fetched", is_wide=True),
            Column("deleted", is_wide=True),
            Column("missing", is_wide=True),
            Column("outcome", is_text=True),
        ),
        [
            (
                format_time(each.started).removesuffix(" UTC"),
                "" if each.bytes is None else format_size(each.bytes),
                "" if each.files is None else f"{each.files:,}",
                format_size(each.bytes_fetched),
                f"{each.removed:,}",
                f"{each.missing:,}",
                each.outcome,
            )
            for each in runs
        ],
        [(each.bytes or 0) / most for each in runs],
    )


def _outdated(found: Report) -> Table:
    return Table(
        "outdated",
        "Not up to date",
        "Projects that were not up to date with the index when the last run ended."
        if found.outdated
        else "All projects were up to date with the index when the last run ended.",
        (
            Column("project", is_text=True),
            Column("newest here", is_text=True, is_wide=True),
            Column("last upload", is_text=True, is_wide=True),
            Column("why", is_text=True),
        ),
        [
            (printable(each.project), printable(each.newest or "none"), _day(each.uploaded), each.cause)
            for each in found.outdated
        ],
    )


def _behind(found: Report) -> Table:
    note = "No newer release is known."
    if found.behind:
        note = "The index has a newer release than the mirror. The rules that refuse it are named."
    if found.unread:
        note += f" Not known for {counted(found.unread, 'project')} whose page no run has read."
    return Table(
        "behind",
        "Newer on the index",
        note,
        (
            Column("project", is_text=True),
            Column("newest here", is_text=True, is_wide=True),
            Column("on the index", is_text=True),
            Column("uploaded", is_text=True, is_wide=True),
            Column("refused by", is_text=True),
        ),
        [
            (
                printable(each.project),
                printable(each.newest),
                printable(each.upstream),
                _day(each.uploaded),
                ", ".join(each.refused_by) or _NOT_YET,
            )
            for each in found.behind
        ],
    )


def _vulnerable(found: Report) -> Table:
    note = "Releases that are here and have known vulnerabilities." if found.vulnerable else "None is known."
    if found.unadvised == len(found.projects):
        note = 'Not checked. Set `vulnerable` to "report" or "exclude", and run; the index must report them.'
    elif found.unadvised:
        note += f" {counted(found.unadvised, 'project')} could not be checked."
    return Table(
        "vulnerable",
        "Known vulnerabilities",
        note,
        tuple(Column(title, is_text=True) for title in ("project", "release", "vulnerabilities")),
        [
            (printable(each.project), printable(each.release), printable(each.known))
            for each in found.vulnerable
        ],
    )


def _missing(found: Report) -> Iterator[Table]:
    counts = causes(found.missing)
    note = "What the last run could not mirror, and mirrored files that are lost or damaged."
    yield Table(
        "causes",
        "Missing, by cause",
        note if counts else "Nothing is missing.",
        (Column("cause", is_text=True), Column("missing")),
        [(cause, f"{count:,}") for cause, count in counts],
        [count / counts[0][1] for _, count in counts],
    )
    if found.missing:
        yield Table(
            "missing",
            "Missing",
            "Each with its cause.",
            tuple(Column(title, is_text=True) for title in ("project", "file", "cause")),
            [
                (printable(each.project), printable(each.filename or "all"), printable(each.cause))
                for each in found.missing
            ],
        )


def _asked_for(found: Report) -> Iterator[Table]:
    if found.missed:
        columns = (
            Column("project", is_text=True),
            Column("requests"),
            Column("last", is_text=True, is_wide=True),
            Column("why", is_text=True),
        )
        rows = [
            (printable(each.project), f"{each.requests:,}", _day(each.last), printable(each.why))
            for each in found.missed
        ]
        most = max(each.requests for each in found.missed)
        note = "Projects that clients asked the server for and did not get, the most wanted first."
        bars = [each.requests / most for each in found.missed]
        yield Table("missed", "Not found", note, columns, rows, bars)
    if found.demanded:
        yield _shares(
            "demanded",
            "On demand",
            "Files that came because a client asked for them. They are in the other tables, too.",
            found.demanded,
            (
                Column("project", is_text=True),
                *_SHARE,
                Column("uses"),
                Column("last use", is_text=True, is_wide=True),
            ),
            lambda each: (*_share(each), f"{each.uses:,}", _day(each.last)),
        )
