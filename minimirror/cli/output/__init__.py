"""What people read, one file per command or thing, and progress.

What several of them need is here.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING

from minimirror.common import counted

if TYPE_CHECKING:
    from minimirror.common import Failure, Summary

__all__ = ["counts_by_rule", "no_match", "note_lines", "shortened"]

_ALIKE = 3
"""How many failures with the same cause have a line each, or are named in the line of many."""


def shortened(lines: Sequence[str], most: int = 20) -> Iterator[str]:
    """Yield the first lines, and how many are left out."""
    yield from lines[:most]
    if len(lines) > most:
        yield f"  and {len(lines) - most:,} more (`--json` lists all)"


def note_lines(notes: Iterable[str], failures: Iterable[Failure], word: str = "failed") -> Iterator[str]:
    """Yield notes and failures, one per line; if many failed for one cause, one line for all of them."""
    yield from (f"note: {note}" for note in notes)
    by_cause: dict[tuple[str, bool], list[Failure]] = {}
    for failure in failures:
        by_cause.setdefault((failure.cause, failure.filename is None), []).append(failure)
    for (cause, is_project), alike in by_cause.items():
        if len(alike) <= _ALIKE:
            yield from (f"{word}: {failure}" for failure in alike)
            continue
        names = ", ".join(each.filename or each.project for each in alike[:_ALIKE])
        who = counted(len(alike), "project" if is_project else "file")
        yield f"{word}: {who}: {cause.replace('its page', 'their pages', 1)}"
        yield f"  {names} and {len(alike) - _ALIKE:,} more (`--json` lists all)"


def no_match(unmatched: Mapping[str, int]) -> str:
    """Return that nothing matches the config, and which rules refused everything."""
    rules = ", ".join(f"{counted(count)}: {rule}" if count else rule for rule, count in unmatched.items())
    return f"No {'file' if any(unmatched.values()) else 'project'} matches your config ({rules})."


def counts_by_rule(summary: Summary) -> str:
    """Return how many files each rule skipped, the most first: ``python_versions 6,284, yanked 3``."""
    return ", ".join(f"{rule} {count:,}" for rule, count in summary.refused.most_common())
