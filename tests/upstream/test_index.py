"""Reading the pages of an index: both formats, conditional requests, retries; and the sizes of files."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from minimirror.simple_api import HTML_TYPE, JSON_TYPE, File, Listed, Page, PageError
from minimirror.upstream import FetchError, Index, Retry, completed
from tests.helpers.index import (
    UPLOADED,
    Body,
    Chunked,
    Headers,
    IgnoreRange,
    Redirect,
    Stall,
    Status,
    Together,
    Truncate,
)
from tests.helpers.index import Index as Server

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.helpers.index.model import Format

    Factory = Callable[..., Server]


def client(server: Server) -> Index:
    return Index(server.url, retry=Retry(attempts=3, pause=0))


def filenames(page: Page) -> list[str]:
    assert page.problems == []
    return [file.filename for file in page.files]


def listed(server: Server, etag: str | None = None) -> list[Listed] | None:
    with client(server).root(etag) as root:
        return None if root is None else list(root.listed)


@pytest.fixture
def server(index: Server) -> Server:
    """An index with one project."""
    index.add_wheel("demo", "1.0", requires_python=">=3.8", yanked="old", core_metadata=True)
    return index


class TestProject:
    def test_json_is_preferred_to_html(self, server: Server) -> None:
        read: list[Page] = []
        offered: list[set[Format]] = [{"json"}, {"html"}, {"json", "html"}]
        for server.formats in offered:
            read.append(client(server).project("demo").page)
        assert {exchange.response.headers["Content-Type"] for exchange in server.requests} == {
            JSON_TYPE,
            "text/html",
        }
        assert server.requests[2].response.headers["Content-Type"] == JSON_TYPE
        assert len({exchange.headers["accept"] for exchange in server.requests}) == 1
        from_json, from_html, _ = read
        (file,) = from_json.files
        assert [file._replace(size=None, upload_time=None)] == from_html.files
        assert (file.yanked, file.requires_python, file.upload_time) == (
            "old",
            ">=3.8",
            UPLOADED.timestamp(),
        )
        assert from_json.serial == from_html.serial == 1

    @pytest.mark.parametrize(
        "content_type",
        [
            "text/html",
            "text/html; charset=utf-8",
            'TEXT/HTML;Charset="UTF-8"; x=y',
            f"{HTML_TYPE};charset=latin-1",
            "application/xhtml+xml",
            None,
        ],
    )
    def test_html_may_have_several_media_types(self, server: Server, content_type: str | None) -> None:
        page = b'<html><a href="a.zip" data-yanked="\xc3\xa9">a</a></html>'
        server.fault("demo", Together(Body(page), Headers({"Content-Type": content_type})))
        (file,) = client(server).project("demo").page.files
        latin = content_type is not None and "latin" in content_type
        assert (file.filename, file.yanked) == ("a.zip", "\xc3\xa9" if latin else "\xe9")

    def test_the_media_type_may_have_parameters(self, server: Server) -> None:
        server.fault("demo", Headers({"Content-Type": f"{JSON_TYPE}; charset=utf-8"}))
        assert filenames(client(server).project("demo").page) == ["demo-1.0-py3-none-any.whl"]

    @pytest.mark.parametrize(
        "content_type",
        ["application/json", "text/plain", "image/png", "", "nonsense", ";", "x" * 1000, "text/html2"],
    )
    def test_another_media_type_is_an_error(self, server: Server, content_type: str) -> None:
        server.fault("demo", Headers({"Content-Type": content_type}))
        with pytest.raises(PageError, match="simple API"):
            client(server).project("demo")

    @pytest.mark.parametrize("charset", ["nonsense", "hex", "rot13", "idna", "undefined", "a\0b"])
    def test_an_unknown_charset_is_an_error(self, server: Server, charset: str) -> None:
        server.fault("*", Body(b"<a href=a>a</a>", content_type=f"text/html; charset={charset}"), always=True)
        with pytest.raises(PageError):
            client(server).project("demo")
        with pytest.raises(PageError):
            listed(server)

    @pytest.mark.parametrize(
        "content_type",
        ["text/html;0*;0*0*;'charset", "text/html;charset*=x'y'z;charset*0*=%", "text/html;;;=;"],
    )
    def test_a_malformed_content_type_is_read_or_an_error(self, server: Server, content_type: str) -> None:
        server.fault("demo", Body(b"<a href=a.zip>a</a>", content_type=content_type))
        try:
            page = client(server).project("demo").page
        except PageError:
            return
        assert filenames(page) == ["a.zip"]

    @pytest.mark.parametrize("status", [201, 202, 204, 206, 304, 416])
    def test_another_status_is_an_error(self, server: Server, status: int) -> None:
        challenge = Body(b"<html><body>One moment</body></html>", status=status)
        server.fault("*", challenge, always=True)
        with pytest.raises(FetchError, match=f"HTTP {status}"):
            client(server).project("demo")
        with pytest.raises(FetchError, match=f"HTTP {status}"):
            listed(server)

    def test_a_missing_project_is_an_error(self, server: Server) -> None:
        with pytest.raises(FetchError) as caught:
            client(server).project("absent")
        assert (caught.value.status, caught.value.transient) == (404, False)
        assert client(server).find_project("absent") is None

    def test_a_forbidden_project_is_not_missing(self, server: Server) -> None:
        server.fault("demo", Status(403), always=True)
        with pytest.raises(FetchError, match="403"):
            client(server).find_project("demo")

    def test_passing_failures_are_retried(self, server: Server) -> None:
        server.fault("demo", Status(503), Truncate(10))
        assert filenames(client(server).project("demo").page) == ["demo-1.0-py3-none-any.whl"]
        server.clear()
        server.fault("demo", Status(503), always=True)
        with pytest.raises(FetchError, match="HTTP 503"):
            client(server).project("demo")
        assert len(server.requests) == 3

    def test_an_invalid_page_is_not_retried(self, server: Server) -> None:
        server.fault("demo", Body(b"{", content_type=JSON_TYPE), always=True)
        with pytest.raises(PageError, match="not JSON"):
            client(server).project("demo")
        assert len(server.requests) == 1

    @pytest.mark.parametrize("formats", [{"json"}, {"html"}])
    def test_relative_urls_are_joined_to_the_url_that_responded(
        self, server: Server, index_factory: Factory, formats: set[str]
    ) -> None:
        elsewhere = index_factory(formats=formats, relative_urls=True)
        file = elsewhere.add_wheel("demo", "2.0")
        server.fault("demo", Redirect(f"{elsewhere.url}demo/"))
        assert [each.url for each in client(server).project("demo").page.files] == [elsewhere.file_url(file)]

    def test_pages_may_be_compressed(self, server: Server) -> None:
        server.gzip = True
        assert filenames(client(server).project("demo").page) == ["demo-1.0-py3-none-any.whl"]
        assert server.requests[0].response.headers["Content-Encoding"] == "gzip"
        assert listed(server) == [("demo", 1)]

    def test_the_serial_is_in_the_page_or_in_a_header(self, server: Server) -> None:
        server.fault("demo", Headers({"X-PyPI-Last-Serial": "77"}), always=True)
        assert client(server).project("demo").page.serial == 1
        server.formats = {"html"}
        assert client(server).project("demo").page.serial == 77
        server.heal()
        server.serials = False
        assert client(server).project("demo").page.serial is None


class TestCredentials:
    def test_credentials_of_the_url_are_used_and_not_shown(self, index_factory: Factory) -> None:
        server = index_factory(auth=("user", "s3cret"))
        server.add_wheel("demo", "1.0")
        index = Index(server.url.replace("://", "://user:s3cret@").rstrip("/"), retry=Retry(attempts=1))
        assert index.url == server.url
        (file,) = index.project("demo").page.files
        assert "s3cret" not in file.url
        assert index.client.open(file.url, {}).head.status == 200
        with pytest.raises(FetchError) as caught:
            index.project("absent")
        assert "s3cret" not in str(caught.value)

    def test_a_link_may_repeat_them(self, index_factory: Factory) -> None:
        server = index_factory(auth=("user", "s3cret"))
        links = {"1.0": "user:s3cret", "2.0": "user:other"}
        for version, userinfo in links.items():
            url = server.file_url(server.add_wheel("demo", version)).replace("://", f"://{userinfo}@")
            server.add_wheel("demo", version, url=url)
        index = Index(server.url.replace("://", "://user:s3cret@"), retry=Retry(attempts=1))
        good, bad = index.project("demo").page.files
        assert "s3cret" not in good.url
        assert completed(index.reader.size(good))
        with pytest.raises(FetchError, match="credentials"):
            index.client.open(bad.url, {})


class TestChanged:
    def asked(self, server: Server) -> list[tuple[str | None, int]]:
        """The condition of each request, and the status of its response."""
        return [(exchange.headers.get("if-none-match"), exchange.status) for exchange in server.requests]

    @pytest.fixture(params=["304", "etag", "digest"])
    def kind(self, server: Server, request: pytest.FixtureRequest) -> str:
        """A server that supports conditional requests, that only sends ETags, or that does neither."""
        if request.param == "etag":
            server.fault("demo", Headers({"ETag": 'W/"one"'}), always=True)
        server.etags = request.param == "304"
        return str(request.param)

    def test_an_unchanged_page_has_not_changed(self, server: Server, kind: str) -> None:
        index = client(server)
        validator = index.project("demo").validator
        server.clear()
        assert not index.changed("demo", validator)
        assert self.asked(server) == [
            (None if kind == "digest" else validator, 304 if kind == "304" else 200)
        ]

    def test_another_page_has_changed(self, server: Server, kind: str) -> None:
        index = client(server)
        validator = index.project("demo").validator
        server.add_wheel("demo", "2.0")
        if kind == "etag":
            server.heal()
            server.fault("demo", Headers({"ETag": 'W/"two"'}))
        assert index.changed("demo", validator)
        assert not index.changed("demo", index.project("demo").validator)

    def test_a_server_may_start_or_stop_sending_etags(self, server: Server) -> None:
        index = client(server)
        with_etag = index.project("demo").validator
        server.etags = False
        assert index.changed("demo", with_etag)
        without = index.project("demo").validator
        assert without.startswith("sha256:")
        server.etags = True
        assert index.changed("demo", without)

    def test_compression_makes_no_difference_to_a_digest(self, server: Server) -> None:
        server.etags = False
        index = client(server)
        validator = index.project("demo").validator
        server.gzip = True
        assert not index.changed("demo", validator)
        server.fault("demo", Chunked(10))
        assert not index.changed("demo", validator)

    def test_only_passing_failures_are_retried(self, server: Server) -> None:
        index = client(server)
        validator = index.project("demo").validator
        server.fault("demo", Status(503))
        assert not index.changed("demo", validator)
        server.fault("demo", Status(404))
        with pytest.raises(FetchError, match="HTTP 404"):
            index.changed("demo", validator)

    @pytest.mark.parametrize("etag", ['"a\rb"', '"\u20ac"', '"a\0b"'])
    def test_an_etag_that_cannot_be_sent_is_an_error(self, server: Server, etag: str) -> None:
        with pytest.raises(FetchError):
            client(server).changed("demo", etag)


class TestSize:
    CONTENT = bytes(100_000)

    @pytest.fixture
    def file(self, server: Server) -> File:
        listed = server.add("demo", "demo-1.0.zip", self.CONTENT)
        return File(listed.filename, server.file_url(listed), {})

    @pytest.mark.parametrize("ranges", [True, False])
    def test_it_is_asked_for_without_the_file(self, server: Server, file: File, ranges: bool) -> None:
        server.ranges = ranges
        if not ranges:
            server.fault(file.filename, Stall(1000))
        assert completed(client(server).reader.size(file)) == len(self.CONTENT)
        (request,) = server.requests
        assert request.headers["range"] == "bytes=0-0"

    @pytest.mark.parametrize(
        "fault",
        [
            Status(404),
            Headers({"Content-Range": "bytes 0-0/*"}),
            Headers({"Content-Range": None}),
            Headers({"Content-Range": f"bytes 0-0/{'9' * 100}"}),
            Together(IgnoreRange(), Chunked()),
        ],
    )
    def test_the_server_may_not_say_it(self, server: Server, file: File, fault: Any) -> None:
        server.fault(file.filename, fault)
        assert completed(client(server).reader.size(file)) is None

    def test_passing_failures_are_retried(self, server: Server, file: File) -> None:
        server.fault(file.filename, Status(503))
        assert completed(client(server).reader.size(file)) == len(self.CONTENT)
