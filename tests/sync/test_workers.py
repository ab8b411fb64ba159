"""The worker pool, with numbers as jobs."""

from __future__ import annotations

import asyncio
import contextlib
import functools
import itertools
import logging
import multiprocessing
import os
import signal
import socket
import sys
import threading
import time
from collections import Counter
from itertools import chain, count
from pathlib import Path
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import pytest

from minimirror.sync.workers import processes, starting
from minimirror.sync.workers.processes import LOOKAHEAD, Outcome, Pool
from minimirror.sync.workers.starting import PoolError, Starter, end_fork_server
from tests.helpers.running import DEADLINE, alive, state, until, workers

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Iterable, Iterator

    Report = Callable[[int], None]
    Handle = Callable[[Any, Report], Awaitable[Any]]


HASTY = 10.0
"""Seconds that a job may take for the parent that :func:`drain_in_haste`."""


def light(_job: object) -> int:
    return LOOKAHEAD


def heavy(_job: object) -> int:
    return 0


class Handling:
    """What a worker makes at its start."""

    def __init__(self, start: Callable[[], Handle], capacity: int) -> None:
        self._handle = start()
        self.capacity = capacity

    async def do(self, job: Any, report: Report) -> Any:
        return await self._handle(job, report)


def pool(start: Callable[[], Handle], *, patience: float = DEADLINE, **options: Any) -> Pool[Any]:
    values = {
        "processes": 2,
        "capacity": 4,
        "lookahead": light,
        "limit": 3600.0,
        **options,
    }
    handling = functools.partial(Handling, start, values["capacity"])
    return Pool(Starter(handling, preload=["tests.sync.test_workers"], patience=patience), **values)


def parent(pid: int) -> int:
    """Return the process that started another one."""
    return int(Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[1])


def drain(pool: Pool[Any], jobs: Iterable[Any]) -> list[Outcome[Any]]:
    """Do all jobs, and return their outcomes."""
    left = iter(jobs)
    return [outcome for outcomes in pool.run(lambda: next(left, None)) for outcome in outcomes]


@pytest.fixture(autouse=True, scope="module")
def _fork_servers_with_what_is_needed() -> Iterator[None]:
    """Start one for these tests that has imported this module, and another one for the tests after these."""
    end_fork_server()
    yield
    end_fork_server()


@pytest.fixture
def skip(monkeypatch: pytest.MonkeyPatch) -> Callable[[float], None]:
    """Let seconds pass at once for the parent."""
    monotonic, skipped = time.monotonic, [0.0]
    monkeypatch.setattr(time, "monotonic", lambda: monotonic() + sum(skipped))
    return skipped.append


def drain_in_haste(pool: Pool[Any], jobs: Iterable[Any], skip: Callable[[float], None]) -> list[Outcome[Any]]:
    """Do the same. For the parent, a second passes whenever it hears nothing and no worker has work to do.

    So however slow the machine is, only a worker that is stuck seems to be.
    """
    left, found = iter(jobs), []
    for outcomes in pool.run(lambda: next(left, None), tick=0.05):
        found += outcomes
        if not outcomes and {state(pid) for pid in workers(os.getpid())} <= {"S", "T", "Z"}:
            skip(1.0)
    return found


# Called in a worker at its start; each returns the function that handles the jobs.


def squares() -> Handle:
    async def handle(job: int, _report: Report) -> int:
        return job * job

    return handle


def pids() -> Handle:
    async def handle(_job: int, _report: Report) -> int:
        return os.getpid()

    return handle


def ends_its_worker() -> Handle:
    """Kill the worker at job 0, while it has other jobs."""

    async def handle(job: int, _report: Report) -> int:
        if job == 0:
            os.kill(os.getpid(), signal.SIGKILL)
        return job

    return handle


def fails_at_odd_ones() -> Handle:
    async def handle(job: int, _report: Report) -> int:
        if job % 2:
            raise ValueError(f"{job} is odd")
        return job

    return handle


def exits_at_odd_ones() -> Handle:
    async def handle(job: int, _report: Report) -> int:
        if job % 2:
            raise SystemExit(3)
        return job

    return handle


async def appears(path: Path, report: Report = lambda _: None) -> None:
    """Wait until a file exists."""
    for number in count():
        if path.exists():
            return
        assert number < 200 * DEADLINE
        report(number)
        await asyncio.sleep(0.005)


def waits_for_a_file() -> Handle:
    """The job is a path: it is done when that file exists."""

    async def handle(job: Path, report: Report) -> int:
        Path(f"{job}.begun-{os.getpid()}").touch()
        await appears(job, report)
        return os.getpid()

    return handle


