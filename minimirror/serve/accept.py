"""Which form of a page a client gets (PEP 691)."""

from __future__ import annotations

from collections.abc import Iterable
from functools import lru_cache

from minimirror.simple_api import HTML_TYPE, JSON_TYPE

__all__ = ["TYPES", "choose_type", "content_type"]

_HTML = f"{HTML_TYPE}; charset=utf-8"
TYPES = {
    "text/html": "text/html; charset=utf-8",
    JSON_TYPE: JSON_TYPE,
    "application/vnd.pypi.simple.latest+json": JSON_TYPE,
    HTML_TYPE: _HTML,
    "application/vnd.pypi.simple.latest+html": _HTML,
}
"""The media types that a client may accept, each with the one it gets. The first is the default."""

_MAX_ACCEPT = 50
"""Media types of a request that are considered."""


@lru_cache(maxsize=1000)
def content_type(accept: str) -> str | None:
    """Return the type in which to send a page; None if the client accepts none.

    :param accept: the header ``Accept``; empty to accept anything
    """
    # JSON first for a client that names it, HTML first for a browser.
    found = choose_type(accept, [JSON_TYPE, *TYPES] if "json" in accept else TYPES)
    return found and TYPES[found]


def choose_type(accept: str, offered: Iterable[str]) -> str | None:
    """Return the media type that a client prefers, the first one of equals; None if it accepts none."""
    accepted = [
        _parse_accepted(each) for each in accept.split(",", _MAX_ACCEPT)[:_MAX_ACCEPT] if each.strip()
    ]
    best, best_quality = None, 0.0
    for media_type in offered:
        names = {media_type, "*/*", f"{media_type.partition('/')[0]}/*"}
        matching = [each for each in accepted if each[0] in names]
        # The most specific entry decides: text/html before text/*, text/* before */*.
        quality = min(matching, key=lambda each: each[0].count("*"))[1] if matching else float(not accepted)
        if quality > best_quality:
            best, best_quality = media_type, quality
    return best


def _parse_accepted(text: str) -> tuple[str, float]:
    media_type, *parameters = (part.strip().lower() for part in text.split(";"))
    quality = next((part[2:] for part in parameters if part.startswith("q=")), "1")
    try:
        return media_type, float(quality)
    except ValueError:
        return media_type, 0.0
