"""Power cuts during a run: no file on the disk is incomplete, and the next run completes the mirror.

The writes, renames, deletions, commits and syncs of a run are recorded. A test makes a state that the disk
may have after a power cut before one of them: with everything that was synced, and some of the rest.
SQLite syncs its commits.
"""

from __future__ import annotations

import hashlib
import os
import random
import shutil
import sqlite3
from collections import defaultdict
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import pytest

from tests.helpers.histories import CHANGES, change, served
from tests.helpers.index import Index
from tests.helpers.recorder import Event, events, watching
from tests.helpers.running import Mirror

if TYPE_CHECKING:
    from collections.abc import Iterator

Rows = dict[str, tuple[bool, str]]
"""Of each file in a catalog: whether it is invalid, and its digest."""

SAMPLES = 20
"""States of the disk for each state of the index."""

LOCAL = {"notes.txt": b"notes", "local-1.0.zip": b"local"}
PARTIAL = ".minimirror/partial/"


class Record(NamedTuple):
    """One recorded run."""

    upstream: Index
    events: list[Event]
    before: dict[str, bytes]
    """The folder as the run found it."""

    after: dict[str, bytes]
    """The folder as the run left it."""

    path: Path
    possible: dict[str, set[bytes]]
    """The contents that each filename may have."""


@pytest.fixture(params=range(CHANGES))
def record(request: pytest.FixtureRequest, index: Index, tmp_path: Path) -> Record:
    """The run that follows the index from one of its states to the next."""
    mirror = Mirror(index, tmp_path / "recorded")
    mirror.path.mkdir()
    possible: dict[str, set[bytes]] = defaultdict(set)
    for name, data in LOCAL.items():
        (mirror.path / name).write_bytes(data)
        possible[name].add(data)
    for number in range(request.param + 1):
        before = mirror.files()
        change(index, number)
        for name, data in served(index):
            possible[name].add(data)
        if number < request.param:
            mirror.complete(allow_replace=True)
    watcher = watching(tmp_path / "watcher", mirror.path)
    with mirror.command("--allow-replace", paths=[watcher]) as run:
        assert run.end() == 0, run.stdout + run.stderr
    return Record(index, events(watcher), before, mirror.files(), mirror.path, possible)


def is_placed(name: str) -> bool:
    return "/" not in name and not name.startswith(".")


def is_renamed_into_place(event: Event) -> bool:
    return event.kind == "rename" and is_placed(event.paths[1])


def is_deletion(event: Event) -> bool:
    return event.kind == "remove" and is_placed(event.paths[0])


def synced_until(recorded: list[Event], at: int) -> int:
    """Return the start of the last sync that ended before the event `at`: all earlier changes are durable."""
    done = max((i for i in range(at) if recorded[i].kind == "synced"), default=-1)
    return max((i for i in range(done) if recorded[i].kind == "sync"), default=0)


def rows(snapshot: str | Path, scratch: Path) -> Rows:
    """Return the files in a snapshot's catalog."""
    shutil.rmtree(scratch, ignore_errors=True)
    scratch.mkdir()
    for path in Path(snapshot, ".minimirror").glob("catalog.sqlite*"):
        if not path.name.endswith("-shm"):
            shutil.copy(path, scratch)
    with closing(sqlite3.connect(scratch / "catalog.sqlite")) as db:
        if not db.execute("SELECT 1 FROM sqlite_master WHERE name = 'files'").fetchone():
            return {}
        return {
            name: (bool(invalid), sha)
            for name, invalid, sha in db.execute("SELECT filename, invalid, sha256 FROM files")
        }


def test_order(record: Record, tmp_path: Path) -> None:
    """Check the order of all steps. One test, because recording takes time."""
    recorded = record.events
    known = {
        at: rows(each.snapshot, tmp_path / "scratch") for at, each in enumerate(recorded) if each.snapshot
    }
    synced_and_recorded_before_renamed(record, known)
    deleted_once_its_successor_is_synced(recorded, known)
    untracked_once_the_deletion_is_synced(recorded, known)
    invalid_until_the_rename_over_it_is_synced(recorded, known)
    last = max(at for at, each in enumerate(recorded) if is_renamed_into_place(each) or is_deletion(each))
    assert synced_until(recorded, len(recorded)) > last, "the result of the run is not synced"


def synced_and_recorded_before_renamed(record: Record, known: dict[int, Rows]) -> None:
    renames = [(at, each) for at, each in enumerate(record.events) if is_renamed_into_place(each)]
    for at, event in renames:
        source, target = event.paths
        written = max(i for i in range(at) if record.events[i][:2] == ("written", [source]))
        assert written < synced_until(record.events, at), f"{target} is renamed before it is synced"
        assert known[at][target][1] == hashlib.sha256(record.after[target]).hexdigest()
    changed = {name for name, data in record.after.items() if record.before.get(name) != data}
    assert {event.paths[1] for _, event in renames} == changed