def waits_in_silence() -> Handle:
    """Do the same, and report nothing."""

    async def handle(job: Path, _report: Report) -> None:
        await appears(job)

    return handle


def twice() -> Handle:
    async def handle(job: bytes, _report: Report) -> bytes:
        return 2 * job

    return handle


def dies_at(folder: Path, job: int, times: int) -> Handle:
    """Kill the worker at that job, a number of times."""

    async def handle(current: int, _report: Report) -> int:
        if current == job:
            for number in range(times):
                with contextlib.suppress(FileExistsError):
                    (folder / f"died-{number}").touch(exist_ok=False)
                    os.kill(os.getpid(), signal.SIGKILL)
        return current

    return handle


def stops_at(folder: Path, job: int, times: int) -> Handle:
    """Stop the worker, as SIGSTOP does, at that job, a number of times."""

    async def handle(current: int, _report: Report) -> int:
        if current == job:
            for number in range(times):
                with contextlib.suppress(FileExistsError):
                    (folder / f"stopped-{number}").touch(exist_ok=False)
                    os.kill(os.getpid(), signal.SIGSTOP)
        return current

    return handle


def never_ends(endless: int) -> Handle:
    """Let one job wait for ever, while the worker is alive and others are done."""

    async def handle(job: int, report: Report) -> int:
        if job == endless:
            for number in itertools.count():
                report(number)
                await asyncio.sleep(0.05)
        return job

    return handle


def blocks_its_loop(_folder: Path) -> Handle:
    """Be stuck at job 7, as in C code: not even the loop goes on."""

    async def handle(job: int, _report: Report) -> int:
        if job == 7:
            with socket.socket() as listening:
                listening.bind(("127.0.0.1", 0))
                listening.listen()
                listening.accept()
        return job

    return handle


def needs_memory(aside: bool) -> Handle:
    """Need a gigabyte at job 7, in the loop or in a thread."""

    async def handle(job: int, _report: Report) -> int:
        await asyncio.sleep(0)
        size = 1 << 30 if job == 7 else 1
        await asyncio.to_thread(bytearray, size) if aside else bytearray(size)
        return job

    return handle


def takes(seconds: float) -> Handle:
    async def handle(job: int, _report: Report) -> int:
        await asyncio.sleep(seconds)
        return job

    return handle


def dies_at_start() -> Handle:
    os._exit(7)


def raises_at_start() -> Handle:
    raise RuntimeError("no handler today")


