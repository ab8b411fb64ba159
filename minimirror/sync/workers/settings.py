"""What the workers of a run are told, and how they are opened."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from minimirror.selection import Rules
from minimirror.storage import attend, open_repository
from minimirror.sync.workers.jobs import FetchFile, Job
from minimirror.sync.workers.processes import LOOKAHEAD, Pool
from minimirror.sync.workers.starting import Starter
from minimirror.upstream import IndexAddress, Pace, Retry

if TYPE_CHECKING:
    # A worker does not need it, and pydantic takes a tenth of a second to import.
    from minimirror.config import Config
    from minimirror.sync.workers.worker import Worker

__all__ = ["WorkerSettings", "open_pool"]

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

        if self.attends:
            attend(open_repository(self.repository, self.state).state)
        return Worker(self)


def open_pool(config: Config, settings: WorkerSettings) -> Pool[Job]:
    """Return a pool of workers, which start when there are jobs for them."""
    return Pool[Job](
        Starter(settings, preload=[_WORKER, "minimirror.upstream.transfers", "asyncio"]),
        processes=config.processes,
        capacity=config.connections,
        lookahead=_lookahead,
        limit=config.file_timeout + _GRACE,
    )
