"""The folders that `minimirror serve` can serve: read-only ones, empty ones, those that no run has filled."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

from tests.helpers import distributions
from tests.helpers.namespaces import read_only
from tests.helpers.running import Mirror, until
from tests.helpers.serving import Server, upload, upload_server

if TYPE_CHECKING:
    from pathlib import Path

    from tests.helpers.index import Index

LOCAL = "mine-1.0-py3-none-any.whl"


def is_yanked(server: Server, filename: str) -> bool:
    """Return whether a file is listed as yanked, which only the catalog shows."""
    return any("yanked" in file for file in server.page("demo")["files"] if file["filename"] == filename)


def test_read_only_folder(index: Index, repository: Path) -> None:
    """As a container has it whose volume another one fills."""
    mirror = Mirror(index, repository, releases="all", yanked=True)
    first = index.add_wheel("demo", "1.0")
    mirror.complete()
    mirror.put(LOCAL, distributions.wheel("mine", "1.0"))
    with Server(mirror.config(), within=read_only(repository)) as server:
        assert server.names("demo") == {first.filename}
        assert server.names("mine") == {LOCAL}
        assert server.ask(f"/packages/{first.filename}").body == first.content
        for version in ("2.0", "3.0"):
            new = index.add_wheel("demo", version, yanked="broken")
            mirror.complete()
            until(partial(is_yanked, server, new.filename), "the new file is served")
        assert not [line for line in server.log() if "error" in line.lower() or "warning" in line.lower()]


def test_read_only_folder_during_a_run(index: Index, repository: Path) -> None:
    mirror = Mirror(index, repository, releases="all", yanked=True)
    index.add_wheel("demo", "1.0")
    mirror.complete()
    new = index.add_wheel("demo", "2.0")
    other = index.add_wheel("demo", "3.0", yanked="broken")
    with (
        Server(mirror.config(), within=read_only(repository)) as server,
        index.hold(new.filename) as gate,
        mirror.command() as run,
    ):
        until(lambda: is_yanked(server, other.filename), "the other file is served")
        gate.release()
        assert run.end() == 0
        until(lambda: new.filename in server.names("demo"), "the new file is served")


def test_read_only_folder_without_a_catalog(index: Index, repository: Path) -> None:
    repository.mkdir()
    mirror = Mirror(index, repository)
    mirror.put(LOCAL, distributions.wheel("mine", "1.0"))
    with Server(mirror.config(), within=read_only(repository)) as server:
        assert server.names("mine") == {LOCAL}
        assert b"mine" in server.ask("/simple/").body
    assert mirror.names() == {LOCAL}


def test_read_only_folder_that_a_run_fills_later(index: Index, repository: Path) -> None:
    """As containers that start together have it. Only the catalog says that a file is yanked."""
    repository.mkdir()
    mirror = Mirror(index, repository, yanked=True)
    file = index.add_wheel("demo", "1.0", yanked="broken")
    with Server(mirror.config(), within=read_only(repository)) as server:
        assert server.ask("/simple/demo/").status == 404
        mirror.complete()
        until(partial(is_yanked, server, file.filename), "the file is served")
        assert not [line for line in server.log() if "error" in line.lower() or "warning" in line.lower()]


def test_empty_folder_takes_uploads(index: Index, repository: Path) -> None:
    repository.mkdir()
    mirror = Mirror(index, repository)
    with upload_server(mirror) as server:
        assert server.ask("/simple/").status == 200
        assert upload(server, LOCAL).status == 200
        assert server.names("mine") == {LOCAL}
        index.add_wheel("demo", "1.0")
        mirror.complete()
        assert server.names("demo") == {"demo-1.0-py3-none-any.whl"}
