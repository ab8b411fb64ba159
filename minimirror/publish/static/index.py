"""Keep the static index up to date: files before pages, pages before deletions.

A page is drafted: written to the partial folder if it differs from the one that is there. Once that is
synced, the draft is placed: metadata files beside their wheels, then the pages. Once that is synced too, the
page is current. Until then it stays stale in the catalog, and the next run drafts it again.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from itertools import islice

from minimirror.common import Summary, counted, open_regular
from minimirror.config import Config
from minimirror.publish.static.check import wrong_metadata
from minimirror.publish.static.content import PageContent, find_content
from minimirror.publish.static.pages import HTML, JSON, open_pages
from minimirror.publish.static.wheel_metadata import SUFFIX
from minimirror.simple_api import root_html, root_json
from minimirror.storage import Catalog, DiskFullError, MetadataRow, Repository, record_local_files

__all__ = ["StaticIndex", "open_static_index"]

log = logging.getLogger("minimirror")

_BATCH = 500
"""Pages that share a sync."""

_AHEAD = 50
"""Pages whose wheels are read together: their metadata is in memory."""

_KNOWN = "simple"
"""The key under which the catalog remembers that it knows what is in the folder."""


@dataclass(frozen=True)
class _Draft:
    """A project's pages, written and not yet placed."""

    project: str
    listed: bool
    """Whether the root is to list the project."""

    pages: tuple[tuple[str, str], ...]
    """Each page that changes: its name in the partial folder, and its own."""

    metadata: tuple[MetadataRow, ...]
    """The rows of new metadata files."""

    placed_beside: tuple[str, ...]
    """Metadata files to place: the same name in the partial folder and in the mirror."""

    deleted_beside: tuple[str, ...]
    """Metadata files to delete, all of them placed by minimirror."""

    @property
    def changes(self) -> bool:
        return bool(self.pages or self.placed_beside)


def open_static_index(
    config: Config, catalog: Catalog, folder: Repository, summary: Summary
) -> StaticIndex | None:
    """Open the static index; None if the mirror needs none.

    An existing one is kept up to date, even if the config does not ask for one.

    :raises FolderError: minimirror did not create the folder ``simple``, or it cannot be created
    """
    index = StaticIndex(catalog, folder, summary)
    if config.simple or index.store.exists:
        index.begin()
        return index
    index.remove()
    return None


