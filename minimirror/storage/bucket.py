"""A mirror in a bucket of an object store. Its catalog is in a local folder, and saved into the bucket.

The objects are listed once, when the names are asked for first, and what this process writes is added. What
minimirror itself needs is under ``.minimirror/``:

- ``lease.json`` keeps two runs apart;
- ``catalog.json`` names the catalog's last version, ``catalog-….sqlite``, and is written conditionally;
- ``partial/`` has files that are complete and verified, and are copied to their places.
"""

from __future__ import annotations

import asyncio
import errno
import hashlib
import os
import re
import uuid
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager, suppress
from pathlib import Path
from threading import Lock
from typing import Any, TypeVar
from urllib.parse import urlsplit

import obstore

from minimirror.common import hash_file
from minimirror.storage.lease import Lease, LeaseHeldError
from minimirror.storage.lock import hold, is_held
from minimirror.storage.object_store import object_store
from minimirror.storage.objects import ObjectFile, content_type
from minimirror.storage.repository import Repository
from minimirror.storage.saved_catalog import SavedCatalog
from minimirror.storage.store_errors import explained
from minimirror.storage.upload import STAGED, Upload

__all__ = ["MirrorBucket"]

_T = TypeVar("_T")

_AT_ONCE = 16
"""Small objects that are sent or read at the same time."""

_BLOCK = 8 << 20
"""Bytes of a local file that are sent together."""


