"""The core metadata of wheels, from which an installer resolves without downloading them (PEP 658)."""

from __future__ import annotations

import hashlib
import logging
from typing import NamedTuple

from minimirror.common import StoredFile
from minimirror.distributions import MetadataError, read_offered_metadata
from minimirror.serve.cache import Cache
from minimirror.storage import FileRow, Repository

__all__ = ["Metadata", "MetadataReader", "announced_digest"]

log = logging.getLogger("minimirror")

_CONTENTS = 16 << 20
_DIGESTS = 32 << 20
_DIGEST = 400
"""Bytes that a digest and its key take, roughly."""


class Metadata(NamedTuple):
    """The core metadata of a wheel."""

    content: bytes
    sha256: str


class MetadataReader:
    """Reads core metadata from wheels and caches it until a wheel changes."""

    def __init__(self, folder: Repository, *, reads_all: bool = True) -> None:
        """:param reads_all: whether to read the wheels of a page whose index announces no digest"""
        self._folder = folder
        self._reads_all = reads_all
        self._contents: Cache[Metadata] = Cache(_CONTENTS)
        self._digests: Cache[str] = Cache(_DIGESTS)
        self.generation = 0
        """Changes when a digest that :meth:`digest` returned turns out to be wrong."""

    def read(self, wheel: StoredFile) -> Metadata | None:
        """Return a wheel's metadata, None if it has none that can be read.

        :raises OSError: the wheel is missing or cannot be read
        """
        stat = wheel.stat()
        key = wheel.name, stat.st_size, stat.st_mtime_ns
        found = self._contents.get(key)
        if found is None:
            try:
                with wheel.open("rb") as file:
                    content = read_offered_metadata(file, wheel.name)
            except MetadataError as error:
                log.warning("%s: %s", wheel.name, error)
                return None
            found = Metadata(content, hashlib.sha256(content).hexdigest())
            self._contents.put(key, found, len(content) + _DIGEST)
        return found

    def digest(self, row: FileRow) -> str | None:
        """Return the sha256 of a mirrored wheel's metadata, None if it has none.

        :raises OSError: the wheel is missing or cannot be read
        """
        if not row.filename.endswith(".whl"):
            return None
        # Trust the digest that the upstream index announced (PEP 658) until a client asks for the metadata.
        known = self._digests.get(row.sha256)
        if known is None:
            known = announced_digest(row.core_metadata)
        if known is None:
            if not self._reads_all:
                return None
            found = self.read(self._folder.file(row.filename))
            known = found.sha256 if found else ""
            self._digests.put(row.sha256, known, _DIGEST)
        return known or None

    def correct(self, row: FileRow, found: Metadata | None) -> None:
        """Correct the digest of a mirrored wheel if the upstream index announced a wrong one."""
        digest = found.sha256 if found else ""
        if announced_digest(row.core_metadata) not in {None, digest}:
            self._digests.put(row.sha256, digest, _DIGEST)
            self.generation += 1


def announced_digest(core_metadata: str | None) -> str | None:
    """Return the sha256 of a file's metadata, if the index's page has one (PEP 714); else None."""
    announced = core_metadata or ""
    return announced.removeprefix("sha256=") if announced.startswith("sha256=") else None
