"""Files that a run deletes only if they are not too many, all projects together. A preview decides the same.

If the index is broken and offers little or nothing, or if the config has a typo, that must not empty the
mirror.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from typing import NamedTuple

from minimirror.storage import Catalog, ProjectRow
from minimirror.sync.held_files import UNLISTED
from minimirror.sync.placement import Deletion
from minimirror.sync.project_plan import ProjectPlan

__all__ = ["Gone", "Removals"]

_FEW = 3
"""Files that may be deleted whatever their share of a small mirror is."""

_HALF = 0.5


class Gone(NamedTuple):
    """Projects from which nothing is selected any more."""

    unlisted: list[str]
    """Those that the index no longer has."""

    unselected: list[str]
    """Those that the config no longer selects."""

    expired: list[str]
    """Those that were fetched on demand, and that no client has used for long."""


class _Doubtful(NamedTuple):
    """Files of a project."""

    row: ProjectRow | None
    """The project's row in the catalog when they are deleted; None if nothing is left of it."""

    lost: Mapping[str, str]
    """Those that the index no longer offers, each with the cause."""

    deselected: Collection[str] = ()
    """Those that the config no longer selects."""


class Removals:
    """Collects the files of plans, and decides when all are known."""

    def __init__(self, catalog: Catalog) -> None:
        self._files = catalog.files
        self._held = catalog.files.count()
        self._projects: dict[str, _Doubtful] = {}
        self._shrinks_by = 0
        self.lost: dict[str, str] = {}
        """All files that the index no longer offers, each with the cause."""
        self.withheld: list[str] = []
        """Those files, if they are too many."""
        self.deselected: list[str] = []
        """The files that the config no longer selects, if they are too many."""

    def take(self, plan: ProjectPlan) -> Sequence[str]:
        """Take the doubtful files of a plan; return those that can be deleted at once."""
        if plan.is_doubtful:
            deselected = plan.delete if plan.shrinks_by else ()
            self._projects[plan.row.name] = _Doubtful(plan.row, plan.lost, deselected)
            self._shrinks_by += plan.shrinks_by
        return () if plan.shrinks_by else plan.delete

    def decide(self, gone: Gone, share: float | None, *, take_over: bool) -> list[Deletion]:
        """Return what to delete; what was fetched on demand and has expired is never too much.

        :param share: the share of all mirrored files, from 0 to 1, that may be deleted because of what the
            index says; with 0, none may. None to delete whatever the index and the config say
        :param take_over: delete whatever the config no longer selects
        """
        for name in gone.unlisted:
            self._projects[name] = _Doubtful(None, dict.fromkeys(self._files.of(name), UNLISTED))
        for name in gone.unselected:
            names = list(self._files.of(name))
            self._projects[name] = _Doubtful(None, {}, names)
            self._shrinks_by += len(names)
        self.lost = {name: cause for each in self._projects.values() for name, cause in each.lost.items()}
        if share is not None and len(self.lost) > (max(_FEW, share * self._held) if share else 0):
            self.withheld = sorted(self.lost)
        if share is not None and not take_over and self._shrinks_by > max(_FEW, _HALF * self._held):
            self.deselected = sorted(name for each in self._projects.values() for name in each.deselected)
        doubtful = [self._deletion(name, each) for name, each in self._projects.items()]
        return doubtful + [Deletion(name, list(self._files.of(name)), untrack=True) for name in gone.expired]

    def _deletion(self, project: str, doubtful: _Doubtful) -> Deletion:
        """Return what to delete of a project; with all of it, its row follows."""
        lost = () if self.withheld else doubtful.lost
        deselected = () if self.deselected else doubtful.deselected
        names = [*lost, *deselected]
        if len(names) < len(doubtful.lost) + len(doubtful.deselected):
            return Deletion(project, names)
        return Deletion(project, names, row=doubtful.row, untrack=doubtful.row is None)
