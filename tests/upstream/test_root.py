"""Reading the root of an index: names, serials, ETag; and what happens if it cannot be read."""

from __future__ import annotations

import gzip
import re
from typing import TYPE_CHECKING, Any

import pytest

from minimirror.simple_api import JSON_TYPE, Listed, PageError
from minimirror.upstream import FetchError, Index, ListingError, Retry
from tests.helpers.index import Body, Chunked, Headers, Status, Together, Truncate
from tests.helpers.index import Index as Server

if TYPE_CHECKING:
    from tests.helpers.index.model import Format


def client(server: Server) -> Index:
    return Index(server.url, retry=Retry(attempts=3, pause=0))


def listed(server: Server, etag: str | None = None) -> list[Listed] | None:
    with client(server).root(etag) as root:
        return None if root is None else list(root.listed)


@pytest.fixture
def server(index: Server) -> Server:
    """An index with one project."""
    index.add_wheel("demo", "1.0")
    return index


class TestRoot:
    @pytest.mark.parametrize("formats", [{"json"}, {"html"}])
    def test_it_has_names_serials_and_an_etag(self, server: Server, formats: set[Format]) -> None:
        server.formats = formats
        server.add_project("Foo.Bar")
        with client(server).root() as root:
            assert root is not None
            names = dict(root.listed)
        assert names == (
            {"demo": 1, "foo-bar": 2} if formats == {"json"} else {"demo": None, "foo-bar": None}
        )
        assert root.serial == 2
        assert root.etag == server.requests[0].response.headers["ETag"]

    def test_an_unchanged_root_is_not_read(self, server: Server) -> None:
        with client(server).root() as root:
            assert root is not None
            etag = root.etag
        assert listed(server, etag) is None
        server.add_project("new")
        assert listed(server, etag) == [("demo", 1), ("new", 2)]
        server.etags = False
        assert listed(server, etag) == [("demo", 1), ("new", 2)]

    def test_it_may_have_no_etag_and_no_serials(self, server: Server) -> None:
        server.etags = server.serials = False
        with client(server).root() as root:
            assert root is not None
            assert (root.etag, root.serial, list(root.listed)) == (None, None, [("demo", None)])

    def test_it_need_not_be_read_to_its_end(self, server: Server) -> None:
        for number in range(5000):
            server.add_project(f"p{number}")
        index = client(server)
        with index.root() as root:
            assert root is not None
            assert next(root.listed) == ("demo", 1)
            assert len(index.project("demo").page.files) == 1
            assert len(list(root.listed)) == 5000
        with index.root() as root:
            pass
        assert len(index.project("demo").page.files) == 1

    @pytest.mark.parametrize("formats", [{"json"}, {"html"}])
    @pytest.mark.parametrize("gzip", [False, True])
    @pytest.mark.parametrize("chunked", [[], [Chunked(100)]])
    def test_a_root_that_ends_early_is_an_error(
        self, server: Server, formats: set[Format], gzip: bool, chunked: list[Any]
    ) -> None:
        server.formats, server.gzip = formats, gzip
        for number in range(100):
            server.add_project(f"p{number}")
        for after in (0, 20, 300):
            server.fault("/simple/", Together(*chunked, Truncate(after)))
            with pytest.raises(FetchError) as caught:
                listed(server)
            assert caught.value.transient
        found = listed(server)
        assert found is not None
        assert len(found) == 101

    @pytest.mark.parametrize(
        ("body", "content_type"),
        [
            (b"{}", JSON_TYPE),
            (b'{"projects": [', JSON_TYPE),
            (b"<html></html>", JSON_TYPE),
            (b"", "text/html"),
            (b"Service unavailable", "text/html"),
            (b'{"projects": []}', "application/json"),
        ],
    )
    def test_an_invalid_root_is_an_error(self, server: Server, body: bytes, content_type: str) -> None:
        server.fault("/simple/", Body(body, content_type=content_type))
        with pytest.raises(PageError):
            listed(server)

    def test_a_root_with_invalid_gzip_is_an_error(self, server: Server) -> None:
        broken = gzip.compress(b"<html></html>")[:-5] + b"12345"
        server.fault("/simple/", Together(Body(broken), Headers({"Content-Encoding": "gzip"})))
        with pytest.raises(FetchError, match="gzip"):
            listed(server)

    def test_a_root_is_not_retried(self, server: Server) -> None:
        server.fault("/simple/", Status(503))
        with pytest.raises(FetchError, match="HTTP 503"):
            listed(server)
        assert len(server.requests) == 1


class TestListing:
    def names(self, index: Index) -> list[str] | None:
        return index.read_listing(lambda root: None if root is None else [name for name, _ in root.listed])

    def test_it_is_read_again_after_a_passing_failure(self, server: Server) -> None:
        server.fault("/simple/", Status(503), Truncate(20))
        assert self.names(client(server)) == ["demo"]
        assert len(server.requests) == 3

    def test_an_unchanged_list_is_not_read(self, server: Server) -> None:
        with client(server).root() as root:
            assert root is not None
        assert client(server).read_listing(lambda root: root, root.etag) is None

    @pytest.mark.parametrize("fault", [Status(404), Status(503), Truncate(20), Body(b"{}", JSON_TYPE)])
    def test_one_that_cannot_be_read_is_an_error_of_the_index(self, server: Server, fault: Any) -> None:
        server.fault("/simple/", fault, always=True)
        with pytest.raises(ListingError, match=re.escape(server.url)):
            self.names(client(server))

    def test_the_root_can_be_checked_without_reading_it(self, server: Server) -> None:
        server.fault("/simple/", Truncate(20), Status(404))
        client(server).check_root()
        with pytest.raises(FetchError, match="404"):
            client(server).check_root()
