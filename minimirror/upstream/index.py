"""An upstream index, asked one question at a time: its root and its project pages."""

from __future__ import annotations

import math
import time
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from http import HTTPStatus
from itertools import islice
from typing import TypeVar
from urllib.parse import urljoin

from minimirror.common import MinimirrorError
from minimirror.simple_api import LinksPageError, Listed, PageError, parse_serial, read_root
from minimirror.upstream.addresses import AddressGuard
from minimirror.upstream.client import Client, Reply
from minimirror.upstream.decoding import decoded
from minimirror.upstream.errors import FetchError
from minimirror.upstream.http import completed
from minimirror.upstream.links import LinksReader, reader_of
from minimirror.upstream.reader import (
    SERIAL,
    IndexAddress,
    ProjectReply,
    check_is_page,
    page_headers,
)
from minimirror.upstream.retry import Pace, Retry
from minimirror.upstream.urls import split_credentials

__all__ = ["Index", "Indexes", "ListingError", "Root"]

T = TypeVar("T")

MAX_ROOT = 4 << 30
"""Bytes of the root, decoded; it is never in memory as a whole."""


_UNLISTED = {HTTPStatus.FORBIDDEN, HTTPStatus.NOT_FOUND, HTTPStatus.METHOD_NOT_ALLOWED, HTTPStatus.GONE}
"""Statuses of a root that the index does not offer."""

_NAMES_ONLY = (
    ". Patterns, and a config without `projects`, need this list. If the index has pages of projects, give"
    " their exact names"
)

_FEW = 1000
"""Projects of a root that are read to see what it is."""

_GLANCE = 30.0
"""Seconds that this may take."""


class ListingError(MinimirrorError):
    """The index's list of projects cannot be read."""

    unlisted = False
    """Whether the index refuses to list its projects; it may have their pages nevertheless."""

    passes = False
    """Whether a later run may read it."""


@dataclass(frozen=True, slots=True)
class Root:
    """The index's root."""

    listed: Iterator[Listed]
    """Every project, in the index's order; read as it is iterated."""

    etag: str | None
    serial: int | None
    """The index's serial, None if it has none (PyPI's X-PyPI-Last-Serial)."""


class Index:
    """An upstream index, asked one question at a time. Threads may share it."""

    def __init__(
        self,
        url: str | IndexAddress,
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
        if isinstance(url, str):
            url = IndexAddress(url if url.endswith("/") else f"{url}/")
        address = url
        self.url, credentials = split_credentials(address.url)
        self.name = address.name
        main = "the index" if address.alone else "the index (`index_url`)"
        self.title = f"index {self.name}" if self.name else main
        """What messages call it."""
        self.client = client or Client(
            credentials=credentials, pace=pace, guard=AddressGuard(self.url), cert=address.cert
        )
        self.retry = retry or Retry()
        self.reader = reader_of(address, self.client, self.retry)
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
        if isinstance(self.reader, LinksReader):
            yield Root(iter([(name, None) for name in completed(self.reader.files())]), None, None)
            return
        with self.client.open(self.url, page_headers(etag), deadline) as reply:
            check_is_page(reply.head, etag)
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
            found = ListingError(
                f"index {self.url}: its list of projects cannot be read: {error}{self._remedy(error)}"
            )
            found.unlisted = isinstance(error, FetchError) and error.status in _UNLISTED
            found.passes = isinstance(error, FetchError) and error.passes
            raise found from error

    def _try_listing(self, take: Callable[[Root | None], T], etag: str | None) -> T:
        async def read(deadline: float) -> T:
            with self.root(etag, deadline) as root:
                return take(root)

        return completed(self.retry.call(read, self.client.pause))

    def _remedy(self, error: FetchError | PageError) -> str:
        """Return what to do if the list of projects cannot be read."""
        if isinstance(error, LinksPageError):
            return ""
        if isinstance(error, PageError) or error.not_found:
            other = self._other_url()
            return f". Did you mean {other}?" if other else _NAMES_ONLY * isinstance(error, FetchError)
        if error.status in _UNLISTED:
            return _NAMES_ONLY
        if error.status is None and error.passes and "; check" not in error.cause:
            return ". Check the URL and the network, or run again later"
        return ". Run again later" if error.passes else ""

    def _other_url(self) -> str | None:
        """Return a URL near this one that is an index; None if none is."""
        if isinstance(self.reader, LinksReader):
            return None
        deadline = time.monotonic() + _GLANCE
        nearby = (f"{self.url}simple/", f"{self.url}+simple/", urljoin(self.url, "/simple/"))
        return next((url for url in nearby if url != self.url and self._is_index(url, deadline)), None)

    def _is_index(self, url: str, deadline: float) -> bool:
        with suppress(FetchError, PageError), self.client.open(url, page_headers(None), deadline) as reply:
            check_is_page(reply.head, None)
            return any([*islice(_root(reply).listed, _FEW)])
        return False

    def check_root(self) -> None:
        """Request the root, and do not read it.

        :raises FetchError: it cannot be fetched
        :raises PageError: it cannot be read
        """
        self._try_listing(lambda _: None, None)

    def advice(self) -> str:
        """Return what is wrong if the URL is not that of an index; else nothing."""
        try:
            with self.root(deadline=time.monotonic() + _GLANCE) as root:
                deque(islice(root.listed if root else (), _FEW), maxlen=0)
        except LinksPageError as error:
            return f"index {self.url}: {error}"
        except (FetchError, PageError):
            other = self._other_url()
            return f"index {self.url}: did you mean {other}?" if other else ""
        return ""

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


class Indexes:
    """The indexes of a config: each project comes from exactly one of them."""

    def __init__(self, indexes: Sequence[Index], number_of: Callable[[str], int]) -> None:
        """Take the indexes.

        :param number_of: returns which of them a project comes from, by its normalized name
        """
        self.all = tuple(indexes)
        self._number_of = number_of
        self.assigned: dict[str, int] = {}
        """What a lock says besides: the numbers of indexes by project. Only finding the scope adds to it."""

    def number_of(self, project: str) -> int:
        """Return the number of a project's index, by its normalized name; the main one has 0."""
        return self.assigned[project] if project in self.assigned else self._number_of(project)

    def of(self, project: str) -> Index:
        """Return the index that a project comes from, by its normalized name."""
        return self.all[self.number_of(project)]

    def close(self) -> None:
        """Close all connections; the next request opens new ones."""
        for index in self.all:
            index.client.close()


def _root(reply: Reply) -> Root:
    headers = reply.head.headers
    return Root(
        listed=read_root(decoded(reply.head, reply, MAX_ROOT), headers.get("content-type")),
        etag=headers.get("etag"),
        serial=parse_serial(headers.get(SERIAL)),
    )
