"""The root of an index, which lists all projects, read as a stream of their names.

PyPI's root lists 700,000 projects in 40 MB of JSON. As one document it would take several times that in
memory, so it is read project by project, as it arrives.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from typing import TypeGuard
from urllib.parse import unquote

from packaging.utils import canonicalize_name

from minimirror.simple_api.json_text import MAX_VALUE, JsonText
from minimirror.simple_api.protocol import (
    JSON_TYPE,
    LinksPageError,
    PageError,
    check_version,
    parse_content_type,
    parse_serial,
)
from minimirror.simple_api.web_page import FILE, WebPage

__all__ = ["Listed", "read_html_root", "read_json_root", "read_root"]

Listed = tuple[str, "int | None"]
"""A project's normalized name and the serial of its last change, None if the index has no serials."""

_NAME = re.compile(r"[A-Za-z0-9](?:[A-Za-z0-9._-]*[A-Za-z0-9])?")

MAX_NAME = 200
"""Characters of a project's name."""

_STEP = 1 << 16
"""Bytes to parse at once. What has begun and not ended is read again each time, so small steps take long."""


def read_root(chunks: Iterable[bytes], content_type: str | None) -> Iterator[Listed]:
    """Read a root in the format that its Content-Type names.

    :param chunks: the body, in pieces
    :returns: every project, in the index's order, as it arrives
    :raises PageError: at once, or while iterating: it cannot be read
    """
    media_type, charset = parse_content_type(content_type)
    chunks = _joined(chunks)
    return read_json_root(chunks) if media_type == JSON_TYPE else read_html_root(chunks, charset)


def _joined(chunks: Iterable[bytes]) -> Iterator[bytes]:
    """Join small chunks."""
    joined = bytearray()
    for chunk in chunks:
        joined += chunk
        if len(joined) >= _STEP:
            yield bytes(joined)
            joined.clear()
    yield bytes(joined)


def read_json_root(chunks: Iterable[bytes]) -> Iterator[Listed]:
    """Read the JSON format (PEP 691), with or without the ``_last-serial`` that PyPI adds to each project.

    :raises PageError: it cannot be read
    """
    text = JsonText(chunks, "the index root")
    seen = False
    for key in text.members():
        if key == "projects":
            seen = True
            yield from _projects(text)
        elif key == "meta":
            meta = text.value()
            check_version(meta.get("api-version", "1.0") if isinstance(meta, dict) else "1.0")
        else:
            text.skip()
    if not seen:
        raise PageError("the index root has no list of projects")


def _projects(text: JsonText) -> Iterator[Listed]:
    for project in text.items():
        if isinstance(project, dict) and is_name(name := project.get("name")):
            yield canonicalize_name(name), parse_serial(project.get("_last-serial"))


def is_name(name: object) -> TypeGuard[str]:
    """Return whether it is a valid project name (PEP 508), of a length that a file system allows."""
    return isinstance(name, str) and len(name) <= MAX_NAME and _NAME.fullmatch(name) is not None


def read_html_root(chunks: Iterable[bytes], encoding: str) -> Iterator[Listed]:
    """Read the HTML format (PEP 503): each link is a project, named by its text, or else by its path.

    :raises LinksPageError: most of its links lead to files, not to projects
    :raises OtherPageError: it is no index
    :raises PageError: it cannot be read
    """
    reader = _NameReader("the index root")
    for _ in reader.read(chunks, encoding):
        yield from reader.take()
    reader.check_kind()


class _NameReader(WebPage):
    def __init__(self, subject: str) -> None:
        super().__init__(subject)
        self._href: str | None = None
        self._text = ""
        self._names: list[str] = []
        self._links = self._named = self._projects = self._files = 0

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        super().handle_starttag(tag, attrs)
        if tag == "a":
            self._links += 1
            self._href, self._text = dict(attrs).get("href"), ""
        elif tag == "meta":
            check_version(self.meta.get("repository-version", "1.0"))

    def handle_data(self, data: str) -> None:
        if self._href is not None:
            self._text += data
            if len(self._text) > MAX_VALUE:
                raise PageError("the index root has a link that does not end")
        else:
            super().handle_data(data)

    def handle_endtag(self, tag: str) -> None:
        super().handle_endtag(tag)
        if tag == "a" and self._href is not None:
            path = self._href.partition("?")[0].partition("#")[0]
            last = unquote(path.rstrip("/").rpartition("/")[2])
            # The path of a project's page ends in a slash.
            is_file = FILE.search(unquote(path)) is not None
            names = () if is_file or last == ".." else (self._text.strip(), last)
            found = [name for name in names if is_name(name)][:1]
            self._files += is_file
            self._projects += len(found)
            self._names += found
            # PEP 503: a link's text is the name of the project, and so is the end of its path.
            self._named += len({canonicalize_name(each) for each in names}) == 1
            self._href = None

    def check_kind(self) -> None:
        """Check that the page has been read to its end, and is an index."""
        if self._href is not None:
            raise PageError("the index root ends inside a link")
        if self._files > self._projects:
            raise LinksPageError(
                "it links to files, not to projects. If it is a page of links, add it to `indexes` with"
                ' `"kind": "find-links"`'
            )
        self.check_is_index(has_links=self._links > 0 and 2 * self._named >= self._links)

    def take(self) -> Iterator[Listed]:
        names, self._names = self._names, []
        return ((canonicalize_name(name), None) for name in names)
