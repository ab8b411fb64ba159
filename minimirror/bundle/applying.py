"""The last step of an import: make the mirror what a bundle lists, in the steps of a run.

Sync the new files, record them in the catalog as invalid, rename them into place, sync, confirm that they are
here, delete the removed files, sync, delete their rows. A static index follows each step: files before the
pages that name them, pages before deletions.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import islice
from pathlib import Path

from minimirror.bundle.manifest import ManifestHeader
from minimirror.bundle.results import BundleError, ImportResult
from minimirror.common import Summary, defer_signals, has_sha256
from minimirror.config import Config
from minimirror.distributions import projects_named
from minimirror.publish.static import open_static_index
from minimirror.storage import Arrivals, Catalog, LastImport, Repository
from minimirror.sync import Deletion, Placement, StagedFile

__all__ = ["EXTRACTED", "MirrorChange"]

_BATCH = 5000
"""Files that are placed at once."""

EXTRACTED = ".import"
"""The suffix of an extracted file in the partial folder."""


@dataclass
class MirrorChange:
    """What an import changes, once every check has passed."""

    config: Config
    folder: Repository
    catalog: Catalog
    arrivals: Arrivals
    """What the bundle lists."""

    bundle: Path
    """Its first part."""

    begun: float = field(default_factory=time.time)

    def apply(self, header: ManifestHeader, result: ImportResult, *, restoring: bool) -> None:
        """Change the mirror step by step; Ctrl-C takes effect before or after.

        :param restoring: only put back files of an older bundle that were lost here
        """
        static_index = open_static_index(self.config, self.catalog, self.folder, Summary())
        placement = Placement(self.catalog, self.folder, static_index)
        with defer_signals(), placement:
            if restoring:
                self.arrivals.list_lost()
            else:
                self.arrivals.claim()
            self._place(placement)
            self.arrivals.confirm()
            self.catalog.commit()
            if not restoring:
                self._delete(placement)
                self._record(header, result)
            self.catalog.commit()
            if static_index:
                static_index.publish(self.catalog.local_filenames(self.folder.filenames()))

    def _record(self, header: ManifestHeader, result: ImportResult) -> None:
        """Record the import, also among the runs: it tells how old the mirror's state is."""
        self.arrivals.settle(LastImport(header.mirror, header.number, header.name))
        runs, now = self.catalog.runs, time.time()
        counts = {
            "complete": header.mirrored is not None,
            "bundle": header.name,
            "mirrored": header.mirrored,
            "files": {"fetched": result.added, "removed": result.removed},
            "bytes_fetched": result.bytes,
            "seconds": round(now - self.begun, 3),
            "failures": 0,
            "held": self.catalog.files.held(),
        }
        runs.end(runs.begin(self.begun), now, counts)
        runs.replace_missing(())

    def _place(self, placement: Placement) -> None:
        placement.sync()
        self.arrivals.record()
        self.catalog.commit()
        lacking = self.arrivals.lacking()
        while batch := [
            StagedFile(row, f"{row.filename}{EXTRACTED}", replace=occupied)
            for row, occupied in islice(lacking, _BATCH)
        ]:
            for placed in placement.place_recorded(batch):
                self._check(placed.file.row.filename, placed.error)
        placement.sync()

    def leaving(self) -> Iterator[tuple[str, str]]:
        """Yield the files to delete, each with its project: not local files that were changed here."""
        for filename, sha256, project in self.arrivals.leaving():
            if project is not None:
                yield filename, project
            elif has_sha256(self.folder.file(filename), sha256):
                yield filename, projects_named(filename)[0]

    def _delete(self, placement: Placement) -> None:
        deletions: dict[str, list[str]] = {}
        for filename, project in self.leaving():
            deletions.setdefault(project, []).append(filename)
        done = placement.delete([Deletion(project, names) for project, names in deletions.items()])
        for _, filename, error in done:
            self._check(filename, error)

    def _check(self, filename: str, error: str | None) -> None:
        """Stop if a file could not be placed or deleted."""
        if error is None:
            return
        # The catalog has just dropped the row of a file that is not in its place.
        self.catalog.commit()
        raise BundleError(
            f"repository {self.folder}: {filename} {error}. Fix this and import {self.bundle}"
            " again to complete the import"
        )
