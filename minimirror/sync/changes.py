"""Changes, the second step: which pages must be read, which projects are gone, which files are damaged.

Nothing is written but temporary tables, so that a preview finds the same changes as a run.
"""

from __future__ import annotations

import json
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from itertools import chain

from minimirror.common import Summary, either
from minimirror.selection import UnmatchedPatterns
from minimirror.simple_api import Listed
from minimirror.storage import Catalog, ChangedProject, MirrorFolder
from minimirror.sync.progress import Progress
from minimirror.sync.scope import Scope
from minimirror.sync.workers.worker import WorkerSettings
from minimirror.upstream import FetchError, Index, Root

__all__ = ["Changes", "find_changes"]

_ROOT = "root"
"""The catalog's key for the index's list of projects."""


@dataclass(frozen=True)
class _Listing:
    """What is remembered of the index's list of projects."""

    index_url: str = ""
    rules: str = ""
    """Which projects were selected from it."""

    etag: str | None = None
    serial: int | None = None

    @classmethod
    def recall(cls, catalog: Catalog, index_url: str) -> _Listing:
        """Return what the last run remembered, if it was of the same index."""
        found = cls(**json.loads(catalog.recall(_ROOT) or "{}"))
        return found if found.index_url == index_url else cls()

    def remember(self, catalog: Catalog) -> None:
        """Write it to the catalog, without a commit."""
        catalog.remember(_ROOT, json.dumps(asdict(self)))


@dataclass(frozen=True)
class Changes:
    """What has changed since the last run. The projects themselves are in ``catalog.changes``."""

    pages: int
    """Pages that may have to be read."""

    damaged: Sequence[str]
    """Files that are missing from the folder, or differ from the catalog."""

    listing: _Listing
    """For :meth:`record`."""

    def record(self, catalog: Catalog) -> None:
        """Write the list of selected projects to the catalog. Only a run does this."""
        catalog.changes.record()
        self.listing.remember(catalog)


def find_changes(  # noqa: PLR0913 - the step's inputs, each a value of its own
    scope: Scope,
    folder: MirrorFolder,
    catalog: Catalog,
    index: Index,
    *,
    summary: Summary,
    progress: Progress,
    allow_older: bool = False,
) -> Changes:
    """Compare the index's names and serials, and the folder, with the catalog.

    :param allow_older: accept a list of projects that is older than the last one
    :raises ListingError: the index's list of projects is needed, and cannot be read
    """
    tables = catalog.changes
    tables.begin()
    listing = _select(scope, catalog, index, summary, allow_older=allow_older)
    tables.add_damaged((each.filename, each.project) for each in catalog.files.damaged(folder.size))
    local = {name: scope.local_files_text(name) for name in scope.local_files if scope.projects.selects(name)}
    tables.find(scope.rules, scope.own_rules, local, time.time())
    for name in scope.projects.named():
        if not tables.is_selected(name):
            summary.fail(name, None, "the index has no project of that name")
    changes = Changes(tables.count(), tables.damaged(), listing)
    progress.expect_pages(changes.pages)
    _ask_for_pages(catalog, scope.settings, scope.closure.validators, progress)
    return changes


def _select(scope: Scope, catalog: Catalog, index: Index, summary: Summary, *, allow_older: bool) -> _Listing:
    """Read the list of selected projects, and return what the next run compares with it."""
    if not scope.projects.needs_root:
        catalog.changes.select((name, None) for name in scope.projects.named())
        return _Listing()
    last = _Listing.recall(catalog, index.url)
    rules = scope.projects.fingerprint()

    def take(root: Root | None) -> _Listing:
        if root is None:
            return last
        if _is_older(root, last) and not allow_older:
            older = f"older (serial {root.serial}) than the last one (serial {last.serial})"
            if last.rules != rules:
                raise FetchError(f"it is {older}; --allow-replace accepts it", transient=True)
            summary.note(f"the index's list of projects is {older}, so it was ignored")
            return last
        listed = _selected(root, scope, summary if last.rules != rules else None)
        catalog.changes.select(chain(listed, ((name, None) for name in scope.alone)))
        return _Listing(index.url, rules, root.etag, root.serial)

    # The ETag is valid only for the same project rules.
    return index.read_listing(take, last.etag if last.rules == rules else None)


def _selected(root: Root, scope: Scope, summary: Summary | None) -> Iterator[Listed]:
    """Yield the selected projects of the index.

    :param summary: gets a note on the patterns that match none of its projects
    """
    projects = scope.projects
    if summary is None:
        yield from (entry for entry in root.listed if projects.selects(entry[0]))
        return
    listed = UnmatchedPatterns(projects.listed_patterns)
    excluded = UnmatchedPatterns(projects.excluded_patterns)
    for entry in root.listed:
        excluded.take(entry[0])
        if projects.selects(entry[0]):
            listed.take(entry[0])
            yield entry
    for key, patterns in (("projects", listed.left), ("exclude_projects", excluded.left)):
        if patterns:
            summary.note(f"`{key}`: no project of the index matches {either(patterns)}")


def _is_older(root: Root, last: _Listing) -> bool:
    return root.serial is not None and last.serial is not None and root.serial < last.serial


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
