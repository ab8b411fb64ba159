"""Export: write what the mirror holds into a bundle, with the bytes that earlier bundles did not carry."""

from __future__ import annotations

import hashlib
import os
import shutil
import time
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from minimirror.bundle.layout import MANIFEST, MIN_SPLIT, SIGNATURE, Member, PartHeader
from minimirror.bundle.manifest import ManifestHeader, line_of, write_lines
from minimirror.bundle.progress import Progress
from minimirror.bundle.results import BundleError, BundleRequestError, ExportResult
from minimirror.bundle.signature import sign as sign_manifest
from minimirror.bundle.since import choose_base
from minimirror.bundle.source import SourceChangedError, open_file, open_stored
from minimirror.bundle.writer import BundleWriter, refuse_existing, writing
from minimirror.common import (
    BUFFER,
    ProgressCallback,
    Status,
    counted,
    defer_signals,
    format_size,
    hash_file,
    is_link,
    printable,
    shorten,
)
from minimirror.config import Config
from minimirror.distributions import projects_named
from minimirror.storage import (
    EMPTY,
    Catalog,
    ExportRow,
    Exports,
    MirrorFolder,
    Repository,
    open_mirror,
    open_repository,
    record_local_files,
)

if TYPE_CHECKING:
    from minimirror.bundle.installer import Installer

__all__ = ["export", "list_exports"]

_SOME = 64
"""Files after which their number is told."""

_MAX_NAMES = 10
"""Names of a long list that a message shows."""


def export(  # noqa: PLR0913 - the command's options
    config: Config,
    to: Path,
    *,
    since: str = "last",
    split: int | None = None,
    sign: Path | None = None,
    force: bool = False,
    without_local: bool = False,
    with_installer: Sequence[str] | None = None,
    progress: ProgressCallback = lambda _: None,
) -> ExportResult:
    """Write a bundle of a mirror.

    :param to: the bundle's first part
    :param since: leave out bytes that exports up to this one carried: ``last``; ``all``: leave out none (a
        full bundle); ``12``: the last one before run 13; ``2026-01-31`` or ``2026-01-31T18:00``: the last one
        up to then; ``export:3``: that one
    :param split: the maximum size of a part in bytes, at least :data:`MIN_SPLIT`
    :param sign: the SSH key to sign with
    :param force: overwrite existing files
    :param without_local: leave out local files
    :param with_installer: also write a file that installs minimirror, with these extras, where there is only
        Python
    :raises BundleError: the bundle cannot be created; nothing of it is left behind
    :raises FolderError: the folder cannot be used, or another run has locked it
    :raises CatalogError: the catalog cannot be read
    """
    begun = time.monotonic()
    folder = open_repository(config.repository, config.state)
    if split is not None and split < MIN_SPLIT:
        raise BundleRequestError(f"--split {split}: too small: a part has at least {MIN_SPLIT} bytes")
    _check_destination(to, folder)
    folder.require_catalog()
    installer = None
    if with_installer is not None:
        # It imports what a run needs.
        from minimirror.bundle.installer import Installer  # noqa: PLC0415

        installer = Installer(config, folder.state, to, with_installer)
        if not force:
            refuse_existing(installer.path)
        installer.collect_wheels(progress)
    with open_mirror(folder) as catalog:
        local_files = catalog.local_filenames(folder.filenames())
        record_local_files(catalog.pages, folder, local_files)
        if not without_local:
            _check_local_files(catalog, folder, local_files)
        exports = Exports(catalog, local=not without_local)
        making = _Export(catalog, exports, folder, to, progress, installer)
        result = making.make(since, split, sign, force=force)
    return replace(result, seconds=time.monotonic() - begun)


def list_exports(config: Config) -> list[ExportRow]:
    """Return the exports of a mirror, oldest first.

    :raises FolderError: there is no catalog
    :raises CatalogError: it cannot be read
    """
    folder = open_repository(config.repository, config.state)
    folder.require_catalog()
    with Catalog(folder.catalog) as catalog:
        return Exports(catalog).all()


def _check_destination(to: Path, folder: Repository) -> None:
    # Without permission to look, os.path.isdir returns False and Path.is_dir raises an error.
    if os.path.isdir(to):  # noqa: PTH112
        raise BundleRequestError(f"{to}: is a folder; add a file name, such as {to / 'lab-1.tar'}")
    if os.path.lexists(to) and (is_link(to) or not os.path.isfile(to)):  # noqa: PTH113
        raise BundleRequestError(f"{to}: is a link or a special file; choose another name")
    if not os.path.isdir(to.parent):  # noqa: PTH112
        raise BundleRequestError(f"{to}: the folder {to.parent} does not exist")
    if isinstance(folder, MirrorFolder) and to.parent.resolve().is_relative_to(folder.path.resolve()):
        raise BundleRequestError(f"{to}: is inside the repository; write the bundle somewhere else")


def _check_local_files(catalog: Catalog, folder: Repository, filenames: Sequence[str]) -> None:
    known = {row.filename for row in catalog.pages.local_files()}
    unread = [name for name in filenames if projects_named(name) and name not in known]
    if unread:
        names = ", ".join(shorten([printable(name) for name in unread], _MAX_NAMES))
        raise BundleError(
            f"repository {folder}: these local files are damaged or cannot be read: {names}; no bundle"
            " was created. Delete them, or leave out all local files with --without-local"
        )


