"""The worker's side: an asyncio loop that takes jobs from the channel, handles them and sends results."""

from __future__ import annotations

import asyncio
import os
import signal
import socket
import sys
import traceback
from collections import deque
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from typing import Any, Protocol

from minimirror.sync.workers.channel import Channel

__all__ = ["Handler", "serve"]

_TOGETHER = 0.005
"""Seconds that the result of a quick job may wait for others while more jobs are waiting."""

_REPORT_EVERY = 0.25
"""Seconds between two reports on the jobs in progress."""


MEMORY = 512 << 20
"""Bytes that a worker may allocate, with the stacks of its threads: the last line of defense against what a
server sends. What reads it has bounds of its own.
"""

_THREADS = 4
"""Threads for work that takes long. Each has a stack of 8 MB, which counts for :data:`MEMORY`."""


class Handler(Protocol):
    """Handles jobs, many at a time."""

    @property
    def capacity(self) -> int:
        """How many jobs can be in progress."""
        ...

    async def do(self, job: Any, report: Callable[[int], None]) -> Any:
        """Handle a job.

        :param report: called with a number that shows its progress
        :returns: the result
        """
        ...


def serve(sock: socket.socket, start: Callable[[], Handler]) -> None:
    """Work until the parent closes the channel or dies.

    :param start: is called in the loop
    """
    # Ctrl-C reaches the whole process group; the parent decides, and closes the channel.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
    _limit_memory()
    # The default loop of Windows cannot watch sockets.
    asyncio.SelectorEventLoop().run_until_complete(_work(Channel(sock), start))


def _limit_memory() -> None:
    """Let allocations beyond :data:`MEMORY` fail, on Linux: other systems do not count them so precisely.

    The address space would be no measure: each thread reserves 64 MB of it for allocations to come.
    """
    if sys.platform != "linux":
        return
    import resource  # noqa: PLC0415 - Windows has none

    limits = resource.getrlimit(resource.RLIMIT_DATA)
    soft, hard = (MEMORY if each == resource.RLIM_INFINITY else min(each, MEMORY) for each in limits)
    with suppress(OSError, ValueError):  # a sandbox may forbid it
        resource.setrlimit(resource.RLIMIT_DATA, (soft, hard))


async def _work(channel: Channel, start: Callable[[], Handler]) -> None:
    loop = asyncio.get_running_loop()
    loop.set_exception_handler(_die)
    loop.set_default_executor(ThreadPoolExecutor(_THREADS))
    jobs = _Jobs(channel, start())
    jobs.begin()
    await jobs.ended.wait()
    # What is in progress is not needed.
    os._exit(0)


def _die(loop: asyncio.AbstractEventLoop, context: dict[str, Any]) -> None:
    """End the process after an error outside of a job: the parent gives its jobs to another."""
    loop.default_exception_handler(context)
    os._exit(1)


class _Jobs:
    """The jobs of a worker, from their arrival to their results."""

    def __init__(self, channel: Channel, handler: Handler) -> None:
        self.ended = asyncio.Event()
        """Whether the parent is done, or dead."""
        self._channel = channel
        self._handler = handler
        self._loop = asyncio.get_running_loop()
        self._waiting: deque[tuple[int, Any]] = deque()
        self._tasks: dict[int, asyncio.Task[None]] = {}
        self._progress: dict[int, int] = {}
        self._answers: list[tuple[int, str, Any]] = []
        self._flush_timer: asyncio.Handle | None = None

    def begin(self) -> None:
        """Tell the parent that work begins (if this process dies now, a job may be why), and begin."""
        self._loop.add_reader(self._channel, self._receive)
        self._flush()
        self._report()

    def _receive(self) -> None:
        try:
            for jobs in self._channel.receive():
                self._waiting.extend(jobs)
        except EOFError:
            self._end()
            return
        self._start()

    def _start(self) -> None:
        """Start the jobs for which there is room."""
        while self._waiting and len(self._tasks) < self._handler.capacity:
            number, job = self._waiting.popleft()
            self._tasks[number] = self._loop.create_task(self._do(number, job))

    async def _do(self, number: int, job: Any) -> None:
        def report(value: int) -> None:
            self._progress[number] = value

        try:
            kind, value = "result", await self._handler.do(job, report)
        except MemoryError:
            if len(self._tasks) > 1:
                # Each of them may be why. The parent gives them to other workers, one at a time.
                os._exit(1)
            kind, value = "failed", f"it needs more than {MEMORY >> 20} MB of memory"
        except BaseException:  # noqa: BLE001 - a job must be answered, or the parent waits forever
            kind, value = "error", traceback.format_exc()
        self._progress.pop(number, None)
        del self._tasks[number]
        self._start()
        self._answers.append((number, kind, value))
        if not self._waiting:
            self._flush()
        elif self._flush_timer is None:
            self._flush_timer = self._loop.call_later(_TOGETHER, self._flush)

    def _report(self) -> None:
        """Send the progress of jobs that take long, and that the loop is alive."""
        # At once: a handler may report from another thread.
        progress = list(self._progress.items())
        self._answers += ((number, "progress", value) for number, value in progress)
        self._progress.clear()
        if self._tasks:
            self._flush()
        self._loop.call_later(_REPORT_EVERY, self._report)

    def _flush(self) -> None:
        if self._flush_timer is not None:
            self._flush_timer.cancel()
            self._flush_timer = None
        answers, self._answers = self._answers, []
        try:
            self._channel.send((self._handler.capacity, answers))
        except OSError:
            self._end()
        if self._channel.waits:
            self._loop.add_writer(self._channel, self._send_rest)

    def _send_rest(self) -> None:
        try:
            self._channel.flush()
        except OSError:
            self._end()
        if not self._channel.waits:
            self._loop.remove_writer(self._channel)

    def _end(self) -> None:
        self._loop.remove_reader(self._channel)
        self._loop.remove_writer(self._channel)
        self.ended.set()
