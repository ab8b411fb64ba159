"""A cache that is bounded by what it holds."""

from __future__ import annotations

import threading
from collections import OrderedDict
from typing import Generic, TypeVar

__all__ = ["Cache"]

_Value = TypeVar("_Value")


class Cache(Generic[_Value]):
    """What was put last under each key, for any number of threads. What was not asked for longest goes."""

    def __init__(self, limit: int) -> None:
        """:param limit: bytes that all values may have"""
        self._limit = limit
        self._held = 0
        self._values: OrderedDict[object, tuple[_Value, int]] = OrderedDict()
        self._lock = threading.Lock()

    def get(self, key: object) -> _Value | None:
        """What was put last under the key, None where that is not here any more."""
        with self._lock:
            found = self._values.get(key)
            if found is None:
                return None
            self._values.move_to_end(key)
            return found[0]

    def put(self, key: object, value: _Value, size: int) -> None:
        """Hold a value.

        :param size: its bytes; what is bigger than the limit is not held
        """
        with self._lock:
            self._held -= self._values.pop(key, (None, 0))[1]
            if size > self._limit:
                return
            self._values[key] = value, size
            self._held += size
            while self._held > self._limit:
                self._held -= self._values.popitem(last=False)[1][1]
