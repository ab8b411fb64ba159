"""The environment has the effect that requests gives it, whichever way a request is sent.

Each test sends the same request three times: with requests alone, with requests and our bounds, and with
libcurl, which has variables and files of its own.
"""

from __future__ import annotations

import os
import socket
import ssl
import subprocess
import sys
import threading
from contextlib import suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import pytest
import requests
import trustme

from minimirror.upstream import FetchError
from tests.helpers.fetching import ManyAtATime, OneAtATime, Way, get
from tests.helpers.namespaces import unshare
from tests.helpers.running import DEADLINE, SOURCES
from tests.helpers.servers.process import program

if TYPE_CHECKING:
    from collections.abc import Iterator


class Seen(NamedTuple):
    """What a server has seen of a request."""

    server: str
    asked: str
    """Method and target."""

    authorization: str | None
    proxy_authorization: str | None


class World:
    """An origin and two proxies, all on loopback."""

    NAMES = ("origin", "proxy", "other")

    def __init__(self) -> None:
        self.seen: list[Seen] = []
        self._servers = {name: self._serve(name) for name in self.NAMES}
        self.ports = {name: server.server_port for name, server in self._servers.items()}

    def _serve(self, name: str) -> ThreadingHTTPServer:
        seen = self.seen

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                headers = self.headers
                asked = f"{self.command} {self.path}"
                seen.append(Seen(name, asked, headers["authorization"], headers["proxy-authorization"]))
                self.send_response(200 if self.command == "GET" else 502)
                self.send_header("Content-Length", "0")
                self.end_headers()

            do_CONNECT = do_GET  # noqa: N815 - its name is given

            def log_message(self, *_: object) -> None:
                """Log nothing."""

        server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True).start()
        return server

    def filled_in(self, text: str) -> str:
        """Return a text with ports in place of names: ``http://127.0.0.1:PROXY``."""
        for name, port in self.ports.items():
            text = text.replace(name.upper(), str(port))
        return text

    def close(self) -> None:
        for server in self._servers.values():
            server.shutdown()
            server.server_close()


@pytest.fixture(scope="module")
def world() -> Iterator[World]:
    world = World()
    yield world
    world.close()


def outcomes(url: str) -> list[int | str]:
    """Return the status, or that it failed: with requests, one at a time, and many at a time."""
    found: list[int | str] = ["failed"] * 3
    with suppress(OSError):
        found[0] = requests.get(url, timeout=DEADLINE).status_code
    ways: tuple[Way, ...] = OneAtATime(), ManyAtATime(index_url=url)
    for number, way in enumerate(ways, 1):
        with suppress(FetchError):
            found[number] = get(way, url).head.status
        way.close()
    return found


def compare(world: World, url: str) -> tuple[int | str, list[Seen]]:
    """Send a request in each way, and check that all are the same; return the outcome and what was seen."""
    world.seen.clear()
    first, *others = outcomes(world.filled_in(url))
    assert others == [first] * 2
    count = len(world.seen) // 3
    assert world.seen == world.seen[:count] * 3
    return first, world.seen[:count]


PROXY, OTHER = "http://127.0.0.1:PROXY", "http://127.0.0.1:OTHER"
HTTP, HTTPS = "http://127.0.0.1:ORIGIN/a?b", "https://127.0.0.1:ORIGIN/a?b"
LOCALHOST = "http://localhost:ORIGIN/"


@pytest.mark.parametrize(
    ("variables", "url", "server"),
    [
        ({}, HTTP, "origin"),
        ({"http_proxy": PROXY}, HTTP, "proxy"),
        ({"HTTP_PROXY": PROXY}, HTTP, "proxy"),
        ({"HTTP_PROXY": PROXY, "http_proxy": OTHER}, HTTP, "other"),
        ({"HTTP_PROXY": PROXY, "http_proxy": ""}, HTTP, "origin"),
        ({"HTTP_PROXY": PROXY, "REQUEST_METHOD": "GET"}, HTTP, "origin"),
        ({"http_proxy": "127.0.0.1:PROXY"}, HTTP, "proxy"),
        ({"http_proxy": "http://user:p%40ss@127.0.0.1:PROXY"}, HTTP, "proxy"),
        ({"https_proxy": PROXY}, HTTP, "origin"),
        ({"https_proxy": PROXY}, HTTPS, "proxy"),
        ({"HTTPS_PROXY": PROXY}, HTTPS, "proxy"),
        ({"HTTPS_PROXY": "http://user:p%40ss@127.0.0.1:PROXY"}, HTTPS, "proxy"),
        ({"http_proxy": PROXY}, HTTPS, None),
        ({"all_proxy": PROXY}, HTTP, "proxy"),
        ({"ALL_PROXY": PROXY}, HTTP, "proxy"),
        ({"ALL_PROXY": PROXY}, HTTPS, "proxy"),
        ({"ALL_PROXY": PROXY, "all_proxy": OTHER}, HTTP, "other"),
        ({"ALL_PROXY": PROXY, "http_proxy": OTHER}, HTTP, "other"),
        ({"FTP_PROXY": PROXY, "PROXY": PROXY, "CURL_PROXY": PROXY}, HTTP, "origin"),
    ],
)
def test_proxy(
    world: World,
    monkeypatch: pytest.MonkeyPatch,
    variables: dict[str, str],
    url: str,
    server: str | None,
) -> None:
    for name, value in variables.items():
        monkeypatch.setenv(name, world.filled_in(value))
    _, seen = compare(world, url)
    assert [each.server for each in seen] == ([server] if server else [])


