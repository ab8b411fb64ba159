"""requests' transport, with a shortcut for direct connections.

A small GET on loopback (CPython 3.11, 33 kB bodies) takes requests 640 µs of CPU time, urllib3's pool 190 µs,
http.client 115 µs, and this module 60 µs: its request is one string, and the head of the response is read at
once. A mirror sends tens of thousands of requests, so its speed on a fast network depends on this. Requests
through a proxy or with a client certificate take requests' own path.
"""

from __future__ import annotations

import math
import socket
import ssl
import threading
import time
import weakref
from collections.abc import Mapping
from dataclasses import dataclass
from http.client import BadStatusLine, HTTPException
from io import BufferedReader
from typing import Any, Protocol
from urllib.parse import urlsplit

import requests
from requests.adapters import HTTPAdapter
from requests.utils import DEFAULT_CA_BUNDLE_PATH, select_proxy

from minimirror.upstream.http.http1 import Incoming, Response

__all__ = ["Answer", "Body", "DirectAdapter"]

BUFFER = 64 << 10
"""Bytes to read from a connection at once."""

MAX_CONNECTIONS = 4
"""Connections that a thread keeps open, one per origin: the index, its file host, redirect targets."""


class Body(Protocol):
    """A body that has not been read yet."""

    def readinto(self, buffer: memoryview, /) -> int:
        """Read the next bytes, as the server sent them; 0 at the end."""
        ...

    def close(self) -> None:
        """Release the connection."""
        ...


class Answer(Protocol):
    """The part of :class:`requests.Response` that is used here."""

    status_code: int
    headers: Any
    raw: Any


@dataclass(slots=True)
class _DirectAnswer:
    status_code: int
    headers: Mapping[str, str]
    """By lower-case name."""

    raw: Body


class DirectAdapter(HTTPAdapter):
    """Sends GET requests on one open connection per thread and origin."""

    def __init__(self) -> None:
        super().__init__(pool_maxsize=64)
        self._local = threading.local()
        self._contexts: dict[bool | str, ssl.SSLContext] = {}
        self._made: weakref.WeakSet[_Connection] = weakref.WeakSet()

    def close(self) -> None:
        """Close the connections of all threads, even if a thread waits on one."""
        for connection in list(self._made):
            connection.close()
        super().close()

    def send(  # type: ignore[override]  # noqa: PLR0913, PLR0917 - the signature is requests'
        self,
        request: requests.PreparedRequest,
        stream: bool = False,
        timeout: Any = None,
        verify: Any = True,
        cert: Any = None,
        proxies: Any = None,
    ) -> Answer:
        """Send the request and read the head of the response; ``raw`` is its body.

        :param request: its URL is quoted, and has a path and no fragment
        :param timeout: seconds to connect, and seconds to read
        :raises OSError: the connection failed (requests' exceptions are OSErrors)
        :raises HTTPException: the response is not HTTP/1
        """
        url = request.url or ""
        if cert or (proxies and select_proxy(url, proxies)):
            return super().send(request, stream, timeout, verify, cert, proxies)
        scheme, _, rest = url.partition("://")
        netloc, _, target = rest.partition("/")
        head = _request_head(netloc, target, request.headers)
        raw = self._exchange((scheme, netloc, verify), head, timeout)
        return _DirectAnswer(raw.status, raw.head, raw)

    def _exchange(
        self, origin: tuple[str, str, bool | str], head: bytes, timeout: tuple[float, float]
    ) -> Response:
        kept: dict[object, _Connection] = self._local.__dict__.setdefault("connections", {})
        connection = kept.pop(origin, None)
        raw = None
        if connection is not None and not connection.idle:
            # The last response is still being read.
            connection.close()
        elif connection is not None and connection.open:
            try:
                raw = connection.ask(head)
            except (ConnectionError, BadStatusLine, ssl.SSLError):
                # The server closed the idle connection: the request has not failed.
                raw = None
        if connection is None or raw is None:
            connection = self._connect(origin, timeout)
            raw = connection.ask(head)
        kept[origin] = connection
        if len(kept) > MAX_CONNECTIONS:
            kept.pop(next(iter(kept))).close()
        return raw

    def _connect(self, origin: tuple[str, str, bool | str], timeout: tuple[float, float]) -> _Connection:
        scheme, netloc, verify = origin
        address = urlsplit(f"//{netloc}")
        host = address.hostname or ""
        connect_timeout, read_timeout = timeout
        port = address.port or (443 if scheme == "https" else 80)
        sock = socket.create_connection((host, port), connect_timeout)
        try:
            sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
            if scheme == "https":
                context = self._contexts.get(verify) or self._contexts.setdefault(
                    verify, _tls_context(verify)
                )
                sock = context.wrap_socket(sock, server_hostname=host)
            sock.settimeout(read_timeout)
        except BaseException:
            sock.close()
            raise
        connection = _Connection(sock)
        self._made.add(connection)
        return connection


def _request_head(host: str, target: str, headers: Mapping[str, Any]) -> bytes:
    lines = [
        f"GET /{target} HTTP/1.1",
        f"Host: {host}",
        *(f"{name}: {value}" for name, value in headers.items()),
    ]
    head = "\r\n".join(lines)
    # A header may come from a server, an ETag for example.
    if {head.count("\r"), head.count("\n")} != {len(lines) - 1} or "\0" in head or " " in target:
        raise HTTPException("a line break or a space is not allowed here")
    return f"{head}\r\n\r\n".encode("latin-1")


def _tls_context(verify: bool | str) -> ssl.SSLContext:
    location = DEFAULT_CA_BUNDLE_PATH if verify is True else str(verify)
    try:
        context = ssl.create_default_context(cafile=location)
    except (IsADirectoryError, PermissionError):
        context = ssl.create_default_context(capath=location)
    context.set_alpn_protocols(["http/1.1"])
    return context


class _Connection:
    """A connection for one request after the other."""

    def __init__(self, sock: socket.socket) -> None:
        self._sock = sock
        weakref.finalize(self, sock.close).atexit = False  # with its thread, or with the adapter
        self.open = True
        self.idle = True
        """Whether the last response has been read to its end."""

    def ask(self, head: bytes) -> Response:
        """Send a request and read the head of its response."""
        raw: Response | None = None
        self.idle = False
        try:
            self._sock.sendall(head)
            raw = Response(self, method="GET")  # type: ignore[arg-type]
            raw.connection = self
            self._incoming.deadline = time.monotonic() + (self._sock.gettimeout() or math.inf)
            raw.begin()
            self._incoming.deadline = math.inf
        except BaseException:
            if raw is not None:
                raw.close()
            self.close()
            raise
        if raw.will_close:
            # The response has its own handle on the socket, and still reads the body.
            self.close()
        return raw

    def makefile(self, mode: str) -> BufferedReader:
        """Return what an HTTPResponse reads from: one system call reads the head and a small body."""
        self._incoming = Incoming(self._sock.makefile(mode, 0))  # type: ignore[call-overload]
        return BufferedReader(self._incoming, BUFFER)

    def close(self) -> None:
        """Close it for further requests; an open response can still be read to its end."""
        self.open = False
        self._sock.close()