class TestJobs:
    @pytest.mark.parametrize("lookahead", [light, heavy])
    @pytest.mark.parametrize(("processes", "capacity"), [(1, 1), (1, 8), (3, 2)])
    def test_each_has_one_outcome(
        self, processes: int, capacity: int, lookahead: Callable[[object], int]
    ) -> None:
        with pool(squares, processes=processes, capacity=capacity, lookahead=lookahead) as busy:
            outcomes = drain(busy, range(500))
            assert 1 <= busy.started <= processes
        assert sorted((each.job, each.result) for each in outcomes) == [(n, n * n) for n in range(500)]
        assert all(each.error is None and each.progress is None for each in outcomes)

    def test_outcomes_may_add_jobs(self) -> None:
        """Like files after pages; also the second time."""

        def below_100(busy: Pool[Any]) -> Iterator[int]:
            jobs = [1]
            for outcomes in busy.run(lambda: jobs.pop() if jobs else None):
                for outcome in outcomes:
                    jobs.extend(new for new in (2 * outcome.job, 2 * outcome.job + 1) if new < 100)
                    yield outcome.job

        with pool(squares) as busy:
            for _ in range(2):
                assert sorted(below_100(busy)) == list(range(1, 100))

    @pytest.mark.parametrize("capacity", [1, 2])
    def test_no_outcome_is_held_back(self, tmp_path: Path, capacity: int) -> None:
        """A result may wait for others, but not for jobs that end only when the parent has it."""
        now, later = Path(os.devnull), tmp_path / "later"
        jobs = iter([now, later, now])
        seen = []
        with pool(waits_in_silence, processes=1, capacity=capacity) as busy:
            for outcome in chain.from_iterable(busy.run(lambda: next(jobs, None))):
                assert outcome.error is None
                seen.append(outcome.job)
                if outcome.job == now:
                    later.touch()
        assert sorted(seen) == sorted([now, later, now])

    def test_big_jobs_and_results(self) -> None:
        """Workers send results while the parent sends them jobs."""
        jobs = [bytes([number]) * (1 << 20) for number in range(40)]
        with pool(twice) as busy:
            outcomes = drain(busy, jobs)
        assert sorted(each.result[:1] for each in outcomes) == sorted(job[:1] for job in jobs)
        assert {each.job[:1] == each.result[:1] for each in outcomes} == {True}
        assert {len(each.result) for each in outcomes} == {2 << 20}

    def test_no_job_starts_no_worker(self) -> None:
        with pool(squares) as idle:
            assert drain(idle, []) == []
            assert idle.started == 0

    def test_one_job_starts_one_worker(self) -> None:
        with pool(squares, processes=8) as busy:
            assert [each.result for each in drain(busy, [7])] == [49]
            assert busy.started == 1

    def test_heavy_jobs_are_spread(self, tmp_path: Path) -> None:
        """A worker gets as many as it can have under way; the others go to other workers."""
        jobs = [tmp_path / str(number) for number in range(12)]

        def begun() -> list[str]:
            return [path.name for path in tmp_path.glob("*.begun-*")]

        with pool(waits_for_a_file, processes=3, capacity=2, lookahead=heavy) as busy:
            left = iter(jobs)
            results = []
            for outcomes in busy.run(lambda: next(left, None), tick=0.01):
                if len(begun()) == 6 and not any(job.exists() for job in jobs):
                    # Three workers have two jobs each; none has the others.
                    assert set(Counter(name.partition("-")[2] for name in begun()).values()) == {2}
                    for job in jobs:
                        job.touch()
                results += [outcome.result for outcome in outcomes if outcome.progress is None]
        assert len(results) == 12
        assert len(set(results)) == 3

    def test_light_jobs_do_not_wait_for_heavy_ones(self, tmp_path: Path) -> None:
        """Also if the heavy ones were first, and there is one worker."""
        slow = tmp_path / "slow"
        jobs = iter([slow, *(Path(os.devnull) for _ in range(50))])
        with pool(
            waits_for_a_file,
            processes=1,
            capacity=2,
            lookahead=lambda job: 0 if job == slow else LOOKAHEAD,
        ) as busy:
            done = 0
            for outcome in chain.from_iterable(busy.run(lambda: next(jobs, None))):
                if outcome.progress is None:
                    done += 1
                    assert (outcome.job == slow) == (done == 51)
                    if done == 50:
                        slow.touch()
        assert done == 51


class TestTrouble:
    @pytest.mark.parametrize("start", [fails_at_odd_ones, exits_at_odd_ones])
    def test_handler_that_raises(self, start: Callable[[], Handle], caplog: pytest.LogCaptureFixture) -> None:
        """The error is one line; the log has the traceback."""
        caplog.set_level(logging.INFO, "minimirror")
        with pool(start) as busy:
            outcomes = drain(busy, range(20))
            assert busy.started <= 2
        assert sorted(each.job for each in outcomes) == list(range(20))
        assert {each.job for each in outcomes if each.error is None} == set(range(0, 20, 2))
        errors = [each.error or "" for each in outcomes if each.job == 3]
        assert "ValueError: 3 is odd" in errors[0] or "SystemExit: 3" in errors[0]
        assert "\n" not in errors[0]
        assert caplog.text.count("Traceback") == 10

    def test_worker_that_dies_costs_a_retry(self, tmp_path: Path) -> None:
        with pool(functools.partial(dies_at, tmp_path, 7, 2)) as busy:
            outcomes = drain(busy, range(20))
            assert 3 <= busy.started <= 4
        assert sorted(each.result for each in outcomes) == list(range(20))
        assert not any(each.error for each in outcomes)

    @pytest.mark.parametrize("processes", [1, 2])
    def test_job_that_kills_its_workers_fails(self, tmp_path: Path, processes: int) -> None:
        with pool(functools.partial(dies_at, tmp_path, 7, 1000), processes=processes) as busy:
            assert len(drain(busy, range(7))) == 7
            (outcome,) = drain(busy, [7])
            assert (outcome.job, outcome.result) == (7, None)
            assert "died" in (outcome.error or "")
            assert len(drain(busy, range(7))) == 7

    @pytest.mark.skipif(sys.platform != "linux", reason="only Linux counts what a process allocates")
    @pytest.mark.parametrize("aside", [False, True])
    @pytest.mark.parametrize("processes", [1, 2])
    def test_job_that_needs_much_memory_fails(self, processes: int, aside: bool) -> None:
        """Alone, although the worker has others at the time."""
        with pool(functools.partial(needs_memory, aside), processes=processes) as busy:
            errors = {each.job: each.error for each in drain(busy, range(20))}
            assert busy.started <= processes + 1
        assert [job for job, error in errors.items() if error] == [7]
        assert "512 MB of memory" in (errors[7] or "")
        assert len(errors) == 20

    @pytest.mark.parametrize("start", [dies_at_start, raises_at_start])
    def test_workers_that_cannot_start(self, start: Callable[[], Handle]) -> None:
        why = r"exit code [17]"
        with pool(start) as busy, pytest.raises(PoolError, match=why):
            drain(busy, range(20))


