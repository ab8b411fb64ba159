"""Ctrl-C between two steps: no traceback, the right exit code, and no wrong word about what is left."""

from __future__ import annotations

import json
import signal
from typing import TYPE_CHECKING

import pytest

from tests.helpers.interrupting import interrupting
from tests.helpers.running import Command, Mirror
from tests.helpers.serving import Server

if TYPE_CHECKING:
    from pathlib import Path

    from tests.helpers.index import Index


@pytest.fixture
def mirror(index: Index, repository: Path) -> Mirror:
    for name in ("demo", "other"):
        index.add_wheel(name, "1.0")
    return Mirror(index, repository)


def interrupted(paths: list[Path], *arguments: str | Path, exit_code: int = 130) -> Command:
    """Run a command that is interrupted."""
    with Command(*arguments, paths=paths) as command:
        assert command.end() == exit_code, command.stderr
    assert "Traceback" not in command.stderr
    assert "Error" not in command.stderr
    return command


def test_while_it_is_imported(tmp_path: Path) -> None:
    paths = interrupting(tmp_path / "site", "minimirror/cli/__init__.py:<module>")
    with Command("target", within=["env"], paths=paths) as command:
        assert command.end() == -signal.SIGINT
    assert command.stderr == ""


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_before_the_arguments_are_read(tmp_path: Path, number: int) -> None:
    paths = interrupting(tmp_path / "site", "core.py:make_context", number=number)
    done = interrupted(paths, "target", exit_code=128 + number)
    assert done.messages[-1] == "Interrupted; nothing was changed."


def test_after_the_result_it_changes_nothing(tmp_path: Path) -> None:
    done = interrupted(interrupting(tmp_path / "site", "threading.py:_shutdown"), "target", exit_code=0)
    assert json.loads(done.stdout)["python"]


def test_while_a_thread_starts(mirror: Mirror, tmp_path: Path) -> None:
    """Then threading raises another error."""
    paths = interrupting(tmp_path / "site", "threading.py:_release_save", "return")
    done = interrupted(paths, "run", "--config", mirror.config())
    assert done.messages == ["Interrupted; run again to continue."]


def test_while_conditional_requests_begin(mirror: Mirror, index: Index, tmp_path: Path) -> None:
    index.serials = False
    mirror.complete()
    paths = interrupting(tmp_path / "site", "asyncio/base_events.py:__init__")
    interrupted(paths, "run", "--config", mirror.config())


def test_after_the_start_of_a_worker(mirror: Mirror, tmp_path: Path) -> None:
    paths = interrupting(tmp_path / "site", "selectors.py:register")
    done = interrupted(paths, "run", "--config", mirror.config())
    assert done.stdout.startswith("Interrupted; 0 files done; run again to continue.\n")


def test_after_the_last_file_of_a_run(mirror: Mirror, tmp_path: Path) -> None:
    """All of them count, and are in the folder."""
    paths = interrupting(tmp_path / "site", "sync/running.py:_end")
    done = interrupted(paths, "run", "--config", mirror.config(), "--json")
    found = json.loads(done.stdout)
    assert (found["interrupted"], found["files"]["fetched"], len(mirror.names())) == (True, 2, 2)


def test_between_the_parts_of_a_bundle(mirror: Mirror, index: Index, tmp_path: Path) -> None:
    """If one is there, all are, and the export is recorded."""
    index.add_wheel("big", "1.0", padding=200_000)
    mirror.complete()
    config, to = mirror.config(), tmp_path / "1.tar"
    paths = interrupting(tmp_path / "site", "pathlib.py:replace", "return")
    done = interrupted(paths, "export", "--config", config, "--to", to, "--split", "100kB")
    assert done.messages == ["Interrupted; `minimirror export --list` shows whether the bundle was written."]
    with Command("export", "--config", config, "--list", "--json") as listing:
        assert listing.end() == 0
    (export,) = json.loads(listing.stdout)["exports"]
    assert export["parts"] == len(list(tmp_path.glob("1*.tar"))) > 1


def test_while_the_removal_of_a_project_is_explained(mirror: Mirror, tmp_path: Path) -> None:
    mirror.rules = {"projects": ["demo", "other"]}
    mirror.complete()
    config = mirror.config()
    before = config.read_text()
    paths = interrupting(tmp_path / "site", "project_list.py:_deletions")
    done = interrupted(paths, "remove", "--config", config, "demo")
    assert done.messages[-1] == "Interrupted; nothing was changed."
    assert config.read_text() == before


def test_while_a_stopped_server_ends(mirror: Mirror, tmp_path: Path) -> None:
    mirror.complete()
    paths = interrupting(tmp_path / "site", "browse/thread.py:close")
    with Server(mirror.config(), paths=paths) as server:
        assert server.stop() == 0
        assert server.log()[-1] == "Stopped."
