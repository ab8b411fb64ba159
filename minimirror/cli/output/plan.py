"""The plan of a run, for people, for programs and for pipes."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import asdict
from typing import Any

from minimirror.cli.output import counts_by_rule, no_match, note_lines
from minimirror.cli.output.screen import Screen
from minimirror.cli.output.table import holding_lines
from minimirror.common import counted, format_duration, format_size, printable
from minimirror.sync import Holding, PlannedFile, RunPlan

__all__ = ["as_dict", "as_file_lines", "as_lines"]

PLAN_VERSION = 1

_MINUTE = 60.0
"""Seconds."""

_ROWS = 10
"""Rows of a table that are shown."""


def as_lines(plan: RunPlan, screen: Screen) -> Iterator[str]:
    """Yield the plan for people."""
    yield _headline(plan)
    wanted, changed = plan.summary.projects_wanted, plan.summary.projects_read
    yield f"  projects  {wanted:,} selected; {changed:,} new or changed"
    yield f"  fetch     {counted(len(plan.fetch))}, {_bytes(plan)}"
    yield f"  delete    {counted(len(plan.remove))}, {format_size(plan.bytes_removed)}"
    if plan.on_demand:
        yield f"  on demand {counted(len(plan.on_demand))} that clients use; a run keeps them"
    if plan.free is not None:
        yield f"  disk      {format_size(plan.free)} free: {'it fits' if plan.fits else 'it does NOT fit'}"
    if plan.seconds is not None:
        time = format_duration(plan.seconds) if plan.seconds >= _MINUTE else f"{plan.seconds:.0f} s"
        yield f"  time      about {time} (from previous runs)"
    yield from _table("biggest projects", plan.fetch, lambda file: (file.project,), screen)
    yield from _table("types", plan.fetch, lambda file: (file.package_type,), screen)
    yield from _table("python tags", plan.fetch, lambda file: (file.python_tag,), screen)
    yield from _table("platforms", plan.fetch, lambda file: file.platforms or ("(none)",), screen)
    if plan.summary.refused:
        yield f"skipped by rule: {counts_by_rule(plan.summary)}"
    if plan.withheld:
        yield f"not deleted: {counted(len(plan.withheld))} that the index no longer offers (`max_delete`)"
    if plan.deselected:
        yield (
            f"not deleted: {counted(len(plan.deselected))} that the config no longer selects, more than half"
            " of the mirror (`--allow-delete`)"
        )
    if plan.refusal:
        yield f"refused: {plan.refusal}"
    yield from note_lines(plan.summary.notes, plan.summary.failures)


def as_file_lines(plan: RunPlan) -> Iterator[str]:
    """Yield ``fetch`` or ``remove``, the filename and its bytes (``-`` if unknown), separated by tabs."""
    for verb, files in (("fetch", plan.fetch), ("remove", plan.remove)):
        for file in files:
            yield f"{verb}\t{printable(file.filename)}\t{'-' if file.size is None else file.size}"


def as_dict(plan: RunPlan) -> dict[str, Any]:
    """Return what ``--json`` prints; docs/schemas/plan.schema.json describes each key."""
    return {
        "version": PLAN_VERSION,
        "projects": {"wanted": plan.summary.projects_wanted, "changed": plan.summary.projects_read},
        "fetch": [asdict(file) for file in plan.fetch],
        "remove": [asdict(file) for file in plan.remove],
        "bytes_fetched": plan.bytes_fetched,
        "bytes_removed": plan.bytes_removed,
        "unknown_sizes": plan.unsized,
        "bytes_free": plan.free,
        "fits": plan.fits,
        "seconds": plan.seconds,
        "refused": dict(plan.summary.refused),
        "withheld": plan.withheld,
        "deselected": plan.deselected,
        "unmatched": plan.summary.unmatched,
        "taken": plan.taken,
        "on_demand": plan.on_demand,
        "failures": [asdict(failure) for failure in plan.summary.failures],
        "notes": plan.summary.notes,
    }


def _headline(plan: RunPlan) -> str:
    if plan.summary.unmatched and not plan.withheld:
        return no_match(plan.summary.unmatched)
    if plan.fetch or plan.remove:
        return "A run would make these changes (nothing is changed yet):"
    if plan.summary.failures or plan.withheld or plan.deselected:
        return "A run would change nothing, and would not be complete:"
    return "Nothing to do."


def _bytes(plan: RunPlan) -> str:
    if not plan.unsized:
        return format_size(plan.bytes_fetched)
    if plan.unsized == len(plan.fetch):
        return "of unknown size"
    return f"at least {format_size(plan.bytes_fetched)} ({plan.unsized:,} of unknown size)"


def _table(
    title: str, files: Sequence[PlannedFile], names: Callable[[PlannedFile], Iterable[str]], screen: Screen
) -> Iterator[str]:
    """Yield a table of names with their bytes and files, the biggest first."""
    found: dict[str, Holding] = {}
    for file in files:
        for name in names(file):
            found.setdefault(name, Holding(name)).add(file.project, file.size or 0)
    ordered = sorted(found.values(), key=lambda each: (-each.bytes, -each.files, each.name))
    yield from holding_lines(title, ordered, screen, _ROWS)
