"""Files before pages, pages before deletions: what installers find during a run, and after a kill."""

from __future__ import annotations

import json
import signal
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from minimirror import Config
from minimirror.sync.verifying import verify
from tests.helpers import distributions
from tests.helpers.bundles import Far, Near
from tests.helpers.histories import CHANGES, change
from tests.helpers.index import Index
from tests.helpers.recorder import events, watching
from tests.helpers.running import Command, Mirror
from tests.helpers.simple_reader import digest, pages, read, untrue

if TYPE_CHECKING:
    from collections.abc import Iterator

KILLS = 2
"""Moments of each change at which a run is killed."""


def run(mirror: Mirror, watcher: Path) -> int:
    """Run the command with a recorder; return its exit code."""
    with mirror.command("--quiet", "--allow-replace", paths=[watcher]) as command:
        return command.end()


def alter(index: Index, number: int) -> None:
    """Make the next state of the history, with other metadata in each wheel that is replaced."""
    change(index, number)
    replaced = index.projects["fjord"].files[0]
    if replaced.filename.endswith("1.0-py3-none-any.whl") and number:
        content = distributions.wheel("fjord", "1.0", requires=[f"amber>{number}"])
        index.add("fjord", replaced.filename, content)


def new_mirror(index: Index, path: Path) -> Mirror:
    path.mkdir(parents=True)
    distributions.place_local(path, "local", "1.0")
    return Mirror(index, path, simple=True)


def distributions_in(folder: Path) -> dict[str, str]:
    """Return the digests of the distribution files in a folder."""
    return {
        path.name: digest(path.read_bytes())
        for path in folder.iterdir()
        if path.is_file() and path.suffix != ".metadata"
    }


def named(folder: Path) -> dict[str, str]:
    """Return the digests of the files that the static index lists."""
    return {name: each.digests["sha256"] for files in pages(folder).values() for name, each in files.items()}


@pytest.fixture(params=range(CHANGES))
def moments(request: pytest.FixtureRequest, index: Index, tmp_path: Path) -> list[Path]:
    """The mirror before each operation of a run that follows the index from one state to the next."""
    mirror = new_mirror(index, tmp_path / "recorded")
    for number in range(request.param + 1):
        alter(index, number)
        if number < request.param:
            mirror.complete(allow_replace=True)
    watcher = watching(tmp_path / "watcher", mirror.path)
    assert run(mirror, watcher) == 0
    return [*(Path(each.snapshot) for each in events(watcher) if each.snapshot), mirror.path]


def test_at_every_moment(moments: list[Path]) -> None:
    first, last = distributions_in(moments[0]), distributions_in(moments[-1])
    replaced = {name.split("-")[0] for name in first.keys() & last.keys() if first[name] != last[name]}
    for form in ("index.json", "index.html"):
        before, after = (_projects(moments[at], form) for at in (0, -1))
        for folder in moments:
            # A project with files before and after has files all the time, unless one was replaced.
            assert (before & after) - replaced <= _projects(folder, form)
    for folder in moments:
        assert untrue(folder) == []
    assert named(moments[-1]) == last


def _projects(folder: Path, form: str) -> set[str]:
    """Return the projects for which an installer finds a file."""
    return {project for project, files in read(folder, form).items() if files}


def test_at_every_moment_of_an_import(tmp_path: Path) -> None:
    """The bundle adds, replaces, changes and deletes files."""
    near = Near(tmp_path / "near")
    for name in ("amber", "birch", "cedar"):
        near.put(name, "1.0")
    near.export("1.tar")
    near.put("amber", "2.0")
    near.put("birch", "1.0", distributions.wheel("birch", "1.0", requires=["amber"]))
    near.put("delta", "1.0")
    near.drop("amber-1.0-py3-none-any.whl", "cedar-1.0-py3-none-any.whl")
    near.export("2.tar")
    far = Far(tmp_path / "far", simple=True)
    far.take(tmp_path / "1.tar")
    assert named(far.path).keys() == {f"{name}-1.0-py3-none-any.whl" for name in ("amber", "birch", "cedar")}
    distributions.place_local(far.path, "local", "1.0")
    config = tmp_path / "far.json"
    config.write_text(json.dumps({"repository": str(far.path)}))
    watcher = watching(tmp_path / "watcher", far.path)
    with Command("import", "--config", config, tmp_path / "2.tar", paths=[watcher]) as command:
        assert command.end() == 0
    for each in events(watcher):
        if each.snapshot:
            assert untrue(Path(each.snapshot)) == []
            assert "amber" in _projects(Path(each.snapshot), "index.json")
    assert untrue(far.path) == []
    assert named(far.path) == distributions_in(far.path)
    assert named(far.path).keys() == {*distributions_in(near.path), "local-1.0.zip"}
    assert {path.name for path in far.path.glob("*.metadata")} == {
        f"{name}.metadata" for name in distributions_in(near.path)
    }


@pytest.mark.parametrize("at", range(19, 26, 2))
def test_killed_while_a_wheel_loses_its_metadata(tmp_path: Path, at: int) -> None:
    """The metadata file is deleted by this run or by the next one."""
    with Index() as index:
        mirror = new_mirror(index, tmp_path / "repository")
        for number in range(3):
            alter(index, number)
            mirror.complete(allow_replace=True)
        assert "ember-1.0-py3-none-any.whl.metadata" in mirror.names()
        alter(index, 3)
        assert run(mirror, watching(tmp_path / "watcher", mirror.path, kill_at=at)) == -signal.SIGKILL
        mirror.complete(allow_replace=True)
        assert "ember-1.0-py3-none-any.whl.metadata" not in mirror.names()


def test_killed_at_any_moment(tmp_path: Path) -> None:
    """The index lists only files that exist, and the next run completes it."""
    counts = list(uninterrupted(tmp_path / "truth"))
    with ThreadPoolExecutor(3) as pool:
        trials = [pool.submit(trial, seed, tmp_path / f"trial-{seed}", counts) for seed in range(KILLS)]
        assert sum(each.result() for each in trials) >= KILLS * CHANGES * 0.8


def uninterrupted(folder: Path) -> Iterator[int]:
    """Yield the number of operations of each run."""
    with Index() as index:
        mirror = new_mirror(index, folder / "repository")
        for number in range(CHANGES):
            alter(index, number)
            watcher = watching(folder / f"watcher-{number}", mirror.path)
            assert run(mirror, watcher) == 0
            yield sum(each.kind != "written" for each in events(watcher))


def trial(seed: int, folder: Path, counts: list[int]) -> int:
    """Kill a run in each state of the history, at a different moment in each trial."""
    killed = 0
    with Index() as index:
        mirror = new_mirror(index, folder / "repository")
        for number, count in enumerate(counts):
            alter(index, number)
            at = 1 + (seed * count + (number * count) // CHANGES) // KILLS % count
            code = run(mirror, watching(folder / f"watcher-{number}", mirror.path, kill_at=at))
            assert code in {0, -signal.SIGKILL}
            killed += code != 0
            what = f"trial {seed}, state {number}, operation {at}"
            assert untrue(mirror.path) == [], what
            mirror.complete(allow_replace=True)
            assert named(mirror.path) == distributions_in(mirror.path), what
            found = verify(Config(repository=mirror.path))
            assert (found.well, found.unknown) == (True, ["local-1.0.zip"]), (what, found)
            assert mirror.partials() == {}, what
    return killed
