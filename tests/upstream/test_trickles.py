"""Many requests at a time: every wait for a server is bounded, wherever in a response it trickles."""

from __future__ import annotations

import math
import time
from typing import TYPE_CHECKING

import pytest

from minimirror.upstream import FetchError, Pace
from tests.helpers.asking import presentable
from tests.helpers.fetching import ManyAtATime, get
from tests.helpers.raw_server import RawServer

if TYPE_CHECKING:
    from collections.abc import Iterator

OK = b"HTTP/1.1 200 OK\r\n"
SIZED = OK + b"Content-Length: 1000000\r\n\r\n"
CHUNKED = OK + b"Transfer-Encoding: chunked\r\n\r\n"
ENDED = CHUNKED + b"1\r\nx\r\n0\r\n"

FRAMING = {
    "status line": (b"HTTP/1.1 200 ", b"O"),
    "interim responses": (b"", b"HTTP/1.1 100 Continue\r\n\r\n"),
    "an interim response": (b"HTTP/1.1 103 Early Hints\r\n", b"X: y\r\n"),
    "headers": (OK, b"X: y\r\n"),
    "a header": (OK + b"X: ", b"y"),
    "a chunk extension": (CHUNKED + b"1;", b"x"),
    "trailers": (ENDED, b"X: y\r\n"),
    "a trailer": (ENDED + b"X: ", b"y"),
}
"""What comes at once, and what then comes bit by bit: no byte of it is the body's."""

BODIES = {
    "with a length": (SIZED, b"x"),
    "until the end": (OK + b"\r\n", b"x"),
    "a chunk": (CHUNKED + b"fffff\r\n", b"x"),
    "chunks": (CHUNKED, b"1\r\nx\r\n"),
}

SLOW = Pace(connect=5, read=0.2, min_rate=1e6)
PATIENT = Pace(connect=20, read=20, min_rate=0)


@pytest.fixture
def slow() -> Iterator[ManyAtATime]:
    many = ManyAtATime(SLOW)
    yield many
    many.close()


@pytest.fixture
def patient() -> Iterator[ManyAtATime]:
    many = ManyAtATime(PATIENT)
    yield many
    many.close()


def failure(many: ManyAtATime, url: str, deadline: float = math.inf) -> FetchError:
    with pytest.raises(FetchError) as caught:
        get(many, url, deadline=deadline)
    return presentable(caught.value)


def soon() -> float:
    return time.monotonic() + 0.2


@pytest.mark.parametrize(("begin", "more"), FRAMING.values(), ids=FRAMING)
def test_framing_that_trickles_is_given_up(slow: ManyAtATime, begin: bytes, more: bytes) -> None:
    with RawServer([begin], endless=more, pause=0.01) as server:
        error = failure(slow, server.url)
    assert error.transient
    assert "timed out" in error.cause or "min_rate" in error.cause


@pytest.mark.parametrize(("begin", "more"), BODIES.values(), ids=BODIES)
def test_a_body_that_trickles_is_given_up(slow: ManyAtATime, begin: bytes, more: bytes) -> None:
    with RawServer([begin], endless=more, pause=0.01) as server:
        error = failure(slow, server.url)
    assert ("min_rate" in error.cause, error.transient) == (True, True)


@pytest.mark.parametrize(("begin", "more"), [*FRAMING.values(), *BODIES.values()], ids=[*FRAMING, *BODIES])
def test_the_time_limit_ends_a_trickle(patient: ManyAtATime, begin: bytes, more: bytes) -> None:
    with RawServer([begin], endless=more, pause=0.01) as server:
        error = failure(patient, server.url, soon())
    assert ("file_timeout" in error.cause, error.transient) == (True, False)


@pytest.mark.parametrize("begin", [b"", OK, SIZED, CHUNKED, ENDED])
def test_the_time_limit_ends_a_silence(patient: ManyAtATime, begin: bytes) -> None:
    with RawServer([begin, b""]) as server:
        assert "file_timeout" in failure(patient, server.url, soon()).cause


@pytest.mark.parametrize("more", [b"", b"\2"], ids=["silence", "a trickle"])
def test_a_handshake_that_never_ends_times_out(more: bytes) -> None:
    many = ManyAtATime(Pace(connect=0.2, read=20))
    # The beginning of a record that would have 16 kB.
    record = b"\x16\x03\x03\x3f\xff"
    with RawServer([] if more else [b""], greeting=record, endless=more, pause=0.01) as server:
        error = failure(many, server.url.replace("http:", "https:"))
    many.close()
    assert (error.cause.endswith("timed out"), error.transient) == (True, True)


@pytest.mark.parametrize("more", [b"H", b"HTTP/1.1 100 Continue\r\n\r\n"])
def test_a_tunnel_that_trickles_is_given_up(monkeypatch: pytest.MonkeyPatch, more: bytes) -> None:
    many = ManyAtATime(Pace(connect=0.3, read=0.3))
    with RawServer([b""], endless=more, pause=0.01) as proxy:
        monkeypatch.setenv("HTTPS_PROXY", proxy.url)
        error = failure(many, "https://example.org/")
    many.close()
    assert error.transient
