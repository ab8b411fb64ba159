"""Files that are on their way from the index: each is fetched once, however many clients wait for it."""

from __future__ import annotations

import asyncio
import os
from collections.abc import AsyncIterator
from pathlib import Path

from starlette.responses import PlainTextResponse, Response
from starlette.types import Receive, Scope, Send

from minimirror.sync import SelectedFile

__all__ = ["Arrival", "ArrivalBrokenError", "ArrivalHead", "ArrivalResponse"]

_PIECE = 256 << 10
"""Bytes that are sent at once."""


class ArrivalBrokenError(Exception):
    """The file cannot be fetched, or is not what the index lists."""

    def __init__(self, cause: str, *, late: bool = False) -> None:
        super().__init__(cause)
        self.late = late
        """Whether it did not begin in time."""


class Arrival:
    """One file on its way. Its last byte is held back until all of it is verified."""

    def __init__(self, selected: SelectedFile, path: Path, placed: Path) -> None:
        """Begin without bytes.

        :param path: where the bytes arrive
        :param placed: where the file is in the end
        """
        self.selected = selected
        self.path = path
        self.length = selected.file.size
        """Bytes; None until they are known."""
        self.clients = 0
        """How many clients have asked for it."""
        self.started = asyncio.Event()
        """Set when it is its turn."""
        self._placed = placed
        self._written = self._restarts = 0
        self._cause: str | None = None
        self._verified = False
        self._waiting: set[asyncio.Future[None]] = set()

    def report(self, written: int) -> None:
        """Take the number of bytes on disk. If there are fewer than before, they may be others."""
        self._restarts += written < self._written
        self._written = written
        self._notify()

    def verify(self, size: int) -> None:
        """Let clients have all of it."""
        self.length = self._written = size
        self._verified = True
        self._notify()

    def fail(self, cause: str) -> None:
        """Cut off the clients."""
        self._cause = cause
        self._notify()

    def _notify(self) -> None:
        for each in self._waiting:
            if not each.done():
                each.set_result(None)
        self._waiting.clear()

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
            await self._change()

    def _ready(self) -> int:
        """Return how many bytes may be sent."""
        if self._cause is not None:
            raise ArrivalBrokenError(self._cause)
        return self._written if self._verified else max(0, self._written - 1)

    async def _change(self) -> None:
        change = asyncio.get_running_loop().create_future()
        self._waiting.add(change)
        await change

    async def pieces(self) -> AsyncIterator[bytes]:
        """Yield the file as it arrives.

        :raises ArrivalBrokenError: it breaks off, or what was yielded may not be the file's
        """
        sent, restarts, descriptor = 0, self._restarts, None
        try:
            while not (self._verified and sent == self._written):
                left = self._ready() - sent
                if self._restarts != restarts:
                    if sent:
                        raise ArrivalBrokenError("the transfer began again")
                    restarts = self._restarts
                if left <= 0:
                    await self._change()
                    continue
                if descriptor is None:
                    descriptor = self._open()
                piece = os.pread(descriptor, min(left, _PIECE), sent)
                if not piece:
                    raise ArrivalBrokenError("it was cut off")
                sent += len(piece)
                yield piece
        finally:
            if descriptor is not None:
                os.close(descriptor)

    def _open(self) -> int:
        for path in (self.path, self._placed):
            try:
                return os.open(path, os.O_RDONLY)
            except FileNotFoundError:
                continue
        raise ArrivalBrokenError("it is gone")


class ArrivalHead(Response):
    """The headers of a file that is not here yet."""

    def __init__(self, size: int | None) -> None:
        """:param size: in bytes; None if its index does not tell"""
        super().__init__(media_type="application/octet-stream", headers={"X-Content-Type-Options": "nosniff"})
        if size is None:
            del self.headers["content-length"]
        else:
            self.headers["content-length"] = str(size)


class ArrivalResponse(ArrivalHead):
    """Sends a file as it arrives; if that breaks off, the connection is cut before its end."""

    def __init__(self, pieces: AsyncIterator[bytes], size: int | None) -> None:
        self._pieces = pieces
        super().__init__(size)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Send it."""
        sent = 0
        try:
            async for piece in self._pieces:
                if not sent:
                    await send({"type": "http.response.start", "status": 200, "headers": self.raw_headers})
                sent += len(piece)
                await send({"type": "http.response.body", "body": piece, "more_body": True})
        except ArrivalBrokenError as error:
            if not sent:
                await PlainTextResponse(f"{error}\n", 502)(scope, receive, send)
            # Without an end, the server cuts the connection, and the client knows that something is missing.
            return
        if not sent:
            await send({"type": "http.response.start", "status": 200, "headers": self.raw_headers})
        await send({"type": "http.response.body", "body": b"", "more_body": False})
