"""The transport: connections that are used again, and answers that are not what they should be."""

from __future__ import annotations

import http.client
import socket
import threading
from contextlib import ExitStack, contextmanager, suppress
from typing import TYPE_CHECKING

import pytest
import requests
from hypothesis import given
from hypothesis import strategies as st
from minimirror.upstream.http.transport import MAX_CONNECTIONS, Answer, DirectAdapter

from tests.helpers.index import Chunked, Headers, Index, Stall, Status, Truncate

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

CONTENT = bytes(range(256)) * 400
OK = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"
ERRORS = (OSError, http.client.HTTPException)
"""All that may be raised."""


class RawServer:
    """Answers the n-th request of each connection with the n-th of that connection's bytes, then hangs up."""

    def __init__(self, *connections: Sequence[bytes]) -> None:
        self.requests: list[bytes] = []
        self.accepted = 0
        self._connections = connections
        self._stopping = False
        self._client: socket.socket | None = None
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.url = f"http://127.0.0.1:{self._listener.getsockname()[1]}/"
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()

    def _run(self) -> None:
        for answers in self._connections:
            client, _ = self._listener.accept()
            self._client = client
            if self._stopping:
                client.close()
                return
            self.accepted += 1
            # An OSError is a client that went away, which is its right.
            with suppress(OSError), client, client.makefile("rb") as stream:
                for answer in answers:
                    self.requests.append(b"".join(iter(stream.readline, b"\r\n")))
                    client.sendall(answer)
                # Not close alone, which resets where something is unread.
                client.shutdown(socket.SHUT_RDWR)

    def __enter__(self) -> RawServer:
        return self

    def __exit__(self, *_: object) -> None:
        self._stopping = True
        if self._client is not None:
            with suppress(OSError):
                self._client.shutdown(socket.SHUT_RDWR)
        if self._thread.is_alive():
            # It may be waiting for a connection.
            with suppress(OSError):
                socket.create_connection(self._listener.getsockname()).close()
        self._thread.join()
        self._listener.close()


def send(
    adapter: DirectAdapter, url: str, headers: Mapping[str, str] | None = None, *, patience: float = 5
) -> Answer:
    request = requests.PreparedRequest()
    request.method, request.url = "GET", url
    request.headers = dict(headers or {})  # type: ignore[assignment]
    return adapter.send(request, stream=True, timeout=(5, patience))


def rest(answer: Answer, most: int = 1 << 20) -> bytes:
    """Read a body to its end, and let go of the connection."""
    body, buffer = b"", memoryview(bytearray(min(most, 1000)))
    try:
        while len(body) < most and (got := answer.raw.readinto(buffer[: most - len(body)])):
            body += buffer[:got]
    finally:
        answer.raw.close()
    return body


@contextmanager
def answers(*connections: Sequence[bytes]) -> Iterator[tuple[RawServer, Callable[[], tuple[Answer, bytes]]]]:
    """A server, and what asks it once and reads the body."""
    adapter = DirectAdapter()

    def ask() -> tuple[Answer, bytes]:
        answer = send(adapter, server.url)
        return answer, rest(answer)

    with RawServer(*connections) as server:
        yield server, ask


