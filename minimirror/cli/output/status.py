"""What `minimirror status` shows, on one screen."""

from __future__ import annotations

import math
import time
from collections.abc import Iterator, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from minimirror.cli.output import note_lines
from minimirror.cli.output.screen import Screen
from minimirror.cli.output.table import holding_lines
from minimirror.cli.timer import NextRun
from minimirror.common import Failure, counted, format_duration, format_size, format_time, printable
from minimirror.config import command
from minimirror.storage import RunRow
from minimirror.sync import MirrorStatus, freshness

__all__ = ["as_dict", "as_lines", "sparkline"]

STATUS_VERSION = 1

_BARS = ("▁▂▃▄▅▆▇█", "_.:-=+*#")
"""Without Unicode, the second."""

_MARKS = {"incomplete": "!", "interrupted": "!", "failed": "x", "killed": "x", "running": ">"}
_LEGEND = {"!": "incomplete", "x": "failed", ">": "running"}
_BIGGEST, _TARGETS = 5, 20
"""Projects and targets that are shown."""

_CAUSES = 4
"""Causes of missing files that are shown."""


def as_lines(found: MirrorStatus, following: NextRun | None, config: Path, screen: Screen) -> Iterator[str]:
    """Yield the status for people.

    :param following: the next run, if it is known
    :param config: the config file
    """
    yield _headline(found, screen)
    for label, text in _rows(found, following):
        yield f"  {label:<9} {text}"
    yield from _history(found, screen)
    yield from holding_lines("biggest projects", found.biggest[:_BIGGEST], screen, _BIGGEST)
    yield from holding_lines("targets", found.targets, screen, _TARGETS)
    yield from _missing([*found.missing, *found.absent])
    yield from (f"next: {text}" for text in _advice(found, config))


def as_dict(found: MirrorStatus, following: NextRun | None) -> dict[str, Any]:
    """Return what ``--json`` prints; docs/schemas/status.schema.json describes each key."""
    last = found.last_complete
    return {
        "version": STATUS_VERSION,
        "repository": str(found.repository),
        "problem": found.problem,
        "exists": found.exists,
        "running": found.running,
        "outcome": found.outcome,
        "as_of": last and last.as_of,
        "projects": {"wanted": found.projects, "unread": found.outdated},
        "files": found.files,
        "bytes": found.bytes,
        "files_unfinished": found.unfinished[0],
        "bytes_unfinished": found.unfinished[1],
        "bytes_free": found.free,
        "next_run": following and following._asdict(),
        "runs": [_run(row, found.outcome_of(row)) for row in found.runs],
        "biggest": [
            {"project": each.name, "files": each.files, "bytes": each.bytes} for each in found.biggest
        ],
        "targets": [
            {
                "target": each.name,
                "projects": len(each.projects),
                "files": each.files,
                "bytes": each.bytes,
                "missing": each.missing,
            }
            for each in found.targets
        ],
        "missing": [asdict(failure) for failure in found.missing],
        "absent": [asdict(failure) for failure in found.absent],
    }


def sparkline(values: Sequence[int], bars: str) -> str:
    """Return a bar for each value: the first for 0, and the others by the logarithm."""
    some = [math.log(value) for value in values if value > 0]
    low, high = min(some, default=0.0), max(some, default=0.0)
    most = len(bars) - 1

    def bar(value: int) -> str:
        if value <= 0:
            return bars[0]
        share = (math.log(value) - low) / (high - low) if high > low else 1.0
        return bars[1 + round(share * (most - 1))]

    return "".join(map(bar, values))


def _run(row: RunRow, outcome: str) -> dict[str, Any]:
    files = row.counts.get("files", {})
    return {
        "started": row.started,
        "ended": row.ended,
        "outcome": outcome,
        "error": row.counts.get("error"),
        "fetched": files.get("fetched", 0),
        "removed": files.get("removed", 0),
        "missing": row.counts.get("failures", 0),
        "bytes_fetched": _fetched(row),
        "bundle": row.bundle,
        "as_of": row.as_of,
    }


def _fetched(row: RunRow) -> int:
    return int(row.counts.get("bytes_fetched", 0))


def _headline(found: MirrorStatus, screen: Screen) -> str:
    missing = len(found.missing) + len(found.absent)
    last = found.runs[-1] if found.runs else None
    if found.problem:
        text, colour = f"Cannot read the mirror: {found.problem}", "red"
    elif found.running:
        text, colour = f"A run is in progress: {found.running}", "cyan"
    elif last is None:
        text, colour = "No run is recorded." if found.files else "Nothing is mirrored yet.", "yellow"
    elif last.outcome == "failed":
        text, colour = f"The last run failed: {printable(last.counts['error'])}", "red"
    elif last.outcome in {"interrupted", "killed"}:
        text, colour = f"The last run was {last.outcome}; its results are kept.", "yellow"
    elif missing:
        text, colour = f"Incomplete: {missing:,} missing.", "yellow"
    elif not last.complete and last.bundle:
        text, colour = "The mirror that was exported has not completed a run yet.", "yellow"
    elif not last.complete:
        text, colour = "Some files are kept until you confirm their deletion.", "yellow"
    else:
        text, colour = f"OK: {freshness(last)}", "green"
    return screen.styled(text, colour)


