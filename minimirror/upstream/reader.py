"""Project pages of an index, read with any :class:`Http`, and the sizes of its files."""

from __future__ import annotations

import hashlib
from collections.abc import Awaitable, Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from http import HTTPStatus
from typing import Literal, TypeAlias, TypeVar

from minimirror.simple_api import ACCEPT, File, Page, parse_serial, read_page
from minimirror.upstream.errors import FetchError, TooLargeError
from minimirror.upstream.http import DISCARDED, FILE_HEADERS, Head, Http, Request, Response, Sink
from minimirror.upstream.retry import Retry
from minimirror.upstream.urls import split_credentials, without_own_credentials

__all__ = [
    "MAX_PAGE",
    "SERIAL",
    "IndexAddress",
    "IndexReader",
    "ProjectReply",
    "check_is_page",
    "digest_of",
    "page_headers",
]

T = TypeVar("T")

SERIAL = "x-pypi-last-serial"

_DIGEST = "sha256:"
"""The prefix of a validator that is not an ETag; those begin with a quote, or with W/ (RFC 9110, 8.8.3)."""

MAX_PAGE = 64 << 20
"""Bytes of a project page, decoded; PyPI's largest have about 20 MB."""

SMALL_PAGE = 1 << 20
"""Bytes of a page that may wait for room; few have more. A larger one is fetched when it may be read."""

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

    cert: str | None = None
    """The client certificate for its host: a PEM file with its key."""

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

    async def project(self, name: str, take: Callable[[ProjectReply], Awaitable[T]]) -> T:
        """Read a project's page, and return what a function makes of it.

        :param name: the project's normalized name
        :param take: called while there is room for the page in memory
        :raises FetchError: it cannot be fetched
        :raises PageError: it cannot be read
        """

        async def read(response: Response) -> T:
            page = await self.parsed(response)
            headers = response.head.headers
            if page.serial is None:
                page.serial = parse_serial(headers.get(SERIAL))
            validator = headers.get("etag") or digest_of(response.body)
            del response  # the page may need the room of its body
            return await take(ProjectReply(page, validator))

        return await self._with_page(name, None, read)

    async def parsed(self, response: Response) -> Page:
        """Read a response as a page."""

        def parse() -> Page:
            page = read_page(response.body, response.head.headers.get("content-type"), response.head.url)
            if self.http.credentials:
                # They are sent anyway, and nothing may store them.
                page.files = [
                    file._replace(url=without_own_credentials(file.url, self.http.credentials))
                    if "@" in file.url
                    else file
                    for file in page.files
                ]
            return page

        return parse() if len(response.body) < _LONG else await self.http.aside(parse)

    async def changed(self, name: str, validator: str) -> bool:
        """Return whether a project's page has changed.

        :param validator: :attr:`ProjectReply.validator` of the page that is known
        :raises FetchError: it cannot be fetched
        :raises PageError: it is no page, but one to sign in, for example
        """
        digest = validator.startswith(_DIGEST)

        async def compare(response: Response) -> bool:
            etag = response.head.headers.get("etag")
            if digest and not etag:
                is_same = digest_of(response.body) == validator
            else:
                # Some servers send an ETag but ignore If-None-Match.
                is_same = response.head.status == HTTPStatus.NOT_MODIFIED or etag == validator
            if not is_same and "json" not in response.head.headers.get("content-type", ""):
                await self.parsed(response)
            return not is_same

        return await self._with_page(name, None if digest else validator, compare)

    async def _with_page(self, name: str, etag: str | None, use: Callable[[Response], Awaitable[T]]) -> T:
        """Fetch a page, and use it while there is room for it."""

        async def fetch(limit: int) -> Response:
            response = await self.get(f"{self.url}{name}/", page_headers(etag), limit=limit)
            check_is_page(response.head, etag)
            return response

        try:
            small = await fetch(SMALL_PAGE)
        except TooLargeError:
            async with self.http.room(MAX_PAGE):
                return await use(await fetch(MAX_PAGE))
        async with self.http.room(len(small.body)):
            return await use(small)

    async def size(self, file: File) -> int | None:
        """Request the first byte of a file, and return its size in bytes; None if the server gives none."""
        sink = _HeadOnly()
        with suppress(FetchError):
            await self.get(file.url, {**FILE_HEADERS, "Range": "bytes=0-0"}, sink=sink)
        return sink.size

    async def get(
        self, url: str, headers: Mapping[str, str], *, limit: int = DISCARDED, sink: Sink | None = None
    ) -> Response:
        """GET a URL, with retries.

        :param limit: as :class:`Request`, like ``sink``
        :raises FetchError: it cannot be fetched
        """

        def attempt(deadline: float) -> Awaitable[Response]:
            return self.http.get(Request(url, headers, deadline, limit, sink))

        return await self.retry.call(attempt, self.http.pause)


class _HeadOnly:
    """Takes a file's size from the head of a response, and no body but the byte that was asked for."""

    size: int | None = None

    def begin(self, head: Head) -> None:
        if head.status == HTTPStatus.PARTIAL_CONTENT:
            self.size = head.range.total if head.range else None
            return
        self.size = head.length if head.whole else None
        raise FetchError("the body is not wanted")

    def write(self, data: bytes) -> None:
        if len(data) > 1:
            raise FetchError("the body is not wanted")

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
