"""The links of an HTML page, and what its ``<base>`` and ``<meta>`` elements say (PEP 503)."""

from __future__ import annotations

import codecs
from collections.abc import Iterator

from minimirror.simple_api.protocol import PageError
from minimirror.simple_api.web_page import WebPage

__all__ = ["LinkReader"]

MAX_TAG = 1 << 16
"""Characters of one tag."""

MAX_TAGS = 1_000_000
"""Tags and comments of a page: reading one takes a few microseconds."""

MAX_OTHER = 1 << 20
"""Characters of a comment or a script."""

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

    def __init__(self, most: int) -> None:
        """Prepare to read.

        :param most: how many links the page may have
        """
        super().__init__()
        self._most = most
        self.base: str | None = None
        self.links: list[dict[str, str]] = []

    def read(self, body: bytes, encoding: str) -> None:
        """Read the whole page.

        :raises PageError: it has too many links or tags, or one that is too long
        :raises LookupError: there is no such encoding
        :raises AssertionError: the page is not HTML
        """
        if body.count(b"<") > MAX_TAGS:
            raise PageError(f"the page has more than {MAX_TAGS:,} tags")
        for text in _decoded(body, encoding):
            self.feed(text)
            self._check_rest()
        # The rest begins with a tag that never ends. Closing the parser would take time that grows with the
        # square of its length.
        if "<" in self.rawdata:
            raise PageError("the page ends inside a tag")
        if not self.has_tags:
            raise PageError("the page is not HTML")

    def _check_rest(self) -> None:
        """Check the length of what has begun and not ended."""
        is_tag = self.cdata_elem is None and self.rawdata[:1] == "<" and self.rawdata[1:2].isalpha()
        if is_tag and len(self.rawdata) > MAX_TAG:
            raise _long_tag()
        if len(self.rawdata) > MAX_OTHER:
            raise PageError(f"the page has a comment or a script longer than {MAX_OTHER:,} characters")

    def updatepos(self, i: int, j: int) -> int:  # noqa: ARG002 - the signature is HTMLParser's
        """Do not count lines: nothing uses them, and counting takes a tenth of the time."""
        return j

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Take a tag with its attributes."""
        if len(self.get_starttag_text() or "") > MAX_TAG:
            raise _long_tag()
        super().handle_starttag(tag, attrs)
        if tag == "a":
            self._take_link({name: value or "" for name, value in reversed(attrs) if name in _KEPT})
        elif tag == "base" and self.base is None:
            self.base = next((value for name, value in attrs if name == "href"), None)

    def _take_link(self, link: dict[str, str]) -> None:
        if "href" not in link:
            return
        if len(self.links) == self._most:
            raise PageError(f"the page lists more than {self._most:,} files")
        self.links.append(link)


def _long_tag() -> PageError:
    return PageError(f"the page has a tag longer than {MAX_TAG:,} characters")


def _decoded(body: bytes, encoding: str) -> Iterator[str]:
    b"x".decode(encoding, "replace")  # iterdecode takes encodings that are not for text
    steps = (body[at : at + _STEP] for at in range(0, len(body), _STEP))
    return codecs.iterdecode(steps, encoding, errors="replace")
