"""`minimirror serve` as a command: how it starts, why it may not start, how it stops."""

from __future__ import annotations

import signal
import socket
import sqlite3
import subprocess
import sys
import time
from contextlib import ExitStack, closing
from typing import TYPE_CHECKING

import pytest

from tests.helpers.running import DEADLINE, SOURCES, Command, Mirror
from tests.helpers.serving import Server, impatient

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
def test_shows_how_to_use_it_and_stops_quietly(mirror: Mirror, number: int) -> None:
    with Server(mirror.config()) as server:
        assert server.ask("/simple/demo/").status == 200
        assert server.stop(number) == 0
        serving, hint, stopped = server.log()
        assert str(mirror.path) in serving
        assert server.simple in serving
        assert hint == f"  pip install --index-url {server.simple} PROJECT"
        assert stopped == "Stopped."


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_stops_although_clients_are_slow(mirror: Mirror, index: Index, tmp_path: Path, number: int) -> None:
    """One reads nothing of a big file, one sends nothing of a request, one half of a refused upload."""
    big = index.add_wheel("big", "1.0", padding=30_000_000)
    mirror.complete()
    begun = [
        f"GET /packages/{big.filename} HTTP/1.1\r\nHost: x\r\n\r\n",
        "GET /simple/demo/ HTTP/1.1\r\nHo",
        "POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 100\r\n\r\nhalf",
    ]
    with Server(mirror.config(), paths=[impatient(tmp_path / "impatient")]) as server, ExitStack() as stack:
        for text in begun:
            client = stack.enter_context(socket.create_connection(("127.0.0.1", server.port), DEADLINE))
            client.sendall(text.encode())
        assert server.ask("/health").status == 200
        asked = time.monotonic()
        assert server.stop(number) == 0
        assert time.monotonic() - asked < DEADLINE / 2
        refused, stopped = server.log()[2:]
        assert ("uploads are off" in refused, stopped) == (True, "Stopped.")


def test_verbose_logs_each_request(mirror: Mirror) -> None:
    with Server(mirror.config(), "--verbose") as server:
        server.ask("/simple/demo/")
        server.ask("/simple/%1b%5b31m/")
        assert server.requests() == [("GET", "/simple/demo/", 200), ("GET", "/simple/?[31m/", 400)]


def start_error(*arguments: str | Path) -> tuple[int, str]:
    """Return the exit code and the message of a server that does not start."""
    with Command("serve", "--port", "0", *arguments) as command:
        code = command.end()
    assert command.stdout == ""
    return code, command.stderr.strip()


def test_reports_a_port_in_use(mirror: Mirror) -> None:
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        port = other.getsockname()[1]
        code, message = start_error("--config", mirror.config(), "--port", str(port))
    assert code == 2
    assert f"127.0.0.1 port {port}" in message
    assert "--port" in message


def test_reports_an_unknown_host(mirror: Mirror) -> None:
    code, message = start_error("--config", mirror.config(), "--host", "no.such.host.invalid")
    assert (code, "no.such.host.invalid" in message) == (2, True)


def test_reports_a_missing_folder(mirror: Mirror, tmp_path: Path) -> None:
    code, message = start_error("--config", mirror.config(), "--repository", tmp_path / "nowhere")
    assert (code, str(tmp_path / "nowhere") in message) == (2, True)


def test_reports_an_unreadable_catalog(mirror: Mirror) -> None:
    (mirror.state / "catalog.sqlite").write_bytes(b"no catalog" * 1000)
    code, message = start_error("--config", mirror.config())
    assert (code, str(mirror.state / "catalog.sqlite") in message) == (1, True)


def test_refuses_the_catalog_of_a_development_version(mirror: Mirror) -> None:
    with closing(sqlite3.connect(mirror.state / "catalog.sqlite")) as old:
        old.execute("PRAGMA application_id = 0")
        old.execute("PRAGMA user_version = 4")
    code, message = start_error("--config", mirror.config())
    assert (code, "development version" in message) == (1, True)


@pytest.mark.parametrize("content", [None, "", "no colon"])
def test_reports_an_invalid_password_file(mirror: Mirror, tmp_path: Path, content: str | None) -> None:
    users = tmp_path / "users"
    if content is not None:
        users.write_text(content)
    code, message = start_error("--config", mirror.config(), "--htpasswd", users)
    assert (code, str(users) in message, "`htpasswd -B" in message) == (2, True, True)


@pytest.mark.parametrize("missing", ["granian", "starlette", "python_multipart"])
def test_names_the_extra_if_it_is_not_installed(mirror: Mirror, missing: str) -> None:
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
    assert missing in result.stderr
    assert f"pip install -e '{SOURCES}[serve]'" in result.stderr
