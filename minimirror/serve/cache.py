"""A cache of bounded size."""

from __future__ import annotations

import threading
from collections import OrderedDict
from typing import Generic, TypeVar

__all__ = ["Cache"]

_Value = TypeVar("_Value")


class Cache(Generic[_Value]):
    """Keeps values by key and drops the least recently used ones; any number of threads may share it."""

    def __init__(self, limit: int) -> None:
        """:param limit: total size of the values, in bytes"""
        self._limit = limit
        self._size = 0
        self._values: OrderedDict[object, tuple[_Value, int]] = OrderedDict()
        self._lock = threading.Lock()

    def get(self, key: object) -> _Value | None:
        """Return the value last put under the key, None if there is none or it was dropped."""
        with self._lock:
            found = self._values.get(key)
            if found is None:
                return None
            self._values.move_to_end(key)
            return found[0]

    def put(self, key: object, value: _Value, size: int) -> None:
        """Keep a value.

        :param size: its size in bytes; a value larger than the limit is not kept
        """
        with self._lock:
            self._size -= self._values.pop(key, (None, 0))[1]
            if size > self._limit:
                return
            self._values[key] = value, size
            self._size += size
            while self._size > self._limit:
                self._size -= self._values.popitem(last=False)[1][1]
