"""The system's settings for each origin: credentials, proxies, CA bundle, client certificate."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import pytest
import requests
from requests.utils import DEFAULT_CA_BUNDLE_PATH

from minimirror.upstream import Client, FetchError
from minimirror.upstream.environment import Environment, netrc_credentials
from minimirror.upstream.urls import split_credentials
from tests.helpers.asking import SECRET, basic, body, failure, get, presentable
from tests.helpers.index import Index, Redirect
from tests.helpers.raw_server import RawServer

if TYPE_CHECKING:
    from collections.abc import Callable

URL = "https://example.org/simple/"
OK = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"


@pytest.fixture
def netrc() -> Path:
    return Path.home() / ".netrc"


OWN = {"https://example.org": ("user", SECRET)}


class TestCredentials:
    def test_there_are_none_by_default(self) -> None:
        assert Environment().settings(URL).authorization is None

    def test_they_are_for_their_own_origin_only(self) -> None:
        environment = Environment(OWN)
        for own in ("https://example.org/", "https://example.org/a/b?c"):
            assert environment.settings(own).authorization == basic("user", SECRET)
        for other in (
            "https://files.example.org/a",
            "http://example.org/a",
            "https://example.org:8443/a",
            "https://example.org.example.com/a",
        ):
            assert environment.settings(other).authorization is None

    def test_they_are_sent_in_utf_8(self) -> None:
        environment = Environment({"https://example.org": ("jürgen", "pass\u20ac")})
        assert environment.settings(URL).authorization == basic("jürgen", "pass\u20ac")

    def test_netrc_has_those_of_a_host(self, netrc: Path) -> None:
        netrc.write_text(f"machine example.org login user password {SECRET}\n")
        environment = Environment()
        for own in (URL, "http://example.org:8080/"):
            assert environment.settings(own).authorization == basic("user", SECRET)
        for other in ("https://files.example.org/", "https://example.com/"):
            assert environment.settings(other).authorization is None
        assert netrc_credentials(URL) == ("user", SECRET)

    def test_netrcs_default_is_for_the_hosts_that_the_user_named(self, netrc: Path) -> None:
        netrc.write_text(
            f"machine files.example.org login a password b\ndefault login user password {SECRET}\n"
        )
        environment = Environment(hosts={"example.org"})
        assert environment.settings(URL).authorization == basic("user", SECRET)
        assert environment.settings("https://files.example.org/").authorization == basic("a", "b")
        assert environment.settings("https://example.com/").authorization is None

    def test_those_of_the_index_come_before_netrc(self, netrc: Path) -> None:
        netrc.write_text("machine example.org login other password other\n")
        assert Environment(OWN).settings(URL).authorization == basic("user", SECRET)

    @pytest.mark.parametrize("content", [b"machine example.org login", b"nonsense", b"\xff\xfe", b""])
    def test_a_netrc_that_cannot_be_read_is_ignored(self, netrc: Path, content: bytes) -> None:
        netrc.write_bytes(content)
        assert Environment().settings(URL).authorization is None
        assert netrc_credentials(URL) is None

    def test_they_are_sent_to_the_index(self, index_factory: Callable[..., Index]) -> None:
        index = index_factory(auth=("user", SECRET))
        url, credentials = split_credentials(index.url.replace("://", f"://user:{SECRET}@"))
        assert get(url, Client(credentials=credentials)).head.status == 200
        assert failure(url, Client(credentials={index.origin: ("user", f"{SECRET}-not")})).status == 401

    def test_they_do_not_go_with_a_redirect(self, index_factory: Callable[..., Index]) -> None:
        index, elsewhere = index_factory(auth=("user", SECRET)), index_factory()
        index.fault("/simple/", Redirect(elsewhere.url))
        elsewhere.fault("/simple/", Redirect(f"{index.url}demo/"))
        index.add_project("demo")
        reply = get(index.url, Client(credentials={index.origin: ("user", SECRET)}))
        assert reply.head.url == f"{index.url}demo/"
        assert [each.headers.get("authorization") for each in index.requests] == [basic("user", SECRET)] * 2
        assert [each.headers.get("authorization") for each in elsewhere.requests] == [None]


class TestProxy:
    @pytest.mark.parametrize(
        ("variables", "proxy"),
        [
            ({}, None),
            ({"HTTPS_PROXY": "http://proxy:3128"}, "http://proxy:3128"),
            ({"https_proxy": "http://proxy:3128"}, "http://proxy:3128"),
            ({"ALL_PROXY": "socks5h://proxy:1080"}, "socks5h://proxy:1080"),
            ({"HTTPS_PROXY": "proxy:3128"}, "http://proxy:3128"),
            ({"HTTPS_PROXY": "http://user:p%40ss@proxy"}, "http://user:p%40ss@proxy"),
            (
                {"HTTPS_PROXY": "http://user:p%40ss@bücher.example.org"},
                "http://user:p%40ss@xn--bcher-kva.example.org",
            ),
            ({"HTTPS_PROXY": "http://proxy:3128", "ALL_PROXY": "http://other"}, "http://proxy:3128"),
            ({"HTTP_PROXY": "http://proxy:3128"}, None),
            ({"HTTPS_PROXY": ""}, None),
        ],
    )
    def test_the_environment_names_it(
        self, monkeypatch: pytest.MonkeyPatch, variables: dict[str, str], proxy: str | None
    ) -> None:
        for name, value in variables.items():
            monkeypatch.setenv(name, value)
        assert Environment().settings(URL).proxy == proxy

    @pytest.mark.parametrize("name", ["NO_PROXY", "no_proxy"])
    @pytest.mark.parametrize(
        ("value", "direct"),
        [
            ("example.org", True),
            ("files.example.org, example.org", True),
            ("*", True),
            ("example.com", False),
            ("example.org:8443", False),
            ("", False),
        ],
    )
    def test_no_proxy_names_exceptions(
        self, monkeypatch: pytest.MonkeyPatch, name: str, value: str, direct: bool
    ) -> None:
        monkeypatch.setenv("ALL_PROXY", "http://proxy:3128")
        monkeypatch.setenv(name, value)
        assert (Environment().settings(URL).proxy is None) == direct

    @pytest.mark.parametrize("value", ["127.0.0.1", "127.0.0.0/8", "localhost,127.0.0.1"])
    def test_no_proxy_names_addresses(self, monkeypatch: pytest.MonkeyPatch, value: str) -> None:
        monkeypatch.setenv("ALL_PROXY", "http://proxy:3128")
        monkeypatch.setenv("NO_PROXY", value)
        assert Environment().settings("http://127.0.0.1:8080/").proxy is None
        assert Environment().settings("http://10.0.0.1:8080/").proxy == "http://proxy:3128"

    def test_a_session_may_have_one(self) -> None:
        session = requests.Session()
        session.proxies = {"https": "http://proxy:3128"}
        assert Environment(session=session).settings(URL).proxy == "http://proxy:3128"
        assert Environment(session=session).settings("http://example.org/").proxy is None

    @pytest.mark.parametrize(
        "url",
        [
            "http://user:s3cret@[broken",
            "http://user:s3cret@",
            "http://user:s3cret@127.0.0.1:99999",
            "http://user:s3cret@127.0.0.1:port",
            "nonsense://user:s3cret@127.0.0.1:1",
        ],
    )
    def test_an_invalid_one_is_an_error(self, monkeypatch: pytest.MonkeyPatch, url: str) -> None:
        monkeypatch.setenv("ALL_PROXY", url)
        with pytest.raises(FetchError, match="proxy is invalid") as caught:
            Environment().settings(URL)
        assert not presentable(caught.value).transient

    @pytest.mark.parametrize("address", ["127.0.0.1:1", "a..b:80"])
    def test_one_that_cannot_be_reached_is_an_error(
        self, monkeypatch: pytest.MonkeyPatch, address: str
    ) -> None:
        monkeypatch.setenv("ALL_PROXY", f"http://user:{SECRET}@{address}")
        for url in ("http://example.org/", "https://example.org/"):
            failure(url)

    def test_it_gets_the_whole_url_and_its_own_credentials(self, monkeypatch: pytest.MonkeyPatch) -> None:
        client = Client(credentials={"http://example.org": ("index", SECRET)})
        with RawServer([OK, OK]) as proxy:
            monkeypatch.setenv("HTTP_PROXY", proxy.url.replace("://", f"://user:{SECRET}@"))
            assert [body(get("http://example.org/a?b", client)) for _ in range(2)] == [b"ok", b"ok"]
            assert proxy.accepted == 1
        for request in proxy.requests:
            line, *headers = request.decode().splitlines()
            assert line == "GET http://example.org/a?b HTTP/1.1"
            assert f"Proxy-Authorization: {basic('user', SECRET)}" in headers
            assert f"Authorization: {basic('index', SECRET)}" in headers

    def test_a_tunnel_gets_no_credentials_of_the_index(self, monkeypatch: pytest.MonkeyPatch) -> None:
        client = Client(credentials={"https://example.org": ("index", SECRET)})
        with RawServer([b"HTTP/1.1 407 Proxy Authentication Required\r\n\r\n"]) as proxy:
            monkeypatch.setenv("HTTPS_PROXY", proxy.url.replace("://", f"://user:{SECRET}@"))
            assert "407" in failure(URL, client).cause
        line, *headers = proxy.requests[0].decode().splitlines()
        assert line.startswith("CONNECT example.org:443 ")
        assert f"Proxy-Authorization: {basic('user', SECRET)}" in headers
        assert not any(header.startswith("Authorization") for header in headers)

    def test_a_long_refusal_is_shortened(self, monkeypatch: pytest.MonkeyPatch) -> None:
        with RawServer([b"HTTP/1.1 407 %b\r\n\r\n" % (b"x" * 10_000)]) as proxy:
            monkeypatch.setenv("HTTPS_PROXY", proxy.url)
            assert "407" in failure(URL).cause


class TestCertificates:
    def test_the_bundle_of_requests_is_used_by_default(self) -> None:
        assert Environment().settings(URL).ca_bundle == DEFAULT_CA_BUNDLE_PATH

    @pytest.mark.parametrize("name", ["REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE"])
    @pytest.mark.parametrize("kind", ["file", "folder"])
    def test_the_environment_names_a_file_or_folder(
        self, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, name: str, kind: str
    ) -> None:
        path = tmp_path / "bundle"
        path.mkdir() if kind == "folder" else path.touch()
        monkeypatch.setenv(name, str(path))
        assert Environment().settings(URL).ca_bundle == str(path)

    def test_a_session_may_have_a_bundle_and_a_certificate(self, tmp_path: Path) -> None:
        session = requests.Session()
        session.verify, session.cert = str(tmp_path), ("cert.pem", "key.pem")
        settings = Environment(session=session).settings(URL)
        assert (settings.ca_bundle, settings.cert) == (str(tmp_path), ("cert.pem", "key.pem"))

    def test_the_client_certificate_of_an_index_is_for_its_hosts(self, tmp_path: Path) -> None:
        (cert := tmp_path / "client.pem").touch()
        environment = Environment(hosts={"example.org"}, cert=str(cert))
        assert environment.settings(URL).cert == str(cert)
        assert environment.settings("https://files.example.org/a").cert is None

    def test_a_client_certificate_must_exist(self, tmp_path: Path) -> None:
        environment = Environment(hosts={"example.org"}, cert=str(tmp_path / "client.pem"))
        with pytest.raises(FetchError) as caught:
            environment.settings(URL)
        assert "client_cert" in presentable(caught.value).cause

    def test_certificates_are_always_checked(self) -> None:
        session = requests.Session()
        session.verify = False
        assert Environment(session=session).settings(URL).ca_bundle == DEFAULT_CA_BUNDLE_PATH

    def test_a_bundle_that_is_missing_is_an_error_for_https(
        self, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
    ) -> None:
        monkeypatch.setenv("REQUESTS_CA_BUNDLE", str(tmp_path / "missing"))
        with pytest.raises(FetchError, match="missing") as caught:
            Environment().settings(URL)
        assert not presentable(caught.value).transient
        assert Environment().settings("http://example.org/").proxy is None


def test_an_origin_is_looked_up_once(monkeypatch: pytest.MonkeyPatch) -> None:
    environment = Environment()
    before = environment.settings(URL)
    monkeypatch.setenv("HTTPS_PROXY", "http://proxy:3128")
    assert environment.settings(f"{URL}demo/") is before
    assert before.host == "example.org"
    assert environment.settings("https://files.example.org/").proxy == "http://proxy:3128"
