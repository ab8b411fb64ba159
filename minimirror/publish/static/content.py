"""What a project's page has to say: of the files that are in the folder now, all that the catalog knows."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping
from typing import NamedTuple

from minimirror.publish.static.folder import HTML, JSON
from minimirror.publish.static.metadata import Beside, find_metadata
from minimirror.simple_api import Entry, in_order, project_html, project_json
from minimirror.storage import Catalog, FileRow, LocalFileRow, MirrorFolder

__all__ = ["Content", "find_content"]

_QUARANTINED = "quarantined"


class Content(NamedTuple):
    """What a project's page has to say, and what is beside its wheels."""

    project: str
    """Normalized name."""

    entries: list[Entry]
    status: str | None
    """The project's status where that is not active (PEP 792)."""

    beside: dict[str, Beside]
    """By the wheel's filename."""

    @property
    def listed(self) -> bool:
        """Whether the root names the project: it has files, or installers shall hear why it has none."""
        return bool(self.entries) or self.status == _QUARANTINED

    def render(self) -> dict[str, bytes]:
        """The pages, by their names."""
        return {
            HTML: project_html(self.project, self.entries, self.status),
            JSON: project_json(self.project, self.entries, self.status),
        }


def find_content(
    catalog: Catalog,
    repository: MirrorFolder,
    project: str,
    *,
    without: Collection[str] = (),
    stage: Callable[[str, bytes], None],
) -> Content:
    """Find out what a project's page has to say.

    :param without: files that are to be named no more
    :param stage: called with the name and the content of each metadata file that is to be placed
    :raises OSError: a wheel, or what is beside it, cannot be read
    """
    rows = [
        row
        for row in catalog.files(project).values()
        if row.filename not in without and repository.size(row.filename) == row.size
    ]
    known = catalog.pages.metadata_of(project)
    beside = {
        row.filename: find_metadata(row, known.get(row.filename), repository, stage)
        for row in rows
        if row.filename.endswith(".whl")
    }
    own = _present(catalog.pages.own_files_of(project), rows, repository)
    entries = [*(_entry(row, beside) for row in rows), *map(_own_entry, own)]
    found = catalog.project(project)
    return Content(project, in_order(entries), found.status if found else None, beside)


def _present(
    own: Iterable[LocalFileRow], placed: Iterable[FileRow], repository: MirrorFolder
) -> list[LocalFileRow]:
    """Of somebody's own files those that are there, and are not minimirror's by now."""
    names = {row.filename for row in placed}
    return [row for row in own if row.filename not in names and (repository.path / row.filename).is_file()]


def _entry(row: FileRow, beside: Mapping[str, Beside]) -> Entry:
    found = beside.get(row.filename)
    return Entry(
        filename=row.filename,
        version=row.version,
        size=row.size,
        sha256=row.sha256,
        upload_time=row.upload_time,
        requires_python=row.requires_python,
        yanked=row.yanked,
        metadata=found.row.sha256 or None if found else None,
        provenance=row.provenance,
    )


def _own_entry(row: LocalFileRow) -> Entry:
    return Entry(
        filename=row.filename,
        version=row.version,
        size=row.size,
        sha256=row.sha256,
        upload_time=row.mtime / 1e9,
        requires_python=row.requires_python,
    )
