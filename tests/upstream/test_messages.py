"""Each message about the network, as a user reads it."""

# ruff: noqa: E501 - messages are written in one line

from __future__ import annotations

import math
import re
from functools import partial
from importlib.util import find_spec
from typing import TYPE_CHECKING, Any

import pytest
from inline_snapshot import snapshot

from minimirror.common import MinimirrorError
from minimirror.simple_api import File
from minimirror.upstream import (
    AdvisoryError,
    Client,
    Index,
    Pace,
    PartialFile,
    RemoteFile,
    Retry,
    completed,
    download,
    vulnerabilities,
)
from minimirror.upstream.addresses import AddressGuard
from minimirror.upstream.decoding import decoded
from minimirror.upstream.urls import checked_url, followed
from tests.helpers.fetching import ManyAtATime, OneAtATime, Way, get
from tests.helpers.index import Body, Chunked, Drip, Headers, Redirect, Stall, Status, Together, Truncate
from tests.helpers.index import Index as Server
from tests.helpers.raw_server import RawServer
from tests.helpers.servers.tls import tls

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

ONCE = Retry(attempts=1)


def cause(call: Callable[[], object]) -> str:
    with pytest.raises(MinimirrorError) as caught:
        call()
    return re.sub(r"(?:127\.0\.0\.1|localhost):\d+", "HOST", str(caught.value))


def test_urls_and_redirects() -> None:
    urls = ["https://[::1/", "https:///", "file:///etc/passwd", "https://user:secret@example.org/"]
    assert [cause(partial(checked_url, url)) for url in urls] == snapshot(
        [
            "invalid URL",
            "the URL has no host",
            "unsupported URL scheme 'file'; only http and https are allowed",
            "the URL contains credentials, which are not allowed in a link",
        ]
    )
    targets = ["https://[::1/", "https://[::1]:80:80/", "http://127.0.0.1/", "ftp://example.org/"]
    assert [cause(partial(followed, "https://example.org/", to)) for to in targets] == snapshot(
        [
            "redirected to an invalid URL",
            "invalid URL",
            "redirected to an internal address",
            "unsupported URL scheme 'ftp'; only http and https are allowed",
        ]
    )


def test_responses(index: Server) -> None:
    index.add_project("demo")

    def project(fault: Any, **pace: float) -> str:
        index.fault("demo", fault)
        return cause(lambda: Index(index.url, retry=ONCE, pace=Pace(**pace)).project("demo"))

    assert project(Status(503)) == snapshot("HTTP 503")
    assert project(Status(204, body=b"")) == snapshot("HTTP 204 instead of a page")
    assert project(Status(302)) == snapshot("HTTP 302 without a Location")
    assert project(Truncate(None)) == snapshot("HOST closed the connection without a response")
    assert project(Truncate(10)) == snapshot("the connection to HOST closed 86 bytes early")
    assert project(Stall(10), read=0.1) == snapshot("the connection to HOST timed out")
    assert project(Headers({"Content-Encoding": "br"})) == snapshot(
        "the server sent the content encoding 'br', which was not requested"
    )
    assert project(Headers({"Content-Encoding": "gzip"})) == snapshot("the body is not valid gzip")
    assert project(Together(Body(b"\x1f\x8b"), Headers({"Content-Encoding": "gzip"}))) == snapshot(
        "the gzip body ends early"
    )
    index.fault("demo", Redirect("http://localhost/"))
    elsewhere = Index(index.url, retry=ONCE, client=Client(same_host=True))
    assert cause(lambda: elsewhere.project("demo")) == snapshot("HTTP 302 redirects to another host")
    index.fault("demo", Redirect("/simple/demo/"), always=True)
    assert cause(lambda: Index(index.url, retry=ONCE).project("demo")) == snapshot("more than 10 redirects")


def test_limits(index: Server) -> None:
    index.add_project("demo")

    def root(limit: int = 1000, deadline: float = math.inf, pace: Pace | None = None) -> str:
        def read() -> None:
            reply = Client(pace=pace).open(index.url, {}, deadline)
            list(decoded(reply.head, reply, limit))

        return cause(read)

    assert root(limit=10) == snapshot("the page is larger than 10 bytes")
    assert root(deadline=0.0) == snapshot("gave up after the time limit (`file_timeout`)")
    index.fault("/simple/", Drip(200))
    assert root(pace=Pace(read=0.1, min_rate=1e12)) == snapshot(
        "slower than 1000000000000 bytes per second (`min_rate`)"
    )


@pytest.fixture
def way(request: pytest.FixtureRequest) -> Iterator[Way]:
    way: Way = request.param()
    yield way
    way.close()


@pytest.mark.parametrize("way", [OneAtATime, ManyAtATime], indirect=True)
def test_the_connection(way: Way) -> None:
    assert cause(lambda: get(way, "http://127.0.0.1:1/")) == snapshot(
        "the connection to HOST failed: Connection refused"
    )
    assert cause(lambda: get(way, "http://example.org/", {"If-None-Match": "a\nb"})) == snapshot(
        "a header with a line break or a character that is not Latin-1 cannot be sent"
    )


