"""What the store keeps between two syncs: projects on their way, files that are to go, and the turns."""

from __future__ import annotations

from collections.abc import Callable, Collection
from dataclasses import dataclass, field

from minimirror.publish.static import Draft
from minimirror.storage import FileRow, ProjectRow
from minimirror.sync.project_plan import ProjectPlan
from minimirror.sync.worker import FetchFile, FileHere

__all__ = ["Removal", "Turn", "Underway"]


@dataclass(slots=True)
class Underway:
    """A project between its page and its last file."""

    row: ProjectRow
    """What the catalog shall say of it once all its files are here."""

    plan: ProjectPlan
    left: int
    """Files that are not here yet."""

    failed: bool


@dataclass(slots=True)
class Removal:
    """Files that go once a project's pages do not name them any more."""

    draft: Draft
    filenames: Collection[str]
    then: Callable[[], None]
    """What follows if all are gone."""


@dataclass(slots=True)
class Turn:
    """What one sync makes durable."""

    verified: list[tuple[FetchFile, FileHere]] = field(default_factory=list)
    replaced: list[FileRow] = field(default_factory=list)
    """Rows of files that were renamed over others, and that are surely these after it."""

    placed: list[Underway] = field(default_factory=list)
    """Projects of which all files are in the folder, and stay there after it."""

    removals: list[Removal] = field(default_factory=list)
    """Those whose pages are drafted, and may be placed after it."""

    published: list[Draft] = field(default_factory=list)
    """Those that are in place, and true after it."""

    deleted: list[str] = field(default_factory=list)
    """Files whose rows can go after it."""

    projects: list[str] = field(default_factory=list)
    """Projects whose rows can go after it."""

    def __bool__(self) -> bool:
        files = self.verified or self.replaced or self.placed or self.deleted or self.projects
        return bool(files or self.removals or self.published)
