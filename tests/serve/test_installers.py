"""pip and uv install from `minimirror serve`, also during a run."""

from __future__ import annotations

import http.client
import os
import socket
from typing import TYPE_CHECKING, Literal

import pytest

from minimirror.sync import requested
from tests.helpers import distributions
from tests.helpers.environments import MACHINES
from tests.helpers.index import Gate
from tests.helpers.installers import install_from, resolved
from tests.helpers.running import DEADLINE, Mirror, in_background, minimirror_command, until
from tests.helpers.serving import Server

if TYPE_CHECKING:
    from pathlib import Path

    from tests.helpers.index import Index


@pytest.fixture
def mirror(index: Index, repository: Path) -> Mirror:
    """A mirror of a project with dependencies, whose newest releases do not install."""
    index.add_wheel("demo", "1.0", requires=["Needed.Project>=2", "built", "mine"])
    index.add_wheel("needed-project", "2.1", core_metadata=True)
    index.add_wheel("needed-project", "2.9", yanked="it broke")
    index.add_wheel("needed-project", "3.0", requires_python=">=99")
    index.add_sdist("built", "0.3")
    mirror = Mirror(index, repository, releases="all", yanked=True)
    mirror.complete()
    mirror.put("mine-1.0-py3-none-any.whl", distributions.wheel("mine", "1.0"))
    return mirror


@pytest.mark.parametrize("tool", ["pip", "uv"])
def test_installs(mirror: Mirror, tmp_path: Path, tool: Literal["pip", "uv"]) -> None:
    with Server(mirror.config(), "--verbose") as server:
        found = install_from(server.simple, tmp_path / "to", "demo", tool=tool)
        requests = server.requests()
    assert found == {"demo==1.0", "needed-project==2.1", "built==0.3", "mine==1.0"}
    assert {status for _, _, status in requests} == {200}


def test_uv_resolves_without_reading_wheels(mirror: Mirror, tmp_path: Path) -> None:
    """uv reads pages and core metadata only, although the upstream index offers it for one wheel only."""
    wanted = tmp_path / "requirements.in"
    wanted.write_text("needed-project\nmine\n")
    with Server(mirror.config(), "--verbose") as server:
        found = resolved(MACHINES["here"], str(wanted), cwd=tmp_path, index=server.simple)
        requests = server.requests()
    assert found == {"needed-project==2.1", "mine==1.0"}
    assert sorted(path for _, path, _ in requests) == [
        "/packages/mine-1.0-py3-none-any.whl.metadata",
        "/packages/needed_project-2.1-py3-none-any.whl.metadata",
        "/simple/mine/",
        "/simple/needed-project/",
    ]


class TestDuringARun:
    def test_pages_list_complete_files(self, mirror: Mirror, index: Index) -> None:
        """A page lists the old release until the new one is complete, and is never empty."""
        mirror.complete(releases=1)
        new = index.add_wheel("demo", "2.0")
        other = index.add_wheel("other", "1.0")
        old = "demo-1.0-py3-none-any.whl"
        with Server(mirror.config()) as server:
            assert server.names("demo") == {old}
            with in_background(lambda: mirror.run(releases=1)) as result, index.hold(new.filename) as gate:
                assert isinstance(gate, Gate)
                until(lambda: server.names("other") == {other.filename}, "the other file is served")
                assert server.names("demo") == {old}
                gate.release()
                seen: list[set[str]] = []
                while not seen or seen[-1] != {new.filename}:
                    seen.append(server.names("demo"))
                    assert seen[-1], "nothing is served"
                assert result.result(DEADLINE).complete
            assert server.ask(f"/packages/{new.filename}").body == new.content

    def test_deleted_file_is_still_served(self, mirror: Mirror, index: Index) -> None:
        """An installer may read a page just before a run deletes a file that the page lists."""
        old = index.add_wheel("demo", "2.0", core_metadata=True)
        mirror.complete(releases=1)
        with Server(mirror.config()) as server:
            assert server.names("demo") == {old.filename}
            new = index.add_wheel("demo", "3.0")
            mirror.complete(releases=1)
            assert old.filename not in mirror.names()
            assert server.names("demo") == {new.filename}
            assert server.ask(f"/packages/{old.filename}").body == old.content
            assert server.ask(f"/packages/{old.filename}.metadata").status == 200

    def test_deleted_file_is_served_although_another_server_ends(self, mirror: Mirror, index: Index) -> None:
        old = index.add_wheel("demo", "2.0")
        mirror.complete(releases=1)
        with Server(mirror.config()) as server:
            with Server(mirror.config()) as other:
                index.add_wheel("demo", "3.0")
                mirror.complete(releases=1)
                assert other.stop() == 0
            assert server.ask(f"/packages/{old.filename}").body == old.content
            newest = index.add_wheel("demo", "4.0")
            mirror.complete(releases=1)
            assert server.names("demo") == {newest.filename}
            assert server.ask("/packages/demo-3.0-py3-none-any.whl").status == 200

    def test_download_continues_when_its_file_is_deleted(self, mirror: Mirror, index: Index) -> None:
        big = index.add_wheel("big", "1.0", padding=30_000_000)
        mirror.complete()
        with Server(mirror.config()) as server:
            connection = http.client.HTTPConnection("127.0.0.1", server.port, timeout=DEADLINE)
            connection.request("GET", f"/packages/{big.filename}")
            response = connection.getresponse()
            begin = response.read(1000)
            (mirror.path / big.filename).unlink()
            assert begin + response.read() == big.content
            connection.close()

    def test_download_fails_when_its_file_is_truncated(self, mirror: Mirror, index: Index) -> None:
        big = index.add_wheel("big", "1.0", padding=30_000_000)
        mirror.complete()
        with Server(mirror.config()) as server:
            connection = http.client.HTTPConnection("127.0.0.1", server.port, timeout=DEADLINE)
            connection.request("GET", f"/packages/{big.filename}")
            response = connection.getresponse()
            os.truncate(mirror.path / big.filename, 1000)
            with pytest.raises((http.client.IncompleteRead, ConnectionResetError)):
                response.read()
            connection.close()
            assert server.ask("/health").status == 200

    def test_disconnected_client_is_not_an_error(self, mirror: Mirror, index: Index) -> None:
        big = index.add_wheel("big", "1.0", padding=30_000_000)
        mirror.complete()
        with Server(mirror.config()) as server:
            for _ in range(3):
                with socket.create_connection(("127.0.0.1", server.port), DEADLINE) as client:
                    client.sendall(f"GET /packages/{big.filename} HTTP/1.1\r\nHost: x\r\n\r\n".encode())
                    assert client.recv(1000)
            assert server.ask("/health").status == 200
            assert len(server.log()) == 3

    def test_reads_a_replaced_catalog(self, mirror: Mirror, index: Index) -> None:
        with Server(mirror.config()) as server:
            assert server.names("demo") == {"demo-1.0-py3-none-any.whl"}
            (mirror.state / "catalog.sqlite").write_bytes(b"no catalog" * 1000)
            new = index.add_wheel("demo", "2.0")
            assert any("catalog" in note for note in mirror.run().notes)
            assert new.filename in server.names("demo")


