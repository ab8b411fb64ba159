"""One request and its response, on one easy handle of libcurl."""

from __future__ import annotations

import asyncio
import os
import socket
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlsplit, urlunsplit

import pycurl

from minimirror.upstream.addresses import is_public
from minimirror.upstream.environment import OriginSettings
from minimirror.upstream.errors import FetchError
from minimirror.upstream.http import DISCARDED, MAX_HEAD, USER_AGENT, Head, Request, status_is_good
from minimirror.upstream.retry import Pace

__all__ = ["Exchange"]

_MAX_INTERIM = 20
"""Interim responses (1xx) before the final one."""

_CAUSES = {
    pycurl.E_OPERATION_TIMEDOUT: "timed out",
    pycurl.E_GOT_NOTHING: "the server closed the connection without a response",
    pycurl.E_COULDNT_RESOLVE_HOST: "the connection failed: the server's name cannot be resolved",
    pycurl.E_COULDNT_RESOLVE_PROXY: "the connection failed: the proxy's name cannot be resolved",
    pycurl.E_UNSUPPORTED_PROTOCOL: "the connection broke: the response is not HTTP",
    pycurl.E_FTP_WEIRD_SERVER_REPLY: "the connection broke: the response is not valid HTTP",
}
"""Plain English for libcurl's errors."""


_OPTIONS: dict[int, int | str] = {
    pycurl.PROTOCOLS: pycurl.PROTO_HTTP | pycurl.PROTO_HTTPS,
    pycurl.NOSIGNAL: 1,
    pycurl.HTTP_VERSION: pycurl.CURL_HTTP_VERSION_2TLS,
    # Wait for the first connection to a host: it may have HTTP/2, and then no other is needed.
    pycurl.PIPEWAIT: 1,
    pycurl.PATH_AS_IS: 1,
    pycurl.BUFFERSIZE: 256 << 10,
    pycurl.USERAGENT: USER_AGENT,
    pycurl.HTTP_CONTENT_DECODING: 0,
}
"""For every request."""


class Exchange:
    """A request that libcurl sends, and what it receives. It can be used again for the next one."""

    def __init__(self, settings: OriginSettings, pace: Pace) -> None:
        """Prepare a handle for requests to origins with the same settings."""
        self.settings = settings
        self._pace = pace
        self.curl = curl = pycurl.Curl()
        for option, value in {**_OPTIONS, **_proxy(settings.proxy), **_certificates(settings)}.items():
            curl.setopt(option, value)
        curl.setopt(pycurl.CONNECTTIMEOUT_MS, max(1, int(pace.connect * 1000)))
        curl.setopt(pycurl.HEADERFUNCTION, self._take_header)
        curl.setopt(pycurl.WRITEFUNCTION, self._take_body)
        curl.setopt(pycurl.OPENSOCKETFUNCTION, self._open_socket)

    def begin(
        self,
        url: str,
        request: Request,
        allows: Callable[[str], bool],
        done: asyncio.Future[tuple[Head, list[bytes]]],
    ) -> None:
        """Prepare the handle for a request.

        :param url: the request's, or one that it was redirected to
        :param allows: whether an IP address may be connected to
        :param done: gets the head, and the body if there is no sink
        :raises FetchError: the request cannot be sent
        """
        self._url = url
        self._request = request
        self._allows = allows
        self._done = done
        self._lines: list[bytes] = []
        self._head_size = self._interim = self._body_size = 0
        self._head: Head | None = None
        self._chunks: list[bytes] = []
        self._error: BaseException | None = None
        self._refused: str | None = None
        self._started = self._heard = self._begun = time.monotonic()
        lines = [f"{name}: {value}" for name, value in request.headers.items()]
        if self.settings.authorization:
            lines.append(f"Authorization: {self.settings.authorization}")
        _check_sendable(lines)
        self.curl.setopt(pycurl.URL, url)
        self.curl.setopt(pycurl.HTTPHEADER, lines)

    # What libcurl calls. An exception would be lost, so it is kept, and a wrong result ends the transfer.

    def _open_socket(self, _: int, address: tuple[int, int, int, tuple[Any, ...]]) -> socket.socket | int:
        family, kind, protocol, name = address
        try:
            # A proxy is the user's choice, and the server's address is only known to it.
            if not self.settings.proxy and not self._allows(str(name[0])):
                self._refused = str(name[0])
                return pycurl.SOCKET_BAD
            return socket.socket(family, kind, protocol)
        except BaseException as error:  # noqa: BLE001 - raised by end()
            self._error = error
            return pycurl.SOCKET_BAD

    def _take_header(self, line: bytes) -> int | None:
        try:
            self._check_head_size(len(line))
            if self._head is None:
                self._take_head_line(line)
        except BaseException as error:  # noqa: BLE001 - raised by end()
            self._error = error
            return -1
        return None

    def _check_head_size(self, more: int) -> None:
        self._head_size += more
        if self._head_size > MAX_HEAD:
            raise FetchError("the connection broke: the head of the response is too long", transient=True)

    def _take_head_line(self, line: bytes) -> None:
        line = line.rstrip(b"\r\n")
        if line:
            self._lines.append(line)
            return
        lines, self._lines = self._lines, []
        status = _status(lines[0] if lines else b"")
        if status < 200:  # noqa: PLR2004
            self._interim += 1
            if self._interim > _MAX_INTERIM:
                raise FetchError(
                    f"the connection broke: more than {_MAX_INTERIM} interim responses", transient=True
                )
            return
        self._head = head = Head(self._url, status, _headers(lines[1:]))
        self._heard = self._begun = time.monotonic()
        if self._request.sink is not None and status_is_good(status):
            self._request.sink.begin(head)

    def _take_body(self, data: bytes) -> int | None:
        try:
            self._body_size += len(data)
            self._heard = time.monotonic()
            self._take_data(data)
        except BaseException as error:  # noqa: BLE001 - raised by end()
            self._error = error
            return 0
        return None

    def _take_data(self, data: bytes) -> None:
        head = self._head
        if head is None or not status_is_good(head.status):
            if self._body_size > DISCARDED:
                raise _DiscardedError
        elif self._request.sink is not None:
            self._request.sink.write(data)
        else:
            self._chunks.append(data)
            if self._body_size > self._request.limit:
                raise FetchError(f"the page is larger than {self._request.limit} bytes")

    # How it ends

    def check_pace(self) -> None:
        """Check how slow the server is.

        :raises FetchError: it takes too long
        """
        now = time.monotonic()
        if self._head is None:
            waited = self.curl.getinfo(pycurl.PRETRANSFER_TIME)
            # Before that, it is not sent: libcurl waits for a connection, and bounds that itself.
            self._heard = self._begun = self._started + waited if waited else now
        if now - self._heard > self._pace.read:
            raise FetchError("timed out", transient=True)
        self._pace.check(self._body_size, self._begun, self._request.deadline)

    def end(self, failed: tuple[int, str] | FetchError | None) -> None:
        """Tell who waits for the response that it is complete, or why it is not.

        :param failed: libcurl's error number and message
        """
        error = self._error or (self._failure(*failed) if isinstance(failed, tuple) else failed)
        if isinstance(error, _DiscardedError):
            error = None
        if self._done.done():
            return
        if error is not None:
            self._done.set_exception(error)
        elif self._head is None:
            self._done.set_exception(FetchError("the connection broke: no response", transient=True))
        else:
            self._done.set_result((self._head, self._chunks))

    def _failure(self, number: int, message: str) -> FetchError:
        """Return a libcurl error in plain English."""
        if self._refused is not None:
            return FetchError(f"refused to connect to the internal address {self._refused}")
        if number == pycurl.E_PARTIAL_FILE and self._head is not None and self._head.length is not None:
            missing = self._head.length - self._body_size
            return FetchError(f"the connection closed {missing} bytes early", transient=True)
        if number == pycurl.E_URL_MALFORMAT:
            return FetchError("invalid URL, or invalid proxy URL")
        cause = _CAUSES.get(number)
        if cause is None:
            system = self.curl.getinfo(pycurl.OS_ERRNO)
            cause = f"the connection failed: {os.strerror(system) if system else message}"
        return FetchError(cause, transient=True)

    @property
    def multiplexed(self) -> bool:
        """Whether the response came with HTTP/2."""
        return bool(self.curl.getinfo(pycurl.INFO_HTTP_VERSION) == pycurl.CURL_HTTP_VERSION_2)

    @property
    def is_from_public(self) -> bool:
        """Whether the server's address is on the public internet. A proxy's address does not count."""
        address = self.curl.getinfo(pycurl.PRIMARY_IP)
        return bool(address) and not self.settings.proxy and is_public(address)


