"""Runs that are killed at seeded moments: no file is incomplete, and the next run completes the mirror."""

from __future__ import annotations

import os
import random
import signal
import threading
from collections import defaultdict
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from minimirror import Config
from minimirror.sync.verifying import verify
from tests.helpers.histories import CHANGES, change, served
from tests.helpers.index import Behaviour, Index
from tests.helpers.recorder import events, watching
from tests.helpers.running import DEADLINE, Command, Mirror, workers

if TYPE_CHECKING:
    from tests.helpers.index import Request

TRIALS = 10
"""Histories, with a kill in each of their states."""

LOCAL = {"notes.txt": b"notes", "local-1.0.zip": b"local"}


class State(NamedTuple):
    """What an uninterrupted run leaves for a state of the history."""

    files: dict[str, bytes]
    events: int
    """Renames, deletions, commits and syncs of the parent process."""

    requests: int


class KillAt(Behaviour):
    """Kills when a number of requests has arrived, before the answer."""

    def __init__(self, count: int, victim: str) -> None:
        self._left = count
        self._victim = victim
        self._lock = threading.Lock()
        self.pid = 0
        self.started = threading.Event()

    def prepare(self, request: Request, /) -> Request:
        with self._lock:
            self._left -= 1
            if self._left == 0:
                self._kill()
        return request

    def _kill(self) -> None:
        assert self.started.wait(DEADLINE)
        with suppress(ProcessLookupError):
            if self._victim == "worker":
                for pid in workers(self.pid):
                    os.kill(pid, signal.SIGKILL)
            else:
                os.kill(self.pid if self._victim == "parent" else -self.pid, signal.SIGKILL)


def begin(mirror: Mirror, *watchers: Path) -> Command:
    """Start a run at the head of its own process group."""
    return mirror.command("--quiet", "--allow-replace", paths=watchers)


def uninterrupted(folder: Path) -> list[State]:
    """Return what an uninterrupted run leaves for each state."""
    states = []
    with Index() as index:
        mirror = new_mirror(index, folder / "repository")
        for number in range(CHANGES):
            change(index, number)
            index.clear()
            watcher = watching(folder / f"watcher-{number}", mirror.path)
            with begin(mirror, watcher) as run:
                assert run.end() == 0
            by_parent = [each for each in events(watcher) if each.kind != "written"]
            states.append(State(mirror.files(), len(by_parent), len(index.requests)))
    return states


def new_mirror(index: Index, path: Path) -> Mirror:
    path.mkdir(parents=True)
    for name, data in LOCAL.items():
        (path / name).write_bytes(data)
    return Mirror(index, path)


def trial(seed: int, folder: Path, states: list[State]) -> int:
    """Kill a run in each state of the history; return how many runs, or workers, were killed."""
    chance = random.Random(seed)
    possible: dict[str, set[bytes]] = defaultdict(set, {name: {data} for name, data in LOCAL.items()})
    killed = 0
    with Index() as index:
        mirror = new_mirror(index, folder / "repository")
        for number, state in enumerate(states):
            change(index, number)
            for name, data in served(index):
                possible[name].add(data)
            killed += kill(chance, mirror, state, folder / f"watcher-{number}")
            for name, data in mirror.files().items():
                assert data in possible[name], f"seed {seed}, state {number}: {name} is incomplete"
            assert LOCAL.items() <= mirror.files().items()
            mirror.complete(allow_replace=True)
            what = f"seed {seed}, state {number}"
            assert mirror.names() == state.files.keys(), what
            assert mirror.files() == state.files, what
            assert mirror.partials() == {}, what
            assert {path.name for path in mirror.state.iterdir()} - {".gitignore"} == {
                "catalog.sqlite", "lock", "partial", "workers.lock",
            }, what  # fmt: skip
            found = verify(Config(repository=mirror.path, processes=1), read=True)
            assert (found.well, found.unknown, found.files) == (True, sorted(LOCAL), len(state.files) - 2), (
                what
            )
    return killed


def kill(chance: random.Random, mirror: Mirror, state: State, watcher: Path) -> bool:
    """Start a run and kill it, its group or its workers; return whether it was still running then."""
    if chance.random() < 0.6:
        at, group = chance.randint(1, state.events), chance.random() < 0.5
        with begin(mirror, watching(watcher, mirror.path, kill_at=at, group=group)) as run:
            code = run.end()
        # The number of operations varies from run to run.
        assert code in {0, -signal.SIGKILL}
        return code != 0
    victim = chance.choice(["parent", "worker", "worker", "group"])
    # At the first request, for the root, there are no workers yet.
    killer = KillAt(chance.randint(2 if victim == "worker" else 1, state.requests), victim)
    mirror.index.fault("*", killer, always=True)
    with begin(mirror) as run:
        killer.pid = run.process.pid
        killer.started.set()
        code = run.end()
    mirror.index.heal()
    assert code == (0 if victim == "worker" else -signal.SIGKILL)
    return True


def test_killed_at_any_moment(tmp_path: Path) -> None:
    states = uninterrupted(tmp_path / "truth")
    assert len({frozenset(state.files.items()) for state in states}) == CHANGES
    with ThreadPoolExecutor(4) as pool:
        trials = [pool.submit(trial, seed, tmp_path / f"trial-{seed}", states) for seed in range(TRIALS)]
        assert sum(each.result() for each in trials) >= 50
