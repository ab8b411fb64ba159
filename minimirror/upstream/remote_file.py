"""A remote file of which parts are read, by HTTP range requests (RFC 9110, 14)."""

from __future__ import annotations

import io
import re

from minimirror.upstream.http import Client, FetchError, Retry

__all__ = ["NoRangesError", "RemoteFile"]

_CONTENT_RANGE = re.compile(r"bytes (\d{1,18})-(\d{1,18})/(\d{1,18})")

_BLOCK = 64 << 10
"""Bytes that are asked for at least: most wheels' directory and metadata lie in their last ones."""

_MAX_TOTAL = 64 << 20
"""Bytes that are read of one file in all."""


class NoRangesError(FetchError):
    """The server does not answer with parts of the file."""


class RemoteFile(io.RawIOBase):
    """A remote file, read as a local one is."""

    def __init__(self, client: Client, url: str, retry: Retry) -> None:
        """Ask for the last bytes, and so for the file's size.

        :raises NoRangesError: the server does not answer with a part
        :raises FetchError: the file cannot be had
        """
        super().__init__()
        self._client = client
        self._url = url
        self._retry = retry
        self._position = self._total = 0
        self._blocks: dict[int, bytes] = {}
        self._end, self._size = retry.call(lambda deadline: self._ask(f"-{_BLOCK}", _BLOCK, deadline))
        self._end_at = self._size - len(self._end)

    def seekable(self) -> bool:
        """It is."""
        return True

    def readable(self) -> bool:
        """It is."""
        return True

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        """Go to a place in the file, from its start, from here, or from its end."""
        start = {io.SEEK_SET: 0, io.SEEK_CUR: self._position, io.SEEK_END: self._size}[whence]
        if start + offset < 0:
            raise ValueError("a place before the start of the file")
        self._position = start + offset
        return self._position

    def tell(self) -> int:
        """The place in the file."""
        return self._position

    def read(self, size: int | None = -1) -> bytes:
        """Read so many bytes from here, fewer at the file's end.

        :raises FetchError: they cannot be had
        """
        left = max(0, self._size - self._position)
        wanted = left if size is None or size < 0 else min(size, left)
        data = self._part(self._position, self._position + wanted) if wanted else b""
        self._position += len(data)
        return data

    def _part(self, start: int, end: int) -> bytes:
        if start >= self._end_at:
            return self._end[start - self._end_at : end - self._end_at]
        for at, block in self._blocks.items():
            if at <= start and end <= at + len(block):
                return block[start - at : end - at]
        stop = min(max(end, start + _BLOCK), self._size)
        block, size = self._retry.call(
            lambda deadline: self._ask(f"{start}-{stop - 1}", stop - start, deadline, start)
        )
        if size != self._size:
            raise FetchError("it changes while it is read")
        self._blocks[start] = block
        return block[: end - start]

    def _ask(self, part: str, most: int, deadline: float, start: int | None = None) -> tuple[bytes, int]:
        """GET one part; answer its bytes and the size of the whole."""
        headers = {"Accept": "*/*", "Accept-Encoding": "identity", "Range": f"bytes={part}"}
        with self._client.get(self._url, headers, deadline) as reply:
            found = _CONTENT_RANGE.fullmatch(reply.headers.get("content-range", "").strip())
            if reply.status != 206 or not found:  # noqa: PLR2004
                raise NoRangesError(f"HTTP {reply.status} where a part of it was asked for")
            first, last, size = map(int, found.groups())
            expected = max(0, size - most) if start is None else start
            length = last - first + 1
            if first != expected or last >= size or not 0 < length <= most:
                raise NoRangesError("the server answered another range than was asked for")
            self._total += length
            if self._total > _MAX_TOTAL:
                raise FetchError(f"more than {_MAX_TOTAL} bytes of it would have to be read")
            buffer = memoryview(bytearray(length))
            got = 0
            while got < length and (more := reply.readinto(buffer[got:])):
                got += more
        if got < length:
            raise FetchError(f"the connection closed {length - got} bytes early", passing=True)
        return bytes(buffer), size