class _DiscardedError(Exception):
    """The rest of an unwanted body is not read."""


def _check_sendable(lines: list[str]) -> None:
    """Check headers, some of which come from a server, an ETag for example.

    :raises FetchError: one of them would end its line
    """
    if any(character in line for line in lines for character in "\r\n\0"):
        raise FetchError("a header with a line break cannot be sent")


def _proxy(url: str | None) -> dict[int, str]:
    """Return the options for a proxy, or for none: libcurl must not look into the environment."""
    parts = urlsplit(url or "")
    userinfo, _, host = parts.netloc.rpartition("@")
    user, _, password = userinfo.partition(":")
    options = {pycurl.PROXY: urlunsplit(parts._replace(netloc=host)), pycurl.NOPROXY: ""}
    if userinfo:
        options |= {pycurl.PROXYUSERNAME: unquote(user), pycurl.PROXYPASSWORD: unquote(password)}
    return options


def _certificates(settings: OriginSettings) -> dict[int, str]:
    names = ("CAPATH", "PROXY_CAPATH") if Path(settings.ca_bundle).is_dir() else ("CAINFO", "PROXY_CAINFO")
    options = {getattr(pycurl, name): settings.ca_bundle for name in names}
    if settings.cert:
        cert, key = settings.cert if isinstance(settings.cert, tuple) else (settings.cert, settings.cert)
        options |= {pycurl.SSLCERT: cert, pycurl.SSLKEY: key}
    return options


def _status(line: bytes) -> int:
    _, _, rest = line.partition(b" ")
    code = rest[:3]
    if not line.startswith(b"HTTP/") or not code.isdigit() or rest[3:4] not in {b"", b" "}:
        raise FetchError("the connection broke: the response is not valid HTTP", transient=True)
    return int(code)


def _headers(lines: list[bytes]) -> dict[str, str]:
    found: dict[str, str] = {}
    name = ""
    for line in lines:
        text = line.decode("latin-1")
        if text[:1] in {" ", "\t"} and name:
            found[name] += f" {text.strip()}"
            continue
        name, _, value = text.partition(":")
        name, value = name.strip().lower(), value.strip()
        found[name] = f"{found[name]}, {value}" if name in found else value
    return found
