"""A Dask cluster: its scheduler, and which of its Dask workers can be used."""

from __future__ import annotations

import asyncio
import logging
import pkgutil
import platform
import socket
import time
from collections.abc import Callable, Coroutine, Iterator
from concurrent import futures
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, TypeVar
from urllib.parse import urlsplit
from uuid import uuid4

import packaging

from minimirror._version import __version__
from minimirror.common import missing_extra
from minimirror.storage import MirrorFolder, Repository
from minimirror.sync.workers.hosting import misses
from minimirror.sync.workers.starting import PoolError

__all__ = ["LOOK", "PATIENCE", "Cluster"]

log = logging.getLogger("minimirror")

T = TypeVar("T")

PATIENCE = 30.0
"""Seconds to wait for an answer of the scheduler, for the first Dask worker, or for a worker to begin."""

LOOK = 2.0
"""Seconds between two looks at which Dask workers there are."""

_CLOSE = 10.0
"""Seconds that Dask's client may take to end: it waits for a scheduler that is gone. Cut short, its thread
would stay.
"""

_LOGGERS = ("distributed", "distributed.client")

_SQLITE = b"SQLite format 3\0"
"""How a catalog starts."""

_NEEDS = {
    "minimirror": ("minimirror._version:__version__", __version__),
    "packaging": ("packaging:__version__", packaging.__version__),
}
"""What must have the same version on both sides, since its objects travel: where it is, and ours."""


class Cluster:
    """The cluster, as this process sees it."""

    def __init__(self, address: str, folder: Repository, *, writes: bool) -> None:
        """Prepare; it is not contacted yet.

        :param address: of the scheduler, such as ``tcp://scheduler:8786``
        :param folder: which all machines must share
        :param writes: whether a file may be written there to check that
        """
        self._address = address
        self._folder = folder
        self._writes = writes
        self.client: Any = None
        """Dask's client; None until :meth:`connect`."""

        self.threads: dict[str, int] = {}
        """Threads of the Dask workers that can be used, by address."""

        self.refused: dict[str, str] = {}
        """Why the others cannot be used, by address."""

        self._looked = -LOOK
        self._levels = dict.fromkeys(map(logging.getLogger, _LOGGERS), logging.NOTSET)
        """Dask's loggers, and their levels before."""

    def unusable(self) -> PoolError:
        """Return the error that no Dask worker can be used."""
        reasons = "".join(f"\n  {address}: {why}" for address, why in self.refused.items())
        return PoolError(f"the Dask scheduler at {self._address} has no worker that can be used{reasons}")

    def look_again(self) -> None:
        """Look at the next opportunity: a Dask worker may be gone."""
        self._looked = -LOOK

    def close(self) -> None:
        """Leave the cluster."""
        if self.client is not None:
            with suppress(Exception):
                self.client.close(timeout=_CLOSE)
            for logger, level in self._levels.items():
                logger.setLevel(level)

    def connect(self) -> None:
        """Connect to the scheduler, and look at the Dask workers.

        :raises PoolError: it does not respond, or a Dask worker does not have the mirror's folder
        """
        try:
            # Dask would try to connect for a while, and its message would not say why it cannot.
            parts = urlsplit(self._address)
            socket.create_connection((parts.hostname or "", parts.port or 0), PATIENCE).close()
            from distributed import Client  # noqa: PLC0415 - an extra, and it takes a second to import

            for logger in self._levels:
                # They would log each loss that this class reports.
                self._levels[logger] = logger.level
                logger.setLevel(logging.CRITICAL + 1)
            self.client = Client(  # type: ignore[no-untyped-call]
                self._address, timeout=PATIENCE, set_as_default=False, name="minimirror"
            )
        except ModuleNotFoundError as error:
            raise PoolError(missing_extra("`workers`", error.name or "distributed", "cluster")) from None
        except (OSError, ValueError, asyncio.TimeoutError) as error:
            cause = getattr(error, "strerror", None) or str(error).partition("\n")[0] or "it does not respond"
            raise PoolError(f"cannot connect to the Dask scheduler at {self._address}: {cause}") from None
        self.look(now=True, first=True)

    def look(self, *, now: bool = False, first: bool = False) -> None:
        """Look which Dask workers there are, from time to time, and check those that are new."""
        if not now and time.monotonic() - self._looked < LOOK:
            return
        threads: dict[str, int] = self._wait(self.client.nthreads)
        new = sorted(threads.keys() - self.threads.keys() - self.refused.keys())
        self._looked = time.monotonic()
        self._refuse(self._wait(lambda: self._check(new)) if new else {})
        lacking = self._lacking([each for each in new if each not in self.refused])
        if lacking and first:
            (address, why), *_ = lacking.items()
            raise PoolError(f"Dask worker {address}: {why}")
        self._refuse(lacking)
        self.threads = {key: count for key, count in threads.items() if key not in self.refused}

    def _refuse(self, found: dict[str, str]) -> None:
        for address, why in found.items():
            log.warning("Dask worker %s is not used: %s", address, why)
        self.refused |= found

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
        found: dict[str, Any] = await self.client.run(function, *args, workers=addresses, on_error="return")
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

        if self.client.status == "running":
            future = asyncio.run_coroutine_threadsafe(answer(), self.client.loop.asyncio_loop)
            with suppress(
                OSError, asyncio.TimeoutError, futures.TimeoutError, futures.CancelledError
            ):  # three classes in 3.10
                return future.result(PATIENCE)
        raise PoolError(
            f"lost the Dask scheduler at {self._address}. What was done is kept; run again to continue"
        )


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
