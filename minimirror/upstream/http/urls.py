"""Which URLs may be requested, and where a redirect may lead."""

from __future__ import annotations

import ipaddress
import re
import socket
from urllib.parse import unquote, urljoin, urlsplit, urlunsplit

import requests
from requests.utils import requote_uri

from minimirror.upstream.http.errors import FetchError

__all__ = ["checked_url", "followed", "split_credentials"]


def split_credentials(url: str) -> tuple[str, dict[str, tuple[str, str]]]:
    """Part a URL from the user and password in it.

    :returns: the URL without them, and ``{origin: (user, password)}``, empty where it has none
    """
    parts = urlsplit(url)
    userinfo, _, host = parts.netloc.rpartition("@")
    host = host.lower()
    clean = urlunsplit(parts._replace(netloc=host))
    if not userinfo:
        return clean, {}
    user, _, password = userinfo.partition(":")
    return clean, {f"{parts.scheme}://{host}": (unquote(user), unquote(password))}


_PLAIN_URL = re.compile(r"https?://[a-z0-9.-]+(?::[0-9]{1,5})?/[!\"$-~]*")
"""What nearly all URLs are like, and what needs no further look: 20 µs a request less."""


def checked_url(url: str) -> str:
    """A URL as it may be requested: http or https, with a host and a path, quoted, without credentials."""
    if _PLAIN_URL.fullmatch(url):
        return url
    try:
        parts = urlsplit(requote_uri(url))
        host, _ = parts.hostname, parts.port
    except (ValueError, requests.RequestException):
        raise FetchError("not a valid URL") from None
    if parts.scheme not in {"http", "https"} or not host:
        raise FetchError(f"a URL of scheme {parts.scheme[:20]!r}: only http and https are fetched")
    if parts.username is not None:
        raise FetchError("a URL with credentials in it, which no index needs")
    return urlunsplit(parts._replace(netloc=parts.netloc.lower(), path=parts.path or "/", fragment=""))


def followed(url: str, location: str) -> str:
    """Where a redirect leads. Headers are read as Latin-1, but who sends more than ASCII sends UTF-8."""
    try:
        # As it will be requested: in a host too, %31 is a 1.
        target = checked_url(urljoin(url, location.encode("latin-1", "replace").decode("utf-8", "replace")))
        inwards = _is_internal(target) and not _is_internal(url)
    except ValueError:
        raise FetchError("redirected to what is no valid URL") from None
    if inwards:
        # Or an index could have what is served inside a network fetched, and looked at.
        raise FetchError("redirected to an address inside the network")
    return target


def _is_internal(url: str) -> bool:
    """Whether a URL's host is this machine, or a literal address that is not of the public internet."""
    host = (urlsplit(url).hostname or "").rstrip(".")
    if host == "localhost" or host.endswith(".localhost"):
        return True
    try:
        return not ipaddress.ip_address(host).is_global
    except ValueError:
        pass
    try:
        # Other spellings that the resolver takes for an address: 127.1, 0x7f000001.
        return host[:1].isdigit() and not ipaddress.IPv4Address(socket.inet_aton(host)).is_global
    except OSError:
        return False
