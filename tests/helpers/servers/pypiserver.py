"""Run pypiserver, which serves a folder of distribution files."""

from __future__ import annotations

import base64
import hashlib
from contextlib import contextmanager
from typing import TYPE_CHECKING

from tests.helpers.servers.process import free_port, script, serving

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

__all__ = ["OPEN", "htpasswd", "pypiserver"]

OPEN = ("run", "-P", ".", "-a", ".", "--disable-fallback")
"""Everything is allowed without a password, and nothing is redirected to PyPI."""


@contextmanager
def pypiserver(home: Path, *arguments: str | Path) -> Iterator[str]:
    """Run `pypi-server` with these arguments on a free port; yield the server's origin."""
    port = free_port()
    home.mkdir(parents=True, exist_ok=True)
    origin = f"http://127.0.0.1:{port}"
    command = [script("pypi-server"), *arguments, "-i", "127.0.0.1", "-p", str(port)]
    with serving(command, f"{origin}/health", home):
        yield origin


def htpasswd(user: str, password: str) -> str:
    """Return a line of a password file, as `htpasswd -s` writes it."""
    digest = base64.b64encode(hashlib.sha1(password.encode()).digest()).decode()
    return f"{user}:{{SHA}}{digest}\n"
