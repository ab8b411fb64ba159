"""Files that are on their way from the index to clients, by way of the disk or of memory."""

from __future__ import annotations

import asyncio
import os
from abc import ABC, abstractmethod
from collections.abc import AsyncIterator, Callable, Iterable, Iterator
from contextlib import AbstractContextManager, contextmanager, suppress
from pathlib import Path

from starlette.responses import PlainTextResponse, StreamingResponse
from starlette.types import Receive, Scope, Send

from minimirror.common import Digests
from minimirror.sync import SelectedFile
from minimirror.upstream import FetchError

__all__ = ["Arrival", "ArrivalBrokenError", "ArrivalOnDisk", "ArrivalResponse", "Passage"]

_PIECE = 256 << 10
"""Bytes that are sent at once."""

_IN_MEMORY = 512 << 10
"""Bytes of a passage that wait for the client; then the index has to wait."""

_Reader = Callable[[int, int], bytes]
"""Returns bytes from an offset, and so many at most."""


class ArrivalBrokenError(Exception):
    """The file cannot be fetched, or is not what the index lists."""

    def __init__(self, cause: str, *, late: bool = False) -> None:
        super().__init__(cause)
        self.late = late
        """Whether it did not begin in time."""


class Arrival(ABC):
    """One file on its way. Its last byte is held back until all of it is verified."""

    task: asyncio.Task[None]
    """What fetches it."""

    def __init__(self, selected: SelectedFile) -> None:
        self.selected = selected
        self.length = selected.file.size
        """Bytes; None until they are known."""
        self.clients = 0
        """How many clients have asked for it."""
        self.started = asyncio.Event()
        """Set when it is its turn to be fetched."""
        self.is_verified = False
        self._arrived = 0
        self._cause: str | None = None
        self._change = asyncio.Event()

    def verify(self, size: int) -> None:
        """Let clients have all of it."""
        self.length = self._arrived = size
        self.is_verified = True
        self._notify()

    def fail(self, cause: str) -> None:
        """Cut off the clients."""
        self._cause = cause
        self.started.set()
        self._notify()

    def _notify(self) -> None:
        self._change.set()
        self._change = asyncio.Event()

    async def begin(self, patience: float) -> None:
        """Wait until there is something to send.

        :param patience: seconds to wait at most, when it is its turn
        :raises ArrivalBrokenError: there is nothing, or not in time
        """
        self.clients += 1
        await self.started.wait()
        try:
            await asyncio.wait_for(self._begin(), patience)
        except asyncio.TimeoutError:
            raise ArrivalBrokenError(f"no answer within {patience:.0f} s", late=True) from None

    async def _begin(self) -> None:
        while not self._ready():
            await self._change.wait()

    def _ready(self) -> int:
        """Return how many bytes may be sent."""
        if self._cause is not None:
            raise ArrivalBrokenError(self._cause)
        return self._arrived if self.is_verified else max(0, self._arrived - 1)

    async def pieces(self) -> AsyncIterator[bytes]:
        """Yield the file as it arrives.

        :raises ArrivalBrokenError: it breaks off, or what was yielded may not be the file's
        """
        sent = 0
        with self._reading() as read:
            while not (self.is_verified and sent == self._arrived):
                if piece := read(sent, min(self._ready() - sent, _PIECE)):
                    sent += len(piece)
                    yield piece
                else:
                    await self._change.wait()

    @abstractmethod
    def _reading(self) -> AbstractContextManager[_Reader]:
        """Return what reads the bytes for one client."""


