"""Import: check a bundle to its last byte, then add all of it to the mirror, or nothing.

Until every check has passed, the folder and the catalog do not change. Then the steps are those of a run:
sync the new files, record them in the catalog, rename them into place, sync, delete the removed files, sync,
delete their rows. A static index follows each step: files before the pages that name them, pages before
deletions. If an import is interrupted, importing the same bundle again completes it; until then the folder
has every old file, and perhaps new ones.
"""

from __future__ import annotations

import os
import shutil
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from pathlib import Path

from minimirror.bundle import manifest
from minimirror.bundle.layout import MANIFEST, SIGNATURE, Member
from minimirror.bundle.manifest import ManifestError, ManifestHeader, member_of, with_progress
from minimirror.bundle.preconditions import Preconditions, check_folder, is_present
from minimirror.bundle.reader import Bundle, BundleReader, find_bundles
from minimirror.bundle.results import BundleError, DamagedError, ImportResult, SignatureError
from minimirror.bundle.signature import find_signer
from minimirror.common import ProgressCallback, Summary, defer_signals, format_size, is_disk_full, printable
from minimirror.config import Config
from minimirror.publish.static import open_static_index
from minimirror.selection import ProjectRules
from minimirror.storage import (
    Arrivals,
    Catalog,
    DiskFullError,
    FileRow,
    FolderError,
    ImportRow,
    MirrorFolder,
    TwiceError,
    damage_set_aside,
)
from minimirror.sync import Deletion, Placement, StagedFile

__all__ = ["import_bundles"]

_BATCH = 4 << 20
"""Bytes of rows whose files share a sync."""

_ROW = 500
"""Bytes of a row, its texts aside."""

_SUFFIX = ".import"
"""The suffix of an extracted file in the partial folder."""

_MAX_CAUSE = 200
"""Characters of a manifest's fault that a message shows."""

_WITHOUT_CATALOG = (
    "Import a full bundle (`minimirror export --since all`): it adopts the files that are in the folder"
    " already"
)


def import_bundles(
    config: Config,
    paths: Sequence[Path],
    *,
    replace: bool = False,
    progress: ProgressCallback = lambda _: None,
) -> Iterator[ImportResult]:
    """Import bundles into a mirror, oldest first, and yield the result of each.

    :param paths: all parts of the bundles, in any order
    :param replace: let a full bundle replace a newer state, or the files of another mirror
    :raises BundleError: a bundle is damaged, does not fit or is not allowed; nothing of it was imported
    :raises FolderError: the folder cannot be used, or another run has locked it
    :raises CatalogError: the catalog cannot be read or written
    """
    bundles = find_bundles(paths)
    folder = MirrorFolder(config.repository)
    folder.prepare()
    with folder.lock():
        for bundle in bundles:
            begun = time.monotonic()
            # A killed import may have left files behind.
            _delete_extracted(folder)
            try:
                with damage_set_aside(folder, _WITHOUT_CATALOG), Catalog(folder.catalog) as catalog:
                    result = _Import(config, folder, catalog, bundle, progress).run(replace=replace)
            finally:
                _delete_extracted(folder)
            result.seconds = time.monotonic() - begun
            yield result


def _delete_extracted(folder: MirrorFolder) -> None:
    for path in folder.partial.glob(f"*{_SUFFIX}"):
        with suppress(OSError):
            path.unlink()


