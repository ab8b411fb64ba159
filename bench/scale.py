"""``python -m bench.scale``: plan a mirror as large as PyPI, with synthetic pages and no transfers.

The list of projects comes from a server on loopback; pages and files are made up where a worker would read
and fetch them. Catalog, changes, planner, schedule and worker pool are the real ones. Seconds are of
the parent's CPU.
"""

import argparse
import asyncio
import json
import multiprocessing
import os
import resource
import sys
import tempfile
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, HTTPServer
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

from minimirror.common import Summary
from minimirror.config import Config
from minimirror.simple_api import File
from minimirror.storage import Catalog, FileRow, MirrorFolder
from minimirror.sync.changes import find_changes
from minimirror.sync.planner import Planner
from minimirror.sync.project_plan import file_row
from minimirror.sync.schedule import Schedule
from minimirror.sync.scope import found_scope
from minimirror.sync.session import Session
from minimirror.sync.workers.jobs import FetchFile, PageRead, ReadPage, SelectedFile
from minimirror.sync.workers.processes import LOOKAHEAD, Pool
from minimirror.sync.workers.starting import Starter

_PYPI = 800_000
"""Projects of PyPI, rounded up."""

_FILES = 19
"""Files of a project, in the mean: 15 million in all."""

_SIZE = 2_000_000
"""Bytes of a file, in the mean: 30 TB in all."""

_DAY = 80
"""A day changes one of so many projects: 10,000 of PyPI's."""

_TOGETHER = 1000
"""Rows in one statement."""

_RATE = 10e6
"""Bytes per second of one transfer, for the number of transfers that can be kept under way."""


class _Folder(MirrorFolder):
    """A folder that has every file, with its size."""

    def size(self, filename: str) -> int | None:  # noqa: ARG002 - all are alike
        return _SIZE


def _name(number: int) -> str:
    return f"project-{number}"


def _serve(projects: int, started: Connection) -> None:
    """Serve the list of projects. After its first reading, a day has passed."""

    def answer(day: int) -> bytes:
        names = (
            {"name": _name(each), "_last-serial": each + 1 + day * projects * (not each % _DAY)}
            for each in range(projects)
        )
        meta = {"api-version": "1.4", "_last-serial": (1 + day) * projects}
        return json.dumps({"meta": meta, "projects": list(names)}).encode()

    class Handler(BaseHTTPRequestHandler):
        days = iter((0, 1))

        def do_GET(self) -> None:
            day = next(Handler.days, 1)
            body = answer(day)
            self.send_response(200)
            self.send_header("Content-Type", "application/vnd.pypi.simple.v1+json")
            self.send_header("X-PyPI-Last-Serial", str((1 + day) * projects))
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: object) -> None:
            """Say nothing."""

    with HTTPServer(("127.0.0.1", 0), Handler) as server:
        started.send(server.server_address[1])
        server.serve_forever()


@contextmanager
def _served(projects: int) -> Iterator[str]:
    ours, theirs = multiprocessing.Pipe()
    server = multiprocessing.get_context("spawn").Process(target=_serve, args=(projects, theirs), daemon=True)
    server.start()
    try:
        yield f"http://127.0.0.1:{ours.recv()}/simple/"
    finally:
        server.kill()
        server.join()


def _page(project: str, serial: int | None, files: int) -> PageRead:
    """Return what a worker would read from a project's page."""
    names = (f"{project.replace('-', '_')}-{number}.0-py3-none-any.whl" for number in range(files))
    return PageRead(
        tuple(
            SelectedFile(
                File(
                    name,
                    f"https://files.example.org/packages/{name}",
                    {"sha256": f"{hash(name) & (1 << 64) - 1:064x}"},
                    _SIZE,
                    1.7e9,
                    ">=3.9",
                ),
                f"{number}.0",
            )
            for number, name in enumerate(names)
        ),
        validator=str(serial),
        serial=serial,
    )


class _Mirror:
    """The parent's side of a run."""

    def __init__(self, path: Path, url: str) -> None:
        self._config = Config(repository=path, index_url=url, releases="all")
        self._folder = _Folder(path)
        self._folder.prepare()

    def run(self, files: int) -> dict[str, float]:
        """Find the changes, plan each changed page, and note all files as fetched."""
        summary, begun = Summary(), time.process_time()
        with Catalog(self._folder.catalog) as catalog:
            session = Session(self._config, self._folder, catalog, summary)
            with found_scope(session) as scope:
                changes = find_changes(session, scope)
            changes.record(catalog)
            catalog.commit()
            found = time.process_time() - begun
            planner = Planner(session, scope)
            schedule, rows, pages, fetched = Schedule(planner.pages()), [], 0, 0
            while (job := schedule.next()) is not None:
                if isinstance(job, ReadPage):
                    pages += 1
                    plan = planner.plan(job.project, _page(job.project, _serial(catalog, job), files))
                    assert plan is not None
                    for each in plan.fetch:
                        schedule.add(each)
                    catalog.projects.put(plan.row)
                elif isinstance(job, FetchFile):
                    fetched += 1
                    digest = job.selected.file.digests["sha256"]
                    rows.append(file_row(job.project, job.selected, _SIZE, digest))
                    if len(rows) == _TOGETHER:
                        _put(catalog, rows)
            _put(catalog, rows)
            return {
                "changes_seconds": found,
                "planning_seconds": time.process_time() - begun - found,
                "pages": pages,
                "files": fetched,
            }

    def catalog_bytes(self) -> int:
        """Return the size of the catalog."""
        return self._folder.catalog.stat().st_size


