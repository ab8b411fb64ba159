"""The addresses of `minimirror serve`: behind a proxy, below a path, with TLS."""

from __future__ import annotations

import re
import subprocess
from contextlib import contextmanager
from typing import TYPE_CHECKING, Literal, NamedTuple
from urllib.parse import urljoin, urlsplit

import pytest
import requests
import trustme
from uv import find_uv_bin

from tests.helpers import distributions
from tests.helpers.installers import install_from
from tests.helpers.running import DEADLINE, SOURCES, Mirror
from tests.helpers.servers import free_port, nginx, script
from tests.helpers.serving import JSON, PASSWORD, Server, upload_server

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tests.helpers.index import Index


class Site(NamedTuple):
    """A server, as its clients reach it."""

    url: str
    authority: str
    """A file with the certificate of the authority that has signed the server's; empty without TLS."""

    server: Server

    def get(self, path: str, **headers: str) -> requests.Response:
        """Get what is at a path below the server's address."""
        where = urljoin(self.url, path)
        return requests.get(where, headers=headers, timeout=DEADLINE, verify=self.authority or True)

    @property
    def trust(self) -> dict[str, str]:
        """Environment variables with which pip, uv and twine trust the server."""
        names = ("PIP_CERT", "SSL_CERT_FILE", "REQUESTS_CA_BUNDLE")
        return dict.fromkeys(names, self.authority) if self.authority else {}


@pytest.fixture
def mirror(index: Index, repository: Path) -> Mirror:
    index.add_wheel("demo", "1.0", requires=["needed"])
    index.add_wheel("needed", "2.0")
    mirror = Mirror(index, repository)
    mirror.complete()
    return mirror


@pytest.fixture
def certificate(tmp_path: Path) -> Path:
    """A certificate of 127.0.0.1 in a folder with its key and its authority."""
    folder = tmp_path / "tls"
    folder.mkdir()
    authority = trustme.CA()
    authority.cert_pem.write_to_path(str(folder / "ca.pem"))
    issued = authority.issue_cert("127.0.0.1")
    issued.private_key_and_cert_chain_pem.write_to_path(str(folder / "both.pem"))
    issued.private_key_pem.write_to_path(str(folder / "key.pem"))
    (folder / "server.pem").write_bytes(b"".join(pem.bytes() for pem in issued.cert_chain_pems))
    return folder


@contextmanager
def behind_nginx(mirror: Mirror, home: Path, certificate: Path) -> Iterator[Site]:
    """Serve with the proxy in ``contrib/``."""
    snippet = (SOURCES / "contrib" / "nginx-proxy.conf").read_text()
    port = free_port()
    with upload_server(mirror) as server:
        for name, value in {
            "443": f"127.0.0.1:{port}",
            "packages.example.org": "127.0.0.1",
            "/etc/ssl/minimirror.pem": f"{certificate}/server.pem",
            "/etc/ssl/minimirror.key": f"{certificate}/key.pem",
            "http://127.0.0.1:8080/": server.url,
        }.items():
            assert name in snippet
            snippet = snippet.replace(name, value)
        with nginx(home, certificate, http=snippet):
            yield Site(f"https://127.0.0.1:{port}/python/", f"{certificate}/ca.pem", server)


@contextmanager
def with_tls(mirror: Mirror, certificate: Path) -> Iterator[Site]:
    options = ("--certificate", certificate / "server.pem", "--key", certificate / "key.pem")
    with upload_server(mirror, *options) as server:
        yield Site(server.url, f"{certificate}/ca.pem", server)


@pytest.fixture(params=["nginx with TLS and a path", "TLS"])
def site(request: pytest.FixtureRequest, mirror: Mirror, certificate: Path) -> Iterator[Site]:
    way = (
        with_tls(mirror, certificate)
        if request.param == "TLS"
        else behind_nginx(mirror, certificate / "nginx", certificate)
    )
    with way as site:
        yield site


@pytest.mark.parametrize("tool", ["pip", "uv"])
def test_installs(site: Site, tmp_path: Path, tool: Literal["pip", "uv"]) -> None:
    found = install_from(f"{site.url}simple/", tmp_path / "to", "demo", tool=tool, trust=site.trust)
    assert found == {"demo==1.0", "needed==2.0"}


