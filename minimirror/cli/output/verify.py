"""What `minimirror verify` found, and what `--repair` made of it."""

from __future__ import annotations

from collections.abc import Iterator

from minimirror.cli.output import note_lines, shortened
from minimirror.common import Summary, counted, format_duration, format_size, printable
from minimirror.storage import Repository
from minimirror.sync import Verification

__all__ = ["repair_lines", "verification_lines"]


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
    if found.on_demand:
        yield f"  on demand {len(found.on_demand):,} of these files"
    outdated = f"{found.unread:,} not up to date" if found.unread else "all up to date"
    yield f"  projects  {found.projects:,} selected; {outdated}"
    damage = _damage(found)
    yield from shortened([f"{kind}: {printable(name)}" for name, kind in damage.items()])
    yield from shortened([f"not checked: {failure}" for failure in found.unchecked])
    yield from shortened([f"unavailable: {failure}" for failure in found.wanted])
    if found.unknown:
        yield f"note: {counted(len(found.unknown), 'local file')}, left alone:"
        yield from shortened([f"  {printable(filename)}" for filename in found.unknown])
    if repair and not found.well:
        yield f"Repairing {counted(len(damage))} …" if damage else "Fetching what is missing …"
    elif damage:
        yield f"`minimirror verify{' --hash' if found.hashed else ''} --repair` repairs them."
    elif found.unchecked:
        yield "Run `minimirror verify --hash` again."
    elif not found.well:
        yield "`minimirror run` fetches what is missing."


def repair_lines(
    before: Verification, after: Verification, run: Summary, folder: Repository
) -> Iterator[str]:
    """Yield what became of each damaged file, and what is left to do.

    :param before: what was found before the repair
    :param after: what was found after it
    :param run: the summary of the run that fetched the files
    """
    causes = {failure.filename: f": {failure.cause}" for failure in run.failures}
    left = _damage(after)
    lines = []
    for name, kind in _damage(before).items():
        cause = causes.pop(name, "")
        if cause or name in left:
            lines.append(f"not repaired: {printable(name)} ({kind}){cause}")
        elif folder.occupied(name):
            lines.append(f"repaired: {printable(name)} (was {kind})")
        else:
            lines.append(f"deleted: {printable(name)} (no longer selected, or gone from the index)")
    yield from shortened(lines)
    yield from note_lines(run.notes, [each for each in run.failures if each.filename in causes])
    if run.interrupted:
        yield "Interrupted; repaired files are kept. Run `minimirror verify --repair` again to continue."
    elif after.well and run.complete and not before.unchecked:
        yield "OK: the mirror is complete and intact."
    else:
        yield "Problems are left; `minimirror verify --repair` tries again."


def _damage(found: Verification) -> dict[str, str]:
    """Return what is wrong with files and pages, by name."""
    return {
        **{name: kind for kind in ("missing", "truncated", "altered") for name in getattr(found, kind)},
        **{f"simple/{project}": "missing or outdated" for project in found.pages},
        **{f"{filename}.metadata": "missing or altered" for filename in found.metadata},
    }