class StaticIndex:
    """The static index of a mirror."""

    def __init__(self, catalog: Catalog, folder: Repository, summary: Summary) -> None:
        self._catalog = catalog
        self._pages = catalog.pages
        self._folder = folder
        self._summary = summary
        self.store = open_pages(folder)
        """Where the pages are."""
        self._reported: set[str] = set()
        """Projects whose page could not be written."""
        self.written = 0
        """Projects whose pages were written."""

    def begin(self) -> None:
        """Create the folder if it does not exist, and find metadata files that were changed or deleted.

        :raises FolderError: minimirror did not create the folder ``simple``, or it cannot be created
        """
        known = self.store.exists and self._catalog.recall(_KNOWN) is not None
        with self._folder.explained():
            self.store.create()
        if not known:
            self.invalidate_all()
        self._pages.invalidate_metadata(wrong_metadata(self._catalog, self._folder, read=False))
        self._catalog.commit()

    def invalidate_all(self) -> None:
        """Make every page be compared again, and every wheel without metadata be read again."""
        self._pages.invalidate_all()
        self._pages.retry_metadata()
        self._catalog.remember(_KNOWN, None)

    def publish(
        self, local_files: Iterable[str] | None = None, tell: Callable[[str], None] = lambda _: None
    ) -> None:
        """Update the pages, the root and the metadata files to match the folder.

        A page that cannot be written is reported as a failure.

        :param local_files: all files in the folder that minimirror did not place; None: unchanged
        :param tell: called with what is being done
        :raises FolderError: the disk is full, or the folder cannot be used
        """
        if local_files is not None:
            record_local_files(self._pages, self._folder, local_files)
        with self._folder.explained():
            self._publish_each(self._pages.stale(), frozenset(), tell)
            self._publish_root()
            self._delete_empty()
            self._delete_metadata()
        self._catalog.remember(_KNOWN, "1")
        self._catalog.commit()

    def publish_projects(self, projects: Iterable[str], without: Collection[str] = ()) -> set[str]:
        """Update the pages of some projects, so that files may be replaced or deleted.

        :param without: filenames that the pages must no longer list
        :returns: the projects whose pages could not be written; each is reported as a failure
        :raises FolderError: the disk is full, or the folder cannot be used
        """
        with self._folder.explained():
            return self._publish_each(iter(projects), without)

    def _publish_each(
        self, projects: Iterator[str], without: Collection[str], tell: Callable[[str], None] = lambda _: None
    ) -> set[str]:
        failed: set[str] = set()
        unconfirmed: list[_Draft] = []
        count = 0
        while names := list(islice(projects, _BATCH)):
            count += len(names)
            tell(f"updating the static index: {counted(count, 'page')}")
            drafts = list(self._drafts(names, without))
            if any(draft.changes for draft in drafts):
                self._folder.sync()  # the drafts, and the renames of the previous batch
                self._confirm(unconfirmed)
                unconfirmed = []
            self._announce(drafts)
            self._catalog.commit()
            placed = list(self._placed(drafts))
            failed |= {*names} - {draft.project for draft in placed}
            unconfirmed += (draft for draft in placed if draft.changes)
            self._confirm(draft for draft in placed if not draft.changes)
        if unconfirmed:
            self._folder.sync()
            self._confirm(unconfirmed)
        # Until these files are deleted, their pages differ from the catalog.
        self._pages.invalidate_files(without)
        self._catalog.commit()
        return failed

    def _drafts(self, projects: Sequence[str], without: Collection[str]) -> Iterator[_Draft]:
        """Draft the pages of projects; yield those for which that worked."""
        for start in range(0, len(projects), _AHEAD):
            contents = [
                (name, find_content(self._catalog, self._folder, name, without=without))
                for name in projects[start : start + _AHEAD]
            ]
            for name, content in contents:
                with self._failures_of(name):
                    yield self._draft(name, content())

    def _placed(self, drafts: Sequence[_Draft]) -> Iterator[_Draft]:
        """Place drafts; yield those for which that worked."""
        place = partial(self._folder.place, replace=True)
        waits = [[self._folder.submit(place, name, name) for name in each.placed_beside] for each in drafts]
        for draft, beside in zip(drafts, waits, strict=True):
            with self._failures_of(draft.project):
                self._place(draft, beside)
                yield draft

    @contextmanager
    def _failures_of(self, project: str) -> Iterator[None]:
        """Report that a project's page cannot be written, once.

        :raises OSError: the disk is full
        """
        try:
            yield
        except OSError as error:
            if isinstance(self._folder.unusable(error), DiskFullError):
                raise
            if project not in self._reported:
                self._reported.add(project)
                self._summary.fail(project, None, f"its page cannot be written: {error.strerror or error}")

    def _draft(self, project: str, content: PageContent) -> _Draft:
        """Write a project's pages, and missing metadata files, to the partial folder."""
        # An empty page is written too. It is deleted when the root no longer lists it.
        is_kept = content.listed or self._pages.is_listed(project)
        pages = [
            (staged, name)
            for name, page in (content.render().items() if is_kept else ())
            if (staged := self.store.stage(project, name, page))
        ]
        for each in content.beside:
            if each.content is not None:
                path = self._folder.partial / each.name
                with open(path, "wb", opener=open_regular) as stream:
                    stream.write(each.content)
            if each.occupied:
                self._summary.note(
                    f"{each.name}: minimirror did not write this file, so the static index does not offer it;"
                    " delete it and run `minimirror index` to write a new one"
                )
        return _Draft(
            project,
            content.listed,
            tuple(pages),
            tuple(each.row for each in content.beside if each.is_new),
            tuple(each.name for each in content.beside if each.content is not None),
            tuple(each.name for each in content.beside if each.outdated),
        )

    def _announce(self, drafts: Iterable[_Draft]) -> None:
        """Record metadata files before they are placed or deleted, so that a kill leaves none untracked.

        While a file may belong to an earlier wheel, its row names no wheel.
        """
        for draft in drafts:
            self._pages.put_metadata(row._replace(wheel="") for row in draft.metadata if row.sha256)
            self._pages.detach_metadata(row.filename for row in draft.metadata if not row.sha256)

    def _place(self, draft: _Draft, waits: Iterable[Callable[[], None]]) -> None:
        """Place a draft.

        :param waits: what places the metadata files, before the pages that offer them
        """
        for wait in waits:
            wait()
        for name in draft.deleted_beside:
            self._folder.delete(name)
        for staged, name in draft.pages:
            self.store.place(staged, draft.project, name)
        self._pages.placed(draft.project, listed=draft.listed)
        if draft.changes:
            self.written += 1
            log.info("published %s", draft.project)

    def _confirm(self, drafts: Iterable[_Draft]) -> None:
        for draft in drafts:
            self._pages.put_metadata(draft.metadata)
            self._pages.confirm(draft.project)

    def _publish_root(self) -> None:
        if not self._pages.is_root_stale() and self.store.has(""):
            return
        pages = [
            (staged, name)
            for name, render in ((HTML, root_html), (JSON, root_json))
            if (staged := self.store.stage_root(name, render(self._pages.listed())))
        ]
        if pages:
            self._folder.sync()
            for staged, name in pages:
                self.store.place(staged, "", name)
            self._folder.sync()
        self._pages.set_root_stale(stale=False)
        self._catalog.commit()

    def _delete_empty(self) -> None:
        """Delete empty pages, now that the root does not list them."""
        empty = list(self._pages.empty())
        for project in empty:
            self.store.delete(project)
        if empty:
            self._folder.sync()
            self._pages.untrack(empty)
        if self._catalog.recall(_KNOWN) is None:
            # Pages from before the catalog was lost.
            for project in list(self.store.projects()):
                if not self._pages.is_listed(project):
                    self.store.delete(project)

    def _delete_metadata(self) -> None:
        """Delete metadata files that minimirror placed beside wheels that are gone."""
        gone = self._pages.gone_metadata()
        for filename, placed in gone:
            if placed:
                self._folder.delete(filename + SUFFIX)
        if gone:
            self._folder.sync()
            self._pages.untrack_metadata(filename for filename, _ in gone)

    def remove(self) -> None:
        """Delete everything that minimirror created: the pages, their folder, and the metadata files.

        :raises FolderError: it cannot be deleted
        """
        if not self.store.exists and not self._pages.has_metadata():
            return
        self._pages.drop_metadata()
        self._pages.unlist_all()
        self._catalog.remember(_KNOWN, None)
        self._catalog.commit()
        with self._folder.explained():
            if self.store.exists:
                self.store.delete_all()
            self._delete_metadata()
        self._catalog.commit()
