"""The index to push into."""

from __future__ import annotations

import base64
import json
from dataclasses import dataclass
from urllib.parse import quote, quote_plus

import requests
import twine
from requests.adapters import HTTPAdapter
from requests.auth import HTTPBasicAuth
from twine.repository import Repository
from twine.settings import Settings

from minimirror._version import __version__
from minimirror.config import Config
from minimirror.publish.push.credentials import credentials, read_settings
from minimirror.publish.push.errors import PushError, PushRequestError
from minimirror.publish.push.urls import checked, origin, places
from minimirror.simple_api import PageError
from minimirror.upstream import Client, FetchError, Index, Pace, Retry

__all__ = ["REFUSED", "Target", "find_target"]

REFUSED = {401, 403}
"""The statuses that say: not you."""

_ANSWER = 300.0
"""Seconds, at least, to wait for what the server says once it has a file: devpi writes it to disk twice."""


@dataclass(frozen=True)
class Target:
    """An index, and who uploads there."""

    url: str
    """Where files are uploaded."""

    index: Index
    """Its simple API."""

    session: requests.Session
    """What uploads; it knows the credentials."""

    secrets: tuple[str, ...]
    """What must not be shown, whoever says it."""

    user: str | None
    """None where nobody is known."""

    timeout: tuple[float, float]
    """Seconds to wait for a connection, and for an answer."""


def find_target(config: Config, target: str, *, simple_url: str | None = None) -> Target:
    """Find the index, its simple API, and who may upload. At a terminal it may ask for a user and a password.

    :param target: the URL where files are uploaded, or the name of a repository in ``~/.pypirc``
    :param simple_url: the URL of its simple API; left out: where devpi, pypiserver and others have it
    :raises PushRequestError: what is given is wrong, or the simple API is not found
    :raises PushError: the index cannot be reached, or lets nobody read without other credentials
    """
    url, settings = read_settings(target)
    found = [(url, checked(simple_url, "--simple-url"))] if simple_url else places(url)
    known = credentials(url, settings)
    session = _session(settings, known, config.connections)
    client = Client(
        credentials={origin(url): known} if known else None,
        pace=Pace(config.connect_timeout, config.read_timeout, config.min_rate),
        session=session,
        # pypiserver sends who asks for what it has not to PyPI: what is there is not here.
        same_host=True,
    )
    retry = Retry(attempts=1 + config.retries, total=config.file_timeout)
    indexes = [(upload, Index(simple, client=client, retry=retry)) for upload, simple in found]
    upload, index = _first_that_answers(indexes, given=simple_url is not None)
    return Target(
        url=upload,
        index=index,
        session=session,
        secrets=_secrets(*known) if known else (),
        user=known[0] if known else None,
        timeout=(config.connect_timeout, max(config.read_timeout, _ANSWER)),
    )


def _session(settings: Settings, known: tuple[str, str] | None, threads: int) -> requests.Session:
    """The session that twine makes, for so many threads, and without tries of its own."""
    repository = Repository(str(settings.repository_config["repository"]), None, None)
    repository.set_certificate_authority(settings.cacert)
    repository.set_client_certificate(settings.client_cert)
    session = repository.session
    # In UTF-8, as for pages: requests could not say a euro sign.
    session.auth = HTTPBasicAuth(*(each.encode() for each in known)) if known else None
    # pypiserver looks for twine's name.
    session.headers["User-Agent"] = f"minimirror/{__version__} twine/{twine.__version__}"
    for scheme in ("http://", "https://"):
        session.mount(scheme, HTTPAdapter(pool_connections=1, pool_maxsize=threads))
    return session


def _secrets(user: str, password: str) -> tuple[str, ...]:
    """A password as it was sent, and as a server may write it."""
    if not password:
        return ()
    sent = base64.b64encode(f"{user}:{password}".encode()).decode()
    return (sent, password, json.dumps(password)[1:-1], quote(password), quote_plus(password))


def _first_that_answers(indexes: list[tuple[str, Index]], *, given: bool) -> tuple[str, Index]:
    """The place where the root of a simple API is."""
    refused = []
    for upload, index in indexes:
        try:
            index.retry.call(lambda deadline, index=index: _ask(index, deadline))  # type: ignore[misc]
        except (FetchError, PageError) as error:
            status = error.status if isinstance(error, FetchError) else None
            if isinstance(error, FetchError) and error.transient:
                raise PushError(f"{index.url} cannot be asked for what is there: {error}") from None
            refused.append((index.url, str(error), status))
        else:
            return upload, index
    told = ", ".join(f"{url} ({why})" for url, why, _ in refused)
    if any(status in REFUSED for _, _, status in refused):
        raise PushError(f"what is there may not be read without credentials, or with these: {told}")
    todo = "it is the URL from which pip would install" if given else "give it: --simple-url URL, as for pip"
    raise PushRequestError(f"there is no simple API at {told}; {todo}")


def _ask(index: Index, deadline: float) -> None:
    with index.root(None, deadline):
        pass
