"""How many requests to a server are under way at once: slow responses delay no others and fail none."""

from __future__ import annotations

import asyncio
import math
import socket
import time
from typing import TYPE_CHECKING

import pytest

from minimirror.upstream import FetchError, Pace
from minimirror.upstream.http import Request
from tests.helpers.fetching import ManyAtATime
from tests.helpers.index import Stall
from tests.helpers.servers.tls import tls

if TYPE_CHECKING:
    from collections.abc import Coroutine
    from pathlib import Path
    from typing import Any

    from minimirror.upstream.http import Response
    from tests.helpers.index import Index

CONTENT = bytes(range(256)) * 400


def together(many: ManyAtATime, *coroutines: Coroutine[Any, Any, Response]) -> list[bytes | str]:
    """Return the bodies, or the causes of failures."""

    async def gather() -> list[Response | BaseException]:
        return await asyncio.gather(*coroutines, return_exceptions=True)

    found = many.run(gather())
    many.close()
    return [each.cause if isinstance(each, FetchError) else each.body for each in found]  # type: ignore[union-attr]


def request(many: ManyAtATime, url: str) -> Coroutine[Any, Any, Response]:
    return many.transfers.get(Request(url, {}, math.inf, limit=1 << 20))


@pytest.mark.parametrize("kind", ["HTTP", "TLS, HTTP/1.1", "TLS, HTTP/2"])
def test_a_big_first_response_delays_no_other(
    index: Index, kind: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nothing is known about the server yet."""
    files = [index.add("demo", f"demo-{number}.0.zip", CONTENT) for number in range(20)]
    with tls(tmp_path / "tls", index.origin, http2=kind == "TLS, HTTP/2") as server:
        monkeypatch.setenv("REQUESTS_CA_BUNDLE", str(server.ca_bundle))
        origin = index.origin if kind == "HTTP" else server.origin
        many = ManyAtATime(connections=4)
        with index.hold(files[0].filename, after=1000) as gate:

            async def first() -> Response:
                return await request(many, f"{origin}{files[0].path}")

            async def others() -> Response:
                bodies = [
                    (await each).body
                    for each in asyncio.as_completed([request(many, f"{origin}{f.path}") for f in files[1:]])
                ]
                gate.release()
                assert bodies == [CONTENT] * 19
                return await request(many, f"{origin}{files[0].path}")

            assert together(many, first(), others()) == [CONTENT] * 2


def test_waiting_for_a_turn_is_not_connecting(index: Index) -> None:
    """It may take longer than a server may take to accept a connection."""
    file = index.add("demo", "demo-1.0.zip", CONTENT)
    index.latency = 0.6
    many = ManyAtATime(Pace(connect=0.5), connections=1)
    requests = [request(many, index.file_url(file)) for _ in range(3)]
    assert together(many, *requests) == [CONTENT] * 3
    assert index.connections == 1


def test_a_host_without_http2_gets_no_more_connections_because_another_has_it(
    index: Index, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An index, and the host of its files."""
    file = index.add("demo", "demo-1.0.zip", CONTENT)
    with tls(tmp_path / "tls", index.origin) as server:
        monkeypatch.setenv("REQUESTS_CA_BUNDLE", str(server.ca_bundle))
        many = ManyAtATime(Pace(connect=0.5), connections=2, streams=50)
        many.run(request(many, f"{server.origin}{file.path}"))
        assert many.transfers.capacity == 50
        index.clear()
        index.latency = 0.1
        requests = [request(many, index.file_url(file)) for _ in range(20)]
        assert together(many, *requests) == [CONTENT] * 20
    assert index.peak_connections <= 1 + 2  # with nginx's


def test_a_server_that_cannot_be_reached_fails_all(index: Index) -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
    many = ManyAtATime()
    causes = together(many, *(request(many, f"https://127.0.0.1:{port}/{number}") for number in range(20)))
    assert causes == ["the connection failed: Connection refused"] * 20


def test_a_first_response_that_does_not_come_holds_up_no_other_for_longer(
    index: Index, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The others are under way at once when it has timed out."""
    file = index.add("demo", "demo-1.0.zip", CONTENT)
    index.fault(file.filename, Stall(after=None))
    with tls(tmp_path / "tls", index.origin) as server, index.hold(file.filename) as gate:
        monkeypatch.setenv("REQUESTS_CA_BUNDLE", str(server.ca_bundle))
        many = ManyAtATime(Pace(connect=5, read=1.5))

        async def first() -> Response:
            return await request(many, f"{server.origin}{file.path}")

        async def others() -> Response:
            requests = [asyncio.ensure_future(request(many, f"{server.origin}{file.path}")) for _ in range(3)]
            while len(index.requests) < 1 + len(requests):
                await asyncio.sleep(0)
            gate.release()
            assert [(await each).body for each in requests] == [CONTENT] * 3
            return await request(many, f"{server.origin}{file.path}")

        assert together(many, first(), others()) == ["timed out", CONTENT]


def test_a_request_waits_for_its_turn_until_its_deadline(index: Index) -> None:
    file = index.add("demo", "demo-1.0.zip", CONTENT)
    many = ManyAtATime(connections=1)
    url = f"{index.origin}{file.path}"
    with index.hold(file.filename, after=1000) as gate:

        async def second() -> Response:
            late = Request(url, {}, time.monotonic() + 0.2, limit=1 << 20)
            try:
                return await many.transfers.get(late)
            finally:
                gate.release()

        async def third() -> Response:
            await asyncio.sleep(0)
            return await request(many, url)

        found = together(many, request(many, url), second(), third())
    assert found == [CONTENT, "gave up after the time limit (`file_timeout`)", CONTENT]
    assert len(index.requests) == 2