class TestConnections:
    @pytest.fixture
    def adapter(self) -> DirectAdapter:
        return DirectAdapter()

    @pytest.fixture
    def url(self, index: Index) -> str:
        return index.file_url(index.add("demo", "demo-1.0.zip", CONTENT))

    def test_one_serves_request_after_request(self, adapter: DirectAdapter, index: Index, url: str) -> None:
        for _ in range(3):
            assert rest(send(adapter, url)) == CONTENT
        index.fault("demo-1.0.zip", Chunked(), Status(404), Status(304))
        statuses = []
        for _ in range(4):
            answer = send(adapter, url)
            statuses.append(answer.status_code)
            rest(answer)
        assert (statuses, index.connections) == ([200, 404, 304, 200], 1)

    def test_each_thread_has_its_own(self, adapter: DirectAdapter, index: Index, url: str) -> None:
        with index.hold("demo-1.0.zip") as gate:
            bodies: list[bytes] = []
            threads = [
                threading.Thread(target=lambda: bodies.append(rest(send(adapter, url)))) for _ in range(3)
            ]
            for thread in threads:
                thread.start()
            assert gate.reached.wait(5)
            gate.release()
            for thread in threads:
                thread.join(5)
        assert (bodies, index.connections) == ([CONTENT] * 3, 3)

    @pytest.mark.parametrize("read", [0, 1, 5000, len(CONTENT) - 1])
    @pytest.mark.parametrize("chunked", [False, True])
    def test_an_unread_body_never_poisons_the_next_request(
        self, adapter: DirectAdapter, index: Index, url: str, read: int, chunked: bool
    ) -> None:
        if chunked:
            index.fault("demo-1.0.zip", Chunked())
        assert rest(send(adapter, url), read) == CONTENT[:read]
        assert rest(send(adapter, url)) == CONTENT
        assert rest(send(adapter, url)) == CONTENT
        assert index.connections == 2

    def test_two_answers_may_be_open_at_once(self, adapter: DirectAdapter, index: Index, url: str) -> None:
        other = index.file_url(index.add("demo", "demo-2.0.zip", CONTENT[::-1]))
        first = send(adapter, url)
        second = send(adapter, other)
        third = send(adapter, url)
        assert rest(second) == CONTENT[::-1]
        assert rest(first) == rest(third) == CONTENT
        assert rest(send(adapter, url)) == CONTENT
        assert index.connections == 3

    def test_one_that_the_server_closed_is_replaced(self, adapter: DirectAdapter) -> None:
        with RawServer([OK], [OK, OK]) as server:
            assert [rest(send(adapter, server.url)) for _ in range(3)] == [b"ok"] * 3
            assert server.accepted == 2

    def test_a_new_one_that_the_server_closes_is_an_error(self, adapter: DirectAdapter) -> None:
        with RawServer([OK], [b""], [OK]) as server:
            assert rest(send(adapter, server.url)) == b"ok"
            with pytest.raises(ConnectionError):
                send(adapter, server.url)
            assert rest(send(adapter, server.url)) == b"ok"

    def test_one_on_which_something_else_follows_is_replaced(self, adapter: DirectAdapter) -> None:
        with RawServer([OK + b" and more" * 5000, b""], [OK]) as server:
            assert rest(send(adapter, server.url)) == b"ok"
            assert rest(send(adapter, server.url)) == b"ok"

    def test_one_that_timed_out_is_replaced(self, adapter: DirectAdapter, index: Index, url: str) -> None:
        index.fault("demo-1.0.zip", Stall(1000), Stall(None))
        answer = send(adapter, url, patience=0.1)
        with pytest.raises(TimeoutError):
            rest(answer)
        with pytest.raises(TimeoutError):
            send(adapter, url, patience=0.1)
        assert rest(send(adapter, url)) == CONTENT
        assert index.connections == 3

    def test_one_that_broke_in_mid_body_is_replaced(
        self, adapter: DirectAdapter, index: Index, url: str
    ) -> None:
        index.fault("demo-1.0.zip", Truncate(1000))
        assert rest(send(adapter, url)) == CONTENT[:1000]
        assert rest(send(adapter, url)) == CONTENT

    def test_only_a_few_are_kept_open(
        self, adapter: DirectAdapter, index_factory: Callable[..., Index]
    ) -> None:
        indexes = [index_factory() for _ in range(MAX_CONNECTIONS + 2)]
        for _ in range(2):
            for index in indexes:
                assert send(adapter, index.url).status_code == 200
        assert [index.connections for index in indexes] == [2] * len(indexes)
        indexes[-1].clear()
        rest(send(adapter, indexes[-1].url))
        rest(send(adapter, indexes[-1].url))
        assert indexes[-1].connections <= 1

    def test_all_can_be_closed_and_are_made_anew(
        self, adapter: DirectAdapter, index: Index, url: str
    ) -> None:
        assert rest(send(adapter, url)) == CONTENT
        for _ in range(2):
            adapter.close()
        assert rest(send(adapter, url)) == CONTENT
        assert index.connections == 2

    def test_a_refused_connection_is_an_error(self, adapter: DirectAdapter) -> None:
        with socket.create_server(("127.0.0.1", 0)) as listener:
            port = listener.getsockname()[1]
        with pytest.raises(ConnectionRefusedError):
            send(adapter, f"http://127.0.0.1:{port}/")

    def test_a_server_that_speaks_no_tls_is_an_error(self, adapter: DirectAdapter) -> None:
        with RawServer([]) as server, pytest.raises(OSError, match=r"EOF|reset"):
            send(adapter, server.url.replace("http:", "https:"))