class TestWatch:
    """No job, and no worker, holds up the others for ever."""

    def test_worker_that_is_stopped_costs_a_retry(
        self, tmp_path: Path, skip: Callable[[float], None]
    ) -> None:
        with pool(functools.partial(stops_at, tmp_path, 7, 1), limit=HASTY) as busy:
            outcomes = drain_in_haste(busy, range(20), skip)
        assert sorted(each.result for each in outcomes) == list(range(20))
        assert not any(each.error for each in outcomes)

    @pytest.mark.parametrize("processes", [1, 2])
    @pytest.mark.parametrize("start", [functools.partial(stops_at, job=7, times=1000), blocks_its_loop])
    def test_job_that_stops_its_workers_fails(
        self,
        tmp_path: Path,
        start: Callable[[Path], Handle],
        processes: int,
        skip: Callable[[float], None],
    ) -> None:
        with pool(functools.partial(start, tmp_path), processes=processes, limit=HASTY) as busy:
            errors = {each.job: each.error for each in drain_in_haste(busy, range(20), skip)}
        assert [job for job, error in errors.items() if error] == [7]
        assert "respond" in (errors[7] or "")
        assert len(errors) == 20

    @pytest.mark.parametrize("processes", [1, 2])
    def test_job_that_does_not_end_fails(self, processes: int, skip: Callable[[float], None]) -> None:
        """Although its worker is alive, and the job reports progress; the worker's other jobs are done."""
        with pool(functools.partial(never_ends, 7), processes=processes, limit=HASTY) as busy:
            outcomes = [each for each in drain_in_haste(busy, range(200), skip) if each.progress is None]
            assert len(drain(busy, range(7))) == 7
        errors = {each.job: each.error for each in outcomes}
        assert [job for job, error in errors.items() if error] == [7]
        assert "file_timeout" in (errors[7] or "")
        assert len(outcomes) == len(errors) == 200

    def test_waiting_for_other_jobs_does_not_count(self, skip: Callable[[float], None]) -> None:
        """All wait in one worker, together longer than the limit."""
        left, outcomes = iter(range(12)), []
        with pool(functools.partial(takes, 0.05), processes=1, capacity=1, limit=HASTY) as busy:
            for outcome in chain.from_iterable(busy.run(lambda: next(left, None))):
                outcomes.append(outcome)
                skip(1.0)
            assert busy.started == 1
        assert sorted(each.result for each in outcomes) == list(range(12))

    def test_time_in_which_the_parent_does_not_listen_does_not_count(
        self, tmp_path: Path, skip: Callable[[float], None]
    ) -> None:
        """After Ctrl-Z and `fg`, for example: the workers were stopped, too."""
        jobs, stops = iter([tmp_path / "go"]), count(1)
        with pool(waits_for_a_file, limit=1000.0) as busy:
            for outcome in chain.from_iterable(busy.run(lambda: next(jobs, None))):
                if outcome.progress is None:
                    assert outcome.error is None
                skip(10_000.0)
                if next(stops) == 4:
                    (tmp_path / "go").touch()
            assert busy.started == 1


class TestProgress:
    def test_is_reported_four_times_a_second(self, tmp_path: Path) -> None:
        path = tmp_path / "go"
        jobs = iter([path])
        reports: list[int] = []
        with pool(waits_for_a_file) as busy:
            for outcome in chain.from_iterable(busy.run(lambda: next(jobs, None))):
                if outcome.progress is None:
                    continue
                assert outcome.result is None
                reports.append(outcome.progress)
                if len(reports) == 2:
                    path.touch()
        assert 2 <= len(reports) <= 4
        assert reports == sorted(reports)
        # Four times a second, however often the handler reports.
        assert reports[1] - reports[0] >= 10

    def test_ticks_without_outcomes(self, tmp_path: Path) -> None:
        """So that the parent can do something else meanwhile."""
        jobs = iter([tmp_path / "go"])
        with pool(waits_for_a_file) as busy:
            outcomes = busy.run(lambda: next(jobs, None), tick=0.01)
            assert [next(outcomes) for _ in range(3)] == [[], [], []]


