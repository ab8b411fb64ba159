"""What came of a run, or of a look at the folder, in lines for a person."""

from __future__ import annotations

from collections.abc import Iterator

from minimirror.common import Summary, format_duration, format_size, printable
from minimirror.publish.static import BuiltIndex
from minimirror.sync import Verification

__all__ = ["index_lines", "summary_lines", "verification_lines"]

SHOWN = 20
"""Names of a long list that are shown."""


def summary_lines(summary: Summary) -> Iterator[str]:
    """The summary for a person: what was done, what is missing and why, what to do."""
    yield _headline(summary)
    yield (
        f"  projects  {summary.projects_wanted:,} wanted; {summary.projects_read:,} read,"
        f" {summary.projects_removed:,} removed"
    )
    failed = f", {summary.files_failed:,} failed" if summary.files_failed else ""
    adopted = f", {summary.files_adopted:,} adopted" if summary.files_adopted else ""
    yield (
        f"  files     {summary.files_wanted:,} wanted; {summary.files_fetched:,} fetched"
        f" ({format_size(summary.bytes_fetched)}){adopted}, {summary.files_present:,} already here,"
        f" {summary.files_removed:,} removed{failed}"
    )
    rate = f" ({format_size(summary.bytes_fetched / summary.seconds)}/s)" if summary.bytes_fetched else ""
    yield f"  time      {format_duration(summary.seconds)}{rate}"
    if summary.refused and not summary.files_wanted:
        rules = ", ".join(f"{count:,} by {rule}" for rule, count in summary.refused.most_common())
        yield f"  refused   {rules}"
    for note in summary.notes:
        yield f"note: {note}"
    for failure in summary.failures:
        yield f"missing: {failure}"
    yield from _withheld(summary)
    if summary.failures or summary.interrupted:
        yield "Running it again goes on where it stopped, and tries again what failed."


def _withheld(summary: Summary) -> Iterator[str]:
    if not summary.withheld:
        return
    yield (
        f"not removed: {len(summary.withheld):,} files that the index does not list any more; that is more"
        " than `max_delete` allows:"
    )
    yield from (f"  {filename}" for filename in summary.withheld[:SHOWN])
    if len(summary.withheld) > SHOWN:
        yield f"  and {len(summary.withheld) - SHOWN:,} more (`--json` names all)"
    yield "If the index is right, `minimirror run --allow-delete` removes them."


def _headline(summary: Summary) -> str:
    if summary.interrupted:
        return "Interrupted; what was fetched is kept."
    if summary.failures:
        return f"Incomplete: {len(summary.failures):,} missing."
    if summary.withheld:
        return "The index lists much less than it did: nothing was removed for that."
    if not summary.files_wanted:
        return "Nothing is wanted: no file of the index passes the rules."
    if not (summary.files_fetched or summary.files_removed or summary.files_adopted):
        return "Complete; nothing had changed."
    return "Complete."


def verification_lines(found: Verification) -> Iterator[str]:
    """What a look at the folder found, and what to do about it."""
    yield "All is well." if found.well else "Not all is well."
    how = "every byte read" if found.hashed else "names and sizes compared"
    seconds = format_duration(found.seconds)
    yield f"  files     {found.files:,} known ({format_size(found.bytes)}); {how} in {seconds}"
    yield f"  projects  {found.projects:,} wanted, {found.unread:,} of them changed since they were mirrored"
    for kind in ("missing", "truncated", "altered"):
        yield from (f"{kind}: {printable(filename)}" for filename in getattr(found, kind))
    yield from (f"missing or stale: the page simple/{project}" for project in found.pages)
    yield from (f"missing or altered: {printable(filename)}.metadata" for filename in found.metadata)
    for failure in found.wanted:
        yield f"wanted in vain: {failure}"
    if found.unknown:
        yield f"note: not minimirror's, and left alone ({len(found.unknown):,}):"
        yield from (f"  {printable(filename)}" for filename in found.unknown[:SHOWN])
        if len(found.unknown) > SHOWN:
            yield f"  and {len(found.unknown) - SHOWN:,} more (`--json` names all)"
    if not found.intact:
        yield "`minimirror verify --repair` makes them right again."
    elif not found.well:
        yield "`minimirror run` tries again."


def index_lines(made: BuiltIndex) -> Iterator[str]:
    """What came of writing the static index."""
    yield (
        f"{made.path}: {made.projects:,} projects, {made.written:,} of them written,"
        f" in {format_duration(made.seconds)}"
    )
    yield from (f"note: {note}" for note in made.summary.notes)
    yield from (f"missing: {failure}" for failure in made.summary.failures)