def test_uploads_arrive(site: Site, mirror: Mirror, tmp_path: Path) -> None:
    """The file is larger than what proxies usually allow and keep in memory."""
    login = ("--username", "ann", "--password", PASSWORD)
    for name, command in {
        "mine": (script("twine"), "upload", "--non-interactive", "--repository-url", site.url, *login),
        "other": (find_uv_bin(), "publish", "--no-config", "--publish-url", site.url, *login),
    }.items():
        wheel = tmp_path / f"{name}-1.0-py3-none-any.whl"
        wheel.write_bytes(distributions.wheel(name, "1.0", padding=3_000_000))
        done = subprocess.run(
            [*map(str, command), str(wheel)],
            env={"PATH": "", "HOME": str(tmp_path), **site.trust},
            capture_output=True,
            text=True,
            check=False,
            timeout=DEADLINE,
        )
        assert done.returncode == 0, done.stdout + done.stderr
        assert (mirror.path / wheel.name).read_bytes() == wheel.read_bytes()


def test_every_link_leads_to_the_same_site(site: Site) -> None:
    """Whatever a page links to, and wherever it redirects, is there, and below the address that was used."""
    seen: set[str] = set()
    todo = ["", "simple/demo", "simple", "Demo", "Demo/", "simple/Demo_/../Demo/", "packages"]
    while todo:
        url = urljoin(site.url, todo.pop())
        if url in seen:
            continue
        seen.add(url)
        reply = site.get(url)
        assert reply.status_code == 200, url
        for each in (*reply.history, reply):
            assert each.url.startswith(site.url), (url, each.url)
        if reply.headers["Content-Type"].startswith("text/html"):
            html = re.sub(r"<script\b.*?</script>", "", reply.text, flags=re.DOTALL)
            links = re.findall(r'(?:href|src)="([^"#]+)', html)
            todo += [urljoin(reply.url, link) for link in links if not urlsplit(link).scheme]
    assert {f"{site.url}packages/demo-1.0-py3-none-any.whl", f"{site.url}simple/needed/"} <= seen


def test_addresses_are_those_that_the_client_uses(site: Site) -> None:
    home = site.get("").text
    assert f"--index-url {site.url}simple/ " in home
    assert site.server.url == site.url or site.server.url not in home
    (file,) = site.get("pypi/demo/json").json()["urls"]
    assert file["url"] == f"{site.url}packages/demo-1.0-py3-none-any.whl"
    (file,) = site.get("simple/demo/", Accept=JSON).json()["files"]
    assert file["url"] == "../../packages/demo-1.0-py3-none-any.whl"


FORWARDED = {"Proto": "https", "Host": "packages.example.org", "Prefix": "/python/", "For": "192.0.2.7"}


def test_follows_a_trusted_proxy(mirror: Mirror) -> None:
    with Server(mirror.config()) as server:
        for headers, url in (
            ({"Proto": "https"}, f"https://127.0.0.1:{server.port}/"),
            ({"Host": "packages.example.org:8443"}, "http://packages.example.org:8443/"),
            ({"Prefix": "a/b/"}, f"{server.url}a/b/"),
            (FORWARDED, "https://packages.example.org/python/"),
            # A proxy behind another one adds its own.
            ({"Proto": "https, http", "Host": "a.example.org, b"}, "https://a.example.org/"),
            ({"Proto": "javascript", "Prefix": "/"}, server.url),
        ):
            forwarded = {f"X-Forwarded-{name}": value for name, value in headers.items()}
            (file,) = server.ask("/pypi/demo/json", headers=forwarded).json()["urls"]
            assert file["url"] == f"{url}packages/demo-1.0-py3-none-any.whl"


def test_follows_nobody_else(mirror: Mirror) -> None:
    forwarded = {f"X-Forwarded-{name}": value for name, value in FORWARDED.items()}
    with Server(mirror.config(serve={"trusted_proxies": ["192.0.2.0/24"]}), "--verbose") as server:
        (file,) = server.ask("/pypi/demo/json", headers=forwarded).json()["urls"]
        assert file["url"].startswith(f"{server.url}packages/")
        assert server.requests() == [("GET", "/pypi/demo/json", 200)]


def test_logs_the_client_that_the_nearest_untrusted_address_is(mirror: Mirror) -> None:
    """A client can claim any address before its own, and proxies may be chained."""
    with Server(mirror.config(serve={"trusted_proxies": ["127.0.0.1", "10.0.0.0/8"]}), "--verbose") as server:
        for claimed in ("198.51.100.1, 192.0.2.7, 10.0.0.2", "192.0.2.7", "no address", "10.0.0.3"):
            server.ask("/health", headers={"X-Forwarded-For": claimed})
        lines = [line.split()[3] for line in server.log() if "/health" in line]
    assert lines == ["192.0.2.7", "192.0.2.7", "127.0.0.1", "10.0.0.3"]


def test_certificate_may_have_its_key(mirror: Mirror, certificate: Path) -> None:
    with Server(mirror.config(), "--certificate", certificate / "both.pem") as server:
        assert Site(server.url, f"{certificate}/ca.pem", server).get("health").text == "Ok"
