"""The two addresses of an index: where files are uploaded, and where its simple API is."""

from __future__ import annotations

import re
from urllib.parse import urlsplit

from minimirror.publish.push.errors import PushRequestError

__all__ = ["checked", "origin", "places"]


def checked(url: str, what: str) -> str:
    """A URL without credentials, as given.

    :param what: how the message calls it
    :raises PushRequestError: it is none, or has a password in it, which the message does not repeat
    """
    try:
        parts = urlsplit(url)
        host, _ = parts.hostname, parts.port
    except ValueError:
        raise PushRequestError(f"{what} is not a valid URL") from None
    if "@" in url:
        raise PushRequestError(
            f"{what} has a user or a password in it, which others may read there: give them in ~/.pypirc, a"
            " keyring, or the variables TWINE_USERNAME and TWINE_PASSWORD"
        )
    if parts.scheme not in {"http", "https"} or not host:
        raise PushRequestError(f"{what} must begin with http:// or https://, and name a host")
    if parts.query or parts.fragment:
        raise PushRequestError(f"{what} has a '?' or a '#', which no index's address has")
    return url


def origin(url: str) -> str:
    """Scheme, host and port of a URL, which credentials are bound to."""
    parts = urlsplit(url)
    return f"{parts.scheme}://{parts.netloc.lower()}"


def places(url: str) -> list[tuple[str, str]]:
    """Where an index may take uploads and have its simple API, the likeliest first.

    devpi has the latter at ``+simple/`` below an index, most others at ``simple/``; beside ``legacy/``, as
    PyPI's upload API is called, the servers that follow it have ``simple/``. Who gives the simple API's own
    URL means the index that it belongs to.
    """
    base = re.sub(r"/\+?simple/$", "/", url.rstrip("/") + "/")
    if base.endswith("/legacy/"):
        return [(url, f"{base.removesuffix('legacy/')}simple/")]
    given = url if base == url.rstrip("/") + "/" else base
    # devpi takes uploads at its index's URL with the slash alone.
    return [(base, f"{base}+simple/"), (given, f"{base}simple/")]
