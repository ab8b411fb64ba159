"""`minimirror plan`: what a run would do, without doing it."""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING, Any, NamedTuple

import pytest

from minimirror import Config, run
from minimirror.storage import MirrorFolder, NoRoomError
from minimirror.sync.preview import RunPlan, plan
from tests.helpers.index import Chunked
from tests.helpers.running import Mirror, minimirror_command

if TYPE_CHECKING:
    from pathlib import Path

    from tests.helpers.index import Index


@pytest.fixture
def mirror(index: Index, repository: Path) -> Mirror:
    index.add_wheel("demo", "1.0", tag="cp312-cp312-win_amd64", padding=3000)
    index.add_wheel("demo", "1.0")
    index.add_sdist("other", "2.0")
    return Mirror(index, repository)


def planned(mirror: Mirror, **rules: Any) -> RunPlan:
    values = {"processes": 1, "index_url": mirror.index.url, "max_delete": 1, **mirror.rules, **rules}
    return plan(Config(repository=mirror.path, **values))


def names(plan: RunPlan) -> tuple[list[str], list[str]]:
    """Return what would be fetched and what would be deleted."""
    return [file.filename for file in plan.fetch], [file.filename for file in plan.remove]


def plan_command(mirror: Mirror, *arguments: str, **rules: Any) -> tuple[int, str, str]:
    command = minimirror_command("plan", "--config", mirror.config(**rules), *arguments)
    return command.exit_code, command.stdout, command.stderr


def test_the_run_does_what_the_plan_says(mirror: Mirror, index: Index) -> None:
    """Before the first run, after it, and after changes."""
    plan = planned(mirror)
    assert plan.bytes_fetched == sum(
        len(file.content) for each in index.projects.values() for file in each.files
    )
    assert not mirror.path.exists()
    mirror.complete()
    fetch, remove = names(plan)
    assert set(fetch) == mirror.names()
    assert remove == []
    assert names(planned(mirror)) == ([], [])
    index.add_wheel("demo", "2.0")
    index.remove("other")
    before = mirror.names()
    fetch, remove = names(planned(mirror))
    assert mirror.names() == before
    mirror.complete()
    assert mirror.names() == (before | set(fetch)) - set(remove)
    assert len(remove) == 3


def test_it_writes_nothing_and_needs_no_lock(mirror: Mirror, index: Index) -> None:
    """During a run, it uses the last committed catalog."""
    mirror.complete()
    index.add_wheel("demo", "2.0")
    state = {path: path.read_bytes() for path in mirror.state.rglob("*") if path.suffix == ".sqlite"}
    with MirrorFolder(mirror.path).lock():
        assert len(planned(mirror).fetch) == 1
    assert {path: path.read_bytes() for path in state} == state
    assert mirror.complete().files_fetched == 1


def test_files_to_adopt_are_not_fetched(mirror: Mirror, index: Index) -> None:
    mirror.path.mkdir()
    here = index.projects["demo"].files[0]
    (mirror.path / here.filename).write_bytes(here.content)
    fetch, _ = names(planned(mirror))
    assert len(fetch) == 2
    assert here.filename not in fetch


def test_files_that_max_delete_keeps_are_listed(mirror: Mirror, index: Index) -> None:
    mirror.complete()
    index.remove("demo")
    plan = planned(mirror, max_delete=0)
    assert names(plan) == ([], [])
    assert len(plan.withheld) == 2


def test_a_failure_is_reported_with_exit_code_1(mirror: Mirror) -> None:
    code, out, _ = plan_command(mirror, projects=["demo", "absent"])
    assert code == 1
    assert "failed: absent: " in out
    assert "2 files" in out


def test_sizes_that_the_page_lacks_are_requested(mirror: Mirror, index: Index) -> None:
    """With a request for one byte; a server without ranges reports the whole length."""
    expected = [(file.filename, file.size) for file in planned(mirror).fetch]
    index.formats = {"html"}
    assert [(file.filename, file.size) for file in planned(mirror).fetch] == expected
    index.ranges = False
    assert [(file.filename, file.size) for file in planned(mirror).fetch] == expected


def test_unknown_sizes(mirror: Mirror, index: Index) -> None:
    index.formats, index.ranges = {"html"}, False
    for project in index.projects.values():
        for file in project.files:
            index.fault(file.filename, Chunked())
    code, out, _ = plan_command(mirror)
    assert code == 0
    assert "3 files, of unknown size" in out


def test_text_of_80_columns(mirror: Mirror) -> None:
    code, out, _ = plan_command(mirror)
    assert code == 0
    assert max(map(len, out.splitlines())) <= 80
    for text in ("3 files", "biggest projects", "bdist_wheel", "cp312", "win_amd64", "it fits"):
        assert text in out


def test_json(mirror: Mirror) -> None:
    code, out, _ = plan_command(mirror, "--json")
    assert code == 0
    found = json.loads(out)
    assert found["fits"] is True
    assert [file["filename"] for file in found["fetch"]] == names(planned(mirror))[0]
    assert found["bytes_fetched"] == sum(file["size"] for file in found["fetch"])


def test_one_line_per_file(mirror: Mirror) -> None:
    _, out, _ = plan_command(mirror, "--files")
    lines = [line.split("\t") for line in out.splitlines()]
    assert [(verb, name) for verb, name, _ in lines] == [
        ("fetch", name) for name in names(planned(mirror))[0]
    ]
    mirror.complete()
    assert plan_command(mirror, "--files")[1] == ""


def test_dry_run_is_the_plan(mirror: Mirror) -> None:
    command = minimirror_command("run", "--dry-run", "--config", mirror.config())
    assert command.exit_code == 0
    shown = [re.sub(r"[\d.]+ \w+ free", "", text) for text in (command.stdout, plan_command(mirror)[1])]
    assert shown[0] == shown[1]
    assert not mirror.path.exists()


def test_time_from_previous_runs(mirror: Mirror, index: Index) -> None:
    assert planned(mirror).seconds is None
    mirror.complete()
    assert planned(mirror).seconds is None
    index.add_wheel("demo", "2.0")
    seconds = planned(mirror).seconds
    assert seconds is not None
    assert seconds > 0


class Usage(NamedTuple):
    """What `shutil.disk_usage` returns."""

    total: int
    used: int
    free: int


class TestRoom:
    def test_a_run_that_cannot_fit_does_not_start(
        self, mirror: Mirror, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """The disk reports that it is almost full."""
        monkeypatch.setattr("shutil.disk_usage", lambda _: Usage(10**9, 10**9 - 2000, 2000))
        assert not planned(mirror).fits
        with pytest.raises(NoRoomError, match="--force"):
            mirror.run()
        assert mirror.names() == set()

    def test_files_to_adopt_need_no_room(
        self, mirror: Mirror, index: Index, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """An almost full disk with a folder that another tool filled."""
        mirror.path.mkdir()
        for project in index.projects.values():
            for file in project.files:
                (mirror.path / file.filename).write_bytes(file.content)
        monkeypatch.setattr("shutil.disk_usage", lambda _: Usage(10**9, 10**9 - 2000, 2000))
        assert planned(mirror).fits
        assert mirror.complete().files_adopted == 3

    def test_force_runs_anyway(self, mirror: Mirror, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr("shutil.disk_usage", lambda _: Usage(10**9, 10**9 - 2000, 2000))
        config = Config(repository=mirror.path, index_url=mirror.index.url, processes=1)
        assert run(config, force=True).complete
