"""The client for single requests: statuses, URLs, redirects, bodies."""

from __future__ import annotations

import gzip
import re
import socket
import zlib
from typing import Any

import pytest
import responses
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from minimirror import __version__
from minimirror.upstream import Client, FetchError, Pace
from minimirror.upstream.http import MAX_REDIRECTS
from tests.helpers.asking import LIMIT, URL, body, failure, get
from tests.helpers.index import (
    Body,
    Chunked,
    Headers,
    Index,
    Redirect,
    Reset,
    Stall,
    Status,
    Together,
    Truncate,
)


class TestStatuses:
    @pytest.mark.parametrize("status", [200, 203, 204, 206, 304, 416])
    def test_answers(self, mock: responses.RequestsMock, status: int) -> None:
        mock.get(URL, body=b"content", status=status, headers={"X-Thing": "1"})
        with get() as reply:
            assert (reply.head.status, reply.head.url, reply.head.headers["x-thing"]) == (status, URL, "1")

    @pytest.mark.parametrize("status", [408, 425, 429, 500, 502, 503, 504])
    def test_transient_failures(self, mock: responses.RequestsMock, status: int) -> None:
        mock.get(URL, status=status)
        error = failure()
        assert (error.cause, error.status, error.transient) == (f"HTTP {status}", status, True)
        assert error.retry_after is None

    @pytest.mark.parametrize("status", [300, 305, 400, 401, 403, 404, 406, 410, 451, 501, 505])
    def test_permanent_failures(self, mock: responses.RequestsMock, status: int) -> None:
        mock.get(URL, status=status)
        error = failure()
        assert (error.cause, error.status, error.transient) == (f"HTTP {status}", status, False)

    def test_an_impossible_status_is_an_error(self, index: Index) -> None:
        index.fault("/simple/", Status(999), Status(600))
        assert [failure(index.url).status for _ in range(2)] == [999, 600]


class TestRequest:
    def test_it_names_minimirror_and_its_version(self, mock: responses.RequestsMock) -> None:
        mock.get(URL)
        get(URL, Accept="text/html")
        headers = mock.calls[0].request.headers
        assert str(headers["User-Agent"]).startswith(f"minimirror/{__version__} ")
        assert headers["Accept"] == "text/html"
        assert "Authorization" not in headers

    @pytest.mark.parametrize(
        ("url", "path"),
        [
            ("/files/a%20b+c!.zip", "/files/a%20b+c!.zip"),
            ("/files/a b.zip", "/files/a%20b.zip"),
            ("/files/é.zip", "/files/%C3%A9.zip"),
            ("/files/a?b=c d#e", "/files/a?b=c%20d"),
            ("?b=c", "/?b=c"),
            ("", "/"),
            ("/a\r\nX: y", "/a%0D%0AX:%20y"),
        ],
    )
    def test_a_url_is_sent_as_it_may_be(self, index: Index, url: str, path: str) -> None:
        index.fault("*", Status(204))
        get(index.origin + url).close()
        (exchange,) = index.requests
        assert exchange.request.target == path
        assert "x" not in exchange.headers

    @pytest.mark.parametrize(
        "url",
        [
            "ftp://example.org/x",
            "file:///etc/passwd",
            "data:,x",
            "javascript:x",
            "//example.org/x",
            "/x",
            "x",
            "",
            "http:///x",
            "http://:80/x",
            "https://user:s3cret@example.org/x",
            "https://s3cret@example.org/x",
            "http://[broken/x",
            "http://[::1/x",
            "http://127.0.0.1:99999/x",
            "http://127.0.0.1:x/x",
            "http://127.0.0.1:-1/x",
            "http://a..b/x",
            "http://../x",
            f"http://{'a' * 100}/x",
            "http://é..x/x",
            "http://\ud800/x",
            "https://exa mple.invalid\r\nX: y/",
            "\0http://127.0.0.1:1/x",
        ],
    )
    def test_any_other_url_is_an_error(self, url: str) -> None:
        assert not failure(url).transient

    def test_a_header_that_cannot_be_sent_is_an_error(self, index: Index) -> None:
        for value in ('"a\nb"', '"a\rb"', "\u20ac", "\ud800"):
            with pytest.raises(FetchError):
                Client().open(index.url, {"If-None-Match": value})
        assert index.requests == []


