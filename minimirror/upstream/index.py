"""An upstream index: its root and its project pages, read with conditional requests and retries."""

from __future__ import annotations

import hashlib
import math
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from http import HTTPStatus
from typing import TypeVar

from minimirror.common import MinimirrorError
from minimirror.simple_api import ACCEPT, File, Listed, Page, PageError, parse_serial, read_page, read_root
from minimirror.upstream.http import Client, FetchError, Pace, Reply, Retry, split_credentials

__all__ = ["Index", "ListingError", "ProjectReply", "Root"]

T = TypeVar("T")

_SERIAL = "x-pypi-last-serial"

_DIGEST = "sha256:"
"""The prefix of a validator that is not an ETag; those begin with a quote, or with W/ (RFC 9110, 8.8.3)."""

MAX_PAGE = 64 << 20
"""Bytes of a project page, decoded; PyPI's largest have about 20 MB."""

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


class Index:
    """An upstream index."""

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
        :param client: by default a new one, with this pace and the URL's user and password
        """
        self.url, credentials = split_credentials(url if url.endswith("/") else f"{url}/")
        self.client = client or Client(credentials=credentials, pace=pace)
        self.retry = retry or Retry()

    @contextmanager
    def root(self, etag: str | None = None, deadline: float = math.inf) -> Iterator[Root | None]:
        """Request the root, and stream the names of all projects from it.

        It is not retried: the stream may break at any name, and only the caller knows what to undo.

        :param etag: the last :attr:`Root.etag`; yield None if nothing has changed since
        :param deadline: when to give up, in seconds of the monotonic clock
        :raises FetchError: it cannot be fetched
        :raises PageError: it cannot be read
        """
        with self._get(self.url, etag, deadline) as reply:
            if reply.status == HTTPStatus.NOT_MODIFIED:
                yield None
                return
            yield Root(
                listed=read_root(reply.text_chunks(MAX_ROOT), reply.headers.get("content-type")),
                etag=reply.headers.get("etag"),
                serial=parse_serial(reply.headers.get(_SERIAL)),
            )

    def read_listing(self, take: Callable[[Root | None], T], etag: str | None = None) -> T:
        """Return what a function makes of the root, with retries.

        :param take: called at each try
        :param etag: the last :attr:`Root.etag`; ``take`` gets None if nothing has changed since
        :raises ListingError: the root cannot be read to its end
        """

        def read(deadline: float) -> T:
            with self.root(etag, deadline) as root:
                return take(root)

        try:
            return self.retry.call(read)
        except (FetchError, PageError) as error:
            raise ListingError(f"index {self.url}: its list of projects cannot be read: {error}") from error

    def project(self, name: str) -> ProjectReply:
        """Read a project's page.

        :param name: the project's normalized name
        :raises FetchError: it cannot be fetched
        :raises PageError: it cannot be read
        """

        def read(deadline: float) -> ProjectReply:
            with self._get(f"{self.url}{name}/", None, deadline) as reply:
                body = b"".join(reply.text_chunks(MAX_PAGE))
                page = read_page(body, reply.headers.get("content-type"), reply.url)
                if page.serial is None:
                    page.serial = parse_serial(reply.headers.get(_SERIAL))
                return ProjectReply(page, reply.headers.get("etag") or _digest([body]))

        return self.retry.call(read)

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
        """Return whether a project's page has changed.

        :param validator: :attr:`ProjectReply.validator` of the page that is known
        :raises FetchError: it cannot be fetched
        """
        digest = validator.startswith(_DIGEST)

        def compare(deadline: float) -> bool:
            with self._get(f"{self.url}{name}/", None if digest else validator, deadline) as reply:
                if digest and not reply.headers.get("etag"):
                    return _digest(reply.text_chunks(MAX_PAGE)) != validator
                # Some servers send an ETag but ignore If-None-Match.
                return reply.status != HTTPStatus.NOT_MODIFIED and reply.headers.get("etag") != validator

        return self.retry.call(compare)

    def size(self, file: File) -> int | None:
        """Request the first byte of a file, and return its size in bytes; None if the server gives none."""
        headers = {"Accept": "*/*", "Accept-Encoding": "identity", "Range": "bytes=0-0"}
        try:
            reply = self.retry.call(lambda deadline: self.client.get(file.url, headers, deadline))
        except FetchError:
            return None
        reply.close()
        header = "content-range" if reply.status == HTTPStatus.PARTIAL_CONTENT else "content-length"
        total = reply.headers.get(header, "").rpartition("/")[2]
        return int(total) if total.isdecimal() and len(total) < 16 else None  # noqa: PLR2004

    def _get(self, url: str, etag: str | None, deadline: float) -> Reply:
        headers = {"Accept": ACCEPT, "Accept-Encoding": "gzip"}
        if etag:
            headers["If-None-Match"] = etag
        reply = self.client.get(url, headers, deadline)
        if not reply.whole and not (reply.status == HTTPStatus.NOT_MODIFIED and etag):
            # The body of another status could pass for a page that lists nothing.
            reply.close()
            raise FetchError(f"HTTP {reply.status} instead of a page", status=reply.status)
        return reply


def _digest(chunks: Iterable[bytes]) -> str:
    digest = hashlib.sha256()
    for chunk in chunks:
        digest.update(chunk)
    return _DIGEST + digest.hexdigest()
