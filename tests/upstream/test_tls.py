"""TLS and HTTP/2: nginx with certificates of a test's own authority."""

from __future__ import annotations

import json
import math
from typing import TYPE_CHECKING

import pytest
import requests

from minimirror.upstream import Client, FetchError, completed
from minimirror.upstream.http import Request
from tests.helpers.asking import presentable
from tests.helpers.fetching import ManyAtATime, OneAtATime, Way, get
from tests.helpers.index import Truncate
from tests.helpers.running import Command
from tests.helpers.servers.tls import TlsServer, tls

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tests.helpers.index import Index

CONTENT = bytes(range(256)) * 400


@pytest.fixture(params=[OneAtATime, ManyAtATime])
def way(request: pytest.FixtureRequest) -> Iterator[Way]:
    way: Way = request.param()
    yield way
    way.close()


@pytest.fixture
def path(index: Index) -> str:
    return index.file_url(index.add("demo", "demo-1.0.zip", CONTENT)).removeprefix(index.origin)


def test_the_ca_bundle_of_the_environment_is_trusted(
    way: Way, index: Index, path: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with tls(tmp_path / "tls", index.origin) as server:
        monkeypatch.setenv("REQUESTS_CA_BUNDLE", str(server.ca_bundle))
        assert get(way, server.origin + path).body == CONTENT


def test_any_other_authority_is_not(way: Way, index: Index, path: str, tmp_path: Path) -> None:
    with tls(tmp_path / "tls", index.origin) as server, pytest.raises(FetchError) as caught:
        get(way, server.origin + path)
    assert "certificate" in presentable(caught.value).cause
    assert index.files_fetched() == {}


@pytest.fixture(params=[True, False], ids=["HTTP/2", "HTTP/1.1"])
def server(
    request: pytest.FixtureRequest, index: Index, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[TlsServer]:
    """A server that is trusted."""
    with tls(tmp_path / "tls", index.origin, http2=request.param) as server:
        monkeypatch.setenv("REQUESTS_CA_BUNDLE", str(server.ca_bundle))
        yield server


def test_another_host_is_not_trusted(way: Way, server: TlsServer, path: str, index: Index) -> None:
    with pytest.raises(FetchError):
        get(way, server.origin.replace("127.0.0.1", "localhost") + path)
    assert index.files_fetched() == {}


def test_many_requests_share_what_the_server_has(server: TlsServer, path: str) -> None:
    many = ManyAtATime(connections=4, streams=50)
    requests = [
        many.transfers.get(Request(server.origin + path, {}, math.inf, limit=1 << 20)) for _ in range(60)
    ]
    assert [each.body for each in many.together(*requests)] == [CONTENT] * 60
    many.close()
    ((protocol, connections),) = server.connections(60).items()
    assert protocol == ("HTTP/2.0" if server.http2 else "HTTP/1.1")
    assert len(connections) == 1 if server.http2 else 1 < len(connections) <= 4
    assert many.transfers.capacity == (50 if server.http2 else 4)


def test_a_broken_response_is_an_error(server: TlsServer, path: str, index: Index) -> None:
    index.fault("demo-1.0.zip", Truncate(1000))
    many = ManyAtATime()
    with pytest.raises(FetchError) as caught:
        get(many, server.origin + path)
    assert presentable(caught.value).transient
    assert get(many, server.origin + path).body == CONTENT
    many.close()


def test_a_run(server: TlsServer, index: Index, repository: Path, tmp_path: Path) -> None:
    index.relative_urls = True
    wheels = [index.add_wheel(f"demo-{number}", "1.0", padding=1000 * number) for number in range(60)]
    settings = {"repository": str(repository), "index_url": f"{server.origin}/simple/", "processes": 1}
    (tmp_path / "config.json").write_text(json.dumps(settings))
    with Command("run", "--config", tmp_path / "config.json") as done:
        assert done.end() == 0, done.stderr
    for wheel in wheels:
        assert (repository / wheel.filename).read_bytes() == wheel.content
    # The parent reads the root, with HTTP/1.1.
    connections = server.connections(1 + 2 * 60)
    assert len(connections["HTTP/2.0"]) == 1 if server.http2 else 1 < len(connections["HTTP/1.1"]) <= 33


class TestClientCertificate:
    """An index may ask for one."""

    @pytest.fixture
    def server(self, index: Index, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[TlsServer]:
        with tls(tmp_path / "tls", index.origin, asks_for_certificate=True) as server:
            monkeypatch.setenv("REQUESTS_CA_BUNDLE", str(server.ca_bundle))
            yield server

    def test_of_a_session_is_shown(self, server: TlsServer, path: str) -> None:
        session = requests.Session()
        session.cert = str(server.client_certificate)
        client = Client(session=session)
        assert completed(client.get(Request(server.origin + path, {}, math.inf, 1 << 20))).body == CONTENT
        client.close()

    def test_of_the_config_is_shown_to_the_index(
        self, server: TlsServer, index: Index, repository: Path, tmp_path: Path
    ) -> None:
        index.relative_urls = True
        wheel = index.add_wheel("demo", "1.0")
        settings = {"repository": str(repository), "index_url": f"{server.origin}/simple/", "processes": 1}
        settings["client_cert"] = str(server.client_certificate)
        (tmp_path / "config.json").write_text(json.dumps(settings))
        with Command("run", "--config", tmp_path / "config.json") as done:
            assert done.end() == 0, done.stderr
        assert (repository / wheel.filename).read_bytes() == wheel.content

    def test_is_needed_if_the_server_asks_for_it(
        self, way: Way, server: TlsServer, path: str, index: Index
    ) -> None:
        with pytest.raises(FetchError, match="HTTP 400"):
            get(way, server.origin + path)
        assert index.files_fetched() == {}
