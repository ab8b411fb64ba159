"""Start worker processes."""

from __future__ import annotations

import multiprocessing
import os
import signal
import socket
import sys
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from multiprocessing import resource_tracker
from types import ModuleType
from typing import TYPE_CHECKING, Any

from minimirror.common import MinimirrorError, defer_signals
from minimirror.sync.workers.channel import Channel
from minimirror.sync.workers.watch import SILENCE, Clock

if TYPE_CHECKING:
    from minimirror.sync.workers.worker_process import Handler

__all__ = ["PoolError", "Starter", "end_fork_server"]

_LOOK = 0.5
"""Seconds between two looks at the time."""


class PoolError(MinimirrorError):
    """Workers cannot be run."""


class Starter:
    """Starts worker processes from a fork server, or spawns them where there is none."""

    def __init__(
        self, start: Callable[[], Handler], preload: Sequence[str], *, patience: float = SILENCE
    ) -> None:
        """Prepare; no process is started yet.

        :param start: called once in each worker, in its asyncio loop; returns what handles its jobs
        :param preload: modules that the fork server imports once for all workers
        :param patience: seconds that it may take to start a worker
        """
        self._start = start
        self._patience = patience
        methods = multiprocessing.get_all_start_methods()
        self._context: Any = multiprocessing.get_context("forkserver" if "forkserver" in methods else "spawn")
        self._context.set_forkserver_preload([*preload])

    def has_room(self) -> bool:
        """Return whether another worker can be started: as many as wanted."""
        return True

    def why(self, process: Any) -> str:
        """Return why a worker ended before it did anything."""
        return f"exit code {process.exitcode}"

    def close(self, *, stuck: bool) -> None:
        """End what started the workers.

        :param stuck: whether some have not ended, although they were killed
        """
        if stuck:
            end_fork_server()

    def start(self) -> tuple[Any, Channel]:
        """Start a worker; return its process and the channel to it.

        :raises PoolError: there are too many processes, TMPDIR is too long for a socket, or the fork server
            does not respond
        """
        # Only here: a run that has nothing to do needs no asyncio.
        from minimirror.sync.workers.worker_process import serve  # noqa: PLC0415

        ours, theirs = socket.socketpair()
        process = self._context.Process(
            target=serve, args=(theirs, self._start), name="minimirror-worker", daemon=True
        )
        try:
            _start_in_time(process, self._patience)
        except BaseException:
            ours.close()
            raise
        finally:
            theirs.close()
        return process, Channel(ours)


def end_fork_server() -> None:
    """Kill the fork server. While it is stopped, nothing tells that a worker has started or ended.

    Python would wait for that, even at exit. The next worker starts another fork server.
    """
    if "forkserver" in multiprocessing.get_all_start_methods():
        from multiprocessing import forkserver  # noqa: PLC0415 - Windows has none

        pid = getattr(forkserver._forkserver, "_forkserver_pid", None)  # noqa: SLF001 - it has no public name
        if pid is not None:
            with suppress(ProcessLookupError, ChildProcessError):
                os.kill(pid, signal.SIGKILL)
                if hasattr(os, "waitid"):
                    # Leave the rest to multiprocessing: it looks whether the server has ended.
                    os.waitid(os.P_PID, pid, os.WEXITED | os.WNOWAIT)


def _start_in_time(process: Any, seconds: float) -> None:
    """Start a process in a thread, which may have to wait for the fork server.

    :raises PoolError: it cannot be started, or that takes too long
    """
    failed: list[BaseException] = []
    # Held by the thread. Ctrl-C in Thread.join() or Event.wait() can break them (bpo-45274), but not this.
    running = threading.Lock()
    running.acquire()

    def start() -> None:
        try:
            with _main_module_hidden():
                process.start()
        except BaseException as error:  # noqa: BLE001 - raised below
            failed.append(error)
        finally:
            running.release()

    thread = threading.Thread(target=start, daemon=True)
    try:
        with defer_signals():
            _start_unharmed(thread)
        _wait_for(running, seconds)
    except BaseException:
        # The caller closes the socket that the thread passes on, so the thread must end first.
        if thread.ident is not None and not running.acquire(timeout=_LOOK):
            end_fork_server()
            running.acquire(timeout=_LOOK)
        raise
    if failed and isinstance(failed[0], OSError | EOFError):
        cause = getattr(failed[0], "strerror", None) or failed[0]
        raise PoolError(f"worker processes cannot be started: {cause}") from None
    if failed:
        raise failed[0]


class _Hidden(ModuleType):
    """The main module, without a name or a path to import it by."""

    def __init__(self, main: ModuleType) -> None:
        super().__init__("__main__")
        self._main = main

    def __getattr__(self, name: str) -> Any:
        if name == "__file__":
            raise AttributeError(name)
        return getattr(self._main, name)


@contextmanager
def _main_module_hidden() -> Iterator[None]:
    """Keep multiprocessing from importing the main module in the processes that start meanwhile.

    Workers need nothing of it, and a script that does not check ``__name__`` would do its work once more in
    each of them. Other threads find everything in it that they found before.
    """
    main = sys.modules["__main__"]
    sys.modules["__main__"] = _Hidden(main)
    try:
        yield
    finally:
        sys.modules["__main__"] = main


def _wait_for(running: threading.Lock, seconds: float) -> None:
    """Wait until the thread that holds a lock releases it.

    :raises PoolError: that takes too long
    """
    clock = Clock()
    while not running.acquire(timeout=_LOOK):
        clock.advance()
        if clock.now > seconds:
            raise PoolError(
                "worker processes cannot be started: the process that forks them did not respond and was"
                " ended. Run again"
            )


def _start_unharmed(thread: threading.Thread) -> None:
    """Start a thread so that Ctrl-C does not reach the processes that it starts.

    The fork server ignores SIGINT after its first moments. Until then a Ctrl-C must not reach it: it would
    die with a traceback.
    """
    if not hasattr(signal, "pthread_sigmask"):
        thread.start()
        return
    # Otherwise it starts with the fork server, and unblocks the signal.
    resource_tracker.ensure_running()
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    try:
        thread.start()
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)
