"""A remote file that is read in parts, by HTTP range requests (RFC 9110, 14)."""

from __future__ import annotations

import io
from http import HTTPStatus

from minimirror.upstream.client import Client
from minimirror.upstream.errors import FetchError, closed_early
from minimirror.upstream.http import FILE_HEADERS, Head, completed
from minimirror.upstream.retry import Retry

__all__ = ["NoRangesError", "RemoteFile"]

_BLOCK = 64 << 10
"""Bytes to request at least: most wheels have their directory and their metadata in the last 64 KiB."""

_MAX_TOTAL = 64 << 20
"""Bytes to read of one file in total."""


class NoRangesError(FetchError):
    """The server does not support range requests for the file."""


class RemoteFile(io.RawIOBase):
    """A remote file, read as if it were local."""

    def __init__(self, client: Client, url: str, retry: Retry) -> None:
        """Request the last bytes, and with them the file's size.

        :raises NoRangesError: the server does not support range requests
        :raises FetchError: the file cannot be fetched
        """
        super().__init__()
        self._client = client
        self._url = url
        self._retry = retry
        self._position = self._total = 0
        end, self._size = self._request(f"-{_BLOCK}", _BLOCK)
        self._blocks = {self._size - len(end): end}

    def seekable(self) -> bool:
        """Return True."""
        return True

    def readable(self) -> bool:
        """Return True."""
        return True

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        """Move to an offset from the start, from the current position, or from the end."""
        start = {io.SEEK_SET: 0, io.SEEK_CUR: self._position, io.SEEK_END: self._size}[whence]
        if start + offset < 0:
            raise ValueError("position before the start of the file")
        self._position = start + offset
        return self._position

    def tell(self) -> int:
        """Return the position."""
        return self._position

    def read(self, size: int | None = -1) -> bytes:
        """Read ``size`` bytes, fewer at the end of the file.

        :raises FetchError: they cannot be fetched
        """
        left = max(0, self._size - self._position)
        wanted = left if size is None or size < 0 else min(size, left)
        data = self._part(self._position, self._position + wanted) if wanted else b""
        self._position += len(data)
        return data

    def _part(self, start: int, end: int) -> bytes:
        for at, block in self._blocks.items():
            if at <= start and end <= at + len(block):
                return block[start - at : end - at]
        stop = min(max(end, start + _BLOCK), self._size)
        block, size = self._request(f"{start}-{stop - 1}", stop - start, start)
        if size != self._size:
            raise FetchError("the file changed while it was read")
        self._blocks[start] = block
        return block[: end - start]

    def _request(self, part: str, most: int, start: int | None = None) -> tuple[bytes, int]:
        """GET one part; return its bytes and the size of the whole file."""

        async def attempt(deadline: float) -> tuple[bytes, int]:
            headers = {**FILE_HEADERS, "Range": f"bytes={part}"}
            with self._client.open(self._url, headers, deadline) as reply:
                length, total = _checked(reply.head, most, start)
                block = bytearray()
                for chunk in reply:
                    block += chunk[: length - len(block)]
            if missing := length - len(block):
                raise closed_early(self._url, missing)
            return bytes(block), total

        block, size = completed(self._retry.call(attempt, self._client.pause))
        self._total += len(block)
        if self._total > _MAX_TOTAL:
            raise FetchError(f"reading it would take more than {_MAX_TOTAL} bytes")
        return block, size


def _checked(head: Head, most: int, start: int | None) -> tuple[int, int]:
    """Return the bytes of a part, and those of the whole file.

    :param start: of the part; None for the last bytes
    :raises NoRangesError: it is not what was requested
    """
    found = head.range
    if head.status != HTTPStatus.PARTIAL_CONTENT or not found or found.total is None:
        raise NoRangesError(f"HTTP {head.status} instead of the requested range")
    length = found.last - found.first + 1
    expected = max(0, found.total - most) if start is None else start
    if found.first != expected or found.last >= found.total or not 0 < length <= most:
        raise NoRangesError("the server sent a different range than requested")
    return length, found.total
