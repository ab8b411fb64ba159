"""What `minimirror verify` found."""

from __future__ import annotations

from collections.abc import Iterator

from minimirror.cli.output import shortened
from minimirror.common import counted, format_duration, format_size, printable
from minimirror.sync import Verification

__all__ = ["verification_lines"]


def verification_lines(found: Verification, *, repair: bool = False) -> Iterator[str]:
    """Yield what is wrong with the folder and what to do about it.

    :param repair: whether a repair follows
    """
    yield "OK: the mirror is complete and intact." if found.well else "Problems found:"
    how = "read every byte" if found.hashed else "compared names and sizes"
    yield (
        f"  files     {found.files:,} mirrored ({format_size(found.bytes)}); {how} in"
        f" {format_duration(found.seconds)}"
    )
    outdated = f"{found.unread:,} not up to date" if found.unread else "all up to date"
    yield f"  projects  {found.projects:,} selected; {outdated}"
    for kind in ("missing", "truncated", "altered"):
        yield from (f"{kind}: {printable(filename)}" for filename in getattr(found, kind))
    yield from (f"not checked: {failure}" for failure in found.unchecked)
    yield from (f"missing or outdated: page simple/{project}" for project in found.pages)
    yield from (f"missing or altered: {printable(filename)}.metadata" for filename in found.metadata)
    yield from (f"unavailable: {failure}" for failure in found.wanted)
    if found.unknown:
        yield f"note: {counted(len(found.unknown), 'local file')}, left alone:"
        yield from shortened([f"  {printable(filename)}" for filename in found.unknown])
    if repair and not found.well:
        yield "Repairing …"
    elif found.damaged:
        yield f"`minimirror verify{' --hash' if found.hashed else ''} --repair` repairs them."
    elif found.unchecked:
        yield "Run `minimirror verify --hash` again."
    elif not found.well:
        yield "`minimirror run` tries again."
