"""The client for single requests: what it sends, what it returns, and which connections it uses."""

from __future__ import annotations

import gzip
import math
import re
import socket
from typing import TYPE_CHECKING, Any

import pytest

from minimirror import __version__
from minimirror.common import counted
from minimirror.upstream import Client, FetchError, Pace, completed
from minimirror.upstream.addresses import AddressGuard
from minimirror.upstream.http import MAX_REDIRECTS, Head, Request
from tests.helpers.asking import URL, body, failure, get
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
from tests.helpers.raw_server import RawServer

if TYPE_CHECKING:
    from collections.abc import Callable

    import responses

CONTENT = bytes(range(256)) * 400
OK = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"


@pytest.fixture
def client() -> Client:
    return Client(pace=Pace(connect=5, read=5))


@pytest.fixture
def file(index: Index) -> str:
    """The URL of a file that is larger than what is read at once."""
    return index.file_url(index.add("demo", "demo-1.0.zip", CONTENT))


class TestResponses:
    @pytest.mark.parametrize("status", [200, 203, 204, 206, 304, 416])
    def test_a_good_status_is_returned(self, mock: responses.RequestsMock, status: int) -> None:
        mock.get(URL, body=b"content", status=status, headers={"X-Thing": "1"})
        with get() as reply:
            assert (reply.head.status, reply.head.url, reply.head.headers["x-thing"]) == (status, URL, "1")

    @pytest.mark.parametrize("status", [300, 401, 404, 410, 429, 500, 503, 600, 999])
    def test_another_status_is_an_error(self, index: Index, status: int) -> None:
        index.fault("/simple/", Status(status, {"Retry-After": "7"}))
        error = failure(index.url)
        assert (error.status, error.retry_after) == (status, 7.0)
        assert error.cause.startswith(f"HTTP {status}")

    def test_a_body_can_be_read_as_it_was_sent_or_decoded(self, index: Index) -> None:
        packed = gzip.compress(CONTENT)
        index.fault("/simple/", Together(Body(packed), Headers({"Content-Encoding": "gzip"})), always=True)
        with get(index.url) as reply:
            assert b"".join(reply) == packed
        assert body(get(index.url)) == CONTENT

    def test_an_encoding_that_was_not_requested_is_an_error(self, index: Index) -> None:
        index.fault("/simple/", Headers({"Content-Encoding": "br"}))
        assert "'br'" in failure(index.url).cause

    @pytest.mark.parametrize("framing", [[], [Chunked(100)]])
    @pytest.mark.parametrize("after", [0, 1, 999])
    def test_a_body_that_ends_early_is_an_error(
        self, index: Index, framing: list[Chunked], after: int
    ) -> None:
        index.fault("/simple/", Together(Body(b"x" * 1000), *framing, Truncate(after)))
        error = failure(index.url)
        assert error.transient
        if not framing:
            assert f"{counted(1000 - after, 'byte')} early" in error.cause

    def test_a_length_beside_chunks_is_ignored(self, index: Index, file: str) -> None:
        index.fault("demo-1.0.zip", Together(Headers({"Content-Length": "1000"}), Chunked()))
        assert body(get(file)) == CONTENT

    def test_two_different_lengths_are_an_error(self, index: Index) -> None:
        index.fault("/simple/", Headers({"Content-Length": "7, 8"}))
        assert failure(index.url).transient

    def test_a_repeated_length_is_one_length(self, index: Index) -> None:
        index.fault("/simple/", Together(Body(b"content"), Headers({"Content-Length": "7, 7"})))
        assert body(get(index.url)) == b"content"

    @pytest.mark.parametrize("value", ["-7", "+7", "seven", "", "7.0", "\xb2", "9" * 5000])
    def test_an_invalid_length_is_ignored(self, index: Index, value: str) -> None:
        headers = Headers({"Content-Length": value, "Connection": "close"})
        index.fault("/simple/", Together(Body(b"content"), headers))
        assert body(get(index.url)) == b"content"

    @pytest.mark.parametrize(
        ("fault", "cause"),
        [
            (Reset(None), "reset by peer|closed the connection"),
            (Reset(10), "reset by peer|early"),
            (Truncate(None), "closed the connection without a response"),
            (Stall(None), "timed out"),
            (Stall(10), "timed out"),
        ],
    )
    def test_a_broken_connection_is_a_passing_error(self, index: Index, fault: Any, cause: str) -> None:
        index.fault("/simple/", fault)
        error = failure(index.url, Client(pace=Pace(read=0.1)))
        assert error.transient
        assert re.search(cause, error.cause)

    def test_a_refused_connection_is_a_passing_error(self) -> None:
        with socket.create_server(("127.0.0.1", 0)) as listener:
            port = listener.getsockname()[1]
        error = failure(f"http://127.0.0.1:{port}/")
        assert ("Connection refused" in error.cause, error.transient) == (True, True)

    def test_a_server_without_tls_is_an_error(self) -> None:
        with RawServer([], greeting=b"220 ready\r\n") as server:
            error = failure(server.url.replace("http:", "https:"))
        assert ("TLS" in error.cause, error.transient) == (True, False)


