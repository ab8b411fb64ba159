"""The checks before an import: earlier imports, missing bytes, other files in the folder, its room."""

from __future__ import annotations

import shutil
from collections.abc import Collection
from dataclasses import dataclass
from itertools import groupby
from pathlib import Path

from minimirror.bundle.manifest import ManifestHeader
from minimirror.bundle.results import BundleError, MissingBytesError, OlderError
from minimirror.common import counted, format_size, format_time, has_sha256, printable, shorten
from minimirror.distributions import projects_named
from minimirror.storage import Arrivals, Catalog, DiskFullError, LastImport, Repository

__all__ = ["Preconditions"]

_MAX_NAMES = 10
"""Names of a long list that a message shows."""


@dataclass
class Preconditions:
    """What a bundle requires of the mirror that imports it."""

    folder: Repository
    catalog: Catalog
    arrivals: Arrivals
    """What the bundle lists."""

    bundle: Path
    """Its first part."""

    last: LastImport | None
    """The last import."""

    def check_mirror(self, header: ManifestHeader) -> None:
        """Check that earlier imports came from the same mirror.

        :raises BundleError: they did not
        """
        if self.last and self.last.mirror != header.mirror:
            raise BundleError(
                f"{self.bundle}: comes from another mirror than the last import,"
                f" {printable(self.last.name)}; --replace deletes what earlier imports brought and this"
                " bundle does not list"
            )

    def is_known(self, header: ManifestHeader) -> bool:
        """Return whether this bundle was the last import."""
        return self.last is not None and (self.last.mirror, self.last.number) == (
            header.mirror,
            header.number,
        )

    def is_older(self, header: ManifestHeader) -> bool:
        """Return whether a newer bundle of the same mirror is imported."""
        return bool(self.last and self.last.mirror == header.mirror and header.number < self.last.number)

    def older(self, header: ManifestHeader) -> OlderError:
        """Return the error for such a bundle."""
        name, number = (self.last.name, self.last.number) if self.last else ("", 0)
        return OlderError(
            f"{self.bundle}: the newer export {number} ({printable(name)}) is already imported; --replace"
            f" goes back to export {header.number}"
        )

    def check_bytes(self, header: ManifestHeader) -> None:
        """Check that each listed file is in the bundle or here.

        :raises MissingBytesError: some are not
        """
        found, total, first = [], 0, header.number
        for number, group in groupby(self.arrivals.missing(header.number), lambda each: each[1]):
            files, first = list(group), min(number, first)
            total += len(files)
            _, _, name, made = files[0]
            of = f"{printable(name)}, export {number} of {format_time(made)}" if name else f"export {number}"
            found.append(f"{', '.join(shorten([each[0] for each in files], _MAX_NAMES))} (in {of})")
        if found:
            them = "that bundle" if len(found) == 1 else "those bundles"
            # What was carried up to the last import and is missing has been lost here since.
            last = self.last if self.last and self.last.mirror == header.mirror else None
            since = f"export:{last.number}" if last and last.number < first else "all"
            raise MissingBytesError(
                f"{self.bundle}: the bytes of {counted(total)} are neither in this bundle nor in the folder:"
                f" {'; '.join(shorten(found, _MAX_NAMES))}. Import {them} first, or create a bundle with"
                f" `minimirror export --since {since}`; nothing was changed"
            )

    def check_folder(self, named: Collection[str]) -> None:
        """Check that no other file is in the way, and that no local project gets files from upstream.

        :param named: the projects that the config names; these may have local files as well
        :raises BundleError: a file is in the way, or a project is local here
        """
        conflicts = [
            filename
            for filename, replaceable in self.arrivals.occupied()
            # A link or a special file is in the way even if the catalog has a file with its name.
            if self.folder.size(filename) is None or not (replaceable or self._is_imported(filename))
        ]
        if conflicts:
            raise BundleError(
                f"{self.bundle}: the folder has other files with these names, which no import placed:"
                f" {', '.join(shorten(conflicts, _MAX_NAMES))}. Move them away; nothing was changed"
            )
        if not self.folder.exists():
            return
        for filename in self.catalog.local_filenames(self.folder.filenames()):
            for project in projects_named(filename):
                if project not in named and self.arrivals.brings(project) and self._is_others(filename):
                    raise BundleError(
                        f"{self.bundle}: adds files of {project}, but the folder has a local file of that"
                        f" project: {printable(filename)}. Delete it if you do not need it, add {project}"
                        " to `projects` in the config here to have both, or exclude the project where you"
                        " export; nothing was changed"
                    )

    def _is_others(self, filename: str) -> bool:
        """Return whether a local file neither comes with the bundle nor came with an earlier one."""
        return not self.arrivals.lists(filename) and not self._is_imported(filename)

    def _is_imported(self, filename: str) -> bool:
        path = self.folder.file(filename)
        return any(has_sha256(path, sha256) for sha256 in self.arrivals.imported(filename))

    def check_room(self) -> None:
        """Check that the lacking files fit on the disk.

        :raises DiskFullError: they do not
        """
        there = next(each for each in self.folder.partial.parents if each.exists())
        needed, free = self.arrivals.count().lacking_bytes, shutil.disk_usage(there).free
        if needed > free:
            raise DiskFullError(
                f"repository {self.folder}: {self.bundle} needs {format_size(needed)}, but only"
                f" {format_size(free)} are free; nothing was changed"
            )
