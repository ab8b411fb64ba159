"""Local files: distributions in the folder that minimirror did not place."""

from __future__ import annotations

import logging
import os
import threading
import time
from collections.abc import Iterator
from stat import S_ISREG

from minimirror.common import MinimirrorError, hash_file
from minimirror.distributions import projects_named, read_filename, requires_python
from minimirror.publish.static import SUFFIX
from minimirror.serve.cache import Cache
from minimirror.serve.metadata import MetadataReader
from minimirror.simple_api import Entry
from minimirror.storage import CatalogReader, MirrorFolder

__all__ = ["LocalFiles"]

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


class LocalFiles:
    """The local files that the last scan of the folder found.

    One thread scans the folder when it has changed, while requests continue. A file is hashed when its
    project's page is first requested.
    """

    def __init__(self, folder: MirrorFolder, catalog: CatalogReader, metadata: MetadataReader) -> None:
        self._folder = folder
        self._catalog = catalog
        self._metadata = metadata
        self._entries: Cache[Entry] = Cache(_ENTRIES)
        self._lock = threading.Lock()
        self._hashing = threading.Lock()
        self._scanner: threading.Thread | None = None
        self._found: dict[str, set[str]] = {}
        self._added: list[str] = []
        self._seen = -1
        self._version = (0, 0)
        self._ended = self._took = 0.0
        self.generation = 0
        """Changes whenever the files do."""

    def entries(self, project: str) -> list[Entry]:
        """Return the entries of a project's local files for its page."""
        with self._lock:
            names = sorted(self._found.get(project, ()))
        found = (self._entry(project, name) for name in names)
        return [entry for entry in found if entry is not None]

    def projects(self) -> list[str]:
        """Return the names of the projects that have local files, sorted."""
        with self._lock:
            return sorted(self._found)

    def names(self) -> list[tuple[str, str]]:
        """Return project and filename of each file."""
        with self._lock:
            return [(project, name) for project, names in self._found.items() for name in sorted(names)]

    def add(self, filename: str) -> None:
        """Add a file that was just placed in the folder."""
        with self._lock:
            # A scan that has begun may have missed it.
            self._added.append(filename)
            _enter(self._found, filename)
            self.generation += 1

    def refresh(self, *, wait: bool = False) -> None:
        """Start a scan of the folder if it has changed.

        :param wait: return only after the scan
        """
        with self._lock:
            if self._scanner is None and self._is_due():
                self._added.clear()
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
        for filename in self._candidates():
            if (self._folder.path / filename).is_file():
                _enter(found, filename)
        with self._lock:
            for filename in self._added:
                _enter(found, filename)
            self._seen, self._version = changed if settled else -1, version
            if found != self._found:
                self._found = found
                self.generation += 1

    def _candidates(self) -> Iterator[str]:
        """Yield the names in the folder that may be local distributions."""
        with os.scandir(self._folder.path) as entries:
            names = (
                entry.name
                for entry in entries
                if entry.name.isascii() and not entry.name.startswith(".") and not entry.name.endswith(SUFFIX)
            )
            yield from self._catalog.local(names)

    def _entry(self, project: str, filename: str) -> Entry | None:
        path = self._folder.path / filename
        try:
            stat = path.stat()
            if not S_ISREG(stat.st_mode):
                return None
            key = project, filename, stat.st_size, stat.st_mtime_ns
            # One at a time: several requests for a page would otherwise hash the same big file.
            with self._hashing:
                found = self._entries.get(key)
                if found is None:
                    found = self._read(project, filename)._replace(upload_time=stat.st_mtime)
                    self._entries.put(key, found, _ENTRY)
        except OSError:
            # The file is gone or cannot be read.
            return None
        return found

    def _read(self, project: str, filename: str) -> Entry:
        path = self._folder.path / filename
        digests = hash_file(path)
        metadata = self._metadata.read(path) if filename.endswith(".whl") else None
        return Entry(
            filename,
            read_filename(filename, project).version,
            digests.size,
            digests.sha256,
            requires_python=requires_python(metadata.content) if metadata else None,
            metadata=metadata.sha256 if metadata else None,
        )


def _enter(found: dict[str, set[str]], filename: str) -> None:
    # A filename may be read as several projects'; most installers take the first.
    for project in projects_named(filename)[:1]:
        found.setdefault(project, set()).add(filename)