class TestRequests:
    def test_they_name_minimirror_and_its_version(self, index: Index) -> None:
        get(index.url, Accept="text/html").close()
        headers = index.requests[0].headers
        assert headers["user-agent"].startswith(f"minimirror/{__version__} ")
        assert headers["accept"] == "text/html"
        assert "authorization" not in headers

    @pytest.mark.parametrize(
        ("url", "path"),
        [
            ("/files/a%20b+c!.zip", "/files/a%20b+c!.zip"),
            ("/files/a b.zip", "/files/a%20b.zip"),
            ("/files/é.zip", "/files/%C3%A9.zip"),
            ("/files/a?b=c d#e", "/files/a?b=c%20d"),
            ("/files/../a/./b", "/files/../a/./b"),
            ("?b=c", "/?b=c"),
            ("", "/"),
            ("/a\r\nX: y", "/a%0D%0AX:%20y"),
        ],
    )
    def test_a_url_is_quoted(self, index: Index, url: str, path: str) -> None:
        index.fault("*", Status(204))
        get(index.origin + url).close()
        (exchange,) = index.requests
        assert exchange.request.target == path
        assert "x" not in exchange.headers

    @pytest.mark.parametrize(
        "url",
        [
            "ftp://example.org/x",
            "https://user:s3cret@example.org/x",
            "http://[broken/x",
            "http://127.0.0.1:99999/x",
            "http://a..b/x",
            "http://../x",
            f"http://{'a' * 100}/x",
            "http://é..x/x",
            "http://\ud800/x",
        ],
    )
    def test_a_url_that_cannot_be_requested_is_an_error(self, url: str) -> None:
        assert not failure(url).transient

    def test_a_header_that_cannot_be_sent_is_an_error(self, index: Index) -> None:
        for value in ('"a\nb"', '"a\rb"', '"a\r\n b"', '"a\0b"', "\u20ac", "\ud800"):
            with pytest.raises(FetchError, match="cannot be sent"):
                Client().open(index.url, {"If-None-Match": value})
        assert index.requests == []


class TestRedirects:
    @pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
    def test_they_are_followed_with_the_same_headers(self, index: Index, file: str, status: int) -> None:
        index.fault("/simple/", Redirect("/simple/x/", status))
        index.fault("/simple/x/", Redirect(file, status))
        reply = get(index.url, Range="bytes=5-")
        assert (reply.head.url, body(reply)) == (file, CONTENT[5:])

    def test_a_path_in_utf_8_is_followed(self, index: Index) -> None:
        index.fault("/simple/", Redirect("/files/é b".encode().decode("latin-1")))
        index.fault("/files/*", Status(204))
        assert get(index.url).head.url == f"{index.origin}/files/%C3%A9%20b"

    def test_a_loop_ends(self, index: Index) -> None:
        index.fault("/simple/", Redirect("/simple/"), always=True)
        error = failure(index.url)
        assert (f"more than {MAX_REDIRECTS}" in error.cause, error.transient) == (True, False)
        assert len(index.requests) == MAX_REDIRECTS + 1

    @pytest.mark.parametrize("location", ["ftp://example.org/x", "https://user:s3cret@example.org/", ""])
    def test_others_are_refused(self, index: Index, location: str) -> None:
        index.fault("/simple/", Redirect(location))
        assert not failure(index.url).transient

    def test_they_may_have_to_stay_on_the_host(self, index: Index, file: str) -> None:
        client = Client(same_host=True)
        index.fault("/simple/", Redirect(file), Redirect(file.replace("127.0.0.1", "localhost")))
        assert get(index.url, client).head.url == file
        assert "another host" in failure(index.url, client).cause


