"""requests' adapter, with bounds on every byte that a server sends, whatever its framing.

A timeout of requests bounds the wait for the next byte, so a server that sends a byte now and then could hold
a request for ever: in the head, in the body, in the line before a chunk, or after the last one.
"""

from __future__ import annotations

import time
from contextvars import ContextVar
from http.client import HTTPException, HTTPResponse
from io import BufferedReader, RawIOBase
from socket import SocketIO
from typing import Any

from requests.adapters import HTTPAdapter
from urllib3 import HTTPConnectionPool, HTTPSConnectionPool, PoolManager
from urllib3.connection import HTTPConnection, HTTPSConnection

from minimirror.upstream.http import MAX_HEAD
from minimirror.upstream.retry import Pace

__all__ = ["LIMITS", "BoundedAdapter", "Limits"]

BUFFER = 64 << 10
"""Bytes to read from a connection at once."""

_DIGITS = 20
"""Digits of a length that no body has."""

FRAMING = 8
"""How many bytes of chunk lines each byte of a body may cost; chunks of one byte cost five."""


class Limits:
    """How long one response may take."""

    def __init__(self, pace: Pace, deadline: float) -> None:
        """Begin now.

        :param deadline: when to give up, in seconds of the monotonic clock
        """
        self._pace = pace
        self._deadline = deadline
        self._begun = time.monotonic()
        self.got = 0
        """Bytes so far, with the head and the framing."""

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
        self.poolmanager: PoolManager
        self.poolmanager.pool_classes_by_scheme = _POOLS

    def proxy_manager_for(self, proxy: str, **kwargs: Any) -> PoolManager:
        """Return the pools for connections through a proxy."""
        manager: PoolManager = super().proxy_manager_for(proxy, **kwargs)
        manager.pool_classes_by_scheme = _POOLS
        return manager


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


class _Connection(HTTPConnection):
    response_class = _Response


class _TLSConnection(HTTPSConnection):
    response_class = _Response


class _Pool(HTTPConnectionPool):
    ConnectionCls = _Connection


class _TLSPool(HTTPSConnectionPool):
    ConnectionCls = _TLSConnection


_POOLS: dict[str, type[HTTPConnectionPool]] = {"http": _Pool, "https": _TLSPool}
