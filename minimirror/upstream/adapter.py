"""requests' adapter, with bounds on every byte that a server sends, whatever its framing.

A timeout of requests bounds the wait for the next byte, so a server that sends a byte now and then could hold
a request for ever: in the head, in the body, in the line before a chunk, or after the last one.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from contextvars import ContextVar
from functools import cache
from http.client import HTTPException, HTTPResponse
from io import BufferedReader, RawIOBase
from socket import SocketIO, socket
from typing import Any

from requests.adapters import HTTPAdapter
from urllib3 import HTTPConnectionPool, PoolManager
from urllib3.connection import HTTPConnection

from minimirror.upstream.errors import FetchError
from minimirror.upstream.http import MAX_HEAD
from minimirror.upstream.retry import Pace

__all__ = ["LIMITS", "BoundedAdapter", "Limits"]

BUFFER = 64 << 10
"""Bytes to read from a connection at once."""

_DIGITS = 20
"""Digits of a length that no body has."""

FRAMING = 8
"""How many bytes of chunk lines each byte of a body may cost; chunks of one byte cost five."""

_INTERIM = range(102, 200)
"""Statuses of responses before the final one: 100 is skipped by http.client, and nothing asks for 101."""


class Limits:
    """What one request may do: which addresses it may reach, and how long its response may take."""

    def __init__(self, pace: Pace, deadline: float, allows: Callable[[str], bool]) -> None:
        """Begin now.

        :param deadline: when to give up, in seconds of the monotonic clock
        :param allows: whether an IP address may be connected to
        :raises FetchError: the deadline has passed
        """
        self._pace = pace
        self._deadline = deadline
        self._allows = allows
        self._begun = time.monotonic()
        self.address: str | None = None
        """The IP address that the request was sent to."""

        self._reuses = False
        self.got = 0
        """Bytes so far, with the head and the framing."""

        self.take(0)

    def bound(self, seconds: float) -> float:
        """Return how long to wait at once: so many seconds, but not beyond the deadline."""
        return min(seconds, max(0.001, self._deadline - time.monotonic()))

    def reach(self, address: str, *, reuses: bool = False) -> None:
        """Take the address that the request will be sent to.

        :param reuses: whether the connection to it was used before
        :raises FetchError: it is not allowed
        """
        self.address, self._reuses = address, reuses
        if not self._allows(address):
            raise FetchError(f"refused to connect to the internal address {address}")

    @property
    def met_closed_connection(self) -> bool:
        """Whether a request that failed may have met a connection that the server was closing."""
        return self._reuses and not self.got

    def take(self, count: int) -> None:
        """Count bytes that have arrived.

        :raises FetchError: they are too few, or too late
        """
        self.got += count
        self._pace.check(self.got, self._begun, self._deadline)


LIMITS: ContextVar[Limits] = ContextVar("LIMITS")
"""The limits of the request that is being sent."""


class BoundedAdapter(HTTPAdapter):
    """Sends requests within the :data:`LIMITS` of each."""

    def init_poolmanager(self, *args: Any, **kwargs: Any) -> None:
        """Make the pools for direct connections."""
        super().init_poolmanager(*args, **kwargs)
        _bound_pools(self.poolmanager)

    def proxy_manager_for(self, proxy: str, **kwargs: Any) -> PoolManager:
        """Return the pools for connections through a proxy."""
        manager: PoolManager = super().proxy_manager_for(proxy, **kwargs)
        _bound_pools(manager)
        return manager


def _bound_pools(manager: PoolManager) -> None:
    pools = manager.pool_classes_by_scheme
    manager.pool_classes_by_scheme = {scheme: _bounded(pool) for scheme, pool in pools.items()}


@cache
def _bounded(pool: type[HTTPConnectionPool]) -> type[HTTPConnectionPool]:
    """Return the same kind of pool (HTTP, HTTPS or SOCKS), with connections that keep to the limits."""
    if issubclass(pool.ConnectionCls, _Connection):
        return pool
    connection = type("Connection", (_Connection, pool.ConnectionCls), {})
    return type("Pool", (pool,), {"ConnectionCls": connection})


class _Incoming(RawIOBase):
    """The bytes that arrive on a socket."""

    def __init__(self, raw: SocketIO, limits: Limits) -> None:
        super().__init__()
        self._raw = raw
        self.limits = limits

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int | None:
        got = self._raw.readinto(buffer)
        self.limits.take(got or 0)
        return got

    def close(self) -> None:
        self._raw.close()
        super().close()


class _Reader(BufferedReader):
    """Reads what has arrived; lines are heads, chunk lines and trailers."""

    def __init__(self, incoming: _Incoming) -> None:
        super().__init__(incoming, BUFFER)
        self._limits = incoming.limits
        self._lines = 0

    def readline(self, size: int | None = -1) -> bytes:
        line = super().readline(size)
        if not line and self._lines:
            raise HTTPException("the response ends early")
        self._lines += len(line)
        if self._lines > MAX_HEAD + FRAMING * (self._limits.got - self._lines):
            raise HTTPException("too many lines around the body")
        return line


class _Response(HTTPResponse):
    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fp: BufferedReader = _Reader(_Incoming(self.fp.detach(), LIMITS.get()))  # type: ignore[arg-type]

    def begin(self) -> None:
        super().begin()
        length, *others = {part.strip() for part in (self.getheader("Content-Length") or "").split(",")}
        if others:
            raise HTTPException("the response has two lengths")
        if self.status in {204, 304}:
            self.chunked = False
        elif not self.chunked and self.length is None and length.isdecimal() and len(length) < _DIGITS:
            # The same length twice (RFC 9110, 8.6).
            self.length, self.will_close = int(length), self._check_close()  # type: ignore[attr-defined]

    def _read_status(self) -> tuple[str, int, str]:
        while True:
            found: tuple[str, int, str] = super()._read_status()  # type: ignore[misc]
            # http.client skips no interim responses but those with status 100.
            if found[1] not in _INTERIM:
                return found
            while self.fp.readline(MAX_HEAD).strip():
                pass

    def _read_next_chunk_size(self) -> int:
        size: int = super()._read_next_chunk_size()  # type: ignore[misc]
        if size < 0:
            # http.client would take -1 for all that the server ever sends.
            raise ValueError("negative chunk size")
        return size


class _Connection(HTTPConnection):
    response_class = _Response
    address: str | None = None
    """The IP address of the server, or of the proxy."""

    def _new_conn(self) -> socket:
        sock = super()._new_conn()
        try:
            self.address = sock.getpeername()[0]
            LIMITS.get().reach(self.address)
        except BaseException:
            sock.close()
            raise
        return sock

    def request(self, *args: Any, **kwargs: Any) -> None:
        limits = LIMITS.get()
        if self.address and not limits.address:
            limits.reach(self.address, reuses=True)
        super().request(*args, **kwargs)
