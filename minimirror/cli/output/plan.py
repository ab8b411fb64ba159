"""The plan of a run, for a person, for a program and for a pipe."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Any

from minimirror.common import format_duration, format_size, printable
from minimirror.sync import PlannedFile, RunPlan

__all__ = ["as_dict", "as_file_lines", "as_lines"]

PLAN_VERSION = 1

_SHOWN = 10
"""Names of a list that are shown."""


def as_lines(plan: RunPlan) -> Iterator[str]:
    """The plan for a person, in lines of at most 80 columns but for long names."""
    yield _headline(plan)
    wanted, changed = plan.summary.projects_wanted, plan.summary.projects_read
    yield f"  projects  {wanted:,} wanted; {changed:,} new or changed"
    yield f"  fetch     {len(plan.fetch):,} files, {_bytes(plan)}"
    yield f"  remove    {len(plan.remove):,} files, {format_size(plan.bytes_removed)}"
    yield f"  disk      {format_size(plan.free)} free: {'it fits' if plan.fits else 'it does NOT fit'}"
    if plan.seconds is not None:
        yield f"  time      some {format_duration(plan.seconds)}, by the last runs"
    yield from _table("biggest projects", _totals(plan.fetch, lambda file: (file.project,)))
    yield from _table("by type", _totals(plan.fetch, lambda file: (file.package_type,)))
    yield from _table("by python tag", _totals(plan.fetch, lambda file: (file.python_tag,)))
    yield from _table("by platform", _totals(plan.fetch, lambda file: file.platforms or ("(none)",)))
    if plan.summary.refused:
        rules = ", ".join(f"{count:,} by {rule}" for rule, count in plan.summary.refused.most_common())
        yield f"refused, of the pages read: {rules}"
    if plan.withheld:
        count = len(plan.withheld)
        yield f"not removed: {count:,} files that the index does not list any more (`max_delete`)"
    yield from (f"note: {note}" for note in plan.summary.notes)
    yield from (f"missing: {failure}" for failure in plan.summary.failures)


def as_file_lines(plan: RunPlan) -> Iterator[str]:
    """A line a file: ``fetch`` or ``remove``, the filename, the bytes (``-`` where unknown), tabs between."""
    for verb, files in (("fetch", plan.fetch), ("remove", plan.remove)):
        for file in files:
            yield f"{verb}\t{printable(file.filename)}\t{'-' if file.size is None else file.size}"


def as_dict(plan: RunPlan) -> dict[str, Any]:
    """The plan as ``--json`` prints it; the README documents each key."""
    return {
        "version": PLAN_VERSION,
        "projects": {"wanted": plan.summary.projects_wanted, "changed": plan.summary.projects_read},
        "fetch": [_file(file) for file in plan.fetch],
        "remove": [_file(file) for file in plan.remove],
        "bytes_fetched": plan.bytes_fetched,
        "bytes_removed": plan.bytes_removed,
        "unknown_sizes": plan.unsized,
        "bytes_free": plan.free,
        "fits": plan.fits,
        "seconds": plan.seconds,
        "refused": dict(plan.summary.refused),
        "withheld": plan.withheld,
        "failures": [
            {"project": each.project, "filename": each.filename, "cause": each.cause}
            for each in plan.summary.failures
        ],
        "notes": plan.summary.notes,
    }


def _file(file: PlannedFile) -> dict[str, Any]:
    return {
        "project": file.project,
        "filename": file.filename,
        "size": file.size,
        "package_type": file.package_type,
        "python_tag": file.python_tag,
        "platforms": list(file.platforms),
    }


def _headline(plan: RunPlan) -> str:
    if plan.fetch or plan.remove:
        return "A run would do this; nothing is changed yet."
    if plan.summary.failures:
        return "A run would fetch nothing, and something is missing."
    return "A run would have nothing to do."


def _bytes(plan: RunPlan) -> str:
    if not plan.unsized:
        return format_size(plan.bytes_fetched)
    if plan.unsized == len(plan.fetch):
        return "of unknown size"
    return f"at least {format_size(plan.bytes_fetched)} ({plan.unsized:,} of unknown size)"


_Totals = list[tuple[str, int, int]]
"""Names, each with files and bytes, the biggest first."""


def _totals(files: Sequence[PlannedFile], names: Callable[[PlannedFile], Iterable[str]]) -> _Totals:
    counts: Counter[str] = Counter()
    sizes: Counter[str] = Counter()
    for file in files:
        for name in names(file):
            counts[name] += 1
            sizes[name] += file.size or 0
    return sorted(
        ((name, counts[name], sizes[name]) for name in counts), key=lambda row: (-row[2], -row[1], row[0])
    )


def _table(title: str, totals: _Totals) -> Iterator[str]:
    if not totals:
        return
    yield f"{title}:"
    for name, count, total in totals[:_SHOWN]:
        yield f"  {printable(name):<44} {count:>10,} files {format_size(total):>12}"
    if len(totals) > _SHOWN:
        yield f"  and {len(totals) - _SHOWN:,} more (`--json` names all)"