def test_reads_no_mirrored_file_to_render_a_page(index: Index, repository: Path) -> None:
    mirror = Mirror(index, repository)
    for number in range(30):
        index.add_wheel(f"demo{number}", "1.0", core_metadata=True)
    mirror.complete()
    names = sorted(mirror.names())
    with Server(mirror.config()) as server:
        for name in names:
            content = (mirror.path / name).read_bytes()
            # Zeros of the same size: only reading the file would show the change.
            (mirror.path / name).write_bytes(bytes(len(content)))
        for number in range(30):
            (file,) = server.page(f"demo{number}")["files"]
            assert file["hashes"]["sha256"] == index.projects[f"demo{number}"].files[0].sha256


class TestOnDemand:
    """Install once through the server; then the index may be down."""

    @pytest.fixture
    def mirror(self, index: Index, repository: Path) -> Mirror:
        index.add_wheel("frames", "2.0", requires=["arrays>=1", "zones"], core_metadata=True)
        index.add_wheel("frames", "1.0")
        index.add_wheel("arrays", "1.5", core_metadata=True)
        index.add_sdist("zones", "0.3")
        index.add_wheel("named", "1.0")
        mirror = Mirror(index, repository, projects=["named"], connect_timeout=2, retries=0)
        mirror.complete()
        return mirror

    @pytest.mark.parametrize("tool", ["pip", "uv"])
    def test_what_was_installed_once_installs_without_the_index(
        self, mirror: Mirror, index: Index, tmp_path: Path, tool: Literal["pip", "uv"]
    ) -> None:
        wanted = {"frames==2.0", "arrays==1.5", "zones==0.3"}
        with Server(mirror.config(), "--on-demand") as server:
            assert install_from(server.simple, tmp_path / "first", "frames", tool=tool) == wanted
            until(lambda: len(mirror.names()) == 4, "all of it is here")
            index.close()
            for other in ("pip", "uv"):
                to = tmp_path / f"again-{other}"
                assert install_from(server.simple, to, "frames", tool=other) == wanted
            assert server.ask("/simple/never/").status == 404
            server.stop()
        assert {each.project for each in requested(mirror.settings()).came} == {"frames", "arrays", "zones"}
        assert [each.project for each in requested(mirror.settings()).missed] == ["never"]

    @pytest.mark.usefixtures("mirror")
    def test_an_empty_config_and_no_folder_are_enough(self, index: Index, tmp_path: Path) -> None:
        path, folder = tmp_path / "config.json", tmp_path / "new"
        options = ("--repository", folder, "--index-url", index.url)
        minimirror_command("init", "--config", path, *options, "--on-demand", exit_code=0)
        with Server(path) as server:
            install_from(server.simple, tmp_path / "to", "frames", tool="pip")
            until(lambda: len([*folder.glob("*-*")]) == 3, "all of it is here")
        minimirror_command("run", "--config", path, exit_code=0)
        assert len([*folder.glob("*-*")]) == 3

    def test_a_run_meanwhile_breaks_no_install(self, mirror: Mirror, index: Index, tmp_path: Path) -> None:
        late = index.add_wheel("late", "1.0")
        gate = index.hold(late.filename)
        with Server(mirror.config(), "--on-demand") as server:
            with in_background(lambda: mirror.run(projects=["named", "late"])) as running:
                try:
                    assert gate.reached.wait(DEADLINE)
                    install_from(server.simple, tmp_path / "to", "frames", tool="pip")
                finally:
                    gate.release()
                assert running.result().complete
            until(lambda: len(mirror.names()) == 5, "all of it is here")
            mirror.complete(projects=["named", "late"])
            assert len(mirror.names()) == 5