@pytest.mark.parametrize("way", [OneAtATime, ManyAtATime], indirect=True)
def test_the_environment(way: Way, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ALL_PROXY", "http://user:secret@[broken")
    assert cause(lambda: get(way, "http://example.org/")) == snapshot(
        "the URL of the proxy is invalid; see HTTP_PROXY, HTTPS_PROXY and ALL_PROXY"
    )
    monkeypatch.setenv("ALL_PROXY", "")
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", "/ca.pem")
    assert cause(lambda: get(way, "https://example.org/")) == snapshot(
        "the CA bundle /ca.pem does not exist; see REQUESTS_CA_BUNDLE and CURL_CA_BUNDLE"
    )


@pytest.mark.parametrize("way", [OneAtATime, ManyAtATime], indirect=True)
def test_names(way: Way, monkeypatch: pytest.MonkeyPatch) -> None:
    assert cause(lambda: get(way, "http://no-such-host.invalid/")) == snapshot(
        "cannot resolve no-such-host.invalid; check the host name, and the network"
    )
    monkeypatch.setenv("ALL_PROXY", "http://user:secret@no-such-proxy.invalid:3128")
    assert cause(lambda: get(way, "http://example.org/")) == snapshot(
        "cannot resolve the proxy no-such-proxy.invalid:3128; check HTTPS_PROXY, HTTP_PROXY, ALL_PROXY, and the network"
    )


@pytest.mark.parametrize("way", [OneAtATime, ManyAtATime], indirect=True)
@pytest.mark.parametrize("scheme", ["http", "https"])
def test_proxies(way: Way, scheme: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ALL_PROXY", "http://user:secret@127.0.0.1:1")
    assert cause(lambda: get(way, f"{scheme}://example.org/")) == snapshot(
        "the connection to the proxy HOST failed: Connection refused; check HTTPS_PROXY, HTTP_PROXY, ALL_PROXY"
    )
    with RawServer([b"HTTP/1.1 407 No\r\nContent-Length: 0\r\n\r\n"]) as proxy:
        monkeypatch.setenv("ALL_PROXY", proxy.url.replace("://", "://user:secret@"))
        assert cause(lambda: get(way, f"{scheme}://other.example.org/")) == snapshot(
            "the proxy HOST requires a username and password, or rejects yours (HTTP 407); set them in HTTPS_PROXY, HTTP_PROXY, ALL_PROXY"
        )


@pytest.mark.parametrize("way", [OneAtATime, ManyAtATime], indirect=True)
def test_a_proxy_that_refuses(way: Way, monkeypatch: pytest.MonkeyPatch) -> None:
    with RawServer([b"HTTP/1.1 403 No\r\nContent-Length: 0\r\n\r\n"]) as proxy:
        monkeypatch.setenv("ALL_PROXY", proxy.url.replace("://", "://user:secret@"))
        assert cause(lambda: get(way, "https://example.org/")) == snapshot(
            "the proxy HOST refused the connection to example.org: HTTP 403"
        )


@pytest.mark.parametrize("way", [OneAtATime, ManyAtATime], indirect=True)
def test_tls(way: Way, index: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with RawServer([], greeting=b"HTTP/1.1 400 Bad Request\r\n\r\n") as server:
        assert cause(lambda: get(way, server.url.replace("http:", "https:"))) == snapshot(
            "HOST does not respond with TLS (wrong version number); its URL may need http, not https"
        )
    with tls(tmp_path / "tls", index.origin) as trusted:
        assert cause(lambda: get(way, trusted.origin)) == snapshot(
            "the certificate of HOST is not trusted: unable to get local issuer certificate. To trust an authority of your own, or of your proxy, set REQUESTS_CA_BUNDLE"
        )
        assert cause(lambda: get(way, trusted.origin.replace("https:", "http:"))) == snapshot(
            "HTTP 400: HOST speaks TLS; its URL needs https, not http"
        )


@pytest.mark.parametrize("way", [OneAtATime, ManyAtATime], indirect=True)
def test_another_host(way: Way, index: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with tls(tmp_path / "tls", index.origin) as trusted:
        monkeypatch.setenv("REQUESTS_CA_BUNDLE", str(trusted.ca_bundle))
        assert cause(lambda: get(way, trusted.origin.replace("127.0.0.1", "localhost"))) == snapshot(
            "the certificate of HOST is for another host; use the host name that the certificate has"
        )


@pytest.mark.parametrize("way", [OneAtATime, ManyAtATime], indirect=True)
def test_statuses(way: Way, index: Server) -> None:
    def refused(status: int) -> str:
        index.fault("/simple/", Status(status))
        return cause(lambda: get(way, index.url))

    assert [refused(status) for status in (401, 403, 407, 429, 511)] == snapshot(
        [
            "HTTP 401: HOST requires a username and password, or rejects yours; set them in the index's URL or in ~/.netrc",
            "HTTP 403: HOST refuses access; check the URL, and your credentials for it",
            "HTTP 407",
            "HTTP 429: HOST limits requests; lower `connections`",
            "HTTP 511: HOST requires you to sign in to the network first; open it in a browser",
        ]
    )


@pytest.mark.skipif(find_spec("socks") is not None, reason="PySocks is installed")
def test_a_socks_proxy(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ALL_PROXY", "socks5h://127.0.0.1:1")
    assert cause(lambda: Client().open("http://example.org/", {})) == snapshot(
        "a SOCKS proxy needs PySocks: pip install 'requests[socks]'"
    )


def test_an_internal_address(index: Server) -> None:
    guard = AddressGuard("http://93.184.215.14/simple/")
    assert cause(lambda: Client(guard=guard).open(index.url, {})) == snapshot(
        "refused to connect to the internal address 127.0.0.1"
    )


def test_a_file(index: Server, tmp_path: Path) -> None:
    wheel = index.add_wheel("demo", "1.0")
    size = len(wheel.content)
    file = File(wheel.filename, index.file_url(wheel), {"sha256": "0" * 64}, size)

    def fetch(*faults: Any, **listed: Any) -> str:
        index.fault(wheel.filename, *faults)
        path, changed = tmp_path / "part", file._replace(**listed)
        found = cause(
            lambda: completed(
                download(Client(), changed, PartialFile(path), retry=Retry(attempts=2, pause=0))
            )
        )
        path.unlink(missing_ok=True)
        return found.replace(str(size), "SIZE")

    unverified: dict[str, Any] = {"digests": {}, "size": None}
    assert fetch() == snapshot("its sha256 does not match the index")
    assert fetch(size=7) == snapshot("the server sends SIZE bytes, but the index lists 7")
    assert fetch(Chunked(), size=7) == snapshot("the server sends more than the 7 bytes that the index lists")
    assert fetch(Status(202)) == snapshot("HTTP 202 instead of the whole file")
    assert fetch(Body(b"<h1>Sign in</h1>"), **unverified) == snapshot(
        "the server sent an HTML page instead of the file"
    )
    assert fetch(Body(b"", "application/zip"), **unverified) == snapshot("the server sent an empty file")
    assert fetch(Headers({"Content-Encoding": "gzip"}), **unverified) == snapshot(
        "the server sent the content encoding 'gzip', which was not requested"
    )
    assert fetch(Truncate(10), Status(416)) == snapshot("the server cannot resume the transfer")
    assert fetch(Truncate(10), Headers({"Content-Range": "bytes 1-2/3"})) == snapshot(
        "the server sent a different range than requested"
    )


def test_a_part_of_a_file(index: Server) -> None:
    wheel = index.add_wheel("demo", "1.0", padding=400_000)

    def open_remote() -> RemoteFile:
        return RemoteFile(Client(), index.file_url(wheel), ONCE)

    index.fault(wheel.filename, Status(200), Headers({"Content-Range": "bytes 0-9/400000"}))
    assert [cause(open_remote), cause(open_remote)] == snapshot(
        ["HTTP 200 instead of the requested range", "the server sent a different range than requested"]
    )
    file = open_remote()
    index.add_wheel("demo", "1.0", padding=500_000)
    assert cause(lambda: file.read(10)) == snapshot("the file changed while it was read")


def test_vulnerabilities(index: Server) -> None:
    upstream = Index(index.url, retry=ONCE)
    assert cause(lambda: completed(vulnerabilities(upstream.reader, "demo", "1.0"))) == snapshot(
        "index http://HOST/simple/ has no JSON API for vulnerabilities; remove `vulnerable` from the config"
    )
    assert cause(
        lambda: completed(vulnerabilities(Index("https://example.org").reader, "demo", "1.0"))
    ) == snapshot(
        "index https://example.org/ has no JSON API for vulnerabilities; remove `vulnerable` from the config"
    )
    index.fault("/pypi/demo/*", Body(b"<html>"), Body(b"[]"))
    assert cause(lambda: completed(vulnerabilities(upstream.reader, "demo", "1.0"))) == snapshot(
        "http://HOST/pypi/demo/1.0/json: the response is not JSON"
    )
    assert cause(lambda: completed(vulnerabilities(upstream.reader, "demo", "1.0"))) == snapshot(
        "http://HOST/pypi/demo/1.0/json: the response has no list of vulnerabilities"
    )


def test_an_answer_with_too_many_values(index: Server) -> None:
    body = b'{"vulnerabilities": [%s0]}' % (b"[]," * 200_000)
    for encoded in (body, body.decode().encode("utf-16")):
        index.fault("/pypi/demo/*", Body(encoded, "application/json"))
        with pytest.raises(AdvisoryError, match="200,000 values"):
            completed(vulnerabilities(Index(index.url).reader, "demo", "1.0"))


def test_a_long_list_of_vulnerabilities_is_shortened(index: Server) -> None:
    body = b'{"vulnerabilities": [%s]}' % b",".join(b'{"id": "PYSEC-%d"}' % number for number in range(12))
    index.fault("/pypi/demo/*", Body(body))
    assert completed(vulnerabilities(Index(index.url).reader, "demo", "1.0")) == snapshot(
        "PYSEC-0, PYSEC-1, PYSEC-2, PYSEC-3, PYSEC-4, PYSEC-5, PYSEC-6, PYSEC-7, PYSEC-8, PYSEC-9, and 2 more"
    )
