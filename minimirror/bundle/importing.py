"""An import: a bundle checked to its last byte, then taken into the repository, all of it or nothing.

Until everything is known to be right, the folder and the catalog are as they were. Then, as a run's files
do, what comes is synced, entered into the catalog, and renamed into its place;
once that is synced, what goes is deleted; its rows go last. The static index, where there is one, follows
each step: files, then pages; pages, then removals. Whatever ends an import in between, the same
bundle, imported again, brings it to its end; until then the folder has what was there, and maybe what is new.
"""

from __future__ import annotations

import errno
import os
import shutil
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from functools import partial
from pathlib import Path

from minimirror.bundle.errors import BundleError, DamagedError, SignatureError
from minimirror.bundle.layout import Member
from minimirror.bundle.manifest import (
    SIGNATURE,
    File,
    Header,
    ManifestError,
    Project,
    RemovedFile,
    member_of,
    members_before,
    read_entries,
    read_header,
)
from minimirror.bundle.preconditions import Admission, check_folder, is_here
from minimirror.bundle.reader import Bundle, Reader, find_bundles
from minimirror.bundle.results import Imported
from minimirror.bundle.signature import signer
from minimirror.common import Status, Summary, defer_signals, format_size, printable
from minimirror.config import Config
from minimirror.publish.static import open_static_index
from minimirror.selection import ProjectRules
from minimirror.storage import (
    Arrivals,
    Catalog,
    CatalogDamagedError,
    DiskFullError,
    FolderError,
    ImportRow,
    MirrorFolder,
    TwiceError,
)
from minimirror.sync import Deletion, Placement, StagedFile

__all__ = ["import_bundles"]

_BATCH = 4 << 20
"""Bytes of rows whose files share a sync."""

_ROW = 500
"""Bytes of a row, its texts aside."""

_SUFFIX = ".import"
"""Of what is not yet known to be right, in the partial folder."""

_CAUSE = 200
"""Characters of a hostile manifest's fault that are told."""

Progress = Callable[[Status], None]


def import_bundles(
    config: Config, paths: Sequence[Path], *, replace: bool = False, progress: Progress = lambda _: None
) -> Iterator[Imported]:
    """Take bundles into the repository of a config, the oldest first, and tell of each what came of it.

    :param paths: all parts of each, in any order
    :param replace: take in a full bundle of another mirror, or one that is older than what is here, too
    :raises BundleError: a bundle is damaged, does not fit or is not allowed; nothing of it was done
    :raises FolderError: the folder cannot be used, or another run holds it
    :raises CatalogError: the catalog cannot be read or written
    """
    bundles = find_bundles(paths)
    repository = MirrorFolder(config.repository)
    repository.prepare()
    with repository.lock():
        for bundle in bundles:
            begun = time.monotonic()
            with _catalog(repository) as catalog, _swept(repository):
                found = _Import(config, repository, catalog, bundle, progress).run(replace=replace)
            found.seconds = time.monotonic() - begun
            yield found


@contextmanager
def _catalog(repository: MirrorFolder) -> Iterator[Catalog]:
    try:
        with Catalog(repository.catalog) as catalog:
            yield catalog
    except CatalogDamagedError as error:
        aside = repository.set_catalog_aside()
        raise CatalogDamagedError(
            f"{error}; it is kept as {aside.name}. Import a full bundle, of `minimirror export --since all`:"
            " what it has and is in the folder already is adopted"
        ) from None


@contextmanager
def _swept(repository: MirrorFolder) -> Iterator[None]:
    """Delete what was extracted and not placed: what a killed import has left, and this one."""
    _sweep(repository)
    try:
        yield
    finally:
        _sweep(repository)


def _sweep(repository: MirrorFolder) -> None:
    for path in repository.partial.glob(f"*{_SUFFIX}"):
        with suppress(OSError):
            path.unlink()


