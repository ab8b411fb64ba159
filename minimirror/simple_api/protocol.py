"""What an index and its clients agree on: media types, versions, project statuses, serials."""

from __future__ import annotations

import re
from typing import Final, Literal, TypeAlias

from minimirror.common import MinimirrorError, quoted

__all__ = [
    "ACCEPT",
    "ACTIVE",
    "API_VERSION",
    "HTML_TYPE",
    "JSON_TYPE",
    "QUARANTINED",
    "LinksPageError",
    "OtherPageError",
    "PageError",
    "ProjectStatus",
    "check_version",
    "parse_content_type",
    "parse_serial",
]

JSON_TYPE: Final = "application/vnd.pypi.simple.v1+json"
HTML_TYPE: Final = "application/vnd.pypi.simple.v1+html"
ACCEPT: Final = f"{JSON_TYPE}, {HTML_TYPE};q=0.2, text/html;q=0.1"
"""What a client asks for: JSON if the server has it, else HTML (PEP 691)."""

API_VERSION: Final = "1.4"
"""The version of the API that minimirror's own pages follow: the first with everything they use (PEP 792)."""

ProjectStatus: TypeAlias = Literal["active", "archived", "deprecated", "quarantined"]
"""The status of a project (PEP 792)."""

ACTIVE: Final = "active"
QUARANTINED: Final = "quarantined"
"""Nothing may be installed from such a project."""

_MAJOR = 1
_CHARSET = re.compile(r";\s*charset\s*=\s*[\"']?([^\s\"';]+)", re.IGNORECASE)
_MAX_SERIAL = 1 << 63
"""What SQLite can store."""


class PageError(MinimirrorError):
    """A page of the index cannot be read."""


class LinksPageError(PageError):
    """The page is not an index: it links to files, as ``pip --find-links`` takes it."""


class OtherPageError(PageError):
    """The page is a web page for people, such as one to sign in."""

    def __init__(self, title: str, instead: str = "") -> None:
        which = f"the web page {quoted(title)}" if title else "a web page"
        super().__init__(
            f"{instead}the server sent {which} instead of a page of the simple API. Check the URL and the"
            " credentials of the index, and whether the network requires you to sign in"
        )


def parse_content_type(header: str | None) -> tuple[str, str]:
    """Return the media type and the charset of a page.

    :param header: Content-Type; a server that sends none means HTML in UTF-8
    :raises PageError: it is not a type of the simple API
    """
    header = "text/html" if header is None else header
    media_type = header.partition(";")[0].strip().lower()
    if media_type not in {JSON_TYPE, HTML_TYPE, "text/html", "application/xhtml+xml"}:
        raise PageError(f"the index sent {media_type[:60]!r} instead of a page of the simple API")
    charset = _CHARSET.search(header)
    return media_type, charset[1] if charset else "utf-8"


def check_version(version: object) -> None:
    """Check the API version of a page (PEP 629).

    :raises PageError: it is not supported
    """
    text = str(version)[:20] if isinstance(version, str | int | float) else f"a {type(version).__name__}"
    major, _, _ = text.partition(".")
    if not major.isdecimal() or int(major) > _MAJOR:
        raise PageError(
            f"the page has version {text!r} of the simple API; only version {_MAJOR} is supported"
        )


def parse_serial(value: object) -> int | None:
    """Return a serial from JSON or from a header, None if it is not a number that a catalog can store."""
    if isinstance(value, str) and value.isdecimal() and len(value) < 20:  # noqa: PLR2004
        value = int(value)
    return value if type(value) is int and 0 <= value < _MAX_SERIAL else None
