"""What came of a push, in lines for a person."""

from __future__ import annotations

from collections.abc import Iterator

from minimirror.common import format_duration, format_size
from minimirror.publish.push import PushResult

__all__ = ["missing_lines", "push_lines"]


def missing_lines(pushed: PushResult) -> Iterator[str]:
    """What a push would upload, a line a file."""
    yield from (f"missing there: {file.filename} ({format_size(file.size)})" for file in pushed.missing)


def push_lines(pushed: PushResult) -> Iterator[str]:
    """What came of a push: what is there now, what is not and why, what to do."""
    yield _headline(pushed)
    failed = f", {len(pushed.failures):,} failed" if pushed.failures else ""
    if pushed.dry_run:
        count = sum(file.size for file in pushed.missing)
        done = f"{len(pushed.missing):,} missing ({format_size(count)})"
    else:
        done = f"{pushed.uploaded:,} uploaded ({format_size(pushed.bytes_uploaded)})"
    yield f"  files   {pushed.files:,} chosen; {done}, {pushed.present:,} already there{failed}"
    yield f"  time    {format_duration(pushed.seconds)}"
    for note in pushed.notes:
        yield f"note: {note}"
    for failure in pushed.failures:
        yield f"not there: {failure}"
    if pushed.altered:
        yield "`minimirror verify --hash --repair` fetches again what has been altered here, or is missing."
    if pushed.interrupted or len(pushed.failures) > len(pushed.conflicts) + len(pushed.altered):
        yield "Pushing again goes on where it stopped, and tries again what failed."


def _headline(pushed: PushResult) -> str:
    if pushed.interrupted:
        return f"Interrupted; what was uploaded is at {pushed.url}"
    if pushed.failures:
        return f"Incomplete: {len(pushed.failures):,} not at {pushed.url}"
    if not pushed.files:
        return "The mirror holds no file yet: there is nothing to push."
    if pushed.missing:
        return f"Not everything is at {pushed.url} yet; nothing was uploaded."
    return f"All is at {pushed.url}"
