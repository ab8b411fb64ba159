"""The parent's side of a Dask cluster: start workers in the Dask workers that can be used.

What a worker and the parent send each other is the same as with local processes. A :class:`Host` carries it
in the Dask worker, Dask between machines, and a thread of Dask's client in the parent.
"""

from __future__ import annotations

import asyncio
import pickle
import socket
import threading
import time
from collections import Counter
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any
from uuid import uuid4

from minimirror.storage import Repository
from minimirror.sync.workers.channel import Channel
from minimirror.sync.workers.dask_cluster import LOOK, PATIENCE, Cluster
from minimirror.sync.workers.hosting import POLL, Host, Sealed

if TYPE_CHECKING:
    from minimirror.sync.workers.worker_process import Handler

__all__ = ["DaskStarter"]

_GLANCE = 0.2
"""Seconds between two looks at whether a Dask worker is lost, which cost nothing."""

_BUFFER = 1 << 18


@dataclass
class _Worker:
    """A worker process in a Dask worker, as a pool knows processes."""

    address: str
    loop: asyncio.AbstractEventLoop
    pid: str = "of a Dask worker"
    exitcode: str = "it did not begin"
    task: asyncio.Future[None] | None = None
    _ended: threading.Event = field(default_factory=threading.Event)

    def kill(self) -> None:
        """Have it ended, as soon as its Dask worker responds."""
        self.loop.call_soon_threadsafe(lambda: self.task and self.task.cancel())

    terminate = kill

    def join(self, seconds: float) -> None:
        """Wait until it has ended, or cannot be reached."""
        self._ended.wait(seconds)

    def is_alive(self) -> bool:
        """Return whether it may be running."""
        return not self._ended.is_set()

    def note_end(self) -> None:
        """Note that it has ended."""
        self._ended.set()


class DaskStarter:
    """Starts workers in a Dask cluster: in each Dask worker, at most as many as it has threads."""

    def __init__(
        self, address: str, start: Callable[[], Handler], folder: Repository, *, writes: bool
    ) -> None:
        """Prepare; the cluster is not contacted yet.

        :param address: of the scheduler, such as ``tcp://scheduler:8786``
        :param start: called once in each worker; returns what handles its jobs
        :param folder: which all machines must share
        :param writes: whether a file may be written there to check that
        """
        self._cluster = Cluster(address, folder, writes=writes)
        self._start = Sealed(pickle.dumps(start))
        self._workers: list[_Worker] = []
        self._failed: Counter[str] = Counter()

    def has_room(self) -> bool:
        """Return whether another worker can be started, or nothing can."""
        if self._cluster.client is None or not self._live():
            return True
        self._cluster.look()
        return self._free() is not None

    def start(self) -> tuple[_Worker, Channel]:
        """Start a worker; return what stands for its process, and the channel to it.

        :raises PoolError: the scheduler does not respond, no Dask worker can be used, or one does not have
            the mirror's folder
        """
        cluster = self._cluster
        if cluster.client is None:
            cluster.connect()
        cluster.look()
        end = time.monotonic() + PATIENCE
        while (address := self._free()) is None:
            cluster.look(now=True)
            if time.monotonic() > end or (cluster.refused and not cluster.threads):
                raise cluster.unusable()
            time.sleep(0.05)
        ours, theirs = socket.socketpair()
        theirs.setblocking(False)
        worker = _Worker(address, cluster.client.loop.asyncio_loop)
        self._workers.append(worker)
        asyncio.run_coroutine_threadsafe(self._host(worker, theirs), worker.loop)
        return worker, Channel(ours)

    def why(self, worker: _Worker) -> str:
        """Return why a worker ended before it did anything."""
        return f"Dask worker {worker.address}: {worker.exitcode}"

    def close(self, *, stuck: bool) -> None:  # noqa: ARG002 - what is stuck ends without its parent
        """Leave the cluster."""
        self._cluster.close()

    def _live(self) -> list[_Worker]:
        self._workers = [each for each in self._workers if each.is_alive()]
        return self._workers

    def _free(self) -> str | None:
        """Return the address of the Dask worker that has most room; None if there is none."""
        busy = Counter(each.address for each in self._live())
        free = [each for each, threads in self._cluster.threads.items() if busy[each] < threads]
        return min(free, key=lambda each: (self._failed[each], busy[each]), default=None)

    async def _host(self, worker: _Worker, sock: socket.socket) -> None:
        """Start a worker in a Dask worker, and carry messages until one side ends."""
        worker.task = asyncio.current_task()
        key = f"minimirror-worker-{uuid4().hex}"
        actor = None
        sending: list[asyncio.Future[None]] = []
        client = self._cluster.client
        future = client.submit(Host, self._start, key=key, workers=[worker.address], actor=True, pure=False)
        try:
            with client.as_current():
                actor = await asyncio.wait_for(future, PATIENCE)
            parts = (_send(actor, sock), _receive(actor, sock), _wait_for_loss(future))
            sending = [asyncio.ensure_future(each) for each in parts]
            worker.exitcode = "its worker process ended"
            await asyncio.wait(sending, return_when=asyncio.FIRST_COMPLETED)
        except asyncio.TimeoutError:
            worker.exitcode = "no worker process could begin within 30 s: other tasks use its threads"
        except Exception as error:  # noqa: BLE001 - Dask's own, or any of the Dask worker
            worker.exitcode = f"{type(error).__name__}: {error}"
        finally:
            try:
                for each in sending:
                    each.cancel()
                await asyncio.gather(*sending, return_exceptions=True)
                if actor is not None:
                    with suppress(Exception):
                        code = await asyncio.wait_for(actor.end(), LOOK)
                        worker.exitcode = f"exit code {code}"
            finally:
                # A second cancel must not keep it from this. The Dask worker or the scheduler may be gone.
                self._cluster.look_again()
                self._failed[worker.address] += 1
                future.release()
                sock.close()
                worker.note_end()


async def _send(actor: Any, sock: socket.socket) -> None:
    loop = asyncio.get_running_loop()
    while data := await loop.sock_recv(sock, _BUFFER):
        await actor.feed(Sealed(data))


async def _wait_for_loss(future: Any) -> None:
    """Wait until the Dask worker is gone: calls of its actor would not fail."""
    while future.status == "finished":
        await asyncio.sleep(_GLANCE)


async def _receive(actor: Any, sock: socket.socket) -> None:
    loop = asyncio.get_running_loop()
    while (data := await asyncio.wait_for(actor.drain(), POLL + PATIENCE)) != b"":
        if data:
            await loop.sock_sendall(sock, data)
