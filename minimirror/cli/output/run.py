"""The summary of a run."""

from __future__ import annotations

from collections.abc import Iterator

from minimirror.cli.output import no_match, note_lines, shortened
from minimirror.common import Summary, counted, format_duration, format_size

__all__ = ["summary_lines"]


def summary_lines(summary: Summary) -> Iterator[str]:
    """Yield what was done, what is missing and why, and what to do next."""
    yield _headline(summary)
    yield (
        f"  projects  {summary.projects_wanted:,} selected; {summary.projects_read:,} read,"
        f" {summary.projects_removed:,} deleted"
    )
    failed = f", {summary.files_failed:,} failed" if summary.files_failed else ""
    adopted = f", {summary.files_adopted:,} adopted" if summary.files_adopted else ""
    yield (
        f"  files     {summary.files_wanted:,} selected; {summary.files_fetched:,} fetched"
        f" ({format_size(summary.bytes_fetched)}){adopted}, {summary.files_present:,} already here,"
        f" {summary.files_removed:,} deleted{failed}"
    )
    rate = f" ({format_size(summary.bytes_fetched / summary.seconds)}/s)" if summary.bytes_fetched else ""
    yield f"  time      {format_duration(summary.seconds)}{rate}"
    yield from note_lines(summary.notes, summary.failures)
    causes = ", ".join(f"{cause} {count:,}" for cause, count in summary.lost.most_common())
    for who, filenames, why in (
        ("index", summary.withheld, f"the index no longer offers ({causes}), more than `max_delete` allows"),
        ("config", summary.deselected, "the config no longer selects, more than half of the mirror"),
    ):
        if filenames:
            yield f"not deleted: {counted(len(filenames))} that {why}:"
            yield from shortened([f"  {filename}" for filename in filenames])
            yield f"If the {who} is right, `minimirror run --allow-delete` deletes them."
    if summary.lost and not summary.withheld:
        yield f"deleted because the index no longer offers them: {causes}"
    if summary.passes:
        yield "Run again to retry what failed; `minimirror status` shows what is missing."


def _headline(summary: Summary) -> str:
    if summary.interrupted:
        return _interrupted(summary)
    if summary.failures:
        return f"Incomplete: {len(summary.failures):,} failed."
    if summary.unmatched and not summary.withheld:
        return no_match(summary.unmatched)
    if summary.withheld or summary.deselected:
        who = "index offers" if summary.withheld else "config selects"
        return f"The {who} far fewer files than before; no file that it dropped was deleted."
    if not summary.files_wanted:
        return "Complete; no file is selected."
    changed = summary.files_fetched or summary.files_removed or summary.files_adopted
    return "Complete." if changed else "Complete; nothing had changed."


def _interrupted(summary: Summary) -> str:
    done = f"Interrupted; {counted(summary.files_fetched)} done"
    if summary.files_unfinished:
        done += f", {summary.files_unfinished:,} unfinished kept ({format_size(summary.bytes_unfinished)})"
    return f"{done}; run again to continue."