def deleted_once_its_successor_is_synced(recorded: list[Event], known: dict[int, Rows]) -> None:
    for at, event in enumerate(recorded):
        if not is_deletion(event):
            continue
        (name,) = event.paths
        assert name in known[at]
        for placed in filter(is_renamed_into_place, recorded[synced_until(recorded, at) : at]):
            assert placed.paths[1].split("-")[0] != name.split("-")[0], f"{name} is deleted too early"


def untracked_once_the_deletion_is_synced(recorded: list[Event], known: dict[int, Rows]) -> None:
    before: Rows = {}
    for at, rows in known.items():
        for name in before.keys() - rows.keys():
            deleted = max(i for i in range(at) if recorded[i][:2] == ("remove", [name]))
            assert deleted < synced_until(recorded, at), f"{name} is untracked too early"
        before = rows


def invalid_until_the_rename_over_it_is_synced(recorded: list[Event], known: dict[int, Rows]) -> None:
    for at, event in enumerate(recorded):
        if is_renamed_into_place(event) and Path(str(event.snapshot), event.paths[1]).exists():
            for later in known:
                if later >= at >= synced_until(recorded, later):
                    assert known[later][event.paths[1]][0]


def disk_after(record: Record, chance: random.Random, folder: Path) -> None:
    """Make a state that the disk may have after a power cut before one of the run's operations."""
    moments = [i for i, each in enumerate(record.events) if each.snapshot]
    at = chance.choice([*moments, len(record.events)])
    shutil.copytree(record.events[at].snapshot or "" if at < len(record.events) else record.path, folder)
    durable = synced_until(record.events, at)
    # Either everything after one moment is lost, or some changes and not others.
    lost = (
        set(range(chance.randint(durable, at), at))
        if chance.random() < 0.5
        else {i for i in range(durable, at) if chance.random() < 0.5}
    )
    for i in sorted(lost, reverse=True):
        undo(record.events[i], folder)
    for path in unsynced(record.events[:at], durable, folder):
        spoil(path, chance)
    for path in folder.glob(".minimirror/*-shm"):
        path.unlink()


def undo(event: Event, folder: Path) -> None:
    """Undo a rename or a deletion."""
    if event.kind not in {"rename", "remove"} or event.paths[-1].startswith(".minimirror/catalog"):
        return
    if event.kind == "rename" and (target := folder / event.paths[1]).exists():
        target.rename(folder / event.paths[0])
    before = Path(str(event.snapshot), event.paths[-1])
    if before.exists():
        shutil.copy(before, folder / event.paths[-1])


def unsynced(recorded: list[Event], durable: int, folder: Path) -> Iterator[Path]:
    """Yield the files whose content may not have reached the disk."""
    synced = {each.paths[0] for each in recorded[:durable] if each.kind == "written"}
    for path in (folder / PARTIAL).iterdir():
        if f"{PARTIAL}{path.name}" not in synced:
            yield path
    for event in recorded:
        if is_renamed_into_place(event) and event.paths[0] not in synced:
            yield folder / event.paths[1]


def spoil(path: Path, chance: random.Random) -> None:
    """Leave what a disk may have of a file that was not synced."""
    size = path.stat().st_size if path.exists() else 0
    kind = chance.choice(["whole", "empty", "zeros", "short", "end missing"])
    if size and kind in {"empty", "short"}:
        os.truncate(path, chance.randrange(size) if kind == "short" else 0)
    elif size and kind != "whole":
        kept = chance.randrange(size) if kind == "end missing" else 0
        path.write_bytes(path.read_bytes()[:kept] + bytes(size - kept))


def projects(files: dict[str, bytes]) -> set[str]:
    return {name.split("-")[0] for name in files}


def try_sample(record: Record, seed: int, folder: Path) -> None:
    disk_after(record, random.Random(seed), folder)
    mirror = Mirror(record.upstream, folder)
    for name, data in mirror.files().items():
        assert data in record.possible[name], f"sample {seed}: {name} is incomplete"
    # A project with files before and after has files all the time.
    assert projects(record.before) & projects(record.after) <= projects(mirror.files()), f"sample {seed}"
    mirror.complete(allow_replace=True)
    assert mirror.names() == record.after.keys(), f"sample {seed}"
    assert mirror.files() == record.after, f"sample {seed}"
    assert mirror.partials() == {}, f"sample {seed}"
    right = {
        name: (False, hashlib.sha256(data).hexdigest())
        for name, data in record.after.items()
        if name not in LOCAL
    }
    assert rows(folder, folder.with_suffix(".scratch")) == right, f"sample {seed}"


def test_next_run_completes_whatever_is_on_the_disk(record: Record, tmp_path: Path) -> None:
    with ThreadPoolExecutor(4) as pool:
        samples = [
            pool.submit(try_sample, record, seed, tmp_path / f"sample-{seed}") for seed in range(SAMPLES)
        ]
        for each in samples:
            each.result()
