"""One request and its response, on one easy handle of libcurl."""

from __future__ import annotations

import asyncio
import os
import re
import socket
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlsplit, urlunsplit

import pycurl

from minimirror.upstream.addresses import is_public
from minimirror.upstream.environment import OriginSettings
from minimirror.upstream.errors import (
    FetchError,
    TooLargeError,
    broken,
    closed,
    closed_early,
    not_connected,
    not_http,
    proxy_refused,
    timed_out,
    tls_failed,
    unresolved,
    untrusted,
)
from minimirror.upstream.heads import read_head
from minimirror.upstream.http import (
    DISCARDED,
    MAX_HEAD,
    USER_AGENT,
    Head,
    Request,
    check_sendable,
    status_is_good,
)
from minimirror.upstream.origins import Origin
from minimirror.upstream.retry import Pace

__all__ = ["Exchange"]

_E_HTTP2_STREAM = 92  # which pycurl has no name for

_MESSAGES: dict[int, Callable[[str, str], FetchError]] = {
    pycurl.E_GOT_NOTHING: lambda url, _: closed(url),
    pycurl.E_COULDNT_RESOLVE_HOST: lambda url, _: unresolved(url),
    pycurl.E_UNSUPPORTED_PROTOCOL: lambda url, _: not_http(url),
    pycurl.E_FTP_WEIRD_SERVER_REPLY: lambda url, _: not_http(url),
    pycurl.E_URL_MALFORMAT: lambda *_: FetchError("invalid URL, or invalid proxy URL"),
    pycurl.E_HTTP2: lambda url, _: broken(url, "the HTTP/2 framing is not valid"),
    _E_HTTP2_STREAM: lambda url, _: broken(url, "the server reset the HTTP/2 stream"),
    pycurl.E_PEER_FAILED_VERIFICATION: untrusted,
    pycurl.E_SSL_CONNECT_ERROR: tls_failed,
}
"""What makes the error for one of libcurl's, from the URL and libcurl's reason."""

_AROUND_REASON = re.compile(r".*: ?| \(\d+\)$|error:\w+:.*::")


