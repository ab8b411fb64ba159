"""The catalog's copy in a bucket, from which another machine goes on.

``.minimirror/catalog.json`` names its last version, ``.minimirror/catalog-….sqlite``, and is written only if
no other machine has written it meanwhile.
"""

from __future__ import annotations

import errno
import json
import sqlite3
import uuid
from contextlib import closing, suppress
from pathlib import Path
from typing import Any, NamedTuple

import obstore

from minimirror.common import hash_file
from minimirror.storage.object_store import object_store
from minimirror.storage.objects import if_unchanged
from minimirror.storage.repository import BESIDE
from minimirror.storage.store_errors import explained

__all__ = ["SavedCatalog"]

_POINTER = ".minimirror/catalog.json"
_BLOCK = 8 << 20
"""Bytes that are sent or received together."""


class _Download(NamedTuple):
    """A catalog from the bucket."""

    path: Path
    version: Any
    """Of the pointer to it."""

    pointer: dict[str, str]
    before: dict[str, Any]
    """What was known before."""


class SavedCatalog:
    """The copy in the bucket, and which version of it the local catalog continues."""

    def __init__(self, url: str, state: Path, catalog: Path, partial: Path) -> None:
        """Name it; nothing is asked yet.

        :param url: of the bucket, with the prefix
        :param state: the local folder
        :param catalog: the local catalog
        :param partial: where a download is written
        """
        self._url = url
        self._path = state / "saved.json"
        self._catalog = catalog
        self._partial = partial

    @property
    def _store(self) -> Any:
        return object_store(self._url)

    @property
    def known(self) -> dict[str, Any]:
        """What the local catalog continues: the pointer, and its version; empty if it is new."""
        try:
            found = json.loads(self._path.read_text())
        except (OSError, ValueError):
            return {}
        return found if isinstance(found, dict) else {}

    def download(self) -> _Download | None:
        """Fetch the copy if its version is not the known one.

        :raises OSError: it cannot be fetched, or is damaged
        """
        before = self.known
        try:
            with explained():
                reply = obstore.get(self._store, _POINTER)
                pointer = json.loads(bytes(reply.bytes()))
                version = if_unchanged(reply.meta)
                if before.get("version") == version and self._catalog.exists():
                    return None
        except FileNotFoundError:
            return None
        path = self._partial / f"catalog.{uuid.uuid4().hex}"
        try:
            with explained(), path.open("wb") as stream:
                for block in obstore.get(self._store, pointer["name"]).stream(_BLOCK):
                    stream.write(block)
        except FileNotFoundError:
            # Lost, or replaced at this moment. To save another one, its version has to be known.
            path.unlink(missing_ok=True)
            self._know(version, {})
            return None
        if hash_file(path).sha256 != pointer["sha256"]:
            raise OSError(errno.EIO, f"{pointer['name']}: the catalog in the bucket is damaged; delete it")
        return _Download(path, version, pointer, before)

    def use(self, found: _Download) -> None:
        """Put a download in the place of the local catalog."""
        for suffix in BESIDE:
            self._catalog.with_name(self._catalog.name + suffix).unlink(missing_ok=True)
        found.path.replace(self._catalog)
        self._know(found.version, found.pointer)

    def save(self) -> None:
        """Save the local catalog if it has changed: first itself, then the pointer to it.

        :raises OSError: it cannot be saved, or another run has saved its own
        """
        if not self._catalog.exists():
            return
        path = self._settled()
        known, sha256 = self.known, hash_file(path).sha256
        before = known.get("pointer", {})
        if before.get("sha256") == sha256:
            return
        pointer = {"name": f".minimirror/catalog-{sha256[:16]}.sqlite", "sha256": sha256}
        with explained():
            obstore.put(self._store, pointer["name"], path, chunk_size=_BLOCK, max_concurrency=2)
        try:
            with explained():
                mode: Any = known.get("version") or "create"
                version = if_unchanged(
                    obstore.put(self._store, _POINTER, json.dumps(pointer).encode(), mode=mode)
                )
        except FileExistsError:
            raise OSError(
                errno.EBUSY, "another run has saved its catalog meanwhile; run again to continue from there"
            ) from None
        self._know(version, pointer)
        if before.get("name") not in {None, pointer["name"]}:
            # Nothing refers to it any more.
            with suppress(OSError), explained():
                obstore.delete(self._store, before["name"])

    def _settled(self) -> Path:
        """Return the catalog, or a copy if a part is in its journal, because another process reads it."""
        journal = self._catalog.with_name(f"{self._catalog.name}-wal")
        if not journal.exists() or not journal.stat().st_size:
            return self._catalog
        path = self._partial / "catalog.copy"
        path.unlink(missing_ok=True)
        with closing(sqlite3.connect(self._catalog)) as source, closing(sqlite3.connect(path)) as copy:
            source.backup(copy)
        return path

    def _know(self, version: Any, pointer: dict[str, str]) -> None:
        new = self._path.with_suffix(".new")
        new.write_text(json.dumps({"version": version, "pointer": pointer}))
        new.replace(self._path)
