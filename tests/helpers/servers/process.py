"""Start a server in a child process, and end it with the test."""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import sys
import urllib.request
from contextlib import closing, contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING, NoReturn
from urllib.error import HTTPError

import pytest

from tests.helpers.running import DEADLINE, until

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

__all__ = ["answer", "free_port", "not_available", "program", "script", "serving"]


def script(name: str) -> Path:
    """Return the path of a command that the `test` extra installs beside the interpreter."""
    return Path(sys.executable).with_name(name)


def program(name: str, package: str) -> str:
    """Return the path of a system command, or skip the test.

    :param package: the Debian package that has it
    """
    folders = [os.environ.get("PATH", os.defpath), "/usr/local/sbin", "/usr/sbin", "/sbin"]
    found = shutil.which(name, path=os.pathsep.join(folders))
    if found is None:
        not_available(f"this test needs {name}: apt-get install {package}")
    return found


def not_available(reason: str) -> NoReturn:
    """Skip the test; with ``CI=true`` in the environment, fail it."""
    if os.environ.get("CI", "").lower() in {"1", "true"}:
        pytest.fail(reason, pytrace=False)
    pytest.skip(reason)


def free_port() -> int:
    """Return a free port of 127.0.0.1."""
    with closing(socket.create_server(("127.0.0.1", 0))) as listener:
        port: int = listener.getsockname()[1]
        return port


_DIRECT = urllib.request.build_opener(urllib.request.ProxyHandler({}))


def answer(url: str) -> tuple[int, str]:
    """Return the status and the text of a server's answer."""
    try:
        with _DIRECT.open(url, timeout=DEADLINE) as reply:
            return reply.status, reply.read().decode()
    except HTTPError as error:
        with error:
            return error.code, error.read().decode()


@contextmanager
def serving(
    command: Sequence[str | Path],
    url: str,
    home: Path,
    *,
    env: Mapping[str, str] | None = None,
    kill: bool = False,
) -> Iterator[None]:
    """Run a server, wait until it answers at a URL with any status, and end it after the block.

    :param home: an existing folder: the server's home and working directory; it gets the file ``log``
    :param env: more environment variables; the server inherits only PATH from the user
    :param kill: whether to kill it, since it takes long to end
    """
    clean = {"PATH": os.environ.get("PATH", os.defpath), "HOME": str(home), "PYTHONUNBUFFERED": "1"}
    log = home / "log"
    with (
        log.open("wb") as output,
        subprocess.Popen(
            [str(part) for part in command],
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=output,
            cwd=home,
            env={**clean, **(env or {})},
        ) as process,
    ):
        try:
            until(lambda: process.poll() is not None or _answers(url), f"{command[0]} answers at {url}")
            assert process.poll() is None, f"{command[0]} has ended: {log.read_text(errors='replace')}"
            yield
        finally:
            if kill:
                process.kill()
            _end(process)


def _answers(url: str) -> bool:
    with suppress(OSError):
        return bool(answer(url))
    return False


def _end(process: subprocess.Popen[bytes]) -> None:
    process.terminate()
    try:
        process.wait(DEADLINE)
    except subprocess.TimeoutExpired:
        process.kill()
