"""requests' transport with a short way for direct connections.

Per small GET on loopback (CPython 3.11, 33 kB bodies), requests takes 640 µs of processor time, urllib3's
pool 190 µs, http.client 115 µs, and what is here 60 µs: a request that is one string, and http.client's
response with its head read at once. A mirror makes tens of thousands of requests, so that is what its speed
on a fast network depends on. A proxy or a client certificate goes requests' own way.
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
"""Bytes that are read from a connection at once."""

KEPT = 4
"""Connections that a thread keeps, one an origin: the index, its file host, and those it redirects to."""


class Body(Protocol):
    """A body that is still to be read."""

    def readinto(self, buffer: memoryview, /) -> int:
        """Read the next bytes, as the server sent them; 0 at the end."""
        ...

    def close(self) -> None:
        """Let go of the connection."""
        ...


class Answer(Protocol):
    """What is used of a :class:`requests.Response`."""

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
    """GETs without a body, on one connection a thread and origin, kept open."""

    def __init__(self) -> None:
        super().__init__(pool_maxsize=64)
        self._local = threading.local()
        self._contexts: dict[bool | str, ssl.SSLContext] = {}
        self._made: weakref.WeakSet[_Connection] = weakref.WeakSet()

    def close(self) -> None:
        """Close the connections of all threads, which may be waiting on them."""
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
        """Send the request and read the head of the answer; its body is read from ``raw``.

        :param request: its URL has a path, is quoted and has no fragment
        :param timeout: seconds to connect and seconds to read
        :raises OSError: the connection failed, requests' exceptions included
        :raises HTTPException: the answer is not one of HTTP/1
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
            # Its answer is still being read.
            connection.close()
        elif connection is not None and connection.open:
            try:
                raw = connection.ask(head)
            except (ConnectionError, BadStatusLine, ssl.SSLError):
                # The server closed a connection that had been idle: that is no failure of this request.
                raw = None
        if connection is None or raw is None:
            connection = self._connect(origin, timeout)
            raw = connection.ask(head)
        kept[origin] = connection
        if len(kept) > KEPT:
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
    # What a server once sent may be among the headers, an ETag for one.
    if {head.count("\r"), head.count("\n")} != {len(lines) - 1} or "\0" in head or " " in target:
        raise HTTPException("a line break or a space where none may be")
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
    """A connection on which one request is made after the other."""

    def __init__(self, sock: socket.socket) -> None:
        self._sock = sock
        weakref.finalize(self, sock.close).atexit = False  # with its thread, or with the adapter
        self.open = True
        self.idle = True
        """Whether the last answer has been read."""

    def ask(self, head: bytes) -> Response:
        """Send a request and read the head of its answer."""
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
            # The body is still read through the answer's own handle of the socket.
            self.close()
        return raw

    def makefile(self, mode: str) -> BufferedReader:
        """What an HTTPResponse reads from; a small file comes with its head, in one system call."""
        self._incoming = Incoming(self._sock.makefile(mode, 0))  # type: ignore[call-overload]
        return BufferedReader(self._incoming, BUFFER)

    def close(self) -> None:
        """Use it no more; an answer that is open is read to its end all the same."""
        self.open = False
        self._sock.close()
