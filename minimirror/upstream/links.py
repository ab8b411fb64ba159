"""A page of links to files (``pip --find-links``), read as an index."""

from __future__ import annotations

from http import HTTPStatus

from minimirror.distributions import projects_named
from minimirror.simple_api import File, Page, PageError
from minimirror.upstream.errors import FetchError, TooLargeError
from minimirror.upstream.http import Http, Request
from minimirror.upstream.reader import (
    MAX_PAGE,
    IndexAddress,
    IndexReader,
    ProjectReply,
    check_is_page,
    digest_of,
)
from minimirror.upstream.retry import Retry

__all__ = ["LinksReader", "reader_of"]


class LinksReader(IndexReader):
    """Reads one page of links to files (``pip --find-links``) as an index: each file belongs to a project."""

    _links: Links | None = None

    async def read(self, most: int = MAX_PAGE) -> Links:
        """Read the page, once.

        :param most: bytes that the page may have. If it has not been read yet, less than :data:`MAX_PAGE` is
            too little: pages of that size are read one at a time, so that many callers read this one once
        :raises TooLargeError: it has more
        :raises FetchError: it cannot be fetched
        :raises PageError: it cannot be read
        """
        if self._links is None:
            if most < MAX_PAGE:
                raise TooLargeError(most)

            async def fetch(deadline: float) -> Page:
                headers = {"Accept": "text/html", "Accept-Encoding": "gzip"}
                request = Request(self.url, headers, deadline, limit=most)
                response = await self.http.get(request)
                check_is_page(response.head, None)
                return await self.parsed(response)

            links = Links(await self.retry.call(fetch, self.http.pause))
            if not links.files:
                raise PageError('it links to no files; for an index, remove `"kind": "find-links"`')
            self._links = links
        return self._links

    async def project(self, name: str, most: int = MAX_PAGE) -> ProjectReply:
        """Return the files of a project, as :meth:`IndexReader.project`."""
        files = (await self.read(most)).files.get(name)
        if files is None:
            raise FetchError("the page has no links to its files", status=HTTPStatus.NOT_FOUND)
        return ProjectReply(Page(files), digest_of(repr(files).encode()))

    async def changed(self, name: str, validator: str, most: int = MAX_PAGE) -> bool:
        """Return whether the files of a project have changed, as :meth:`IndexReader.changed`."""
        return (await self.project(name, most)).validator != validator


class Links:
    """The files that a page links to, by project. Other links mean nothing."""

    def __init__(self, page: Page) -> None:
        self.files: dict[str, list[File]] = {}
        for file in page.files:
            for project in projects_named(file.filename)[:1]:
                self.files.setdefault(project, []).append(file)


def reader_of(address: IndexAddress, http: Http, retry: Retry) -> IndexReader:
    """Return a reader of an index."""
    kind = LinksReader if address.kind == "find-links" else IndexReader
    return kind(address, http, retry)
