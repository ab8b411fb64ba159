"""Why a URL cannot be fetched: one message for each cause, whichever library found it."""

from __future__ import annotations

import re
import ssl
import time
from collections.abc import Iterator, Mapping
from datetime import timezone
from email.utils import parsedate_to_datetime
from http import HTTPStatus
from http.client import HTTPException, RemoteDisconnected
from socket import gaierror
from urllib.parse import urlsplit

import requests
import urllib3

from minimirror.common import MinimirrorError, counted

__all__ = [
    "NETWORK_ERRORS",
    "FetchError",
    "TimeLimitError",
    "TooLargeError",
    "broken",
    "closed",
    "closed_early",
    "host_of",
    "network_error",
    "not_connected",
    "not_http",
    "proxy_refused",
    "status_error",
    "timed_out",
    "tls_failed",
    "unresolved",
    "untrusted",
]

_LONGEST = 100
"""Characters to show of a library's message, which may repeat what a server sent."""

_VARIABLES = "HTTPS_PROXY, HTTP_PROXY, ALL_PROXY"
_TUNNEL = re.compile(r"Tunnel connection failed: (\d{3})")
_PLAIN = re.compile(
    r"wrong version number|http request|packet length too long|record layer failure", re.IGNORECASE
)
"""Matches what OpenSSL says of a server that responds, but not with TLS."""

_TRANSIENT = {408, 425, 429, 500, 502, 503, 504}
"""Statuses for which another try may succeed."""


class FetchError(MinimirrorError):
    """A URL could not be fetched."""

    def __init__(
        self,
        cause: str,
        *,
        status: int | None = None,
        transient: bool = False,
        passes: bool | None = None,
        retry_after: float | None = None,
    ) -> None:
        super().__init__(cause)
        self.cause = cause
        """What happened, without the URL."""
        self.status = status
        """The HTTP status; None if there was no response."""
        self.transient = transient
        """Whether another try may succeed."""
        self.passes = transient if passes is None else passes
        """Whether a later run may succeed."""
        self.retry_after = retry_after
        """Seconds that the server asks the client to wait."""

    @property
    def not_found(self) -> bool:
        """Whether the URL does not exist on the server."""
        return self.status in {HTTPStatus.NOT_FOUND, HTTPStatus.GONE}


class TimeLimitError(FetchError):
    """It took longer than it may."""

    def __init__(self) -> None:
        super().__init__("gave up after the time limit (`file_timeout`)", passes=True)


class TooLargeError(FetchError):
    """A page or another response is larger than allowed."""

    def __init__(self, limit: int) -> None:
        super().__init__(f"the page is larger than {limit} bytes")


NETWORK_ERRORS = (OSError, HTTPException, urllib3.exceptions.HTTPError)
# requests' own exceptions are OSErrors.


def status_error(status: int, headers: Mapping[str, str], reason: str | None = None) -> FetchError:
    """Return the error for an HTTP status.

    :param headers: the response's, by lower-case name
    :param reason: the server's own message
    """
    return FetchError(
        f"HTTP {status}: {reason}" if reason else f"HTTP {status}",
        status=status,
        transient=status in _TRANSIENT,
        retry_after=_retry_after(headers.get("retry-after")),
    )


def _retry_after(value: str | None) -> float | None:
    """Return seconds, from either form of the header (RFC 9110, 10.2.3)."""
    if not value:
        return None
    if value.strip().isdecimal():
        return float(value.strip()[:9])
    try:
        date = parsedate_to_datetime(value)
        if date.tzinfo is None:
            date = date.replace(tzinfo=timezone.utc)
        return max(0.0, date.timestamp() - time.time())
    except (ValueError, OverflowError):
        return None


def host_of(url: str) -> str:
    """Return a URL's host and port for a message, without credentials."""
    return urlsplit(url).netloc.rpartition("@")[2] or "the server"


def _server(url: str, proxy: str | None) -> str:
    return f"the proxy {host_of(proxy)}" if proxy else host_of(url)


def unresolved(url: str, *, proxy: str | None = None) -> FetchError:
    """Return the error for a host name without an address.

    :param proxy: the URL of the proxy, if it is the proxy's name
    """
    advice = _VARIABLES if proxy else "the host name"
    return FetchError(
        f"cannot resolve {_server(url, proxy)}; check {advice}, and the network", transient=True
    )


def not_connected(url: str, why: str, *, proxy: str | None = None) -> FetchError:
    """Return the error for a connection that failed.

    :param proxy: the URL of the proxy, if the connection is to it
    """
    advice = f"; check {_VARIABLES}" if proxy else ""
    return FetchError(
        f"the connection to {_server(url, proxy)} failed: {why[:_LONGEST]}{advice}", transient=True
    )