class ArrivalOnDisk(Arrival):
    """A file that is kept, for any number of clients."""

    def __init__(self, selected: SelectedFile, path: Path, placed: Path) -> None:
        """Begin without bytes.

        :param path: where the bytes arrive
        :param placed: where the file is in the end
        """
        super().__init__(selected)
        self.path = path
        self._placed = placed
        self._restarts = 0

    def report(self, written: int) -> None:
        """Take the number of bytes on disk. If there are fewer than before, they may be others."""
        self._restarts += written < self._arrived
        self._arrived = written
        self._notify()

    @contextmanager
    def _reading(self) -> Iterator[_Reader]:
        restarts, descriptor = self._restarts, self._open()

        def read(sent: int, most: int) -> bytes:
            nonlocal restarts
            if self._restarts != restarts and sent:
                raise ArrivalBrokenError("the transfer began again")
            restarts = self._restarts
            piece = os.pread(descriptor, max(0, most), sent)
            if not piece and most > 0:
                raise ArrivalBrokenError("it was cut off")
            return piece

        try:
            yield read
        finally:
            os.close(descriptor)

    def _open(self) -> int:
        for path in (self.path, self._placed):
            with suppress(FileNotFoundError):
                return os.open(path, os.O_RDONLY)
        raise ArrivalBrokenError("it is gone")


class Passage(Arrival):
    """A file that is passed on to one client and not kept, since the disk has no room. A :class:`Target`."""

    size = 0
    """Bytes of an earlier transfer: there is none."""

    free = None

    def __init__(self, selected: SelectedFile) -> None:
        super().__init__(selected)
        self.started.set()
        self._waiting = bytearray()
        self._is_spoilt = False
        self._drained: asyncio.Future[None] | None = None

    def open(self) -> None:
        """Begin a try.

        :raises FetchError: the client has bytes already that may not be the file's
        """
        if self._is_spoilt:
            raise FetchError("the transfer began again")

    def read(self, digests: Digests) -> None:
        """Hash nothing."""

    def restart(self) -> None:
        """Take other bytes.

        :raises FetchError: as :meth:`open`
        """
        self.discard()
        self.open()

    def write(self, data: bytes) -> None:
        """Take bytes."""
        self._waiting += data
        self._arrived += len(data)
        self._notify()

    def ready(self) -> asyncio.Future[None] | None:
        """Return what to wait for while the client is slower than the index."""
        if len(self._waiting) < _IN_MEMORY:
            return None
        self._drained = asyncio.get_running_loop().create_future()
        return self._drained

    def close(self) -> None:
        """Do nothing."""

    def discard(self) -> None:
        """Drop what the client does not have yet."""
        self._arrived -= len(self._waiting)
        self._waiting.clear()
        self._is_spoilt = self._arrived > 0

    def date(self, upload_time: float | None) -> None:
        """Do nothing."""

    @contextmanager
    def _reading(self) -> Iterator[_Reader]:
        def read(_: int, most: int) -> bytes:
            piece = bytes(self._waiting[: max(0, most)])
            del self._waiting[: len(piece)]
            if piece and self._drained is not None and not self._drained.done():
                self._drained.set_result(None)
            return piece

        yield read


class ArrivalResponse(StreamingResponse):
    """Sends a file as it arrives; if that breaks off, the connection is cut before its end."""

    def __init__(self, pieces: AsyncIterator[bytes] | Iterable[bytes], size: int | None) -> None:
        """:param size: bytes of the file; None if its index does not tell"""
        headers = {"X-Content-Type-Options": "nosniff"}
        if size is not None:
            headers["Content-Length"] = str(size)
        super().__init__(pieces, headers=headers, media_type="application/octet-stream")

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Send it."""
        start = {"type": "http.response.start", "status": 200, "headers": self.raw_headers}
        has_begun = False
        try:
            async for piece in self.body_iterator:
                if not has_begun:
                    await send(start)
                has_begun = True
                await send({"type": "http.response.body", "body": piece, "more_body": True})
        except ArrivalBrokenError as error:
            if not has_begun:
                await PlainTextResponse(f"{error}\n", 502)(scope, receive, send)
            # Without an end, the server cuts the connection, and the client knows that something is missing.
            return
        if not has_begun:
            await send(start)
        await send({"type": "http.response.body", "body": b"", "more_body": False})