class _Import:
    """One bundle, and the mirror that it is for."""

    def __init__(
        self, config: Config, repository: MirrorFolder, catalog: Catalog, bundle: Bundle, progress: Progress
    ) -> None:
        self._config = config
        self._repository = repository
        self._catalog = catalog
        self._arrivals = Arrivals(catalog)
        self._bundle = bundle
        self._told = str(bundle.paths[0])
        self._progress = progress
        self._manifest = repository.partial / f"manifest.jsonl{_SUFFIX}"
        self._found = Imported(bundle.paths[0].name, bundle.head.number)

    def run(self, *, replace: bool) -> Imported:
        """Check all, then do all."""
        found = self._found
        with Reader(self._bundle) as reader:
            header = self._read_manifest(reader)
            digest = self._bundle.head.manifest_sha256
            admission = Admission(self._catalog, self._arrivals, self._told, header, digest)
            found.state = header.state
            found.why_not = admission.why_not(all_there=self._all_there(), replace=replace)
            if found.why_not is None:
                admission.check(replace=replace)
                named = ProjectRules(self._config.projects, self._config.exclude_projects).named()
                check_folder(self._repository, self._catalog, self._arrivals, set(named), self._told)
                self._check_room()
                self._extract(reader, header)
                reader.finish()
        if found.why_not is None:
            self._take_in(header, admission)
        found.damaged = sorted(
            file.filename
            for file in self._catalog.files.tracked()
            if file.invalid or self._repository.size(file.filename) != file.size
        )
        return found

    # What it brings

    def _read_manifest(self, reader: Reader) -> Header:
        signature = self._manifest.with_name(f"manifest.jsonl.sig{_SUFFIX}")
        for member in members_before(self._bundle.head):
            found = self._write(reader, member, signature if member.name == SIGNATURE else self._manifest)
            if member.name != SIGNATURE and found != self._bundle.head.manifest_sha256:
                raise DamagedError(f"{reader.path}: damaged, or tampered with, at its manifest")
        self._check_signature(signature)
        try:
            header = self._stage()
        except (ManifestError, TwiceError) as error:
            cause = printable(str(error)[:_CAUSE])
            raise DamagedError(
                f"{self._told}: its manifest makes no sense here ({cause}): it was tampered with, or made by"
                " a newer minimirror"
            ) from None
        return header

    def _check_signature(self, signature: Path) -> None:
        allowed = self._config.allowed_signers
        if allowed is None:
            return
        if self._bundle.head.signature_size is None:
            raise SignatureError(
                f"{self._told}: not signed, and the config's `allowed_signers` asks for a signature"
            )
        try:
            self._found.signer = signer(self._manifest, signature, allowed)
        except SignatureError as error:
            raise SignatureError(f"{self._told}: {error}") from None

    def _stage(self) -> Header:
        """Read the manifest into the catalog's temporary tables."""
        arrivals = self._arrivals
        with self._manifest.open("rb") as stream:
            header = read_header(stream)
            if header.number != self._bundle.head.number:
                raise ManifestError("it is another export's")
            for entry in read_entries(stream):
                if isinstance(entry, File):
                    arrivals.add_file(entry.row, carried=entry.carried)
                elif isinstance(entry, Project):
                    arrivals.add_project(entry.row)
                elif isinstance(entry, RemovedFile):
                    arrivals.remove_file(entry.name)
                else:
                    arrivals.remove_project(entry.name)
        if header.since is None:
            arrivals.remove_all_else()
        arrivals.check()
        return header

    # What is checked

    def _all_there(self) -> bool:
        """Whether each file that the bundle carries is here, as far as sizes tell."""
        return all(self._repository.size(row.filename) == row.size for row in self._arrivals.carried())

    def _check_room(self) -> None:
        size_here = self._repository.size
        needed = sum(row.size for row in self._arrivals.carried() if size_here(row.filename) != row.size)
        free = shutil.disk_usage(self._repository.path).free
        if needed > free:
            raise DiskFullError(
                f"repository {self._repository.path}: {self._told} needs {format_size(needed)}, and there are"
                f" {format_size(free)} free; nothing was changed"
            )

    def _extract(self, reader: Reader, header: Header) -> None:
        """Read all files, and write those that are not here to the partial folder."""
        done = 0
        for number, row in enumerate(self._arrivals.carried()):
            report = partial(self._show, header, number, done, row.filename)
            if is_here(self._repository, row):
                self._found.present += 1
                digest = reader.extract(member_of(row), None, report)
            else:
                self._found.added += 1
                self._found.bytes += row.size
                path = self._partial(row.filename)
                digest = self._write(reader, member_of(row), path, report)
                if row.upload_time is not None:
                    os.utime(path, (row.upload_time, row.upload_time))
            if digest != row.sha256:
                raise DamagedError(f"{reader.path}: damaged, or tampered with, at {row.filename}")
            done += row.size

    def _partial(self, filename: str) -> Path:
        return self._repository.partial / f"{filename}{_SUFFIX}"

    def _write(
        self, reader: Reader, member: Member, path: Path, report: Callable[[int], None] = lambda _: None
    ) -> str:
        """Extract a member to a file; answer its sha256."""
        try:
            with path.open("xb", buffering=0) as stream:
                return reader.extract(member, stream, report)
        except OSError as error:
            full = error.errno in {errno.ENOSPC, errno.EDQUOT}
            kind = DiskFullError if full else FolderError
            raise kind(
                f"repository {self._repository.path}: {path.name} cannot be written: {error.strerror};"
                " nothing was changed"
            ) from None

    def _show(self, header: Header, files: int, done: int, filename: str, got: int) -> None:
        self._progress(
            Status(0, 0, header.files, files, header.bytes, done + got, 0, {filename: got}, "checked")
        )

    # What is done

    def _take_in(self, header: Header, admission: Admission) -> None:
        """Bring folder and catalog to the new state; Ctrl-C comes before or after."""
        static_index = open_static_index(self._config, self._catalog, self._repository, Summary())
        placement = Placement(self._catalog, self._repository, static_index)
        with defer_signals(), placement:
            admission.begin()
            self._place(placement)
            self._arrivals.record()
            self._catalog.commit()
            self._delete(placement)
            self._arrivals.untrack()
            self._arrivals.record_import(self._row(header))
            admission.end()
            self._catalog.commit()
            if static_index:
                static_index.publish(self._catalog.local_filenames(self._repository.filenames()))
        self._found.changed = True

    def _place(self, placement: Placement) -> None:
        """Place the files that the bundle carries, some at a time."""
        size = 0
        for row in self._arrivals.carried():
            extracted = self._partial(row.filename)
            # Without it, the file is here already.
            partial = extracted.name if extracted.exists() else None
            replace = partial is not None and self._arrivals.known(row.filename)
            placement.stage(StagedFile(row, partial, replace=replace))
            size += _ROW + sum(len(each) for each in row if isinstance(each, str))
            if size > _BATCH:
                self._finish(placement)
                size = 0
        self._finish(placement)

    def _finish(self, placement: Placement) -> None:
        for step in placement.finish():
            for placed in step.placed:
                if placed.error is not None:
                    raise self._stopped(placed.file.row.filename, placed.error)

    def _delete(self, placement: Placement) -> None:
        deletions: dict[str, list[str]] = {}
        for filename, project in self._arrivals.leaving():
            deletions.setdefault(project, []).append(filename)
        done = placement.delete([Deletion(project, names) for project, names in deletions.items()])
        for _, filename, error in done:
            if error is not None:
                raise self._stopped(filename, error)
            self._found.removed += 1

    def _stopped(self, filename: str, error: str) -> BundleError:
        return BundleError(
            f"repository {self._repository.path}: {filename} {error}. Fix that, and import {self._told}"
            " again: that completes it"
        )

    def _row(self, header: Header) -> ImportRow:
        return ImportRow(
            imported=time.time(),
            mirror=header.mirror,
            number=header.number,
            state=header.state,
            name=printable(self._bundle.head.name),
            signer=self._found.signer,
        )
