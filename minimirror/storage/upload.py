"""A file that a worker streams into a bucket. It becomes visible when it is complete and verified.

A small file is kept in memory and sent with one request, which refuses to overwrite anything. A large one is
sent in parts as it arrives. When the digest was checked, the parts become an object, under a name for
unfinished transfers; then the store copies it to its place if nothing is there. If the digest is wrong, the
parts are dropped. What replaces another file is sent under such a name, too: the run copies it when no page
lists the old one.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import AsyncIterator
from contextlib import suppress
from typing import Any
from uuid import uuid4

import obstore

from minimirror.common import Digests
from minimirror.storage.object_store import object_store
from minimirror.storage.objects import content_type
from minimirror.storage.store_errors import explained

__all__ = ["STAGED", "Upload"]

STAGED = ".minimirror/partial/"
"""The prefix of objects that are not yet in their places."""

_PART = 5 << 20
"""Bytes of a part; no more than 10,000 of them make an object."""

_AT_ONCE = 2
"""Parts that are sent at the same time."""

_WAITING = 2 << 20
"""Bytes that may wait before more are received."""


class _DroppedError(Exception):
    """The parts are not wanted."""


class Upload:
    """The target of a download. To be used in one asyncio loop."""

    memory = _PART
    """Bytes that it takes in memory before it is sent in parts."""

    def __init__(self, url: str, filename: str, slots: asyncio.Semaphore, *, replace: bool) -> None:
        """Prepare; nothing is sent yet.

        :param slots: bounds how many files are sent in parts at the same time, each with 50 MB in memory
        :param replace: whether it is to replace an object of this name
        """
        self._url = url
        self._filename = filename
        # A worker that was frozen may still write to the object of its own try.
        self._key = f"{STAGED}{filename}.{uuid4().hex}"
        self._replace = replace
        self._slots = slots
        self._listed: str | None = None
        self._pieces: deque[bytes] = deque()
        self._waiting = 0
        self._more = asyncio.Event()
        self._drained: asyncio.Future[None] | None = None
        self._complete = False
        self._task: asyncio.Task[Any] | None = None

    @property
    def _attributes(self) -> dict[str, str]:
        digest = {"sha256": self._listed} if self._listed else {}
        return {"Content-Type": content_type(self._filename), **digest}

    def expect(self, sha256: str | None) -> None:
        """Note the digest that the index lists, for the metadata of what is sent in parts."""
        self._listed = sha256

    # A target, as the download calls it

    size = 0
    """Bytes from an earlier run: none, as a bucket keeps no half file."""

    free: int | None = None
    """Bytes that are free; None for no limit."""

    def open(self) -> None:
        """Do nothing: the first bytes begin the upload."""

    def read(self, digests: Digests) -> None:
        """Do nothing: there are no bytes."""

    def close(self) -> None:
        """Do nothing: another try may go on."""

    def write(self, data: bytes) -> None:
        """Take bytes.

        :raises OSError: they cannot be sent
        """
        self._pieces.append(data)
        self._waiting += len(data)
        if self._task is not None and self._task.done():
            self._task.result()
        if self._task is None and self._waiting > _PART:
            self._task = asyncio.ensure_future(self._send_parts())
        self._more.set()

    def ready(self) -> asyncio.Future[None] | None:
        """Return what to wait for before more bytes are received; None if they may come."""
        if self._task is None or self._task.done() or self._waiting <= _WAITING:
            return None
        if self._drained is None or self._drained.done():
            self._drained = asyncio.get_running_loop().create_future()
        return self._drained

    def restart(self) -> None:
        """Drop what was taken."""
        self._pieces.clear()
        self._waiting = 0
        if self._task is not None:
            self._drop(self._task)
            self._task = None

    discard = restart

    def date(self, upload_time: float | None) -> None:
        """Do nothing: the store keeps its own time."""

    async def finish(self, sha256: str) -> str:
        """Make the verified file visible, unless it replaces another one.

        :returns: what :meth:`Repository.place` takes
        :raises FileExistsError: there is an object with this name
        :raises OSError: it cannot be sent
        """
        self._listed = sha256
        store = object_store(self._url)
        if self._task is None:
            body = b"".join(self._pieces)
            key = self._key if self._replace else self._filename
            with explained():
                await obstore.put_async(
                    store,
                    key,
                    body,
                    mode="overwrite" if self._replace else "create",
                    attributes=self._attributes,
                )
            return key if self._replace else ""
        self._complete = True
        self._more.set()
        await self._task
        if self._replace:
            return self._key
        try:
            with explained():
                await obstore.copy_async(store, self._key, self._filename, overwrite=False)
        finally:
            with suppress(OSError), explained():
                await obstore.delete_async(store, self._key)
        return ""

    # Parts

    async def _send_parts(self) -> None:
        try:
            async with self._slots:
                with explained():
                    await obstore.put_async(
                        object_store(self._url),
                        self._key,
                        self._parts(self._more),
                        use_multipart=True,
                        chunk_size=_PART,
                        max_concurrency=_AT_ONCE,
                        attributes=self._attributes,
                    )
        finally:
            if self._drained is not None and not self._drained.done():
                self._drained.set_result(None)

    async def _parts(self, more: asyncio.Event) -> AsyncIterator[bytes]:
        while True:
            while not self._pieces or more is not self._more:
                if more is not self._more:
                    raise _DroppedError
                if self._complete:
                    return
                more.clear()
                await more.wait()
            data = b"".join(self._pieces)
            self._pieces.clear()
            self._waiting = 0
            if self._drained is not None and not self._drained.done():
                self._drained.set_result(None)
            yield data

    def _drop(self, task: asyncio.Task[Any]) -> None:
        """Let the store abort an upload: its source fails."""
        before, self._more = self._more, asyncio.Event()
        before.set()
        _dropping.add(task)
        task.add_done_callback(_dropped)


_dropping: set[asyncio.Task[Any]] = set()
"""Uploads that are being aborted."""


def _dropped(task: asyncio.Task[Any]) -> None:
    _dropping.discard(task)
    if not task.cancelled():
        task.exception()
