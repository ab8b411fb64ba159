"""``python -m bench.cluster``: the same files by one Dask worker and by three, and jobs handed out to three.

Each request takes 30 ms.
"""

import sys
import tempfile
import time
from pathlib import Path

from bench.scale import Nothing, jobs_per_second
from minimirror import Config, run
from minimirror.storage import MirrorFolder
from minimirror.sync.workers.dask import DaskStarter
from tests.helpers.index import Index
from tests.helpers.servers.dask import dask_cluster

__all__ = ["main"]

_PROJECTS = 150
_DELAY = 0.03
_CONNECTIONS = 2
_AIM = 2.5
_JOBS = 50_000
_JOBS_AIM = 3000


def main() -> int:
    """Measure, and print seconds and their ratio."""
    with tempfile.TemporaryDirectory() as name, Index(latency=_DELAY) as index:
        folder = Path(name)
        for number in range(_PROJECTS):
            for release in range(4):
                index.add_wheel(f"project-{number}", f"1.{release}", padding=10_000)
        home = folder / "cluster"
        home.mkdir()
        with dask_cluster(home) as cluster:
            cluster.add(3)
            seconds = {}
            for processes in (1, 3):
                config = Config(
                    repository=folder / str(processes),
                    index_url=index.url,
                    releases="all",
                    workers=cluster.address,
                    processes=processes,
                    connections=_CONNECTIONS,
                )
                begun = time.perf_counter()
                summary = run(config)
                seconds[processes] = time.perf_counter() - begun
                if not summary.complete:
                    print(summary.failures[0], file=sys.stderr)
                    return 1
                print(
                    f"{processes} Dask workers: {seconds[processes]:.1f} s, {summary.files_fetched:,} files"
                )
            starter = DaskStarter(cluster.address, Nothing, MirrorFolder(folder / "jobs"), writes=False)
            jobs = jobs_per_second(_JOBS, 3, starter)
    print(f"{seconds[1] / seconds[3]:.2f} times as fast; the aim is {_AIM}")
    print(f"jobs handed out: {jobs:,.0f} per second; the aim is {_JOBS_AIM:,}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
