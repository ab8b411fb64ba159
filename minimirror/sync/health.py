"""Whether the mirror is up to date: how old the state of the index is that it has."""

from __future__ import annotations

import time

from minimirror.common import MinimirrorError, format_duration, format_time
from minimirror.config import Config
from minimirror.storage import Catalog, RunRow, open_repository

__all__ = ["check_health", "freshness"]


class StaleError(MinimirrorError):
    """The last complete run is too long ago."""


def check_health(config: Config, within: float) -> RunRow:
    """Check how old the mirror's state is. Reads only the catalog, even during a run.

    :param within: how long ago, in seconds, a complete run must have ended. If a bundle was imported since
        then, the exporting mirror's run counts, not the import
    :returns: the last complete run or import
    :raises StaleError: the state is older
    :raises CatalogError: the catalog cannot be read
    """
    folder = open_repository(config.repository, config.state)
    folder.refresh()
    if not folder.has_catalog():
        raise StaleError(f"repository {folder}: no run has started yet; start one with `minimirror run`")
    with Catalog(folder.catalog, read_only=True) as catalog:
        last = catalog.runs.last_complete()
    if last is None:
        raise StaleError(f"repository {folder}: no run has completed yet; `minimirror status` shows why")
    if time.time() - last.as_of > within:
        advice = "import a newer bundle" if last.bundle else "`minimirror status` shows why"
        raise StaleError(f"repository {folder}: {freshness(last)}; {advice}")
    return last


def freshness(last: RunRow) -> str:
    """Return how old the mirror's state is after a complete run or import."""

    def ago(then: float) -> str:
        return f"{format_duration(max(0.0, time.time() - then))} ago ({format_time(then)})"

    if last.bundle is None:
        return f"last complete run {ago(last.as_of)}"
    imported = ago(last.ended or last.started)
    return f"imported {last.bundle} {imported}; its mirror was complete {ago(last.as_of)}"
