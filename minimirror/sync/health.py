"""Whether the mirror is up to date: how long ago the last complete run ended."""

from __future__ import annotations

import time

from minimirror.common import MinimirrorError, format_duration, format_time
from minimirror.config import Config
from minimirror.storage import Catalog, MirrorFolder

__all__ = ["StaleError", "check_health"]


class StaleError(MinimirrorError):
    """The last complete run is too long ago."""


def check_health(config: Config, within: float) -> float:
    """Check when the last complete run ended. Reads only the catalog, even during a run.

    :param within: how long ago, in seconds, a complete run must have ended
    :returns: seconds since the last complete run ended
    :raises StaleError: no complete run ended within that time
    :raises CatalogError: the catalog cannot be read
    """
    folder = MirrorFolder(config.repository)
    if not folder.has_catalog():
        raise StaleError(f"repository {folder.path}: no run has started yet; start one with `minimirror run`")
    with Catalog(folder.catalog, read_only=True) as catalog:
        ended = catalog.runs.last_complete()
    if ended is None:
        raise StaleError(f"repository {folder.path}: no run has completed yet")
    age = max(0.0, time.time() - ended)
    if age > within:
        raise StaleError(
            f"repository {folder.path}: the last complete run ended {format_duration(age)} ago"
            f" ({format_time(ended)}); `minimirror run` shows why"
        )
    return age
