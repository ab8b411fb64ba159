"""The head of an HTTP response, read from the lines that libcurl passes on."""

from __future__ import annotations

from collections.abc import Sequence

from minimirror.upstream.errors import broken, closed, not_http
from minimirror.upstream.http import MAX_HEAD, Head

__all__ = ["read_head"]

_MAX_INTERIM = 20
"""Heads before the final one: interim responses (1xx), and that of a proxy which opened a tunnel."""


def read_head(url: str, lines: Sequence[bytes], proxy: str | None = None) -> Head:
    """Read the final head among the lines; others come before it, and trailers after it.

    :param lines: each with its line break, as they arrived; an empty one ends a head
    :param proxy: the URL of the proxy through which they came
    :raises FetchError: there is none, or it is not valid
    """
    text = b"".join(lines).decode("latin-1").replace("\r\n", "\n")
    if len(text) > MAX_HEAD:
        raise broken(url, "the head of the response is too long")
    *parts, _ = text.split("\n\n")
    heads = [part for part in parts if part.startswith("HTTP/")]
    if not heads:
        raise closed(url)
    if len(heads) > 1 + _MAX_INTERIM:
        raise broken(url, f"more than {_MAX_INTERIM} interim responses")
    status_line, *fields = heads[-1].split("\n")
    http2 = status_line.startswith("HTTP/2")
    return Head(url, _status(url, status_line), _fields(fields), http2, proxy)


def _status(url: str, line: str) -> int:
    version, _, rest = line.partition(" ")
    code = rest[:3]
    if (
        not version.startswith("HTTP/")
        or not (code.isascii() and code.isdigit())
        or rest[3:4] not in {"", " "}
    ):
        raise not_http(url)
    return int(code)


def _fields(lines: Sequence[str]) -> dict[str, str]:
    found: dict[str, str] = {}
    for line in lines:
        name, _, value = line.partition(":")
        name, value = name.strip().lower(), value.strip()
        found[name] = f"{found[name]}, {value}" if name in found else value
    return found
