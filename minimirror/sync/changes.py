"""Changes, the second step: which pages must be read, which projects are gone, which files are damaged.

Nothing is written but temporary tables, so that a preview finds the same changes as a run.
"""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import chain

from minimirror.common import counted
from minimirror.storage import Catalog, ChangedProject
from minimirror.sync.lists import Listing, remember, select_projects
from minimirror.sync.progress import Progress
from minimirror.sync.scope import Scope
from minimirror.sync.session import Session

__all__ = ["Changes", "find_changes"]


@dataclass(frozen=True)
class Changes:
    """What has changed since the last run. The projects themselves are in ``catalog.changes``."""

    pages: int
    """Pages that may have to be read."""

    damaged: Sequence[str]
    """Files that are missing from the folder, or differ from the catalog."""

    listings: Sequence[Listing]
    """For :meth:`record`."""

    def record(self, catalog: Catalog) -> None:
        """Write the list of selected projects to the catalog. Only a run does this."""
        catalog.changes.record()
        remember(self.listings, catalog)


def find_changes(session: Session, scope: Scope, *, allow_older: bool = False) -> Changes:
    """Compare the index's names and serials, and the folder, with the catalog.

    :param allow_older: accept a list of projects that is older than the last one
    :raises ListingError: the main index's list of projects is needed, and cannot be read
    """
    folder, catalog, progress = session.folder, session.catalog, session.progress
    tables = catalog.changes
    tables.begin()
    listings = select_projects(session, scope, allow_older=allow_older)
    of = f"checking the folder: {{:,}} of {counted(catalog.files.count())}"
    tracked = progress.counted(catalog.files.tracked(), of)
    damaged = [each for each in tracked if each.invalid or folder.size(each.filename) != each.size]
    tables.add_damaged((each.filename, each.project) for each in damaged)
    progress.stage("comparing with the last run")
    local = {name: scope.local_files_text(name) for name in scope.local_files if scope.projects.selects(name)}
    tables.find(scope.rules[0], _own_rules(scope, catalog), local, time.time())
    for name in scope.projects.named():
        if not tables.is_selected(name):
            scope.report_missing(name, session.summary)
    changes = Changes(tables.count(), [each.filename for each in damaged], listings)
    progress.expect_pages(changes.pages)
    _ask_for_pages(catalog, scope, progress)
    return changes


def _own_rules(scope: Scope, catalog: Catalog) -> Mapping[str, str]:
    """Return the digest of the rules for each project to which others apply than to most."""
    if len(scope.indexes.all) == 1:
        return scope.own_rules
    others = (name for name in catalog.changes.selected() if scope.indexes.number_of(name))
    return {**scope.own_rules, **{name: scope.rules_of(name) for name in others}}


def _ask_for_pages(catalog: Catalog, scope: Scope, progress: Progress) -> None:
    """If an index reports no serials, ask which of the mirrored pages have changed.

    This process asks: a run that has nothing to do starts no worker.
    """
    pages = _unread(catalog, scope.closure.validators, progress)
    first = next(pages, None)
    if first is None:
        return
    # Without such pages, a run needs neither libcurl nor asyncio.
    from minimirror.sync.page_checks import find_changed_pages  # noqa: PLC0415

    for changed in find_changed_pages(scope, chain([first], pages), progress):
        catalog.changes.mark_changed(changed)


def _unread(catalog: Catalog, validators: Mapping[str, str], progress: Progress) -> Iterator[ChangedProject]:
    """Yield the projects to ask for, without those whose page was just read."""
    for project in catalog.changes.to_ask():
        if project.name not in validators:
            yield project
        elif validators[project.name] != project.etag:
            catalog.changes.mark_changed([project.name])
        else:
            progress.pages_read(1)
