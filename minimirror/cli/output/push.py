"""The summary of a push."""

from __future__ import annotations

from collections.abc import Iterator

from minimirror.cli.output import note_lines
from minimirror.common import format_duration, format_size
from minimirror.publish.push import PushResult

__all__ = ["missing_lines", "push_lines"]


def missing_lines(pushed: PushResult) -> Iterator[str]:
    """Yield what a push would upload, one line per file."""
    yield from (f"would upload: {file.filename} ({format_size(file.size)})" for file in pushed.missing)


def push_lines(pushed: PushResult) -> Iterator[str]:
    """Yield what was uploaded, what was not and why, and what to do next."""
    yield _headline(pushed)
    failed = f", {len(pushed.failures):,} failed" if pushed.failures else ""
    if pushed.dry_run:
        size = format_size(sum(file.size for file in pushed.missing))
        done = f"{len(pushed.missing):,} missing ({size})"
    else:
        done = f"{pushed.uploaded:,} uploaded ({format_size(pushed.bytes_uploaded)})"
    yield f"  files   {pushed.files:,} selected; {done}, {pushed.present:,} already there{failed}"
    yield f"  time    {format_duration(pushed.seconds)}"
    yield from note_lines(pushed.notes, pushed.failures, "not uploaded")
    if pushed.altered:
        yield "`minimirror verify --hash --repair` fetches altered and missing files again."
    if pushed.interrupted or pushed.passes:
        yield "Push again to continue and to retry what failed."


def _headline(pushed: PushResult) -> str:
    if pushed.interrupted:
        return f"Interrupted; uploaded files stay at {pushed.url}"
    if pushed.failures:
        return f"Incomplete: {len(pushed.failures):,} not uploaded to {pushed.url}"
    if not pushed.files:
        return "The mirror has no files yet, so there is nothing to push."
    if pushed.missing:
        return f"Dry run: nothing was uploaded to {pushed.url}"
    return f"Everything is uploaded to {pushed.url}"
