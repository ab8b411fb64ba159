"""Run nginx with TLS in front of an index."""

from __future__ import annotations

import re
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING

import trustme

from tests.helpers.running import until
from tests.helpers.servers.nginx import nginx
from tests.helpers.servers.process import free_port

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

__all__ = ["TlsServer", "tls"]


@dataclass(frozen=True)
class TlsServer:
    """A running server."""

    origin: str
    http2: bool
    ca_bundle: Path
    """The certificate of the authority that has signed the server's."""

    client_certificate: Path
    """A client certificate with its key, which a server that asks for one accepts."""

    _log: Path

    def connections(self, requests: int) -> dict[str, set[str]]:
        """Return the connections by protocol (``HTTP/2.0``), once so many requests are logged."""
        until(lambda: len(self._lines()) >= requests, "nginx has written its log")
        found: dict[str, set[str]] = {}
        for protocol, connection in self._lines():
            found.setdefault(protocol, set()).add(connection)
        return found

    def _lines(self) -> list[tuple[str, str]]:
        text = self._log.read_text() if self._log.exists() else ""
        return re.findall(r"^(\S+) (\d+)$", text, re.MULTILINE)


@contextmanager
def tls(
    home: Path, upstream: str, *, http2: bool = True, asks_for_certificate: bool = False
) -> Iterator[TlsServer]:
    """Run nginx with TLS.

    :param upstream: the origin that it passes requests to
    :param asks_for_certificate: refuse clients without a certificate
    """
    home.mkdir(parents=True)
    authority = trustme.CA()
    authority.cert_pem.write_to_path(home / "ca.pem")
    authority.issue_cert("127.0.0.1").private_key_and_cert_chain_pem.write_to_path(home / "server.pem")
    authority.issue_cert("client.example.org").private_key_and_cert_chain_pem.write_to_path(
        home / "client.pem"
    )
    port = free_port()
    asks = f"ssl_client_certificate {home}/ca.pem; ssl_verify_client on;" if asks_for_certificate else ""
    server = f"""
        listen 127.0.0.1:{port} ssl{" http2" if http2 else ""};
        ssl_certificate {home}/server.pem;
        ssl_certificate_key {home}/server.pem;
        {asks}
        access_log {home}/requests.log requests if=$https;
        keepalive_requests 100000;
        location / {{ proxy_pass {upstream}; proxy_set_header Host $http_host; proxy_buffering off; }}
    """
    log = "log_format requests '$server_protocol $connection';"
    with nginx(home / "nginx", home, server=server, http=log):
        (home / "requests.log").write_text("")
        yield TlsServer(
            f"https://127.0.0.1:{port}", http2, home / "ca.pem", home / "client.pem", home / "requests.log"
        )
