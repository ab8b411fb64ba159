"""Credentials and proxies: from the URL, from netrc, and from the environment."""

from __future__ import annotations

import http.client
import http.server
import re
import threading
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

import pytest
import requests
import responses

from minimirror.upstream import Client
from minimirror.upstream.addresses import AddressGuard
from minimirror.upstream.urls import split_credentials
from tests.helpers.asking import SECRET, URL, basic, body, failure, get
from tests.helpers.index import Index, Redirect, Status, Truncate

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator


def authorizations(mock: responses.RequestsMock) -> list[tuple[object, object]]:
    """URL and credentials of each request."""
    return [(call.request.url, call.request.headers.get("Authorization")) for call in mock.calls]


class TestCredentials:
    @pytest.mark.parametrize(
        ("url", "clean", "credentials"),
        [
            ("https://example.org/simple/", "https://example.org/simple/", {}),
            (
                "https://user:pass@example.org/simple/",
                "https://example.org/simple/",
                {"https://example.org": ("user", "pass")},
            ),
            (
                "http://u%40x:p%3A%2F%C3%A9@example.org:8080/a?b",
                "http://example.org:8080/a?b",
                {"http://example.org:8080": ("u@x", "p:/é")},
            ),
            ("https://token@example.org/", "https://example.org/", {"https://example.org": ("token", "")}),
            ("https://a:b:c@example.org/", "https://example.org/", {"https://example.org": ("a", "b:c")}),
            ("https://a@b:c@example.org/", "https://example.org/", {"https://example.org": ("a@b", "c")}),
            ("https://@example.org/", "https://example.org/", {}),
            ("https://u:p@[::1]:80/", "https://[::1]:80/", {"https://[::1]:80": ("u", "p")}),
            ("HTTPS://u:p@Example.ORG/A", "https://example.org/A", {"https://example.org": ("u", "p")}),
        ],
    )
    def test_are_separated_from_the_url(
        self, url: str, clean: str, credentials: dict[str, tuple[str, str]]
    ) -> None:
        assert split_credentials(url) == (clean, credentials)

    def test_are_sent_to_their_origin_only(self, mock: responses.RequestsMock) -> None:
        mine = "https://example.org/a"
        others = [
            "https://files.example.org/a",
            "http://example.org/a",
            "https://example.org:8443/a",
            "https://example.org.example.com/a",
        ]
        for url in (mine, *others):
            mock.get(url)
        client = Client(credentials={"https://example.org": ("user", SECRET)})
        for url in (mine, *others, "https://EXAMPLE.org/a"):
            get(url, client)
        sent = authorizations(mock)
        assert sent == [
            (mine, basic("user", SECRET)),
            *((url, None) for url in others),
            (mine, basic("user", SECRET)),
        ]

    def test_do_not_go_with_a_redirect(self, mock: responses.RequestsMock) -> None:
        elsewhere = "https://files.example.org/x"
        mock.get(URL, status=302, headers={"Location": elsewhere})
        mock.get(elsewhere, status=302, headers={"Location": URL + "again"})
        mock.get(URL + "again")
        get(URL, Client(credentials={"https://example.org": ("user", SECRET)}))
        assert [authorization for _, authorization in authorizations(mock)] == [
            basic("user", SECRET),
            None,
            basic("user", SECRET),
        ]

    def test_beyond_latin_1_are_sent_in_utf_8(self, mock: responses.RequestsMock) -> None:
        mock.get(URL)
        get(URL, Client(credentials={"https://example.org": ("jürgen", "pass\u20ac")}))
        assert authorizations(mock) == [(URL, basic("jürgen", "pass\u20ac"))]

    def test_are_accepted_by_the_index(self, index_factory: Callable[..., Index]) -> None:
        index = index_factory(auth=("user", SECRET))
        url, credentials = split_credentials(index.url.replace("://", f"://user:{SECRET}@"))
        assert get(url, Client(credentials=credentials)).head.status == 200
        assert failure(url, Client(credentials={index.origin: ("user", f"{SECRET}-not")})).status == 401

    def test_are_in_no_error(self, mock: responses.RequestsMock) -> None:
        client = Client(credentials={"https://example.org": ("user", SECRET)})
        mock.get(URL, body=requests.ConnectionError(f"https://user:{SECRET}@example.org/"))
        assert failure(URL, client).transient

    @pytest.fixture
    def netrc(self) -> Path:
        return Path.home() / ".netrc"

    def test_netrc_is_read(self, mock: responses.RequestsMock, netrc: Path) -> None:
        netrc.write_text(f"machine example.org login user password {SECRET}\n")
        urls = [URL, "http://example.org:8080/", "https://files.example.org/", "https://other.example.com/"]
        client = Client()
        for url in urls:
            mock.get(url)
            get(url, client)
        assert [authorization for _, authorization in authorizations(mock)] == [
            basic("user", SECRET),
            basic("user", SECRET),
            None,
            None,
        ]

    def test_of_netrcs_default_are_sent_to_the_index_only(
        self, mock: responses.RequestsMock, netrc: Path
    ) -> None:
        netrc.write_text(f"default login user password {SECRET}\n")
        client = Client(guard=AddressGuard(URL))
        for url in (URL, "https://files.example.org/"):
            mock.get(url)
            get(url, client)
        assert [authorization for _, authorization in authorizations(mock)] == [basic("user", SECRET), None]

    def test_of_the_url_come_before_netrc(self, mock: responses.RequestsMock, netrc: Path) -> None:
        netrc.write_text("machine example.org login other password other\n")
        mock.get(URL)
        get(URL, Client(credentials={"https://example.org": ("user", SECRET)}))
        assert authorizations(mock) == [(URL, basic("user", SECRET))]

    @pytest.mark.parametrize("content", [b"machine example.org login", b"nonsense", b"\xff\xfe", b""])
    def test_a_netrc_that_cannot_be_read_is_none(
        self, mock: responses.RequestsMock, netrc: Path, content: bytes
    ) -> None:
        netrc.write_bytes(content)
        mock.get(URL)
        get()
        assert authorizations(mock) == [(URL, None)]


