"""What holds where a key is left out, of the keys whose default depends on the machine or on other keys."""

from __future__ import annotations

import os
from typing import Any

from minimirror.config.values.address import index_url

__all__ = ["default_connections", "default_index_url", "default_processes"]

# Of the whole run, where nothing is configured: polite to the index.
_MOST_CONNECTIONS = 32


def default_processes() -> int:
    """Return how many CPUs this process may use, at most 32, so that each has a connection of its own."""
    known = hasattr(os, "sched_getaffinity")
    usable = len(os.sched_getaffinity(0)) if known else os.cpu_count() or 1
    return min(usable, _MOST_CONNECTIONS)


def default_connections(data: dict[str, Any]) -> int:
    """Return each process's share of the connections, of a config whose ``processes`` are known."""
    # Missing where they are wrong, which is said elsewhere.
    processes: int = data.get("processes", 1)
    return max(1, _MOST_CONNECTIONS // processes)


def default_index_url() -> str:
    """Return PyPI's."""
    # Importing it costs more than all the rest of reading a config, which may well name another index.
    from pypi_simple import PYPI_SIMPLE_ENDPOINT  # noqa: PLC0415

    return index_url(PYPI_SIMPLE_ENDPOINT)
