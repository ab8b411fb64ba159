"""Changes, the second step: which pages must be read, which projects are gone, which files are damaged.

Nothing is written but temporary tables, so that a preview finds the same changes as a run.
"""

from __future__ import annotations

import json
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from itertools import chain

from minimirror.common import Summary
from minimirror.storage import Catalog, ChangedProject, MirrorFolder
from minimirror.sync.progress import Progress
from minimirror.sync.scope import Scope
from minimirror.upstream import FetchError, ListingError, Root

__all__ = ["Changes", "find_changes"]

_ROOT = "root"
"""The catalog's key for the indexes' lists of projects."""


@dataclass(frozen=True)
class _Listing:
    """What is remembered of an index's list of projects."""

    index_url: str = ""
    rules: str = ""
    """Which projects were selected from it."""

    etag: str | None = None
    serial: int | None = None


@dataclass(frozen=True)
class Changes:
    """What has changed since the last run. The projects themselves are in ``catalog.changes``."""

    pages: int
    """Pages that may have to be read."""

    damaged: Sequence[str]
    """Files that are missing from the folder, or differ from the catalog."""

    listings: Sequence[_Listing]
    """For :meth:`record`."""

    def record(self, catalog: Catalog) -> None:
        """Write the list of selected projects to the catalog. Only a run does this."""
        catalog.changes.record()
        catalog.remember(_ROOT, json.dumps([asdict(each) for each in self.listings]))


def find_changes(  # noqa: PLR0913 - the step's inputs, each a value of its own
    scope: Scope,
    folder: MirrorFolder,
    catalog: Catalog,
    *,
    summary: Summary,
    progress: Progress,
    allow_older: bool = False,
) -> Changes:
    """Compare the index's names and serials, and the folder, with the catalog.

    :param allow_older: accept a list of projects that is older than the last one
    :raises ListingError: the main index's list of projects is needed, and cannot be read
    """
    tables = catalog.changes
    tables.begin()
    listings = _select(scope, catalog, summary, allow_older=allow_older)
    tables.add_damaged((each.filename, each.project) for each in catalog.files.damaged(folder.size))
    local = {name: scope.local_files_text(name) for name in scope.local_files if scope.projects.selects(name)}
    tables.find(scope.rules[0], _own_rules(scope, catalog), local, time.time())
    for name in scope.projects.named():
        if not tables.is_selected(name):
            summary.fail(name, None, f"{scope.indexes.of(name).title} has no project of that name")
    changes = Changes(tables.count(), tables.damaged(), listings)
    progress.expect_pages(changes.pages)
    _ask_for_pages(catalog, scope, progress)
    return changes


def _own_rules(scope: Scope, catalog: Catalog) -> Mapping[str, str]:
    """Return the digest of the rules for each project to which others apply than to most."""
    if len(scope.indexes.all) == 1:
        return scope.own_rules
    others = (name for name in catalog.changes.selected() if scope.indexes.number_of(name))
    return {**scope.own_rules, **{name: scope.rules_of(name) for name in others}}


def _select(scope: Scope, catalog: Catalog, summary: Summary, *, allow_older: bool) -> list[_Listing]:
    """Read the lists of selected projects, and return what the next run compares with them."""
    tables, number_of = catalog.changes, scope.indexes.number_of
    last = [_Listing(**each) for each in json.loads(catalog.recall(_ROOT) or "[]")]
    listings = []
    unchanged = set()
    for number, index in enumerate(scope.indexes.all):
        if not scope.needs_list(number):
            tables.select(((name, None) for name in scope.names(number)), more=tables.is_new_list)
            continue
        before = next((each for each in last if each.index_url == index.url), _Listing())
        try:
            listing = _read_list(scope, catalog, number, before, summary, allow_older=allow_older)
        except ListingError as error:
            names = scope.names(number)
            if not (number or (error.unlisted and names)):
                raise
            # One bad index costs only what its list would add.
            summary.fail(index.name or "projects", None, str(error))
            tables.select(((name, None) for name in names), more=tables.is_new_list)
            listing = before
        listings.append(listing)
        if listing is before:
            unchanged.add(number)
    if unchanged and tables.is_new_list:
        known = (each for each in tables.known() if number_of(each[0]) in unchanged)
        tables.select((each for each in known if scope.projects.selects(each[0])), more=True)
    _note_unused(scope, catalog, summary)
    return listings


def _read_list(  # noqa: PLR0913 - what a list is compared with
    scope: Scope, catalog: Catalog, number: int, last: _Listing, summary: Summary, *, allow_older: bool
) -> _Listing:
    """Select from an index's list of projects; return ``last`` if the last run's selection is still valid."""
    index, selects = scope.indexes.all[number], scope.projects.selects
    assigned = sorted(scope.indexes.assigned.items())
    rules = f"{scope.projects.fingerprint()}{scope.index_rules.fingerprint()}{assigned or ''}"
    is_single, more = len(scope.indexes.all) == 1, catalog.changes.is_new_list

    def take(root: Root | None) -> _Listing:
        if root is None:
            return last
        if _is_older(root, last) and not allow_older:
            older = f"older (serial {root.serial}) than the last one (serial {last.serial})"
            if last.rules != rules:
                raise FetchError(f"it is {older}; --allow-replace accepts it", transient=True)
            summary.note(f"{index.title}'s list of projects is {older}, so it was ignored")
            return last
        listed = (
            entry
            for entry in root.listed
            if selects(entry[0]) and (is_single or scope.indexes.number_of(entry[0]) == number)
        )
        catalog.changes.select(listed, more=more)
        return _Listing(index.url, rules, root.etag, root.serial)

    # The ETag is valid only for the same project rules.
    return index.read_listing(take, last.etag if last.rules == rules else None)


def _note_unused(scope: Scope, catalog: Catalog, summary: Summary) -> None:
    """Name the indexes from which no project is selected: they may be meant to select."""
    if len(scope.indexes.all) == 1:
        return
    used = {scope.indexes.number_of(name) for name in catalog.changes.selected()}
    for number, index in enumerate(scope.indexes.all):
        if number and number not in used:
            summary.note(
                f"{index.title}: no selected project comes from it. Its `projects` do not select: name what"
                " you want in the config's `projects`, too"
            )


def _is_older(root: Root, last: _Listing) -> bool:
    return root.serial is not None and last.serial is not None and root.serial < last.serial


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
