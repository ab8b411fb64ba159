"""Import: check a bundle to its last byte, then make the mirror what it lists, or change nothing.

Until every check has passed, the folder and the catalog do not change. If an import is interrupted, the same
bundle or a newer one completes it; until then the folder has every old file, and perhaps new ones.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager, suppress
from io import FileIO
from pathlib import Path
from tempfile import TemporaryDirectory

from minimirror.bundle.applying import EXTRACTED, MirrorChange
from minimirror.bundle.layout import MANIFEST, SIGNATURE, Member
from minimirror.bundle.manifest import EarlierExport, ManifestError, ManifestHeader, read_manifest
from minimirror.bundle.preconditions import Preconditions
from minimirror.bundle.progress import Progress
from minimirror.bundle.reader import Bundle, BundleReader, find_bundles
from minimirror.bundle.results import BundleError, DamagedError, ImportResult, SignatureError
from minimirror.bundle.signature import find_signer
from minimirror.common import (
    ProgressCallback,
    Status,
    counted,
    has_sha256,
    is_disk_full,
    printable,
)
from minimirror.config import Config
from minimirror.selection import ProjectRules
from minimirror.storage import (
    Arrivals,
    Catalog,
    DiskFullError,
    FolderError,
    ListedFile,
    ProjectRow,
    Repository,
    TwiceError,
    damage_set_aside,
    open_repository,
)

__all__ = ["import_bundles"]

_MAX_CAUSE = 200
"""Characters of a manifest's fault that a message shows."""

_WITHOUT_CATALOG = (
    "Import a full bundle (`minimirror export --since all`), or the same bundle again: it adopts the files"
    " that are in the folder already"
)


def import_bundles(
    config: Config,
    paths: Sequence[Path],
    *,
    replace: bool = False,
    check: bool = False,
    progress: ProgressCallback = lambda _: None,
) -> Iterator[ImportResult]:
    """Import bundles into a mirror, oldest first, and yield the result of each.

    A bundle that cannot be imported does not prevent the others; its error is raised after them.

    :param paths: all parts of the bundles, in any order
    :param replace: go back to an older bundle, or replace what bundles of another mirror brought
    :param check: check the bundles and say what an import would do, but change nothing
    :raises BundleError: a bundle is damaged, does not fit or is not allowed; nothing of it was imported
    :raises FolderError: the folder cannot be used, or another run has locked it
    :raises CatalogError: the catalog cannot be read or written
    """
    bundles, errors = find_bundles(paths)
    folder = open_repository(config.repository, config.state)
    with ExitStack() as stack:
        folder.refresh()
        if check:
            work = Path(stack.enter_context(TemporaryDirectory(prefix="minimirror-")))
        elif bundles:
            folder.prepare()
            stack.enter_context(folder.lock())
            work = folder.partial
        promised: set[str] = set()
        for bundle in bundles:
            begun = time.monotonic()
            # A killed import may have left files behind.
            _delete_extracted(work)
            try:
                with _opened(folder, check=check) as catalog:
                    each = _Import(config, folder, catalog, bundle, work, promised, progress)
                    is_newest = bundle.header.number == bundles[-1].header.number
                    result = each.run(replace=replace, may_skip=not is_newest, check=check)
            except BundleError as error:
                errors.append(error)
                continue
            finally:
                _delete_extracted(work)
            result.seconds = time.monotonic() - begun
            yield result
    if errors:
        raise errors[0] if len(errors) == 1 else _together(errors)


def _together(errors: Sequence[BundleError]) -> BundleError:
    found = BundleError("\n".join(map(str, errors)))
    found.exit_code = max(error.exit_code for error in errors)
    return found


@contextmanager
def _opened(folder: Repository, *, check: bool) -> Iterator[Catalog]:
    with ExitStack() as stack:
        if not check:
            stack.enter_context(damage_set_aside(folder, _WITHOUT_CATALOG))
        yield stack.enter_context(Catalog(folder.catalog, read_only=check))


def _delete_extracted(work: Path) -> None:
    for path in work.glob(f"*{EXTRACTED}"):
        with suppress(OSError):
            path.unlink()