@pytest.mark.parametrize("name", ["NO_PROXY", "no_proxy"])
@pytest.mark.parametrize(
    "case",
    [
        ("", HTTP, False),
        ("*", HTTP, True),
        ("127.0.0.1", HTTP, True),
        (" 127.0.0.1 , example.org", HTTP, True),
        ("example.org 127.0.0.1", HTTP, False),
        ("127.0.0.0/8", HTTP, True),
        ("10.0.0.0/8", HTTP, False),
        ("127.0.0.1:ORIGIN", HTTP, False),
        ("127.0.0.1:1", HTTP, False),
        (".0.0.1", HTTP, True),
        ("[::1]", HTTP, False),
        ("localhost", LOCALHOST, True),
        ("LOCALHOST", LOCALHOST, True),
        ("localhost.", LOCALHOST, False),
        ("localhost:ORIGIN", LOCALHOST, True),
        ("localhost:1", LOCALHOST, False),
        (".localhost", LOCALHOST, True),
        ("host", LOCALHOST, False),
        ("*.localhost", LOCALHOST, False),
        ("127.0.0.1", LOCALHOST, False),
        ("*,example.org", LOCALHOST, False),
    ],
)
def test_no_proxy(
    world: World, monkeypatch: pytest.MonkeyPatch, name: str, case: tuple[str, str, bool]
) -> None:
    value, url, direct = case
    monkeypatch.setenv("ALL_PROXY", world.filled_in(PROXY))
    monkeypatch.setenv(name, world.filled_in(value))
    _, seen = compare(world, url)
    assert [each.server for each in seen] == ["origin" if direct else "proxy"]


MACHINE = "machine 127.0.0.1 login user password secret\n"


@pytest.mark.parametrize(
    ("name", "content", "known"),
    [
        (".netrc", MACHINE, True),
        ("_netrc", MACHINE, True),
        (".netrc", "machine\n127.0.0.1\nlogin\nuser\npassword\nsecret", True),
        (".netrc", "machine 127.0.0.1 password secret account a login user", True),
        (".netrc", 'machine 127.0.0.1 login user password "s e"', True),
        (".netrc", "machine 127.0.0.1 login user password s#cr\\et", True),
        (".netrc", "# a comment\n" + MACHINE, True),
        (".netrc", "macdef init\ncd /\n\n" + MACHINE, True),
        (".netrc", "default login user password secret", True),
        (".netrc", MACHINE.replace("user", "first") + MACHINE, True),
        (".netrc", "machine 127.0.0.1 password secret", True),
        (".netrc", "machine localhost login user password secret", False),
        (".netrc", "machine 127.0.0.1:ORIGIN login user password secret", False),
        (".netrc", "machine 127.0.0.1 nonsense secret", False),
        (".netrc", "", False),
        (".curlrc", "user = user:secret\nproxy = http://127.0.0.1:PROXY\n", False),
    ],
)
def test_files_at_home(world: World, name: str, content: str, known: bool) -> None:
    (Path.home() / name).write_text(world.filled_in(content), encoding="utf-8")
    status, seen = compare(world, HTTP)
    assert (status, [each.server for each in seen]) == (200, ["origin"])
    assert (seen[0].authorization is not None) == known


