"""What Prometheus gets at ``/-/metrics``: counts since the process started, and gauges of the mirror."""

from __future__ import annotations

import time
from functools import partial

import prometheus_client
from starlette.types import Scope

from minimirror.publish.static import SUFFIX
from minimirror.serve.overview import Overview

__all__ = ["FAILED", "FETCHED", "FETCHED_BYTES", "MISSED", "count_request", "metrics_page"]

# Without the time at which each began.
prometheus_client.disable_created_metrics()  # type: ignore[no-untyped-call]

_REGISTRY = prometheus_client.CollectorRegistry()
prometheus_client.ProcessCollector(registry=_REGISTRY)
_counter = partial(prometheus_client.Counter, namespace="minimirror", registry=_REGISTRY)
_gauge = partial(prometheus_client.Gauge, namespace="minimirror", registry=_REGISTRY)

_AGE = _gauge(
    "last_complete_run_age_seconds",
    "Age of the last complete run, or of the state that a bundle brought; +Inf if none.",
)
_PROJECTS = _gauge("projects", "Projects with files.")
_FILES = _gauge("files", "Files, mirrored and local.")
_BYTES = _gauge("bytes", "Bytes of these files.")
_MISSING = _gauge("missing", "Files and projects that the last finished run could not mirror.")

FETCHED = _counter("on_demand_files", "Files fetched on demand.")
FETCHED_BYTES = _counter("on_demand_bytes", "Bytes of these files.")
FAILED = _counter("on_demand_failures", "Files that could not be fetched on demand, or not kept.")
MISSED = _counter("missed", "Requests for projects that clients did not get.")
_REQUESTS = _counter(
    "requests", "Requests by what they asked for and the status of the answer.", ("kind", "status")
)


def count_request(scope: Scope, status: int) -> None:
    """Count a request that is being answered."""
    kind = getattr(scope["endpoint"], "__name__", "browse") if "endpoint" in scope else "other"
    if kind == "file" and scope["path"].endswith(SUFFIX):
        kind = "metadata"
    _REQUESTS.labels(kind, status).inc()


def metrics_page(overview: Overview) -> bytes:
    """Return the page, in Prometheus's text format."""
    complete = overview.catalog.last_complete
    _AGE.set(time.time() - complete.as_of if complete else float("inf"))
    _PROJECTS.set(len(overview.projects))
    _FILES.set(overview.files)
    _BYTES.set(overview.bytes)
    _MISSING.set(len(overview.catalog.missing))
    return prometheus_client.generate_latest(_REGISTRY)
