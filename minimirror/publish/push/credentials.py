"""Which repository is meant, and who may upload there, as twine finds it out.

In twine's order: the variables ``TWINE_USERNAME`` and ``TWINE_PASSWORD``, then ``~/.pypirc``, then a keyring;
then netrc, then whoever sits at the terminal.
"""

from __future__ import annotations

import configparser
import logging
import os
import re
import sys
from collections.abc import Callable
from urllib.parse import urlsplit

import click
from pypi_simple import PYPI_SIMPLE_ENDPOINT
from twine.exceptions import NonInteractive, TwineException
from twine.settings import Settings
from twine.utils import DEFAULT_CONFIG_FILE, DEFAULT_REPOSITORY, TEST_REPOSITORY, RepositoryConfig, get_config

from minimirror.common import printable
from minimirror.publish.push.errors import PushRequestError
from minimirror.publish.push.urls import checked
from minimirror.upstream import netrc_credentials

__all__ = ["credentials", "read_settings"]

# What twine warns of is nobody's, unless the application says otherwise: a missing keyring, with a traceback.
logging.getLogger("twine").addHandler(logging.NullHandler())

_PYPI = {urlsplit(url).hostname for url in (DEFAULT_REPOSITORY, TEST_REPOSITORY, PYPI_SIMPLE_ENDPOINT)}


def read_settings(target: str) -> tuple[str, Settings]:
    """What twine knows of a repository.

    :param target: its URL, or its name in ``~/.pypirc``
    :returns: the URL, and twine's settings
    :raises PushRequestError: there is none of that name, or the URL is none to push to
    """
    known = _pypirc()
    if "://" in target:
        url = checked(target, "the URL")
        name = next((name for name, each in known.items() if _same(each.get("repository"), url)), None)
    else:
        name = target
        url = checked(_url_of(target, known), f"the URL of {printable(target)} in {DEFAULT_CONFIG_FILE}")
    if urlsplit(url).hostname in _PYPI:
        raise PushRequestError(
            "that is PyPI, from where most of what is mirrored comes: it is not pushed back"
        )
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
        raise PushRequestError(f"twine refuses the repository: {type(error).__name__}") from None
    return url, settings


def _pypirc() -> dict[str, RepositoryConfig]:
    try:
        return get_config(DEFAULT_CONFIG_FILE)
    except (configparser.Error, OSError, ValueError, TwineException) as error:
        # The error may quote the file, and a line of it a password.
        why = error.strerror if isinstance(error, OSError) else "it is not of the format of that file"
        raise PushRequestError(f"{DEFAULT_CONFIG_FILE} cannot be read: {why}") from None


def _url_of(name: str, known: dict[str, RepositoryConfig]) -> str:
    if name not in known:
        # What is no name may be a URL that was cut short, with a password in it.
        named = f" {name!r}" if re.fullmatch(r"[\w.-]{1,80}", name) else " of that name"
        raise PushRequestError(
            f"{DEFAULT_CONFIG_FILE} lists no repository{named} in its index-servers; a URL begins with http://"
            " or https://"
        )
    url = known[name].get("repository")
    if not url:
        raise PushRequestError(
            f"{DEFAULT_CONFIG_FILE}: [{printable(name)}] says no URL: `repository = https://…`"
        )
    return url


def _same(one: str | None, other: str) -> bool:
    return one is not None and one.rstrip("/") == other.rstrip("/")


def credentials(url: str, settings: Settings) -> tuple[str, str] | None:
    """User and password for a URL; asks for them at a terminal where they are found nowhere.

    :returns: None where there are none, and nobody can be asked
    :raises PushRequestError: there is a user without a password
    """
    user = _found(lambda: settings.username)
    if user is None:
        if known := netrc_credentials(url):
            return known
        user = settings.auth.input.username = _ask(f"User at {url} (none: Enter)")
    if not user:
        return None
    password = _found(lambda: settings.password)
    if password is None:
        password = _ask(f"Password of {printable(user)}", hidden=True)
    if password is None:
        raise PushRequestError(
            f"there is no password for user {printable(user)}: give it in {DEFAULT_CONFIG_FILE}, a keyring,"
            " or the variable TWINE_PASSWORD"
        )
    return user, password


def _found(question: Callable[[], str | None]) -> str | None:
    try:
        return question()
    except NonInteractive:
        return None


def _ask(text: str, *, hidden: bool = False) -> str | None:
    if not (sys.stdin.isatty() and sys.stderr.isatty()):
        return None
    # On standard error: the result may be redirected.
    answer: str = click.prompt(text, default="", show_default=False, hide_input=hidden, err=True)
    return answer
