"""The case of serving: what a page costs among many files, and a big file, while slow clients are idle."""

import dataclasses
from pathlib import Path

from bench.errors import BenchError
from bench.lab import Lab, Row, Verdict
from bench.measure import Run
from bench.servers import (
    Load,
    NginxServer,
    PypiServer,
    Serve,
    Server,
    make_folder,
    memory,
    page_paths,
    slow_clients,
)

__all__ = ["serve"]

PAGES = 10_000
"""How many are asked for."""
RATE = 1000
"""How many a second, where it is latency that counts."""
SLOW = 500
"""Clients that are idle meanwhile."""
OF_PYPISERVER = 2
"""Pages that pypiserver is asked for, one after another."""


def _row(lab: Lab, case: str, server: Server) -> Row:
    row = Row(case, server.name)
    lab.rows.append(row)
    return row


def _ask(lab: Lab, row: Row, server: Server, paths: list[str]) -> Load:
    """Ask for pages, as fast as they are answered and then at a rate; return what the latter took."""
    script = lab.work / "runs" / "served.lua"
    rate = max(server.pages_per_second(paths, script) for _ in range(lab.repeat))
    row.runs.append(Run(len(paths) / rate, 0.0, 0, ""))
    steady = [server.load(paths, rate=RATE) for _ in range(lab.repeat)]
    # The best of each figure: other work on the machine can only make one worse.
    found = Load(*(min(each) for each in zip(*map(dataclasses.astuple, steady), strict=True)))
    row.remark = (
        f"{rate:,.0f} pages a second; at {RATE} a second p50 {1000 * found.p50:.2f} ms,"
        f" p99 {1000 * found.p99:.2f} ms"
    )
    lab.tell(f"{row.case}: {row.tool}: {row.remark}")
    return found


def _ask_pypiserver(lab: Lab, case: str, folder: Path, paths: list[str]) -> None:
    server = PypiServer(lab.minimirror_program.with_name("pypi-server"))
    row = _row(lab, f"{case}: {OF_PYPISERVER} pages", server)
    try:
        with server.serve(folder):
            found = server.load(paths[:OF_PYPISERVER], connections=1)
    except (BenchError, OSError) as error:
        row.problem = f"void: {error}"
        return
    row.runs.append(Run(found.seconds, 0.0, 0, ""))
    row.remark = f"p50 {1000 * found.p50:.0f} ms"
    lab.tell(f"{row.case}: {row.tool}: {row.remark}")


def _download(lab: Lab, server: Server) -> Row:
    row = _row(lab, "serve, a file of 1 GB", server)
    row.runs += [server.download(lab.work / "runs" / "download.log") for _ in range(lab.repeat)]
    lab.tell(f"{row.case}: {row.tool}: {row.seconds:.2f} s")
    return row


def serve(lab: Lab) -> None:
    """Serve a folder of many files: pages, a big file, and both with idle clients."""
    folder = lab.work / "runs" / "served"
    make_folder(lab.minimirror_python, folder, lab.served)
    paths, case = page_paths(lab.served, PAGES), f"serve, {lab.served:,} files"
    ours, nginx = Serve(lab.minimirror_program), NginxServer()
    row = _row(lab, case, ours)
    with ours.serve(folder) as process:
        # From here on, pages are cached, and there are buffers for so many clients.
        with slow_clients(ours.port, SLOW):
            ours.load(paths)
            before = memory(process)
        steady = _ask(lab, row, ours, paths)
        with slow_clients(ours.port, SLOW):
            slow = _ask(lab, _row(lab, f"{case}, {SLOW} idle clients", ours), ours, paths)
        own = _download(lab, ours)
        grown = memory(process) - before
        row.remark += f"; {before:.0f} MB of memory"
        nginx.publish(folder, paths, ours)
    with nginx.serve(folder):
        of_nginx = _row(lab, case, nginx)
        _ask(lab, of_nginx, nginx, paths)
        other = _download(lab, nginx)
    rate = PAGES / row.seconds if row.seconds else None
    share = of_nginx.seconds / row.seconds if row.seconds and of_nginx.seconds else None
    speed = other.seconds / own.seconds if other.seconds and own.seconds else None

    lab.verdicts += [
        Verdict("serve", "pages a second", rate, 8000, at_least=True, unit=""),
        Verdict("serve", "pages a second / nginx's", share, 0.1, at_least=True),
        Verdict("serve", f"p50 at {RATE} pages a second", 1000 * steady.p50, 0.5, unit="ms"),
        Verdict("serve", f"p99 at {RATE} pages a second", 1000 * steady.p99, 5, unit="ms"),
        Verdict("serve", f"p99 with {SLOW} idle clients", 1000 * slow.p99, 5, unit="ms"),
        Verdict("serve", "a download's rate / nginx's", speed, 0.5, at_least=True),
        Verdict("serve", "memory that the load adds", grown, 16, unit="MB"),
    ]
    # It may take minutes for a page.
    _ask_pypiserver(lab, case, folder, paths)
