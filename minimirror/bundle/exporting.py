"""Export: write what the mirror holds into a bundle, with the bytes that earlier bundles did not carry."""

from __future__ import annotations

import os
import re
import shutil
import time
from collections.abc import Iterator, Sequence
from dataclasses import replace
from datetime import datetime
from pathlib import Path
from typing import Any

from minimirror.bundle import manifest
from minimirror.bundle.installer import collect_wheels, installer_path, write_installer
from minimirror.bundle.layout import MANIFEST, MIN_SPLIT, SIGNATURE, Member, PartHeader
from minimirror.bundle.manifest import ManifestHeader
from minimirror.bundle.progress import Progress
from minimirror.bundle.results import BundleError, BundleRequestError, ExportResult
from minimirror.bundle.signature import sign as sign_manifest
from minimirror.bundle.writer import BundleWriter, SourceChangedError, refuse_existing, writing
from minimirror.common import ProgressCallback, Status, counted, format_size, hash_file, printable, shorten
from minimirror.config import Config
from minimirror.distributions import projects_named
from minimirror.storage import (
    EMPTY,
    Catalog,
    ExportRow,
    Exports,
    FileRow,
    ListedFile,
    MirrorFolder,
    Repository,
    open_mirror,
    open_repository,
    record_local_files,
)

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
    folder.refresh()
    folder.require_catalog()
    wheels = None
    if with_installer is not None:
        if not force:
            refuse_existing(installer_path(to))
        wheels = collect_wheels(config, with_installer, progress)
    with open_mirror(folder) as catalog:
        local_files = catalog.local_filenames(folder.filenames())
        record_local_files(catalog.pages, folder, local_files)
        if not without_local:
            _check_local_files(catalog, folder, local_files)
        exports = Exports(catalog, local=not without_local)
        result = _Export(catalog, exports, folder, to, progress).make(since, split, sign, force=force)
    if wheels and result.paths:
        made = write_installer(wheels, to, result.paths, with_installer or (), sign)
        result = replace(result, installer=made)
    return replace(result, seconds=time.monotonic() - begun)


def list_exports(config: Config) -> list[ExportRow]:
    """Return the exports of a mirror, oldest first.

    :raises FolderError: there is no catalog
    :raises CatalogError: it cannot be read
    """
    folder = open_repository(config.repository, config.state)
    folder.refresh()
    folder.require_catalog()
    with Catalog(folder.catalog) as catalog:
        return Exports(catalog).all()


def _check_destination(to: Path, folder: Repository) -> None:
    # Without permission to look, os.path.isdir returns False and Path.is_dir raises an error.
    if os.path.isdir(to):  # noqa: PTH112
        raise BundleRequestError(f"{to}: is a folder; add a file name, such as {to / 'lab-1.tar'}")
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


def _choose_base(exports: Sequence[ExportRow], since: str) -> int:
    """Return the last export whose bytes are left out; 0 for a full bundle.

    :raises BundleRequestError: the text is invalid, or there is no such export
    """
    if since == "all" or (since == "last" and not exports):
        return 0
    if since == "last":
        return exports[-1].number
    if number := re.fullmatch(r"(export:)?([0-9]{1,9})", since):
        if number[1]:
            found = [row for row in exports if row.number == int(number[2])]
        else:
            found = [row for row in exports if (row.run or 0) <= int(number[2])]
    elif re.match(r"[0-9]{4}-", since):
        end = _end_of(since)
        found = [row for row in exports if row.made < end]
    else:
        raise BundleRequestError(
            f'--since {since}: must be "last", "all", the number of a run, a date such as 2026-01-31, or an'
            " export such as export:3 (`minimirror export --list` shows them)"
        )
    if not found:
        why = "there is no such export" if since.startswith("export:") else "no export was made by then"
        raise BundleRequestError(
            f"--since {since}: {why}; `minimirror export --list` shows all, --since all makes a full bundle"
        )
    return found[-1].number


def _end_of(date: str) -> float:
    """Return a time, or the end of a day, in seconds since the epoch; without a zone, it is local time."""
    try:
        moment = datetime.fromisoformat(date.replace("Z", "+00:00"))
    except ValueError as error:
        raise BundleRequestError(f"--since {date}: {error}") from None
    if re.fullmatch(r"[0-9-]+", date):
        moment = moment.replace(hour=23, minute=59, second=59, microsecond=999999)
    return moment.astimezone().timestamp()


