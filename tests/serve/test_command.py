"""`minimirror serve` as a command: how it begins, what stops it from that, how it ends."""

from __future__ import annotations

import signal
import socket
import sqlite3
import subprocess
import sys
from contextlib import closing
from typing import TYPE_CHECKING

import pytest

from tests.helpers.running import DEADLINE, SOURCES, Mirror, minimirror_command
from tests.helpers.serving import Server

if TYPE_CHECKING:
    from pathlib import Path

    from tests.helpers.index import Index


@pytest.fixture
def mirror(index: Index, repository: Path) -> Mirror:
    index.add_wheel("demo", "1.0")
    mirror = Mirror(index, repository)
    mirror.complete()
    return mirror


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_says_how_to_use_it_and_ends_quietly(mirror: Mirror, number: int) -> None:
    with Server(mirror.config()) as server:
        assert server.ask("/simple/demo/").status == 200
        assert server.stop(number) == 0
        assert server.log() == [
            f"serving {mirror.path} at {server.simple}, until Ctrl-C",
            f"  pip install --index-url {server.simple} PROJECT",
        ]


def test_verbose_tells_each_request(mirror: Mirror) -> None:
    with Server(mirror.config(), "--verbose") as server:
        server.ask("/simple/demo/")
        server.ask("/simple/%1b%5b31m/")
        assert server.requests() == [("GET", "/simple/demo/", 200), ("GET", "/simple/?[31m/", 400)]


def refused(*arguments: str | Path) -> tuple[int, str]:
    """The exit code and the message of a server that does not start."""
    command = minimirror_command("serve", *arguments)
    assert command.stdout == ""
    return command.process.returncode, command.stderr.strip()


def test_port_in_use(mirror: Mirror) -> None:
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        port = other.getsockname()[1]
        code, message = refused("--config", mirror.config(), "--port", str(port))
    assert code == 2
    assert message.startswith(f"error: 127.0.0.1 port {port}: ")
    assert "--port" in message


def test_address_that_is_none(mirror: Mirror) -> None:
    code, message = refused("--config", mirror.config(), "--host", "no.such.host.invalid")
    assert (code, message.startswith("error: no.such.host.invalid: ")) == (2, True)


def test_folder_that_was_never_mirrored_into(mirror: Mirror, tmp_path: Path) -> None:
    for folder in (tmp_path / "nowhere", tmp_path):
        code, message = refused("--config", mirror.config(), "--repository", folder)
        assert (code, "nothing was mirrored into it yet; `minimirror run` does" in message) == (2, True)


def test_catalog_that_cannot_be_read(mirror: Mirror) -> None:
    (mirror.state / "catalog.sqlite").write_bytes(b"no catalog" * 1000)
    code, message = refused("--config", mirror.config())
    assert (code, message.startswith(f"error: catalog {mirror.state / 'catalog.sqlite'}: ")) == (1, True)


def test_catalog_of_a_development_version_is_refused(mirror: Mirror) -> None:
    catalog = mirror.state / "catalog.sqlite"
    with closing(sqlite3.connect(catalog)) as old:
        old.execute("PRAGMA application_id = 0")
        old.execute("PRAGMA user_version = 4")
    code, message = refused("--config", mirror.config())
    assert (code, "development version" in message) == (1, True)


@pytest.mark.parametrize("content", [None, "", "no colon"])
def test_password_file_that_is_none(mirror: Mirror, tmp_path: Path, content: str | None) -> None:
    users = tmp_path / "users"
    if content is not None:
        users.write_text(content)
    code, message = refused("--config", mirror.config(), "--htpasswd", users)
    assert (code, message.startswith(f"error: {users}: "), "`htpasswd -B" in message) == (2, True, True)


@pytest.mark.parametrize("missing", ["waitress", "multipart"])
def test_extra_that_is_not_installed(mirror: Mirror, missing: str) -> None:
    hidden = f"import sys; sys.modules[{missing!r}] = None; from minimirror.cli import main; main()"
    result = subprocess.run(
        [sys.executable, "-c", hidden, "serve", "--config", str(mirror.config())],
        capture_output=True,
        text=True,
        check=False,
        timeout=DEADLINE,
        cwd=SOURCES,
    )
    assert result.returncode == 2
    why = f"needs {missing}, which is not installed: pip install 'minimirror[serve]'"
    assert result.stderr == f"error: `minimirror serve` {why}\n"
