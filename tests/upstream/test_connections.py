"""Connections of the client for single requests: used again, or replaced."""

from __future__ import annotations

import math
import threading
from typing import Any

import pytest

from minimirror.upstream import Client, Pace, completed
from minimirror.upstream.http import Head, Request
from tests.helpers.asking import body, failure, get
from tests.helpers.index import Chunked, Headers, Index, Redirect, Reset, Stall, Status, Truncate
from tests.helpers.raw_server import RawServer

CONTENT = bytes(range(256)) * 400
OK = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"


@pytest.fixture
def client() -> Client:
    return Client(pace=Pace(connect=5, read=5))


@pytest.fixture
def file(index: Index) -> str:
    """The URL of a file that is larger than what is read at once."""
    return index.file_url(index.add("demo", "demo-1.0.zip", CONTENT))


def read(client: Client, url: str) -> Head:
    """Read a response to its end, and return its head."""
    return completed(client.get(Request(url, {}, math.inf))).head


def test_a_connection_is_used_for_request_after_request(client: Client, index: Index, file: str) -> None:
    index.fault("demo-1.0.zip", Chunked(), Status(404), Status(304), Redirect("/simple/"))
    assert body(get(file, client)) == CONTENT
    assert failure(file, client).status == 404
    assert read(client, file).status == 304
    assert read(client, file).url == index.url
    assert body(get(file, client)) == CONTENT
    assert index.connections == 1


@pytest.mark.parametrize("chunks", [0, 1])
@pytest.mark.parametrize("framing", [Headers({}), Chunked()])
def test_a_connection_with_an_unread_body_is_replaced(
    client: Client, index: Index, file: str, framing: Any, chunks: int
) -> None:
    index.fault("demo-1.0.zip", framing)
    with get(file, client) as reply:
        for _ in range(chunks):
            next(iter(reply))
    assert [body(get(file, client)) for _ in range(2)] == [CONTENT] * 2
    assert index.connections == 2


def test_several_connections_can_be_open_at_once(client: Client, index: Index, file: str) -> None:
    replies = [get(file, client) for _ in range(3)]
    assert [body(reply) for reply in replies] == [CONTENT] * 3
    assert body(get(file, client)) == CONTENT
    assert index.connections == 3


def test_threads_share_connections(client: Client, index: Index, file: str) -> None:
    with index.hold("demo-1.0.zip") as gate:
        found: list[bytes] = []
        threads = [threading.Thread(target=lambda: found.append(body(get(file, client)))) for _ in range(3)]
        for thread in threads:
            thread.start()
        assert gate.reached.wait(5)
        gate.release()
        for thread in threads:
            thread.join(5)
    assert found == [CONTENT] * 3
    assert body(get(file, client)) == CONTENT
    assert index.connections <= 3


def test_a_connection_that_the_server_closed_is_replaced(client: Client) -> None:
    with RawServer([OK], [OK, OK]) as server:
        assert [body(get(server.url, client)) for _ in range(3)] == [b"ok"] * 3
        assert server.accepted == 2


def test_a_new_connection_that_the_server_closes_is_an_error(client: Client) -> None:
    with RawServer([b""], [OK]) as server:
        assert "without a response" in failure(server.url, client).cause
        assert body(get(server.url, client)) == b"ok"
        assert len(server.requests) == 2


@pytest.mark.parametrize("fault", [Truncate(1000), Reset(1000), Stall(1000), Stall(None)])
def test_a_broken_connection_is_replaced(index: Index, file: str, fault: Any) -> None:
    client = Client(pace=Pace(read=0.1))
    index.fault("demo-1.0.zip", fault)
    assert failure(file, client).transient
    assert body(get(file, client)) == CONTENT
    assert index.connections == 2


def test_all_connections_can_be_closed(client: Client, index: Index, file: str) -> None:
    for _ in range(2):
        assert body(get(file, client)) == CONTENT
        client.close()
    assert index.connections == 2
