"""The links of an HTML page, and what its ``<base>`` and ``<meta>`` elements say (PEP 503)."""

from __future__ import annotations

from minimirror.simple_api.protocol import PageError
from minimirror.simple_api.web_page import WebPage

__all__ = ["MAX_FILES", "LinkReader"]

MAX_FILES = 200_000
"""Files of a page; the largest have about 30,000."""

MAX_TAGS = 1_000_000
"""Tags and comments of a page: reading one takes a few microseconds."""

_STEP = 1 << 16
"""Bytes to parse at once: as text, the whole page could take four times its size."""

_KEPT = frozenset(
    {
        "data-core-metadata",
        "data-dist-info-metadata",
        "data-provenance",
        "data-requires-python",
        "data-upload-time",
        "data-yanked",
        "href",
    }
)
"""The attributes of a link that mean something. Another one of two bytes would take two hundred in memory."""


class LinkReader(WebPage):
    """Collects a page's links and its base."""

    def __init__(self) -> None:
        super().__init__()
        self.base: str | None = None
        self.links: list[dict[str, str]] = []

    def read_page(self, body: bytes, encoding: str) -> None:
        """Read the whole page.

        :raises PageError: it is not HTML, or has too many links or tags, or one that is too long
        """
        if body.count(b"<") > MAX_TAGS:
            raise PageError(f"the page has more than {MAX_TAGS:,} tags")
        for _ in self.read((body[at : at + _STEP] for at in range(0, len(body), _STEP)), encoding):
            pass

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Take a tag with its attributes."""
        super().handle_starttag(tag, attrs)
        if tag == "a":
            link = {name: value or "" for name, value in reversed(attrs) if name in _KEPT}
            if "href" in link:
                self.links.append(link)
            if len(self.links) > MAX_FILES:
                raise PageError(f"the page lists more than {MAX_FILES:,} files")
        elif tag == "base" and self.base is None:
            self.base = next((value for name, value in attrs if name == "href"), None)
