"""pypiserver, which serves a folder of distribution files."""

from __future__ import annotations

import base64
import hashlib
from contextlib import contextmanager
from typing import TYPE_CHECKING

from tests.servers.process import free_port, script, serving

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

__all__ = ["htpasswd", "pypiserver"]

OPEN = ("run", "-P", ".", "-a", ".", "--disable-fallback")
"""Anybody may do anything, and nothing is redirected to PyPI."""


@contextmanager
def pypiserver(home: Path, folder: Path, *arguments: str | Path) -> Iterator[str]:
    """Serve a folder; yields the server's origin.

    :param arguments: the command line but for host, port and folder; left out: an open server
    """
    port = free_port()
    home.mkdir(parents=True, exist_ok=True)
    origin = f"http://127.0.0.1:{port}"
    command = [script("pypi-server"), *(arguments or OPEN), "-i", "127.0.0.1", "-p", str(port), folder]
    with serving(command, f"{origin}/health", home):
        yield origin


def htpasswd(user: str, password: str) -> str:
    """A line of a password file, as `htpasswd -s` writes it."""
    digest = base64.b64encode(hashlib.sha1(password.encode()).digest()).decode()
    return f"{user}:{{SHA}}{digest}\n"
