"""A small internet in namespaces: hosts with public and internal addresses, which lead to each other.

A test runs this module there as a program, and reads what it prints.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import threading
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler
from socketserver import ThreadingTCPServer
from typing import TYPE_CHECKING
from urllib.parse import parse_qs, urlsplit

from minimirror.upstream import Client, FetchError
from minimirror.upstream.addresses import AddressGuard
from minimirror.upstream.urls import split_credentials
from tests.helpers.fetching import ManyAtATime, OneAtATime, Way, get
from tests.helpers.namespaces import unshare
from tests.helpers.running import DEADLINE, SOURCES

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

__all__ = ["HOSTS", "Outcome", "visit"]

HOSTS = {
    "index.example.org": "93.184.215.14",
    "files.example.org": "93.184.215.15",
    "index.example.com": "10.1.0.1",
    "files.example.com": "10.1.0.2",
    "xn--bcher-kva.example.org": "93.184.215.16",
    "xn--bcher-kva.example.com": "10.1.0.3",
}
"""Names and their addresses. What ends in ``.org`` is public, what ends in ``.com`` is internal."""


@dataclass(frozen=True)
class Outcome:
    """What a client got, and which hosts it asked."""

    results: tuple[str, ...]
    """For each URL the body, which is the host's name, or the cause of the error."""

    asked: tuple[str, ...]
    """The hosts that got a request, by the name in it."""


def visit(way: str, index_url: str, urls: Sequence[str], folder: Path) -> Outcome:
    """Let a client get URLs there, one after the other. A host redirects to what follows ``?to=``.

    :param way: the name of a class in ``tests.helpers.fetching``
    """
    (folder / "hosts").write_text("".join(f"{address} {name}\n" for name, address in HOSTS.items()))
    prepare = [
        f"mount --bind {folder}/hosts /etc/hosts",
        "mount --bind /dev/null /etc/resolv.conf",
        "ip link set lo up",
        *(f"ip address add {address}/32 dev lo" for address in HOSTS.values()),
        'exec "$@"',
    ]
    done = subprocess.run(
        [
            *unshare("--net", "--mount", "--propagation", "private"),
            *("sh", "-ec", "\n".join(prepare), "sh"),
            *(sys.executable, "-m", "tests.helpers.internet", way, index_url, *urls),
        ],
        env={**os.environ, "PYTHONPATH": str(SOURCES)},
        capture_output=True,
        text=True,
        timeout=DEADLINE,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    results, asked = json.loads(done.stdout)
    return Outcome(tuple(results), tuple(asked))


class _Host(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    asked: list[str]

    def do_GET(self) -> None:
        host = self.headers["host"]
        self.asked.append(host)
        target = parse_qs(urlsplit(self.path).query).get("to")
        self.send_response(302 if target else 200)
        if target:
            self.send_header("Location", target[0].encode().decode("latin-1"))
        self.send_header("Content-Length", str(len(host)))
        self.end_headers()
        self.wfile.write(host.encode())

    def log_message(self, *_: object) -> None:
        """Log nothing."""


def _way(name: str, index_url: str) -> Way:
    if name == ManyAtATime.__name__:
        return ManyAtATime(index_url=index_url)
    one = OneAtATime()
    url, credentials = split_credentials(index_url)
    one.http = Client(credentials=credentials, guard=AddressGuard(url))
    return one


def _get(way: Way, url: str) -> str:
    try:
        return get(way, url).body.decode()
    except FetchError as error:
        return error.cause


def main(way_name: str, index_url: str, *urls: str) -> None:
    """Serve all hosts, get the URLs, and print the outcome."""
    asked: list[str] = []
    # Not an HTTPServer, which looks up its own name.
    server = ThreadingTCPServer(("", 80), type("Host", (_Host,), {"asked": asked}))
    server.daemon_threads = True
    threading.Thread(target=server.serve_forever, daemon=True).start()
    way = _way(way_name, index_url)
    results = [_get(way, url) for url in urls]
    way.close()
    sys.stdout.write(json.dumps([results, asked]))
    sys.stdout.flush()
    # Without waiting for the resolver, which nobody answers there.
    os._exit(0)


if __name__ == "__main__":
    main(*sys.argv[1:])