@dataclass
class _Export:
    catalog: Catalog
    exports: Exports
    folder: Repository
    to: Path
    progress: ProgressCallback
    installer: Installer | None

    def __post_init__(self) -> None:
        self.name = printable(os.fsencode(self.to.name).decode(errors="replace"))
        self.manifest = self.folder.partial / f"{MANIFEST}.export"
        self.list = self.manifest.with_suffix(".list")
        self.signature = self.manifest.with_name(f"{self.manifest.name}.sig")

    def make(self, since: str, split: int | None, key: Path | None, *, force: bool) -> ExportResult:
        """Write the bundle, then record it. If that is interrupted, the next export is the same."""
        earlier = self.exports.all()
        base = choose_base(earlier, since, self.exports.last_run())
        last = earlier[-1] if earlier else None
        result = ExportResult(
            number=last.number + 1 if last else 1, since=base or None, signed=key is not None
        )
        try:
            result = self._write_list(result)
            if not result.files and result.state == (last.state if last else EMPTY):
                # The last export listed the same.
                self.catalog.commit()
                return replace(result, number=result.number - 1, signed=False)
            if not force:
                refuse_existing(self.to)
            self._check_room(result.bytes)
            header = self._write_manifest(result)
            if key:
                sign_manifest(self.manifest, key, self.signature)
            with writing(self.to, self._part_header(result), split, force=force) as writer:
                self._write(writer, header, result)
                paths = writer.finish()
                with defer_signals():
                    installer = self.installer.write(paths, key) if self.installer else []
                    writer.place(paths)
                    result = replace(result, paths=paths, bytes=writer.bytes, installer=installer)
                    self._record(result)
        finally:
            for path in (self.list, self.manifest, self.signature):
                path.unlink(missing_ok=True)
        return result

    def _write_list(self, result: ExportResult) -> ExportResult:
        """Write the manifest without its first line, and count what it lists.

        Two mirrors that offer the same to installers have the same state. What only runs need is left out of
        it: where a file came from, and whether a page has changed.
        """
        number, since, state = result.number, result.since or 0, hashlib.sha256()

        def lines() -> Iterator[dict[str, Any]]:
            for earlier in self.exports.carriers(since):
                yield line_of("export", earlier)
            for project in self.exports.projects():
                state.update(repr((project.name, project.status)).encode())
                yield line_of("project", project)
            for listed, (row, local, carrier) in enumerate(self.exports.files(number, since), 1):
                state.update(repr((*row[:9], row.provenance, local)).encode(errors="replace"))
                yield {**line_of("file", row), "carried_by": carrier, **({"local": True} if local else {})}
                if not listed % _SOME:
                    self.progress(Status(stage=f"listing the mirror: {counted(listed)}"))

        self._write_lines(self.list, lines())
        return replace(
            result,
            **self.exports.counts(since),
            state=state.hexdigest(),
            missing=len(self.catalog.runs.missing()),
        )

    def _write_manifest(self, result: ExportResult) -> ManifestHeader:
        complete = self.catalog.runs.last_complete()
        header = ManifestHeader(
            mirror=self.exports.mirror(),
            number=result.number,
            name=self.name,
            state=result.state,
            mirrored=complete.as_of if complete else None,
            files=result.files,
            bytes=result.bytes,
        )
        self._write_lines(self.manifest, [{"bundle": header.model_dump(exclude_none=True)}], self.list)
        return header

    def _write_lines(self, path: Path, lines: Iterable[dict[str, Any]], rest: Path | None = None) -> None:
        try:
            write_lines(path, lines)
            if rest:
                with path.open("ab") as to, rest.open("rb") as source:
                    shutil.copyfileobj(source, to, BUFFER)
        except OSError as error:
            raise BundleError(f"{path}: cannot be written: {error.strerror}; no bundle was created") from None

    def _check_room(self, size: int) -> None:
        free = shutil.disk_usage(self.to.parent).free
        if size > free:
            raise BundleError(
                f"{self.to}: the bundle needs {format_size(size)}, but only {format_size(free)} are free"
            )

    def _part_header(self, result: ExportResult) -> PartHeader:
        digests = hash_file(self.manifest)
        signature = hash_file(self.signature) if result.signed else None
        return PartHeader(
            number=result.number,
            name=self.name,
            manifest_size=digests.size,
            manifest_sha256=digests.sha256,
            signature_size=signature.size if signature else None,
            signature_sha256=signature.sha256 if signature else None,
        )

    def _write(self, writer: BundleWriter, header: ManifestHeader, result: ExportResult) -> None:
        progress = Progress(self.progress, header, "carried")
        name = MANIFEST
        try:
            for name, path in ((MANIFEST, self.manifest), (SIGNATURE, self.signature))[: 1 + result.signed]:
                with open_file(str(path)) as read:
                    writer.add(Member(name, path.stat().st_size), read)
            for name, size, upload_time, sha256, local in self.exports.carried(result.since or 0):
                progress.begin(name)
                with open_stored(self.folder, name, local=local == 1) as read:
                    writer.add(Member.of(name, size, upload_time, sha256), read, progress)
        except SourceChangedError:
            raise BundleError(
                f"repository {self.folder}: {name} is missing or was changed after it was mirrored; no bundle"
                " was created. `minimirror verify --hash --repair` finds and repairs such files"
            ) from None

    def _record(self, result: ExportResult) -> None:
        self.exports.record(
            ExportRow(
                number=result.number,
                made=time.time(),
                run=self.exports.last_run(),
                since=result.since,
                state=result.state,
                name=self.name,
                parts=len(result.paths),
                files=result.files,
                bytes=result.bytes,
            )
        )
        self.catalog.commit()
