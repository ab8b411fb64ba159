"""How files enter and leave the mirror, in an order that survives a kill or a power cut.

A run and an import take the same steps for each file:

1. *stage*: it is in the partial folder, complete and verified;
2. *sync*: its bytes are on the disk;
3. *record*: the catalog lists it, and that is committed;
4. *place*: it is renamed into the folder;
5. *sync*: the rename is on the disk;
6. *confirm*: all files that its project needs are on the disk;
7. *delete*: superseded files are deleted, after the static index has stopped listing them;
8. *sync*: the deletions are on the disk;
9. *untrack*: the catalog drops the deleted files.

So at any moment, even after a power cut, the catalog lists every file that minimirror placed, each of them
is complete, and a release stays until its successor is there. While a file is being replaced, its row is
invalid: the static index does not list it, and after a crash the next run fetches it again.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from minimirror.common import has_sha256
from minimirror.storage import Catalog, FileRow, FolderError, ProjectRow, Repository

if TYPE_CHECKING:
    # A preview needs none.
    from minimirror.publish.static import StaticIndex

__all__ = ["Deletion", "Placed", "Placement", "StagedFile", "Step"]

log = logging.getLogger("minimirror")


@dataclass(frozen=True, slots=True)
class StagedFile:
    """A complete and verified file."""

    row: FileRow
    partial: str | None
    """Its name in the partial folder, or its path; None if it is in the folder already."""

    replace: bool = False
    """Whether minimirror placed a file with this name, so that it may be replaced."""

    inode: int | None = None
    """Of the file that was verified; None if no other process can have replaced it."""


@dataclass(frozen=True, slots=True)
class Placed:
    """The result of placing a file."""

    file: StagedFile
    error: str | None = None
    """Why it could not be placed; None if it was."""


@dataclass(frozen=True, slots=True)
class Deletion:
    """Files of one project to delete."""

    project: str
    filenames: Sequence[str]
    row: ProjectRow | None = None
    """The project's row in the catalog afterwards."""

    untrack: bool = False
    """Whether the project is then removed from the catalog."""


@dataclass(slots=True)
class Step:
    """What one call of :meth:`Placement.advance` did."""

    placed: list[Placed] = field(default_factory=list)
    confirmed: list[StagedFile] = field(default_factory=list)


@dataclass(slots=True)
class _Batch:
    """Files that share a sync."""

    staged: list[StagedFile] = field(default_factory=list)
    placed: list[StagedFile] = field(default_factory=list)

    def __bool__(self) -> bool:
        return bool(self.staged or self.placed)


