"""The parent's side: hand out jobs, collect results, replace workers."""

from __future__ import annotations

import logging
import selectors
import time
from collections import deque
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Generic, TypeVar

from minimirror.sync.workers.starting import PoolError, Starter
from minimirror.sync.workers.watch import LATE, Clock, WatchedWorker

if TYPE_CHECKING:
    from minimirror.sync.workers.dask import DaskStarter

__all__ = ["LOOKAHEAD", "Outcome", "Pool"]

log = logging.getLogger("minimirror")

Job = TypeVar("Job")

LOOKAHEAD = 32
"""How many jobs may wait in a worker, so that it need not wait for the parent. Jobs travel together, and so
do results: a message costs more than the digest of a small file.
"""

TRIES = 2
"""How many workers may die while they have no other job than this one."""

STILLBORN = 3
"""How many workers may die before they are ready, for each process of the pool."""

_LOOKS = 10
"""How often to look for late jobs during their limit, at least."""

_KILLED = 3.0
"""Seconds to wait for the end of a killed process. It may come later if a disk does not respond."""


@dataclass(frozen=True, slots=True)
class Outcome(Generic[Job]):
    """The outcome of a job."""

    job: Job
    result: Any = None
    """What the handler returned."""

    progress: int | None = None
    """A number that the handler reported; the job is still running."""

    error: str | None = None
    """Why there is no result: workers died while they had the job, it took too long or too much memory, or
    its handler raised an error.
    """


