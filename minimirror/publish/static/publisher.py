"""Keeps the static index true: files, then pages; pages, then removals.

A page is drafted: written to the partial folder if it differs from the one that is there. Once that is
synced, the draft is placed: the metadata files are renamed to their wheels, then the pages to their places.
Once that is synced too, the page is settled. Whatever ends a run in between, the page stays stale in the
catalog, and the next run drafts it again.
"""

from __future__ import annotations

import errno
import logging
from collections.abc import Collection, Iterable
from dataclasses import dataclass
from itertools import islice

from minimirror.common import Summary
from minimirror.config import Config
from minimirror.publish.static.check import wrong_metadata
from minimirror.publish.static.content import find_content
from minimirror.publish.static.folder import HTML, JSON, Folder
from minimirror.publish.static.metadata import SUFFIX
from minimirror.simple_api import root_html, root_json
from minimirror.storage import Catalog, MetadataRow, MirrorFolder, take_own_files

__all__ = ["Draft", "Publisher", "publisher_of"]

log = logging.getLogger("minimirror")

_BATCH = 500
"""Pages that share a sync."""

_KNOWN = "simple"
"""The key under which the catalog remembers that it knows what is in the folder."""


@dataclass(frozen=True)
class Draft:
    """A project's pages as they shall be, and what has to be there before."""

    project: str
    listed: bool
    """Whether the root is to name the project."""

    pages: tuple[tuple[str, str], ...]
    """Of each page that changes: its name in the partial folder, and in its own."""

    metadata: tuple[MetadataRow, ...]
    """What is new beside wheels."""

    beside: tuple[str, ...]
    """Names of the metadata files to place, in the partial folder and in the repository."""

    dropped: tuple[str, ...]
    """Names of those that minimirror placed and that are to be there no more."""

    @property
    def changes(self) -> bool:
        """Whether anything is to be placed."""
        return bool(self.pages or self.beside)


def publisher_of(
    config: Config, catalog: Catalog, repository: MirrorFolder, summary: Summary
) -> Publisher | None:
    """What publishes the repository; None where there is to be no static index.

    One that is there is kept true, whatever the config says.

    :raises FolderError: the folder ``simple`` is somebody's own, or cannot be made
    """
    publisher = Publisher(catalog, repository, summary)
    if config.simple or publisher.is_here:
        publisher.begin()
        return publisher
    publisher.remove()
    return None