class MirrorBucket(Repository):
    """The bucket, or a prefix in it."""

    has_copies = True

    def __init__(self, url: str, state: Path | None = None) -> None:
        """Name it; nothing is asked yet.

        :param url: such as ``s3://bucket/prefix``
        :param state: the local folder for the catalog; None for one in the user's state folder
        """
        super().__init__(state or _default_state(url))
        self.url = url
        self._saved = SavedCatalog(url, self.state, self.catalog, self.partial)
        self._objects: dict[str, int | None] | None = None
        """The sizes of all objects; None if one was just written."""
        self._lease: Lease | None = None
        self._threads = ThreadPoolExecutor(_AT_ONCE)
        self._sending: list[Future[None]] = []
        self._syncing = Lock()

    def __str__(self) -> str:
        return self.url

    @property
    def _store(self) -> Any:
        return object_store(self.url)

    # The files

    def exists(self) -> bool:
        """Return True: a bucket without objects is an empty mirror."""
        return True

    def filenames(self) -> Iterator[str]:
        """Yield the names of the files, except hidden ones. Lists the bucket again."""
        self._objects = {}
        with self.explained(), explained():
            for batch in obstore.list(self._store):
                self._objects.update((each["path"], each["size"]) for each in batch)
        return (name for name in [*self._objects] if "/" not in name and name[0] != ".")

    def sizes(self) -> Iterator[tuple[str, int | None]]:
        """Yield the names of the files and their bytes. Lists the bucket again."""
        return ((name, self.size(name)) for name in self.filenames())

    def names(self, prefix: str) -> Iterator[str]:
        """Yield the names of all objects that begin with a prefix."""
        return (name for name in [*self._listed()] if name.startswith(prefix))

    def _listed(self) -> dict[str, int | None]:
        if self._objects is None:
            self.filenames()
        return self._objects or {}

    def size(self, filename: str) -> int | None:
        """Return the size of an object in bytes; None if it does not exist."""
        size = self._objects.get(filename, -1) if self._objects is not None else None
        if size is None:
            with self.explained():
                try:
                    size = self.file(filename).stat().st_size
                except FileNotFoundError:
                    return None
            if self._objects is not None:
                self._objects[filename] = size
        return size if size >= 0 else None

    def occupied(self, filename: str) -> bool:
        """Return whether there is an object with this name."""
        return self.size(filename) is not None

    def file(self, filename: str) -> ObjectFile:
        """Return an object, to read it."""
        return ObjectFile(self.url, filename)

    def read(self, name: str) -> bytes:
        """Return the content of an object.

        :raises OSError: there is none, or it cannot be read
        """
        with explained():
            return bytes(obstore.get(self._store, name).bytes())

    def upload(self, filename: str, slots: asyncio.Semaphore, *, replace: bool) -> Upload:
        """Return an upload that a worker writes to."""
        return Upload(self.url, filename, slots, replace=replace)

    def free(self) -> None:
        """Return None: there is no limit."""

    def place(self, partial: str, filename: str, *, replace: bool, inode: int | None = None) -> None:  # noqa: ARG002
        """Move a verified file into its place.

        :param partial: its name in the local partial folder, or in the bucket's; empty if an upload has
            placed it already
        """
        if partial.startswith(STAGED):
            with explained():
                obstore.copy(self._store, partial, filename, overwrite=replace)
                obstore.delete(self._store, partial)
        elif partial:
            self._send(self.partial / partial, filename, replace=replace)
        if self._objects is not None:
            self._objects[filename] = None

    def _send(self, path: Path, filename: str, *, replace: bool) -> None:
        """Move a local file into its place."""
        # What changes under its name, a cache must ask for.
        is_page = "/" in filename or filename.endswith(".metadata")
        kept = {"Cache-Control": "no-cache"} if is_page else {"sha256": hash_file(path).sha256}
        attributes: Any = {"Content-Type": content_type(filename), **kept}
        with explained():
            if path.stat().st_size <= _BLOCK:
                mode: Any = "overwrite" if replace else "create"
                obstore.put(self._store, filename, path, mode=mode, attributes=attributes)
            else:
                key = STAGED + filename
                obstore.put(
                    self._store, key, path, attributes=attributes, chunk_size=_BLOCK, max_concurrency=2
                )
                obstore.copy(self._store, key, filename, overwrite=replace)
                obstore.delete(self._store, key)
        path.unlink()

    def submit(self, function: Callable[..., _T], *arguments: Any, **more: Any) -> Callable[[], _T]:
        """Begin to do something in a thread, and return what waits for it."""
        return self._threads.submit(function, *arguments, **more).result

    def send(self, partial: str, name: str) -> None:
        """Begin to move a local file into its place, which minimirror may replace; :meth:`sync` waits for it.

        :param partial: its name in the local partial folder
        """
        path = self.partial / partial
        self._sending.append(self._threads.submit(self._send, path, name, replace=True))
        if self._objects is not None:
            self._objects[name] = None

    def sync(self) -> None:
        """Wait until the store has taken what is being sent. Check that this run still has the lease.

        :raises OSError: something could not be sent, or another run may have taken the bucket over
        """
        with self._syncing:
            sending, self._sending = self._sending, []
            for each in sending:
                each.result()
        if self._lease is not None and self._lease.is_lost:
            raise OSError(errno.EBUSY, "the lease could not be renewed, so another run may have taken over")

    def delete(self, filename: str) -> None:
        """Delete an object that minimirror placed, if it still exists."""
        with suppress(FileNotFoundError), explained():
            obstore.delete(self._store, filename)
        if self._objects is not None:
            self._objects.pop(filename, None)

    def delete_leftovers(self, *, everything: bool) -> None:
        """Delete unfinished transfers, here and in the bucket."""
        super().delete_leftovers(everything=everything)
        with suppress(OSError), explained():
            for batch in obstore.list(self._store, STAGED):
                obstore.delete(self._store, [each["path"] for each in batch])

    # The catalog and the lease

    @contextmanager
    def lock(self) -> Iterator[None]:
        """Hold the local folder and the bucket; fetch the catalog before, and save it afterwards."""
        with super().lock(), self.explained():
            lease = Lease(self.url, self._machine())
            try:
                with lease.held():
                    self._lease = lease
                    if found := self._saved.download():
                        self._saved.use(found)
                    try:
                        yield
                    finally:
                        self.save_catalog()
            except LeaseHeldError as error:
                raise self.busy(str(error)) from None
            finally:
                self._lease = None

    def refresh(self) -> None:
        """Fetch the catalog if another machine has saved a newer one. A local run has the newest."""
        with self.explained():
            self.partial.mkdir(parents=True, exist_ok=True)
            found = None if is_held(self.state) else self._saved.download()
            if found is None:
                return
            with hold(self.state) as held:
                # A run here may have begun meanwhile, or even saved a newer one.
                if held and self._saved.known == found.before:
                    self._saved.use(found)
            found.path.unlink(missing_ok=True)

    def save_catalog(self) -> None:
        """Save the catalog if it has changed, and if no other run has saved its own."""
        self._saved.save()

    def _machine(self) -> str:
        path = self.state / "id"
        with suppress(FileExistsError), path.open("x") as stream:
            stream.write(uuid.uuid4().hex)
        return path.read_text()


def _default_state(url: str) -> Path:
    """Return the folder for a bucket's catalog in the user's state folder."""
    base = os.environ.get("XDG_STATE_HOME") or os.environ.get("LOCALAPPDATA")
    folder = Path(base) if base else Path.home() / ".local" / "state"
    parts = urlsplit(url)
    name = re.sub(r"[^\w.-]+", "-", f"{parts.netloc}{parts.path}".strip("/"))[:60]
    return folder / "minimirror" / f"{name}-{hashlib.sha256(url.encode()).hexdigest()[:8]}"
