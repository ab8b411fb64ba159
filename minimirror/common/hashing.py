"""Digests of a file, as its bytes pass by."""

from __future__ import annotations

import hashlib
import threading
from collections.abc import Callable, Mapping
from io import FileIO
from queue import SimpleQueue
from typing import Protocol

__all__ = ["BUFFER", "Digests", "DigestsBehind", "Sink"]

BUFFER = 256 << 10
"""Bytes read at once."""

# The shake family has no fixed length, so that its digests cannot be compared.
_KNOWN = hashlib.algorithms_guaranteed - {"shake_128", "shake_256"}


class _Hash(Protocol):
    def update(self, data: memoryview, /) -> None: ...
    def hexdigest(self) -> str: ...


class Sink(Protocol):
    """Where a body goes to be hashed: into a buffer that it lends."""

    def buffer(self) -> memoryview:
        """A buffer to fill; it must come back by :meth:`update` before the next one is asked for."""
        ...

    def update(self, data: memoryview) -> None:
        """Take the beginning of the buffer that was lent last."""
        ...


class Digests:
    """The digests that are to be checked, and sha256."""

    def __init__(self, expected: Mapping[str, str], buffer: int = BUFFER) -> None:
        """Begin with no bytes.

        :param expected: hexadecimal digests by hashlib's name of the algorithm; unknown ones are left aside
        :param buffer: bytes of the buffer that is lent
        """
        self._expected = {name: value for name, value in expected.items() if name in _KNOWN}
        self._hashes: dict[str, _Hash] = {name: hashlib.new(name) for name in {"sha256", *self._expected}}
        self._size_of_buffer = buffer
        self._buffer: memoryview | None = None
        self.size = 0
        """Bytes hashed so far."""

    @property
    def checked(self) -> bool:
        """Whether anything is expected, so that :meth:`mismatch` can tell a wrong file."""
        return bool(self._expected)

    def buffer(self) -> memoryview:
        """The one buffer, which is free again as soon as it was hashed."""
        if self._buffer is None:
            self._buffer = memoryview(bytearray(self._size_of_buffer))
        return self._buffer

    def update(self, data: memoryview) -> None:
        """Hash more bytes."""
        for each in self._hashes.values():
            each.update(data)
        self.size += len(data)

    def read(self, stream: FileIO, report: Callable[[int], None] = lambda _: None) -> None:
        """Hash the rest of an unbuffered file.

        :param report: called with the number of bytes hashed so far, as they are read
        """
        buffer = self.buffer()
        while got := stream.readinto(buffer):
            self.update(buffer[:got])
            report(self.size)

    def mismatch(self) -> str | None:
        """The name of an algorithm whose digest differs from the expected, None where all agree."""
        for name, value in self._expected.items():
            if self._hashes[name].hexdigest() != value:
                return name
        return None

    @property
    def sha256(self) -> str:
        """Hexadecimal, in lower case."""
        return self._hashes["sha256"].hexdigest()


class DigestsBehind:
    """Hashes in a thread of its own, a few buffers behind the transfer.

    sha256 takes as long as receiving and writing do, and lets go of the interpreter while it works, so that
    one big file arrives in about half the time. Not worth a thread for small ones.
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

    def __enter__(self) -> DigestsBehind:
        self._thread.start()
        return self

    def __exit__(self, kind: object, *_: object) -> None:
        """Wait until everything is hashed."""
        self._filled.put(None)
        self._thread.join()
        if self._error is not None and kind is None:
            raise self._error

    def buffer(self) -> memoryview:
        """A buffer that has been hashed; waits where the hashes are too far behind."""
        buffer = self._free.get()
        if self._error is not None:
            raise self._error
        return buffer

    def update(self, data: memoryview) -> None:
        """Have more bytes hashed."""
        self._filled.put(data)

    def _hash(self) -> None:
        while (data := self._filled.get()) is not None:
            try:
                self._digests.update(data)
                self._free.put(memoryview(data.obj))
            except BaseException as error:  # noqa: BLE001 - raised where the buffers are lent
                self._error = error
                self._free.put(memoryview(b""))
