"""Files that the mirror holds, compared with what their page says now.

The page of an index that is broken, old or hostile must not empty the mirror. So this module finds out
whether a file has changed or its page only says less than before, and whether the index or the config is
why a file is no longer selected.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from minimirror.common import KNOWN_ALGORITHMS, counted, hash_file
from minimirror.selection import Decision, Rules, decide_file
from minimirror.simple_api import ACTIVE, File, Page
from minimirror.storage import FileRow, Repository
from minimirror.sync.workers.jobs import ReadPage
from minimirror.upstream import matches

__all__ = [
    "UNLISTED",
    "HeldFiles",
    "compare",
    "file_of",
    "find_lost",
    "is_moved",
    "other_digests",
    "unlisted",
]

UNLISTED = "unlisted"
"""The cause if a page no longer lists a file."""


@dataclass(frozen=True)
class HeldFiles:
    """A page's files, compared with those that the mirror holds."""

    files: list[File]
    """The page's. What it no longer says about a file that is here is filled in from the catalog."""

    held: Mapping[str, FileRow]
    """The files that are here, by filename."""

    replaced: Mapping[str, str]
    """Those that the page lists with other bytes: a sentence that tells both."""

    moved: tuple[str, ...] = ()
    """Those that came from another index and are not known to be this one's: the config's doing."""


def compare(
    page: Page,
    tracked: Iterable[FileRow],
    folder: Repository,
    index_url: str | None = None,
) -> HeldFiles:
    """Compare a page with the files that are here. A file is read only if the catalog does not suffice.

    :param index_url: of the page's index, without credentials
    """
    held = {row.filename: row for row in tracked}
    replaced = {}
    moved = []
    files = []
    for file in page.files:
        row = held.get(file.filename)
        if row is None:
            files.append(file)
            continue
        difference = _difference(file, row, folder)
        tells_nothing = not file.digests and file.size is None
        if is_moved(row, index_url) and (difference or tells_nothing):
            moved.append(file.filename)
            files.append(file)
        elif difference:
            replaced[file.filename] = difference
            files.append(file)
        else:
            files.append(_restored(file, row))
    return HeldFiles(files, held, replaced, tuple(moved))


def is_moved(row: FileRow, index_url: str | None) -> bool:
    """Return whether a file came from another index than this one."""
    return None not in {row.index_url, index_url} and row.index_url != index_url


def _difference(file: File, row: FileRow, folder: Repository) -> str | None:
    """Return a sentence if the page lists other bytes than those that are here."""
    known = {"sha256": row.sha256, **json.loads(row.digests or "{}")}
    both = sorted(file.digests.keys() & known.keys())
    # If a known algorithm shows that the bytes are the same, an unknown one cannot show that they differ.
    for name in [name for name in both if name in KNOWN_ALGORITHMS] or both:
        if file.digests[name] != known[name]:
            return _other_content(f"{name} {file.digests[name]}", f"{name} {known[name]}")
    if both:
        return None
    if file.verifiable:
        wrong = _mismatch(file, folder)
        return _other_content(f"{wrong} {file.digests[wrong]}", f"sha256 {row.sha256}") if wrong else None
    if file.size not in {None, row.size}:
        return _other_content(counted(file.size or 0, "byte"), counted(row.size, "byte"))
    return None


def _mismatch(file: File, folder: Repository) -> str | None:
    """Read the file that is here; return an algorithm whose digest is not the listed one."""
    try:
        return hash_file(folder.file(file.filename), file.digests).mismatch()
    except OSError:
        # It is missing or damaged, and will be fetched again.
        return None


def _other_content(listed: str, here: str) -> str:
    return (
        f"the index now lists other content under this name ({listed} instead of {here}); the file here is"
        " kept. If that is right, run with --allow-replace"
    )


def _restored(file: File, row: FileRow) -> File:
    if file.size == row.size and file.upload_time is not None and "sha256" in file.digests:
        return file
    time = row.upload_time if file.upload_time is None else file.upload_time
    return file._replace(digests={"sha256": row.sha256, **file.digests}, size=row.size, upload_time=time)


def unlisted(page: Page, filenames: Iterable[str], folder: Repository) -> list[str]:
    """Return those files in the folder that the page does not list, or lists with other bytes."""
    listed = {file.filename: file for file in page.files}
    return [name for name in filenames if not matches(folder.file(name), listed.get(name))]


def other_digests(file: File, row: FileRow | None = None) -> str | None:
    """Return the digests that the index gives, or gave, besides the sha256, as the catalog keeps them."""
    known = json.loads(row.digests or "{}") if row else {}
    found = {**known, **file.digests}
    found.pop("sha256", None)
    return json.dumps(found, sort_keys=True) if found else None


def find_lost(job: ReadPage, page: Page, decisions: Sequence[Decision], rules: Rules) -> dict[str, str]:
    """Return the files that are here and refused because of what the index says now, each with the cause.

    A file that a newer release supersedes is not among them, nor one that the config refuses: it would
    refuse the file even if the index said what it said when the file came. Nor is one of another index, if
    this one has files to replace it.
    """
    if job.alone or job.was_alone:
        return {}  # the config says where they come from
    wanted = {each.file.filename for each in decisions if each.wanted}
    held = {row.filename: row for row in job.tracked if not (wanted and is_moved(row, job.index_url))}
    lost = dict.fromkeys(held, UNLISTED)
    for each in decisions:
        lost.pop(each.file.filename, None)
    for each in decisions:
        row = held.get(each.file.filename)
        # A page may list a file twice.
        if row and each.file.filename not in wanted and _is_news(each, row, job, page, rules):
            lost[each.file.filename] = each.rule
    return lost


def _is_news(decision: Decision, row: FileRow, job: ReadPage, page: Page, rules: Rules) -> bool:
    """Return whether the rule did not refuse the file with what the index said when it came."""
    if decision.rule == "project_status":
        return not job.rules_changed or page.status != (job.status or ACTIVE)
    if decision.rule in {"min_releases", "vulnerable"}:
        return not job.rules_changed
    if decision.rule in {"max_file_size", "targets", "yanked"}:
        return decide_file(file_of(row), job.project, rules).wanted
    # Its name has not changed, but it may no longer be the only one of that name.
    return decision.rule == "filename"


def file_of(row: FileRow) -> File:
    """Return what the index said of a file when it came."""
    return File(
        row.filename,
        row.url,
        {"sha256": row.sha256},
        size=row.size,
        upload_time=row.upload_time,
        requires_python=row.requires_python,
        yanked=row.yanked,
    )