class Proxy(http.server.ThreadingHTTPServer):
    """Passes each request on, and notes it."""

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _ProxyHandler)
        self.seen: list[tuple[str, str | None]] = []
        self.address = f"127.0.0.1:{self.server_address[1]}"
        self._thread = threading.Thread(target=self.serve_forever, args=(0.01,), daemon=True)
        self._thread.start()

    def __exit__(self, *_: object) -> None:
        self.shutdown()
        self._thread.join()
        self.server_close()


class _ProxyHandler(http.server.BaseHTTPRequestHandler):
    server: Proxy

    def do_GET(self) -> None:
        self.server.seen.append((self.path, self.headers["Proxy-Authorization"]))
        parts = urlsplit(self.path)
        upstream = http.client.HTTPConnection(parts.netloc, timeout=5)
        headers = {name: value for name, value in self.headers.items() if not name.startswith("Proxy-")}
        upstream.request("GET", parts.path, headers=headers)
        answer = upstream.getresponse()
        try:
            content = answer.read()
        except http.client.IncompleteRead as error:
            content = error.partial
        upstream.close()
        self.send_response_only(answer.status)
        for name, value in answer.getheaders():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(content)

    def log_message(self, *_: object) -> None:
        """Say nothing."""


class TestProxies:
    @pytest.fixture
    def proxy(self) -> Iterator[Proxy]:
        with Proxy() as proxy:
            yield proxy

    @pytest.mark.parametrize("name", ["HTTP_PROXY", "http_proxy", "ALL_PROXY"])
    def test_of_the_environment_are_used(
        self, monkeypatch: pytest.MonkeyPatch, proxy: Proxy, index_factory: Callable[..., Index], name: str
    ) -> None:
        index = index_factory(gzip=True)
        index.add_project("demo")
        monkeypatch.setenv(name, f"http://user:{SECRET}@{proxy.address}")
        client = Client()
        for _ in range(2):
            reply = client.open(index.url, {"Accept-Encoding": "gzip"})
            assert reply.head.headers["content-encoding"] == "gzip"
            assert b"demo" in body(reply)
        assert proxy.seen == [(index.url, basic("user", SECRET))] * 2
        assert "proxy-authorization" not in index.requests[0].headers

    @pytest.mark.parametrize("value", ["127.0.0.1", "*", "example.org, 127.0.0.1"])
    def test_not_for_what_no_proxy_names(
        self, monkeypatch: pytest.MonkeyPatch, proxy: Proxy, index: Index, value: str
    ) -> None:
        monkeypatch.setenv("HTTP_PROXY", f"http://{proxy.address}")
        monkeypatch.setenv("NO_PROXY", value)
        assert get(index.url).head.status == 200
        assert proxy.seen == []

    def test_not_for_another_scheme(
        self, monkeypatch: pytest.MonkeyPatch, proxy: Proxy, index: Index
    ) -> None:
        monkeypatch.setenv("HTTPS_PROXY", f"http://{proxy.address}")
        assert get(index.url).head.status == 200
        assert proxy.seen == []

    def test_faults_are_the_same_through_one(
        self, monkeypatch: pytest.MonkeyPatch, proxy: Proxy, index: Index
    ) -> None:
        monkeypatch.setenv("HTTP_PROXY", f"http://{proxy.address}")
        index.fault("/simple/", Status(503, {"Retry-After": "7"}), Redirect("/simple/"))
        error = failure(index.url)
        assert (error.status, error.retry_after, error.transient) == (503, 7.0, True)
        assert get(index.url).head.status == 200
        file = index.add("demo", "demo-1.0.zip", b"0123456789")
        index.fault("demo-1.0.zip", Truncate(5), Status(204))
        client = Client()
        assert failure(index.file_url(file), client).transient
        get(index.file_url(file), client).close()
        assert body(get(index.file_url(file), client)) == b"0123456789"

    @pytest.mark.parametrize(
        "url",
        [
            "http://user:s3cret@127.0.0.1:1",
            "http://user:s3cret@[broken",
            "http://user:s3cret@",
            "http://user:s3cret@127.0.0.1:99999",
            "http://user:s3cret@a..b:80",
            "nonsense://user:s3cret@127.0.0.1:1",
        ],
    )
    def test_unusable_proxies_are_an_error_that_hides_their_password(
        self, monkeypatch: pytest.MonkeyPatch, index: Index, url: str
    ) -> None:
        monkeypatch.setenv("HTTP_PROXY", url)
        assert re.search("connection failed|proxy", failure(index.url).cause)
        assert index.requests == []
