"""An export: what has changed since an earlier one, into a bundle that another mirror takes in."""

from __future__ import annotations

import hashlib
import os
import shutil
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from functools import partial
from io import FileIO
from itertools import chain
from pathlib import Path

from minimirror.bundle import manifest
from minimirror.bundle.errors import BundleError, BundleRequestError
from minimirror.bundle.layout import MIN_SPLIT, Layout, Member
from minimirror.bundle.manifest import MANIFEST, SIGNATURE, File, Header, member_of
from minimirror.bundle.part_header import FORMAT, Head, part_path
from minimirror.bundle.results import Exported
from minimirror.bundle.signature import sign as sign_manifest
from minimirror.bundle.since import Since
from minimirror.bundle.writer import Writer, writing
from minimirror.common import Status, format_size, printable
from minimirror.config import Config
from minimirror.storage import (
    EMPTY,
    Catalog,
    ExportRow,
    Exports,
    FileRow,
    FolderError,
    MirrorFolder,
    mirror_state,
)

__all__ = ["export", "list_exports"]


def export(  # noqa: PLR0913 - the command's options
    config: Config,
    to: Path,
    *,
    since: str = "last",
    split: int | None = None,
    sign: Path | None = None,
    force: bool = False,
    progress: Callable[[Status], None] = lambda _: None,
) -> Exported:
    """Write a bundle of what has changed in the repository of a config, whose files stay as they are.

    :param to: the bundle's first file
    :param since: as :class:`Since` reads it
    :param split: the most bytes that a part may have, at least :data:`MIN_SPLIT`
    :param sign: the SSH key to sign with
    :param force: replace files that are there
    :raises BundleError: it cannot be made; then nothing of it is left behind
    :raises FolderError: the folder cannot be used, or another run holds it
    :raises CatalogError: the catalog cannot be read
    """
    begun = time.monotonic()
    repository = MirrorFolder(config.repository)
    start = Since(since)
    if split is not None and split < MIN_SPLIT:
        raise BundleRequestError(f"a part of {split} bytes is too small: it has at least {MIN_SPLIT}")
    _check_target(to, repository)
    with _opened(repository) as catalog:
        made = _Export(catalog, repository, to, progress)
        found = made.make(start, split, sign, force=force)
    return replace(found, seconds=time.monotonic() - begun)


def list_exports(config: Config) -> list[ExportRow]:
    """The exports of a config's repository, the oldest first.

    :raises FolderError: there is no catalog
    :raises CatalogError: it cannot be read
    """
    repository = MirrorFolder(config.repository)
    _check_catalog(repository)
    with Catalog(repository.catalog) as catalog:
        return list(Exports(catalog))


@contextmanager
def _opened(repository: MirrorFolder) -> Iterator[Catalog]:
    _check_catalog(repository)
    repository.prepare()
    with repository.lock(), Catalog(repository.catalog) as catalog:
        yield catalog


def _check_catalog(repository: MirrorFolder) -> None:
    if not os.path.exists(repository.catalog):  # noqa: PTH110 - which answers where it may not look
        raise FolderError(f"repository {repository.path}: there is no catalog; `minimirror run` makes one")


def _check_target(to: Path, repository: MirrorFolder) -> None:
    if os.path.isdir(to):  # noqa: PTH112 - which answers where it may not look
        raise BundleRequestError(f"{to}: is a folder: name the bundle in it")
    if not os.path.isdir(to.parent):  # noqa: PTH112
        raise BundleRequestError(f"{to}: there is no folder {to.parent}")
    if to.parent.resolve().is_relative_to(repository.path.resolve()):
        raise BundleRequestError(f"{to}: is in the repository: write the bundle to somewhere else")