def test_netrc_and_curls_home_in_a_variable(
    world: World, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    for name in ("NETRC", "CURL_HOME", "XDG_CONFIG_HOME"):
        monkeypatch.setenv(name, str(tmp_path / name))
    (tmp_path / "NETRC").write_text(MACHINE)
    for name in ("CURL_HOME", "XDG_CONFIG_HOME"):
        (tmp_path / name).mkdir()
        for file in (".curlrc", "curlrc"):
            (tmp_path / name / file).write_text(f"proxy = {world.filled_in(PROXY)}\n")
    _, seen = compare(world, HTTP)
    assert [(each.server, each.authorization is not None) for each in seen] == [("origin", True)]


class Secured(NamedTuple):
    """A server with TLS."""

    url: str
    home: Path
    """It has ``ca.pem`` and ``ca/`` with the authority that signed the certificate, ``other.pem`` and
    ``other/`` with another one, and an empty folder ``none/``.
    """


@pytest.fixture(scope="module")
def secured(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Secured]:
    home = tmp_path_factory.mktemp("authorities")
    authority = trustme.CA()
    (home / "none").mkdir()
    for name, each in (("ca", authority), ("other", trustme.CA())):
        (home / name).mkdir()
        for path in (home / f"{name}.pem", home / name / "ca-certificates.crt"):
            each.cert_pem.write_to_path(path)
        subprocess.run([program("openssl", "openssl"), "rehash", home / name], check=True)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert("127.0.0.1").configure_cert(context)
    with socket.create_server(("127.0.0.1", 0)) as listener:
        threading.Thread(target=accept, args=(listener, context), daemon=True).start()
        yield Secured(f"https://127.0.0.1:{listener.getsockname()[1]}/", home)
        listener.shutdown(socket.SHUT_RDWR)


def accept(listener: socket.socket, context: ssl.SSLContext) -> None:
    """Answer one request of each connection, until the listener is closed."""
    with suppress(OSError):
        while True:
            client, _ = listener.accept()
            # An error is a client that does not trust the certificate.
            with suppress(OSError), client, context.wrap_socket(client, server_side=True) as secure:
                secure.recv(1 << 16)
                secure.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\nConnection: close\r\n\r\n")


@pytest.mark.parametrize(
    ("variables", "trusted"),
    [
        ({}, False),
        ({"REQUESTS_CA_BUNDLE": "ca.pem"}, True),
        ({"CURL_CA_BUNDLE": "ca.pem"}, True),
        ({"REQUESTS_CA_BUNDLE": "ca"}, True),
        ({"CURL_CA_BUNDLE": "ca"}, True),
        ({"REQUESTS_CA_BUNDLE": "other.pem", "CURL_CA_BUNDLE": "ca.pem"}, False),
        ({"REQUESTS_CA_BUNDLE": "ca.pem", "CURL_CA_BUNDLE": "other.pem"}, True),
        ({"REQUESTS_CA_BUNDLE": "missing", "CURL_CA_BUNDLE": "ca.pem"}, False),
        ({"SSL_CERT_FILE": "ca.pem"}, False),
        ({"SSL_CERT_DIR": "ca"}, False),
        ({"CURL_CA_PATH": "ca", "CAINFO": "ca.pem"}, False),
        ({"REQUESTS_CA_BUNDLE": "other.pem", "SSL_CERT_FILE": "ca.pem", "SSL_CERT_DIR": "ca"}, False),
        ({"REQUESTS_CA_BUNDLE": "none", "SSL_CERT_FILE": "ca.pem", "SSL_CERT_DIR": "ca"}, False),
        ({"REQUESTS_CA_BUNDLE": "ca.pem", "SSL_CERT_FILE": "other.pem", "SSL_CERT_DIR": "none"}, True),
    ],
)
def test_certificates(
    secured: Secured, monkeypatch: pytest.MonkeyPatch, variables: dict[str, str], trusted: bool
) -> None:
    for name, value in variables.items():
        monkeypatch.setenv(name, str(secured.home / value))
    assert outcomes(secured.url) == [200 if trusted else "failed"] * 3


@pytest.mark.parametrize("bundle", ["none", "other", "other.pem"])
def test_the_systems_certificates_do_not_count_beside_a_bundle(secured: Secured, bundle: str) -> None:
    """Not even if libcurl was built with them."""
    code = (
        "import sys; from tests.upstream.test_same_environment import outcomes; print(outcomes(sys.argv[1]))"
    )
    done = subprocess.run(
        [
            *unshare("--mount", "--propagation", "private"),
            *("sh", "-ec", f'mount --bind "{secured.home}/ca" /etc/ssl/certs; exec "$@"', "sh"),
            *(sys.executable, "-c", code, secured.url),
        ],
        env={**os.environ, "PYTHONPATH": str(SOURCES), "REQUESTS_CA_BUNDLE": str(secured.home / bundle)},
        capture_output=True,
        text=True,
        timeout=DEADLINE,
        check=False,
    )
    assert (done.stdout, done.stderr) == ("['failed', 'failed', 'failed']\n", "")
