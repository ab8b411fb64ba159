"""Local files: distributions in the folder that minimirror did not place."""

from __future__ import annotations

import logging
import os
import threading
import time
from contextlib import suppress
from stat import S_ISREG
from typing import NamedTuple

from minimirror.common import MinimirrorError
from minimirror.distributions import projects_named, valid_requires_python
from minimirror.publish.static import SUFFIX, local_entry
from minimirror.serve.cache import Cache
from minimirror.serve.metadata import MetadataReader
from minimirror.simple_api import Entry
from minimirror.storage import (
    STILL,
    Catalog,
    CatalogError,
    CatalogReader,
    MirrorFolder,
    is_complete,
    read_local_file,
)

__all__ = ["LocalFiles", "RecordedFiles"]

log = logging.getLogger("minimirror")

_PAUSE = 0.1
"""Seconds between two scans of the folder, at least."""

_SHARE = 5
"""Scans take at most one part in this many of the time, however often the folder changes."""

_RESCAN_AFTER = 60.0
"""Seconds after which an unchanged folder is scanned again if the catalog has changed."""

_TICK = 100_000_000
"""Nanoseconds within which a file system may give two changes the same time."""

_MAX_WAIT = 10.0
"""Seconds that a request waits for a scan, at most."""

_ENTRIES = 16 << 20
_ENTRY = 1000
"""Bytes that an entry takes, roughly."""


class Stamp(NamedTuple):
    """What changes when a file is written."""

    filename: str
    size: int
    mtime: int