class _Export:
    def __init__(
        self, catalog: Catalog, exports: Exports, folder: Repository, to: Path, progress: ProgressCallback
    ) -> None:
        self._catalog = catalog
        self._exports = exports
        self._folder = folder
        self._to = to
        self._name = printable(os.fsencode(to.name).decode(errors="replace"))
        self._progress = progress
        self._manifest = folder.partial / f"{MANIFEST}.export"
        self._signature = self._manifest.with_name(f"{self._manifest.name}.sig")
        self._since = 0

    def make(self, since: str, split: int | None, key: Path | None, *, force: bool) -> ExportResult:
        """Write the bundle, then record it. If that is interrupted, the next export is the same."""
        earlier = self._exports.all()
        self._since = _choose_base(earlier, since)
        last = earlier[-1] if earlier else None
        number = last.number + 1 if last else 1
        result = self._count(ExportResult(number=number, since=self._since or None, signed=key is not None))
        if not result.files and result.state == (last.state if last else EMPTY):
            # The last export listed the same.
            self._catalog.commit()
            return replace(result, number=number - 1, signed=False)
        complete = self._catalog.runs.last_complete()
        header = ManifestHeader(
            mirror=self._exports.mirror(),
            number=number,
            name=self._name,
            state=result.state,
            mirrored=complete.as_of if complete else None,
            files=result.files,
            bytes=result.bytes,
        )
        if not force:
            refuse_existing(self._to)
        self._check_room(result.bytes)
        try:
            self._write_manifest(header)
            if key:
                sign_manifest(self._manifest, key, self._signature)
            with writing(self._to, self._part_header(number, signed=key is not None), split) as writer:
                self._write(writer, header, signed=key is not None)
                paths = writer.finish(force=force)
        finally:
            self._manifest.unlink(missing_ok=True)
            self._signature.unlink(missing_ok=True)
        result = replace(result, paths=paths, bytes=writer.bytes)
        self._record(result)
        return result

    def _listed(self, number: int) -> Iterator[ListedFile]:
        return self._exports.files(number, self._since)

    def _count(self, result: ExportResult) -> ExportResult:
        """Count what the bundle will list and carry, and check the sizes of what it will carry."""
        listed = local = files = size = 0
        for row, is_local, carried_by in self._listed(result.number):
            listed += 1
            if not listed % _SOME:
                self._progress(Status(stage=f"comparing with the folder: {counted(listed)}"))
            local += is_local
            if carried_by == result.number:
                files += 1
                size += row.size
                if not is_local and self._folder.size(row.filename) != row.size:
                    raise self._altered(row)
        return replace(
            result,
            state=self._exports.state(),
            listed=listed,
            files=files,
            local=local,
            without_local=self._exports.left_out(),
            removed=self._exports.removed(),
            bytes=size,
            missing=len(self._catalog.runs.missing()),
        )

    def _check_room(self, size: int) -> None:
        free = shutil.disk_usage(self._to.parent).free
        if size > free:
            raise BundleError(
                f"{self._to}: the bundle needs {format_size(size)}, but only {format_size(free)} are free"
            )

    def _write_manifest(self, header: ManifestHeader) -> None:
        try:
            manifest.write_manifest(self._manifest, self._lines(header))
        except OSError as error:
            raise BundleError(
                f"{self._manifest}: cannot be written: {error.strerror}; no bundle was created"
            ) from None

    def _lines(self, header: ManifestHeader) -> Iterator[dict[str, Any]]:
        yield manifest.bundle_line(header)
        yield from map(manifest.export_line, self._exports.carriers(self._since))
        yield from map(manifest.project_line, self._exports.projects())
        yield from map(manifest.file_line, self._listed(header.number))

    def _part_header(self, number: int, *, signed: bool) -> PartHeader:
        digests = hash_file(self._manifest)
        signature = hash_file(self._signature) if signed else None
        return PartHeader(
            number=number,
            name=self._name,
            manifest_size=digests.size,
            manifest_sha256=digests.sha256,
            signature_size=signature.size if signature else None,
            signature_sha256=signature.sha256 if signature else None,
        )

    def _write(self, writer: BundleWriter, header: ManifestHeader, *, signed: bool) -> None:
        for name, path in ((MANIFEST, self._manifest), (SIGNATURE, self._signature))[: 1 + signed]:
            writer.add(Member(name, path.stat().st_size), path)
        progress = Progress(self._progress, header, "carried")
        for row, _, carried_by in self._listed(header.number):
            if carried_by == header.number:
                progress.begin(row.filename)
                try:
                    writer.add(Member.of(row), self._folder.file(row.filename), progress)
                except SourceChangedError:
                    raise self._altered(row) from None

    def _altered(self, row: FileRow) -> BundleError:
        return BundleError(
            f"repository {self._folder}: {row.filename} is missing or was changed after it was mirrored;"
            " no bundle was created. `minimirror verify --hash --repair` finds and repairs such files"
        )

    def _record(self, result: ExportResult) -> None:
        self._exports.record(
            ExportRow(
                number=result.number,
                made=time.time(),
                run=self._exports.last_run(),
                since=result.since,
                state=result.state,
                name=self._name,
                parts=len(result.paths),
                files=result.files,
                bytes=result.bytes,
            )
        )
        self._catalog.commit()
