"""Changes, the second step: which pages must be read, which projects are gone, which files are damaged.

Nothing is written but temporary tables, so that a preview finds the same changes as a run.
"""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import chain

from minimirror.common import Summary
from minimirror.storage import Catalog, ChangedProject, MirrorFolder
from minimirror.sync.progress import Progress
from minimirror.sync.scope import Scope
from minimirror.sync.workers.worker import WorkerSettings
from minimirror.upstream import Index, Root

__all__ = ["Changes", "find_changes"]

_ROOT = "root"
"""The catalog's key for the validator of the index's list of projects."""


@dataclass(frozen=True)
class Changes:
    """What has changed since the last run. The projects themselves are in ``catalog.changes``."""

    pages: int
    """Pages that may have to be read."""

    damaged: Sequence[str]
    """Files that are missing from the folder, or differ from the catalog."""

    root: str | None
    """The validator of the index's list of projects, for :meth:`record`."""

    def record(self, catalog: Catalog) -> None:
        """Write the list of selected projects to the catalog. Only a run does this."""
        catalog.changes.record()
        catalog.remember(_ROOT, self.root)


def find_changes(  # noqa: PLR0913 - the step's inputs, each a value of its own
    scope: Scope,
    folder: MirrorFolder,
    catalog: Catalog,
    index: Index,
    *,
    summary: Summary,
    progress: Progress,
) -> Changes:
    """Compare the index's names and serials, and the folder, with the catalog.

    :raises ListingError: the index's list of projects is needed, and cannot be read
    """
    tables = catalog.changes
    tables.begin()
    root = _select(scope, catalog, index)
    tables.add_damaged((each.filename, each.project) for each in catalog.files.damaged(folder.size))
    local = {name: scope.local_files_text(name) for name in scope.local_files if scope.projects.selects(name)}
    tables.find(scope.rules, scope.own_rules, local, time.time())
    for name in scope.projects.named():
        if not tables.is_selected(name):
            summary.fail(name, None, "the index has no project of that name")
    changes = Changes(tables.count(), tables.damaged(), root)
    progress.expect_pages(changes.pages)
    _ask_for_pages(catalog, scope.settings, scope.closure.validators, progress)
    return changes


def _select(scope: Scope, catalog: Catalog, index: Index) -> str | None:
    """Read the list of selected projects, and return its validator."""
    if not scope.projects.needs_root:
        catalog.changes.select((name, None) for name in scope.projects.named())
        return None
    remembered = catalog.recall(_ROOT) or ""
    # The ETag is valid only for the same index and project rules.
    prefix = f"{index.url} {scope.projects.fingerprint()} "
    etag = remembered[len(prefix) :] if remembered.startswith(prefix) else None

    def take(root: Root | None) -> str | None:
        if root is None:
            return remembered
        catalog.changes.select(entry for entry in root.listed if scope.projects.selects(entry[0]))
        return prefix + root.etag if root.etag else None

    return index.read_listing(take, etag)


def _ask_for_pages(
    catalog: Catalog, settings: WorkerSettings, validators: Mapping[str, str], progress: Progress
) -> None:
    """If the index reports no serials, ask which of the mirrored pages have changed.

    This process asks: a run that has nothing to do starts no worker.

    :param validators: of pages that were just read, which need no request
    """
    pages = _unread(catalog, validators, progress)
    first = next(pages, None)
    if first is None:
        return
    # Without such pages, a run needs neither libcurl nor asyncio.
    from minimirror.sync.page_checks import find_changed_pages  # noqa: PLC0415

    for changed in find_changed_pages(settings, chain([first], pages), progress):
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
