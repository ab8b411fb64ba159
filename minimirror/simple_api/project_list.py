"""The root of an index, which lists all projects, read as a stream of their names.

PyPI's root lists 700,000 projects in 40 MB of JSON. As one document it would take several times that in
memory, so it is read project by project, as it arrives.
"""

from __future__ import annotations

import codecs
import json
import re
from collections.abc import Iterable, Iterator
from html.parser import HTMLParser
from typing import Any, TypeGuard
from urllib.parse import unquote

from packaging.utils import canonicalize_name

from minimirror.simple_api.protocol import (
    JSON_TYPE,
    PageError,
    check_version,
    parse_content_type,
    parse_serial,
)

__all__ = ["Listed", "read_html_root", "read_json_root", "read_root"]

Listed = tuple[str, "int | None"]
"""A project's normalized name and the serial of its last change, None if the index has no serials."""

_NAME = re.compile(r"[A-Za-z0-9](?:[A-Za-z0-9._-]*[A-Za-z0-9])?")
_MAX_VALUE = 1 << 20
"""Characters: nothing but the list of projects itself is longer."""
_AFTER_VALUE = frozenset(",:]} \t\r\n")
"""What follows a complete value. Without it, a number may continue in the next chunk: 1.0 with e+16."""


def read_root(chunks: Iterable[bytes], content_type: str | None) -> Iterator[Listed]:
    """Read a root in the format that its Content-Type names.

    :param chunks: the body, in pieces
    :returns: every project, in the index's order, as it arrives
    :raises PageError: at once, or while iterating: it cannot be read
    """
    media_type, charset = parse_content_type(content_type)
    return read_json_root(chunks) if media_type == JSON_TYPE else read_html_root(chunks, charset)


def read_json_root(chunks: Iterable[bytes]) -> Iterator[Listed]:
    """Read the JSON format (PEP 691), with or without the ``_last-serial`` that PyPI adds to each project.

    :raises PageError: it cannot be read
    """
    text = _JsonText(chunks)
    text.expect("{")
    seen = False
    while text.peek() != "}":
        key = text.value()
        text.expect(":")
        if key == "projects":
            seen = True
            yield from _projects(text)
        elif key == "meta":
            meta = text.value()
            check_version(meta.get("api-version", "1.0") if isinstance(meta, dict) else "1.0")
        else:
            text.value()
        if text.peek() == ",":
            text.expect(",")
    text.end()
    if not seen:
        raise PageError("the index root has no list of projects")


def _projects(text: _JsonText) -> Iterator[Listed]:
    text.expect("[")
    for project in text.items():
        if isinstance(project, dict) and is_name(name := project.get("name")):
            yield canonicalize_name(name), parse_serial(project.get("_last-serial"))
    text.expect("]")


def is_name(name: object) -> TypeGuard[str]:
    """Return whether it is a valid project name (PEP 508)."""
    return isinstance(name, str) and _NAME.fullmatch(name) is not None


