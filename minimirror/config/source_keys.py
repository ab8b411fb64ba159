"""Keys of the config: which folder to fill, from which index, by which workers."""

import os
from typing import Any

from pydantic import BaseModel, ConfigDict, Field

from minimirror.config.indexes import Indexes
from minimirror.config.numbers import Count
from minimirror.config.paths import FilePath, FolderPath, RepositoryPath
from minimirror.config.urls import IndexUrl, Scheduler, default_index_url

__all__ = ["Keys", "SourceKeys", "default_processes"]

# Of the whole run, unless configured: polite to the index.
_MOST_PROCESSES = 4
_MOST_CONNECTIONS = 32
_STREAMS = 100


def default_processes() -> int:
    """Return how many CPUs this process may use, at most 4, which fill any network."""
    known = hasattr(os, "sched_getaffinity")
    usable = len(os.sched_getaffinity(0)) if known else os.cpu_count() or 1
    return min(usable, _MOST_PROCESSES)


def _default_processes(data: dict[str, Any]) -> int:
    return _MOST_PROCESSES if data.get("workers") else default_processes()


def _default_connections(data: dict[str, Any]) -> int:
    # "processes" is absent if it is invalid, which is a separate error.
    processes: int = data.get("processes", 1)
    return max(1, _MOST_CONNECTIONS // processes)


class Keys(BaseModel):
    """The number of worker processes, from 1 to 512: on this machine, or on the whole cluster."""

    model_config = ConfigDict(frozen=True, extra="forbid", hide_input_in_errors=True, defer_build=True)


class SourceKeys(Keys):
    """Which folder to fill, from which index, by which workers."""

    repository: RepositoryPath = Field(examples=["~/minirepo", "packages", "s3://bucket/prefix"])
    """The folder to fill, or a bucket of an object store: `s3://…`, `gs://…` or `az://…` (see
    [object-store.md](object-store.md)). A relative path starts at the config file's folder; `~` is your home
    directory."""

    state: FolderPath | None = Field(None, examples=["~/.local/state/minimirror/lab"])
    """If `repository` is a bucket: the local folder for the catalog and unfinished transfers. By default, it
    is named after the bucket. This key has no effect on a mirror in a folder."""

    workers: Scheduler | None = Field(None, examples=["tcp://scheduler.example.org:8786"])
    """The address of a Dask scheduler, to run the worker processes on its cluster. All machines of the
    cluster must have the folder at the same path. See [cluster.md](cluster.md)."""

    processes: Count = Field(default_factory=_default_processes, examples=[2])
    """The number of worker processes, from 1 to 512: on this machine, or on the whole cluster."""

    connections: Count = Field(default_factory=_default_connections, examples=[16])
    """How many transfers each process runs at once, from 1 to 512. With HTTP/1.1, each transfer needs its own
    connection."""

    index_url: IndexUrl = Field(
        default_factory=default_index_url, examples=["https://index.example.org/simple/"]
    )
    """The URL of the index's simple API. It may include credentials: `https://user:password@host/…`."""

    indexes: Indexes = Field(
        (),
        examples=[
            [
                {
                    "name": "pytorch",
                    "url": "https://wheels.example.org/whl/cpu/",
                    "projects": ["torch", "torchvision", "re:nvidia-.*"],
                }
            ]
        ],
    )
    """Additional indexes, each for certain projects. A project comes from the first index whose `projects`
    match its name, otherwise from `index_url`, never from both. This key does not select projects to
    mirror; `projects` and `requirements` do. Each index has a `name`, a `url` and `projects` (names,
    globs, `re:…`). If the URL is a single page of links to files, add `"kind": "find-links"`. See
    [indexes.md](indexes.md)."""

    client_cert: FilePath | None = Field(None, examples=["~/.config/minimirror/client.pem"])
    """The client certificate for the hosts of `index_url` and `indexes`: a PEM file with the certificate and
    its key, as for pip's `--client-cert`."""

    @property
    def streams(self) -> int:
        """How many transfers a process has in progress with HTTP/2."""
        if "connections" in self.model_fields_set:
            return self.connections
        return max(1, min(_STREAMS, _MOST_PROCESSES * _STREAMS // self.processes))
