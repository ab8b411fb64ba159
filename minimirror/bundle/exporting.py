"""Export: write what has changed since an earlier export into a bundle."""

from __future__ import annotations

import os
import re
import shutil
import time
from collections.abc import Iterator, Sequence
from dataclasses import replace
from datetime import datetime
from itertools import chain
from pathlib import Path

from minimirror.bundle import manifest
from minimirror.bundle.layout import FORMAT, MANIFEST, MIN_SPLIT, Layout, PartHeader, part_path
from minimirror.bundle.manifest import ManifestHeader, member_of, with_progress
from minimirror.bundle.results import BundleError, BundleRequestError, ExportResult
from minimirror.bundle.signature import sign as sign_manifest
from minimirror.bundle.writer import BundleWriter, SourceChangedError, writing
from minimirror.common import (
    ProgressCallback,
    Status,
    counted,
    format_size,
    hash_file,
    open_regular,
    printable,
)
from minimirror.config import Config
from minimirror.storage import (
    EMPTY,
    Catalog,
    ExportRow,
    Exports,
    FileRow,
    MirrorFolder,
    mirror_state,
    open_mirror,
)

__all__ = ["export", "list_exports"]

_SOME = 64
"""Files after which their number is told."""


def export(  # noqa: PLR0913 - the command's options
    config: Config,
    to: Path,
    *,
    since: str = "last",
    split: int | None = None,
    sign: Path | None = None,
    force: bool = False,
    progress: ProgressCallback = lambda _: None,
) -> ExportResult:
    """Write a bundle of what has changed in a mirror.

    :param to: the bundle's first part
    :param since: the export to start after: ``last``; ``all``: none, for a full bundle; ``12``: the last one
        before run 13; ``2026-01-31`` or ``2026-01-31T18:00``: the last one up to then; ``export:3``: that one
    :param split: the maximum size of a part in bytes, at least :data:`MIN_SPLIT`
    :param sign: the SSH key to sign with
    :param force: overwrite existing files
    :raises BundleError: the bundle cannot be created; nothing of it is left behind
    :raises FolderError: the folder cannot be used, or another run has locked it
    :raises CatalogError: the catalog cannot be read
    """
    begun = time.monotonic()
    folder = MirrorFolder(config.repository)
    if split is not None and split < MIN_SPLIT:
        raise BundleRequestError(f"--split {split}: too small: a part has at least {MIN_SPLIT} bytes")
    _check_destination(to, folder)
    folder.require_catalog()
    with open_mirror(folder) as catalog:
        result = _Export(catalog, folder, to, progress).make(since, split, sign, force=force)
    return replace(result, seconds=time.monotonic() - begun)


def list_exports(config: Config) -> list[ExportRow]:
    """Return the exports of a mirror, oldest first.

    :raises FolderError: there is no catalog
    :raises CatalogError: it cannot be read
    """
    folder = MirrorFolder(config.repository)
    folder.require_catalog()
    with Catalog(folder.catalog) as catalog:
        return list(Exports(catalog))


def _check_destination(to: Path, folder: MirrorFolder) -> None:
    # Without permission to look, os.path.isdir returns False and Path.is_dir raises an error.
    if os.path.isdir(to):  # noqa: PTH112
        raise BundleRequestError(f"{to}: is a folder; add a file name, such as {to / 'lab-1.tar'}")
    if not os.path.isdir(to.parent):  # noqa: PTH112
        raise BundleRequestError(f"{to}: the folder {to.parent} does not exist")
    if to.parent.resolve().is_relative_to(folder.path.resolve()):
        raise BundleRequestError(f"{to}: is inside the repository; write the bundle somewhere else")


