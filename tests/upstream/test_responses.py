"""Responses as servers send them: heads, bodies, and what is not HTTP; for both ways to send a request."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from minimirror.upstream import FetchError, Pace
from tests.helpers.asking import presentable
from tests.helpers.fetching import ManyAtATime, OneAtATime, Way, get
from tests.helpers.raw_server import RawServer

if TYPE_CHECKING:
    from collections.abc import Iterator

OK = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"
CHUNKED = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
IMPATIENT = Pace(connect=5, read=0.2)


@pytest.fixture(params=[OneAtATime, ManyAtATime])
def way(request: pytest.FixtureRequest) -> Iterator[Way]:
    way: Way = request.param()
    yield way
    way.close()


@pytest.fixture
def many() -> Iterator[Way]:
    way = ManyAtATime()
    yield way
    way.close()


@pytest.fixture(params=[OneAtATime, ManyAtATime])
def impatient(request: pytest.FixtureRequest) -> Iterator[Way]:
    """Wait a fifth of a second for the next bytes."""
    way: Way = request.param(IMPATIENT)
    yield way
    way.close()


class TestHead:
    @pytest.mark.parametrize(
        ("head", "expected"),
        [
            (b"A: b\r\n", {"a": "b"}),
            (b"A:b\r\nC :  d \r\n", {"a": "b", "c": "d"}),
            (b"A: b\r\n  c\r\n\td\r\nE: f\r\n", {"a": "b c d", "e": "f"}),
            (b"Vary: a\r\nX: y\r\nvary: b\r\n", {"vary": "a, b", "x": "y"}),
            (b"A: b:c\r\nE: \xe9\r\n", {"a": "b:c", "e": "\xe9"}),
            (b"A: b\nC: d\n", {"a": "b", "c": "d"}),
            (b"A: %b\r\n" % (b"x" * 60_000), {"a": "x" * 60_000}),
        ],
        ids=["one", "spaces", "folded", "twice", "colons", "bare line feeds", "long"],
    )
    def test_headers(self, many: Way, head: bytes, expected: dict[str, str]) -> None:
        end = b"\n" if head.endswith(b"d\n") else b"\r\n"
        whole = b"HTTP/1.1 200 OK" + end + head + b"Content-Length: 6" + end + end + b"ok\r\n\r\n"
        with RawServer([whole]) as server:
            response = get(many, server.url)
        assert (response.head.status, response.body) == (200, b"ok\r\n\r\n")
        found = {name.lower(): value for name, value in response.head.headers.items()}
        assert found == {**expected, "content-length": "6"}

    @pytest.mark.parametrize(
        "interim",
        [
            b"HTTP/1.1 100 Continue\r\n\r\n",
            b"HTTP/1.1 103 Early Hints\r\nLink: </a>\r\nContent-Length: 5\r\n\r\n",
            b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 102 Processing\r\nX: y\r\n\r\n",
        ],
    )
    def test_interim_responses_are_skipped(self, way: Way, interim: bytes) -> None:
        with RawServer([interim + OK, OK]) as server:
            for _ in range(2):
                response = get(way, server.url)
                assert (response.head.status, response.body) == (200, b"ok")
                assert response.head.length == 2
            assert server.accepted == 1

    @pytest.mark.parametrize(
        "head",
        [
            b"",
            b"\r\n\r\n",
            b"\n",
            b"HTTP/1.1 200 OK\r\nContent-Length: 4, 5\r\n\r\nbody",
            b"garbage\r\n\r\n",
            b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc",
            b"SSH-2.0-OpenSSH_9.6\r\n",
            b"HTTP/2 200 OK\r\n\r\n",
            b"HTTP/1.1\r\n\r\n",
            b"HTTP/1.1 OK\r\n\r\n",
            b"HTTP/1.1 20 OK\r\n\r\n",
            b"HTTP/1.1 2000 OK\r\n\r\n",
            b"HTTP/1.1 \xb2\xb2\xb2 OK\r\n\r\n",
            b"HTTP/1.1 200 OK\r\n",
            b"HTTP/1.1 200 OK\r\nContent-Length: 2",
            b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n",
            b"HTTP/1.1 100 Continue\r\n\r\n",
            b"HTTP/1.1 100 Continue\r\n\r\n" * 3000 + OK,
            b"HTTP/1.1 200 OK\r\n" + b"X: y\r\n" * 20_000 + b"\r\n",
            b"HTTP/1.1 200 OK\r\nX: " + b"y" * 100_000 + b"\r\n\r\n",
            b"H" * 100_000,
            b"HTTP/1.1 200 " + b"K" * 100_000 + b"\r\n\r\n",
        ],
        ids=lambda head: f"{head[:30].decode('latin-1')!r} {len(head)}",
    )
    def test_anything_else_is_an_error(self, way: Way, head: bytes) -> None:
        with RawServer([head], [head], [OK]) as server:
            with pytest.raises(FetchError) as caught:
                get(way, server.url)
            assert presentable(caught.value).transient

    @settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
    @given(
        st.lists(
            st.sampled_from([b"\r\n", b"\n", b":", b" ", b"a", b"HTTP/1.1 ", b"200", b"Content-Length:"])
        )
    )
    def test_any_head_is_read_or_an_error(self, way: Way, pieces: list[bytes]) -> None:
        with RawServer([b"HTTP/1.1 200 OK\r\n" + b"".join(pieces)]) as server:
            try:
                response = get(way, server.url)
            except FetchError:
                return
        assert response.head.status == 200


class TestBody:
    @pytest.mark.parametrize(
        ("answer", "body", "again"),
        [
            (b"HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nbody", b"body", True),
            (b"HTTP/1.1 200 OK\r\nContent-Length: 4, 4\r\n\r\nbody", b"body", True),
            (b"HTTP/1.1 200 OK\r\nContent-Length: 4\r\nContent-Length: 4\r\n\r\nbody", b"body", True),
            (b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n", b"", True),
            (b"HTTP/1.1 200 OK\r\nContent-Length: 4\r\nConnection: close\r\n\r\nbody", b"body", False),
            (b"HTTP/1.1 200 OK\r\nContent-Length: 4\r\nConnection: Close, TE\r\n\r\nbody", b"body", False),
            (b"HTTP/1.1 200 OK\r\n\r\nbody", b"body", False),
            (b"HTTP/1.0 200 OK\r\nContent-Length: 4\r\n\r\nbody", b"body", False),
            (b"HTTP/1.0 200 OK\r\n\r\nbody", b"body", False),
            (b"HTTP/1.0 200 OK\r\nContent-Length: 4\r\nConnection: Keep-Alive\r\n\r\nbody", b"body", True),
            (
                b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nbo\r\n2\r\ndy\r\n0\r\n\r\n",
                b"body",
                True,
            ),
            (
                b"HTTP/1.1 200 OK\r\nTransfer-Encoding: Chunked\r\n\r\n4;x=y\r\nbody\r\n0\r\nX: y\r\n\r\n",
                b"body",
                True,
            ),
            (
                (
                    b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\nTransfer-Encoding: chunked\r\n\r\n"
                    b"4\r\nbody\r\n0\r\n\r\n"
                ),
                b"body",
                True,
            ),
            (b"HTTP/1.1 204 No Content\r\n\r\n", b"", True),
            (b"HTTP/1.1 304 Not Modified\r\nContent-Length: 4\r\n\r\n", b"", True),
            (b"HTTP/1.1 304 Not Modified\r\nTransfer-Encoding: chunked\r\n\r\n", b"", True),
            (b"HTTP/1.1 200\r\nContent-Length: 4\r\n\r\nbody", b"body", True),
        ],
        ids=lambda value: value[9:60].decode("latin-1") if isinstance(value, bytes) else "",
    )
    def test_ends_by_length_by_chunks_or_with_the_connection(
        self, way: Way, answer: bytes, body: bytes, again: bool
    ) -> None:
        connections = [[answer, OK]] if again else [[answer], [OK]]
        with RawServer(*connections) as server:
            assert get(way, server.url).body == body
            assert get(way, server.url).body == b"ok"
            assert server.accepted == len(connections)

    @pytest.mark.parametrize(
        "body", [b"", b"4", b"4\r\nbo", b"4\r\nbody\r\n", b"x\r\nbody", b"-4\r\nbody\r\n", b"f" * 70_000]
    )
    def test_broken_chunks_are_an_error(self, way: Way, body: bytes) -> None:
        with RawServer([CHUNKED + body], [OK]) as server:
            with pytest.raises(FetchError) as caught:
                get(way, server.url)
            assert presentable(caught.value).transient
            assert get(way, server.url).body == b"ok"

    @pytest.mark.parametrize(
        ("begin", "more"),
        [
            (b"HTTP/1.1 200 OK\r\n", b"X: y\r\n"),
            (b"HTTP/1.1 200 OK\r\nX: ", b"y"),
            (b"", b"HTTP/1.1 100 Continue\r\n\r\n"),
            (CHUNKED, b"0"),
            (CHUNKED + b"1;", b"x"),
            (CHUNKED + b"1\r\nx\r\n0\r\n", b"X: y\r\n"),
        ],
        ids=["headers", "one header", "interim responses", "chunk size", "chunk extension", "trailers"],
    )
    def test_that_never_ends_is_an_error(self, impatient: Way, begin: bytes, more: bytes) -> None:
        with RawServer([begin], endless=more * 1000) as server, pytest.raises(FetchError) as caught:
            get(impatient, server.url)
        assert presentable(caught.value).transient

    @pytest.mark.parametrize(
        "begin",
        [b"", b"HTTP/1.1 200 OK\r\nX: y\r\n", CHUNKED, CHUNKED + b"5\r\nx", CHUNKED + b"1\r\nx\r\n0\r\n"],
        ids=["no head", "half a head", "no chunk", "half a chunk", "no trailers"],
    )
    def test_that_stops_is_an_error(self, impatient: Way, begin: bytes) -> None:
        with RawServer([begin, b""]) as server, pytest.raises(FetchError) as caught:
            get(impatient, server.url)
        assert (caught.value.cause.endswith("timed out"), caught.value.transient) == (True, True)
