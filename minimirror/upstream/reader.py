"""Project pages of an index, read with any :class:`Http`, and the sizes of its files."""

from __future__ import annotations

import hashlib
from contextlib import suppress
from dataclasses import dataclass
from http import HTTPStatus
from typing import Literal, TypeAlias

from minimirror.simple_api import ACCEPT, File, Page, parse_serial, read_page
from minimirror.upstream.errors import FetchError
from minimirror.upstream.http import Head, Http, Request, Response
from minimirror.upstream.retry import Retry
from minimirror.upstream.urls import split_credentials, without_own_credentials

__all__ = [
    "MAX_PAGE",
    "SERIAL",
    "SMALL_PAGE",
    "IndexAddress",
    "IndexReader",
    "ProjectReply",
    "check_is_page",
    "digest_of",
    "page_headers",
]

SERIAL = "x-pypi-last-serial"

_DIGEST = "sha256:"
"""The prefix of a validator that is not an ETag; those begin with a quote, or with W/ (RFC 9110, 8.8.3)."""

MAX_PAGE = 64 << 20
"""Bytes of a project page, decoded; PyPI's largest have about 20 MB."""

SMALL_PAGE = 2 << 20
"""Bytes of a page that may be read while others are; few have more. Larger ones are read one at a time, or
many of them could fill the memory."""

_LONG = 256 << 10
"""Bytes of a page that is read aside: other transfers must not wait for it."""

IndexKind: TypeAlias = Literal["simple", "find-links"]
"""Whether an index has a page for each project, or one page of links to files."""


@dataclass(frozen=True, slots=True)
class ProjectReply:
    """A project page, as the index sent it."""

    page: Page
    validator: str
    """For :meth:`Index.changed`: the page's ETag, or a digest of the page if it has none."""


@dataclass(frozen=True, slots=True)
class IndexAddress:
    """Where an index is, and what it is."""

    url: str
    """Of its simple API, or of its page of links. It may hold credentials, so it is never shown."""

    name: str = ""
    """As the config names it; empty for ``index_url``."""

    kind: IndexKind = "simple"
    alone: bool = True
    """Whether the config has no other index."""

    @property
    def plain_url(self) -> str:
        """The URL without credentials."""
        return split_credentials(self.url)[0]


class IndexReader:
    """Reads project pages."""

    def __init__(self, address: IndexAddress, http: Http, retry: Retry) -> None:
        """Prepare to read."""
        self.url = address.plain_url
        """The index's URL, with a slash at its end unless it is a page of links."""
        self.alone = address.alone
        self.http = http
        self.retry = retry

    async def project(self, name: str, most: int = MAX_PAGE) -> ProjectReply:
        """Read a project's page.

        :param name: the project's normalized name
        :param most: bytes that the page may have
        :raises TooLargeError: it has more
        :raises FetchError: it cannot be fetched
        :raises PageError: it cannot be read
        """

        async def read(deadline: float) -> ProjectReply:
            response = await self._page(name, None, deadline, most)
            headers = response.head.headers
            page = await self.parsed(response)
            if page.serial is None:
                page.serial = parse_serial(headers.get(SERIAL))
            return ProjectReply(page, headers.get("etag") or digest_of(response.body))

        return await self.retry.call(read, self.http.pause)

    async def parsed(self, response: Response) -> Page:
        """Read a response as a page."""

        def parse() -> Page:
            page = read_page(response.body, response.head.headers.get("content-type"), response.head.url)
            if self.http.credentials:
                # They are sent anyway, and nothing may store them.
                page.files = [self._without_credentials(file) for file in page.files]
            return page

        return parse() if len(response.body) < _LONG else await self.http.aside(parse)

    def _without_credentials(self, file: File) -> File:
        if "@" not in file.url:
            return file
        return file._replace(url=without_own_credentials(file.url, self.http.credentials))

    async def changed(self, name: str, validator: str, most: int = MAX_PAGE) -> bool:
        """Return whether a project's page has changed.

        :param validator: :attr:`ProjectReply.validator` of the page that is known
        :param most: bytes that the page may have
        :raises TooLargeError: it has more
        :raises FetchError: it cannot be fetched
        """
        digest = validator.startswith(_DIGEST)

        async def compare(deadline: float) -> bool:
            response = await self._page(name, None if digest else validator, deadline, most)
            etag = response.head.headers.get("etag")
            if digest and not etag:
                return digest_of(response.body) != validator
            # Some servers send an ETag but ignore If-None-Match.
            return response.head.status != HTTPStatus.NOT_MODIFIED and etag != validator

        return await self.retry.call(compare, self.http.pause)

    async def size(self, file: File) -> int | None:
        """Request the first byte of a file, and return its size in bytes; None if the server gives none."""
        headers = {"Accept": "*/*", "Accept-Encoding": "identity", "Range": "bytes=0-0"}
        sink = _HeadOnly()

        async def ask(deadline: float) -> None:
            await self.http.get(Request(file.url, headers, deadline, sink=sink))

        with suppress(FetchError):
            await self.retry.call(ask, self.http.pause)
        return sink.size

    async def _page(self, name: str, etag: str | None, deadline: float, most: int) -> Response:
        url = f"{self.url}{name}/"
        response = await self.http.get(Request(url, page_headers(etag), deadline, limit=most))
        check_is_page(response.head, etag)
        return response


class _HeadReadError(FetchError):
    """The head has been read, and the body is not wanted."""


class _HeadOnly:
    """Takes a file's size from the head of a response."""

    size: int | None = None

    def begin(self, head: Head) -> None:
        if head.status == HTTPStatus.PARTIAL_CONTENT:
            total = head.headers.get("content-range", "").rpartition("/")[2]
            self.size = int(total) if total.isdecimal() and len(total) < 16 else None  # noqa: PLR2004
            return
        self.size = head.length if head.whole else None
        raise _HeadReadError("the body is not wanted")

    def write(self, data: bytes) -> None:
        if len(data) > 1:
            raise _HeadReadError("the body is not wanted")

    def flush(self) -> None:
        """Do nothing."""


def page_headers(etag: str | None) -> dict[str, str]:
    """Return the headers of a request for a page; with an ETag, it is conditional."""
    headers = {"Accept": ACCEPT, "Accept-Encoding": "gzip"}
    return {**headers, "If-None-Match": etag} if etag else headers


def check_is_page(head: Head, etag: str | None) -> None:
    """Check that a response is a page, or that the page with this ETag has not changed.

    :raises FetchError: it is not
    """
    if not head.whole and not (head.status == HTTPStatus.NOT_MODIFIED and etag):
        # The body of another status could pass for a page that lists nothing.
        raise FetchError(f"HTTP {head.status} instead of a page", status=head.status)


def digest_of(body: bytes) -> str:
    """Return the validator of a page that has no ETag."""
    return _DIGEST + hashlib.sha256(body).hexdigest()
