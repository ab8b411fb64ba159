"""The plan of one project: what its page wants against what is here."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from minimirror.storage import FileRow, MirrorFolder
from minimirror.sync.worker import FetchFile, PageRead, Wanted

__all__ = ["ProjectPlan", "file_row", "is_too_much", "plan_private", "plan_project"]


@dataclass(slots=True)
class ProjectPlan:
    """What has to be done so that a project's wanted files, and no others, are here."""

    fetch: list[FetchFile] = field(default_factory=list)
    update: list[FileRow] = field(default_factory=list)
    """Rows of files that are here, of which the index says something new."""

    remove: list[str] = field(default_factory=list)
    """Files that minimirror placed, and that the rules do not want any more."""

    vanished: list[str] = field(default_factory=list)
    """Files that minimirror placed, and that the index does not list any more."""

    disown: list[str] = field(default_factory=list)
    """Files that minimirror placed, and that are not to be taken for its own any more."""


def plan_project(
    project: str, page: PageRead, known: Mapping[str, FileRow], repository: MirrorFolder
) -> ProjectPlan:
    """Compare a project's wanted files with the catalog and the folder.

    :param known: the project's files in the catalog, by filename
    """
    plan = ProjectPlan()
    for each in page.wanted:
        row = known.get(each.file.filename)
        if row is not None and _same(row, each) and repository.size(row.filename) == row.size:
            new = file_row(project, each, row.size, row.sha256)
            if new != row:
                plan.update.append(new)
        else:
            plan.fetch.append(_fetch(project, each, row is not None, repository))
    kept = {each.file.filename for each in page.wanted}
    plan.vanished = [filename for filename in known if filename in page.vanished]
    plan.remove = [filename for filename in known if filename not in kept and filename not in page.vanished]
    return plan


def plan_private(
    project: str, page: PageRead, known: Mapping[str, FileRow], repository: MirrorFolder
) -> ProjectPlan:
    """Have a project that has files of somebody's own stay as it is: what minimirror placed, and no more.

    One of those files comes back where it was lost. One that is another now may be somebody's own as well.
    """
    plan = ProjectPlan()
    wanted = {each.file.filename: each for each in page.wanted}
    for filename, row in known.items():
        each = wanted.get(filename)
        if repository.size(filename) == row.size:
            continue
        if each and each.file.digests.get("sha256") == row.sha256 and not repository.occupied(filename):
            plan.fetch.append(FetchFile(project, each))
        else:
            plan.disown.append(filename)
    return plan


def is_too_much(vanished: int, held: int, share: float) -> bool:
    """Whether so many of the held files are gone from the index that it may be broken.

    :param share: the share of them, from 0 to 1, that may go at once
    """
    return vanished > share * held


def _same(row: FileRow, wanted: Wanted) -> bool:
    file = wanted.file
    return file.size in {None, row.size} and file.digests.get("sha256", row.sha256) == row.sha256


def _fetch(project: str, wanted: Wanted, placed: bool, repository: MirrorFolder) -> FetchFile:
    filename = wanted.file.filename
    return FetchFile(
        project=project,
        wanted=wanted,
        occupied=not placed and repository.occupied(filename),
        replace=placed,
    )


def file_row(project: str, wanted: Wanted, size: int, sha256: str) -> FileRow:
    """The catalog's row of a wanted file."""
    file = wanted.file
    return FileRow(
        filename=file.filename,
        project=project,
        version=wanted.version,
        size=size,
        sha256=sha256,
        upload_time=file.upload_time,
        requires_python=file.requires_python,
        yanked=file.yanked,
        core_metadata=file.core_metadata,
        url=file.url,
        provenance=file.provenance,
    )