class TestAddresses:
    PUBLIC = AddressGuard("http://93.184.215.14/simple/")

    def test_a_public_index_does_not_lead_to_an_internal_address(self, index: Index) -> None:
        error = failure(index.url, Client(guard=self.PUBLIC))
        assert ("internal address 127.0.0.1" in error.cause, error.transient) == (True, False)
        assert index.requests == []

    def test_nor_by_a_name(self, index: Index) -> None:
        assert (
            "internal"
            in failure(index.url.replace("127.0.0.1", "localhost"), Client(guard=self.PUBLIC)).cause
        )
        assert index.requests == []

    def test_an_internal_index_does(self, index: Index, index_factory: Callable[..., Index]) -> None:
        client = Client(guard=AddressGuard(index.url))
        assert get(index_factory().url.replace("127.0.0.1", "localhost"), client).head.status == 200

    def test_a_redirect_from_the_internet_is_refused(self, mock: responses.RequestsMock) -> None:
        mock.get(URL, status=302, headers={"Location": "http://127.0.0.1/"})
        assert "internal" in failure().cause
        assert len(mock.calls) == 1

    def test_a_proxy_may_have_any_address(self, monkeypatch: pytest.MonkeyPatch) -> None:
        with RawServer([OK]) as proxy:
            monkeypatch.setenv("HTTP_PROXY", proxy.url)
            assert body(get("http://example.org/", Client(guard=self.PUBLIC))) == b"ok"


class Parts:
    """Takes a body; a :class:`Sink`."""

    def __init__(self) -> None:
        self.taken: list[Head | bytes] = []

    def begin(self, head: Head) -> None:
        self.taken.append(head)

    def write(self, data: bytes) -> None:
        self.taken.append(data)

    def flush(self) -> None:
        """Do nothing."""


class TestGet:
    def test_it_returns_the_decoded_body(self, client: Client, index: Index) -> None:
        packed = gzip.compress(CONTENT)
        index.fault("/simple/", Together(Body(packed), Headers({"Content-Encoding": "gzip"})))
        response = completed(client.get(Request(index.url, {}, math.inf, limit=len(CONTENT))))
        assert (response.head.status, response.body) == (200, CONTENT)

    def test_a_body_beyond_the_limit_is_an_error(self, client: Client, file: str) -> None:
        with pytest.raises(FetchError, match="larger than 1000 bytes"):
            completed(client.get(Request(file, {}, math.inf, limit=1000)))

    def test_a_sink_takes_the_head_and_the_body_as_it_was_sent(self, client: Client, index: Index) -> None:
        packed = gzip.compress(CONTENT)
        index.fault("/simple/", Together(Body(packed), Headers({"Content-Encoding": "gzip"})))
        sink = Parts()
        response = completed(client.get(Request(index.url, {}, math.inf, sink=sink)))
        head, *parts = sink.taken
        assert (head, response.body) == (response.head, b"")
        assert b"".join(part for part in parts if isinstance(part, bytes)) == packed

    def test_an_unchanged_page_has_no_body(self, client: Client, index: Index) -> None:
        index.fault("/simple/", Together(Status(304, {"Content-Encoding": "gzip"}, b"")))
        response = completed(client.get(Request(index.url, {}, math.inf)))
        assert (response.head.status, response.body) == (304, b"")
