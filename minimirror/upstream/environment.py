"""The system's settings for an origin: proxy, CA bundle, client certificate, credentials.

requests is asked for all of them, so that the environment and netrc mean what people know, both for requests
that requests sends and for those that libcurl sends.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from urllib.parse import urlsplit

import requests
from requests.auth import _basic_auth_str
from requests.utils import DEFAULT_CA_BUNDLE_PATH, get_netrc_auth, select_proxy

__all__ = ["Environment", "OriginSettings", "netrc_credentials"]


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
    ) -> None:
        """Prepare to ask requests.

        :param credentials: user and password by origin (``https://host:port``, as :func:`split_credentials`
            returns it); those of other origins come from netrc
        :param session: its CA bundle, client certificate and proxies are used besides the system's
        """
        self._credentials = dict(credentials or {})
        self._session = session or requests.Session()
        self._found: dict[str, OriginSettings] = {}

    def settings(self, url: str) -> OriginSettings:
        """Return the settings for a URL, as :func:`checked_url` returns it."""
        origin = url[: url.index("/", len("https://"))]
        found = self._found.get(origin)
        if found is None:
            found = self._found[origin] = self._find(origin)
        return found

    def _find(self, origin: str) -> OriginSettings:
        settings = self._session.merge_environment_settings(origin, {}, None, None, None)
        proxy = select_proxy(origin, settings["proxies"])
        verify = settings["verify"]
        credentials = self._credentials.get(origin) or netrc_credentials(origin)
        return OriginSettings(
            host=urlsplit(origin).hostname or "",
            proxy=proxy if not proxy or "://" in proxy else f"http://{proxy}",
            ca_bundle=verify if isinstance(verify, str) else DEFAULT_CA_BUNDLE_PATH,
            cert=settings["cert"],
            # RFC 7617 leaves the encoding open; only UTF-8 has every character.
            authorization=_basic_auth_str(*(each.encode() for each in credentials)) if credentials else None,
        )


def netrc_credentials(url: str) -> tuple[str, str] | None:
    """Return the user and password for a URL's host from netrc, None if it has none."""
    try:
        return get_netrc_auth(url)
    except UnicodeDecodeError:
        # As requests does for any other netrc file that cannot be read.
        return None
