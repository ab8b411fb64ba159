"""A small internet in namespaces: hosts with public and internal addresses, which lead to each other.

This module runs there as a program, which visits what a test tells it to.
"""

from __future__ import annotations

import json
import os
import select
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

    from typing_extensions import Self

__all__ = ["HOSTS", "Internet", "Outcome"]

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


class Internet:
    """The program."""

    def __init__(self, folder: Path) -> None:
        (folder / "hosts").write_text("".join(f"{address} {name}\n" for name, address in HOSTS.items()))
        prepare = [
            f"mount --bind {folder}/hosts /etc/hosts",
            "mount --bind /dev/null /etc/resolv.conf",
            "ip link set lo up",
            *(f"ip address add {address}/32 dev lo" for address in HOSTS.values()),
            'exec "$@"',
        ]
        self._process = subprocess.Popen(
            [
                *unshare("--net", "--mount", "--propagation", "private"),
                *("sh", "-ec", "\n".join(prepare), "sh"),
                *(sys.executable, "-m", "tests.helpers.internet"),
            ],
            env={**os.environ, "PYTHONPATH": str(SOURCES)},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )

    def visit(self, way: str, index_url: str, urls: Sequence[str]) -> Outcome:
        """Let a new client get URLs there, one after the other. A host redirects to what follows ``?to=``.

        :param way: the name of a class in ``tests.helpers.fetching``
        """
        assert self._process.stdin
        assert self._process.stdout
        self._process.stdin.write(json.dumps([way, index_url, *urls]) + "\n")
        self._process.stdin.flush()
        assert select.select([self._process.stdout], [], [], DEADLINE)[0]
        results, asked = json.loads(self._process.stdout.readline())
        return Outcome(tuple(results), tuple(asked))

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        with self._process:
            self._process.kill()


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


def main() -> None:
    """Serve all hosts. For each line of standard input, get its URLs and print the outcome."""
    asked: list[str] = []
    # Not an HTTPServer, which looks up its own name.
    server = ThreadingTCPServer(("", 80), type("Host", (_Host,), {"asked": asked}))
    server.daemon_threads = True
    threading.Thread(target=server.serve_forever, daemon=True).start()
    for line in sys.stdin:
        way_name, index_url, *urls = json.loads(line)
        way = _way(way_name, index_url)
        results = [_get(way, url) for url in urls]
        way.close()
        sys.stdout.write(json.dumps([results, asked]) + "\n")
        sys.stdout.flush()
        asked.clear()


if __name__ == "__main__":
    main()
