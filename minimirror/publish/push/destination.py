"""The index to push to."""

from __future__ import annotations

import base64
import json
import re
from dataclasses import dataclass
from urllib.parse import quote, quote_plus, urlsplit

import requests
import twine
from requests.adapters import HTTPAdapter
from requests.auth import HTTPBasicAuth
from twine.repository import Repository
from twine.settings import Settings

from minimirror._version import __version__
from minimirror.config import Config
from minimirror.publish.push.credentials import check_url, find_credentials, read_settings
from minimirror.publish.push.model import PushError, PushRequestError
from minimirror.simple_api import PageError
from minimirror.upstream import Client, FetchError, Index, Pace, Retry

__all__ = ["ACCESS_DENIED", "Destination", "find_destination"]

ACCESS_DENIED = {401, 403}
"""Statuses that mean wrong or missing credentials."""

_UPLOAD_TIMEOUT = 300.0
"""Seconds to wait, at least, for the response to an upload: devpi first writes the file to disk twice."""


@dataclass(frozen=True)
class Destination:
    """An index to push to, with the credentials for it."""

    url: str
    """The URL that takes uploads."""

    index: Index
    session: requests.Session
    """Sends uploads, with the credentials."""

    secrets: tuple[str, ...]
    """Texts that must never be shown, even if the server repeats them."""

    user: str | None
    """None for anonymous uploads."""

    timeout: tuple[float, float]
    """Seconds to wait for a connection, and for a response."""


def find_destination(config: Config, repository: str, *, simple_url: str | None = None) -> Destination:
    """Find an index, its simple API and the credentials. At a terminal it may ask for username and password.

    :param repository: the URL that takes uploads, or the name of a repository in ``~/.pypirc``
    :param simple_url: the URL of the simple API; None to look where devpi, pypiserver and others have it
    :raises PushRequestError: an argument is invalid, or there is no simple API
    :raises PushError: the index is unreachable, or denies access
    """
    url, settings = read_settings(repository)
    urls = [(url, check_url(simple_url, "--simple-url"))] if simple_url else _likely_urls(url)
    known = find_credentials(url, settings)
    session = _make_session(settings, known, config.connections)
    client = Client(
        credentials={_origin(url): known} if known else None,
        pace=Pace(config.connect_timeout, config.read_timeout, config.min_rate),
        session=session,
        # pypiserver redirects to PyPI for a project that it does not have; those are not the index's own
        # files.
        same_host=True,
    )
    retry = Retry(attempts=1 + config.retries, total=config.file_timeout)
    indexes = [(upload, Index(simple, client=client, retry=retry)) for upload, simple in urls]
    upload, index = _first_with_simple_api(indexes)
    return Destination(
        url=upload,
        index=index,
        session=session,
        secrets=_secrets(*known) if known else (),
        user=known[0] if known else None,
        timeout=(config.connect_timeout, max(config.read_timeout, _UPLOAD_TIMEOUT)),
    )


def _origin(url: str) -> str:
    """Return scheme, host and port of a URL; credentials are sent nowhere else."""
    parts = urlsplit(url)
    return f"{parts.scheme}://{parts.netloc.lower()}"


def _likely_urls(url: str) -> list[tuple[str, str]]:
    """Return pairs of an upload URL and a simple API URL to try, the likeliest first.

    devpi has its simple API at ``+simple/`` below an index, most others at ``simple/``. PyPI calls its upload
    API ``legacy/``, and servers that follow it have ``simple/`` beside that. The URL of a simple API means
    the index that it belongs to.
    """
    base = re.sub(r"/\+?simple/$", "/", url.rstrip("/") + "/")
    if base.endswith("/legacy/"):
        return [(url, f"{base.removesuffix('legacy/')}simple/")]
    given = url if base == url.rstrip("/") + "/" else base
    # devpi takes uploads only at an index URL with a slash at its end.
    return [(base, f"{base}+simple/"), (given, f"{base}simple/")]


def _make_session(settings: Settings, known: tuple[str, str] | None, threads: int) -> requests.Session:
    """Return twine's session, with connections for so many threads and without twine's retries."""
    repository = Repository(str(settings.repository_config["repository"]), None, None)
    repository.set_certificate_authority(settings.cacert)
    repository.set_client_certificate(settings.client_cert)
    session = repository.session
    # As UTF-8: requests would encode text as Latin-1, which has no euro sign.
    session.auth = HTTPBasicAuth(*(each.encode() for each in known)) if known else None
    # pypiserver looks for twine's name.
    session.headers["User-Agent"] = f"minimirror/{__version__} twine/{twine.__version__}"
    for scheme in ("http://", "https://"):
        session.mount(scheme, HTTPAdapter(pool_connections=1, pool_maxsize=threads))
    return session


def _secrets(user: str, password: str) -> tuple[str, ...]:
    """Return a password as it is sent, and as a server may quote it."""
    if not password:
        return ()
    sent = base64.b64encode(f"{user}:{password}".encode()).decode()
    return (sent, password, json.dumps(password)[1:-1], quote(password), quote_plus(password))


def _first_with_simple_api(indexes: list[tuple[str, Index]]) -> tuple[str, Index]:
    causes, denied = [], False
    for upload, index in indexes:
        try:
            index.check_root()
        except (FetchError, PageError) as error:
            if isinstance(error, FetchError):
                if error.transient:
                    raise PushError(f"cannot read {index.url}: {error}") from None
                denied = denied or error.status in ACCESS_DENIED
            causes.append(f"{index.url} ({error})")
        else:
            return upload, index
    tried = ", ".join(causes)
    if denied:
        raise PushError(f"cannot read the index with these credentials, or without any: {tried}")
    raise PushRequestError(
        f"no simple API found at {tried}; set --simple-url to the URL that pip installs from"
    )
