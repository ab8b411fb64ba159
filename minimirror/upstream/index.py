"""An upstream index: its root, its project pages and its files' sizes, with retries.

:class:`IndexReader` reads pages with any :class:`Http`: workers read many at a time. :class:`Index` waits for
each answer, and also reads the root.
"""

from __future__ import annotations

import hashlib
import math
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from http import HTTPStatus
from typing import TypeVar

from minimirror.common import MinimirrorError
from minimirror.simple_api import ACCEPT, File, Listed, Page, PageError, parse_serial, read_page, read_root
from minimirror.upstream.addresses import AddressGuard
from minimirror.upstream.client import Client, Reply
from minimirror.upstream.errors import FetchError, TooLargeError
from minimirror.upstream.http import Head, Http, Request, Response, completed
from minimirror.upstream.retry import Pace, Retry
from minimirror.upstream.urls import split_credentials, without_own_credentials

__all__ = ["Index", "IndexReader", "ListingError", "ProjectReply", "Root"]

T = TypeVar("T")

_SERIAL = "x-pypi-last-serial"

_DIGEST = "sha256:"
"""The prefix of a validator that is not an ETag; those begin with a quote, or with W/ (RFC 9110, 8.8.3)."""

MAX_PAGE = 64 << 20
"""Bytes of a project page, decoded; PyPI's largest have about 20 MB."""

SMALL_PAGE = 1 << 20
"""Bytes of a page that may wait for room; few have more. A larger one is fetched when it may be read."""

_LONG = 256 << 10
"""Bytes of a page that is read aside: other transfers must not wait for it."""

MAX_ROOT = 4 << 30
"""Bytes of the root, decoded; it is never in memory as a whole."""


class ListingError(MinimirrorError):
    """The index's list of projects cannot be read."""


@dataclass(frozen=True, slots=True)
class ProjectReply:
    """A project page, as the index sent it."""

    page: Page
    validator: str
    """For :meth:`Index.changed`: the page's ETag, or a digest of the page if it has none."""


@dataclass(frozen=True, slots=True)
class Root:
    """The index's root."""

    listed: Iterator[Listed]
    """Every project, in the index's order; read as it is iterated."""

    etag: str | None
    serial: int | None
    """The index's serial, None if it has none (PyPI's X-PyPI-Last-Serial)."""


class IndexReader:
    """Reads project pages."""

    def __init__(self, url: str, http: Http, retry: Retry) -> None:
        """Prepare to read.

        :param url: of the index's simple API, with a slash at its end and without credentials
        """
        self.url = url
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
            page = await self._parsed(response)
            headers = response.head.headers
            if page.serial is None:
                page.serial = parse_serial(headers.get(_SERIAL))
            return await take(ProjectReply(page, headers.get("etag") or _digest(response.body)))

        return await self._with_page(name, None, read)

    async def _parsed(self, response: Response) -> Page:
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

    async def changed(self, name: str, validator: str) -> bool:
        """Return whether a project's page has changed.

        :param validator: :attr:`ProjectReply.validator` of the page that is known
        :raises FetchError: it cannot be fetched
        """
        digest = validator.startswith(_DIGEST)

        async def compare(response: Response) -> bool:
            etag = response.head.headers.get("etag")
            if digest and not etag:
                return _digest(response.body) != validator
            # Some servers send an ETag but ignore If-None-Match.
            return response.head.status != HTTPStatus.NOT_MODIFIED and etag != validator

        return await self._with_page(name, None if digest else validator, compare)

    async def _with_page(self, name: str, etag: str | None, use: Callable[[Response], Awaitable[T]]) -> T:
        """Fetch a page, and use it while there is room for it."""

        def fetch(most: int) -> Awaitable[Response]:
            return self.retry.call(lambda deadline: self._page(name, etag, deadline, most), self.http.pause)

        try:
            small = await fetch(SMALL_PAGE)
        except TooLargeError:
            async with self.http.room(MAX_PAGE):
                return await use(await fetch(MAX_PAGE))
        async with self.http.room(len(small.body)):
            return await use(small)

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
        response = await self.http.get(Request(url, _page_headers(etag), deadline, limit=most))
        _check_is_page(response.head, etag)
        return response