class _Import:
    """Checks and extracts one bundle, then adds it to the folder and the catalog."""

    def __init__(  # noqa: PLR0913, PLR0917 - what an import works on
        self,
        config: Config,
        folder: Repository,
        catalog: Catalog,
        bundle: Bundle,
        work: Path,
        promised: set[str],
        progress: ProgressCallback,
    ) -> None:
        """Prepare an import.

        :param work: where files are extracted to
        :param promised: the digests of what earlier bundles carry, if those were only checked
        """
        self._config = config
        self._folder = folder
        self._arrivals = Arrivals(catalog)
        self._preconditions = Preconditions(folder, catalog, self._arrivals, bundle.path)
        self._change = MirrorChange(config, folder, catalog, self._arrivals, bundle.path)
        self._bundle = bundle
        self._work = work
        self._promised = promised
        self._progress = progress
        self._result = ImportResult(bundle.path.name, bundle.header.number)

    def run(self, *, replace: bool, may_skip: bool, check: bool) -> ImportResult:
        """Check everything, then change everything.

        :param may_skip: whether it is no error if a newer bundle is imported
        :param check: whether to change nothing
        """
        result = self._result
        result.checked, result.signed = check, self._bundle.header.signature_size is not None
        with BundleReader(self._bundle) as reader:
            header = self._read_manifest(reader)
            result.state, result.mirrored = header.state, header.mirrored
            self._find_lacking(header)
            restoring = not replace and self._preconditions.is_older(header)
            result.why_not = (
                self._only_restore(header, may_skip=may_skip)
                if restoring
                else self._check_listed(header, replace=replace)
            )
            counts = self._arrivals.count()
            result.local, result.present = counts.local, counts.files - counts.lacking
            result.added, result.bytes = counts.lacking, counts.lacking_bytes
            if result.changed:
                named = ProjectRules(self._config.projects, self._config.exclude_projects).named()
                self._preconditions.check_folder(set(named))
                self._preconditions.check_room()
            if result.changed or check:
                self._extract(reader, header, check=check)
                reader.finish()
        if result.changed and not restoring:
            result.removed = sum(1 for _ in self._change.leaving())
        if result.changed and not check:
            self._progress(Status(stage=f"adding {counted(result.added)} to the mirror"))
            self._change.apply(header, result, restoring=restoring)
        return result

    def _read_manifest(self, reader: BundleReader) -> ManifestHeader:
        header = self._bundle.header
        manifest, signature = self._extracted(MANIFEST), self._extracted(SIGNATURE)
        self._write(reader, Member(MANIFEST, header.manifest_size, sha256=header.manifest_sha256), manifest)
        if header.signature_size is not None:
            member = Member(SIGNATURE, header.signature_size, sha256=header.signature_sha256)
            self._write(reader, member, signature)
        self._check_signature(manifest, signature)
        try:
            return self._stage(manifest)
        except (ManifestError, TwiceError) as error:
            cause = printable(str(error)[:_MAX_CAUSE])
            raise DamagedError(
                f"{self._bundle.path}: invalid manifest ({cause}); the bundle was modified, or made by a"
                " newer minimirror"
            ) from None

    def _check_signature(self, manifest: str, signature: str) -> None:
        allowed = self._config.allowed_signers
        if allowed is None:
            return
        if self._bundle.header.signature_size is None:
            raise SignatureError(
                f"{self._bundle.path}: not signed, but `allowed_signers` in the config requires a signature"
            )
        try:
            self._result.signer = find_signer(Path(manifest), Path(signature), allowed)
        except SignatureError as error:
            raise SignatureError(f"{self._bundle.path}: {error}") from None

    def _stage(self, manifest: str) -> ManifestHeader:
        """Read the manifest into the catalog's temporary tables."""
        entries = read_manifest(Path(manifest))
        header = next(entries)
        names = (self._bundle.header.number, self._bundle.header.name)
        if not isinstance(header, ManifestHeader) or (header.number, header.name) != names:
            raise ManifestError("it belongs to another export")
        for entry in entries:
            if isinstance(entry, ListedFile):
                self._arrivals.add_file(entry)
            elif isinstance(entry, ProjectRow):
                self._arrivals.add_project(entry)
            elif isinstance(entry, EarlierExport):
                self._arrivals.add_export(entry.number, entry.name, entry.made)
        return header

    def _find_lacking(self, header: ManifestHeader) -> None:
        is_known = self._preconditions.is_known(header)
        for file, trusted in self._arrivals.files():
            # The bundle can replace what it carries if that has changed on the disk.
            is_carried = file.carried_by == header.number
            if not self._is_here(file, trusted=trusted and (is_known or not is_carried)):
                self._arrivals.lack(file.row.filename)

    def _is_here(self, file: ListedFile, *, trusted: bool) -> bool:
        row = file.row
        if row.sha256 in self._promised:
            return True
        if self._folder.size(row.filename) != row.size:
            return False
        return trusted or has_sha256(self._folder.file(row.filename), row.sha256)

    def _only_restore(self, header: ManifestHeader, *, may_skip: bool) -> str | None:
        """Take from an older bundle only files that were lost here.

        :returns: the reason if there are none
        """
        self._arrivals.keep_lost(header.number)
        if self._arrivals.count().lacking:
            return None
        error = self._preconditions.older(header)
        if not may_skip:
            raise error
        return "a newer export is already imported"

    def _check_listed(self, header: ManifestHeader, *, replace: bool) -> str | None:
        """Check that the bundle fits.

        :returns: the reason if there is nothing to do
        """
        if not replace:
            self._preconditions.check_mirror(header)
        self._preconditions.check_bytes(header)
        is_same = self._arrivals.is_same() and next(self._change.leaving(), None) is None
        is_known = self._preconditions.is_known(header) and not self._arrivals.count().lacking
        return "already imported" if is_known and is_same else None

    def _extract(self, reader: BundleReader, header: ManifestHeader, *, check: bool) -> None:
        """Read all files, and write those that the folder lacks to the partial folder."""
        progress = Progress(self._progress, header, "checked")
        for (row, _, _), lacking in self._arrivals.carried(header.number):
            progress.begin(row.filename)
            if check:
                self._promised.add(row.sha256)
            if check or not lacking:
                reader.extract(Member.of(row), None, progress)
                continue
            path = self._extracted(row.filename)
            self._write(reader, Member.of(row), path, progress)
            if row.upload_time is not None:
                os.utime(path, (row.upload_time, row.upload_time))

    def _write(
        self,
        reader: BundleReader,
        member: Member,
        path: str,
        report: Callable[[int], None] = lambda _: None,
    ) -> None:
        try:
            with FileIO(path, "xb") as stream:
                reader.extract(member, stream, report)
        except OSError as error:
            kind = DiskFullError if is_disk_full(error) else FolderError
            raise kind(
                f"repository {self._folder}: {os.path.basename(path)} cannot be written:"  # noqa: PTH119
                f" {error.strerror}; nothing was changed"
            ) from None

    def _extracted(self, filename: str) -> str:
        return f"{self._work}/{filename}{EXTRACTED}"
