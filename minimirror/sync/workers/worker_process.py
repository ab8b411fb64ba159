"""The worker's side: its threads take jobs from the pipe, handle them and send results."""

from __future__ import annotations

import multiprocessing
import os
import pickle
import signal
import threading
import time
import traceback
from collections import deque
from collections.abc import Callable
from multiprocessing.connection import Connection
from typing import Any

__all__ = ["FIRST_THREADS", "Handler", "serve"]

Report = Callable[[int], None]
Handler = Callable[[Any, Report], Any]

FIRST_THREADS = 2
"""Threads that a worker starts with."""

_TOGETHER = 0.005
"""Seconds that the result of a quick job may wait for others while more jobs arrive."""

_AT_MOST = 0.1
"""The maximum number of seconds that it may wait."""

_WINDOW = 0.05
"""Seconds over which a worker measures how busy it is."""

_REPORT_EVERY = 0.25
"""Seconds between two reports on one job."""


def serve(connection: Connection, start: Callable[[], Handler], connections: int) -> None:
    """Work until the parent closes the pipe or dies."""
    # Ctrl-C reaches the whole process group; the parent decides, and closes the pipe.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
    _Threads(connection, start(), connections).begin()


class _Threads:
    """The threads of a worker; each takes a job, handles it and sends the result."""

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

    def _grow_to(self, count: int) -> None:
        for _ in range(self._count, count):
            threading.Thread(target=self._work, daemon=True).start()
        self._count = max(self._count, count)

    def begin(self) -> None:
        """Tell the parent that work begins (if this process dies now, a job may be why), and begin."""
        self._send([])
        threading.Thread(target=self._watch, daemon=True).start()
        self._grow_to(min(FIRST_THREADS, self._limit))
        self._work()

    def _watch(self) -> None:
        """End this process as soon as its parent dies; until then, let no result wait for long."""
        parent = multiprocessing.parent_process()
        while parent is not None and parent.is_alive():
            parent.join(_AT_MOST)
            self._flush()
        os._exit(0)

    def _work(self) -> None:
        """Take jobs until the parent closes the pipe."""
        while True:
            number, job = self._take()
            kind, value = self._handle(number, job)
            self._adapt()
            self._answer((number, kind, value), at_once=not self._jobs)

    def _take(self) -> tuple[int, Any]:
        if not self._jobs:
            # Send these before waiting for another thread, which may depend on what the parent does with
            # them.
            self._flush()
        with self._receiving:
            while not self._jobs:
                self._flush()
                try:
                    self._jobs.extend(pickle.loads(self._connection.recv_bytes()))  # noqa: S301 - our own
                except (EOFError, OSError):
                    # The parent is done, or dead; what the other threads are doing is not needed.
                    os._exit(0)
            return self._jobs.popleft()

    def _handle(self, number: int, job: Any) -> tuple[str, Any]:
        try:
            return "result", self._handler(job, self._reporter(number))
        except BaseException:  # noqa: BLE001 - a job must be answered, or the parent waits forever
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
        """Send a result with those that have waited, or let it wait for the next one."""
        with self._sending:
            self._answers.append(answer)
        if at_once or time.monotonic() - self._sent >= _TOGETHER:
            self._flush()

    def _flush(self) -> None:
        with self._sending:
            answers, self._answers = self._answers, []
            if answers:
                self._sent = time.monotonic()
                self._send(answers)

    def _send(self, answers: list[tuple[int, str, Any]]) -> None:
        try:
            self._connection.send_bytes(pickle.dumps((self._count, answers), pickle.HIGHEST_PROTOCOL))
        except BaseException:  # noqa: BLE001 - the parent is gone, or this process must end to tell it
            os._exit(1)

    def _adapt(self) -> None:
        """Double the threads if the process was more than half idle since the last check."""
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
