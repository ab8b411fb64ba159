"""Plan, the third step: what to do for one project."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass

from minimirror.storage import FileRow, MirrorFolder, ProjectRow
from minimirror.sync.workers.jobs import AdoptFile, FetchFile, FileJob, PageRead, SelectedFile

__all__ = ["ProjectPlan", "file_row", "is_too_much", "plan_local_project", "plan_project"]


@dataclass(frozen=True)
class ProjectPlan:
    """What to do so that the folder has a project's selected files and no others."""

    row: ProjectRow
    """The project's row in the catalog when all of it is done."""

    fetch: tuple[FileJob, ...] = ()
    """Files to fetch or to adopt."""

    update: tuple[FileRow, ...] = ()
    """Files that are here, but whose entry on the page has changed."""

    delete: tuple[str, ...] = ()
    """Files that minimirror placed and the rules no longer select."""

    unlisted: tuple[str, ...] = ()
    """Files that minimirror placed and the index no longer lists."""

    untrack: tuple[str, ...] = ()
    """Files that minimirror placed and that users may have replaced with local ones."""

    failed: bool = False
    """Whether something will be missing even if all fetches succeed."""


def plan_project(  # noqa: PLR0913 - what is compared with what
    row: ProjectRow,
    page: PageRead,
    known: Mapping[str, FileRow],
    invalid: Collection[str],
    folder: MirrorFolder,
    *,
    failed: bool = False,
) -> ProjectPlan:
    """Compare a project's selected files with the catalog and the folder.

    :param known: the project's files in the catalog, by filename
    :param invalid: files that must be fetched again
    :param failed: whether something of the project is missing already
    """
    fetch: list[FileJob] = []
    update: list[FileRow] = []
    for each in page.selected:
        filename = each.file.filename
        here = known.get(filename)
        if here is None:
            occupied = folder.occupied(filename)
            fetch.append(AdoptFile(row.name, each) if occupied else FetchFile(row.name, each))
        elif _is_same(here, each) and filename not in invalid and folder.size(filename) == here.size:
            new = file_row(row.name, each, here.size, here.sha256)
            if new != here:
                update.append(new)
        else:
            fetch.append(FetchFile(row.name, each, replace=True))
    keep = {each.file.filename for each in page.selected}.union(page.unlisted)
    return ProjectPlan(
        row,
        fetch=tuple(fetch),
        update=tuple(update),
        delete=tuple(filename for filename in known if filename not in keep),
        unlisted=tuple(filename for filename in known if filename in page.unlisted),
        failed=failed,
    )


def plan_local_project(
    row: ProjectRow, page: PageRead, known: Mapping[str, FileRow], folder: MirrorFolder, *, failed: bool
) -> ProjectPlan:
    """Plan for a local project: keep what minimirror placed, and fetch nothing new.

    A missing file is fetched again. A changed one may be a local file now.
    """
    selected = {each.file.filename: each for each in page.selected}
    fetch: list[FileJob] = []
    untrack: list[str] = []
    for filename, here in known.items():
        each = selected.get(filename)
        if folder.size(filename) == here.size:
            continue
        if each and each.file.digests.get("sha256") == here.sha256 and not folder.occupied(filename):
            fetch.append(FetchFile(row.name, each))
        else:
            untrack.append(filename)
    return ProjectPlan(row, fetch=tuple(fetch), untrack=tuple(untrack), failed=failed)


def is_too_much(unlisted: int, held: int, share: float) -> bool:
    """Return whether the index lists so few of the mirrored files that it may be broken.

    :param share: the share of them, from 0 to 1, that may be deleted at once
    """
    return unlisted > share * held


def file_row(project: str, selected: SelectedFile, size: int, sha256: str) -> FileRow:
    """Return the catalog's row of a selected file."""
    file = selected.file
    return FileRow(
        filename=file.filename,
        project=project,
        version=selected.version,
        size=size,
        sha256=sha256,
        upload_time=file.upload_time,
        requires_python=file.requires_python,
        yanked=file.yanked,
        core_metadata=file.core_metadata,
        url=file.url,
        provenance=file.provenance,
    )


def _is_same(row: FileRow, selected: SelectedFile) -> bool:
    file = selected.file
    return file.size in {None, row.size} and file.digests.get("sha256", row.sha256) == row.sha256
