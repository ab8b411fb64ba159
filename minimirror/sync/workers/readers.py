"""Readers of the indexes, with many requests in progress."""

from __future__ import annotations

from minimirror.sync.workers.settings import WorkerSettings
from minimirror.upstream import AsyncRoom, IndexReader, Transfers, reader_of

__all__ = ["Readers"]


class Readers:
    """Readers of the indexes for many requests at a time, in the running asyncio loop.

    Each index has its own connections, credentials and address rules.
    """

    def __init__(self, settings: WorkerSettings) -> None:
        """Prepare; an index is opened when it is needed first."""
        self._settings = settings
        self._main = settings.indexes[0].plain_url
        self._found: dict[str, tuple[IndexReader, Transfers]] = {}
        self._room = AsyncRoom()

    def of(self, url: str | None) -> IndexReader:
        """Return the reader of an index, by its URL without credentials; None for the main one."""
        url = url or self._main
        if url not in self._found:
            self._open(url)
        return self._found[url][0]

    def _open(self, url: str) -> None:
        settings = self._settings
        address = next((each for each in settings.indexes if each.plain_url == url), settings.indexes[0])
        transfers = Transfers(
            address.url,
            settings.pace,
            connections=settings.connections,
            streams=settings.streams,
            room=self._room,
            patience=settings.retry.patience,
            cert=address.cert,
        )
        self._found[url] = reader_of(address, transfers, settings.retry), transfers

    @property
    def capacity(self) -> int:
        """How many requests can be in progress."""
        found = (transfers.capacity for _, transfers in self._found.values())
        return max(found, default=self._settings.connections)

    def close(self) -> None:
        """Give up all requests and close all connections."""
        for _, transfers in self._found.values():
            transfers.close()
