"""Which URLs may be requested, and which redirects are followed."""

from __future__ import annotations

import re
from collections.abc import Mapping
from urllib.parse import unquote, urljoin, urlsplit, urlunsplit

import requests
from requests.utils import requote_uri

from minimirror.common import ascii_netloc
from minimirror.upstream.addresses import is_internal_host
from minimirror.upstream.errors import FetchError

__all__ = ["checked_url", "followed", "split_credentials", "without_own_credentials"]


def split_credentials(url: str) -> tuple[str, dict[str, tuple[str, str]]]:
    """Separate a URL from the user and password in it.

    :returns: the URL without them and with its host in ASCII, and ``{origin: (user, password)}``, empty if it
        has none
    :raises FetchError: the host is invalid
    """
    parts = urlsplit(url)
    userinfo, _, host = parts.netloc.rpartition("@")
    host = _ascii(host).lower()
    clean = urlunsplit(parts._replace(netloc=host))
    if not userinfo:
        return clean, {}
    user, _, password = userinfo.partition(":")
    return clean, {f"{parts.scheme}://{host}": (unquote(user), unquote(password))}


def without_own_credentials(url: str, credentials: Mapping[str, tuple[str, str]]) -> str:
    """Return a link without the user and password in it if they are the ones for its origin anyway.

    :param credentials: as :func:`split_credentials` returns them
    """
    try:
        clean, found = split_credentials(url)
    except (ValueError, FetchError):
        return url
    for origin, pair in found.items():
        for known, known_pair in credentials.items():
            if pair == known_pair and _with_port(origin) == _with_port(known):
                return known + clean[len(origin) :]
    return url


def _with_port(origin: str) -> tuple[str, str | None, int | None]:
    parts = urlsplit(origin)
    return parts.scheme, parts.hostname, parts.port or {"http": 80, "https": 443}.get(parts.scheme)


_PLAIN_URL = re.compile(r"https?://[a-z0-9.-]+(?::[0-9]{1,5})?/[!\"$-~]*")
"""What nearly all URLs look like; skipping the other checks for them saves 20 µs per request."""


def checked_url(url: str) -> str:
    """Return a URL ready to be requested: http or https, quoted, its host in ASCII, with a path, no fragment.

    :raises FetchError: it is invalid, has another scheme, or contains credentials
    """
    if _PLAIN_URL.fullmatch(url):
        return url
    try:
        parts = urlsplit(requote_uri(url))
        host, _ = parts.hostname, parts.port
    except (ValueError, requests.RequestException):
        raise FetchError("invalid URL") from None
    if parts.scheme not in {"http", "https"}:
        raise FetchError(f"unsupported URL scheme {parts.scheme[:20]!r}; only http and https are allowed")
    if not host:
        raise FetchError("the URL has no host")
    if parts.username is not None:
        raise FetchError("the URL contains credentials, which are not allowed in a link")
    netloc = _ascii(parts.netloc).lower()
    return urlunsplit(parts._replace(netloc=netloc, path=parts.path or "/", fragment=""))


def _ascii(netloc: str) -> str:
    try:
        return ascii_netloc(netloc)
    except ValueError:
        raise FetchError("the host name in the URL is invalid") from None


def followed(url: str, location: str) -> str:
    """Return the URL that a redirect leads to.

    :raises FetchError: it must not be followed
    """
    try:
        # Checked as it will be requested: %31 is a 1 in a host, too. Headers are read as Latin-1, but servers
        # that send more than ASCII send UTF-8.
        target = checked_url(urljoin(url, location.encode("latin-1", "replace").decode("utf-8", "replace")))
        source, host = urlsplit(url).hostname or "", urlsplit(target).hostname or ""
    except ValueError:
        raise FetchError("redirected to an invalid URL") from None
    if is_internal_host(host) and not is_internal_host(source):
        raise FetchError("redirected to an internal address")
    return target
