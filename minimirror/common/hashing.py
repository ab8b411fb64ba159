"""Digests of files, on disk or as they arrive."""

from __future__ import annotations

import hashlib
import os
import threading
from collections.abc import Callable, Collection, Mapping
from io import BufferedReader, FileIO
from pathlib import Path
from queue import Queue
from types import MappingProxyType
from typing import Protocol

from minimirror.common.files import StoredFile

__all__ = ["BUFFER", "KNOWN_ALGORITHMS", "Digests", "ThreadedDigests", "has_sha256", "hash_file"]

BUFFER = 1 << 20
"""Bytes read at once."""

KNOWN_ALGORITHMS = hashlib.algorithms_guaranteed - {"shake_128", "shake_256"}
"""Algorithms whose digests can be checked. Those of the shake family have no fixed length."""

_NOTHING: Mapping[str, str] = MappingProxyType({})


class _Hash(Protocol):
    def update(self, data: bytes | memoryview, /) -> None: ...
    def hexdigest(self) -> str: ...


class Digests:
    """The sha256 of some bytes, and every other digest that they are expected to have."""

    def __init__(self, expected: Mapping[str, str] = _NOTHING, pinned: Collection[str] = ()) -> None:
        """Begin with no bytes.

        :param expected: hexadecimal digests by algorithm, as hashlib names it; unknown ones are ignored
        :param pinned: digests such as ``sha256:…``; unless there are none, the bytes must have one of them
        """
        self._expected = {name: value for name, value in expected.items() if name in KNOWN_ALGORITHMS}
        self._pinned = pinned
        names = {each.partition(":")[0] for each in pinned} & KNOWN_ALGORITHMS
        self._hashes: dict[str, _Hash] = {
            name: hashlib.new(name) for name in {"sha256", *names, *self._expected}
        }
        self.size = 0
        """Bytes hashed so far."""

    @property
    def checked(self) -> bool:
        """Whether a digest is expected, so that :meth:`mismatch` can find a wrong file."""
        return bool(self._expected or self._pinned)

    def update(self, data: bytes | memoryview) -> None:
        """Hash more bytes."""
        for each in self._hashes.values():
            each.update(data)
        self.size += len(data)

    def read(self, stream: FileIO | BufferedReader, report: Callable[[int], None] = lambda _: None) -> None:
        """Hash the rest of a file.

        :param report: called with the number of bytes hashed so far
        """
        size = os.fstat(stream.fileno()).st_size if isinstance(stream, FileIO) else BUFFER
        buffer = memoryview(bytearray(min(BUFFER, size + 1)))
        while got := stream.readinto(buffer):
            self.update(buffer[:got])
            report(self.size)

    def mismatch(self) -> str | None:
        """Return the name of an algorithm whose digest is not the expected one, None if all agree."""
        for name, value in self._expected.items():
            if self._hashes[name].hexdigest() != value:
                return name
        return None

    def unpinned(self) -> str | None:
        """Return the digest, such as ``sha256:…``, if digests are pinned and none of them is it."""
        found = [f"{name}:{each.hexdigest()}" for name, each in self._hashes.items()]
        if not self._pinned or not set(found).isdisjoint(self._pinned):
            return None
        algorithms = {each.partition(":")[0] for each in self._pinned}
        return next((each for each in found if each.partition(":")[0] in algorithms), found[0])

    @property
    def sha256(self) -> str:
        """Hexadecimal, in lower case."""
        return self._hashes["sha256"].hexdigest()


def hash_file(
    path: StoredFile,
    expected: Mapping[str, str] = _NOTHING,
    report: Callable[[int], None] = lambda _: None,
    pinned: Collection[str] = (),
) -> Digests:
    """Hash a whole file.

    :param expected: hexadecimal digests by algorithm, for :meth:`Digests.mismatch`
    :param report: called with the number of bytes hashed so far
    :param pinned: digests for :meth:`Digests.unpinned`
    :raises OSError: it cannot be read
    """
    with FileIO(path) if isinstance(path, Path) else path.open("rb") as stream:
        digests = Digests(expected, pinned)
        digests.read(stream, report)
    return digests


def has_sha256(path: StoredFile, sha256: str, report: Callable[[int], None] = lambda _: None) -> bool:
    """Return whether a file can be read and has this digest (hexadecimal, in lower case)."""
    try:
        return hash_file(path, {"sha256": sha256}, report).mismatch() is None
    except OSError:
        return False


class ThreadedDigests:
    """Hashes in a separate thread, a few megabytes behind the transfer.

    sha256 takes as long as receiving and writing, and releases the interpreter lock while it works, so a big
    file arrives in about half the time. A small one is not worth a thread.
    """

    WAITING = 8
    """How many pieces may wait to be hashed."""

    _STACK = 256 << 10
    """Bytes of its stack: there is a thread for each big file on its way, and 8 MB each would be much."""

    def __init__(self, digests: Digests) -> None:
        """Start the thread; :meth:`close` must be called."""
        self._digests = digests
        self._pieces: Queue[bytes | None] = Queue(self.WAITING)
        self._thread = threading.Thread(target=self._hash, daemon=True)
        before = threading.stack_size(self._STACK)
        try:
            self._thread.start()
        finally:
            threading.stack_size(before)

    def update(self, data: bytes) -> None:
        """Pass more bytes to the thread; wait if it is too far behind."""
        self._pieces.put(data)

    def close(self) -> None:
        """Wait until everything is hashed."""
        self._pieces.put(None)
        self._thread.join()

    def _hash(self) -> None:
        while (data := self._pieces.get()) is not None:
            self._digests.update(data)