class Index:
    """An upstream index, asked one question at a time. Threads may share it."""

    def __init__(
        self,
        url: str,
        *,
        pace: Pace | None = None,
        retry: Retry | None = None,
        client: Client | None = None,
    ) -> None:
        """Prepare to read an index.

        :param url: of its simple API; a user and password in it are sent to its own host only
        :param client: by default a new one, with this pace, the URL's user and password, and a guard for the
            index
        """
        self.url, credentials = split_credentials(url if url.endswith("/") else f"{url}/")
        self.client = client or Client(credentials=credentials, pace=pace, guard=AddressGuard(self.url))
        self.retry = retry or Retry()
        self.reader = IndexReader(self.url, self.client, self.retry)
        """The same index, for coroutines that are run with :func:`completed`."""

    @contextmanager
    def root(self, etag: str | None = None, deadline: float = math.inf) -> Iterator[Root | None]:
        """Request the root, and stream the names of all projects from it.

        It is not retried: the stream may break at any name, and only the caller knows what to undo.

        :param etag: the last :attr:`Root.etag`; yield None if nothing has changed since
        :param deadline: when to give up, in seconds of the monotonic clock
        :raises FetchError: it cannot be fetched
        :raises PageError: it cannot be read
        """
        with self.client.open(self.url, _page_headers(etag), deadline) as reply:
            _check_is_page(reply.head, etag)
            yield None if reply.head.status == HTTPStatus.NOT_MODIFIED else _root(reply)

    def read_listing(self, take: Callable[[Root | None], T], etag: str | None = None) -> T:
        """Return what a function makes of the root, with retries.

        :param take: called at each try
        :param etag: the last :attr:`Root.etag`; ``take`` gets None if nothing has changed since
        :raises ListingError: the root cannot be read to its end
        """
        try:
            return self._try_listing(take, etag)
        except (FetchError, PageError) as error:
            raise ListingError(f"index {self.url}: its list of projects cannot be read: {error}") from error

    def _try_listing(self, take: Callable[[Root | None], T], etag: str | None) -> T:
        async def read(deadline: float) -> T:
            with self.root(etag, deadline) as root:
                return take(root)

        return completed(self.retry.call(read, self.client.pause))

    def check_root(self) -> None:
        """Request the root, and do not read it.

        :raises FetchError: it cannot be fetched
        :raises PageError: it cannot be read
        """
        self._try_listing(lambda _: None, None)

    def project(self, name: str) -> ProjectReply:
        """Read a project's page, and keep it in memory.

        :raises FetchError: it cannot be fetched
        :raises PageError: it cannot be read
        """
        return self.read_project(name, lambda reply: reply)

    def read_project(self, name: str, take: Callable[[ProjectReply], T]) -> T:
        """Read a project's page, and return what a function makes of it, as :meth:`IndexReader.project`."""

        async def read(reply: ProjectReply) -> T:
            return take(reply)

        return completed(self.reader.project(name, read))

    def find_project(self, name: str) -> ProjectReply | None:
        """Read a project's page; return None if the index has no such project.

        :raises FetchError: it cannot be fetched
        :raises PageError: it cannot be read
        """
        try:
            return self.project(name)
        except FetchError as error:
            if error.not_found:
                return None
            raise

    def changed(self, name: str, validator: str) -> bool:
        """Return whether a project's page has changed, as :meth:`IndexReader.changed`."""
        return completed(self.reader.changed(name, validator))

    def size(self, file: File) -> int | None:
        """Return the size of a file, as :meth:`IndexReader.size`."""
        return completed(self.reader.size(file))


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


def _page_headers(etag: str | None) -> dict[str, str]:
    headers = {"Accept": ACCEPT, "Accept-Encoding": "gzip"}
    return {**headers, "If-None-Match": etag} if etag else headers


def _check_is_page(head: Head, etag: str | None) -> None:
    if not head.whole and not (head.status == HTTPStatus.NOT_MODIFIED and etag):
        # The body of another status could pass for a page that lists nothing.
        raise FetchError(f"HTTP {head.status} instead of a page", status=head.status)


def _root(reply: Reply) -> Root:
    headers = reply.head.headers
    return Root(
        listed=read_root(reply.decoded(MAX_ROOT), headers.get("content-type")),
        etag=headers.get("etag"),
        serial=parse_serial(headers.get(_SERIAL)),
    )


def _digest(body: bytes) -> str:
    return _DIGEST + hashlib.sha256(body).hexdigest()
