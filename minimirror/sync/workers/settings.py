"""What the workers of a run are told, and how they are opened."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from minimirror.selection import Rules
from minimirror.storage import Repository, attend, bucket_environment, open_repository
from minimirror.sync.workers.jobs import FetchFile, Job
from minimirror.sync.workers.processes import LOOKAHEAD, Pool
from minimirror.sync.workers.starting import Starter
from minimirror.upstream import IndexAddress, Pace, Retry

if TYPE_CHECKING:
    # A worker does not need it, and pydantic takes a tenth of a second to import.
    from minimirror.config import Config
    from minimirror.sync.workers.dask import DaskStarter
    from minimirror.sync.workers.worker import Worker
    from minimirror.sync.workers.worker_process import Handler

__all__ = ["WorkerSettings", "open_pool", "starter_of"]

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
class WorkerSettings:
    """What a worker needs to know. Calling it in the worker returns what handles its jobs."""

    indexes: tuple[IndexAddress, ...]
    """The main one first."""

    repository: Path | str
    """The folder, or the URL of a bucket."""

    state: Path | None
    """The local folder for a bucket's catalog; None for the default."""

    rules: Rules
    pace: Pace
    retry: Retry
    connections: int
    """Connections to a host, and transfers under way with HTTP/1.1."""

    streams: int
    """Transfers under way with HTTP/2."""

    attends: bool = True
    """Whether it writes to the partial folder, so that another run has to wait until it has ended."""

    @classmethod
    def of(cls, config: Config) -> WorkerSettings:
        """Return the settings for a config."""
        alone = not config.indexes
        cert = str(config.client_cert) if config.client_cert else None
        named = (IndexAddress(each.request_url, each.name, each.kind, alone, cert) for each in config.indexes)
        return cls(
            (IndexAddress(config.index_url, alone=alone, cert=cert), *named),
            config.repository,
            config.state,
            Rules.of(config),
            Pace(config.connect_timeout, config.read_timeout, config.min_rate),
            Retry(attempts=1 + config.retries, total=config.file_timeout),
            config.connections,
            config.streams,
        )

    def __call__(self) -> Worker:
        """Begin to work."""
        # Only here: a run without jobs starts no worker, and its imports take as long as that run.
        from minimirror.sync.workers.worker import Worker  # noqa: PLC0415

        if self.attends and isinstance(self.repository, Path):
            attend(open_repository(self.repository, self.state).state)
        return Worker(self)


@dataclass(frozen=True)
class _Equipped:
    """Starts a worker with the credentials of this process, whose environment it may not have."""

    start: Callable[[], Handler]
    environment: Mapping[str, str] = field(repr=False)

    def __call__(self) -> Handler:
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
        start = _Equipped(start, bucket_environment())
    if config.workers is None:
        return Starter(start, preload)
    # Only here: few mirrors have a cluster.
    from minimirror.sync.workers.dask import DaskStarter  # noqa: PLC0415

    return DaskStarter(config.workers, start, folder, writes=writes)


def open_pool(config: Config, settings: WorkerSettings) -> Pool[Job]:
    """Return a pool of workers, which start when there are jobs for them."""
    modules = [_WORKER, "minimirror.upstream.transfers", "asyncio"]
    folder = open_repository(settings.repository, settings.state)
    return Pool[Job](
        starter_of(config, settings, folder, preload=modules, writes=settings.attends),
        processes=config.processes,
        capacity=config.connections,
        lookahead=_lookahead,
        limit=config.file_timeout + _GRACE,
    )
