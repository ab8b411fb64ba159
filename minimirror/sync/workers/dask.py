"""The parent's side of a Dask cluster: find Dask workers that can be used, and start workers in them.

What a worker and the parent send each other is the same as with local processes. A :class:`Host` carries it
in the Dask worker, Dask between machines, and a thread of Dask's client in the parent.
"""

from __future__ import annotations

import asyncio
import logging
import pickle
import pkgutil
import platform
import socket
import threading
import time
from collections import Counter
from collections.abc import Callable, Coroutine, Iterator
from concurrent import futures
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar
from urllib.parse import urlsplit
from uuid import uuid4

import packaging

from minimirror._version import __version__
from minimirror.common import missing_extra
from minimirror.storage import MirrorFolder, Repository
from minimirror.sync.workers.channel import Channel
from minimirror.sync.workers.hosting import POLL, Host, Sealed, misses
from minimirror.sync.workers.starting import PoolError

if TYPE_CHECKING:
    from minimirror.sync.workers.worker_process import Handler

__all__ = ["DaskStarter"]

log = logging.getLogger("minimirror")

T = TypeVar("T")

_PATIENCE = 30.0
"""Seconds to wait for an answer of the scheduler, for the first Dask worker, or for a worker to begin."""

_LOOK = 2.0
"""Seconds between two looks at which Dask workers there are."""

_CLOSE = 10.0
"""Seconds that Dask's client may take to end: it waits for a scheduler that is gone. Cut short, its thread
would stay.
"""

_GLANCE = 0.2
"""Seconds between two looks at whether a Dask worker is lost, which cost nothing."""

_BUFFER = 1 << 18

_LOGGERS = ("distributed", "distributed.client")

_SQLITE = b"SQLite format 3\0"
"""How a catalog starts."""

