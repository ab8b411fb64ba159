"""Opens the workers of a run: on this machine, or on a cluster."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from minimirror.storage import Repository, attend, bucket_environment, open_repository
from minimirror.sync.workers.jobs import FetchFile, Job
from minimirror.sync.workers.processes import LOOKAHEAD, Pool
from minimirror.sync.workers.settings import WorkerSettings
from minimirror.sync.workers.starting import Starter

if TYPE_CHECKING:
    # A worker does not need it, and pydantic takes a tenth of a second to import.
    from minimirror.config import Config
    from minimirror.sync.workers.dask import DaskStarter
    from minimirror.sync.workers.worker_process import Handler

__all__ = ["open_pool", "starter_of"]

_WORKER = f"{__package__}.worker"

_HEAVY = 1 << 20
"""Bytes: a larger file may take long."""

_GRACE = 60.0
"""Seconds that a job may take longer than `file_timeout`, for what it does besides transfers."""

_UNKNOWN = 6
"""How many files of unknown size may wait in a worker: most of them are small, but not all."""


def _lookahead(job: Job) -> int:
    """Return how many jobs may wait in a worker, this one included."""
    if not isinstance(job, FetchFile) or 0 < job.size < _HEAVY:
        return LOOKAHEAD
    return 0 if job.size else _UNKNOWN


@dataclass(frozen=True)
class _StartWorker:
    """Begins to work, in a worker."""

    settings: WorkerSettings

    def __call__(self) -> Handler:
        # Only here: a run without jobs starts no worker, and its imports take as long as that run.
        from minimirror.sync.workers.worker import Worker  # noqa: PLC0415

        settings = self.settings
        if settings.attends and isinstance(settings.repository, Path):
            attend(open_repository(settings.repository, settings.state).state)
        return Worker(settings)


@dataclass(frozen=True)
class _Equipped:
    """Starts a worker with the credentials of this process, whose environment it may not have."""

    start: Callable[[], Handler]
    environment: Mapping[str, str] = field(repr=False)
    is_local: bool
    """Whether its fork server inherited what this process's environment was then; a cluster has its own."""

    def __call__(self) -> Handler:
        if self.is_local:
            for name in bucket_environment():
                del os.environ[name]
        os.environ.update(self.environment)
        return self.start()


def starter_of(
    config: Config,
    start: Callable[[], Handler],
    folder: Repository,
    *,
    preload: Sequence[str],
    writes: bool = False,
) -> Starter | DaskStarter:
    """Return what starts workers: on this machine, or on the config's cluster.

    :param start: as for :class:`Starter`
    :param folder: which workers use
    :param preload: as for :class:`Starter`
    :param writes: whether the run may write to the folder
    """
    if isinstance(config.repository, str):
        start = _Equipped(start, bucket_environment(), config.workers is None)
    if config.workers is None:
        return Starter(start, preload)
    # Only here: few mirrors have a cluster.
    from minimirror.sync.workers.dask import DaskStarter  # noqa: PLC0415

    return DaskStarter(config.workers, start, folder, writes=writes)


def open_pool(config: Config, settings: WorkerSettings) -> Pool[Job]:
    """Return a pool of workers, which start when there are jobs for them."""
    modules = [__name__, _WORKER, "minimirror.upstream.transfers", "asyncio"]
    folder = open_repository(settings.repository, settings.state)
    return Pool[Job](
        starter_of(config, _StartWorker(settings), folder, preload=modules, writes=settings.attends),
        processes=config.processes,
        capacity=config.connections,
        lookahead=_lookahead,
        limit=config.file_timeout + _GRACE,
    )
