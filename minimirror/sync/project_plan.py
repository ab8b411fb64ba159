"""Plan, the third step: what to do for one project."""

from __future__ import annotations

import json
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field

from minimirror.storage import FileRow, ProjectRow, Repository, UpstreamRow
from minimirror.sync.held_files import other_digests
from minimirror.sync.workers.jobs import AdoptFile, Evaluation, FetchFile, FileJob, PageRead, SelectedFile

__all__ = ["ProjectPlan", "file_row", "plan_local_project", "plan_project"]


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

    lost: Mapping[str, str] = field(default_factory=dict)
    """Files that minimirror placed and the index no longer offers, each with the cause."""

    rules_changed: bool = False
    """Whether other rules applied in the last run: then ``delete`` is the config's doing."""

    expired: int = 0
    """How many of ``delete`` were fetched on demand, and not used for long."""

    untrack: tuple[str, ...] = ()
    """Files of a local project that minimirror placed, and that users deleted or replaced."""

    failed: bool = False
    """Whether something will be missing even if all fetches succeed."""

    upstream: UpstreamRow | None = None
    """What its page offers; None for a local project."""

    @property
    def shrinks_by(self) -> int:
        """How many files fewer the config leaves of the project. A file that another replaces is none."""
        return max(0, len(self.delete) - self.expired - len(self.fetch)) if self.rules_changed else 0

    @property
    def is_doubtful(self) -> bool:
        """Whether files may have to stay, because too many of the mirror would go: see :class:`Removals`."""
        return bool(self.lost or self.shrinks_by)


def plan_project(  # noqa: PLR0913 - what is compared with what
    row: ProjectRow,
    page: PageRead,
    known: Mapping[str, FileRow],
    invalid: Collection[str],
    folder: Repository,
    *,
    keep: Collection[str] = (),
    rules_changed: bool = False,
    expired: Collection[str] = (),
    failed: bool = False,
) -> ProjectPlan:
    """Compare a project's selected files with the catalog and the folder.

    :param known: the project's files in the catalog, by filename
    :param invalid: files that must be fetched again
    :param keep: files that the page lists with other bytes, which must not be fetched
    :param rules_changed: whether other rules applied in the last run
    :param expired: files that were fetched on demand, and that no client has used for long
    :param failed: whether something of the project is missing already
    """
    fetch: list[FileJob] = []
    update: list[FileRow] = []
    again = {*page.replaced, *page.moved, *invalid}
    for each in page.selected:
        filename = each.file.filename
        if filename in keep:
            continue
        here = known.get(filename)
        if here is None:
            occupied = folder.occupied(filename)
            fetch.append(AdoptFile(row.name, each) if occupied else FetchFile(row.name, each))
        elif filename not in again and folder.size(filename) == here.size:
            new = file_row(row.name, each, here.size, here.sha256, here)
            if new != here:
                update.append(new)
        else:
            fetch.append(FetchFile(row.name, each, replace=True))
    selected = {each.file.filename for each in page.selected}
    delete = tuple(each for each in known if each not in selected and each not in page.lost)
    return ProjectPlan(
        row,
        fetch=tuple(fetch),
        update=tuple(update),
        delete=delete,
        lost=page.lost,
        rules_changed=rules_changed,
        expired=sum(each in expired for each in delete),
        failed=failed,
        upstream=_upstream_row(row.name, page.evaluation),
    )


def _upstream_row(project: str, found: Evaluation) -> UpstreamRow:
    known = None if found.vulnerable is None else json.dumps(dict(found.vulnerable))
    if found.newest is None:
        return UpstreamRow(project, vulnerable=known)
    version, uploaded, refused_by = found.newest
    return UpstreamRow(project, version, uploaded, ",".join(refused_by), known)


def plan_local_project(
    row: ProjectRow,
    known: Mapping[str, FileRow],
    invalid: Collection[str],
    folder: Repository,
    *,
    failed: bool,
) -> ProjectPlan:
    """Plan for a local project: keep what minimirror placed, and fetch nothing.

    A file that is missing, or has changed and may be a local file now, is untracked.
    """
    untrack = (name for name, here in known.items() if name in invalid or folder.size(name) != here.size)
    return ProjectPlan(row, untrack=tuple(untrack), failed=failed)


def file_row(
    project: str, selected: SelectedFile, size: int, sha256: str, before: FileRow | None = None
) -> FileRow:
    """Return the catalog's row of a selected file.

    :param before: the row that it has, if the file is here
    """
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
        digests=other_digests(file, before),
        index_url=selected.index_url,
    )
