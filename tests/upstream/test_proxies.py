"""Proxies of the environment: Apache as a forward proxy, for http and https, with and without a password."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest

from minimirror.upstream import FetchError
from tests.helpers.asking import SECRET, presentable
from tests.helpers.fetching import ManyAtATime, OneAtATime, Way, get
from tests.helpers.running import Command, until
from tests.helpers.servers.forward_proxy import ForwardProxy, forward_proxy
from tests.helpers.servers.tls import TlsServer, tls

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tests.helpers.index import Index


@pytest.fixture(params=[OneAtATime, ManyAtATime])
def way(request: pytest.FixtureRequest) -> Iterator[Way]:
    way: Way = request.param()
    yield way
    way.close()


@pytest.fixture
def proxy() -> Iterator[ForwardProxy]:
    with forward_proxy() as proxy:
        yield proxy


@pytest.fixture
def closed_proxy() -> Iterator[ForwardProxy]:
    with forward_proxy(password=SECRET) as proxy:
        yield proxy


@pytest.mark.parametrize("name", ["HTTP_PROXY", "http_proxy", "ALL_PROXY"])
def test_is_used_for_http(
    way: Way, index: Index, proxy: ForwardProxy, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    monkeypatch.setenv(name, f"http://{proxy.address}")
    assert get(way, index.url).head.status == 200
    until(proxy.requests, "the proxy has written its log")
    assert proxy.requests() == [f"GET {index.url}"]


@pytest.fixture
def server(index: Index, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[TlsServer]:
    with tls(tmp_path / "tls", index.origin) as server:
        monkeypatch.setenv("REQUESTS_CA_BUNDLE", str(server.ca_bundle))
        yield server


@pytest.mark.parametrize("name", ["HTTPS_PROXY", "https_proxy", "all_proxy"])
def test_is_a_tunnel_for_https(
    way: Way, server: TlsServer, proxy: ForwardProxy, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    monkeypatch.setenv(name, f"http://{proxy.address}")
    response = get(way, f"{server.origin}/simple/")
    assert (response.head.status, response.head.url) == (200, f"{server.origin}/simple/")
    # Apache logs a tunnel at its end.
    way.close()
    until(proxy.requests, "the proxy has written its log")
    assert proxy.requests() == [f"CONNECT {server.origin.removeprefix('https://')}"]


@pytest.mark.parametrize("value", ["127.0.0.1", "*", "example.org, 127.0.0.1"])
def test_is_not_used_for_what_no_proxy_names(
    way: Way, index: Index, proxy: ForwardProxy, monkeypatch: pytest.MonkeyPatch, value: str
) -> None:
    monkeypatch.setenv("HTTP_PROXY", f"http://{proxy.address}")
    monkeypatch.setenv("NO_PROXY", value)
    assert get(way, index.url).head.status == 200
    assert proxy.requests() == []


def test_is_not_used_for_another_scheme(
    way: Way, index: Index, proxy: ForwardProxy, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HTTPS_PROXY", f"http://{proxy.address}")
    assert get(way, index.url).head.status == 200
    assert proxy.requests() == []


def test_gets_the_password_of_its_url(
    way: Way, index: Index, server: TlsServer, closed_proxy: ForwardProxy, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ALL_PROXY", f"http://user:{SECRET}@{closed_proxy.address}")
    for url in (index.url, f"{server.origin}/simple/"):
        assert get(way, url).head.status == 200
    way.close()
    until(lambda: len(closed_proxy.requests()) == 2, "the proxy has written its log")
    assert all("proxy-authorization" not in each.headers for each in index.requests)


def test_that_refuses_the_password_is_an_error(
    way: Way, index: Index, closed_proxy: ForwardProxy, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ALL_PROXY", f"http://user:{SECRET}-not@{closed_proxy.address}")
    for url in (index.url, "https://127.0.0.1:1/simple/"):
        with pytest.raises(FetchError, match="407") as caught:
            get(way, url)
        presentable(caught.value)
    assert not index.requests


def test_that_cannot_be_reached_is_an_error(way: Way, index: Index, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HTTP_PROXY", f"http://user:{SECRET}@127.0.0.1:1")
    with pytest.raises(FetchError, match="refused") as caught:
        get(way, index.url)
    presentable(caught.value)
    assert not index.requests


@pytest.mark.parametrize("name", ["NO_PROXY", "no_proxy"])
def test_is_not_used_for_an_exception_to_all_proxy(
    way: Way, index: Index, proxy: ForwardProxy, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    monkeypatch.setenv("all_proxy", f"http://{proxy.address}")
    monkeypatch.setenv(name, "127.0.0.1")
    assert get(way, index.url).head.status == 200
    assert proxy.requests() == []


def test_a_run(
    index: Index,
    server: TlsServer,
    closed_proxy: ForwardProxy,
    repository: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    index.relative_urls = True
    wheels = [index.add_wheel(f"demo-{number}", "1.0") for number in range(5)]
    monkeypatch.setenv("ALL_PROXY", f"http://user:{SECRET}@{closed_proxy.address}")
    settings = {"repository": str(repository), "index_url": f"{server.origin}/simple/", "processes": 1}
    config = repository.with_suffix(".json")
    config.write_text(json.dumps(settings))
    with Command("run", "--config", config) as done:
        assert done.end() == 0, done.stderr
    assert SECRET not in done.stdout + done.stderr
    for wheel in wheels:
        assert (repository / wheel.filename).read_bytes() == wheel.content
    # The parent has a tunnel of its own.
    until(lambda: len(closed_proxy.requests()) >= 2, "the proxy has written its log")
    assert set(closed_proxy.requests()) == {f"CONNECT {server.origin.removeprefix('https://')}"}