class Publisher:
    """The static index of a repository."""

    def __init__(self, catalog: Catalog, repository: MirrorFolder, summary: Summary) -> None:
        self._catalog = catalog
        self._pages = catalog.pages
        self._repository = repository
        self._summary = summary
        self._folder = Folder(repository)
        self._beside: set[str] = set()
        self.written = 0
        """Projects of which something was placed."""

    @property
    def is_here(self) -> bool:
        """Whether there is a static index that minimirror has made."""
        return self._folder.is_here

    @property
    def partials(self) -> set[str]:
        """Names in the partial folder of what is to be placed."""
        return self._folder.staged | self._beside

    def begin(self) -> None:
        """Make the folder where there is none, and find what was changed behind minimirror's back.

        :raises FolderError: the folder ``simple`` is somebody's own, or cannot be made
        """
        known = self._folder.is_here and self._catalog.recall(_KNOWN) is not None
        try:
            self._folder.make()
        except OSError as error:
            raise self._repository.unusable(error) from None
        if not known:
            self.doubt_all()
        self._pages.doubt_metadata(wrong_metadata(self._catalog, self._repository, read=False))
        self._catalog.commit()

    def doubt_all(self) -> None:
        """Have every page be compared, and every wheel that had no metadata be read again."""
        self._pages.mark_all()
        self._pages.retry_metadata()
        self._catalog.remember(_KNOWN, None)

    def take_own_files(self, unknown: Iterable[str]) -> None:
        """Learn of the distribution files that minimirror did not place.

        :param unknown: the names of all files in the folder that it did not place
        """
        take_own_files(self._pages, self._repository, unknown)

    # One project

    def draft(self, project: str, without: Collection[str] = ()) -> Draft:
        """Write a project's pages, and what is missing beside its wheels, to the partial folder.

        :param without: files that are here and are to be named no more
        :raises OSError: they cannot be written
        """
        content = find_content(
            self._catalog, self._repository, project, without=without, stage=self._stage_beside
        )
        pages: list[tuple[str, str]] = []
        # A page that names nothing is written too: it goes once the root names it no more.
        if content.listed or self._pages.is_listed(project):
            for name, page in content.render().items():
                if partial := self._folder.stage(project, name, page):
                    pages.append((partial, name))
        for name in (name for name, each in content.beside.items() if each.occupied):
            self._summary.note(
                f"{name}{SUFFIX}: is not minimirror's, so that the static index does not offer it; delete"
                " it, and `minimirror index` makes one"
            )
        beside = content.beside.values()
        return Draft(
            project,
            content.listed,
            tuple(pages),
            tuple(each.row for each in beside if each.is_new),
            tuple(each.row.filename + SUFFIX for each in beside if each.staged),
            tuple(each.row.filename + SUFFIX for each in beside if each.drops),
        )

    def _stage_beside(self, name: str, content: bytes) -> None:
        self._beside.add(name)
        (self._repository.partial / name).write_bytes(content)

    def register(self, drafts: Iterable[Draft]) -> None:
        """Enter into the catalog what is about to be placed; to be committed before it is.

        While a metadata file may be an earlier wheel's or this one's, its row fits neither; one that has to
        go is known for minimirror's own until it is gone.
        """
        for draft in drafts:
            self._pages.put_metadata(row._replace(wheel="") for row in draft.metadata if row.sha256)
            self._pages.unfit_metadata(row.filename for row in draft.metadata if not row.sha256)

    def place(self, draft: Draft) -> None:
        """Move what was drafted, and synced since, to its place.

        :raises OSError: it cannot be moved
        """
        for name in draft.beside:
            self._beside.discard(name)
            # The catalog has been told that it is minimirror's, if it is there.
            self._repository.place(name, name, replace=True)
        for name in draft.dropped:
            self._repository.delete(name)
        for partial, name in draft.pages:
            self._folder.place(partial, draft.project, name)
        self._pages.placed(draft.project, listed=draft.listed)
        if draft.changes:
            self.written += 1
            log.info("published %s", draft.project)

    def settle(self, drafts: Iterable[Draft]) -> None:
        """Take for true what was placed, and synced since."""
        for draft in drafts:
            self._pages.put_metadata(draft.metadata)
            self._pages.settle(draft.project)

    # All of them

    def publish(self, leaving: Collection[str] = ()) -> None:
        """Bring every page that is stale, the root, and what is beside wheels to what holds now.

        A page that cannot be written is noted as missing.

        :param leaving: files that are here and are to be named no more
        :raises FolderError: the disk is full, or the folder cannot be used
        """
        self._pages.mark_files(leaving)
        try:
            self._publish_stale(leaving)
            self._publish_root()
            self._remove_empty()
            self._remove_metadata()
        except OSError as error:
            raise self._repository.unusable(error) from None
        self._catalog.remember(_KNOWN, "1")
        self._catalog.commit()

    def _publish_stale(self, leaving: Collection[str]) -> None:
        stale = self._pages.stale()
        changed: list[Draft] = []
        while names := list(islice(stale, _BATCH)):
            drafts = [draft for name in names if (draft := self._try_to_draft(name, leaving))]
            if any(draft.changes for draft in drafts):
                # Which has the renames of an earlier batch, too.
                self._repository.sync()
                self.settle(changed)
                changed = []
            self.register(drafts)
            self._catalog.commit()
            placed = list(filter(self._try_to_place, drafts))
            changed += (draft for draft in placed if draft.changes)
            self.settle(draft for draft in placed if not draft.changes)
        if changed:
            self._repository.sync()
            self.settle(changed)
        # Until they are gone, these pages are not what the catalog has.
        self._pages.mark_files(leaving)
        self._catalog.commit()

    def _try_to_draft(self, project: str, leaving: Collection[str]) -> Draft | None:
        try:
            return self.draft(project, leaving)
        except OSError as error:
            self._fail(project, error)
            return None

    def _try_to_place(self, draft: Draft) -> bool:
        try:
            self.place(draft)
        except OSError as error:
            self._fail(draft.project, error)
            return False
        return True

    def _fail(self, project: str, error: OSError) -> None:
        if error.errno in {errno.ENOSPC, errno.EDQUOT}:
            raise error
        self._summary.fail(project, None, f"its page cannot be written: {error.strerror or error}")

    def _publish_root(self) -> None:
        if not self._pages.is_root_stale() and self._folder.has(""):
            return
        staged = [
            (partial, name)
            for name, render in ((HTML, root_html), (JSON, root_json))
            if (partial := self._folder.stage_stream(name, render(self._pages.listed())))
        ]
        if staged:
            self._repository.sync()
            for partial, name in staged:
                self._folder.place(partial, "", name)
            self._repository.sync()
        self._pages.mark_root(stale=False)
        self._catalog.commit()

    def _remove_empty(self) -> None:
        """Remove the pages that name nothing, now that the root does not name them."""
        empty = list(self._pages.empty())
        for project in empty:
            self._folder.remove(project)
        if empty:
            self._repository.sync()
            self._pages.forget(empty)
        if self._catalog.recall(_KNOWN) is None:
            # Those of a catalog that was lost.
            for project in list(self._folder.projects()):
                if not self._pages.is_listed(project):
                    self._folder.remove(project)

    def _remove_metadata(self) -> None:
        """Remove what minimirror placed beside wheels that are gone."""
        gone = self._pages.gone_metadata()
        for filename, placed in gone:
            if placed:
                self._repository.delete(filename + SUFFIX)
        if gone:
            self._repository.sync()
            self._pages.forget_metadata(filename for filename, _ in gone)

    def remove(self) -> None:
        """Remove what minimirror has made: the pages, their folder, and the metadata files.

        :raises FolderError: it cannot be removed
        """
        if not self.is_here and not self._pages.has_metadata():
            return
        self._pages.retire_metadata()
        self._pages.unlist()
        self._catalog.remember(_KNOWN, None)
        self._catalog.commit()
        try:
            if self.is_here:
                self._folder.unmake()
            self._remove_metadata()
        except OSError as error:
            raise self._repository.unusable(error) from None
        self._catalog.commit()