class Pool(Generic[Job]):
    """Worker processes, each started when there are jobs for it."""

    def __init__(
        self,
        starter: Starter | DaskStarter,
        *,
        processes: int,
        capacity: int,
        lookahead: Callable[[Job], int],
        limit: float,
    ) -> None:
        """Prepare a pool; no process is started yet.

        :param starter: starts the workers
        :param processes: the maximum number of workers
        :param capacity: how many jobs a worker has in progress, until it says otherwise
        :param lookahead: how many jobs may wait in a worker, this one included, up to :data:`LOOKAHEAD`: 0
            for a job that may take long, so that none waits in one worker while another is idle
        :param limit: seconds that a job may take in a worker, as :class:`Watch` counts them
        """
        self._lookahead = lookahead
        self._starter = starter
        self._processes = processes
        self._capacity = capacity
        self._limit = limit
        self._workers: list[WatchedWorker[Job]] = []
        self._dropped: list[Any] = []
        """Processes that have ended, or are ending."""
        self._selector = selectors.DefaultSelector()
        self._clock = Clock()
        self._looked = 0.0
        self._returned: deque[tuple[int, Job]] = deque()
        self._suspects: deque[tuple[int, Job]] = deque()
        self._ended: dict[int, int] = {}
        self._number = 0
        self._stillborn = 0
        self.started = 0
        """Worker processes started so far."""

    def run(self, next_job: Callable[[], Job | None], tick: float = 0.1) -> Iterator[list[Outcome[Job]]]:
        """Run jobs until there are none left, and yield their outcomes. The caller may add more meanwhile.

        :param next_job: returns the next job; None if there is none at the moment
        :param tick: seconds after which an empty list is yielded if no outcome has come
        :raises PoolError: workers die before they do anything
        """
        while True:
            self._dispatch(next_job)
            if not any(worker.jobs for worker in self._workers):
                return
            self._clock.advance()
            ready = self._selector.select(tick)
            outcomes = [outcome for key, events in ready for outcome in self._exchange(key.data, events)]
            outcomes += self._end_stuck()
            yield outcomes

    def _dispatch(self, next_job: Callable[[], Job | None]) -> None:
        """Hand out jobs to workers that have room for them.

        A worker gets new jobs when half of its waiting ones are done, so that jobs travel together.
        """
        if self._suspects:
            self._try_suspects()
            return
        hungry = [each for each in self._workers if each.idle > -LOOKAHEAD // 2 and not each.on_trial]
        while (hungry or self._may_start()) and (found := self._next(next_job)) is not None:
            number, job = found
            if self._may_start():
                hungry.append(self._new_worker())
            worker = max(hungry, key=lambda each: each.idle)
            if worker.idle <= -self._lookahead(job):
                self._returned.appendleft(found)
                break
            worker.give(number, job)
        for worker in hungry:
            self._send(worker)

    def _try_suspects(self) -> None:
        """Give the jobs of a dead worker to others, one at a time.

        Most of them are harmless. This finds the one that is not, without losing the others.
        """
        while self._suspects:
            worker = next((each for each in self._workers if not each.jobs), None)
            if worker is None and self._has_room():
                worker = self._new_worker()
            if worker is None:
                return
            number, job = self._suspects.popleft()
            worker.give(number, job)
            worker.on_trial = True
            self._send(worker)

    def _next(self, next_job: Callable[[], Job | None]) -> tuple[int, Job] | None:
        if self._returned:
            return self._returned.popleft()
        job = next_job()
        if job is None:
            return None
        self._number += 1
        return self._number, job

    def _may_start(self) -> bool:
        """Return whether one more worker may be started: none is needed while one is idle."""
        return all(worker.jobs for worker in self._workers) and self._has_room()

    def _has_room(self) -> bool:
        room = len(self._workers) < self._processes
        return room and (not self._workers or self._starter.has_room())

    def _new_worker(self) -> WatchedWorker[Job]:
        process, channel = self._starter.start()
        self.started += 1
        worker: WatchedWorker[Job] = WatchedWorker(process, channel, self._capacity, self._clock, self._limit)
        # In this order: Ctrl-C in between must not leave a worker that cannot be dropped.
        self._selector.register(channel, selectors.EVENT_READ, worker)
        self._workers.append(worker)
        return worker

    def _send(self, worker: WatchedWorker[Job]) -> None:
        jobs, worker.unsent = worker.unsent, []
        if not jobs:
            return
        try:
            worker.channel.send(jobs)
        except OSError:
            # It has died: _exchange will notice, and take care of its jobs.
            return
        self._watch(worker)

    def _watch(self, worker: WatchedWorker[Job]) -> None:
        events = selectors.EVENT_READ | (selectors.EVENT_WRITE if worker.channel.waits else 0)
        if self._selector.get_key(worker.channel).events != events:
            self._selector.modify(worker.channel, events, worker)

    def _exchange(self, worker: WatchedWorker[Job], events: int) -> Iterator[Outcome[Job]]:
        """Send a worker what it has room for, and take what it sends."""
        try:
            if events & selectors.EVENT_WRITE:
                worker.channel.flush()
                self._watch(worker)
            messages = worker.channel.receive()
        except (EOFError, OSError):
            yield from self._lost(worker)
            return
        worker.hear()
        for capacity, answers in messages:
            worker.capacity, worker.ready, self._stillborn = capacity, True, 0
            for answer in answers:
                yield self._outcome(worker, *answer)

    def _outcome(self, worker: WatchedWorker[Job], number: int, kind: str, value: Any) -> Outcome[Job]:
        if kind == "progress":
            return Outcome(worker.jobs[number], progress=value)
        job = worker.jobs.pop(number)
        worker.on_trial = False
        if kind == "result":
            return Outcome(job, result=value)
        return Outcome(job, error=value if kind == "failed" else _fault(value))

    def _end_stuck(self) -> Iterator[Outcome[Job]]:
        """End workers that do not respond or have a late job."""
        if self._clock.now - self._looked < min(1.0, self._limit / _LOOKS):
            return
        self._looked = self._clock.now
        for worker in [*self._workers]:
            if not worker.jobs:
                worker.hear()
            elif late := worker.late():
                yield from self._end_late(worker, late)
            elif worker.is_silent():
                log.info("worker process %s does not respond: it is ended", worker.process.pid)
                worker.process.kill()
                yield from self._lost(worker)

    def _end_late(self, worker: WatchedWorker[Job], late: list[int]) -> Iterator[Outcome[Job]]:
        """End a worker because of late jobs, and give its other jobs to others."""
        worker.process.kill()
        self._drop(worker)
        worker.process.join(_KILLED)
        for number in late:
            yield Outcome(worker.jobs.pop(number), error=LATE)
        self._returned.extend(worker.jobs.items())

    def _lost(self, worker: WatchedWorker[Job]) -> Iterator[Outcome[Job]]:
        """Give the jobs of a dead worker to others."""
        self._drop(worker)
        worker.process.join(1)
        self._stillborn += not worker.ready
        if self._stillborn >= STILLBORN * self._processes:
            why = self._starter.why(worker.process)
            raise PoolError(f"worker processes exit before they do anything ({why})")
        if not worker.ready:
            self._returned.extend(worker.jobs.items())
            return
        for number, job in worker.jobs.items():
            self._ended[number] = self._ended.get(number, 0) + worker.on_trial
            if self._ended[number] < TRIES:
                self._suspects.append((number, job))
            else:
                yield Outcome(
                    job, error=f"{1 + TRIES} worker processes died or did not respond while they worked on it"
                )

    def _drop(self, worker: WatchedWorker[Job]) -> None:
        self._workers.remove(worker)
        self._dropped.append(worker.process)
        self._selector.unregister(worker.channel)
        worker.channel.close()

    def close(self) -> None:
        """End the workers at once, even in the middle of a job."""
        for worker in [*self._workers]:
            self._drop(worker)
            worker.process.terminate()
        for process in _left(self._dropped, 1):
            process.kill()
        self._starter.close(stuck=bool(_left(self._dropped, _KILLED)))
        # Without closing them: meanwhile, multiprocessing may look at them in another thread.
        self._dropped.clear()
        self._selector.close()

    def __enter__(self) -> Pool[Job]:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


def _left(processes: list[Any], seconds: float) -> list[Any]:
    """Wait until processes have ended; return those that have not in that time."""
    end = time.monotonic() + seconds
    for process in processes:
        process.join(max(0.0, end - time.monotonic()))
    return [process for process in processes if process.is_alive()]


def _fault(traceback: str) -> str:
    """Return a handler's error in one line, and log its whole traceback."""
    log.info("a bug in minimirror: %s", traceback)
    return f"a bug in minimirror: {traceback.strip().splitlines()[-1]} (`--verbose` shows where)"
