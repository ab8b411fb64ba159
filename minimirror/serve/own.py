"""Somebody's own files: distributions in the folder that minimirror did not place."""

from __future__ import annotations

import logging
import os
import threading
import time
from collections.abc import Iterator
from io import FileIO
from itertools import islice
from stat import S_ISREG

from minimirror.common import Digests, MinimirrorError
from minimirror.distributions import projects_named, read_filename, requires_python
from minimirror.publish.static import SUFFIX
from minimirror.serve.cache import Cache
from minimirror.serve.metadata import MetadataReader
from minimirror.simple_api import Entry
from minimirror.storage import CatalogReader, MirrorFolder

__all__ = ["OwnFiles"]

log = logging.getLogger("minimirror")

_BATCH = 1000
"""Names that are compared with the catalog at once."""

_PAUSE = 0.1
"""Seconds between two looks at the folder, or more where a look takes long."""

_SHARE = 5
"""Looking takes at most one part in so many of the time, however often the folder changes."""

_AGAIN = 60.0
"""Seconds after which the folder is looked at though its time is the same, if the catalog is another."""

_TICK = 100_000_000
"""Nanoseconds within which a file system may give two changes the same time."""

_PATIENCE = 10.0
"""Seconds that a request waits at most for a look at the folder."""

_ENTRIES = 16 << 20
_ENTRY = 1000
"""Bytes that an entry takes, about."""


class OwnFiles:
    """The files that are somebody's own, as the last look at the folder found them.

    The folder is looked at, in one thread beside the requests, when it has changed; a file is hashed when it
    is first listed.
    """

    def __init__(self, repository: MirrorFolder, catalog: CatalogReader, metadata: MetadataReader) -> None:
        self._repository = repository
        self._catalog = catalog
        self._metadata = metadata
        self._entries: Cache[Entry] = Cache(_ENTRIES)
        self._lock = threading.Lock()
        self._hashing = threading.Lock()
        self._look: threading.Thread | None = None
        self._found: dict[str, set[str]] = {}
        self._added: list[str] = []
        self._seen = -1
        self._version = (0, 0)
        self._ended = self._took = 0.0
        self.generation = 0
        """Another number after each change."""

    def of(self, project: str) -> list[Entry]:
        """What a project's page says of them."""
        with self._lock:
            names = sorted(self._found.get(project, ()))
        found = (self._entry(project, name) for name in names)
        return [entry for entry in found if entry is not None]

    def projects(self) -> list[str]:
        """The projects that have such files, by name."""
        with self._lock:
            return sorted(self._found)

    def names(self) -> list[tuple[str, str]]:
        """Project and filename of each."""
        with self._lock:
            return [(project, name) for project, names in self._found.items() for name in sorted(names)]

    def add(self, filename: str) -> None:
        """Take note of a file that was just put there."""
        with self._lock:
            # A look that has begun may have missed it.
            self._added.append(filename)
            _enter(self._found, filename)
            self.generation += 1

    def refresh(self, *, wait: bool = False) -> None:
        """Have the folder looked at if it has changed.

        :param wait: come back when that is done
        """
        with self._lock:
            if self._look is None and self._is_due():
                self._added.clear()
                self._look = threading.Thread(target=self._look_now, name="look", daemon=True)
                self._look.start()
            look = self._look
        if wait and look is not None:
            look.join(_PATIENCE)

    def _is_due(self) -> bool:
        since = time.monotonic() - self._ended
        if since < max(_PAUSE, _SHARE * self._took):
            return False
        if self._repository.changed() != self._seen:
            return True
        return since > _AGAIN and self._catalog.version() != self._version

    def _look_now(self) -> None:
        begun = time.monotonic()
        try:
            self._take_look()
        except (MinimirrorError, OSError) as error:
            log.warning("the folder cannot be looked at: %s", error)
        finally:
            with self._lock:
                self._ended = time.monotonic()
                self._took = self._ended - begun
                self._look = None

    def _take_look(self) -> None:
        changed, version = self._repository.changed(), self._catalog.version()
        # What changes in the same tick of the clock does not show.
        settled = time.time_ns() - changed > _TICK
        found: dict[str, set[str]] = {}
        for filename in self._unknown():
            if (self._repository.path / filename).is_file():
                _enter(found, filename)
        with self._lock:
            for filename in self._added:
                _enter(found, filename)
            self._seen, self._version = changed if settled else -1, version
            if found != self._found:
                self._found = found
                self.generation += 1

    def _unknown(self) -> Iterator[str]:
        with os.scandir(self._repository.path) as entries:
            names = (entry.name for entry in entries if _may_be_one(entry.name))
            while batch := list(islice(names, _BATCH)):
                # In this order: what a run places is in the catalog before it is in the folder.
                yield from self._catalog.local(batch)

    def _entry(self, project: str, filename: str) -> Entry | None:
        path = self._repository.path / filename
        try:
            stat = path.stat()
            if not S_ISREG(stat.st_mode):
                return None
            key = project, filename, stat.st_size, stat.st_mtime_ns
            # One by one: hashing a big file would else be done as often as its page is asked for.
            with self._hashing:
                found = self._entries.get(key)
                if found is None:
                    found = self._read(project, filename)._replace(upload_time=stat.st_mtime)
                    self._entries.put(key, found, _ENTRY)
        except OSError:
            # Gone, no file, or not for us to read.
            return None
        return found

    def _read(self, project: str, filename: str) -> Entry:
        digests = Digests({})
        with FileIO(self._repository.path / filename) as stream:
            digests.read(stream)
        metadata = (
            self._metadata.read(self._repository.path / filename) if filename.endswith(".whl") else None
        )
        return Entry(
            filename,
            read_filename(filename, project).version,
            digests.size,
            digests.sha256,
            requires_python=requires_python(metadata.content) if metadata else None,
            metadata=metadata.sha256 if metadata else None,
        )


def _may_be_one(filename: str) -> bool:
    """Whether a file may be a distribution, by what is quick to see."""
    return filename.isascii() and not filename.startswith(".") and not filename.endswith(SUFFIX)


def _enter(found: dict[str, set[str]], filename: str) -> None:
    # Installers may take a name for more than one project's; the first is the one that most of them see.
    for project in projects_named(filename)[:1]:
        found.setdefault(project, set()).add(filename)
