"""Objects of a store, asked through obstore."""

from __future__ import annotations

import errno
import io
import os
import stat
from collections.abc import AsyncIterator
from datetime import timedelta
from pathlib import PurePosixPath
from typing import Any, Literal

import obstore

from minimirror.storage.object_store import object_store
from minimirror.storage.store_errors import explained

__all__ = ["ObjectFile", "content_type", "if_unchanged"]

_BLOCK = 4 << 20
"""Bytes that are read with one request."""


def if_unchanged(version: Any) -> Any:
    """Return the mode of a write that happens only if an object still has this version.

    :param version: what obstore said of it when it was written, read or listed
    """
    return {key: version[key] for key in ("e_tag", "version") if version.get(key)}


class ObjectFile:
    """An object, to read it. It can be sent to other processes."""

    def __init__(self, url: str, name: str) -> None:
        """Name it.

        :param url: of the bucket, with the prefix
        """
        self._url = url
        self.name = name

    def open(self, _mode: Literal["rb"], /) -> io.BufferedReader:
        """Open it; each request reads some megabytes.

        :raises OSError: it cannot be read
        """
        return io.BufferedReader(_Reader(self._url, self.name))

    def stat(self) -> os.stat_result:
        """Return its size and modification time.

        :raises OSError: there is none, or it cannot be asked for
        """
        with explained():
            found = obstore.head(object_store(self._url), self.name)
        seconds = found["last_modified"].timestamp()
        values = (stat.S_IFREG | 0o444, 0, 0, 1, 0, 0, found["size"], *[int(seconds)] * 3)
        times = {"st_mtime": seconds, "st_mtime_ns": int(seconds * 1e9), "st_atime_ns": int(seconds * 1e9)}
        return os.stat_result(values, times)

    async def presigned(self, lasts: timedelta) -> str:
        """Return an address at which anyone may get it from the store for a while.

        :raises OSError: the store cannot sign, or not with these credentials
        """
        store: Any = object_store(self._url)
        try:
            with explained():
                return await obstore.sign_async(store, "GET", self.name, lasts)
        except (TypeError, ValueError) as error:
            raise OSError(errno.ENOTSUP, f"the store cannot sign: {error}") from None

    async def stream(self, start: int, end: int) -> AsyncIterator[bytes]:
        """Return its bytes from one place to another, when the store has begun to send them.

        :raises OSError: there is no such object, or it cannot be read
        """
        with explained():
            reply = await obstore.get_async(
                object_store(self._url), self.name, options={"range": (start, end)}
            )
        return _blocks(reply)

    def sha256(self) -> str | None:
        """Return the digest in its metadata.

        :raises OSError: there is no such object, or it cannot be asked for
        """
        with explained():
            found = obstore.get(object_store(self._url), self.name, options={"head": True})
        return found.attributes.get("sha256")


async def _blocks(reply: Any) -> AsyncIterator[bytes]:
    with explained():
        async for block in reply.stream(_BLOCK):
            yield bytes(block)


class _Reader(io.RawIOBase):
    """Reads an object from any place."""

    def __init__(self, url: str, name: str) -> None:
        super().__init__()
        with explained():
            self._reader = obstore.open_reader(object_store(url), name, buffer_size=_BLOCK)

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def seek(self, offset: int, whence: int = os.SEEK_SET) -> int:
        return self._reader.seek(offset, whence)

    def tell(self) -> int:
        return self._reader.tell()

    def readinto(self, buffer: Any) -> int:
        with explained():
            data = self._reader.read(len(buffer))
        size = len(data)
        buffer[:size] = bytes(data)
        return size


def content_type(name: str) -> str:
    """Return what an HTTP server says of a file: browsers and installers need it of pages (PEP 503, 691)."""
    kinds = {".html": "text/html; charset=utf-8", ".json": "application/vnd.pypi.simple.v1+json"}
    kinds |= {".metadata": "text/plain; charset=utf-8", ".whl": "application/zip", ".gz": "application/gzip"}
    return kinds.get(PurePosixPath(name).suffix, "application/octet-stream")
