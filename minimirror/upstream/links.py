"""A page of links to files (``pip --find-links``), read as an index."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from http import HTTPStatus
from typing import TypeVar

from minimirror.distributions import projects_named
from minimirror.simple_api import File, Page, PageError
from minimirror.upstream.errors import FetchError
from minimirror.upstream.http import Http
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

T = TypeVar("T")


class LinksReader(IndexReader):
    """Reads one page of links to files (``pip --find-links``) as an index: each file belongs to a project."""

    _found: dict[str, list[File]] | None = None

    async def files(self) -> dict[str, list[File]]:
        """Return the files of each project that the page links to; it is read once. Other links mean nothing.

        :raises FetchError: it cannot be fetched
        :raises PageError: it cannot be read, or links to no files
        """
        if self._found is None:
            # Only one page of that size is read at a time. Who waits finds it read.
            async with self.http.room(MAX_PAGE):
                if self._found is None:
                    headers = {"Accept": "text/html", "Accept-Encoding": "gzip"}
                    response = await self.get(self.url, headers, limit=MAX_PAGE)
                    check_is_page(response.head, None)
                    self._found = _by_project(await self.parsed(response))
        return self._found

    async def project(self, name: str, take: Callable[[ProjectReply], Awaitable[T]]) -> T:
        """Find the files of a project, as :meth:`IndexReader.project`."""
        files = (await self.files()).get(name)
        if files is None:
            raise FetchError("the page has no links to its files", status=HTTPStatus.NOT_FOUND)
        return await take(ProjectReply(Page(files), digest_of(repr(files).encode())))

    async def changed(self, name: str, validator: str) -> bool:
        """Return whether the files of a project have changed, as :meth:`IndexReader.changed`."""

        async def compare(reply: ProjectReply) -> bool:
            return reply.validator != validator

        return await self.project(name, compare)


def _by_project(page: Page) -> dict[str, list[File]]:
    found: dict[str, list[File]] = {}
    for file in page.files:
        for project in projects_named(file.filename)[:1]:
            found.setdefault(project, []).append(file)
    if not found:
        raise PageError('it links to no files; for an index, remove `"kind": "find-links"`')
    return found


def reader_of(address: IndexAddress, http: Http, retry: Retry) -> IndexReader:
    """Return a reader of an index."""
    kind = LinksReader if address.kind == "find-links" else IndexReader
    return kind(address, http, retry)
