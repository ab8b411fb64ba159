"""HTML, and what it is: a page of the simple API, even an empty one, or another one, such as one to sign in.

A network or a proxy may answer any request with such a page, and status 200. It must not pass for a project
without files, or for an index without projects.
"""

from __future__ import annotations

import codecs
import re
from collections.abc import Iterable, Iterator
from html.parser import HTMLParser

from packaging.utils import canonicalize_name

from minimirror.simple_api.protocol import OtherPageError, PageError

__all__ = ["FILE", "WebPage"]

FILE = re.compile(r"\.(?:whl|egg|exe|msi|rpm|deb|dmg|zip|tgz|tar(?:\.\w+)?)$", re.IGNORECASE)
"""Matches the name of a distribution file."""

MAX_TAG = 1 << 16
"""Characters of one tag."""

MAX_OTHER = 1 << 20
"""Characters of a comment or a script, or between two tags."""

_SHOWN = 80
"""Characters of a title, and of the text of a page, that are kept."""

_LISTING = re.compile(
    r"\blinks? for\b|\bindex of\b|\bdirectory listing\b|\bsimple (?:index|list)\b", re.IGNORECASE
)
"""Matches the titles of indexes, and of the folders that web servers list."""

_SIMILAR = re.compile(r"\b(?:simple|index|packages|projects|pypi)\b", re.IGNORECASE)
"""Matches titles that an index may have, and another web page, too."""

_OTHER = re.compile(
    r"\b(?:sign|log)[ -]?[io]n\b|\bauthenticat|\bauthori[sz]|\bpassword\b|\bsso\b|\bredirect"
    r"|\bmaintenance\b|\bbe (?:right )?back\b|\bunavailable\b|\berror\b|\bdenied\b|\bforbidden\b|\bblocked\b"
    r"|\bnot found\b",
    re.IGNORECASE,
)
"""Matches titles and texts that no index has."""


class WebPage(HTMLParser):
    """Reads an HTML page, and notes what shows its kind."""

    def __init__(self, subject: str = "the page") -> None:
        """Prepare to read.

        :param subject: what the page is, for messages
        """
        super().__init__(convert_charrefs=True)
        self.subject = subject
        self._has_tags = False
        self.meta: dict[str, str] = {}
        """The ``pypi:`` meta elements (PEP 629, PEP 792), without this prefix."""

        self._inside = ""
        self._texts = {"title": "", "h1": "", "": ""}
        self._asks_password = self._is_active = False

    def read(self, chunks: Iterable[bytes], encoding: str) -> Iterator[None]:
        """Read a whole page, and yield after each chunk.

        :raises PageError: it is not HTML, or has a tag or a text that is too long
        """
        try:
            b"x".decode(encoding, "replace")  # iterdecode takes encodings that are not for text
            for text in codecs.iterdecode(chunks, encoding, errors="replace"):
                self.feed(text)
                self._check_rest()
                yield
            # Closing the parser inside a tag takes time that grows with the square of the tag's length.
            if "<" in self.rawdata:
                raise PageError(f"{self.subject} ends inside a tag")
            self.close()
        except LookupError:
            raise PageError(f"{self.subject} has the unknown encoding {encoding[:20]!r}") from None
        except (AssertionError, ValueError, RecursionError) as error:
            raise PageError(f"{self.subject} is not HTML: {error!s:.100}") from None
        if not self._has_tags:
            raise PageError(f"{self.subject} is not HTML")

    def _check_rest(self) -> None:
        """Check the length of what has begun and not ended."""
        is_tag = self.cdata_elem is None and self.rawdata[:1] == "<" and self.rawdata[1:2].isalpha()
        if is_tag and len(self.rawdata) > MAX_TAG:
            raise self._long_tag()
        if len(self.rawdata) > MAX_OTHER:
            raise PageError(f"{self.subject} has a comment or a script longer than {MAX_OTHER:,} characters")

    def _long_tag(self) -> PageError:
        return PageError(f"{self.subject} has a tag longer than {MAX_TAG:,} characters")

    def updatepos(self, i: int, j: int) -> int:  # noqa: ARG002 - the signature is HTMLParser's
        """Do not count lines: nothing uses them, and counting takes a tenth of the time."""
        return j

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Take a tag with its attributes."""
        if len(self.get_starttag_text() or "") > MAX_TAG:
            raise self._long_tag()
        self._has_tags = True
        if tag in self._texts:
            self._inside = tag
        elif tag in {"form", "script"}:
            self._is_active = True
        elif tag in {"meta", "input"}:
            found = {name: value or "" for name, value in reversed(attrs)}
            self._asks_password |= found.get("type", "").lower() == "password"
            self._is_active |= found.get("http-equiv", "").lower() == "refresh"
            if found.get("name") in {"pypi:repository-version", "pypi:project-status"}:
                self.meta.setdefault(found["name"][len("pypi:") :], found.get("content", ""))

    def handle_endtag(self, tag: str) -> None:
        """Take the end of an element."""
        if tag == self._inside:
            self._inside = ""

    def handle_data(self, data: str) -> None:
        """Take text."""
        if self.cdata_elem in {"script", "style"} or data.isspace():
            return
        if len(self._texts[self._inside]) < _SHOWN:
            self._texts[self._inside] += data

    def check_is_index(self, name: str = "", *, has_links: bool = False) -> None:
        """Check that the page is one of the simple API, or the list of a folder.

        :param name: the project's, which may be the page's title
        :param has_links: whether most of its links are those of an index
        :raises OtherPageError: it is another web page
        """
        if "repository-version" in self.meta:
            return
        title = self.title
        is_listing = _LISTING.search(title) or (name and canonicalize_name(title) == name)
        words = [canonicalize_name(each) for each in title.split()]
        is_similar = not title or _SIMILAR.search(title) or name in words
        is_other = _OTHER.search(title or self._noted("")) and not is_listing
        may_be = is_listing or has_links or (is_similar and not self._is_active)
        if self._asks_password or is_other or not may_be:
            raise OtherPageError(title or self._noted(""))

    @property
    def title(self) -> str:
        """The page's title, or else its heading; empty if it has neither."""
        return self._noted("title") or self._noted("h1")

    def _noted(self, tag: str) -> str:
        return " ".join(self._texts[tag].split())[:_SHOWN]
