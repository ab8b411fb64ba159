"""The worker pool: processes, threads with a connection each in them, jobs in, results out.

What a job means is not known here: a job is any picklable value, and the function that answers it is given.

Workers come from a fork server. It imports what they need once and forks them from there: that is cheap, as
forking the parent would be, and safe where the parent has threads, as spawning would be. Where the system has
no fork, they are spawned.

Each process begins with few threads, because threads of one interpreter get in each other's way: on a fast
network two of them keep a core busy. While the process is more than half idle, which it is where answers take
their time, it doubles them, up to the number of connections it may keep.
"""

from __future__ import annotations

import multiprocessing
import os
import pickle
import selectors
import signal
import threading
import time
import traceback
from collections import deque
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from multiprocessing.connection import Connection
from typing import Any, Generic, TypeVar

from minimirror.errors import MinimirrorError

__all__ = ["Outcome", "Pool", "PoolError"]

Job = TypeVar("Job")
Report = Callable[[int], None]
Handler = Callable[[Any, Report], Any]

FIRST_THREADS = 2
LOOKAHEAD = 8
"""Light jobs that wait in a worker, so that no thread has to wait for the parent.

They go through the pipe together, as their results do: a message costs more than a small file's digest.
"""

_TOGETHER = 0.005
"""Seconds that the result of a light job may wait for others."""

TRIES = 3
"""How many workers a job may be given to whose end it does not survive."""

_WINDOW = 0.05
"""Seconds over which a worker measures how busy it is."""

_REPORT_EVERY = 0.25
"""Seconds between two reports on one job."""


class PoolError(MinimirrorError):
    """Workers cannot be run."""


@dataclass(frozen=True, slots=True)
class Outcome(Generic[Job]):
    """What became of a job."""

    job: Job
    result: Any = None
    """What the handler answered."""

    progress: int | None = None
    """A number that the handler reported; the job goes on."""

    error: str | None = None
    """Why there is no result: the workers that had the job died, or its handler raised."""


@dataclass(slots=True)
class _Worker(Generic[Job]):
    process: Any
    connection: Connection
    jobs: dict[int, Job] = field(default_factory=dict)
    threads: int = FIRST_THREADS
    answered: bool = False

    @property
    def idle(self) -> int:
        """Threads without a job."""
        return self.threads - len(self.jobs)


