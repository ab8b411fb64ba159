"""Runs that meet a bad index, a full disk, a killed process or Ctrl-C; and the run after that."""

from __future__ import annotations

import logging
import os
import signal
import sqlite3
import subprocess
import sys
from contextlib import contextmanager
from functools import partial
from typing import TYPE_CHECKING, Any

import pytest

from minimirror import RunInterrupted
from tests.helpers.index import (
    Body,
    Chunked,
    Headers,
    IgnoreRange,
    Index,
    Redirect,
    Reset,
    Stall,
    Status,
    Truncate,
    WrongBytes,
)
from tests.helpers.running import (
    DEADLINE,
    SOURCES,
    Command,
    Mirror,
    alive,
    descendants,
    in_background,
    until,
    workers,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from tests.helpers.index import File
    from tests.helpers.running import Command

    NextRun = Callable[[], None]

SOON = {"Retry-After": "0"}


@pytest.fixture
def mirror(index: Index, repository: Path) -> Mirror:
    return Mirror(index, repository)


@contextmanager
def interrupted_by(message: str) -> Iterator[list[str]]:
    """Press Ctrl-C when a message is logged that begins so, once; the list then has it."""
    found: list[str] = []

    class Interrupting(logging.Handler):
        def emit(self, record: logging.LogRecord) -> None:
            if record.getMessage().startswith(message) and not found:
                found.append(record.getMessage())
                signal.raise_signal(signal.SIGINT)

    handler, log = Interrupting(), logging.getLogger("minimirror")
    level = log.level
    log.addHandler(handler)
    log.setLevel(logging.INFO)
    try:
        yield found
    finally:
        log.removeHandler(handler)
        log.setLevel(level)


def content(*files: File) -> dict[str, bytes]:
    return {file.filename: file.content for file in files}


def ranges(index: Index, file: File) -> list[str | None]:
    """Return the Range headers of the requests for a file."""
    return [each.headers.get("range") for each in index.requests if each.path == file.path]


def catalog(mirror: Mirror) -> list[list[Any]]:
    db = sqlite3.connect(mirror.state / "catalog.sqlite")
    try:
        return [
            db.execute(f"SELECT * FROM {table} ORDER BY 1").fetchall()
            for table in ("projects", "files", "meta")
        ]
    finally:
        db.close()


@pytest.fixture
def next_run(mirror: Mirror, tmp_path: Path) -> Callable[[], None]:
    """Run again, and compare with a first run into another folder."""

    def check() -> None:
        mirror.complete()
        assert mirror.partials() == {}
        fresh = Mirror(mirror.index, tmp_path / "fresh", **mirror.rules)
        fresh.complete()
        assert mirror.files() == fresh.files()
        assert catalog(mirror) == catalog(fresh)

    return check


class TestIndex:
    """Many faults of an index at the same time, in one run."""

    def test_passing_faults_cost_a_retry(self, mirror: Mirror, index: Index) -> None:
        files = {
            name: index.add_wheel(name, "1.0", padding=50_000)
            for name in ("busy", "cut", "reset", "refused", "wrong", "whole", "chunked", "moved")
        }
        faults: dict[str, list[Any]] = {
            "busy": [Status(503, SOON), Status(429, SOON)],
            "cut": [Truncate(after=20_000)],
            "reset": [Reset(after=30_000)],
            "refused": [Reset(after=None)],
            "wrong": [WrongBytes()],
            "whole": [Truncate(after=20_000), IgnoreRange()],
            "chunked": [Chunked()],
            "moved": [Redirect(f"{index.file_url(files['moved'])}?")],
        }
        for name, behaviours in faults.items():
            index.fault(files[name].filename, *behaviours)
        index.fault("/simple/", Truncate(after=100), Status(502, SOON))
        index.fault("/simple/busy/", Truncate(after=10))
        index.fault("/simple/cut/", Status(500, SOON), Headers({"Content-Encoding": "gzip"}))
        summary = mirror.complete(connections=8)
        assert mirror.files() == content(*files.values())
        assert summary.files_fetched == 8
        assert ranges(index, files["busy"]) == [None, None, None]
        assert ranges(index, files["cut"]) == [None, "bytes=20000-"]
        assert ranges(index, files["refused"]) == [None, None]
        assert ranges(index, files["wrong"]) == [None, None]
        assert ranges(index, files["whole"]) == [None, "bytes=20000-"]
        assert ranges(index, files["chunked"]) == [None]
        first, second = ranges(index, files["reset"])
        assert first is None
        assert second is None or 0 < int(second.removeprefix("bytes=").removesuffix("-")) <= 30_000

    def test_lasting_faults_cost_their_file(self, mirror: Mirror, index: Index) -> None:
        names = ("good", "gone", "wrong", "longer", "shorter", "loop", "busy", "scheme")
        files = {name: index.add_wheel(name, "1.0", padding=5_000) for name in names}
        faults: dict[str, Any] = {
            "gone": Status(410),
            "wrong": WrongBytes(),
            "longer": Body(files["longer"].content + b"!"),
            "shorter": Body(files["shorter"].content[:-1]),
            "loop": Redirect(files["loop"].quoted_path),
            "busy": Status(503, SOON),
            "scheme": Redirect("file:///etc/passwd"),
        }
        for name, behaviour in faults.items():
            index.fault(files[name].filename, behaviour, always=True)
        summary = mirror.run(connections=8)
        assert mirror.files() == content(files["good"])
        causes = {
            "gone": "HTTP 410",
            "wrong": "sha256",
            "longer": f"{len(files['longer'].content) + 1:,} bytes",
            "shorter": f"{len(files['shorter'].content) - 1:,} bytes",
            "loop": "redirects",
            "busy": "HTTP 503",
            "scheme": "'file'",
        }
        found = {failure.project: failure.cause for failure in summary.failures}
        assert found.keys() == causes.keys()
        assert [name for name, cause in causes.items() if cause not in found[name]] == []
        assert (summary.files_wanted, summary.files_fetched, summary.files_failed) == (8, 1, 7)
        assert not any(name.startswith("wrong") for name in mirror.partials())
        index.heal()
        summary = mirror.complete()
        assert mirror.files() == content(*files.values())
        assert (summary.files_wanted, summary.files_fetched, summary.files_present) == (8, 7, 1)

    def test_big_file_does_not_delay_small_ones(self, mirror: Mirror, index: Index) -> None:
        """It is requested first."""
        big = index.add_wheel("zz-big", "1.0", padding=3_000_000)
        small = [index.add_wheel(f"small-{number}", "1.0") for number in range(40)]
        with in_background(mirror.complete) as result, index.hold(big.filename) as gate:
            assert gate.reached.wait(DEADLINE)
            until(lambda: mirror.files() == content(*small), "all small ones are placed")
            gate.release()
            result.result(DEADLINE)
        assert mirror.files() == content(big, *small)


class TestDisk:
    def limited(self, blocks: int, mirror: Mirror) -> subprocess.CompletedProcess[str]:
        """Run with a limit on the size of every file, in blocks of 512 or 1024 bytes, like a full disk."""
        return subprocess.run(
            [
                "sh",
                "-c",
                f'ulimit -f {blocks}; exec "$0" -m minimirror run --config "$1"',
                sys.executable,
                mirror.config(),
            ],
            env={**os.environ, "PYTHONPATH": str(SOURCES)},
            capture_output=True,
            text=True,
            timeout=DEADLINE,
            check=False,
        )

    def test_file_that_does_not_fit(self, mirror: Mirror, index: Index, next_run: NextRun) -> None:
        index.add_wheel("big", "1.0", padding=4_000_000)
        small = index.add_wheel("small", "1.0")
        result = self.limited(2000, mirror)
        assert result.returncode == 1
        assert "big-1.0-py3-none-any.whl: " in result.stdout
        assert "File too large" in result.stdout
        assert mirror.files() == content(small)
        next_run()

    def test_catalog_that_does_not_fit(self, mirror: Mirror, index: Index, next_run: NextRun) -> None:
        for number in range(3000):
            index.add_project(f"a-project-with-a-long-name-so-that-it-takes-some-room-{number}")
        index.add_wheel("demo", "1.0")
        result = self.limited(100, mirror)
        assert result.returncode == 1
        assert result.stderr.startswith(f"error: catalog {mirror.state / 'catalog.sqlite'}: ")
        assert len(result.stderr.splitlines()) == 1
        for name in [name for name in index.projects if name.startswith("a-")]:
            index.remove(name)
        next_run()


class TestKilledWorker:
    def test_costs_a_retry(self, mirror: Mirror, index: Index) -> None:
        files = [index.add_wheel(f"project-{number}", "1.0", padding=100_000) for number in range(6)]
        held = files[3]
        with in_background(mirror.complete) as result, index.hold(held.filename, after=40_000) as gate:
            assert gate.reached.wait(DEADLINE)
            until(lambda: mirror.partials().get(f"{held.filename}.part") == 40_000, "a part is here")
            (worker,) = workers(os.getpid())
            os.kill(worker, signal.SIGKILL)
            until(lambda: len(ranges(index, held)) == 2, "another worker has the job")
            gate.release()
            summary = result.result(DEADLINE)
        assert mirror.files() == content(*files)
        assert ranges(index, held) == [None, "bytes=40000-"]
        assert summary.workers_started == 2

    def asked_for(self, index: Index, file: File, times: int) -> bool:
        return len(ranges(index, file)) == times

    def test_job_that_kills_every_worker_fails(self, mirror: Mirror, index: Index) -> None:
        files = [index.add_wheel(f"project-{number}", "1.0") for number in range(6)]
        poison = files[3]
        good = [file for file in files if file != poison]
        with in_background(mirror.run) as result, index.hold(poison.filename) as gate:
            assert gate.reached.wait(DEADLINE)
            until(lambda: mirror.files() == content(*good), "the others are placed")
            for number in (1, 2, 3):
                until(partial(self.asked_for, index, poison, number), "a worker has the job")
                (worker,) = workers(os.getpid())
                os.kill(worker, signal.SIGKILL)
            summary = result.result(DEADLINE)
        (failure,) = summary.failures
        assert (failure.filename, "died" in failure.cause) == (poison.filename, True)
        assert mirror.files() == content(*good)
        mirror.complete()
        assert mirror.files() == content(*files)


class TestInterrupted:
    """Whenever a run is interrupted, it ends soon, and the next one continues."""

    @pytest.fixture(autouse=True)
    def _patient(self, mirror: Mirror) -> None:
        """A run that waited for its transfers would not end before the test's deadline."""
        mirror.rules |= {"read_timeout": 20 * DEADLINE, "min_rate": 0}

    @pytest.fixture
    def files(self, index: Index) -> list[File]:
        return [index.add_wheel(f"project-{number}", "1.0", padding=100_000) for number in range(6)]

    def interrupted(self, command: Command, number: int = signal.SIGINT) -> None:
        started = [pid for pid, _ in descendants(command.process.pid)]
        command.interrupt(number)
        assert command.end() == 128 + number, command.stderr
        assert "Traceback" not in command.stderr
        until(lambda: not any(map(alive, started)), "its processes have ended")

    @pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
    def test_in_a_download(
        self, mirror: Mirror, index: Index, files: list[File], next_run: NextRun, number: int
    ) -> None:
        held = files[2]
        others = [file for file in files if file != held]
        with (
            index.hold(held.filename, after=40_000) as gate,
            mirror.command() as command,
        ):
            assert gate.reached.wait(DEADLINE)
            until(lambda: mirror.partials().get(f"{held.filename}.part") == 40_000, "a part is here")
            until(lambda: mirror.files() == content(*others), "the others are placed")
            self.interrupted(command, number)
        assert command.stdout.startswith("Interrupted; 5 files done, 1 unfinished kept (40.0 kB); run again")
        assert "6 selected; 5 fetched" in command.stdout
        assert mirror.files() == content(*others)
        index.clear()
        mirror.complete()
        assert ranges(index, held) == ["bytes=40000-"]
        next_run()

    @pytest.mark.usefixtures("files")
    @pytest.mark.parametrize("deed", ["fetched", "deleted"])
    def test_between_two_files(self, mirror: Mirror, index: Index, next_run: NextRun, deed: str) -> None:
        """Whatever was done to the folder is counted."""
        if deed == "deleted":
            mirror.complete()
            for number in range(6):
                index.remove(f"project-{number}")
            index.add_wheel("project-6", "1.0")
        before = set(mirror.names()) if deed == "deleted" else set()
        with interrupted_by(f"{deed} ") as interrupted, pytest.raises(RunInterrupted) as caught:
            mirror.run(allow_delete=True)
        assert interrupted
        summary, after = caught.value.summary, set(mirror.names())
        assert (summary.files_fetched, summary.files_removed) == (len(after - before), len(before - after))
        assert summary.files_fetched or summary.files_removed
        next_run()

    @pytest.mark.usefixtures("files")
    def test_by_two_signals_to_the_parent_only(self, mirror: Mirror, index: Index, next_run: NextRun) -> None:
        with index.hold("*.whl") as gate, mirror.command("--json") as command:
            assert gate.reached.wait(DEADLINE)
            started = [pid for pid, _ in descendants(command.process.pid)]
            command.process.send_signal(signal.SIGTERM)
            command.process.send_signal(signal.SIGINT)
            assert command.end() in {128 + signal.SIGTERM, 128 + signal.SIGINT}
            assert "Traceback" not in command.stderr
            until(lambda: not any(map(alive, started)), "its processes have ended")
        assert mirror.names() == set()
        next_run()

    @pytest.mark.usefixtures("files")
    @pytest.mark.parametrize("held", ["/simple/", "/simple/project-3/"])
    def test_while_pages_are_read(self, mirror: Mirror, index: Index, next_run: NextRun, held: str) -> None:
        with index.hold(held) as gate, mirror.command() as command:
            assert gate.reached.wait(DEADLINE)
            self.interrupted(command)
        next_run()

    @pytest.mark.usefixtures("files")
    @pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
    def test_while_its_first_process_starts(self, mirror: Mirror, next_run: NextRun, number: int) -> None:
        with mirror.command(within=["env"]) as command:
            until(lambda: len(descendants(command.process.pid)) == 2, "a fork server begins")
            self.interrupted(command, number)
        next_run()

    @pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
    def test_during_conditional_requests(
        self, mirror: Mirror, index: Index, next_run: NextRun, number: int
    ) -> None:
        """The index reports no serials, and does not answer either."""
        index.serials = False
        for name in range(6):
            index.add_wheel(f"project-{name}", "1.0")
        mirror.complete()
        changed = index.add_wheel("project-3", "2.0")
        index.clear()
        index.fault("/simple/project-3/", Stall(after=None), always=True)
        with mirror.command() as command:
            until(lambda: len(index.requests) == 7, "all are asked for")
            self.interrupted(command, number)
        assert all(path != "/simple/project-3/" or not status for path, status in mirror.requests())
        index.heal()
        assert changed.filename not in mirror.names()
        next_run()

    def test_while_a_retry_waits(
        self, mirror: Mirror, index: Index, files: list[File], next_run: NextRun
    ) -> None:
        index.fault(files[0].filename, Status(503, {"Retry-After": "3600"}), always=True)
        index.fault(files[1].filename, Status(503, {"Retry-After": "3600"}), always=True)
        with mirror.command() as command:
            until(lambda: ranges(index, files[0]) and ranges(index, files[1]), "both are asked for")
            self.interrupted(command)
        index.heal()
        next_run()

    @pytest.mark.parametrize("connections", [2, 8])
    def test_parent_killed(
        self, mirror: Mirror, index: Index, files: list[File], next_run: NextRun, connections: int
    ) -> None:
        """Its workers end by themselves, with room for another transfer or not, and write nothing more."""
        mirror.rules["connections"] = connections
        held = files[:2]
        with (
            index.hold(held[0].filename, after=40_000),
            index.hold(held[1].filename, after=40_000),
            mirror.command() as command,
        ):
            parts = {f"{file.filename}.part": 40_000 for file in held}.items()
            until(lambda: parts <= mirror.partials().items(), "a part of both is here")
            started = [pid for pid, _ in descendants(command.process.pid)]
            assert len(started) >= 3
            command.process.kill()
            assert command.process.wait() == -signal.SIGKILL
            until(lambda: not any(map(alive, started)), "its workers have ended")
        for name in mirror.names():
            assert mirror.files()[name] in [file.content for file in files]
        index.heal()
        index.clear()
        mirror.complete()
        assert [ranges(index, file) for file in held] == [["bytes=40000-"]] * 2
        next_run()

    def test_killed_between_a_release_and_the_next(self, mirror: Mirror, index: Index) -> None:
        """The whole group is killed while a new release is fetched: the old one is still there."""
        old = index.add_wheel("demo", "1.0")
        mirror.complete()
        new = index.add_wheel("demo", "2.0")
        sdist = index.add_sdist("demo", "2.0")
        with index.hold(sdist.filename) as gate, mirror.command() as command:
            assert gate.reached.wait(DEADLINE)
            until(lambda: new.filename in mirror.names(), "one file is placed")
            command.interrupt(signal.SIGKILL)
            command.process.wait()
        assert mirror.files() == content(old, new)
        # Meanwhile, the release is removed upstream.
        index.remove_file("demo", sdist.filename)
        index.remove_file("demo", new.filename)
        mirror.complete()
        assert mirror.files() == content(old)
        assert mirror.partials() == {}


def test_broken_partial_of_an_earlier_run(mirror: Mirror, index: Index) -> None:
    """Whatever an earlier run left, the file is right in the end."""
    names = ("half", "wrong", "long", "whole", "empty", "other")
    files = {name: index.add_wheel(name, "1.0", padding=10_000) for name in names}
    left = {
        "half": files["half"].content[:5000],
        "wrong": b"x" * 5000,
        "long": files["long"].content + b"more",
        "whole": files["whole"].content,
        "empty": b"",
    }
    (mirror.state / "partial").mkdir(parents=True)
    for name, data in left.items():
        (mirror.state / "partial" / f"{files[name].filename}.part").write_bytes(data)
    summary = mirror.complete(connections=8)
    assert mirror.files() == content(*files.values())
    assert summary.files_fetched == 6
    assert ranges(index, files["half"]) == ["bytes=5000-"]
    assert ranges(index, files["whole"]) == []
    assert ranges(index, files["wrong"])[0] == "bytes=5000-"


@pytest.fixture(autouse=True)
def _nothing_left_running() -> Iterator[None]:
    yield
    until(lambda: not workers(os.getpid()), "all workers have ended")