class _Import:
    """Checks and extracts one bundle, then adds it to the folder and the catalog."""

    def __init__(
        self,
        config: Config,
        folder: MirrorFolder,
        catalog: Catalog,
        bundle: Bundle,
        progress: ProgressCallback,
    ) -> None:
        self._config = config
        self._folder = folder
        self._catalog = catalog
        self._arrivals = Arrivals(catalog)
        self._bundle = bundle
        self._progress = progress
        self._manifest = _extracted(folder, MANIFEST)
        self._signature = _extracted(folder, SIGNATURE)
        self._result = ImportResult(bundle.path.name, bundle.header.number)
        self._begun = time.time()

    def run(self, *, replace: bool) -> ImportResult:
        """Check everything, then change everything."""
        result, arrivals = self._result, self._arrivals
        with BundleReader(self._bundle) as reader:
            header = self._read_manifest(reader)
            digest = self._bundle.header.manifest_sha256
            preconditions = Preconditions(self._catalog, arrivals, self._bundle.path, header, digest)
            result.state = header.state
            all_there = next(self._missing(), None) is None
            result.why_not = preconditions.why_not(all_there=all_there, replace=replace)
            if result.changed:
                preconditions.check(replace=replace)
                named = ProjectRules(self._config.projects, self._config.exclude_projects).named()
                check_folder(self._folder, self._catalog, arrivals, set(named), self._bundle.path)
                self._check_room()
                self._extract(reader, header)
                reader.finish()
        if result.changed:
            result.removed = self._take_in(header, preconditions)
        damaged = self._catalog.files.damaged(self._folder.size)
        result.damaged = sorted(file.filename for file in damaged)
        last = self._catalog.runs.last_complete()
        if result.changed or last is None or last.as_of < header.mirrored:
            self._record_run(header)
        return result

    def _record_run(self, header: ManifestHeader) -> None:
        """Record the import among the runs; it also tells how old the mirror's state is."""
        result, runs, now = self._result, self._catalog.runs, time.time()
        counts = {
            "complete": not result.damaged,
            "bundle": printable(self._bundle.header.name),
            "mirrored": header.mirrored,
            "files": {"fetched": result.added, "removed": result.removed},
            "bytes_fetched": result.bytes,
            "seconds": round(now - self._begun, 3),
            "failures": len(result.damaged),
            "held": self._catalog.files.held(),
        }
        runs.end(runs.begin(self._begun), now, counts)
        runs.replace_missing(())
        self._catalog.commit()

    def _read_manifest(self, reader: BundleReader) -> ManifestHeader:
        for member, path in zip(
            self._bundle.header.first_members(), (self._manifest, self._signature), strict=False
        ):
            self._write(reader, member, path)
        self._check_signature()
        try:
            return self._stage()
        except (ManifestError, TwiceError) as error:
            cause = printable(str(error)[:_MAX_CAUSE])
            raise DamagedError(
                f"{self._bundle.path}: invalid manifest ({cause}); the bundle was modified, or made by a"
                " newer minimirror"
            ) from None

    def _check_signature(self) -> None:
        allowed = self._config.allowed_signers
        if allowed is None:
            return
        if self._bundle.header.signature_size is None:
            raise SignatureError(
                f"{self._bundle.path}: not signed, but `allowed_signers` in the config requires a signature"
            )
        try:
            self._result.signer = find_signer(self._manifest, self._signature, allowed)
        except SignatureError as error:
            raise SignatureError(f"{self._bundle.path}: {error}") from None

    def _stage(self) -> ManifestHeader:
        """Read the manifest into the catalog's temporary tables."""
        arrivals = self._arrivals
        with self._manifest.open("rb") as stream:
            header = manifest.read_header(stream)
            if header.number != self._bundle.header.number:
                raise ManifestError("it belongs to another export")
            for entry in manifest.read_entries(stream):
                if isinstance(entry, manifest.ManifestFile):
                    arrivals.add_file(entry.row, carried=entry.carried)
                elif isinstance(entry, manifest.ManifestProject):
                    arrivals.add_project(entry.row)
                elif entry.kind == "removed_file":
                    arrivals.remove_file(entry.name)
                else:
                    arrivals.remove_project(entry.name)
        if header.since is None:
            arrivals.remove_all_else()
        arrivals.check()
        return header

    def _missing(self) -> Iterator[FileRow]:
        """Yield the carried files that are not in the folder, or have another size there."""
        return (row for row in self._arrivals.carried() if self._folder.size(row.filename) != row.size)

    def _check_room(self) -> None:
        needed = sum(row.size for row in self._missing())
        free = shutil.disk_usage(self._folder.path).free
        if needed > free:
            raise DiskFullError(
                f"repository {self._folder.path}: {self._bundle.path} needs {format_size(needed)}, but only"
                f" {format_size(free)} are free; nothing was changed"
            )

    def _extract(self, reader: BundleReader, header: ManifestHeader) -> None:
        """Read all files, and write those that the folder lacks to the partial folder."""
        for row, report in with_progress(self._arrivals.carried(), header, self._progress, "checked"):
            if is_present(self._folder, row):
                self._result.present += 1
                reader.extract(member_of(row), None, report)
            else:
                self._result.added += 1
                self._result.bytes += row.size
                path = _extracted(self._folder, row.filename)
                self._write(reader, member_of(row), path, report)
                if row.upload_time is not None:
                    os.utime(path, (row.upload_time, row.upload_time))

    def _write(
        self, reader: BundleReader, member: Member, path: Path, report: Callable[[int], None] = lambda _: None
    ) -> None:
        try:
            with path.open("xb", buffering=0) as stream:
                reader.extract(member, stream, report)
        except OSError as error:
            kind = DiskFullError if is_disk_full(error) else FolderError
            raise kind(
                f"repository {self._folder.path}: {path.name} cannot be written: {error.strerror}; nothing"
                " was changed"
            ) from None

    def _row(self, header: ManifestHeader) -> ImportRow:
        return ImportRow(
            imported=time.time(),
            mirror=header.mirror,
            number=header.number,
            state=header.state,
            name=printable(self._bundle.header.name),
            signer=self._result.signer,
        )

    def _take_in(self, header: ManifestHeader, preconditions: Preconditions) -> int:
        """Change the mirror step by step, as a run does; Ctrl-C takes effect before or after.

        :returns: how many files were deleted
        """
        static_index = open_static_index(self._config, self._catalog, self._folder, Summary())
        placement = Placement(self._catalog, self._folder, static_index)
        with defer_signals(), placement:
            preconditions.begin()
            self._place(placement)
            self._arrivals.record()
            self._catalog.commit()
            removed = self._delete(placement)
            self._arrivals.untrack()
            self._arrivals.record_import(self._row(header))
            preconditions.end()
            self._catalog.commit()
            if static_index:
                static_index.publish(self._catalog.local_filenames(self._folder.filenames()))
        return removed

    def _place(self, placement: Placement) -> None:
        size = 0
        for row in self._arrivals.carried():
            extracted = _extracted(self._folder, row.filename)
            # Without it, the folder has the file already.
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

    def _delete(self, placement: Placement) -> int:
        deletions: dict[str, list[str]] = {}
        for filename, project in self._arrivals.leaving():
            deletions.setdefault(project, []).append(filename)
        done = placement.delete([Deletion(project, names) for project, names in deletions.items()])
        for _, filename, error in done:
            if error is not None:
                raise self._stopped(filename, error)
        return len(done)

    def _stopped(self, filename: str, error: str) -> BundleError:
        return BundleError(
            f"repository {self._folder.path}: {filename} {error}. Fix this and import {self._bundle.path}"
            " again to complete the import"
        )


def _extracted(folder: MirrorFolder, filename: str) -> Path:
    return folder.partial / f"{filename}{_SUFFIX}"