class Pool(Generic[Job]):
    """Worker processes, started one by one as there is work for them."""

    def __init__(
        self,
        start: Callable[[], Handler],
        *,
        processes: int,
        connections: int,
        is_heavy: Callable[[Job], bool],
        preload: list[str],
    ) -> None:
        """Prepare a pool; no process is started yet.

        :param start: called once in each worker; answers the function that handles a job
        :param processes: workers at most
        :param connections: threads of a worker at most
        :param is_heavy: whether a job may take long, so that it must not wait in one worker while another is
            idle
        :param preload: modules that the fork server imports once for all workers
        """
        self._is_heavy = is_heavy
        self._start = start
        self._processes = processes
        self._connections = connections
        methods = multiprocessing.get_all_start_methods()
        self._context: Any = multiprocessing.get_context("forkserver" if "forkserver" in methods else "spawn")
        self._context.set_forkserver_preload(["__main__", *preload])
        self._workers: list[_Worker[Job]] = []
        self._selector = selectors.DefaultSelector()
        self._again: deque[tuple[int, Job]] = deque()
        self._losses: dict[int, int] = {}
        self._number = 0
        self._stillborn = 0
        self.started = 0
        """Worker processes started so far."""

    def run(self, next_job: Callable[[], Job | None], tick: float = 0.1) -> Iterator[Outcome[Job] | None]:
        """Have jobs done until there are none; more may come while the outcomes are looked at.

        :param next_job: answers the next job, None where there is none at the moment
        :param tick: seconds after which None is yielded, where no outcome has come
        :raises PoolError: workers die before they do anything
        """
        while True:
            self._dispatch(next_job)
            if not any(worker.jobs for worker in self._workers):
                return
            ready = self._selector.select(tick)
            for key, _ in ready:
                yield from self._receive(key.data)
            if not ready:
                yield None

    def _dispatch(self, next_job: Callable[[], Job | None]) -> None:
        """Give out jobs while there are some, and room for them.

        A worker is filled up when half of what waits in it is gone, so that jobs travel together.
        """
        hungry = [worker for worker in self._workers if worker.idle > -LOOKAHEAD // 2]
        given: dict[int, tuple[_Worker[Job], list[tuple[int, Job]]]] = {}
        while self._has_room(hungry) and (found := self._next(next_job)) is not None:
            number, job = found
            if self._may_start():
                hungry.append(self._new_worker())
            worker = max(hungry, key=lambda each: each.idle)
            if worker.idle <= 0 and self._is_heavy(job):
                self._again.appendleft(found)
                break
            worker.jobs[number] = job
            given.setdefault(id(worker), (worker, []))[1].append(found)
        for worker, jobs in given.values():
            self._send(worker, jobs)

    def _next(self, next_job: Callable[[], Job | None]) -> tuple[int, Job] | None:
        if self._again:
            return self._again.popleft()
        job = next_job()
        if job is None:
            return None
        self._number += 1
        return self._number, job

    def _has_room(self, workers: list[_Worker[Job]]) -> bool:
        return self._may_start() or any(worker.idle > -LOOKAHEAD for worker in workers)

    def _may_start(self) -> bool:
        """Whether one more worker may be started: while one has nothing to do, none is needed."""
        return len(self._workers) < self._processes and all(worker.jobs for worker in self._workers)

    def _new_worker(self) -> _Worker[Job]:
        ours, theirs = self._context.Pipe()
        process = self._context.Process(
            target=_serve,
            args=(theirs, self._start, self._connections),
            name="minimirror-worker",
            daemon=True,
        )
        process.start()
        theirs.close()
        self.started += 1
        worker: _Worker[Job] = _Worker(process, ours, threads=min(FIRST_THREADS, self._connections))
        self._workers.append(worker)
        self._selector.register(ours, selectors.EVENT_READ, worker)
        return worker

    def _send(self, worker: _Worker[Job], jobs: list[tuple[int, Job]]) -> None:
        try:
            worker.connection.send_bytes(pickle.dumps(jobs, pickle.HIGHEST_PROTOCOL))
        except OSError:
            # It has died; its end of the pipe will say so to _receive, which sees to all of its jobs.
            return

    def _receive(self, worker: _Worker[Job]) -> Iterator[Outcome[Job]]:
        try:
            threads, answers = pickle.loads(worker.connection.recv_bytes())  # noqa: S301 - our own
        except (EOFError, OSError):
            yield from self._lost(worker)
            return
        worker.threads, worker.answered, self._stillborn = threads, True, 0
        for number, kind, value in answers:
            if kind == "progress":
                yield Outcome(worker.jobs[number], progress=value)
                continue
            job = worker.jobs.pop(number)
            self._losses.pop(number, None)
            yield Outcome(job, error=value) if kind == "error" else Outcome(job, result=value)

    def _lost(self, worker: _Worker[Job]) -> Iterator[Outcome[Job]]:
        """See to the jobs of a worker that died: they are given to another, each a few times at most."""
        self._drop(worker)
        worker.process.join(1)
        self._stillborn += not worker.answered
        if self._stillborn >= TRIES * self._processes:
            raise PoolError(
                f"worker processes end before they do anything (exit code {worker.process.exitcode})"
            )
        for number, job in worker.jobs.items():
            self._losses[number] = self._losses.get(number, 0) + 1
            if self._losses[number] < TRIES:
                self._again.append((number, job))
            else:
                yield Outcome(job, error=f"{TRIES} worker processes ended while they had it")

    def _drop(self, worker: _Worker[Job]) -> None:
        self._workers.remove(worker)
        self._selector.unregister(worker.connection)
        worker.connection.close()

    def close(self) -> None:
        """End the workers at once, whatever they are doing."""
        workers = list(self._workers)
        for worker in workers:
            self._drop(worker)
            worker.process.terminate()
        for worker in workers:
            worker.process.join(1)
            if worker.process.is_alive():
                worker.process.kill()
                worker.process.join()
            worker.process.close()
        self._selector.close()

    def __enter__(self) -> Pool[Job]:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


def _serve(connection: Connection, start: Callable[[], Handler], connections: int) -> None:
    """A worker process, from its beginning to its end."""
    # Ctrl-C reaches the whole group; the parent decides, and its end of the pipe tells.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
    threading.Thread(target=_end_with_parent, daemon=True).start()
    _Threads(connection, start(), connections).work()


def _end_with_parent() -> None:
    """End this process when its parent has, at once: the next run may go on with the file that it writes."""
    parent = multiprocessing.parent_process()
    if parent is not None:
        parent.join()
    os._exit(0)


class _Threads:
    """The threads of a worker, each of which takes a job, handles it and answers."""

    def __init__(self, connection: Connection, handler: Handler, limit: int) -> None:
        self._connection = connection
        self._handler = handler
        self._limit = limit
        self._jobs: deque[tuple[int, Any]] = deque()
        self._answers: list[tuple[int, str, Any]] = []
        self._receiving = threading.Lock()
        self._sending = threading.Lock()
        self._sent = time.monotonic()
        self._count = 1
        self._measured = (self._sent, time.process_time())
        self._grow_to(min(FIRST_THREADS, limit))

    def _grow_to(self, count: int) -> None:
        for _ in range(self._count, count):
            threading.Thread(target=self.work, daemon=True).start()
        self._count = max(self._count, count)

    def work(self) -> None:
        """Take jobs until the parent closes the pipe."""
        while True:
            number, job = self._take()
            kind, value = self._handle(number, job)
            self._adapt()
            self._answer((number, kind, value), at_once=not self._jobs)

    def _take(self) -> tuple[int, Any]:
        if not self._jobs:
            # Before the wait for another thread, which itself may wait for what the parent does with these.
            self._flush()
        with self._receiving:
            while not self._jobs:
                self._flush()
                try:
                    self._jobs.extend(pickle.loads(self._connection.recv_bytes()))  # noqa: S301 - our own
                except (EOFError, OSError):
                    # The parent is done, or dead; so is whatever the other threads are still at.
                    os._exit(0)
            return self._jobs.popleft()

    def _handle(self, number: int, job: Any) -> tuple[str, Any]:
        try:
            return "result", self._handler(job, self._reporter(number))
        except BaseException:  # noqa: BLE001 - a job must be answered, or the parent waits for ever
            return "error", traceback.format_exc()

    def _reporter(self, number: int) -> Report:
        last = time.monotonic()

        def report(value: int) -> None:
            nonlocal last
            now = time.monotonic()
            if now - last >= _REPORT_EVERY:
                last = now
                self._answer((number, "progress", value), at_once=True)

        return report

    def _answer(self, answer: tuple[int, str, Any], *, at_once: bool) -> None:
        """Send an answer, with those that have waited; or let it wait for the next, which is not far."""
        with self._sending:
            self._answers.append(answer)
        if at_once or time.monotonic() - self._sent >= _TOGETHER:
            self._flush()

    def _flush(self) -> None:
        with self._sending:
            answers, self._answers = self._answers, []
            if not answers:
                return
            self._sent = time.monotonic()
            try:
                self._connection.send_bytes(pickle.dumps((self._count, answers), pickle.HIGHEST_PROTOCOL))
            except OSError:
                os._exit(0)

    def _adapt(self) -> None:
        """Double the threads if the process was more than half idle since the last look."""
        if self._count >= self._limit:
            return
        now, busy = time.monotonic(), time.process_time()
        then, busy_then = self._measured
        if now - then < _WINDOW:
            return
        self._measured = (now, busy)
        if busy - busy_then < (now - then) / 2:
            with self._sending:
                self._grow_to(min(2 * self._count, self._limit))
