"""Import: check a bundle to its last byte, then make the mirror what it lists, or change nothing.

Until every check has passed, the folder and the catalog do not change. If an import is interrupted, the same
bundle or a newer one completes it; until then the folder has every old file, and perhaps new ones.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

from minimirror.bundle.applying import EXTRACTED, MirrorChange
from minimirror.bundle.layout import MANIFEST, SIGNATURE, Member
from minimirror.bundle.manifest import ManifestError, ManifestHeader, read_manifest
from minimirror.bundle.preconditions import Preconditions
from minimirror.bundle.progress import Progress
from minimirror.bundle.reader import Bundle, BundleReader, find_bundles
from minimirror.bundle.results import BundleError, DamagedError, ImportResult, SignatureError
from minimirror.bundle.signature import find_signer
from minimirror.common import (
    MinimirrorError,
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
    Repository,
    TwiceError,
    damage_set_aside,
    open_repository,
)

__all__ = ["import_bundles"]

_NEW = os.O_WRONLY | os.O_CREAT | os.O_EXCL | getattr(os, "O_BINARY", 0)

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
    bundles, found = find_bundles(paths)
    errors: list[MinimirrorError] = [*found]
    folder = open_repository(config.repository, config.state)
    with ExitStack() as stack:
        if check:
            folder.refresh()
            work = Path(stack.enter_context(TemporaryDirectory(prefix="minimirror-")))
        elif bundles:
            folder.prepare()
            stack.enter_context(folder.lock())
            work = folder.partial
        promised: dict[str, str] = {}
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
            except MinimirrorError as error:
                # The others need the same folder.
                errors.append(error)
                break
            finally:
                _delete_extracted(work)
            result.seconds = time.monotonic() - begun
            yield result
    if errors:
        raise errors[0] if len(errors) == 1 else _together(errors)


def _together(errors: Sequence[MinimirrorError]) -> BundleError:
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


@dataclass
class _Import:
    """Checks and extracts one bundle, then adds it to the folder and the catalog."""

    config: Config
    folder: Repository
    catalog: Catalog
    bundle: Bundle
    work: Path
    """Where files are extracted to."""

    promised: dict[str, str]
    """What the folder lacks of what it would hold if the earlier bundles had not only been checked: filenames
    and sha256."""

    progress: ProgressCallback

    def __post_init__(self) -> None:
        self.result = ImportResult(self.bundle.path.name, self.bundle.header.number)
        self.arrivals = Arrivals(self.catalog)
        common = self.folder, self.catalog, self.arrivals, self.bundle.path
        self.preconditions = Preconditions(*common, self.arrivals.last_import())
        self.change = MirrorChange(self.config, *common)

    def run(self, *, replace: bool, may_skip: bool, check: bool) -> ImportResult:
        """Check everything, then change everything.

        :param may_skip: whether it is no error if a newer bundle is imported
        :param check: whether to change nothing
        """
        result = self.result
        result.checked, result.signed = check, self.bundle.header.signature_size is not None
        with BundleReader(self.bundle) as reader:
            header = self._read_manifest(reader)
            result.state, result.mirrored = header.state, header.mirrored
            if not replace:
                result.kept = self.arrivals.keep_updated(self._is_here)
            self._find_lacking(header)
            lacking = self._lacking() if check else {}
            self.arrivals.await_files(self.promised)
            result.restored = restoring = not replace and self.preconditions.is_older(header)
            result.why_not = (
                self._only_restore(header, may_skip=may_skip)
                if restoring
                else self._check_listed(header, replace=replace)
            )
            counts = self.arrivals.count()
            result.local, result.present = counts.local, counts.files - counts.lacking
            result.added, result.bytes = counts.lacking, counts.lacking_bytes
            if result.changed:
                named = ProjectRules(self.config.projects, self.config.exclude_projects).named()
                self.preconditions.check_folder(set(named))
                self.preconditions.check_room()
            if result.changed or check:
                self._extract(reader, header, check=check)
                reader.finish()
        if result.changed and not restoring:
            result.removed = sum(1 for _ in self.change.leaving())
        if check and restoring:
            self.promised.update(self._lacking())
        elif check and result.changed:
            # The import would delete what the bundle does not list.
            self.promised.clear()
            self.promised.update(lacking)
        elif result.changed:
            self.progress(Status(stage=f"adding {counted(result.added)} to the mirror"))
            self.change.apply(header, result, restoring=restoring)
        return result

    def _read_manifest(self, reader: BundleReader) -> ManifestHeader:
        header = self.bundle.header
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
                f"{self.bundle.path}: invalid manifest ({cause}); the bundle was modified, or made by a"
                " newer minimirror"
            ) from None

    def _check_signature(self, manifest: str, signature: str) -> None:
        allowed = self.config.allowed_signers
        if allowed is None:
            return
        if self.bundle.header.signature_size is None:
            raise SignatureError(
                f"{self.bundle.path}: not signed, but `allowed_signers` in the config requires a signature"
            )
        try:
            self.result.signer = find_signer(Path(manifest), Path(signature), allowed)
        except SignatureError as error:
            raise SignatureError(f"{self.bundle.path}: {error}") from None

    def _stage(self, manifest: str) -> ManifestHeader:
        """Read the manifest into the catalog's temporary tables."""
        entries = read_manifest(Path(manifest))
        header = next(entries)
        names = (self.bundle.header.number, self.bundle.header.name)
        if not isinstance(header, ManifestHeader) or (header.number, header.name) != names:
            raise ManifestError("it belongs to another export")
        self.arrivals.add(entry for entry in entries if not isinstance(entry, ManifestHeader))
        return header

    def _is_here(self, filename: str, size: int, sha256: str) -> bool:
        return self.folder.size(filename) == size and has_sha256(self.folder.file(filename), sha256)

    def _find_lacking(self, header: ManifestHeader) -> None:
        self.arrivals.lack(self.folder.sizes())
        self.arrivals.lack_too(
            filename
            for filename, sha256 in self.arrivals.doubtful(header.number)
            if not has_sha256(self.folder.file(filename), sha256)
        )

    def _lacking(self) -> dict[str, str]:
        return {row.filename: row.sha256 for row, _ in self.arrivals.lacking()}

    def _only_restore(self, header: ManifestHeader, *, may_skip: bool) -> str | None:
        """Take from an older bundle only files that were lost here.

        :returns: the reason if there are none
        """
        self.arrivals.keep_lost(header.number)
        if self.arrivals.count().lacking:
            return None
        error = self.preconditions.older(header)
        if not may_skip:
            raise error
        return "a newer export is already imported"

    def _check_listed(self, header: ManifestHeader, *, replace: bool) -> str | None:
        """Check that the bundle fits.

        :returns: the reason if there is nothing to do
        """
        if not replace:
            self.preconditions.check_mirror(header)
        self.preconditions.check_bytes(header)
        is_same = (
            self.preconditions.is_known(header)
            and not self.arrivals.count().lacking
            and self.arrivals.is_same()
            and next(self.change.leaving(), None) is None
        )
        return "already imported" if is_same else None

    def _extract(self, reader: BundleReader, header: ManifestHeader, *, check: bool) -> None:
        """Read all files, and write those that the folder lacks to the partial folder."""
        progress = Progress(self.progress, header, "checked")
        for filename, size, upload_time, sha256, lacking in self.arrivals.carried(header.number):
            progress.begin(filename)
            member = Member.of(filename, size, upload_time, sha256)
            if check or not lacking:
                reader.extract(member, None, progress)
            else:
                self._write(reader, member, self._extracted(filename), progress, upload_time)

    def _write(
        self,
        reader: BundleReader,
        member: Member,
        path: str,
        report: Callable[[int], None] = lambda _: None,
        upload_time: float | None = None,
    ) -> None:
        try:
            to = os.open(path, _NEW, 0o666)
            try:
                reader.extract(member, to, report)
            finally:
                os.close(to)
            if upload_time is not None:
                os.utime(path, (upload_time, upload_time))
        except OSError as error:
            kind = DiskFullError if is_disk_full(error) else FolderError
            raise kind(
                f"repository {self.folder}: {os.path.basename(path)} cannot be written:"  # noqa: PTH119
                f" {error.strerror}; nothing was changed"
            ) from None

    def _extracted(self, filename: str) -> str:
        return f"{self.work}/{filename}{EXTRACTED}"
