"""The client itself: requests, redirects, credentials."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from urllib.parse import urlsplit

import requests
from requests.auth import _basic_auth_str
from requests.utils import get_netrc_auth

from minimirror._version import __version__
from minimirror.upstream.http.errors import NETWORK_ERRORS, FetchError, describe, status_error
from minimirror.upstream.http.reply import Reply
from minimirror.upstream.http.retry import Pace
from minimirror.upstream.http.transport import DirectAdapter
from minimirror.upstream.http.urls import checked_url, followed

__all__ = ["MAX_REDIRECTS", "Client", "netrc_credentials"]

USER_AGENT = f"minimirror/{__version__} (selective package index mirror)"
MAX_REDIRECTS = 10
_REDIRECTS = {301, 302, 303, 307, 308}


@dataclass(frozen=True, slots=True)
class _Origin:
    """The system's settings for one scheme, host and port."""

    proxies: dict[str, str]
    verify: bool | str
    cert: str | tuple[str, str] | None
    headers: Mapping[str, str]
    """Sent with each request to it."""


class Client:
    """Sends GET requests. Threads may share it: each has its own connections."""

    def __init__(
        self,
        *,
        credentials: Mapping[str, tuple[str, str]] | None = None,
        pace: Pace | None = None,
        session: requests.Session | None = None,
        same_host: bool = False,
    ) -> None:
        """Create a client.

        :param credentials: user and password by origin (``https://host:port``, as :func:`split_credentials`
            returns it); those of other origins come from netrc
        :param pace: how slow a server may be
        :param session: its CA bundle, client certificate and proxies are used besides the system's
        :param same_host: follow no redirect to another host
        """
        self._credentials = dict(credentials or {})
        self._pace = pace or Pace()
        self._adapter = DirectAdapter()
        self._session = session or requests.Session()
        self._same_host = same_host
        self._origins: dict[str, _Origin] = {}

    def get(self, url: str, headers: Mapping[str, str], deadline: float = math.inf) -> Reply:
        """GET a URL, follow redirects, and return a response with status 2xx, 304 or 416.

        :param deadline: when to give up, in seconds of the monotonic clock
        :raises FetchError: the URL is not http or https, the server cannot be reached, it responds with
            another status, or redirects too often
        """
        for _ in range(MAX_REDIRECTS + 1):
            reply = self._send(url, headers, deadline)
            if reply.status not in _REDIRECTS:
                return _checked(reply)
            location = reply.headers.get("location")
            reply.close()
            if not location:
                raise FetchError(f"HTTP {reply.status} without a Location", status=reply.status)
            target = followed(url, location)
            if self._same_host and urlsplit(target).hostname != urlsplit(url).hostname:
                raise FetchError(f"HTTP {reply.status} redirects to another host", status=reply.status)
            url = target
        raise FetchError(f"more than {MAX_REDIRECTS} redirects")

    def close(self) -> None:
        """Close all connections; the next request opens new ones."""
        self._adapter.close()

    def _send(self, url: str, headers: Mapping[str, str], deadline: float) -> Reply:
        url = checked_url(url)
        origin = self._origin(url[: url.index("/", len("https://"))])
        request = requests.PreparedRequest()
        request.method, request.url = "GET", url
        request.headers = {**headers, **origin.headers}  # type: ignore[assignment]
        try:
            response = self._adapter.send(
                request,
                stream=True,
                timeout=(self._pace.connect, self._pace.read),
                verify=origin.verify,
                cert=origin.cert,
                proxies=origin.proxies,
            )
        except NETWORK_ERRORS as error:
            raise FetchError(describe(error), transient=True) from None
        except (ValueError, TypeError):
            # An impossible host or port, a header that cannot be sent, half a proxy URL.
            raise FetchError("invalid URL, or invalid proxy URL") from None
        return Reply(url, response, self._pace, deadline)

    def _origin(self, url: str) -> _Origin:
        found = self._origins.get(url)
        if found is None:
            settings = self._session.merge_environment_settings(url, {}, None, None, None)
            credentials = self._credentials.get(url) or netrc_credentials(url)
            found = self._origins[url] = _Origin(
                proxies=dict(settings["proxies"]),
                verify=True if settings["verify"] is None else settings["verify"],
                cert=settings["cert"],
                headers=_origin_headers(credentials),
            )
        return found


def netrc_credentials(url: str) -> tuple[str, str] | None:
    """Return the user and password for a URL's host from netrc, None if it has none."""
    try:
        return get_netrc_auth(url)
    except UnicodeDecodeError:
        # As requests does for any other netrc file that cannot be read.
        return None


def _origin_headers(credentials: tuple[str, str] | None) -> dict[str, str]:
    headers = {"User-Agent": USER_AGENT}
    if credentials:
        # RFC 7617 leaves the encoding open; only UTF-8 has every character.
        headers["Authorization"] = _basic_auth_str(*(each.encode() for each in credentials))
    return headers


def _checked(reply: Reply) -> Reply:
    if 200 <= reply.status < 300 or reply.status in {304, 416}:  # noqa: PLR2004
        return reply
    reply.close()
    raise status_error(reply.status, reply.headers)
