"""Run a Dask cluster: a scheduler and workers, each in a process of its own."""

from __future__ import annotations

import os
import socket
import subprocess
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING

from tests.helpers.running import DEADLINE, SOURCES, until
from tests.helpers.servers.process import free_port, script

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

__all__ = ["Cluster", "DaskWorker", "dask_cluster"]


@dataclass
class DaskWorker:
    """A running Dask worker."""

    process: subprocess.Popen[bytes]
    log: Path

    @property
    def pid(self) -> int:
        """The process."""
        return self.process.pid

    def ready(self) -> bool:
        """Return whether the scheduler knows it."""
        assert self.process.poll() is None, self.log.read_text(errors="replace")
        return "Registered to" in self.log.read_text(errors="replace")


class Cluster:
    """A scheduler, and the workers that were added."""

    def __init__(self, home: Path, stack: ExitStack) -> None:
        self._home = home
        self._stack = stack
        port = free_port()
        self.address = f"tcp://127.0.0.1:{port}"
        self.scheduler, self.log = self._start(
            "scheduler", "scheduler", "--host", "127.0.0.1", "--port", str(port)
        )
        until(lambda: _listens(port), "the scheduler listens")
        self.workers: list[DaskWorker] = []

    def add(
        self, count: int = 1, *, threads: int = 1, env: Mapping[str, str] | None = None
    ) -> list[DaskWorker]:
        """Start Dask workers, and wait until the scheduler knows them."""
        new: list[DaskWorker] = []
        for _ in range(count):
            options = ("--no-nanny", "--nthreads", str(threads))
            found = self._start("worker", "worker", self.address, *options, env=env)
            new.append(DaskWorker(*found))
        for worker in new:
            until(worker.ready, "a Dask worker is ready")
        self.workers += new
        return new

    def end(self, worker: DaskWorker) -> None:
        """Kill a worker, and forget it."""
        _end(worker.process)
        self.workers.remove(worker)

    def replace_dead(self) -> None:
        """Start as many workers as have died."""
        dead = [each for each in self.workers if each.process.poll() is not None]
        for each in dead:
            self.workers.remove(each)
        self.add(len(dead))

    def _start(
        self, name: str, *arguments: str, env: Mapping[str, str] | None = None
    ) -> tuple[subprocess.Popen[bytes], Path]:
        home = self._home / f"{name}-{len(list(self._home.iterdir()))}"
        home.mkdir()
        log = home / "log"
        with log.open("wb") as output:
            process = self._stack.enter_context(
                subprocess.Popen(
                    [script("dask"), *arguments, "--no-dashboard"],
                    stdin=subprocess.DEVNULL,
                    stdout=output,
                    stderr=output,
                    cwd=home,
                    env={
                        "PATH": os.environ.get("PATH", os.defpath),
                        "HOME": str(home),
                        "PYTHONPATH": str(SOURCES),
                        **(env or {}),
                    },
                )
            )
        self._stack.callback(_end, process)
        return process, log


@contextmanager
def dask_cluster(home: Path) -> Iterator[Cluster]:
    """Run a cluster without workers; all of its processes end with the block."""
    with ExitStack() as stack:
        yield Cluster(home, stack)


def _listens(port: int) -> bool:
    with suppress(OSError), socket.create_connection(("127.0.0.1", port)):
        return True
    return False


def _end(process: subprocess.Popen[bytes]) -> None:
    process.kill()
    process.wait(DEADLINE)
