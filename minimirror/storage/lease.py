"""A lease: an object that keeps two runs on different machines apart.

Its holder renews it; one that is no longer renewed may be taken over. Every write is conditional, so only one
of two wins.
"""

from __future__ import annotations

import json
import threading
import time
import uuid
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import Any

import obstore

from minimirror.storage.lock import described_holder, this_process
from minimirror.storage.object_store import object_store
from minimirror.storage.objects import if_unchanged
from minimirror.storage.store_errors import explained

__all__ = ["Lease", "LeaseHeldError"]

_KEY = ".minimirror/lease.json"
_CLOCK = ".minimirror/clock"
"""An object that is written to learn the store's time."""

_RENEW = 20.0
"""Seconds between two renewals."""

_LASTS = 120.0
"""Seconds without a renewal after which the holder is gone."""


class LeaseHeldError(Exception):
    """Another run holds the lease; the text says which."""


class Lease:
    """The lease of a bucket, held by this process."""

    def __init__(self, url: str, machine: str) -> None:
        """Prepare.

        :param machine: names the local folder, whose lock this process has: an older lease of it is a dead
            process's
        """
        self._store = object_store(url)
        self._body = json.dumps({**this_process(), "machine": machine, "token": uuid.uuid4().hex}).encode()
        self._machine = machine
        self._version: Any = None
        self._renewed = 0.0
        self._ended = threading.Event()

    @property
    def is_lost(self) -> bool:
        """Whether another run may have taken it over."""
        return time.monotonic() - self._renewed > _LASTS

    @contextmanager
    def held(self) -> Iterator[None]:
        """Hold it in the block.

        :raises LeaseHeldError: another run does
        :raises OSError: the store cannot be used
        """
        try:
            self._put("create")
        except FileExistsError:
            self._take_over()
        thread = threading.Thread(target=self._renew, daemon=True)
        thread.start()
        try:
            yield
        finally:
            self._ended.set()
            thread.join()
            if not self.is_lost:
                with suppress(OSError), explained():
                    obstore.delete(self._store, _KEY)

    def _put(self, mode: Any) -> None:
        begun = time.monotonic()
        with explained():
            self._version = if_unchanged(obstore.put(self._store, _KEY, self._body, mode=mode))
        self._renewed = begun

    def _take_over(self) -> None:
        with explained():
            found = obstore.get(self._store, _KEY)
            body = bytes(found.bytes())
            obstore.put(self._store, _CLOCK, b"")
            now = obstore.head(self._store, _CLOCK)["last_modified"]
        age = (now - found.meta["last_modified"]).total_seconds()
        holder, machine = described_holder(body)
        if machine != self._machine and age < _LASTS:
            raise LeaseHeldError(holder)
        try:
            self._put(if_unchanged(found.meta))
        except FileExistsError:
            raise LeaseHeldError("") from None

    def _renew(self) -> None:
        while not self._ended.wait(_RENEW):
            try:
                self._put(self._version)
            except FileExistsError:
                self._renewed = float("-inf")
                return
            except OSError:
                # It lasts for a while; the next try may succeed.
                continue