class TestRedirects:
    @pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
    @pytest.mark.parametrize(
        ("location", "target"),
        [
            ("https://files.example.org/x", "https://files.example.org/x"),
            ("/other/", "https://example.org/other/"),
            ("../bar/", "https://example.org/simple/bar/"),
            ("//files.example.org/x?y=z", "https://files.example.org/x?y=z"),
            ("http://example.org/x#fragment", "http://example.org/x"),
        ],
    )
    def test_are_followed(
        self, mock: responses.RequestsMock, status: int, location: str, target: str
    ) -> None:
        mock.get(URL, status=status, headers={"Location": location})
        mock.get(target, body=b"there")
        reply = get()
        assert reply.head.url == target
        assert body(reply) == b"there"

    def test_the_headers_go_with_them(self, mock: responses.RequestsMock) -> None:
        mock.get(URL, status=302, headers={"Location": "/x"})
        mock.get("https://example.org/x")
        get(URL, Range="bytes=5-")
        assert [call.request.headers["Range"] for call in mock.calls] == ["bytes=5-"] * 2

    def test_a_path_in_utf_8_is_followed(self, index: Index) -> None:
        index.fault("/simple/", Redirect("/files/é b".encode().decode("latin-1")))
        index.fault("/files/*", Status(204))
        assert get(index.url).head.url == f"{index.origin}/files/%C3%A9%20b"

    def test_a_loop_ends(self, index: Index) -> None:
        index.fault("/simple/", Redirect("/simple/"), always=True)
        error = failure(index.url)
        assert (f"more than {MAX_REDIRECTS}" in error.cause, error.transient) == (True, False)
        assert len(index.requests) == MAX_REDIRECTS + 1

    @pytest.mark.parametrize(
        "location",
        ["file:///etc/passwd", "ftp://example.org/x", "https://user:s3cret@example.org/", "http://[broken"],
    )
    def test_to_a_url_that_is_not_allowed_are_refused(self, index: Index, location: str) -> None:
        index.fault("/simple/", Redirect(location))
        assert not failure(index.url).transient

    @pytest.mark.parametrize(
        "location",
        [
            "http://127.0.0.1/x",
            "http://10.0.0.1/",
            "http://172.16.0.1:8080/",
            "http://192.168.1.1/",
            "http://100.64.0.1/",
            "http://169.254.169.254/latest/meta-data/",
            "http://0.0.0.0/",
            "http://127.1/",
            "http://2130706433/",
            "http://0x7f000001/",
            "http://0177.0.0.1/",
            "http://127.0.0.1./",
            "http://%31%32%37.0.0.1/",
            "http://%6cocalhost/",
            "http://[::1]/",
            "http://[::]/",
            "http://[fe80::1]/",
            "http://[fe80::1%25eth0]/",
            "http://[fd00::1]/",
            "http://[::ffff:127.0.0.1]/",
            "http://localhost/",
            "http://LOCALHOST./",
            "http://index.localhost/",
            "//10.0.0.1/x",
        ],
    )
    def test_from_the_internet_to_an_internal_address_are_refused(
        self, mock: responses.RequestsMock, location: str
    ) -> None:
        mock.get(URL, status=302, headers={"Location": location})
        error = failure()
        assert ("internal" in error.cause, error.transient) == (True, False)
        assert len(mock.calls) == 1

    @pytest.mark.parametrize("start", ["http://10.0.0.1/simple/", "http://localhost/simple/"])
    def test_between_internal_addresses_are_followed(self, mock: responses.RequestsMock, start: str) -> None:
        mock.get(start, status=302, headers={"Location": "http://192.168.1.1/x"})
        mock.get("http://192.168.1.1/x")
        assert get(start).head.url == "http://192.168.1.1/x"

    @pytest.mark.parametrize("location", ["http://93.184.215.14/x", "http://[2606:2800:21f::1]/x"])
    def test_to_a_public_address_are_followed(self, mock: responses.RequestsMock, location: str) -> None:
        mock.get(URL, status=302, headers={"Location": location})
        mock.get(location)
        assert get().head.url == location

    def test_to_an_internal_address_are_refused_after_other_redirects(
        self, mock: responses.RequestsMock
    ) -> None:
        mock.get(URL, status=302, headers={"Location": "https://files.example.org/"})
        mock.get("https://files.example.org/", status=307, headers={"Location": "http://169.254.169.254/"})
        assert "internal" in failure().cause

    def test_without_a_location_are_refused(self, mock: responses.RequestsMock) -> None:
        mock.get(URL, status=302)
        error = failure()
        assert ("Location" in error.cause, error.status) == (True, 302)


