"""The client of an upstream index: the simple API in JSON (PEP 691) or HTML (PEP 503)."""

from __future__ import annotations

import hashlib
import math
import re
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from minimirror.common import MinimirrorError
from minimirror.simple_api import (
    File,
    Listed,
    Page,
    PageError,
    as_serial,
    read_html,
    read_html_root,
    read_json,
    read_json_root,
)
from minimirror.upstream.http import Client, FetchError, Pace, Reply, Retry, split_credentials

__all__ = ["Index", "ListingError", "ProjectReply", "Root"]

JSON = "application/vnd.pypi.simple.v1+json"
_HTML = {"application/vnd.pypi.simple.v1+html", "text/html", "application/xhtml+xml"}
ACCEPT = f"{JSON}, application/vnd.pypi.simple.v1+html;q=0.2, text/html;q=0.1"
"""JSON where the server has it, else HTML (PEP 691, content negotiation)."""

_CHARSET = re.compile(r";\s*charset\s*=\s*[\"']?([^\s\"';]+)", re.IGNORECASE)

_DIGEST = "sha256:"
"""What a validator begins with that is no ETag; those begin with a quote, or with W/ (RFC 9110, 8.8.3)."""

MAX_PAGE = 64 << 20
"""Bytes of a project page, decoded; PyPI's largest have some 20 MB."""

MAX_VALUES = 2_000_000
"""Values, or tags, of a project page. Written in two bytes, one may take two hundred of memory."""

MAX_ROOT = 4 << 30
"""Bytes of the root, decoded; it is never held whole."""


class ListingError(MinimirrorError):
    """The index's list of projects cannot be read."""


@dataclass(frozen=True, slots=True)
class ProjectReply:
    """A project page as it was answered."""

    page: Page
    validator: str
    """What :meth:`Index.changed` takes: the page's ETag, or a digest of it where it has none."""


@dataclass(frozen=True, slots=True)
class Root:
    """The index's root."""

    listed: Iterator[Listed]
    """Every project, in the index's order; read as it is iterated."""

    etag: str | None
    serial: int | None
    """The index's serial, where it tells one (PyPI's X-PyPI-Last-Serial)."""


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
        """Take the URL of a simple API; user and password in it are used for its own host only.

        :param client: what asks; left out: one that keeps this pace, and knows the URL's user and password
        """
        self.url, credentials = split_credentials(url if url.endswith("/") else f"{url}/")
        self.client = client or Client(credentials=credentials, pace=pace)
        self.retry = retry or Retry()

    @contextmanager
    def root(self, etag: str | None = None, deadline: float = math.inf) -> Iterator[Root | None]:
        """Read the root, from which the names of all projects stream.

        Not tried again by itself: a stream may break at any name, and who reads it knows what to undo.

        :param etag: what :attr:`Root.etag` was the last time: None is answered where nothing changed since
        :param deadline: the time (of the monotonic clock) until which it may take
        :raises FetchError: it cannot be had; :exc:`PageError`: it cannot be read
        """
        with self._get(self.url, etag, deadline) as reply:
            if reply.status == 304:  # noqa: PLR2004
                yield None
                return
            content_type, charset = _content_type(reply)
            chunks = reply.text_chunks(MAX_ROOT)
            yield Root(
                listed=read_json_root(chunks)
                if content_type == JSON
                else read_html_root(chunks, charset or "utf-8"),
                etag=reply.headers.get("etag"),
                serial=as_serial(reply.headers.get("x-pypi-last-serial")),
            )

    def project(self, name: str) -> ProjectReply:
        """Read a project's page.

        :param name: the project's normalized name
        :raises FetchError: it cannot be had; :exc:`PageError`: it cannot be read
        """
        return self.retry.call(lambda deadline: self._project(name, deadline))

    def _project(self, name: str, deadline: float) -> ProjectReply:
        with self._get(f"{self.url}{name}/", None, deadline) as reply:
            body = b"".join(reply.text_chunks(MAX_PAGE))
            _check_values(body)
            page = _read_page(reply, body)
            if page.serial is None:
                page.serial = as_serial(reply.headers.get("x-pypi-last-serial"))
            return ProjectReply(page, reply.headers.get("etag") or _digest([body]))

    def changed(self, name: str, validator: str) -> bool:
        """Whether a project's page is another than the one that a reply's validator stands for.

        :raises FetchError: it cannot be had
        """
        return self.retry.call(lambda deadline: self._changed(name, validator, deadline))

    def _changed(self, name: str, validator: str, deadline: float) -> bool:
        digest = validator.startswith(_DIGEST)
        with self._get(f"{self.url}{name}/", None if digest else validator, deadline) as reply:
            if digest and not reply.headers.get("etag"):
                return _digest(reply.text_chunks(MAX_PAGE)) != validator
            # Some servers know no conditional requests, but send an ETag.
            return reply.status != 304 and reply.headers.get("etag") != validator  # noqa: PLR2004

    def size(self, file: File) -> int | None:
        """Bytes of a file, as its server tells when it is asked for the first; None where it does not."""
        try:
            return self.retry.call(lambda deadline: self._size(file.url, deadline))
        except FetchError:
            return None

    def _size(self, url: str, deadline: float) -> int | None:
        headers = {"Accept": "*/*", "Accept-Encoding": "identity", "Range": "bytes=0-0"}
        reply = self.client.get(url, headers, deadline)
        reply.close()
        header = "content-range" if reply.status == 206 else "content-length"  # noqa: PLR2004
        total = reply.headers.get(header, "").rpartition("/")[2]
        return int(total) if total.isdecimal() and len(total) < 16 else None  # noqa: PLR2004

    def _get(self, url: str, etag: str | None, deadline: float) -> Reply:
        headers = {"Accept": ACCEPT, "Accept-Encoding": "gzip"}
        if etag:
            headers["If-None-Match"] = etag
        reply = self.client.get(url, headers, deadline)
        if reply.status not in {200, 203} and not (reply.status == 304 and etag):  # noqa: PLR2004
            # A page of another status could be taken for one that lists nothing.
            reply.close()
            raise FetchError(f"HTTP {reply.status}, which is no page", status=reply.status)
        return reply


def _check_values(body: bytes) -> None:
    """Refuse a page that would take many times its size to be read.

    :raises PageError: it is one
    """
    if len(body) > MAX_VALUES and sum(map(body.count, (b",", b"[", b"{", b"<"))) > MAX_VALUES:
        raise PageError(f"the page has more than {MAX_VALUES} values")


def _read_page(reply: Reply, body: bytes) -> Page:
    content_type, charset = _content_type(reply)
    if content_type == JSON:
        return read_json(body, reply.url)
    try:
        return read_html(body.decode(charset or "utf-8", errors="replace"), reply.url)
    except (LookupError, ValueError):
        raise PageError(f"the page is in an unknown encoding, {(charset or '')[:20]!r}") from None


def _digest(chunks: Iterable[bytes]) -> str:
    digest = hashlib.sha256()
    for chunk in chunks:
        digest.update(chunk)
    return _DIGEST + digest.hexdigest()


def _content_type(reply: Reply) -> tuple[str, str | None]:
    """The media type and the charset of a page.

    :raises PageError: it is none of the simple API's
    """
    header = reply.headers.get("content-type", "text/html")
    content_type = header.partition(";")[0].strip().lower()
    if content_type != JSON and content_type not in _HTML:
        raise PageError(f"the index answered {content_type[:60]!r}, which is no page of the simple API")
    charset = _CHARSET.search(header)
    return content_type, charset[1] if charset else None