def timed_out(url: str, *, proxy: str | None = None) -> FetchError:
    """Return the error for a server, or a proxy, that does not respond in time."""
    return FetchError(f"the connection to {_server(url, proxy)} timed out", transient=True)


def closed(url: str) -> FetchError:
    """Return the error for a server that hangs up."""
    return FetchError(f"{host_of(url)} closed the connection without a response", transient=True)


def broken(url: str, why: str) -> FetchError:
    """Return the error for a connection that broke."""
    return FetchError(f"the connection to {host_of(url)} broke: {why}", transient=True)


def closed_early(url: str, missing: int) -> FetchError:
    """Return the error for a body that ends too early.

    :param missing: its bytes that have not come
    """
    return FetchError(
        f"the connection to {host_of(url)} closed {counted(missing, 'byte')} early", transient=True
    )


def not_http(url: str) -> FetchError:
    """Return the error for a response that is not HTTP."""
    return broken(url, "the response is not valid HTTP")


def untrusted(url: str, why: str) -> FetchError:
    """Return the error for a certificate that is not trusted.

    :param why: what OpenSSL or libcurl says
    """
    if "expired" in why:
        fault = "has expired; check this machine's clock, or ask who runs the server"
    elif "not yet valid" in why:
        fault = "is not valid yet; check this machine's clock"
    elif "mismatch" in why or "subject name" in why:
        fault = "is for another host; use the host name that the certificate has"
    else:
        fault = (
            f"is not trusted: {why[:_LONGEST]}. To trust an authority of your own, or of your"
            " proxy, set REQUESTS_CA_BUNDLE"
        )
    return FetchError(f"the certificate of {host_of(url)} {fault}")


def tls_failed(url: str, why: str) -> FetchError:
    """Return the error for TLS that fails, although there was no fault of the certificate."""
    if _PLAIN.search(why):
        return FetchError(
            f"{host_of(url)} does not respond with TLS ({why}); its URL may need http, not https"
        )
    return FetchError(f"the TLS connection to {host_of(url)} failed: {why[:_LONGEST]}", transient=True)


def proxy_refused(url: str, proxy: str, status: int) -> FetchError:
    """Return the error for a proxy that does not connect to a server."""
    which = _server(url, proxy)
    if status == HTTPStatus.PROXY_AUTHENTICATION_REQUIRED:
        return FetchError(
            f"{which} requires a username and password, or rejects yours (HTTP 407); set them in"
            f" {_VARIABLES}",
            status=status,
        )
    return FetchError(
        f"{which} refused the connection to {host_of(url)}: HTTP {status}",
        transient=status >= 500,  # noqa: PLR2004
    )


def network_error(error: BaseException, url: str, proxy: str | None = None) -> FetchError:  # noqa: PLR0911
    """Return an error of requests, urllib3 or http.client in plain English.

    :param proxy: the URL of the proxy that is used
    """
    chain = list(_chain(error))
    root, text = chain[-1], str(chain[-1])
    to_proxy = proxy if any(isinstance(each, _TO_PROXY) for each in chain) else None
    if tunnel := _TUNNEL.search(text):
        return proxy_refused(url, proxy or "", int(tunnel[1]))
    if isinstance(root, TimeoutError | urllib3.exceptions.TimeoutError | requests.Timeout):
        is_connect = any(isinstance(each, requests.ConnectTimeout) for each in chain)
        return timed_out(url, proxy=proxy if is_connect else None)
    if isinstance(root, gaierror):
        return unresolved(url, proxy=to_proxy)
    if isinstance(root, RemoteDisconnected):
        return closed(url)
    if isinstance(root, ssl.SSLCertVerificationError):
        return untrusted(url, root.verify_message)
    if isinstance(root, ssl.SSLError):
        reason = getattr(root, "reason", None) or "unknown cause"
        return tls_failed(url, reason.replace("_", " ").lower())
    if isinstance(root, OSError) and root.strerror:
        return not_connected(url, root.strerror, proxy=to_proxy)
    if isinstance(root, HTTPException | ValueError):
        return not_http(url)
    # A URL may hold a password.
    return not_connected(url, type(root).__name__ if "://" in text or "@" in text else text, proxy=to_proxy)


_TO_PROXY = (requests.exceptions.ProxyError, urllib3.exceptions.ProxyError)


def _chain(error: BaseException) -> Iterator[BaseException]:
    """Yield an error, and each that caused it; the libraries wrap them in one another."""
    deeper: BaseException | None = error
    while deeper is not None:
        yield deeper
        deeper = _deeper(deeper)


def _deeper(error: BaseException) -> BaseException | None:
    reason = getattr(error, "reason", None)
    if isinstance(reason, BaseException):
        return reason
    if isinstance(error, urllib3.exceptions.NewConnectionError):
        return error.__cause__
    return next((argument for argument in error.args if isinstance(argument, BaseException)), None)
