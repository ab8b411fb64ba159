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
from minimirror.upstream.http.errors import NETWORK_ERRORS, FetchError, describe, refusal
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
    """What the machine's settings say of one scheme, host and port."""

    proxies: dict[str, str]
    verify: bool | str
    cert: str | tuple[str, str] | None
    headers: Mapping[str, str]
    """The ones that each request to it carries."""


class Client:
    """GETs URLs. Safe to use from several threads: each has its own connections."""

    def __init__(
        self,
        *,
        credentials: Mapping[str, tuple[str, str]] | None = None,
        pace: Pace | None = None,
        session: requests.Session | None = None,
        stays: bool = False,
    ) -> None:
        """Make a client.

        :param credentials: user and password by origin (``https://host:port``, as :func:`split_credentials`
            gives it); netrc is asked for the other origins
        :param pace: how slow a server may be
        :param session: whose CA bundle, client certificate and proxies are used besides the machine's own
        :param stays: follow no redirect to another host
        """
        self._credentials = dict(credentials or {})
        self._pace = pace or Pace()
        self._adapter = DirectAdapter()
        self._session = session or requests.Session()
        self._stays = stays
        self._origins: dict[str, _Origin] = {}

    def get(self, url: str, headers: Mapping[str, str], deadline: float = math.inf) -> Reply:
        """GET a URL, following redirects, and answer any 2xx, 304 or 416.

        :param deadline: the time (of the monotonic clock) until which the answer may take
        :raises FetchError: the URL is none of http or https, the server cannot be reached, it answers another
            status, or redirects too often
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
            if self._stays and urlsplit(target).hostname != urlsplit(url).hostname:
                raise FetchError(f"HTTP {reply.status}, a redirect to another host", status=reply.status)
            url = target
        raise FetchError(f"more than {MAX_REDIRECTS} redirects")

    def close(self) -> None:
        """Close the connections; the next request makes new ones."""
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
            raise FetchError(describe(error), passing=True) from None
        except (ValueError, TypeError):
            # A host or a port that there cannot be, a header that cannot be sent, half a proxy's URL.
            raise FetchError("the URL, or that of its proxy, is not valid") from None
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
    """User and password that netrc has for a URL's host."""
    try:
        return get_netrc_auth(url)
    except UnicodeDecodeError:
        # Of other files that cannot be read requests says as much: nothing.
        return None


def _origin_headers(credentials: tuple[str, str] | None) -> dict[str, str]:
    headers = {"User-Agent": USER_AGENT}
    if credentials:
        # RFC 7617 leaves the encoding open; UTF-8 is the only one with room for everything.
        headers["Authorization"] = _basic_auth_str(*(each.encode() for each in credentials))
    return headers


def _checked(reply: Reply) -> Reply:
    if 200 <= reply.status < 300 or reply.status in {304, 416}:  # noqa: PLR2004
        return reply
    reply.close()
    raise refusal(reply.status, reply.headers)
