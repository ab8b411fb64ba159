"""Many uploads at once, idle clients, and changes of the mirror cost no client anything."""

from __future__ import annotations

import socket
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from threading import Barrier
from typing import TYPE_CHECKING

import pytest

from tests.helpers.bundles import Far, Near
from tests.helpers.distributions import wheel, wheel_filename
from tests.helpers.index import Index
from tests.helpers.installers import install_from
from tests.helpers.running import DEADLINE, Command, Mirror
from tests.helpers.serving import LOGIN, Server, archive, form, upload, upload_server

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

UPLOADS = 64
CLIENTS = 300


@pytest.fixture(scope="module")
def mirror(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Mirror]:
    with Index() as index:
        index.add_wheel("demo", "1.0")
        index.add_wheel("large", "1.0", padding=8 << 20)
        mirror = Mirror(index, tmp_path_factory.mktemp("served") / "repository", projects=["demo", "large"])
        mirror.complete()
        yield mirror


@pytest.fixture(scope="module")
def server(mirror: Mirror) -> Iterator[Server]:
    with upload_server(mirror) as server:
        yield server


def test_many_uploads_at_once_all_arrive(server: Server) -> None:
    """All have begun before the first ends; installers do not wait for them."""
    content, begun = archive("many-0.0.zip", padding=1 << 20), Barrier(UPLOADS + 1)

    def upload(number: int) -> bytes:
        empty, content_type = form(f"many-{number}.0.zip", b"")
        start, end = empty[: -len("\r\n--limit--\r\n")], empty[-len("\r\n--limit--\r\n") :]
        fields = {"Content-Type": content_type, "Content-Length": str(len(empty) + len(content)), **LOGIN}
        head = "".join(f"{name}: {value}\r\n" for name, value in fields.items())
        with socket.create_connection(("127.0.0.1", server.port), 2 * DEADLINE) as sender:
            sender.sendall(f"POST / HTTP/1.1\r\nHost: x\r\n{head}\r\n".encode() + start)
            begun.wait(DEADLINE)
            for piece in (content, end):
                sender.sendall(piece)
            return sender.recv(13)

    with ThreadPoolExecutor(UPLOADS) as senders:
        results = [senders.submit(upload, number) for number in range(UPLOADS)]
        begun.wait(DEADLINE)
        assert server.ask("/simple/demo/").status == 200
        assert {result.result() for result in results} == {b"HTTP/1.1 200 "}
    assert len(server.names("many")) == UPLOADS


def test_slow_uploads_keep_no_other_waiting(server: Server) -> None:
    """More of them than threads have begun, and send nothing more for now."""
    slow = {f"slow-{number}.0.zip": archive(f"slow-{number}.0.zip") for number in range(UPLOADS)}
    with ExitStack() as stack:
        senders = {}
        for name, content in slow.items():
            body, content_type = form(name, content)
            fields = {"Content-Type": content_type, "Content-Length": str(len(body)), **LOGIN}
            head = "".join(f"{key}: {value}\r\n" for key, value in fields.items())
            sender = stack.enter_context(socket.create_connection(("127.0.0.1", server.port), DEADLINE))
            sender.sendall(f"POST / HTTP/1.1\r\nHost: x\r\n{head}\r\n".encode() + body[:-10])
            senders[sender] = body[-10:]
        assert upload(server, "fast-1.0.zip").status == 200
        for sender, end in senders.items():
            sender.sendall(end)
        assert {sender.recv(13) for sender in senders} == {b"HTTP/1.1 200 "}
    assert server.names("slow") == set(slow)


def test_idle_clients_cost_nobody_else(server: Server) -> None:
    """They send half a request, or half a body, or read nothing of what they have asked for."""
    large = f"GET /packages/{wheel_filename('large', '1.0')} HTTP/1.1\r\nHost: x\r\n\r\n"
    login = f"Authorization: {LOGIN['Authorization']}\r\nContent-Length: 9999999\r\n"
    half_body = f"POST / HTTP/1.1\r\nHost: x\r\n{login}\r\nhalf"
    with ExitStack() as stack:
        for request in (large, large[:30], half_body) * (CLIENTS // 3):
            address = "127.0.0.1", server.port
            stack.enter_context(socket.create_connection(address, DEADLINE)).sendall(request.encode())
        for path in ("/simple/demo/", "/packages/demo-1.0-py3-none-any.whl", "/demo/json", "/"):
            assert server.ask(path).status == 200


def installed_meanwhile(server: Server, to: Path, change: Callable[[], object]) -> set[str]:
    """Install until a change is complete, and once more; return all that was installed."""
    found, number = set[str](), 0
    with ThreadPoolExecutor(1) as executor:
        changing = executor.submit(change)
        last = False
        while not last:
            last = changing.done()
            found |= install_from(server.simple, to / str(number), "demo", tool="uv")
            number += 1
        changing.result()
    return found


def test_runs_and_repairs_break_no_install(index: Index, repository: Path, tmp_path: Path) -> None:
    """Each run replaces what is installed, and another file is repaired."""
    index.add_wheel("demo", "1.0", requires=["other"])
    index.add_wheel("other", "1.0")
    spare = index.add_wheel("spare", "1.0")
    mirror = Mirror(index, repository, releases=1)
    mirror.complete()

    def change() -> None:
        for version in ("2.0", "3.0"):
            index.add_wheel("demo", version, requires=["other"])
            mirror.complete()
            (mirror.path / spare.filename).write_bytes(b"damaged")
            with Command("verify", "--config", mirror.config(), "--repair") as repair:
                assert repair.end() == 0

    with Server(mirror.config()) as server:
        found = installed_meanwhile(server, tmp_path, change)
    assert {"demo==3.0", "other==1.0"} <= found


def test_imports_break_no_install(tmp_path: Path) -> None:
    near, far, bundles = Near(tmp_path / "near"), Far(tmp_path / "far"), []
    for version in ("1.0", "2.0", "3.0", "4.0"):
        near.put("demo", version, wheel("demo", version))
        near.export(f"bundle-{version}")
        bundles.append(tmp_path / f"bundle-{version}")
    far.take(bundles[0])
    with Server(far.config_file()) as server:
        found = installed_meanwhile(server, tmp_path / "to", lambda: [far.take(each) for each in bundles[1:]])
    assert "demo==4.0" in found