def _serial(catalog: Catalog, job: ReadPage) -> int | None:
    """Return the serial that the index lists for the page of a job."""
    row = catalog.projects.get(job.project)
    return None if row is None else row.listed


def _put(catalog: Catalog, rows: list[FileRow]) -> None:
    catalog.files.put(rows)
    catalog.commit()
    rows.clear()


class Nothing:
    """Handles a job in a worker: does nothing."""

    capacity = 32

    async def do(self, job: Any, report: Callable[[int], None]) -> str:  # noqa: ARG002 - as any handler
        """Do nothing with a job."""
        await asyncio.sleep(0)
        return str(job.filename)


def jobs_per_second(count: int, processes: int, starter: Any) -> float:
    """Return how many jobs per second the parent hands out, to workers that do nothing.

    :param starter: starts workers with :class:`Nothing`
    """
    page = _page("demo", 1, count)
    jobs = iter([FetchFile("demo", each) for each in page.selected])
    with Pool[FetchFile](
        starter,
        processes=processes,
        capacity=Nothing.capacity,
        lookahead=lambda _: LOOKAHEAD,
        limit=3600.0,
    ) as pool:
        done, begun = 0, 0.0
        for outcomes in pool.run(lambda: next(jobs, None)):
            begun = begun or time.perf_counter() * bool(outcomes)
            done += sum(outcome.error is None for outcome in outcomes)
        return done / (time.perf_counter() - begun)


def _lines(figures: dict[str, Any]) -> Iterable[str]:
    cold, day, jobs = figures["cold"], figures["day"], figures["jobs_per_second"]
    yield f"{figures['projects']:,} projects, {cold['files']:,} files"
    for title, run in (("cold run", cold), ("a day later", day)):
        yield (
            f"{title}: {run['changes_seconds']:.1f} s to find changes,"
            f" {run['planning_seconds']:.1f} s to plan {run['pages']:,} pages"
            f" and record {run['files']:,} files"
        )
    catalog, parent = (figures[key] / 1e6 for key in ("catalog_bytes", "parent_bytes"))
    yield f"catalog: {catalog:,.0f} MB; parent: {parent:,.0f} MB"
    yield f"jobs handed out: {jobs:,.0f} per second"
    for trip, size in ((0.03, 1e5), (0.03, 2e6), (0.1, 2e6)):
        busy = jobs * (trip + size / _RATE)
        yield f"  keeps {busy:,.0f} transfers busy at {trip * 1000:.0f} ms and {size / 1e6:g} MB per file"


def main(arguments: list[str] | None = None) -> int:
    """Measure, and print the figures."""
    parser = argparse.ArgumentParser(prog="python -m bench.scale", description=__doc__)
    parser.add_argument(
        "--projects", type=int, default=_PYPI // 50, help=f"how many (default: %(default)s; PyPI: {_PYPI})"
    )
    parser.add_argument("--files", type=int, default=_FILES, help="of each project (default: %(default)s)")
    parser.add_argument("--jobs", type=int, default=50_000, help="to hand out (default: %(default)s)")
    parser.add_argument("--processes", type=int, default=os.cpu_count() or 1, help="workers for that")
    parser.add_argument("--dir", type=Path, help="where the catalog is made (default: a temporary folder)")
    parser.add_argument("--json", action="store_true", help="print one JSON object")
    options = parser.parse_args(arguments)
    if options.dir:
        options.dir.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=options.dir) as folder, _served(options.projects) as url:
        mirror = _Mirror(Path(folder) / "mirror", url)
        figures: dict[str, Any] = {"projects": options.projects, "cold": mirror.run(options.files)}
        figures["day"] = mirror.run(options.files + 1)
        figures["catalog_bytes"] = mirror.catalog_bytes()
        figures["parent_bytes"] = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss << 10
    figures["jobs_per_second"] = jobs_per_second(
        options.jobs, options.processes, Starter(Nothing, preload=["bench.scale"])
    )
    print(json.dumps(figures) if options.json else "\n".join(_lines(figures)))
    return 0


if __name__ == "__main__":
    # A worker would not find what is in the module `__main__`.
    from bench import scale  # noqa: PLW0406

    sys.exit(scale.main())