class _JsonText:
    """JSON text that arrives in chunks, and the position that has been read up to."""

    def __init__(self, chunks: Iterable[bytes]) -> None:
        self._texts = codecs.iterdecode(chunks, "utf-8-sig")
        self._text = ""
        self._at = 0
        self._seen_through = 0
        self._raw_decode = json.JSONDecoder().raw_decode
        self._space = re.compile(r"[ \t\r\n]*")

    def _next(self) -> str | None:
        try:
            return next(self._texts, None)
        except UnicodeDecodeError:
            raise PageError("the index root is not UTF-8") from None

    def _more(self) -> None:
        text = self._next()
        if text is None:
            raise PageError("the index root ends early")
        self._text = self._text[self._at :] + text
        self._at = self._seen_through = 0

    def peek(self) -> str:
        """Return the next character that is not white space."""
        while True:
            match = self._space.match(self._text, self._at)
            self._at = match.end() if match else self._at
            if self._at < len(self._text):
                return self._text[self._at]
            self._more()

    def expect(self, character: str) -> None:
        if self.peek() != character:
            raise PageError(f"the index root is not JSON: expected {character!r}")
        self._at += 1

    def value(self) -> Any:
        """Return the next value."""
        self.peek()
        while True:
            try:
                found, end = self._raw_decode(self._text, self._at)
            except ValueError:
                pass
            except RecursionError:
                raise PageError("the index root is nested too deep") from None
            else:
                if self._text[end : end + 1] in _AFTER_VALUE:
                    self._at = end
                    return found
            # Either broken, or incomplete; only more text can tell which.
            if len(self._text) - self._at > _MAX_VALUE:
                raise PageError("the index root is not JSON")
            self._more()

    def items(self) -> Iterator[Any]:
        """Return the values of a list, up to its closing bracket."""
        while self.peek() != "]":
            yield from self._whole_objects() or [self.value()]
            if self.peek() == ",":
                self.expect(",")

    def _whole_objects(self) -> list[Any]:
        """Return the complete objects that are in the buffer: one call for all is three times as fast.

        If the last ``},`` is not the end of one of them, return nothing: the values are then read one by one,
        and this is not tried again before the next chunk.
        """
        if self._seen_through == len(self._text):
            return []
        self._seen_through = len(self._text)
        end = self._text.rfind("},", self._at) + 1
        try:
            found: list[Any] = json.loads(f"[{self._text[self._at : end]}]") if end else []
        except (ValueError, RecursionError):
            return []
        self._at = max(self._at, end)
        return found

    def end(self) -> None:
        """Read to the end, so that the connection can be reused."""
        self.expect("}")
        rest: str | None = self._text[self._at :]
        while rest is not None:
            if rest.strip(" \t\r\n"):
                raise PageError("the index root is not JSON: text follows its end")
            rest = self._next()


def read_html_root(chunks: Iterable[bytes], encoding: str) -> Iterator[Listed]:
    """Read the HTML format (PEP 503): each link is a project, named by its text, or else by its path.

    :raises PageError: it cannot be read
    """
    reader = _NameReader()
    try:
        b"x".decode(encoding, "replace")  # iterdecode takes encodings that are not for text
        for text in codecs.iterdecode(chunks, encoding, errors="replace"):
            reader.feed(text)
            reader.check_bounds()
            yield from reader.take()
        reader.end()
    except (AssertionError, LookupError, ValueError) as error:
        raise PageError(f"the index root is not HTML: {error}") from None
    yield from reader.take()


class _NameReader(HTMLParser):
    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self._href: str | None = None
        self._text = ""
        self._names: list[str] = []
        self._has_tags = False

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self._has_tags = True
        found = dict(attrs)
        if tag == "a":
            self._href, self._text = found.get("href"), ""
        elif tag == "meta" and found.get("name") == "pypi:repository-version":
            check_version(found.get("content"))

    def handle_data(self, data: str) -> None:
        if self._href is not None:
            self._text += data

    def handle_endtag(self, tag: str) -> None:
        if tag == "a" and self._href is not None:
            last = unquote(self._href.partition("?")[0].partition("#")[0].rstrip("/").rpartition("/")[2])
            self._names.extend([name for name in (self._text.strip(), last) if is_name(name)][:1])
            self._href = None

    def check_bounds(self) -> None:
        """Reject a tag or a link that does not end, which would fill the memory."""
        if len(self.rawdata) + len(self._text) > _MAX_VALUE:
            raise PageError("the index root is not HTML: a tag or a link does not end")

    def end(self) -> None:
        # Closing the parser inside a tag takes time that grows with the square of the tag's length.
        if "<" in self.rawdata or self._href is not None:
            raise PageError("the index root ends early")
        self.close()
        if not self._has_tags:
            raise PageError("the index root is not HTML")

    def take(self) -> Iterator[Listed]:
        names, self._names = self._names, []
        return ((canonicalize_name(name), None) for name in names)
