"""Whether the mirror is kept true: how long ago a run has last left nothing missing."""

from __future__ import annotations

import time

from minimirror.common import MinimirrorError, format_duration, format_time
from minimirror.config import Config
from minimirror.storage import Catalog, MirrorFolder

__all__ = ["StaleError", "check_health"]


class StaleError(MinimirrorError):
    """No run has lately left nothing missing."""


def check_health(config: Config, within: float) -> float:
    """Ask the catalog, and neither the folder nor the index; a run may be under way.

    :param within: seconds since the end of a run, more than which are too many
    :returns: seconds since the end of the last run that left nothing missing
    :raises StaleError: there was none within that time
    :raises CatalogError: the catalog cannot be read
    """
    repository = MirrorFolder(config.repository)
    if not repository.has_catalog():
        raise StaleError(f"repository {repository.path}: no run has begun there yet")
    with Catalog(repository.catalog) as catalog:
        ended = catalog.last_complete_run()
    if ended is None:
        raise StaleError(f"repository {repository.path}: no run has left nothing missing yet")
    age = max(0.0, time.time() - ended)
    if age > within:
        raise StaleError(
            f"repository {repository.path}: the last run that left nothing missing ended"
            f" {format_duration(age)} ago ({format_time(ended)}); see what `minimirror run` says"
        )
    return age
