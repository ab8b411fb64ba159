"""Values that are kept as long as there is room for them."""

from __future__ import annotations

import pickle
import threading
import zlib
from collections import OrderedDict
from collections.abc import Callable
from typing import Generic, TypeVar

__all__ = ["Recent"]

K = TypeVar("K")
V = TypeVar("V")
T = TypeVar("T")

_MOST = 48 << 20
"""Bytes. A file of a page takes about 150, compressed, and two kilobytes in use."""


class Recent(Generic[K, V]):
    """Keeps the values that were used last, compressed. Threads may share it; one at a time uses a value."""

    def __init__(self, most: int = _MOST) -> None:
        """Keep nothing yet.

        :param most: bytes of all values together, compressed
        """
        self._most = most
        self._size = 0
        self._kept: OrderedDict[K, bytes] = OrderedDict()
        self._lock = threading.Lock()

    def put(self, key: K, value: V) -> None:
        """Keep a value, and drop those that were not used for longest if there are too many."""
        data = zlib.compress(pickle.dumps(value, pickle.HIGHEST_PROTOCOL), 1)
        with self._lock:
            self._size += len(data) - len(self._kept.pop(key, b""))
            self._kept[key] = data
            while self._size > self._most:
                self._size -= len(self._kept.popitem(last=False)[1])

    def use(self, key: K, function: Callable[[V], T]) -> T | None:
        """Return what a function makes of a value, None if the value is not kept."""
        with self._lock:
            data = self._kept.get(key)
            if data is None:
                return None
            self._kept.move_to_end(key)
            return function(pickle.loads(zlib.decompress(data)))  # noqa: S301 - our own