class _Export:
    def __init__(
        self, catalog: Catalog, repository: MirrorFolder, to: Path, progress: Callable[[Status], None]
    ) -> None:
        self._catalog = catalog
        self._exports = Exports(catalog)
        self._repository = repository
        self._to = to
        self._progress = progress
        self._path = repository.partial / f"{MANIFEST}.export"

    def make(self, since: Since, split: int | None, key: Path | None, *, force: bool) -> Exported:
        """Write the bundle, then note it in the catalog: if that does not come to pass, it is made again."""
        before = since.choose(list(self._exports))
        now = mirror_state(self._catalog.db)
        missing = len(self._catalog.runs.missing())
        if now == (before.state if before else EMPTY):
            number = before.number if before else 0
            return Exported(number=number, since=number or None, state=now, missing=missing)
        header = self._header(before, now)
        try:
            self._write_manifest(header)
            signature = sign_manifest(self._path, key) if key else None
            head = self._head(header, split, signature)
            paths = [part_path(self._to, part) for part in range(1, head.parts + 1)]
            self._check_room(paths, header, force=force)
            with writing(self._to, head) as writer:
                self._write(writer, header, signature)
        finally:
            self._path.unlink(missing_ok=True)
            self._path.with_name(f"{self._path.name}.sig").unlink(missing_ok=True)
        self._note(header, paths, writer.bytes)
        return Exported(
            paths=paths,
            number=header.number,
            since=header.since,
            state=now,
            files=header.files,
            removed=header.removed,
            bytes=writer.bytes,
            signed=key is not None,
            missing=missing,
        )

    def _header(self, before: ExportRow | None, now: str) -> Header:
        since = before.number if before else 0
        files = count = 0
        for row, carried in self._exports.changed_files(since):
            if self._repository.size(row.filename) != row.size:
                raise _altered(row.filename, self._repository)
            files += carried
            count += row.size * carried
        history = list(self._exports)[-manifest.MAX_HISTORY :]
        return Header(
            mirror=self._exports.mirror(),
            number=self._exports.next_number(),
            mirrored=self._exports.last_run()[1],
            since=before.number if before else None,
            state=now,
            files=files,
            bytes=count,
            removed=sum(1 for _ in self._exports.removed_files(since)) if before else 0,
            exports=tuple(
                manifest.Export(number=row.number, state=row.state, name=row.name, run=row.run, made=row.made)
                for row in history
            ),
        )

    def _write_manifest(self, header: Header) -> None:
        since = header.since or 0
        entries: Iterator[manifest.Entry] = chain(
            (manifest.Project(row=row) for row in self._exports.changed_projects(since)),
            (File(carried=carried, row=row) for row, carried in self._exports.changed_files(since)),
        )
        removed: Iterator[manifest.Entry] = chain(
            (manifest.RemovedProject(name=name) for name in self._exports.removed_projects(since)),
            (manifest.RemovedFile(name=name) for name in self._exports.removed_files(since)),
        )
        try:
            with self._path.open("wb") as stream:
                manifest.write_line(stream, header)
                for entry in chain(entries, removed if header.since else ()):
                    manifest.write_line(stream, entry)
        except OSError as error:
            raise BundleError(
                f"{self._path}: cannot be written: {error.strerror}; no bundle was made"
            ) from None

    def _head(self, header: Header, split: int | None, signature: Path | None) -> Head:
        digest = hashlib.sha256()
        with self._path.open("rb") as stream:
            while data := stream.read(1 << 20):
                digest.update(data)
        head = Head(
            minimirror_bundle=FORMAT,
            number=header.number,
            name=printable(os.fsencode(self._to.name).decode(errors="replace")),
            part=1,
            parts=1,
            split=split,
            manifest_size=self._path.stat().st_size,
            manifest_sha256=digest.hexdigest(),
            signature_size=signature.stat().st_size if signature else None,
        )
        layout = Layout(split)
        for member in chain(manifest.members_before(head), (member_of(row) for row in self._carried(header))):
            for _ in layout.pieces(member):
                pass
        return head.model_copy(update={"parts": layout.part})

    def _carried(self, header: Header) -> Iterator[FileRow]:
        """The files that the bundle carries, by name."""
        return (row for row, carried in self._exports.changed_files(header.since or 0) if carried)

    def _check_room(self, paths: list[Path], header: Header, *, force: bool) -> None:
        there = [path for path in paths if os.path.lexists(path)]
        if there and not force:
            raise BundleRequestError(f"{there[0]}: is there already; --force replaces it")
        free = shutil.disk_usage(self._to.parent).free
        if header.bytes > free:
            raise BundleError(
                f"{self._to}: the bundle takes {format_size(header.bytes)}, and there are"
                f" {format_size(free)} free"
            )

    def _write(self, writer: Writer, header: Header, signature: Path | None) -> None:
        for name, path in ((MANIFEST, self._path), (SIGNATURE, signature)):
            if path is not None:
                with FileIO(path) as stream:
                    writer.add(Member(name, path.stat().st_size), stream)
        done = 0
        for number, row in enumerate(self._carried(header)):
            self._add(writer, row, partial(self._show, header, number, done, row.filename))
            done += row.size

    def _add(self, writer: Writer, row: FileRow, report: Callable[[int], None]) -> None:
        try:
            stream = FileIO(self._repository.path / row.filename)
        except OSError:
            raise _altered(row.filename, self._repository) from None
        with stream:
            try:
                found = writer.add(member_of(row), stream, report)
            except EOFError:
                found = ""
            if found != row.sha256 or stream.read(1):
                raise _altered(row.filename, self._repository)

    def _show(self, header: Header, files: int, done: int, filename: str, got: int) -> None:
        self._progress(
            Status(0, 0, header.files, files, header.bytes, done + got, 0, {filename: got}, "carried")
        )

    def _note(self, header: Header, paths: list[Path], count: int) -> None:
        self._exports.record(
            ExportRow(
                number=header.number,
                made=time.time(),
                run=self._exports.last_run()[0],
                since=header.since,
                state=header.state,
                name=printable(os.fsencode(paths[0].name).decode(errors="replace")),
                parts=len(paths),
                files=header.files,
                removed=header.removed,
                bytes=count,
            )
        )
        self._catalog.commit()


def _altered(filename: str, repository: MirrorFolder) -> BundleError:
    return BundleError(
        f"repository {repository.path}: {filename} is missing, or not what was mirrored; no bundle was made."
        " `minimirror verify --hash --repair` finds such files, and fetches them again"
    )