class LocalFiles:
    """The local files that the last scan of the folder found, and whether they are complete.

    One thread scans the folder when it has changed, while requests continue. A file is read when its
    project's page is first requested after it has been still for :data:`STILL` seconds.
    """

    def __init__(self, folder: MirrorFolder, catalog: CatalogReader, metadata: MetadataReader) -> None:
        self._folder = folder
        self._catalog = catalog
        self._metadata = metadata
        self._read_ones: Cache[tuple[Entry | None]] = Cache(_ENTRIES)
        self._lock = threading.Lock()
        self._reading = threading.Lock()
        self._scanner: threading.Thread | None = None
        self._found: dict[str, set[str]] = {}
        self._complete: set[str] = set()
        self._broken: set[Stamp] = set()
        self._uploaded: dict[str, Stamp] = {}
        self._seen = -1
        self._version = (0, 0)
        self._ended = self._took = 0.0
        self.generation = 0
        """Changes whenever the names of the files do."""

    def stamps(self, project: str) -> tuple[Stamp, ...]:
        """Return what changes whenever :meth:`entries` does."""
        if project not in self._found:
            return ()
        return tuple(filter(None, map(self._stamp, self.names(project))))

    def entries(self, project: str) -> list[Entry]:
        """Return the entries of a project's complete local files for its page. This may read the files."""
        return list(filter(None, (self._entry(project, stamp) for stamp in self.stamps(project))))

    def projects(self) -> list[str]:
        """Return the names of the projects that have complete local files, sorted.

        This may read new files, so call it in a thread.
        """
        with self._lock:
            found = {project: names - self._complete for project, names in self._found.items()}
        complete = {name for names in found.values() for name in names if self._is_complete(name)}
        with self._lock:
            self._complete |= complete
            return sorted(name for name, names in self._found.items() if names & self._complete)

    def _is_complete(self, filename: str) -> bool:
        stamp = self._stamp(filename)
        if stamp is None or stamp in self._broken:
            return False
        with suppress(OSError):
            if is_complete(self._folder.path / filename):
                return True
            self._broken.add(stamp)
        return False

    def names(self, project: str) -> list[str]:
        """Return the names of a project's local files."""
        with self._lock:
            return sorted(self._found.get(project, ()))

    def add(self, filename: str) -> None:
        """Add a complete file that was just placed in the folder."""
        found = os.stat(self._folder.path / filename)  # noqa: PTH116
        with self._lock:
            # A scan that has begun may have missed it.
            self._uploaded[filename] = Stamp(filename, found.st_size, found.st_mtime_ns)
            _enter(self._found, filename)
            self.generation += 1

    def note_python(self, filename: str, project: str, needed: str) -> None:
        """Record which Python an sdist needs that does not say so itself.

        :param needed: as its uploader says, which may be invalid
        """
        valid = valid_requires_python(needed)
        row = read_local_file(self._folder.path / filename, project) if valid else None
        if row is None:
            return
        try:
            with Catalog(self._folder.catalog) as catalog:
                catalog.pages.put_local_files([row._replace(requires_python=valid)])
                catalog.commit()
        except CatalogError as error:
            log.warning("%s is listed without its Requires-Python: %s", filename, error)

    def refresh(self, *, wait: bool = False) -> None:
        """Start a scan of the folder if it has changed.

        :param wait: return only after the scan
        """
        with self._lock:
            if self._scanner is None and self._is_due():
                self._scanner = threading.Thread(target=self._scan, name="scan", daemon=True)
                self._scanner.start()
            scanner = self._scanner
        if wait and scanner is not None:
            scanner.join(_MAX_WAIT)

    def _is_due(self) -> bool:
        since = time.monotonic() - self._ended
        if since < max(_PAUSE, _SHARE * self._took):
            return False
        if self._folder.changed() != self._seen:
            return True
        return since > _RESCAN_AFTER and self._catalog.version() != self._version

    def _scan(self) -> None:
        begun = time.monotonic()
        try:
            self._find()
        except (MinimirrorError, OSError) as error:
            log.warning("could not scan the folder for local files: %s", error)
        finally:
            with self._lock:
                self._ended = time.monotonic()
                self._took = self._ended - begun
                self._scanner = None

    def _find(self) -> None:
        changed, version = self._folder.changed(), self._catalog.version()
        # A later change within the same tick of the clock would go unnoticed.
        settled = time.time_ns() - changed > _TICK
        found: dict[str, set[str]] = {}
        names = (each for each in self._folder.filenames() if each.isascii() and not each.endswith(SUFFIX))
        for filename in self._catalog.local(names):
            _enter(found, filename)
        with self._lock:
            self._uploaded = {n: each for n, each in self._uploaded.items() if self._folder.occupied(n)}
            for filename in self._uploaded:
                _enter(found, filename)
            self._complete &= {name for names in found.values() for name in names}
            self._broken = {each for each in self._broken if self._folder.occupied(each.filename)}
            self._seen, self._version = changed if settled else -1, version
            if found != self._found:
                self._found = found
                self.generation += 1

    def _stamp(self, filename: str) -> Stamp | None:
        """Return the stamp of a file that nobody is writing any more; None for any other."""
        try:
            found = os.stat(self._folder.path / filename)  # noqa: PTH116
        except OSError:
            return None
        stamp = Stamp(filename, found.st_size, found.st_mtime_ns)
        is_still = abs(time.time() - found.st_mtime) > STILL or self._uploaded.get(filename) == stamp
        return stamp if S_ISREG(found.st_mode) and is_still else None

    def _entry(self, project: str, stamp: Stamp) -> Entry | None:
        key = project, stamp
        # One at a time: several requests for a page would otherwise read the same big file.
        with self._reading:
            found = self._read_ones.get(key)
            if found is None:
                try:
                    found = (self._read(project, stamp),)
                except OSError:
                    # The file is gone or cannot be read.
                    return None
                self._read_ones.put(key, found, _ENTRY)
        return found[0]

    def _read(self, project: str, stamp: Stamp) -> Entry | None:
        path = self._folder.path / stamp.filename
        row = self._catalog.local_file(stamp.filename)
        if row is None or (row.size, row.mtime) != stamp[1:]:
            row = read_local_file(path, project)
        if row is None:
            log.warning("%s is not listed: it is incomplete, or no archive", stamp.filename)
            return None
        metadata = self._metadata.read(path) if path.suffix == ".whl" else None
        return local_entry(row)._replace(metadata=metadata.sha256 if metadata else None)


class RecordedFiles:
    """The local files of a bucket, as the last run has recorded them, with the methods of LocalFiles."""

    generation = 0
    """The catalog's version tells when they change."""

    def __init__(self, catalog: CatalogReader) -> None:
        self._catalog = catalog

    def stamps(self, project: str) -> tuple[Stamp, ...]:
        """Return the size and time of each of a project's files."""
        return tuple(Stamp(row.filename, row.size, row.mtime) for row in self._catalog.local_files(project))

    def entries(self, project: str) -> list[Entry]:
        """Return the entries of a project's files for its page."""
        return [local_entry(row) for row in self._catalog.local_files(project)]

    def projects(self) -> list[str]:
        """Return the names of the projects that have local files, sorted."""
        return self._catalog.local_projects()

    def names(self, project: str) -> list[str]:
        """Return the names of a project's files."""
        return [row.filename for row in self._catalog.local_files(project)]

    def refresh(self, *, wait: bool = False) -> None:
        """Do nothing: the catalog is refreshed elsewhere."""


def _enter(found: dict[str, set[str]], filename: str) -> None:
    # A filename may be read as several projects'; most installers take the first.
    for project in projects_named(filename)[:1]:
        found.setdefault(project, set()).add(filename)
