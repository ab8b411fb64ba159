"""The repository to upload to, and the username and password for it, found as twine finds them.

The order is twine's: the variables ``TWINE_USERNAME`` and ``TWINE_PASSWORD``, then ``~/.pypirc``, then a
keyring. After these come netrc and, at a terminal, a prompt.
"""

from __future__ import annotations

import configparser
import logging
import os
import re
import sys
from collections.abc import Callable
from urllib.parse import urlsplit, urlunsplit

import click
from pypi_simple import PYPI_SIMPLE_ENDPOINT
from twine.exceptions import NonInteractive, TwineException
from twine.settings import Settings
from twine.utils import DEFAULT_CONFIG_FILE, DEFAULT_REPOSITORY, TEST_REPOSITORY, RepositoryConfig, get_config

from minimirror.common import ascii_netloc, printable
from minimirror.publish.push.model import PushRequestError
from minimirror.upstream import netrc_credentials

__all__ = ["check_url", "find_credentials", "read_settings"]

# Without a handler, twine would print a warning with a traceback if there is no keyring.
logging.getLogger("twine").addHandler(logging.NullHandler())

_PYPI = {urlsplit(url).hostname for url in (DEFAULT_REPOSITORY, TEST_REPOSITORY, PYPI_SIMPLE_ENDPOINT)}


def read_settings(repository: str) -> tuple[str, Settings]:
    """Read twine's settings for a repository.

    :param repository: its URL, or its name in ``~/.pypirc``
    :returns: the URL, and twine's settings
    :raises PushRequestError: the name is unknown, or the URL cannot be pushed to
    """
    known = _read_pypirc()
    if "://" in repository:
        url = check_url(repository, "the URL")
        urls = {name: each.get("repository") or "" for name, each in known.items()}
        name = next((name for name, each in urls.items() if each.rstrip("/") == url.rstrip("/")), None)
    else:
        name = repository
        url = check_url(_url_of(name, known), f"the URL of {printable(name)} in {DEFAULT_CONFIG_FILE}")
    if urlsplit(url).hostname in _PYPI:
        raise PushRequestError("minimirror does not push to PyPI, where most mirrored files come from")
    try:
        settings = Settings(
            repository_name=name or "",
            repository_url=None if name else url,
            username=os.environ.get("TWINE_USERNAME"),
            password=os.environ.get("TWINE_PASSWORD"),
            cacert=os.environ.get("TWINE_CERT"),
            non_interactive=True,
        )
    except TwineException as error:
        raise PushRequestError(f"twine rejects the repository's settings: {type(error).__name__}") from None
    return url, settings


def check_url(url: str, what: str) -> str:
    """Return a URL, with its host in ASCII, if it is valid and has no credentials in it.

    :param what: what the error message calls the URL
    :raises PushRequestError: it is invalid, or contains a password, which the message does not repeat
    """
    try:
        parts = urlsplit(url)
        host, _ = parts.hostname, parts.port
        netloc = ascii_netloc(parts.netloc)
    except ValueError:
        raise PushRequestError(f"{what} is invalid") from None
    if "@" in url:
        raise PushRequestError(
            f"{what} contains a username or password, which others may see; put them in"
            f" {DEFAULT_CONFIG_FILE}, a keyring, or the variables TWINE_USERNAME and TWINE_PASSWORD"
        )
    if parts.scheme not in {"http", "https"} or not host:
        raise PushRequestError(f"{what} must start with http:// or https:// and name a host")
    if parts.query or parts.fragment:
        raise PushRequestError(f"{what} contains '?' or '#', which the URL of an index never does")
    return url if netloc == parts.netloc else urlunsplit(parts._replace(netloc=netloc))


def _read_pypirc() -> dict[str, RepositoryConfig]:
    try:
        return get_config(DEFAULT_CONFIG_FILE)
    except (configparser.Error, OSError, ValueError, TwineException) as error:
        # The error may quote a line of the file, and that line may contain a password.
        why = error.strerror if isinstance(error, OSError) else "its format is invalid"
        raise PushRequestError(f"cannot read {DEFAULT_CONFIG_FILE}: {why}") from None


def _url_of(name: str, known: dict[str, RepositoryConfig]) -> str:
    if name not in known:
        # Anything but a plain name may be a truncated URL with a password in it.
        shown = f" {name!r}" if re.fullmatch(r"[\w.-]{1,80}", name) else " with that name"
        raise PushRequestError(
            f"{DEFAULT_CONFIG_FILE} lists no repository{shown} in index-servers; a URL starts with http://"
            " or https://"
        )
    url = known[name].get("repository")
    if not url:
        raise PushRequestError(
            f"{DEFAULT_CONFIG_FILE}: [{printable(name)}] has no URL; add `repository = https://…`"
        )
    return url


def find_credentials(url: str, settings: Settings) -> tuple[str, str] | None:
    """Find username and password for a URL; ask for them at a terminal if they are configured nowhere.

    :returns: None if there are none
    :raises PushRequestError: there is a username but no password
    """
    user = _unless_missing(lambda: settings.username)
    if user is None:
        if known := netrc_credentials(url):
            return known
        user = settings.auth.input.username = _prompt(f"Username for {url} (Enter for anonymous)")
    if not user:
        return None
    password = _unless_missing(lambda: settings.password)
    if password is None:
        password = _prompt(f"Password for {printable(user)}", hidden=True)
    if password is None:
        raise PushRequestError(
            f"no password found for user {printable(user)}; set it in {DEFAULT_CONFIG_FILE}, a keyring, or"
            " the variable TWINE_PASSWORD"
        )
    return user, password


def _unless_missing(read: Callable[[], str | None]) -> str | None:
    try:
        return read()
    except NonInteractive:
        return None


def _prompt(text: str, *, hidden: bool = False) -> str | None:
    if not (sys.stdin.isatty() and sys.stderr.isatty()):
        return None
    # On standard error: standard output may be redirected.
    answer: str = click.prompt(text, default="", show_default=False, hide_input=hidden, err=True)
    return answer
