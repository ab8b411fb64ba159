"""The system's settings for an origin: proxy, CA bundle, client certificate, credentials.

requests is asked for all of them, so that the environment and netrc mean what people know, both for requests
that requests sends and for those that libcurl sends.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit, urlunsplit

import requests
from requests.auth import _basic_auth_str
from requests.utils import DEFAULT_CA_BUNDLE_PATH, get_netrc_auth, select_proxy

from minimirror.common import ascii_netloc
from minimirror.upstream.errors import FetchError

__all__ = ["Environment", "OriginSettings", "netrc_credentials"]

_NO_HOST = "https://no-such-host.invalid/"
"""A URL for which netrc has only its ``default`` entry (RFC 6761, 6.4)."""

_PROXY_SCHEMES = {"http", "https", "socks4", "socks4a", "socks5", "socks5h"}


@dataclass(frozen=True, slots=True)
class OriginSettings:
    """The settings for one scheme, host and port."""

    host: str
    """The host's name or address."""

    proxy: str | None
    """The proxy's URL, which may hold credentials; None for a direct connection."""

    ca_bundle: str
    """A file of certificates, or a folder of them, that the server's certificate is checked with."""

    cert: str | tuple[str, str] | None
    """The client certificate: a file with certificate and key, or one for each."""

    authorization: str | None
    """The value of the Authorization header, None if there are no credentials."""


class Environment:
    """Finds the settings for each origin, once."""

    def __init__(
        self,
        credentials: Mapping[str, tuple[str, str]] | None = None,
        session: requests.Session | None = None,
        hosts: Collection[str] | None = None,
        cert: str | None = None,
    ) -> None:
        """Prepare to ask requests.

        :param credentials: user and password by origin (``https://host:port``, as :func:`split_credentials`
            returns it); those of other origins come from netrc
        :param session: its CA bundle, client certificate and proxies are used besides the system's
        :param hosts: that the user has named, and that netrc's ``default`` is for; None for all
        :param cert: the client certificate for these hosts: a PEM file with its key
        """
        self._hosts = hosts
        self._cert = cert
        self._credentials = dict(credentials or {})
        self._session = session or requests.Session()
        self._found: dict[str, OriginSettings] = {}

    def settings(self, url: str) -> OriginSettings:
        """Return the settings for a URL, as :func:`checked_url` returns it.

        :raises FetchError: they name a proxy, a CA bundle or a client certificate that cannot be used
        """
        origin = url[: url.index("/", len("https://"))]
        found = self._found.get(origin)
        if found is None:
            found = self._found[origin] = self._find(origin)
        return found

    def _find(self, origin: str) -> OriginSettings:
        settings = self._session.merge_environment_settings(origin, {}, None, None, None)
        proxy = select_proxy(origin, settings["proxies"])
        verify = settings["verify"]
        ca_bundle = verify if isinstance(verify, str) else DEFAULT_CA_BUNDLE_PATH
        host = urlsplit(origin).hostname or ""
        is_named = self._hosts is None or host in self._hosts
        credentials = self._credentials.get(origin) or netrc_credentials(origin, default=is_named)
        return OriginSettings(
            host=host,
            proxy=_checked_proxy(proxy) if proxy else None,
            ca_bundle=_checked_ca_bundle(origin, ca_bundle),
            cert=_checked_cert(self._cert) if self._cert and is_named else settings["cert"],
            # RFC 7617 leaves the encoding open; only UTF-8 has every character.
            authorization=_basic_auth_str(*(each.encode() for each in credentials)) if credentials else None,
        )


def _checked_proxy(url: str) -> str:
    """Return a proxy's URL, with a scheme.

    :raises FetchError: it is invalid
    """
    url = url if "://" in url else f"http://{url}"
    try:
        parts = urlsplit(url)
        host, _ = parts.hostname, parts.port
        url = urlunsplit(parts._replace(netloc=ascii_netloc(parts.netloc)))
    except ValueError:
        host = None
    if not host or parts.scheme not in _PROXY_SCHEMES:
        # It may hold a password.
        raise FetchError("the URL of the proxy is invalid; see HTTP_PROXY, HTTPS_PROXY and ALL_PROXY")
    return url


def _checked_ca_bundle(origin: str, path: str) -> str:
    if origin.startswith("https:") and not Path(path).exists():
        raise FetchError(f"the CA bundle {path} does not exist; see REQUESTS_CA_BUNDLE and CURL_CA_BUNDLE")
    return path


def _checked_cert(path: str) -> str:
    if not Path(path).is_file():
        raise FetchError(f"there is no client certificate {path}; see `client_cert` in the config")
    return path


def netrc_credentials(url: str, *, default: bool = True) -> tuple[str, str] | None:
    """Return the user and password for a URL's host from netrc, None if it has none.

    :param default: whether netrc's ``default`` entry counts, which is for any host
    """
    try:
        found = get_netrc_auth(url)
        return found if default or found != get_netrc_auth(_NO_HOST) else None
    except UnicodeDecodeError:
        # As requests does for any other netrc file that cannot be read.
        return None
