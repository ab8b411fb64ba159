"""The indexes' lists of projects: which of their projects are selected, compared with the last run."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from itertools import chain

from minimirror.common import either
from minimirror.selection import UnmatchedPatterns
from minimirror.simple_api import Listed
from minimirror.storage import Catalog
from minimirror.sync.scope import Scope
from minimirror.sync.session import Session
from minimirror.upstream import FetchError, ListingError, Root

__all__ = ["Listing", "remember", "select_projects"]

_ROOT = "root"
"""The catalog's key for the lists."""


@dataclass(frozen=True)
class Listing:
    """What is remembered of an index's list of projects."""

    index_url: str = ""
    rules: str = ""
    """Which projects were selected from it."""

    etag: str | None = None
    serial: int | None = None


def remember(listings: Sequence[Listing], catalog: Catalog) -> None:
    """Write to the catalog, without a commit, what the next run compares with its lists."""
    catalog.remember(_ROOT, json.dumps([asdict(each) for each in listings]))


def select_projects(session: Session, scope: Scope, *, allow_older: bool) -> list[Listing]:
    """Select the projects of each index, in ``catalog.changes``; return what to remember.

    :param allow_older: accept a list that is older than the last one
    :raises ListingError: the main index's list is needed, and cannot be read
    """
    lists = _Lists(session, scope, allow_older=allow_older)
    found = [lists.select(number) for number in range(len(scope.indexes.all))]
    lists.finish()
    return [listing for listing in found if listing]


class _Lists:
    def __init__(self, session: Session, scope: Scope, *, allow_older: bool) -> None:
        self._scope = scope
        self._progress = session.progress
        self._tables = session.catalog.changes
        self._summary = session.summary
        self._allow_older = allow_older
        self._last = [Listing(**each) for each in json.loads(session.catalog.recall(_ROOT) or "[]")]
        assigned = sorted(scope.indexes.assigned.items())
        self._rules = f"{scope.projects.fingerprint()}{scope.index_rules.fingerprint()}{assigned or ''}"
        self._unmatched = [
            (key, UnmatchedPatterns(patterns))
            for key, patterns in (
                ("projects", scope.projects.listed_patterns),
                ("exclude_projects", scope.projects.excluded_patterns),
            )
        ]
        self._unchanged: set[int] = set()
        self._has_several = len(scope.indexes.all) > 1

    def select(self, number: int) -> Listing | None:
        """Select the projects of one index."""
        index = self._scope.indexes.all[number]
        if not self._scope.needs_list(number):
            self._select_names(number)
            return None
        last = next((each for each in self._last if each.index_url == index.url), Listing())
        try:
            listing = self._read(number, last)
        except ListingError as error:
            if not (number or (error.unlisted and self._scope.names(number))):
                raise
            # One bad index costs only what its list would add.
            self._summary.fail(index.name or "projects", None, str(error), passes=error.passes)
            self._select_names(number)
            listing = last
        if listing is last:
            self._unchanged.add(number)
        return listing

    def _select_names(self, number: int) -> None:
        names = self._scope.names(number)
        for _, patterns in self._unmatched:
            for name in names:
                patterns.take(name)
        self._tables.select(((name, None) for name in names), more=self._tables.is_new_list)

    def _read(self, number: int, last: Listing) -> Listing:
        """Select from a list; return ``last`` if the last run's selection is still valid."""
        index, more = self._scope.indexes.all[number], self._tables.is_new_list

        def take(root: Root | None) -> Listing:
            if root is None:
                return last
            if self._is_older(root, last):
                older = f"older (serial {root.serial}) than the last one (serial {last.serial})"
                if last.rules != self._rules:
                    raise FetchError(
                        f"it is {older}; --allow-replace accepts it", transient=True, passes=False
                    )
                self._summary.note(f"{index.title}'s list of projects is {older}, so it was ignored")
                return last
            listed = self._selected(root, number, count=last.rules != self._rules)
            self._tables.select(chain(listed, self._scope.unlisted(number)), more=more)
            return Listing(index.url, self._rules, root.etag, root.serial)

        self._progress.stage(f"asking {index.title} for its projects")
        # The ETag is valid only for the same project rules.
        return index.read_listing(take, last.etag if last.rules == self._rules else None)

    def _is_older(self, root: Root, last: Listing) -> bool:
        if self._allow_older or root.serial is None or last.serial is None:
            return False
        return root.serial < last.serial

    def _selected(self, root: Root, number: int, *, count: bool) -> Iterator[Listed]:
        """Yield the selected projects of an index.

        :param count: drop the patterns that match one of them
        """
        selects, number_of = self._scope.projects.selects, self._scope.indexes.number_of
        reading = f"reading {self._scope.indexes.all[number].title}: {{:,}} projects"
        entries = self._progress.counted(root.listed, reading)
        if self._has_several:
            entries = (entry for entry in entries if number_of(entry[0]) == number)
        if not count:
            yield from (entry for entry in entries if selects(entry[0]))
            return
        (_, listed), (_, excluded) = self._unmatched
        for entry in entries:
            excluded.take(entry[0])
            if selects(entry[0]):
                listed.take(entry[0])
                yield entry

    def finish(self) -> None:
        """Select again what the unchanged lists have, and name what matches nothing."""
        scope, tables = self._scope, self._tables
        if self._unchanged and tables.is_new_list:
            known = (each for each in tables.known() if scope.indexes.number_of(each[0]) in self._unchanged)
            tables.select((each for each in known if scope.projects.selects(each[0])), more=True)
        has_news = scope.needs_list(0) and all(each.rules != self._rules for each in self._last)
        if has_news and not self._unchanged:
            for key, patterns in self._unmatched:
                if patterns.left:
                    self._summary.note(f"`{key}`: no project of the index matches {either(patterns.left)}")
        if self._has_several:
            self._note_unused()

    def _note_unused(self) -> None:
        """Name the indexes from which no project is selected: they may be meant to select."""
        indexes = self._scope.indexes
        used = {indexes.number_of(name) for name in self._tables.selected()}
        for number, index in enumerate(indexes.all):
            if number and number not in used:
                self._summary.note(
                    f"{index.title}: no selected project comes from it. Its `projects` do not select: name"
                    " what you want in the config's `projects`, too"
                )