class TestRequest:
    def test_what_is_sent(self) -> None:
        with answers([OK, OK]) as (server, _):
            adapter = DirectAdapter()
            rest(send(adapter, server.url, {"Accept": "x/y", "If-None-Match": '"\xe9"'}))
            rest(send(adapter, server.url + "a%20b/c?d=e&f"))
        host = server.url.removeprefix("http://").rstrip("/").encode()
        assert server.requests == [
            b'GET / HTTP/1.1\r\nHost: %b\r\nAccept: x/y\r\nIf-None-Match: "\xe9"\r\n' % host,
            b"GET /a%%20b/c?d=e&f HTTP/1.1\r\nHost: %b\r\n" % host,
        ]

    @pytest.mark.parametrize("value", ["a\r\nX: y", "a\nX: y", "a\r", "a\rX: y", "a\0"])
    def test_a_header_that_would_be_two_is_refused(self, value: str) -> None:
        with answers([OK]) as (server, _), pytest.raises(http.client.HTTPException):
            send(DirectAdapter(), server.url, {"If-None-Match": value})
        assert server.requests == []

    def test_a_path_that_would_be_two_is_refused(self) -> None:
        with answers([OK]) as (server, _):
            for path in ("a b", "a HTTP/1.1\r\nX: y", "a\nb", "a\rb", "a\0b"):
                with pytest.raises(http.client.HTTPException):
                    send(DirectAdapter(), server.url + path)
        assert server.requests == []