@pytest.mark.skipif("forkserver" not in multiprocessing.get_all_start_methods(), reason="no fork server")
class TestForkServer:
    """The process that starts the workers may be stopped, as by SIGSTOP."""

    def test_that_does_not_start_a_worker(self) -> None:
        with pool(pids) as busy:
            fork_server = parent(drain(busy, [1])[0].result)
        os.kill(fork_server, signal.SIGSTOP)
        with pool(pids, patience=0.5) as busy, pytest.raises(PoolError, match="did not respond"):
            drain(busy, range(20))
        with pool(squares) as busy:
            assert [each.result for each in drain(busy, [7])] == [49]

    def test_that_does_not_tell_that_workers_have_ended(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(processes, "_KILLED", 0.1)
        with pool(pids) as busy:
            used = {each.result for each in drain(busy, range(100))}
            os.kill(parent(used.pop()), signal.SIGSTOP)
        until(lambda: not any(map(alive, used)), "the workers have ended")
        assert multiprocessing.active_children() == []


@contextlib.contextmanager
def interrupted_at(line: int) -> Iterator[list[int]]:
    """Press Ctrl-C at the nth line that this thread executes in :mod:`~minimirror.sync.workers.starting`.

    The list that is yielded has the line's number as soon as it is reached.
    """
    reached: list[int] = []
    lines = count(1)

    def trace(frame: Any, event: str, _: object) -> Any:
        if frame.f_code.co_filename != starting.__file__:
            return None
        if event == "line" and not reached and next(lines) == line:
            reached.append(frame.f_lineno)
            signal.raise_signal(signal.SIGINT)
        return trace

    before = sys.gettrace()
    sys.settrace(trace)
    try:
        yield reached
    finally:
        sys.settrace(before)


class TestStart:
    # What is interrupted right after it has opened a socket leaves it to Python to close it.
    @pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
    def test_interrupted_at_any_line(self, capfd: pytest.CaptureFixture[str]) -> None:
        # A worker that starts quickly: it need not import this module.
        starter = Starter(functools.partial(SimpleNamespace, capacity=1), preload=[])
        threads = threading.active_count()
        for line in count(1):
            end_fork_server()
            process = channel = None
            with contextlib.suppress(KeyboardInterrupt), interrupted_at(line) as reached:
                process, channel = starter.start()
            until(lambda: threading.active_count() == threads, "nothing starts any more")
            if not reached:
                break
            until(lambda: multiprocessing.active_children() == [], "what has started has ended")
        assert line > 20
        assert process is not None
        assert channel is not None
        channel.close()
        process.join()
        end_fork_server()
        assert capfd.readouterr().err == ""


class TestClose:
    def test_ends_busy_workers(self, tmp_path: Path) -> None:
        jobs = iter([tmp_path / str(number) for number in range(8)])
        with pool(waits_for_a_file, lookahead=heavy) as busy:
            for _ in busy.run(lambda: next(jobs, None), tick=0.01):
                if len(list(tmp_path.glob("*.begun-*"))) == 8:
                    break
            started = workers(os.getpid())
            assert len(started) == 2
        assert not any(map(alive, started))

    def test_ends_idle_workers(self) -> None:
        with pool(pids) as busy:
            used = {each.result for each in drain(busy, range(100))}
            assert used <= set(workers(os.getpid()))
        assert not any(map(alive, used))

    def test_ends_stopped_workers(self, tmp_path: Path) -> None:
        jobs = iter([tmp_path / "never"])
        with pool(waits_for_a_file) as busy:
            for _ in busy.run(lambda: next(jobs, None), tick=0.01):
                if list(tmp_path.glob("*.begun-*")):
                    break
            (worker,) = workers(os.getpid())
            os.kill(worker, signal.SIGSTOP)
        assert not alive(worker)


@pytest.mark.parametrize("processes", [1, 2])
def test_a_job_that_kills_its_worker_costs_no_other_job(processes: int) -> None:
    with pool(ends_its_worker, processes=processes, capacity=4) as busy:
        errors = {each.job: each.error for each in drain(busy, range(60))}
    assert [job for job, error in errors.items() if error] == [0]
    assert len(errors) == 60


@pytest.fixture(autouse=True)
def _nothing_left_running() -> Iterator[None]:
    yield
    until(lambda: not workers(os.getpid()), "all workers have ended")
