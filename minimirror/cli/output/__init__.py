"""What people read, one file per command or thing, and progress.

What several of them need is here.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from minimirror.common import Summary

__all__ = ["counted", "counts_by_rule", "note_lines", "shortened"]


def counted(count: int, noun: str = "file") -> str:
    """Return a count with its noun: ``1 file``, ``1,204 files``."""
    return f"{count:,} {noun}" if count == 1 else f"{count:,} {noun}s"


def shortened(lines: Sequence[str], most: int = 20) -> Iterator[str]:
    """Yield the first lines, and how many are left out."""
    yield from lines[:most]
    if len(lines) > most:
        yield f"  and {len(lines) - most:,} more (`--json` lists all)"


def note_lines(notes: Iterable[str], failures: Iterable[object], word: str = "failed") -> Iterator[str]:
    """Yield notes and failures, one per line."""
    yield from (f"note: {note}" for note in notes)
    yield from (f"{word}: {failure}" for failure in failures)


def counts_by_rule(summary: Summary) -> str:
    """Return how many files each rule skipped, the most first: ``python_versions 6,284, yanked 3``."""
    return ", ".join(f"{rule} {count:,}" for rule, count in summary.refused.most_common())
