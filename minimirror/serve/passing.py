"""Files that are passed on to one client and not kept, since the disk has no room for them."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

from minimirror.common import Digests
from minimirror.serve.arrivals import ArrivalBrokenError
from minimirror.upstream import FetchError

__all__ = ["Passage"]

_IN_MEMORY = 512 << 10
"""Bytes that wait for the client; then the index has to."""


class Passage:
    """The bytes of a file between the index and one client. A :class:`Target`.

    The last byte is held back until all of it is verified.
    """

    size = 0
    """Bytes of an earlier transfer: there is none."""

    free = None

    def __init__(self, length: int | None) -> None:
        """:param length: bytes of the file; None if they are not known"""
        self.length = length
        self._waiting = bytearray()
        self._sent = self._spoilt = self._verified = False
        self._cause: str | None = None
        self._more = asyncio.Event()
        self._drained: asyncio.Future[None] | None = None

    # The side of the index

    def open(self) -> None:
        """Begin a try.

        :raises FetchError: the client has bytes already that may not be the file's
        """
        if self._spoilt:
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
        self._more.set()

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
        self._waiting.clear()
        self._spoilt = self._sent

    def date(self, upload_time: float | None) -> None:
        """Do nothing."""

    def verify(self) -> None:
        """Let the client have all of it."""
        self._verified = True
        self._more.set()

    def fail(self, cause: str) -> None:
        """Cut off the client."""
        self._cause = cause
        self._more.set()

    # The side of the client

    async def begin(self, patience: float) -> None:
        """Wait until there is something to send.

        :param patience: seconds to wait at most
        :raises ArrivalBrokenError: there is nothing, or not in time
        """
        try:
            await asyncio.wait_for(self._more.wait(), patience)
        except asyncio.TimeoutError:
            raise ArrivalBrokenError(f"no answer within {patience:.0f} s", late=True) from None
        if self._cause is not None:
            raise ArrivalBrokenError(self._cause)

    async def pieces(self) -> AsyncIterator[bytes]:
        """Yield the file as it arrives.

        :raises ArrivalBrokenError: it breaks off
        """
        while not (self._verified and not self._waiting):
            if self._cause is not None:
                raise ArrivalBrokenError(self._cause)
            ready = len(self._waiting) - (not self._verified)
            if ready <= 0:
                self._more.clear()
                await self._more.wait()
                continue
            piece = bytes(self._waiting[:ready])
            del self._waiting[:ready]
            self._sent = True
            if self._drained is not None and not self._drained.done():
                self._drained.set_result(None)
            yield piece