_NEEDS = {
    "minimirror": ("minimirror._version:__version__", __version__),
    "packaging": ("packaging:__version__", packaging.__version__),
}
"""What must have the same version on both sides, since its objects travel: where it is, and ours."""


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

    def close(self) -> None:
        """Do nothing: there is no handle."""


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
        self._address = address
        self._start = Sealed(pickle.dumps(start))
        self._folder = folder
        self._writes = writes
        self._client: Any = None
        self._threads: dict[str, int] = {}
        """Threads of the Dask workers that can be used."""
        self._refused: dict[str, str] = {}
        self._workers: list[_Worker] = []
        self._failed: Counter[str] = Counter()
        self._looked = -_LOOK
        self._levels = dict.fromkeys(map(logging.getLogger, _LOGGERS), logging.NOTSET)
        """Dask's loggers, and their levels before."""

    def has_room(self) -> bool:
        """Return whether another worker can be started, or nothing can."""
        if self._client is None or not self._live():
            return True
        self._look()
        return self._free() is not None

    def start(self) -> tuple[_Worker, Channel]:
        """Start a worker; return what stands for its process, and the channel to it.

        :raises PoolError: the scheduler does not respond, no Dask worker can be used, or one does not have
            the mirror's folder
        """
        if self._client is None:
            self._connect()
        self._look()
        end = time.monotonic() + _PATIENCE
        while (address := self._free()) is None:
            self._look(now=True)
            if time.monotonic() > end or (self._refused and not self._threads):
                raise PoolError(
                    f"the Dask scheduler at {self._address} has no worker that can be used{self._reasons()}"
                )
            time.sleep(0.05)
        ours, theirs = socket.socketpair()
        theirs.setblocking(False)
        worker = _Worker(address, self._client.loop.asyncio_loop)
        self._workers.append(worker)
        asyncio.run_coroutine_threadsafe(self._host(worker, theirs), worker.loop)
        return worker, Channel(ours)

    def why(self, worker: _Worker) -> str:
        """Return why a worker ended before it did anything."""
        return f"Dask worker {worker.address}: {worker.exitcode}"

    def close(self, *, stuck: bool) -> None:  # noqa: ARG002 - what is stuck ends without its parent
        """Leave the cluster."""
        if self._client is not None:
            with suppress(Exception):
                self._client.close(timeout=_CLOSE)
            for logger, level in self._levels.items():
                logger.setLevel(level)

    def _live(self) -> list[_Worker]:
        self._workers = [each for each in self._workers if each.is_alive()]
        return self._workers

    def _free(self) -> str | None:
        """Return the address of the Dask worker that has most room; None if there is none."""
        busy = Counter(each.address for each in self._live())
        free = [each for each, threads in self._threads.items() if busy[each] < threads]
        return min(free, key=lambda each: (self._failed[each], busy[each]), default=None)

    def _reasons(self) -> str:
        return "".join(f"\n  {address}: {why}" for address, why in self._refused.items())

    def _connect(self) -> None:
        try:
            # Dask would try to connect for a while, and its message would not say why it cannot.
            parts = urlsplit(self._address)
            socket.create_connection((parts.hostname or "", parts.port or 0), _PATIENCE).close()
            from distributed import Client  # noqa: PLC0415 - an extra, and it takes a second to import

            for logger in self._levels:
                # They would log each loss that this class reports.
                self._levels[logger] = logger.level
                logger.setLevel(logging.CRITICAL + 1)
            self._client = Client(  # type: ignore[no-untyped-call]
                self._address, timeout=_PATIENCE, set_as_default=False, name="minimirror"
            )
        except ModuleNotFoundError as error:
            raise PoolError(missing_extra("`workers`", error.name or "distributed", "cluster")) from None
        except (OSError, ValueError, asyncio.TimeoutError) as error:
            cause = getattr(error, "strerror", None) or str(error).partition("\n")[0] or "it does not respond"
            raise PoolError(f"cannot connect to the Dask scheduler at {self._address}: {cause}") from None
        self._look(now=True, first=True)

    def _look(self, *, now: bool = False, first: bool = False) -> None:
        """Look which Dask workers there are, from time to time, and check those that are new."""
        if not now and time.monotonic() - self._looked < _LOOK:
            return
        threads: dict[str, int] = self._wait(self._client.nthreads)
        new = sorted(threads.keys() - self._threads.keys() - self._refused.keys())
        self._looked = time.monotonic()
        self._refuse(self._wait(lambda: self._check(new)) if new else {})
        lacking = self._lacking([each for each in new if each not in self._refused])
        if lacking and first:
            (address, why), *_ = lacking.items()
            raise PoolError(f"Dask worker {address}: {why}")
        self._refuse(lacking)
        self._threads = {key: count for key, count in threads.items() if key not in self._refused}

    def _refuse(self, found: dict[str, str]) -> None:
        for address, why in found.items():
            log.warning("Dask worker %s is not used: %s", address, why)
        self._refused |= found

    async def _check(self, addresses: list[str]) -> dict[str, str]:
        """Return which Dask workers cannot be used, and why. They need not have minimirror."""
        refused = {}
        ours = platform.python_version()
        pythons = await self._run(addresses, platform.python_version)
        for address, found in pythons.items():
            if not isinstance(found, str) or found.split(".")[:2] != ours.split(".")[:2]:
                refused[address] = f"it has Python {found}, and this machine {ours}"
        for name, (place, wanted) in _NEEDS.items():
            for address, found in (await self._run(addresses, pkgutil.resolve_name, place)).items():
                if isinstance(found, Exception):
                    refused.setdefault(address, f"it does not have {name} ({found})")
                elif found != wanted:
                    refused.setdefault(address, f"it has {name} {found}, and this machine {wanted}")
        return refused

    async def _run(self, addresses: list[str], function: Callable[..., Any], *args: object) -> dict[str, Any]:
        found: dict[str, Any] = await self._client.run(function, *args, workers=addresses, on_error="return")
        return found

    def _lacking(self, addresses: list[str]) -> dict[str, str]:
        """Return which Dask workers do not have the mirror's folder. A bucket is reached from anywhere."""
        if not isinstance(self._folder, MirrorFolder):
            return {}
        with _shared_file(self._folder, writes=self._writes) as (path, start):
            found = (
                self._wait(lambda: self._run(addresses, misses, path, start)) if addresses and start else {}
            )
        return {
            address: f"{self._folder.path} is not the mirror's folder there: {why} ({path}). All machines"
            " must have the folder at the same path"
            for address, why in found.items()
            if why is not None
        }

    def _wait(self, call: Callable[[], Coroutine[Any, Any, T]]) -> T:
        """Return what the cluster answers.

        :raises PoolError: it does not respond
        """

        async def answer() -> T:
            return await call()

        if self._client.status == "running":
            future = asyncio.run_coroutine_threadsafe(answer(), self._client.loop.asyncio_loop)
            with suppress(
                OSError, asyncio.TimeoutError, futures.TimeoutError, futures.CancelledError
            ):  # three classes in 3.10
                return future.result(_PATIENCE)
        raise PoolError(
            f"lost the Dask scheduler at {self._address}. What was done is kept; run again to continue"
        )

    async def _host(self, worker: _Worker, sock: socket.socket) -> None:
        """Start a worker in a Dask worker, and carry messages until one side ends."""
        worker.task = asyncio.current_task()
        key = f"minimirror-worker-{uuid4().hex}"
        actor = None
        sending: list[asyncio.Future[None]] = []
        future = self._client.submit(
            Host, self._start, key=key, workers=[worker.address], actor=True, pure=False
        )
        try:
            with self._client.as_current():
                actor = await asyncio.wait_for(future, _PATIENCE)
            parts = (_send(actor, sock), _receive(actor, sock), _wait_for_loss(future))
            sending = [asyncio.ensure_future(each) for each in parts]
            worker.exitcode = "its worker process ended"
            await asyncio.wait(sending, return_when=asyncio.FIRST_COMPLETED)
            if future.status != "finished":
                self._looked = -_LOOK  # its Dask worker is gone, too
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
                        code = await asyncio.wait_for(actor.end(), _LOOK)
                        worker.exitcode = f"exit code {code}"
            finally:
                # A second cancel must not keep it from this.
                self._failed[worker.address] += 1
                future.release()
                sock.close()
                worker.note_end()


@contextmanager
def _shared_file(folder: MirrorFolder, *, writes: bool) -> Iterator[tuple[Path, bytes]]:
    """Yield a file in the folder, and how it starts; nothing if there is no mirror yet."""
    if not writes:
        yield folder.catalog, _SQLITE if folder.has_catalog() else b""
        return
    path, start = folder.partial / f"shared-{uuid4().hex}", uuid4().bytes
    with folder.explained():
        path.write_bytes(start)
    try:
        yield path, start
    finally:
        path.unlink(missing_ok=True)


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
    while (data := await asyncio.wait_for(actor.drain(), POLL + _PATIENCE)) != b"":
        if data:
            await loop.sock_sendall(sock, data)
