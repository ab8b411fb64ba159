"""What the workers of a run are told."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from minimirror.selection import Rules
from minimirror.upstream import IndexAddress, Pace, Retry

if TYPE_CHECKING:
    # A worker does not need it, and pydantic takes a tenth of a second to import.
    from minimirror.config import Config

__all__ = ["WorkerSettings"]


@dataclass(frozen=True)
class WorkerSettings:
    """What a worker needs to know."""

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
    """Connections to a host, and transfers in progress with HTTP/1.1."""

    streams: int
    """Transfers in progress with HTTP/2."""

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
