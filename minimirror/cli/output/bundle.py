"""The summaries of exports and imports, and the list of exports."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from minimirror.bundle import ExportResult, ImportResult
from minimirror.cli.output.screen import Screen
from minimirror.cli.output.table import Column, table_lines
from minimirror.common import counted, format_duration, format_size, format_time, printable
from minimirror.storage import ExportRow

__all__ = ["export_lines", "import_lines", "list_lines"]


def export_lines(found: ExportResult) -> Iterator[str]:
    """Yield which files were written, what is in them, and what an import needs."""
    if found.paths:
        yield f"Export {found.number}: {printable(str(found.paths[0]))}"
        yield from (f"          {printable(str(path))}" for path in found.paths[1:])
        local = f", {found.local:,} of them local" if found.local else ""
        removed = f"; {found.removed:,} removed since the last export" if found.removed else ""
        yield f"  lists   {counted(found.listed)}{local}{removed}"
        signed = ", signed" if found.signed else ""
        yield (
            f"  carries {counted(found.files)}; {format_size(found.bytes)}{signed},"
            f" {format_duration(found.seconds)}"
        )
        yield (
            "  needs   nothing (full bundle; works on any folder)"
            if found.files == found.listed
            else f"  needs   the other files, from bundles up to export {found.since}"
        )
        yield f"  state   {found.state[:12]}"
        yield from (f"  install python3 {printable(str(path))}" for path in found.installer[:1])
    elif found.number:
        yield f"Nothing has changed since export {found.number}: no bundle was made."
    else:
        yield "Nothing is mirrored yet: no bundle was made."
    if found.without_local:
        yield f"note: {counted(found.without_local, 'local file')} left out (--without-local)"
    if found.missing:
        yield f"note: the last run could not fetch {counted(found.missing)}; see `minimirror verify`"


def import_lines(found: ImportResult) -> Iterator[str]:
    """Yield what an import changed, or would change."""
    name = f"Export {found.number} ({printable(found.name)})"
    if found.why_not is not None:
        yield f"{name}: nothing to do, {found.why_not}."
    else:
        able = ("can restore", "can be") if found.checked else ("has restored", "is")
        yield (
            f"{name} {able[0]} lost files; a newer export stays imported."
            if found.restored
            else f"{name} {able[1]} imported."
        )
        local = f", {found.local:,} local" if found.local else ""
        yield (
            f"  files   {found.added:,} added ({format_size(found.bytes)}), {found.present:,} already here"
            f"{local}, {found.removed:,} deleted; {format_duration(found.seconds)}"
        )
        if found.kept:
            yield f"  kept    {counted(found.kept)} that a run has updated here; --replace overwrites them"
        mirrored = f", mirrored {format_time(found.mirrored)}" if found.mirrored else ""
        yield f"  state   {found.state[:12]}{mirrored}"
    if found.signer is not None:
        yield f"  signed  by {found.signer}"
    elif found.signed:
        yield "note: its signature was not verified; name whose to accept in `allowed_signers`"


_EXPORTS = (
    Column("no."),
    Column("date (UTC)", is_text=True),
    Column("run", is_wide=True),
    Column("since", is_wide=True),
    Column("files"),
    Column("bytes"),
    Column("state", is_text=True, is_wide=True),
    Column("file", is_text=True),
)


def list_lines(exports: Sequence[ExportRow], screen: Screen) -> Iterator[str]:
    """Yield a table of exports."""
    if not exports:
        yield "No exports yet."
        return
    rows = [
        (
            str(row.number),
            format_time(row.made).removesuffix(" UTC"),
            "" if row.run is None else str(row.run),
            "all" if row.since is None else str(row.since),
            f"{row.files:,}",
            format_size(row.bytes),
            row.state[:8],
            printable(row.name) + (f" +{row.parts - 1}" if row.parts > 1 else ""),
        )
        for row in exports
    ]
    yield from table_lines(_EXPORTS, rows, [], screen, len(rows))