class TestHead:
    @pytest.mark.parametrize(
        ("head", "expected"),
        [
            (b"A: b\r\n", {"a": "b"}),
            (b"A:b\r\nC :  d \r\n", {"a": "b", "c": "d"}),
            (b"A: b\r\n  c\r\n\td\r\nE: f\r\n", {"a": "b c d", "e": "f"}),
            (b"Vary: a\r\nX: y\r\nvary: b\r\n", {"vary": "a, b", "x": "y"}),
            (b"A\r\nB:\r\n", {"a": "", "b": ""}),
            (b"A: b:c\r\nE: \xe9\r\n", {"a": "b:c", "e": "\xe9"}),
            (b"A: b\nC: d\n", {"a": "b", "c": "d"}),
            (b"A: %b\r\n" % (b"x" * 60_000), {"a": "x" * 60_000}),
        ],
        ids=["one", "spaces", "folded", "twice", "odd", "colons", "bare line feeds", "long"],
    )
    def test_headers(self, head: bytes, expected: dict[str, str]) -> None:
        end = b"\n" if head.endswith(b"d\n") else b"\r\n"
        whole = b"HTTP/1.1 200 OK" + end + head + b"Content-Length: 6" + end + end + b"ok\r\n\r\n"
        with answers([whole]) as (_, ask):
            answer, body = ask()
        assert (answer.status_code, body) == (200, b"ok\r\n\r\n")
        assert dict(answer.headers) == {**expected, "content-length": "6"}

    @pytest.mark.parametrize(
        "interim",
        [
            b"HTTP/1.1 100 Continue\r\n\r\n",
            b"HTTP/1.1 103 Early Hints\r\nLink: </a>\r\nContent-Length: 5\r\n\r\n",
            b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 102 Processing\r\nX: y\r\n\r\n",
        ],
    )
    def test_interim_answers_are_skipped(self, interim: bytes) -> None:
        with answers([interim + OK, OK]) as (server, ask):
            for _ in range(2):
                answer, body = ask()
                assert (answer.status_code, dict(answer.headers)) == (200, {"content-length": "2"})
                assert body == b"ok"
            assert server.accepted == 1

    @pytest.mark.parametrize(
        "head",
        [
            b"",
            b"\r\n\r\n",
            b"\n",
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
            b"HTTP/1.1 100 Continue\r\n\r\n" * 1000 + OK,
            b"HTTP/1.1 200 OK\r\n" + b"X: y\r\n" * 20_000 + b"\r\n",
            b"HTTP/1.1 200 OK\r\nX: " + b"y" * 100_000 + b"\r\n\r\n",
            b"H" * 100_000,
            b"HTTP/1.1 200 " + b"K" * 100_000 + b"\r\n\r\n",
        ],
        ids=lambda head: f"{head[:30].decode('latin-1')!r} {len(head)}",
    )
    def test_what_is_no_head_is_an_error(self, head: bytes) -> None:
        with answers([head], [OK]) as (_, ask):
            with pytest.raises(ERRORS):
                ask()
            assert ask()[1] == b"ok"

    @given(
        st.lists(
            st.sampled_from([b"\r\n", b"\n", b":", b" ", b"a", b"HTTP/1.1 ", b"200", b"Content-Length:"])
        )
    )
    def test_any_head_is_read_or_refused(self, pieces: list[bytes]) -> None:
        with answers([b"HTTP/1.1 200 OK\r\n" + b"".join(pieces)]) as (_, ask):
            try:
                answer, _ = ask()
            except ERRORS:
                return
        assert answer.status_code == 200


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
            (b"HTTP/1.1 200 OK\r\nContent-Length: four\r\n\r\nbody", b"body", False),
            (b"HTTP/1.1 200 OK\r\nContent-Length: -4\r\n\r\nbody", b"body", False),
            (b"HTTP/1.1 200 OK\r\nContent-Length: 4, 5\r\n\r\nbody", b"body", False),
            (b"HTTP/1.1 200 OK\r\nContent-Length: %b\r\n\r\nbody" % (b"9" * 5000), b"body", False),
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
    def test_a_body_ends_by_length_by_chunks_or_with_the_connection(
        self, answer: bytes, body: bytes, again: bool
    ) -> None:
        connections = [[answer, OK]] if again else [[answer], [OK]]
        with answers(*connections) as (server, ask):
            assert ask()[1] == body
            assert ask()[1] == b"ok"
            assert server.accepted == len(connections)

    @pytest.mark.parametrize(
        "body", [b"", b"4", b"4\r\nbo", b"4\r\nbody\r\n", b"x\r\nbody", b"-4\r\nbody\r\n", b"f" * 70_000]
    )
    def test_broken_chunks_are_an_error(self, body: bytes) -> None:
        broken = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n" + body
        with answers([broken], [OK]) as (_, ask):
            with pytest.raises(ERRORS):
                ask()
            assert ask()[1] == b"ok"

    def test_what_is_there_is_read_at_once(self, index: Index) -> None:
        url = index.file_url(index.add("demo", "demo-1.0.zip", CONTENT))
        for after in (1, 1000, 90_000):
            index.fault("demo-1.0.zip", Stall(after))
            answer = send(DirectAdapter(), url)
            buffer = memoryview(bytearray(len(CONTENT)))
            got = 0
            while got < after:
                got += answer.raw.readinto(buffer[got:])
            assert buffer[:got] == CONTENT[:after]
            answer.raw.close()

    def test_a_length_that_is_wrong_is_not_waited_for(self, index: Index) -> None:
        url = index.file_url(index.add("demo", "demo-1.0.zip", CONTENT))
        index.fault("demo-1.0.zip", Headers({"Content-Length": "10"}))
        assert rest(send(DirectAdapter(), url)) == CONTENT[:10]


def test_ends_of_threads_leave_no_connection_open(index: Index) -> None:
    adapter = DirectAdapter()
    with ExitStack() as stack:
        for _ in range(3):
            thread = threading.Thread(target=lambda: rest(send(adapter, index.url)))
            thread.start()
            stack.callback(thread.join)
    assert index.connections == 3
