"""Run devpi-server."""

from __future__ import annotations

import base64
import json
import subprocess
import urllib.request
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from tests.helpers.running import DEADLINE
from tests.helpers.servers.process import free_port, script, serving

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

__all__ = ["Devpi", "devpi"]

_QUICK_PASSWORDS = ("--argon2-memory-cost", "8", "--argon2-parallelism", "1", "--argon2-time-cost", "1")
"""With the default hash, a start can take half a minute on a busy machine."""


@dataclass(frozen=True)
class Devpi:
    """A running server; the user ``root`` has an empty password."""

    origin: str
    token: str
    """A token that twine can use as root's password."""

    def make_index(self, name: str, *bases: str, volatile: bool = True) -> str:
        """Make the index ``root/NAME``, which inherits from its bases (``root/OTHER``); return its URL."""
        options = {"type": "stage", "bases": list(bases), "volatile": volatile}
        credentials = base64.b64encode(f"root:{self.token}".encode()).decode()
        _send("PUT", f"{self.origin}/root/{name}", options, {"X-Devpi-Auth": credentials})
        return f"{self.origin}/root/{name}/"


@contextmanager
def devpi(home: Path) -> Iterator[Devpi]:
    """Run a server without projects and without PyPI."""
    port = free_port()
    origin = f"http://127.0.0.1:{port}"
    server = ("--serverdir", home / "server")
    subprocess.run(
        [script("devpi-init"), *server, "--no-root-pypi"], check=True, capture_output=True, timeout=60
    )
    where = ("--host", "127.0.0.1", "--port", str(port), "--threads", "8")
    with serving([script("devpi-server"), *server, *where, *_QUICK_PASSWORDS], f"{origin}/+api", home):
        login = _send("POST", f"{origin}/+login", {"user": "root", "password": ""}, {})
        yield Devpi(origin, login["result"]["password"])


def _send(method: str, url: str, content: dict[str, Any], headers: dict[str, str]) -> Any:
    request = urllib.request.Request(url, json.dumps(content).encode(), headers, method=method)
    direct = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    with direct.open(request, timeout=DEADLINE) as reply:
        return json.load(reply)
