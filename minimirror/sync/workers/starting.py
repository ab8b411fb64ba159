"""Start worker processes."""

from __future__ import annotations

import multiprocessing
import signal
import socket
from collections.abc import Callable, Sequence
from multiprocessing import resource_tracker
from typing import Any

from minimirror.common import MinimirrorError
from minimirror.sync.workers.channel import Channel
from minimirror.sync.workers.worker_process import Handler, serve

__all__ = ["PoolError", "Starter"]


class PoolError(MinimirrorError):
    """Workers cannot be run."""


class Starter:
    """Starts worker processes from a fork server, or spawns them where there is none."""

    def __init__(self, start: Callable[[], Handler], preload: Sequence[str]) -> None:
        """Prepare; no process is started yet.

        :param start: called once in each worker, in its asyncio loop; returns what handles its jobs
        :param preload: modules that the fork server imports once for all workers
        """
        self._start = start
        methods = multiprocessing.get_all_start_methods()
        self._context: Any = multiprocessing.get_context("forkserver" if "forkserver" in methods else "spawn")
        self._context.set_forkserver_preload(["__main__", *preload])

    def start(self) -> tuple[Any, Channel]:
        """Start a worker; return its process and the channel to it.

        :raises PoolError: there are too many processes, or TMPDIR is too long for a socket
        """
        ours, theirs = socket.socketpair()
        process = self._context.Process(
            target=serve, args=(theirs, self._start), name="minimirror-worker", daemon=True
        )
        try:
            _start_unharmed(process)
        except OSError as error:
            raise PoolError(f"worker processes cannot be started: {error.strerror or error}") from None
        theirs.close()
        return process, Channel(ours)


def _start_unharmed(process: Any) -> None:
    """Start it so that Ctrl-C does not reach it.

    The fork server ignores SIGINT after its first moments. Until then a Ctrl-C must not reach it: it would
    die with a traceback.
    """
    if not hasattr(signal, "pthread_sigmask"):
        process.start()
        return
    # Otherwise it starts with the fork server, and unblocks the signal.
    resource_tracker.ensure_running()
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    try:
        process.start()
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)
