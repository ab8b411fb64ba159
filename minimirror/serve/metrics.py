"""The page for Prometheus at ``/-/metrics``."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Iterator

from prometheus_client import CollectorRegistry, ProcessCollector, generate_latest
from prometheus_client.metrics_core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.registry import Collector
from starlette.types import Scope

from minimirror.publish.static import SUFFIX
from minimirror.serve.overview import Overview
from minimirror.serve.usage import Usage

__all__ = ["Metrics"]


class Metrics:
    """Counts requests, and renders the page."""

    def __init__(self, usage: Usage) -> None:
        self._usage = usage
        self._requests: Counter[tuple[str, int]] = Counter()

    def count(self, scope: Scope, status: int) -> None:
        """Count a request that is being answered."""
        kind = getattr(scope["endpoint"], "__name__", "browse") if "endpoint" in scope else "other"
        if kind == "file" and scope["path"].endswith(SUFFIX):
            kind = "metadata"
        self._requests[kind, status] += 1

    def render(self, overview: Overview) -> bytes:
        """Return the page, in Prometheus's text format."""
        registry = CollectorRegistry()
        ProcessCollector(registry=registry)
        registry.register(_Page(overview, self._requests, self._usage))
        return generate_latest(registry)


class _Page(Collector):
    def __init__(self, overview: Overview, requests: Counter[tuple[str, int]], usage: Usage) -> None:
        self._overview = overview
        self._usage = usage
        self._requests = requests

    def collect(self) -> Iterator[Metric]:
        overview = self._overview
        complete = overview.catalog.last_complete
        gauges = {
            "last_complete_run_age_seconds": (
                "Age of the last complete run, or of the state that a bundle brought; +Inf if none.",
                time.time() - complete.as_of if complete else float("inf"),
            ),
            "projects": ("Projects with files.", len(overview.projects)),
            "files": ("Files, mirrored and local.", overview.files),
            "bytes": ("Bytes of these files.", overview.bytes),
            "missing": (
                "Files and projects that the last finished run could not mirror.",
                len(overview.catalog.missing),
            ),
        }
        for name, (text, value) in gauges.items():
            yield GaugeMetricFamily(f"minimirror_{name}", text, value)
        usage = self._usage
        counts = {
            "on_demand_files": ("Files that came on demand.", usage.files),
            "on_demand_bytes": ("Bytes of these files.", usage.bytes),
            "on_demand_failures": ("Files that could not be fetched on demand, or not kept.", usage.failures),
            "missed": ("Requests for projects that clients did not get.", usage.misses),
        }
        for name, (text, value) in counts.items():
            yield CounterMetricFamily(f"minimirror_{name}", text, value)
        requests = CounterMetricFamily(
            "minimirror_requests", "Requests by what they asked for and the status of the answer.",
            labels=("kind", "status"),
        )  # fmt: skip
        for (kind, status), count in sorted(self._requests.items()):
            requests.add_metric((kind, str(status)), count)
        yield requests
