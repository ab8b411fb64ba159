"""Many requests at a time: connections, redirects, credentials, limits."""

from __future__ import annotations

import asyncio
import math
import selectors
import socket
from typing import TYPE_CHECKING

import pytest

from minimirror.upstream import FetchError, Pace
from minimirror.upstream.http import MAX_REDIRECTS, Request
from tests.helpers.asking import SECRET, basic, presentable
from tests.helpers.fetching import ManyAtATime, get
from tests.helpers.index import Chunked, Drip, Headers, Index, Redirect, Stall, Status, Truncate
from tests.helpers.raw_server import RawServer

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

CONTENT = bytes(range(256)) * 400
OK = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"


@pytest.fixture
def many() -> Iterator[ManyAtATime]:
    many = ManyAtATime()
    yield many
    many.close()


@pytest.fixture
def impatient() -> Iterator[ManyAtATime]:
    many = ManyAtATime(Pace(connect=5, read=0.2))
    yield many
    many.close()


@pytest.fixture
def url(index: Index) -> str:
    return index.file_url(index.add("demo", "demo-1.0.zip", CONTENT))


def failure(many: ManyAtATime, url: str, deadline: float = math.inf) -> FetchError:
    with pytest.raises(FetchError) as caught:
        get(many, url, deadline=deadline)
    return presentable(caught.value)