class TestBody:
    @pytest.fixture
    def url(self, index: Index) -> str:
        return index.url

    def answer(self, index: Index, content: bytes, encoding: str | None = None, *others: Any) -> None:
        fault = Together(Body(content), Headers({"Content-Encoding": encoding}), *others)
        index.fault("/simple/", fault)

    @pytest.mark.parametrize("encoding", [None, "", "identity"])
    def test_as_it_is(self, index: Index, url: str, encoding: str | None) -> None:
        self.answer(index, b"content" * 50_000, encoding)
        assert body(get(url)) == b"content" * 50_000

    @pytest.mark.parametrize("encoding", ["gzip", "x-gzip", " GZip "])
    @pytest.mark.parametrize("size", [0, 1, 100, 3_000_000])
    def test_gzip_is_decoded(self, index: Index, url: str, encoding: str, size: int) -> None:
        content = bytes(range(251)) * (size // 251) + b"x" * (size % 251)
        self.answer(index, gzip.compress(content, 1), encoding)
        reply = get(url)
        chunks = list(reply.decoded(LIMIT))
        reply.close()
        assert b"".join(chunks) == content
        assert max(map(len, chunks), default=0) <= 1 << 20

    def test_gzip_of_several_members_is_decoded(self, index: Index, url: str) -> None:
        members = [b"a" * 70_000, b"", b"b", b"c" * 2_000_000]
        self.answer(index, b"".join(gzip.compress(member) for member in members), "gzip", Chunked(1000))
        assert body(get(url)) == b"".join(members)

    @pytest.mark.parametrize("kept", [0, 1, 5, 100, -9, -8, -1])
    def test_gzip_that_ends_early_is_an_error(self, index: Index, url: str, kept: int) -> None:
        self.answer(index, gzip.compress(bytes(range(256)) * 10)[:kept], "gzip")
        error = failure(url)
        assert ("ends early" in error.cause, error.transient) == (True, True)

    @pytest.mark.parametrize(
        "broken", [b"<html>plain</html>", gzip.compress(b"x" * 100, mtime=0) + b"<html>"]
    )
    def test_what_is_not_gzip_is_an_error(self, index: Index, url: str, broken: bytes) -> None:
        self.answer(index, broken, "gzip")
        error = failure(url)
        assert ("gzip" in error.cause, error.transient) == (True, True)

    def test_gzip_with_a_wrong_checksum_is_an_error(self, index: Index, url: str) -> None:
        whole = gzip.compress(b"x" * 1000, mtime=0)
        self.answer(index, whole[:-8] + bytes(4) + whole[-4:], "gzip")
        assert failure(url).transient

    @pytest.mark.parametrize("encoding", ["br", "deflate", "zstd", "gzip, gzip", "x" * 1000])
    def test_an_encoding_that_was_not_requested_is_an_error(
        self, index: Index, url: str, encoding: str
    ) -> None:
        self.answer(index, b"content", encoding)
        error = failure(url)
        assert "encoding" in error.cause
        assert not error.transient

    def test_a_page_that_is_too_long_is_an_error(self, index: Index, url: str) -> None:
        for fault in (Body(b"x" * 1001), Together(Body(b"x" * 100_000), Chunked())):
            index.fault("/simple/", fault)
            with pytest.raises(FetchError, match="larger than 1000"), get(url) as reply:
                list(reply.decoded(1000))
        index.fault("/simple/", Body(b"x" * 1000))
        with get(url) as reply:
            assert len(b"".join(reply.decoded(1000))) == 1000

    @pytest.mark.parametrize("content", [bytes(50 << 20), b""], ids=["zeros", "nothing"])
    def test_a_bomb_is_bounded(self, index: Index, url: str, content: bytes) -> None:
        if content:
            bomb = gzip.compress(content, 9)
        else:
            # Blocks of no bytes, as many as one likes.
            bomb = gzip.compress(b"", mtime=0)[:10] + b"\0\0\0\xff\xff" * 300_000
        self.answer(index, bomb, "gzip")
        chunks: list[bytes] = []
        with pytest.raises(FetchError, match="larger than 1000000"), get(url) as reply:
            chunks.extend(reply.decoded(1_000_000))
        assert sum(map(len, chunks)) <= 1_000_000

    def test_bytes_after_a_gzip_body_are_an_error(self, index: Index, url: str) -> None:
        self.answer(index, gzip.compress(b"x", mtime=0) + bytes(1 << 20), "gzip")
        assert "gzip" in failure(url).cause

    @pytest.mark.parametrize("after", [0, 1, 999])
    def test_a_body_that_ends_early_is_an_error(self, index: Index, url: str, after: int) -> None:
        for extra in ([], [Chunked(100)]):
            index.fault("/simple/", Together(Body(b"x" * 1000), *extra, Truncate(after)))
            assert failure(url).transient
        index.fault("/simple/", Together(Body(b"x" * 1000), Truncate(after)))
        assert f"{1000 - after} bytes early" in failure(url).cause

    def test_a_length_beside_chunks_is_ignored(self, index: Index, url: str) -> None:
        self.answer(index, b"content", None, Headers({"Content-Length": "1000"}), Chunked())
        assert body(get(url)) == b"content"

    def test_two_different_lengths_are_an_error(self, index: Index, url: str) -> None:
        self.answer(index, b"content", None, Headers({"Content-Length": "7, 8"}))
        assert failure(url).transient

    @pytest.mark.parametrize("value", ["-7", "+7", "seven", "", "7.0", "\xb2", "9" * 5000])
    def test_an_invalid_length_is_ignored(self, index: Index, url: str, value: str) -> None:
        self.answer(index, b"content", None, Headers({"Content-Length": value, "Connection": "close"}))
        reply = get(url)
        assert reply.head.length is None
        assert body(reply) == b"content"

    @pytest.mark.parametrize(
        ("fault", "cause"),
        [
            (Reset(None), "reset by peer|closed the connection"),
            (Truncate(None), "closed the connection"),
            (Stall(None), "timed out"),
            (Stall(10), "timed out"),
        ],
    )
    def test_a_broken_connection_is_transient(self, index: Index, url: str, fault: Any, cause: str) -> None:
        index.fault("/simple/", fault)
        error = failure(url, Client(pace=Pace(read=0.1)))
        assert error.transient
        assert re.search(cause, error.cause)

    def test_a_refused_connection_is_transient(self) -> None:
        with socket.create_server(("127.0.0.1", 0)) as listener:
            port = listener.getsockname()[1]
        error = failure(f"http://127.0.0.1:{port}/")
        assert ("Connection refused" in error.cause, error.transient) == (True, True)

    def test_can_be_read_as_the_server_sent_it(self, index: Index, url: str) -> None:
        packed = gzip.compress(b"content", mtime=0)
        self.answer(index, packed, "gzip")
        with get(url) as reply:
            assert b"".join(reply) == packed

    @settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
    @given(st.lists(st.binary(max_size=3000), min_size=1, max_size=4), st.integers(1, 3000), st.data())
    def test_any_gzip_in_any_pieces(
        self, index: Index, url: str, members: list[bytes], size: int, data: st.DataObject
    ) -> None:
        packed = list(map(gzip.compress, members))
        self.answer(index, b"".join(packed), "gzip", Chunked(size))
        assert body(get(url)) == b"".join(members)
        kept = data.draw(st.integers(0, len(packed[-1]) - 1))
        self.answer(index, b"".join([*packed[:-1], packed[-1][:kept]]), "gzip", Chunked(size))
        if kept == 0 and packed[:-1]:
            assert body(get(url)) == b"".join(members[:-1])
        else:
            assert failure(url).transient


def test_zlib_is_what_gzip_is_made_of() -> None:
    """The bomb of empty blocks above is one."""
    bomb = gzip.compress(b"", mtime=0)[:10] + b"\0\0\0\xff\xff" * 10
    assert zlib.decompressobj(wbits=31).decompress(bomb) == b""