def _choose_base(exports: Sequence[ExportRow], since: str) -> ExportRow | None:
    """Return the export to start after; None for a full bundle.

    :raises BundleRequestError: the text is invalid, or there is no such export
    """
    if since == "all" or (since == "last" and not exports):
        return None
    if since == "last":
        return exports[-1]
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
    return found[-1]


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
    def __init__(self, catalog: Catalog, folder: MirrorFolder, to: Path, progress: ProgressCallback) -> None:
        self._catalog = catalog
        self._exports = Exports(catalog)
        self._folder = folder
        self._to = to
        self._name = printable(os.fsencode(to.name).decode(errors="replace"))
        self._progress = progress
        self._manifest = folder.partial / f"{MANIFEST}.export"
        self._signature = self._manifest.with_name(f"{self._manifest.name}.sig")

    def make(self, since: str, split: int | None, key: Path | None, *, force: bool) -> ExportResult:
        """Write the bundle, then record it. If that is interrupted, the next export is the same."""
        earlier = list(self._exports)
        base = _choose_base(earlier, since)
        now = mirror_state(self._catalog.db)
        missing = len(self._catalog.runs.missing())
        if now == (base.state if base else EMPTY):
            number = base.number if base else 0
            return ExportResult(number=number, since=number or None, state=now, missing=missing)
        header = self._header(earlier, base, now)
        try:
            self._write_manifest(header)
            if key:
                sign_manifest(self._manifest, key, self._signature)
            part_header = self._part_header(header, split, signed=key is not None)
            paths = [part_path(self._to, part) for part in range(1, part_header.parts + 1)]
            self._check_room(paths, header, force=force)
            with writing(self._to, part_header) as writer:
                self._write(writer, header, part_header)
        finally:
            self._manifest.unlink(missing_ok=True)
            self._signature.unlink(missing_ok=True)
        self._record(header, len(paths), writer.bytes)
        return ExportResult(
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

    def _header(self, earlier: Sequence[ExportRow], base: ExportRow | None, now: str) -> ManifestHeader:
        since = base.number if base else 0
        files = size = 0
        for number, (row, carried) in enumerate(self._exports.changed_files(since), 1):
            if not number % _SOME:
                self._progress(Status(stage=f"comparing with the folder: {counted(number)}"))
            if self._folder.size(row.filename) != row.size:
                raise self._altered(row)
            files += carried
            size += row.size * carried
        return ManifestHeader(
            mirror=self._exports.mirror(),
            number=self._exports.next_number(),
            mirrored=self._exports.last_run()[1],
            since=since or None,
            state=now,
            files=files,
            bytes=size,
            removed=sum(1 for _ in self._exports.removed_files(since)) if base else 0,
            exports=tuple(
                manifest.EarlierExport.model_validate(row, from_attributes=True)
                for row in earlier[-manifest.MAX_HISTORY :]
            ),
        )

    def _write_manifest(self, header: ManifestHeader) -> None:
        try:
            with open(self._manifest, "wb", opener=open_regular) as stream:
                manifest.write_line(stream, header)
                for entry in self._entries(header.since or 0):
                    manifest.write_line(stream, entry)
        except OSError as error:
            raise BundleError(
                f"{self._manifest}: cannot be written: {error.strerror}; no bundle was created"
            ) from None

    def _entries(self, since: int) -> Iterator[manifest.ManifestEntry]:
        for project in self._exports.changed_projects(since):
            yield manifest.ManifestProject(row=project)
        for file, carried in self._exports.changed_files(since):
            yield manifest.ManifestFile(carried=carried, row=file)
        if since:
            for name in self._exports.removed_projects(since):
                yield manifest.ManifestRemoval(kind="removed_project", name=name)
            for name in self._exports.removed_files(since):
                yield manifest.ManifestRemoval(kind="removed_file", name=name)

    def _part_header(self, header: ManifestHeader, split: int | None, *, signed: bool) -> PartHeader:
        digests = hash_file(self._manifest)
        first = PartHeader(
            minimirror_bundle=FORMAT,
            number=header.number,
            name=self._name,
            part=1,
            parts=1,
            split=split,
            manifest_size=digests.size,
            manifest_sha256=digests.sha256,
            signature_size=self._signature.stat().st_size if signed else None,
        )
        layout = Layout(split)
        for member in chain(first.first_members(), map(member_of, self._carried(header))):
            for _ in layout.pieces(member):
                pass
        return first.model_copy(update={"parts": layout.part})

    def _carried(self, header: ManifestHeader) -> Iterator[FileRow]:
        return (row for row, carried in self._exports.changed_files(header.since or 0) if carried)

    def _check_room(self, paths: list[Path], header: ManifestHeader, *, force: bool) -> None:
        existing = next((path for path in paths if os.path.lexists(path)), None)
        if existing and not force:
            raise BundleRequestError(f"{existing}: already exists; --force overwrites it")
        free = shutil.disk_usage(self._to.parent).free
        if header.bytes > free:
            raise BundleError(
                f"{self._to}: the bundle needs {format_size(header.bytes)}, but only {format_size(free)} are"
                " free"
            )

    def _write(self, writer: BundleWriter, header: ManifestHeader, part_header: PartHeader) -> None:
        for member, path in zip(part_header.first_members(), (self._manifest, self._signature), strict=False):
            writer.add(member, path)
        for row, report in with_progress(self._carried(header), header, self._progress, "carried"):
            try:
                writer.add(member_of(row), self._folder.path / row.filename, report)
            except SourceChangedError:
                raise self._altered(row) from None

    def _altered(self, row: FileRow) -> BundleError:
        return BundleError(
            f"repository {self._folder.path}: {row.filename} is missing or was changed after it was mirrored;"
            " no bundle was created. `minimirror verify --hash --repair` finds and repairs such files"
        )

    def _record(self, header: ManifestHeader, parts: int, size: int) -> None:
        self._exports.record(
            ExportRow(
                number=header.number,
                made=time.time(),
                run=self._exports.last_run()[0],
                since=header.since,
                state=header.state,
                name=self._name,
                parts=parts,
                files=header.files,
                removed=header.removed,
                bytes=size,
            )
        )
        self._catalog.commit()