_OPTIONS: dict[int, int | str] = {
    pycurl.PROTOCOLS: pycurl.PROTO_HTTP | pycurl.PROTO_HTTPS,
    pycurl.NOSIGNAL: 1,
    pycurl.HTTP_VERSION: pycurl.CURL_HTTP_VERSION_2TLS,
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
        options = {**_OPTIONS, **_proxy(settings.proxy), **_certificates(settings)}
        for option, value in options.items():
            curl.setopt(option, value)
        curl.setopt(pycurl.CONNECTTIMEOUT_MS, max(1, int(pace.connect * 1000)))
        curl.setopt(pycurl.WRITEFUNCTION, self._take_body)
        curl.setopt(pycurl.OPENSOCKETFUNCTION, self._open_socket)
        curl.setopt(pycurl.PREREQFUNCTION, self._check_address)

    def begin(
        self,
        url: str,
        request: Request,
        origin: Origin,
        allows: Callable[[str], bool],
        done: asyncio.Future[tuple[Head, list[bytes]]],
    ) -> None:
        """Prepare the handle for a request.

        :param url: the request's, or one that it was redirected to
        :param origin: the URL's
        :param allows: whether an IP address may be connected to
        :param done: gets the head, and the body if there is no sink
        :raises FetchError: the request cannot be sent
        """
        self._url = url
        self._request = request
        self.origin = origin
        self._allows = allows
        self._done = done
        self._lines: list[bytes] = []
        self._body_size = 0
        self.has_written = False
        """Whether the sink has taken something since it was flushed."""

        self._head: Head | None = None
        self._chunks: list[bytes] = []
        self._error: BaseException | None = None
        self._refused: str | None = None
        self._started = self._heard = self._begun = self._checked = time.monotonic()
        self._waits = False
        """Whether no more is received until the sink can take it."""

        check_sendable(request.headers)
        lines = [f"{name}: {value}".encode("latin-1") for name, value in request.headers.items()]
        if self.settings.authorization:
            lines.append(f"Authorization: {self.settings.authorization}".encode())
        # Without a function of our own, which would be called for each line.
        self.curl.setopt(pycurl.HEADERFUNCTION, self._lines.append)
        # Rather than for another connection, wait for one that multiplexes.
        self.curl.setopt(pycurl.PIPEWAIT, int(origin.multiplexes))
        self.curl.setopt(pycurl.URL, url)
        self.curl.setopt(pycurl.HTTPHEADER, lines)

    # What libcurl calls. An exception would be lost, so it is kept, and a wrong result ends the transfer.

    def _open_socket(self, _: int, address: tuple[int, int, int, tuple[Any, ...]]) -> int:
        family, kind, protocol, name = address
        try:
            if self._refuses(str(name[0])):
                return pycurl.SOCKET_BAD
            # libcurl closes it.
            return socket.socket(family, kind, protocol).detach()
        except BaseException as error:  # noqa: BLE001 - raised by end()
            self._error = error
            return pycurl.SOCKET_BAD

    def _check_address(self, address: str, *_: object) -> int:
        """Check the address before the request is sent: its connection may have been opened for another."""
        try:
            return pycurl.PREREQFUNC_ABORT if self._refuses(address) else pycurl.PREREQFUNC_OK
        except BaseException as error:  # noqa: BLE001 - raised by end()
            self._error = error
            return pycurl.PREREQFUNC_ABORT

    def _refuses(self, address: str) -> bool:
        # A proxy is the user's choice, and the server's address is only known to it.
        if self.settings.proxy or self._allows(address):
            return False
        self._refused = address
        return True

    def _take_body(self, data: bytes) -> int | None:
        try:
            head = self._head or self._take_head()
            self._body_size += len(data)
            self._heard = time.monotonic()
            self._take_data(head, data)
        except BaseException as error:  # noqa: BLE001 - raised by end()
            self._error = error
            return 0
        return None

    def _take_head(self) -> Head:
        """Take the head, which is complete when the body begins or the response ends."""
        self._head = head = read_head(self._url, self._lines, self.settings.proxy)
        self._begun = time.monotonic()
        self.origin.responds(multiplexes=head.http2)
        if self._request.sink is not None and status_is_good(head.status):
            self._request.sink.begin(head)
        return head

    def _take_data(self, head: Head, data: bytes) -> None:
        if not status_is_good(head.status):
            if self._body_size > DISCARDED:
                raise _DiscardedError
            self._chunks.append(data)
        elif self._request.sink is not None:
            self._request.sink.write(data)
            self.has_written = True
        else:
            self._chunks.append(data)
            if self._body_size > self._request.limit:
                raise TooLargeError(self._request.limit)

    def flush(self) -> None:
        """Let the sink write what it has taken, and receive no more until it can take it.

        :raises OSError: it cannot
        """
        self.has_written = False
        wait = self._request.sink.flush() if self._request.sink is not None else None
        if wait is not None and not self._done.done():
            self._waits = True
            self.curl.pause(pycurl.PAUSE_RECV)
            wait.add_done_callback(partial(self._go_on, self._done))

    def _go_on(self, done: asyncio.Future[Any], _: asyncio.Future[None]) -> None:
        if done is self._done and not done.done():
            self._waits = False
            self.curl.pause(pycurl.PAUSE_CONT)

    # How it ends

    def check_pace(self) -> None:
        """Check how slow the server is.

        :raises FetchError: it takes too long
        """
        now = time.monotonic()
        if self._waits:
            # It is not the server that is slow.
            self._heard = now
            self._begun += now - self._checked
        self._checked = now
        if sum(map(len, self._lines)) > MAX_HEAD:
            raise broken(self._url, "the head of the response is too long")
        if self._head is None:
            waited = self.curl.getinfo(pycurl.PRETRANSFER_TIME)
            # Before that, it is not sent: libcurl waits for a connection, and bounds that itself.
            self._heard = self._begun = self._started + waited if waited else now
        if now - self._heard > self._pace.read:
            raise timed_out(self._url)
        self._pace.check(self._body_size, self._begun, self._request.deadline)

    def end(self, failed: tuple[int, str] | Exception | None) -> None:
        """Tell who waits for the response that it is complete, or why it is not.

        :param failed: libcurl's error number and message, or another error
        """
        if not self._done.done():
            try:
                self._done.set_result((self._completed(failed), self._chunks))
            except BaseException as error:  # noqa: BLE001 - raised where the response is waited for
                self._done.set_exception(error)
        self.origin.ends()

    def _completed(self, failed: tuple[int, str] | Exception | None) -> Head:
        if isinstance(failed, Exception):
            raise failed
        if self._error is not None and not isinstance(self._error, _DiscardedError):
            raise self._error
        if failed is not None and self._error is None:
            raise self._failure(*failed)
        return self._head or self._take_head()

    def _failure(  # noqa: PLR0911 - one for each kind
        self, number: int, message: str
    ) -> FetchError:
        """Return a libcurl error in plain English."""
        url, proxy = self._url, self.settings.proxy
        proxy_status = self.curl.getinfo(pycurl.HTTP_CONNECTCODE)
        if self._refused is not None:
            return FetchError(f"refused to connect to the internal address {self._refused}")
        if number == pycurl.E_PARTIAL_FILE and self._head is not None and self._head.length is not None:
            return closed_early(url, self._head.length - self._body_size)
        if proxy and proxy_status >= 300:  # noqa: PLR2004
            return proxy_refused(url, proxy, proxy_status)
        if number == pycurl.E_OPERATION_TIMEDOUT:
            return timed_out(url, proxy=None if self.curl.getinfo(pycurl.CONNECT_TIME) else proxy)
        if number == pycurl.E_COULDNT_RESOLVE_PROXY:
            return unresolved(url, proxy=proxy)
        if number in _MESSAGES:
            return _MESSAGES[number](url, _AROUND_REASON.sub("", message))
        if "chunk" in message:
            return not_http(url)
        system = self.curl.getinfo(pycurl.OS_ERRNO)
        to_proxy = proxy if number == pycurl.E_COULDNT_CONNECT else None
        return not_connected(url, os.strerror(system) if system else message, proxy=to_proxy)

    @property
    def is_from_public(self) -> bool:
        """Whether the server's address is on the public internet. A proxy's address does not count."""
        address = self.curl.getinfo(pycurl.PRIMARY_IP)
        return bool(address) and not self.settings.proxy and is_public(address)


class _DiscardedError(Exception):
    """The rest of an unwanted body is not read."""


def _proxy(url: str | None) -> dict[int, str]:
    """Return the options for a proxy, or for none: libcurl must not look into the environment."""
    parts = urlsplit(url or "")
    userinfo, _, host = parts.netloc.rpartition("@")
    user, _, password = userinfo.partition(":")
    options = {pycurl.PROXY: urlunsplit(parts._replace(netloc=host)), pycurl.NOPROXY: ""}
    if userinfo:
        options |= {pycurl.PROXYUSERNAME: unquote(user), pycurl.PROXYPASSWORD: unquote(password)}
    return options


def _certificates(settings: OriginSettings) -> dict[int, str | None]:
    bundle, folder = settings.ca_bundle, Path(settings.ca_bundle).is_dir()
    # Each is set, or libcurl would trust the system's certificates too.
    options = {
        **dict.fromkeys((pycurl.CAINFO, pycurl.PROXY_CAINFO), None if folder else bundle),
        **dict.fromkeys((pycurl.CAPATH, pycurl.PROXY_CAPATH), bundle if folder else None),
    }
    if settings.cert:
        cert, key = settings.cert if isinstance(settings.cert, tuple) else (settings.cert, settings.cert)
        options |= {pycurl.SSLCERT: cert, pycurl.SSLKEY: key}
    return options
