"""In a Dask worker: start a worker process, and carry what it and the parent send each other."""

from __future__ import annotations

import asyncio
import pickle
import socket
import subprocess
import sys
import threading
import time
import weakref
from contextlib import suppress
from pathlib import Path

__all__ = ["POLL", "Host", "Sealed", "main", "misses"]

POLL = 2.0
"""Seconds that :meth:`Host.drain` waits for something to return."""

_LEASE = 8.0
"""Seconds without a call of the parent after which the worker process is ended. The next run waits longer
for the workers of a killed one.
"""

_TOGETHER = 0.01
"""Seconds to wait for more: each message passes the scheduler."""

_BUFFER = 1 << 20

_CHILD = f"from {__name__} import main; main()"


class Sealed:
    """Bytes that Dask shows in no log and on no page. They may hold credentials."""

    __slots__ = ("data",)

    def __init__(self, data: bytes) -> None:
        self.data = data

    def __repr__(self) -> str:
        return "<sealed>"


class Host:
    """A Dask actor: has a worker process, which ends with it, with its Dask worker or without the parent.

    A separate process keeps the limits of any worker, and can be ended without harm to other tasks.
    """

    def __init__(self, start: Sealed) -> None:
        """Start the process.

        :param start: pickled, what the process calls to begin
        """
        ours, theirs = socket.socketpair()
        ours.setblocking(False)
        with theirs:
            number = theirs.fileno()
            self._process = subprocess.Popen(  # noqa: S603 - this Python
                [sys.executable, "-c", _CHILD, str(number)], stdin=subprocess.PIPE, pass_fds=[number]
            )
        if self._process.stdin is not None:
            with self._process.stdin as stream:
                stream.write(start.data)
        self._socket = ours
        self._heard = [time.monotonic()]
        self.pid = self._process.pid
        weakref.finalize(self, self._process.kill)
        threading.Thread(target=_guard, args=(self._process, self._heard), daemon=True).start()

    async def feed(self, message: Sealed) -> None:
        """Pass on what the parent sends."""
        self._heard[0] = time.monotonic()
        await asyncio.get_running_loop().sock_sendall(self._socket, message.data)

    async def drain(self) -> bytes | None:
        """Return what the process sends; None if that is nothing at the moment, empty if it has ended."""
        self._heard[0] = time.monotonic()
        data = b""
        with suppress(BlockingIOError, ConnectionError):
            try:
                receive = asyncio.get_running_loop().sock_recv(self._socket, _BUFFER)
                data = await asyncio.wait_for(receive, POLL)
            except asyncio.TimeoutError:
                return None
            await asyncio.sleep(_TOGETHER if data else 0)
            while data and len(data) < _BUFFER and (more := self._socket.recv(_BUFFER)):
                data += more
        return data

    async def end(self) -> int:
        """End the process; return its exit code."""
        self._process.kill()
        return await asyncio.to_thread(self._process.wait)


def _guard(process: subprocess.Popen[bytes], heard: list[float]) -> None:
    """Wait until a process has ended; end it if its parent is gone."""
    while process.poll() is None:
        if time.monotonic() - heard[0] > _LEASE:
            process.kill()
        time.sleep(_LEASE / 16)


def misses(path: Path, start: bytes) -> str | None:
    """Return why a file does not start with these bytes here; None if it does."""
    try:
        with path.open("rb") as stream:
            return None if stream.read(len(start)) == start else "another file is there"
    except OSError as error:
        return error.strerror or str(error)


def main() -> None:
    """Work, in the process of a :class:`Host`."""
    # Only here: the Dask worker does not need it.
    from minimirror.sync.workers.worker_process import serve  # noqa: PLC0415

    start = pickle.load(sys.stdin.buffer)  # noqa: S301 - our own
    serve(socket.socket(fileno=int(sys.argv[1])), start)
