"""What came of an export or an import, in lines for a person."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import datetime

from minimirror.bundle import ExportResult, ImportResult
from minimirror.common import format_duration, format_size, printable
from minimirror.storage import ExportRow

__all__ = ["export_lines", "import_lines", "list_lines"]

_SHOWN = 20
"""Names of a long list that are shown."""


def export_lines(found: ExportResult) -> Iterator[str]:
    """What came of an export: which file has what, and what the far side needs to take it in."""
    if not found.paths:
        yield (
            f"Nothing has changed since export {found.number}: no bundle was made."
            if found.number
            else "Nothing is mirrored yet: no bundle was made."
        )
    else:
        yield f"Export {found.number}: {printable(str(found.paths[0]))}"
        for path in found.paths[1:]:
            yield f"          {printable(str(path))}"
        signed = ", signed" if found.signed else ""
        yield (
            f"  files   {found.files:,} carried, {found.removed:,} removed;"
            f" {format_size(found.bytes)}{signed}, {format_duration(found.seconds)}"
        )
        yield (
            "  needs   nothing: it is full"
            if found.since is None
            else f"  needs   export {found.since}, or a later one, imported before"
        )
        yield f"  state   {found.state[:12]}"
    if found.missing:
        yield (
            f"note: the last run wanted {found.missing:,} more and could not get them; `minimirror verify`"
            " names them"
        )


def import_lines(found: ImportResult) -> Iterator[str]:
    """What came of an import."""
    name = printable(found.name)
    if found.why_not is not None:
        yield f"Export {found.number} ({name}): nothing to do, {found.why_not}."
    else:
        yield f"Export {found.number} ({name}) is imported."
        present = f", {found.present:,} already here" if found.present else ""
        yield (
            f"  files   {found.added:,} added ({format_size(found.bytes)}){present}, {found.removed:,}"
            f" removed; {format_duration(found.seconds)}"
        )
        yield f"  state   {found.state[:12]}"
    if found.signer is not None:
        yield f"  signed  by {found.signer}"
    yield from (f"damaged: {printable(name)}" for name in found.damaged[:_SHOWN])
    if len(found.damaged) > _SHOWN:
        yield f"  and {len(found.damaged) - _SHOWN:,} more (`--json` names all)"
    if found.damaged:
        yield (
            "These were imported earlier, and are missing or altered. A full bundle brings them back:"
            " `minimirror export --since all`"
        )


def list_lines(exports: Sequence[ExportRow]) -> Iterator[str]:
    """A table of exports, 80 columns wide but for long names."""
    if not exports:
        yield "There was no export yet."
        return
    yield " no.  date                run  since    files    bytes  state     file"
    for row in exports:
        made = datetime.fromtimestamp(row.made).astimezone()
        since = "all" if row.since is None else str(row.since)
        run = "" if row.run is None else str(row.run)
        parts = f" +{row.parts - 1}" if row.parts > 1 else ""
        yield (
            f"{row.number:>4}  {made:%Y-%m-%d %H:%M}  {run:>5}  {since:>5}  {row.files:>7,}"
            f"  {format_size(row.bytes):>7}  {row.state[:8]}  {printable(row.name)}{parts}"
        )