class TestConnections:
    def test_serve_request_after_request(self, many: ManyAtATime, index: Index, url: str) -> None:
        for _ in range(3):
            assert get(many, url).body == CONTENT
        index.fault("demo-1.0.zip", Chunked(), Status(404))
        assert get(many, url).body == CONTENT
        assert failure(many, url).status == 404
        assert get(many, url).body == CONTENT
        assert index.connections == 1

    def test_are_as_many_as_allowed(self, index: Index, url: str) -> None:
        many = ManyAtATime(connections=3)
        requests = [many.transfers.get(Request(url, {}, math.inf, limit=1 << 20)) for _ in range(32)]
        assert [each.body for each in many.together(*requests)] == [CONTENT] * 32
        assert index.connections <= 3
        assert many.transfers.capacity == 3
        many.close()

    def test_where_no_selector_can_be_in_another_one(
        self, index: Index, url: str, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """As on Windows."""
        monkeypatch.setattr(selectors, "DefaultSelector", selectors.SelectSelector)
        index.fault("demo-1.0.zip", Truncate(1000), Chunked())
        many = ManyAtATime(connections=3)
        assert failure(many, url).transient
        requests = [many.transfers.get(Request(url, {}, math.inf, limit=1 << 20)) for _ in range(32)]
        assert [each.body for each in many.together(*requests)] == [CONTENT] * 32
        many.close()

    def test_that_the_server_closed_are_replaced(self, many: ManyAtATime) -> None:
        with RawServer([OK], [OK, OK]) as server:
            assert [get(many, server.url).body for _ in range(3)] == [b"ok"] * 3
            assert server.accepted == 2

    def test_that_the_server_closes_at_once_are_an_error(self, many: ManyAtATime) -> None:
        with RawServer([b""], [OK]) as server:
            assert failure(many, server.url).transient
            assert get(many, server.url).body == b"ok"

    def test_on_which_something_else_follows_are_replaced(self, many: ManyAtATime) -> None:
        with RawServer([OK + b" and more" * 5000], [OK]) as server:
            assert get(many, server.url).body == b"ok"
            assert get(many, server.url).body == b"ok"

    def test_that_timed_out_are_replaced(self, impatient: ManyAtATime, index: Index, url: str) -> None:
        index.fault("demo-1.0.zip", Stall(1000), Stall(None))
        for _ in range(2):
            error = failure(impatient, url)
            assert (error.cause.endswith("timed out"), error.transient) == (True, True)
        assert get(impatient, url).body == CONTENT

    def test_that_broke_are_replaced(self, many: ManyAtATime, index: Index, url: str) -> None:
        index.fault("demo-1.0.zip", Truncate(1000))
        error = failure(many, url)
        assert (f"{len(CONTENT) - 1000:,} bytes early" in error.cause, error.transient) == (True, True)
        assert get(many, url).body == CONTENT

    def test_that_are_refused_are_an_error(self, many: ManyAtATime) -> None:
        with socket.create_server(("127.0.0.1", 0)) as listener:
            port = listener.getsockname()[1]
        error = failure(many, f"http://127.0.0.1:{port}/")
        assert ("Connection refused" in error.cause, error.transient) == (True, True)

    def test_to_an_unknown_name_are_an_error(self, many: ManyAtATime) -> None:
        error = failure(many, "http://no-such-host.invalid/")
        assert ("no-such-host.invalid" in error.cause, error.transient) == (True, True)

    @pytest.mark.parametrize("greeting", [b"220 hello\r\n", b""])
    def test_to_a_server_without_tls_are_an_error(self, greeting: bytes) -> None:
        """It speaks first, and will next time; or it waits for the end of a request."""
        many = ManyAtATime(Pace(connect=0.5, read=5))
        with RawServer([b"no"], greeting=greeting) as server:
            error = failure(many, server.url.replace("http:", "https:"))
        many.close()
        assert (error.cause.endswith("timed out"), error.transient) == (not greeting, not greeting)

    def test_are_given_up_with_their_requests(self, index: Index, url: str) -> None:
        many = ManyAtATime()
        index.fault("demo-1.0.zip", Stall(1000))

        async def give_up() -> None:
            request = asyncio.ensure_future(many.transfers.get(Request(url, {}, math.inf)))
            while not index.requests:
                await asyncio.sleep(0)
            many.transfers.close()
            with pytest.raises(FetchError):
                await request

        many.run(give_up())
        many.close()


class TestLimits:
    def test_a_body_that_is_too_long_is_an_error(self, many: ManyAtATime, index: Index, url: str) -> None:
        for fault in (Headers({}), Chunked()):
            index.fault("demo-1.0.zip", fault)
            with pytest.raises(FetchError, match="larger than 1000 bytes"):
                get(many, url, limit=1000)

    def test_a_slow_body_is_an_error(self, index: Index, url: str) -> None:
        many = ManyAtATime(Pace(read=0.2, min_rate=1e9))
        index.fault("demo-1.0.zip", Drip(1000), always=True)
        error = failure(many, url)
        assert ("min_rate" in error.cause, error.transient) == (True, True)
        many.close()

    def test_the_time_limit_ends_a_body(self, many: ManyAtATime, index: Index, url: str) -> None:
        index.fault("demo-1.0.zip", Drip(1000), always=True)
        error = failure(many, url, deadline=0.0)
        assert ("file_timeout" in error.cause, error.transient) == (True, False)

    def test_an_unwanted_body_is_not_read(self, many: ManyAtATime) -> None:
        with RawServer([b"HTTP/1.1 404 Not Found\r\n\r\n"], endless=b"x" * 100_000) as server:
            assert failure(many, server.url).status == 404


class TestRedirects:
    def test_are_followed(self, many: ManyAtATime, index: Index, url: str) -> None:
        index.fault("/simple/", Redirect(url))
        response = get(many, index.url, {"Range": "bytes=5-"})
        assert (response.head.url, response.body) == (url, CONTENT[5:])

    def test_a_loop_ends(self, many: ManyAtATime, index: Index) -> None:
        index.fault("/simple/", Redirect("/simple/"), always=True)
        assert f"more than {MAX_REDIRECTS}" in failure(many, index.url).cause
        assert len(index.requests) == MAX_REDIRECTS + 1

    @pytest.mark.parametrize("location", ["file:///etc/passwd", "ftp://example.org/x", "http://[broken"])
    def test_to_anything_but_http_are_refused(self, many: ManyAtATime, index: Index, location: str) -> None:
        index.fault("/simple/", Redirect(location))
        assert not failure(many, index.url).transient

    def test_without_a_location_are_refused(self, many: ManyAtATime, index: Index) -> None:
        index.fault("/simple/", Status(302))
        assert "Location" in failure(many, index.url).cause


class TestCredentials:
    def test_are_sent_to_their_own_origin_only(self, index_factory: Callable[..., Index]) -> None:
        index, elsewhere = index_factory(auth=("user", SECRET)), index_factory()
        index.fault("/simple/demo/", Redirect(elsewhere.url))
        many = ManyAtATime(index_url=index.url.replace("://", f"://user:{SECRET}@"))
        assert get(many, index.url).head.status == 200
        assert get(many, f"{index.url}demo/").head.url == elsewhere.url
        assert [each.headers.get("authorization") for each in index.requests] == [basic("user", SECRET)] * 2
        assert "authorization" not in elsewhere.requests[0].headers
        many.close()

    def test_of_netrc_are_sent(
        self, index_factory: Callable[..., Index], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        (tmp_path / "netrc").write_text(f"machine 127.0.0.1 login user password {SECRET}\n")
        monkeypatch.setenv("NETRC", str(tmp_path / "netrc"))
        index = index_factory(auth=("user", SECRET))
        many = ManyAtATime()
        assert get(many, index.url).head.status == 200
        many.close()

    def test_of_netrcs_default_are_sent_to_the_index_only(
        self, index_factory: Callable[..., Index], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        (tmp_path / "netrc").write_text(f"default login user password {SECRET}\n")
        monkeypatch.setenv("NETRC", str(tmp_path / "netrc"))
        index, elsewhere = index_factory(auth=("user", SECRET)), index_factory()
        index.fault("/simple/demo/", Redirect(elsewhere.url.replace("127.0.0.1", "localhost")))
        many = ManyAtATime(index_url=index.url)
        assert get(many, index.url).head.status == 200
        assert get(many, f"{index.url}demo/").head.status == 200
        assert [each.headers.get("authorization") for each in index.requests] == [basic("user", SECRET)] * 2
        assert "authorization" not in elsewhere.requests[0].headers
        many.close()


class TestRequest:
    def test_what_is_sent(self, many: ManyAtATime) -> None:
        with RawServer([OK, OK]) as server:
            get(many, server.url, {"Accept": "x/y", "If-None-Match": '"\xe9"'})
            get(many, server.url + "a%20b/../c?d=e&f")
        first, second = (request.split(b"\r\n") for request in server.requests)
        assert first[0] == b"GET / HTTP/1.1"
        assert b'If-None-Match: "\xe9"' in first
        assert [line for line in first if line.startswith(b"Accept")] == [b"Accept: x/y"]
        assert [line for line in first if line.startswith(b"User-Agent: minimirror/")]
        assert second[0] == b"GET /a%20b/../c?d=e&f HTTP/1.1"

    @pytest.mark.parametrize("value", ["a\r\nX: y", "a\nX: y", "a\r", "a\rX: y", "a\0", "\u20ac"])
    def test_a_header_that_would_be_two_is_refused(self, many: ManyAtATime, index: Index, value: str) -> None:
        with pytest.raises(FetchError):
            get(many, index.url, {"If-None-Match": value})
        assert index.requests == []
