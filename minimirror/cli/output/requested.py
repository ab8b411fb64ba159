"""What clients of `minimirror serve` asked for."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from minimirror.cli.output import shortened
from minimirror.common import counted, format_time, printable
from minimirror.storage import UNKNOWN, DemandedFile
from minimirror.sync import Requested

__all__ = ["as_dict", "as_lines"]

_NAMES = 10
"""Projects in the command that adds them."""


def as_dict(found: Requested) -> dict[str, Any]:
    """Return the object that ``--json`` prints."""
    came = [{**each._asdict(), "expired": each.filename in found.expired} for each in found.came]
    return {"version": 1, "missed": [each._asdict() for each in found.missed], "came": came}


def as_lines(found: Requested) -> Iterator[str]:
    """Yield the same for people."""
    if not (found.missed or found.came):
        yield "Clients of `minimirror serve` have requested only what is mirrored."
    if found.missed:
        yield f"{counted(len(found.missed), 'project')} that clients requested but did not get:"
        width = max(len(f"{each.requests:,}") for each in found.missed)
        yield from shortened(
            [
                f"  {each.requests:>{width},}  {printable(each.project)} (last {format_time(each.last)}):"
                f" {printable(each.why)}"
                for each in found.missed
            ]
        )
        names = [printable(each.project) for each in found.missed if each.why != UNKNOWN][:_NAMES]
        if names:
            yield f"`minimirror add {' '.join(names)}` mirrors the most requested."
    if found.came:
        yield f"{counted(len(found.came))} fetched on demand, with the number of downloads:"
        ordered = sorted(found.came, key=lambda each: (-each.uses, each.filename))
        width = max(len(f"{each.uses:,}") for each in ordered)
        yield from shortened([f"  {each.uses:>{width},}  {_came(each, found)}" for each in ordered])


def _came(file: DemandedFile, found: Requested) -> str:
    expired = "; the next run deletes it" * (file.filename in found.expired)
    return f"{printable(file.filename)} (last {format_time(file.last)}{expired})"
