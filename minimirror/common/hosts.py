"""Host names that are not ASCII."""

from __future__ import annotations

from urllib.parse import unquote

__all__ = ["ascii_netloc"]

_LONGEST = 253
"""Characters of a host name (RFC 1035, 2.3.4)."""


def ascii_netloc(netloc: str) -> str:
    """Return a URL's host and port, with its user and password if it has them, and the host in ASCII.

    Names are encoded as requests and browsers do it (IDNA 2008 with UTS 46), also those that are
    percent-encoded.

    >>> ascii_netloc("é.example.org:8080")
    'xn--9ca.example.org:8080'

    :raises ValueError: the host has no such form
    """
    userinfo, at, host = netloc.rpartition("@")
    name, colon, port = host.partition(":")
    if host.startswith("[") or (host.isascii() and "%" not in host):
        return netloc
    name = unquote(name, errors="strict")
    if len(name) > _LONGEST:
        raise ValueError("the host name is too long")
    import idna  # noqa: PLC0415 - few hosts need it

    return f"{userinfo}{at}{idna.encode(name, uts46=True).decode()}{colon}{port}"
