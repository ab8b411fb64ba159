"""Digests of files, on disk or as they arrive."""

from __future__ import annotations

import hashlib
import os
import threading
from collections.abc import Callable, Mapping
from io import FileIO
from pathlib import Path
from queue import SimpleQueue
from types import MappingProxyType
from typing import Protocol

__all__ = ["BUFFER", "Digests", "ThreadedDigests", "has_sha256", "hash_file"]

BUFFER = 256 << 10
"""Bytes read at once."""

# The digests of the shake family have no fixed length, so they cannot be compared.
_KNOWN = hashlib.algorithms_guaranteed - {"shake_128", "shake_256"}

_NOTHING: Mapping[str, str] = MappingProxyType({})


class _Hash(Protocol):
    def update(self, data: memoryview, /) -> None: ...
    def hexdigest(self) -> str: ...


class Digests:
    """The sha256 of some bytes, and every other digest that they are expected to have."""

    def __init__(self, expected: Mapping[str, str] = _NOTHING, buffer: int = BUFFER) -> None:
        """Begin with no bytes.

        :param expected: hexadecimal digests by algorithm, as hashlib names it; unknown ones are ignored
        :param buffer: size of the buffer that is lent, in bytes
        """
        self._expected = {name: value for name, value in expected.items() if name in _KNOWN}
        self._hashes: dict[str, _Hash] = {name: hashlib.new(name) for name in {"sha256", *self._expected}}
        self._buffer_size = buffer
        self._buffer: memoryview | None = None
        self.size = 0
        """Bytes hashed so far."""

    @property
    def checked(self) -> bool:
        """Whether a digest is expected, so that :meth:`mismatch` can find a wrong file."""
        return bool(self._expected)

    def buffer(self) -> memoryview:
        """Lend a buffer to fill; :meth:`update` takes its beginning, and then it can be lent again."""
        if self._buffer is None:
            self._buffer = memoryview(bytearray(self._buffer_size))
        return self._buffer

    def update(self, data: memoryview) -> None:
        """Hash more bytes."""
        for each in self._hashes.values():
            each.update(data)
        self.size += len(data)

    def read(self, stream: FileIO, report: Callable[[int], None] = lambda _: None) -> None:
        """Hash the rest of an unbuffered file.

        :param report: called with the number of bytes hashed so far
        """
        buffer = self.buffer()
        while got := stream.readinto(buffer):
            self.update(buffer[:got])
            report(self.size)

    def mismatch(self) -> str | None:
        """Return the name of an algorithm whose digest is not the expected one, None if all agree."""
        for name, value in self._expected.items():
            if self._hashes[name].hexdigest() != value:
                return name
        return None

    @property
    def sha256(self) -> str:
        """Hexadecimal, in lower case."""
        return self._hashes["sha256"].hexdigest()


def hash_file(
    path: Path, expected: Mapping[str, str] = _NOTHING, report: Callable[[int], None] = lambda _: None
) -> Digests:
    """Hash a whole file.

    :param expected: hexadecimal digests by algorithm, for :meth:`Digests.mismatch`
    :param report: called with the number of bytes hashed so far
    :raises OSError: it cannot be read
    """
    with FileIO(path) as stream:
        digests = Digests(expected, min(4 * BUFFER, os.fstat(stream.fileno()).st_size + 1))
        digests.read(stream, report)
    return digests


def has_sha256(path: Path, sha256: str, report: Callable[[int], None] = lambda _: None) -> bool:
    """Return whether a file can be read and has this digest (hexadecimal, in lower case)."""
    try:
        return hash_file(path, {"sha256": sha256}, report).mismatch() is None
    except OSError:
        return False


class ThreadedDigests:
    """Hashes in a separate thread, a few buffers behind the transfer.

    sha256 takes as long as receiving and writing, and releases the interpreter lock while it works, so a big
    file arrives in about half the time. A small one is not worth a thread.
    """

    BUFFERS = 4

    def __init__(self, digests: Digests) -> None:
        self._digests = digests
        self._free: SimpleQueue[memoryview] = SimpleQueue()
        self._filled: SimpleQueue[memoryview | None] = SimpleQueue()
        for _ in range(self.BUFFERS):
            self._free.put(memoryview(bytearray(4 * BUFFER)))
        self._error: BaseException | None = None
        self._thread = threading.Thread(target=self._hash, daemon=True)

    def __enter__(self) -> ThreadedDigests:
        self._thread.start()
        return self

    def __exit__(self, kind: object, *_: object) -> None:
        """Wait until everything is hashed."""
        self._filled.put(None)
        self._thread.join()
        if self._error is not None and kind is None:
            raise self._error

    def buffer(self) -> memoryview:
        """Lend a buffer; wait for one if hashing is too far behind."""
        buffer = self._free.get()
        if self._error is not None:
            raise self._error
        return buffer

    def update(self, data: memoryview) -> None:
        """Pass more bytes to the thread."""
        self._filled.put(data)

    def _hash(self) -> None:
        while (data := self._filled.get()) is not None:
            try:
                self._digests.update(data)
                self._free.put(memoryview(data.obj))
            except BaseException as error:  # noqa: BLE001 - raised by buffer() and __exit__()
                self._error = error
                self._free.put(memoryview(b""))