class Placement:
    """Takes the steps, batch by batch. A context manager, because it syncs in its own thread."""

    def __init__(self, catalog: Catalog, folder: Repository, static_index: StaticIndex | None) -> None:
        self._catalog = catalog
        self._folder = folder
        self._static_index = static_index
        self._next = _Batch()
        self._syncing: tuple[_Batch, Future[None]] | None = None
        self._thread = ThreadPoolExecutor(1)

    def __enter__(self) -> Placement:
        return self

    def __exit__(self, *_: object) -> None:
        self._thread.shutdown()

    @property
    def staged(self) -> list[StagedFile]:
        """Files that are staged but not yet placed."""
        return [*self._next.staged, *(self._syncing[0].staged if self._syncing else ())]

    @property
    def waiting(self) -> int:
        """How many files are staged but not yet placed."""
        return len(self._next.staged) + (len(self._syncing[0].staged) if self._syncing else 0)

    def stage(self, file: StagedFile) -> None:
        """Take a complete and verified file."""
        self._next.staged.append(file)

    def advance(self, *, wait: bool = False) -> Step:
        """Place the files whose sync is done, and sync those that were staged meanwhile.

        :param wait: wait until the running sync is done
        :raises FolderError: the disk cannot be synced
        """
        step = Step()
        if self._syncing is not None and (wait or self._syncing[1].done()):
            batch, synced = self._syncing
            if (error := synced.exception()) is not None:
                self._syncing = None
                raise self._unsynced(error)
            self._confirm(batch.placed)
            self._record(batch.staged)
            # If the disk was too full to record them, they wait until there is room.
            self._syncing = None
            step.placed = self.place_recorded(batch.staged)
            step.confirmed = batch.placed
            self._next.placed += (each.file for each in step.placed if each.error is None)
        if self._syncing is None and self._next:
            self._syncing = self._next, self._thread.submit(self._folder.sync)
            self._next = _Batch()
        return step

    def finish(self) -> Iterator[Step]:
        """Place and confirm all files."""
        while self._syncing is not None or self._next:
            yield self.advance(wait=True)

    def place_recorded(self, staged: Sequence[StagedFile]) -> list[Placed]:
        """Place files whose bytes are synced and whose rows are committed."""
        withheld = self._withhold(staged)
        placing = [self._place(file, withheld) for file in staged]
        return [wait() for wait in placing]

    def sync(self) -> None:
        """Make what was staged or placed so far outlast a power cut.

        :raises FolderError: the disk cannot be synced
        """
        try:
            self._folder.sync()
        except OSError as error:
            raise self._unsynced(error) from None

    def delete(self, deletions: Sequence[Deletion]) -> list[tuple[Deletion, str, str | None]]:
        """Delete files that minimirror placed, and untrack them; the caller commits.

        :returns: for each filename, why it could not be deleted; None if it was
        :raises FolderError: the disk is full or cannot be synced
        """
        if not deletions:
            return []
        unwritten = self._withdraw(deletions)
        leaving = [
            (each, name) for each in deletions if each.project not in unwritten for name in each.filenames
        ]
        if self._folder.has_copies and leaving:
            self._hide(name for _, name in leaving)
        deleting = [(each, name, self._folder.submit(self._delete, name)) for each, name in leaving]
        found = [(each, name, wait()) for each, name, wait in deleting]
        if found:
            self.sync()
        self._untrack(deletions, unwritten, found)
        return found

    # The steps

    def _confirm(self, placed: Sequence[StagedFile]) -> None:
        self._catalog.files.put(file.row for file in placed if file.replace)

    def _record(self, staged: Sequence[StagedFile]) -> None:
        if not staged:
            return
        self._catalog.files.put(file.row for file in staged if not file.replace)
        self._catalog.files.put((file.row for file in staged if file.replace), invalid=True)
        self._catalog.pages.untrack_local_files(file.row.filename for file in staged if file.replace)
        self._catalog.commit()

    def _withhold(self, staged: Sequence[StagedFile]) -> set[str]:
        """Make the static index stop listing files that are about to be replaced.

        :returns: the projects whose pages could not be written
        """
        projects = {file.row.project for file in staged if file.replace}
        if self._static_index is None or not projects:
            return set()
        return self._static_index.publish_projects(sorted(projects))

    def _place(self, file: StagedFile, withheld: set[str]) -> Callable[[], Placed]:
        """Begin to place a file; return what waits for it."""
        if file.partial is None:
            return lambda: Placed(file)
        if file.replace and file.row.project in withheld:
            return lambda: Placed(file, "not replaced, because its project's page cannot be written")
        place, name = self._folder.place, file.row.filename
        wait = self._folder.submit(place, file.partial, name, replace=file.replace, inode=file.inode)
        return lambda: self._placed(file, wait)

    def _placed(self, file: StagedFile, wait: Callable[[], None]) -> Placed:
        try:
            wait()
        except OSError as error:
            # A run and a server may fetch the same file at the same time.
            here = self._folder.file(file.row.filename)
            if isinstance(error, FileExistsError) and has_sha256(here, file.row.sha256):
                return Placed(file)
            if not file.replace:
                self._catalog.files.untrack([file.row.filename])
            return Placed(file, f"cannot be placed: {error.strerror or error}")
        return Placed(file)

    def _withdraw(self, deletions: Sequence[Deletion]) -> set[str]:
        """Make the static index stop listing files that are about to be deleted."""
        projects = [each.project for each in deletions if each.filenames]
        if self._static_index is None or not projects:
            return set()
        filenames = {name for each in deletions for name in each.filenames}
        return self._static_index.publish_projects(projects, without=filenames)

    def _hide(self, filenames: Iterable[str]) -> None:
        """Make servers on other machines stop offering files. If the run ends here, the next one goes on."""
        self._catalog.files.invalidate(filenames)
        self._catalog.commit()
        try:
            self._folder.save_catalog()
        except OSError as error:
            raise self._unsynced(error) from None

    def _delete(self, filename: str) -> str | None:
        try:
            self._folder.delete(filename)
        except OSError as error:
            return f"cannot be deleted: {error.strerror or error}"
        return None

    def _untrack(
        self,
        deletions: Sequence[Deletion],
        unwritten: set[str],
        found: Sequence[tuple[Deletion, str, str | None]],
    ) -> None:
        self._catalog.files.untrack(name for _, name, error in found if error is None)
        incomplete = unwritten | {each.project for each, _, error in found if error is not None}
        for each in deletions:
            if each.project in incomplete:
                continue
            if each.row is not None:
                self._catalog.projects.put(each.row)
            if each.untrack:
                self._catalog.projects.untrack([each.project])

    def _unsynced(self, error: BaseException) -> FolderError:
        failure = FolderError(f"repository {self._folder}: cannot be synced: {error}")
        failure.exit_code = 1
        return failure
