"""Names and serials: which projects are wanted, and which of their pages have to be read."""

from __future__ import annotations

import hashlib
import time
from collections.abc import Iterator, Mapping, Sequence
from itertools import islice
from multiprocessing.pool import ThreadPool

from minimirror.selection import ProjectRules, Rules
from minimirror.simple_api import PageError
from minimirror.storage import Catalog, ProjectRow
from minimirror.upstream import FetchError, Index, ListingError

__all__ = ["Listing"]


class Listing:
    """The wanted projects, as the index lists them and the catalog knows them."""

    def __init__(
        self,
        index: Index,
        catalog: Catalog,
        projects: ProjectRules,
        rules: Rules,
        unknown: Mapping[str, Sequence[str]],
    ) -> None:
        """Begin with what is known before the index is asked.

        :param unknown: files in the folder that minimirror did not place, by the project they seem to be of
        """
        self._unknown = unknown
        self._index = index
        self._catalog = catalog
        self._projects = projects
        self._rules = rules
        self._rules_of_most = rules.fingerprint([index.url])
        self.unchanged = 0
        """Projects that were asked for and whose page is the same as at the last run."""
        self.validators: Mapping[str, str] = {}
        """What stands for those pages, by project, that were looked at just now: they are not asked for."""
        self._other: set[str] = set()

    def close(self) -> None:
        """Close the connections."""
        self._index.client.close()

    def refresh(self) -> None:
        """Learn from the index which projects there are, and note in the catalog which have changed.

        :raises ListingError: the list of projects is needed, and cannot be had or read
        """
        self._expect_selection()
        if self._projects.needs_root:
            try:
                self._index.retry.call(self._read_root)
            except (FetchError, PageError) as error:
                raise ListingError(
                    f"index {self._index.url}: its list of projects cannot be read: {error}"
                ) from error
        else:
            self._catalog.list_projects((name, None) for name in self._projects.named())
            self._catalog.remember("root", None)
        self._catalog.expect_private(self.rules_of, self._unknown)
        self._catalog.expect_due(time.time())
        self._catalog.commit()

    def rules_of(self, project: str) -> str:
        """The fingerprint of the selection that applies to a project."""
        texts = self._projects.request(project).texts()
        found = self._rules.fingerprint([self._index.url, *texts]) if texts else self._rules_of_most
        if unknown := self._unknown.get(project):
            # It may make the project private, so that nothing of it is selected.
            return f"{found}+{hashlib.sha256(repr(unknown).encode()).hexdigest()[:16]}"
        return found

    def _expect_selection(self) -> None:
        """Have those pages read anew to which other rules were applied, or which are another index's."""
        projects = self._projects
        named = [text for name in projects.named() for text in (name, *projects.request(name).texts())]
        now = self._rules.fingerprint([self._index.url, *named])
        if self._catalog.recall("selection") != now:
            self._catalog.expect_rules(self.rules_of)
            self._catalog.remember("selection", now)

    def _read_root(self, deadline: float) -> None:
        # The ETag stands for what the catalog took from the root, so for these rules on this index alone.
        scope = f"{self._index.url} {self._projects.fingerprint()} "
        remembered = self._catalog.recall("root") or ""
        etag = remembered[len(scope) :] if remembered.startswith(scope) else None
        with self._index.root(etag, deadline) as root:
            if root is None:
                return
            self._catalog.list_projects(entry for entry in root.listed if self._projects.wants(entry[0]))
            self._catalog.remember("root", scope + root.etag if root.etag else None)

    def missing(self) -> list[str]:
        """The projects that the config names and the index's list does not."""
        if not self._projects.needs_root:
            return []
        rows = ((name, self._catalog.project(name)) for name in self._projects.named())
        return [name for name, row in rows if row is None or row.gone]

    def ask(self, threads: int) -> Iterator[None]:
        """Where the index tells no serials, learn which of the pages that were read before have changed.

        They are asked for here, by conditional requests in as many threads: a run that has nothing to do
        starts no worker. Yields now and then, so that progress can be shown.
        """
        rows = (row for row in self._catalog.changed_projects() if _can_be_asked_for(row))
        batch = list(islice(rows, 16 * threads))
        if not batch:
            return
        # Not concurrent.futures: at Ctrl-C nothing waits for these threads, whatever they wait for.
        with ThreadPool(threads) as pool:
            while batch:
                changed = pool.map(self._has_changed, batch, chunksize=1)
                self._other.update(row.name for row, other in zip(batch, changed, strict=True) if other)
                self.unchanged += changed.count(False)
                yield
                batch = list(islice(rows, 16 * threads))

    def changed(self) -> Iterator[ProjectRow]:
        """The projects whose page has to be read, once :meth:`ask` is done."""
        for row in self._catalog.changed_projects():
            if not _can_be_asked_for(row) or row.name in self._other:
                yield row

    def _has_changed(self, row: ProjectRow) -> bool:
        if row.name in self.validators:
            return self.validators[row.name] != row.etag
        try:
            return self._index.changed(row.name, row.etag or "")
        except FetchError:
            # A worker will find out what is wrong, and say so.
            return True


def _can_be_asked_for(row: ProjectRow) -> bool:
    return row.listed is None and row.etag is not None
