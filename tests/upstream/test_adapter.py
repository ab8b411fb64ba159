"""Every wait for a server is bounded, wherever in a response it stalls, trickles or goes on for ever."""

from __future__ import annotations

import math
import time

import pytest

from minimirror.upstream import Client, FetchError, Pace
from minimirror.upstream.decoding import decoded
from tests.helpers.asking import presentable
from tests.helpers.raw_server import RawServer
from tests.helpers.running import until

OK = b"HTTP/1.1 200 OK\r\n"
SIZED = OK + b"Content-Length: 1000000\r\n\r\n"
CHUNKED = OK + b"Transfer-Encoding: chunked\r\n\r\n"
ENDED = CHUNKED + b"1\r\nx\r\n0\r\n"

TRICKLES = {
    "status line": (b"HTTP/1.1 200 ", b"O"),
    "interim responses": (b"", b"HTTP/1.1 100 Continue\r\n\r\n"),
    "an interim response": (b"HTTP/1.1 103 Early Hints\r\n", b"X: y\r\n"),
    "headers": (OK, b"X: y\r\n"),
    "a header": (OK + b"X: ", b"y"),
    "a body with a length": (SIZED, b"x"),
    "a body until the end": (OK + b"\r\n", b"x"),
    "a chunk size": (CHUNKED, b"0"),
    "a chunk extension": (CHUNKED + b"1;", b"x"),
    "a chunk": (CHUNKED + b"fffff\r\n", b"x"),
    "chunks": (CHUNKED, b"1\r\nx\r\n"),
    "trailers": (ENDED, b"X: y\r\n"),
    "a trailer": (ENDED + b"X: ", b"y"),
}
"""Where a response trickles: what comes at once, and what then comes bit by bit."""

SLOW = Pace(connect=5, read=0.1, min_rate=1e6)
PATIENT = Pace(connect=20, read=20, min_rate=0)


def failure(url: str, pace: Pace, deadline: float = math.inf) -> FetchError:
    with pytest.raises(FetchError) as caught, Client(pace=pace).open(url, {}, deadline) as reply:
        list(decoded(reply.head, reply, 1 << 24))
    return presentable(caught.value)


def soon() -> float:
    return time.monotonic() + 0.2


@pytest.mark.parametrize(("begin", "more"), TRICKLES.values(), ids=TRICKLES)
def test_a_trickle_is_given_up(begin: bytes, more: bytes) -> None:
    with RawServer([begin], endless=more, pause=0.01) as server:
        error = failure(server.url, SLOW)
    assert ("min_rate" in error.cause, error.transient) == (True, True)


@pytest.mark.parametrize(("begin", "more"), TRICKLES.values(), ids=TRICKLES)
def test_the_time_limit_ends_a_trickle(begin: bytes, more: bytes) -> None:
    with RawServer([begin], endless=more, pause=0.01) as server:
        error = failure(server.url, PATIENT, soon())
    assert ("file_timeout" in error.cause, error.transient) == (True, False)


@pytest.mark.parametrize("begin", [b"", OK, SIZED, CHUNKED, ENDED])
def test_the_time_limit_ends_a_silence(begin: bytes) -> None:
    with RawServer([begin, b""]) as server:
        begun = time.monotonic()
        error = failure(server.url, PATIENT, soon())
        assert time.monotonic() - begun < PATIENT.read
    assert "timed out" in error.cause or "file_timeout" in error.cause


def test_nothing_is_sent_after_the_time_limit() -> None:
    with RawServer([b""]) as server:
        assert "file_timeout" in failure(server.url, PATIENT, time.monotonic()).cause
        assert server.accepted == 0


@pytest.mark.parametrize("status", [b"404 Not Found", b"302 Found"])
def test_an_unwanted_body_is_not_waited_for(status: bytes) -> None:
    with RawServer([b"HTTP/1.1 %b\r\n\r\n" % status], endless=b"x", pause=0.01) as server:
        assert failure(server.url, SLOW).status == int(status[:3])


def test_interim_headers_without_end_are_an_error() -> None:
    with RawServer([b"HTTP/1.1 103 Early Hints\r\n"], endless=b"X: y\r\n" * 10_000) as server:
        error = failure(server.url, PATIENT)
    assert ("not valid HTTP" in error.cause, error.transient) == (True, True)


@pytest.mark.parametrize("size", [b"-1", b"-5", b"-ffffffff"])
def test_after_a_negative_chunk_size_nothing_is_read(size: bytes) -> None:
    with RawServer([CHUNKED + size + b"\r\n", b""]) as server:
        error = failure(server.url, PATIENT)
    assert ("not valid HTTP" in error.cause, error.transient) == (True, True)


class TestProxy:
    """The same, where the response is a proxy's."""

    @pytest.mark.parametrize(("begin", "more"), TRICKLES.values(), ids=TRICKLES)
    def test_a_trickle_is_given_up(self, monkeypatch: pytest.MonkeyPatch, begin: bytes, more: bytes) -> None:
        with RawServer([begin], endless=more, pause=0.01) as proxy:
            monkeypatch.setenv("HTTP_PROXY", proxy.url)
            error = failure("http://example.org/", SLOW)
        assert ("min_rate" in error.cause, error.transient) == (True, True)

    @pytest.mark.parametrize(
        ("begin", "more"),
        [(b"", b"H"), (OK, b"X: y\r\n"), (OK + b"X: ", b"y")],
        ids=["status line", "headers", "a header"],
    )
    @pytest.mark.parametrize("pace", [SLOW, PATIENT])
    def test_a_tunnel_that_trickles_is_given_up(
        self, monkeypatch: pytest.MonkeyPatch, begin: bytes, more: bytes, pace: Pace
    ) -> None:
        with RawServer([begin], endless=more, pause=0.01) as proxy:
            monkeypatch.setenv("HTTPS_PROXY", proxy.url)
            error = failure("https://example.org/", pace, soon())
            until(lambda: proxy.requests, "the proxy has read the request")
            assert proxy.requests[0].startswith(b"CONNECT example.org:443 ")
        assert "min_rate" in error.cause or "file_timeout" in error.cause


class TestTLS:
    # The beginning of a record that would have 16 kB.
    RECORD = b"\x16\x03\x03\x3f\xff"

    @pytest.mark.parametrize("more", [b"", b"\2"], ids=["silence", "a trickle"])
    def test_a_handshake_that_never_ends_times_out(self, more: bytes) -> None:
        with RawServer([] if more else [b""], greeting=self.RECORD, endless=more, pause=0.01) as server:
            error = failure(server.url.replace("http:", "https:"), Pace(connect=0.2, read=20))
        assert (error.cause.endswith("timed out"), error.transient) == (True, True)