def _rows(found: MirrorStatus, following: NextRun | None) -> Iterator[tuple[str, str]]:
    now, last = time.time(), found.runs[-1] if found.runs else None
    about = [] if found.exists else ["does not exist"]
    about += [] if found.free is None else [f"{format_size(found.free)} free"]
    kind = "bucket" if isinstance(found.repository, str) else "folder"
    yield kind, printable(str(found.repository)) + f" ({', '.join(about)})" * bool(about)
    if last or found.files:
        outdated = f"{found.outdated:,} not up to date" if found.outdated else "all up to date"
        yield "projects", f"{found.projects:,} selected; {outdated}"
        count, size = found.unfinished
        unfinished = f"; {count:,} unfinished ({format_size(size)})" if count else ""
        yield "files", f"{found.files:,} ({format_size(found.bytes)}){unfinished}"
    if last and not found.running:
        yield "import" if last.bundle else "last run", _what(last, now)
    if last and (found.running or not last.complete):
        good = found.last_complete
        yield "state", freshness(good) if good else "no run has completed yet"
    if following:
        wait = format_duration(max(0.0, following.start - now))
        yield "next run", f"in {wait} ({format_time(following.start)}, {printable(following.unit)})"


def _what(last: RunRow, now: float) -> str:
    """Return what a run did; the headline says when, if it was complete."""
    ago = f"{format_duration(max(0.0, now - (last.ended or last.started)))} ago"
    if last.ended is None:
        return f"started {ago} and did not finish"
    run = _run(last, last.outcome)
    size = format_size(run["bytes_fetched"])
    return (
        f"{'' if last.complete else f'{ago}; '}{run['fetched']:,} fetched ({size}),"
        f" {run['removed']:,} deleted; {format_duration(last.ended - last.started)}"
    )


def _history(found: MirrorStatus, screen: Screen) -> Iterator[str]:
    """Yield a bar for each run, and marks below those that were not complete."""
    if not found.runs:
        return
    outcomes = [found.outcome_of(row) for row in found.runs]
    sizes = [_fetched(row) for row in found.runs]
    marks = "".join(_MARKS.get(outcome, " ") for outcome in outcomes)
    legend = ", ".join(f"{mark} {_LEGEND[mark]}" for mark in _LEGEND if mark in marks)
    title = f"last {counted(len(outcomes), 'run')}, bytes fetched (most {format_size(max(sizes))}):"
    yield title
    yield f"  {sparkline(sizes, _BARS[not screen.unicode])}"
    if legend:
        start = f"  {screen.styled(marks.rstrip(), 'yellow')}"
        pad = " " * (len(marks) - len(marks.rstrip()) + 2)
        yield from (
            [start + pad + legend] if len(marks) + len(legend) + 4 <= screen.width else [start, f"  {legend}"]
        )


def _missing(failures: Sequence[Failure]) -> Iterator[str]:
    """Yield what is missing and why: the first causes."""
    causes = list(dict.fromkeys((each.cause, each.filename is None) for each in failures))[:_CAUSES]
    shown = [each for each in failures if (each.cause, each.filename is None) in causes]
    yield from note_lines((), shown, "missing")
    if len(shown) < len(failures):
        yield f"  and {len(failures) - len(shown):,} more (`--json` lists all)"


def _advice(found: MirrorStatus, config: Path) -> Iterator[str]:
    """Yield what to do next; nothing if all is well."""

    def this(name: str) -> str:
        return f"`{command(name, config)}`"

    last = found.runs[-1] if found.runs else None
    if found.damaged:
        yield f"{this('run')} rebuilds the catalog; if you import bundles, import a full one"
    if found.problem or found.running:
        return
    if last is None:
        yield f"{this('plan')} shows what a run would download; {this('run')} downloads it"
    elif found.absent:
        yield (
            "import a full bundle (`minimirror export --since all`), which restores these files"
            if last.bundle
            else f"{this('verify --repair')} downloads these files again"
        )
    elif last.bundle and not last.complete:
        yield "complete a run where the bundle was exported, then export and import again"
    elif not last.complete:
        only_waits = last.outcome == "incomplete" and not found.missing
        what = "lists these files and shows how to delete them" if only_waits else "tries again"
        yield f"{this('run')} {what}"
