"""The case of serving: what a page costs among few files and among many, and how fast a big file goes out."""

import dataclasses
from pathlib import Path

from bench.errors import BenchError
from bench.lab import Lab, Row, Verdict
from bench.measure import Run
from bench.servers import Load, NginxServer, PypiServer, Serve, Server, make_folder, page_paths

__all__ = ["serve"]

FEW, MANY = 10_000, 100_000
"""Files in the folder."""
PAGES = 10_000
"""How many are asked for."""
RATE = 1000
"""How many a second, where it is latency that counts."""
OF_PYPISERVER = 8
"""Pages that pypiserver is asked for, one after another."""


def _row(lab: Lab, case: str, server: Server) -> Row:
    row = Row(case, server.name)
    lab.rows.append(row)
    return row


def _ask(lab: Lab, row: Row, server: Server, paths: list[str]) -> Load:
    """Ask for pages, as fast as they are answered and then at a rate; return what the latter took."""
    for _ in range(lab.repeat):
        row.runs.append(Run(server.load(paths).seconds, 0.0, 0, ""))
    steady = [server.load(paths, rate=RATE) for _ in range(lab.repeat)]
    # The best of each figure: other work on the machine can only make one worse.
    found = Load(*(min(each) for each in zip(*map(dataclasses.astuple, steady), strict=True)))
    rate = len(paths) / min(run.seconds for run in row.runs)
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


def _serve(lab: Lab, files: int) -> tuple[Row, Load, list[Row]]:
    """Measure each server with so many files; return minimirror's figures, and the downloads."""
    folder = lab.work / "runs" / "served"
    make_folder(lab.minimirror_python, folder, files)
    paths, case = page_paths(files, PAGES), f"serve, {files:,} files"
    ours, nginx = Serve(lab.minimirror_program), NginxServer()
    row = _row(lab, case, ours)
    with ours.serve(folder):
        steady = _ask(lab, row, ours, paths)
        downloads = [_download(lab, ours)]
        nginx.publish(folder, paths, ours)
    with nginx.serve(folder):
        _ask(lab, _row(lab, case, nginx), nginx, paths)
        downloads.append(_download(lab, nginx))
    _ask_pypiserver(lab, case, folder, paths)
    return row, steady, downloads


def serve(lab: Lab) -> None:
    """Serve a folder of 10,000 files and one of 100,000: a page is to cost the same, and little."""
    few, _, _ = _serve(lab, FEW)
    many, steady, (ours, nginx) = _serve(lab, MANY)
    same = many.seconds / few.seconds if many.seconds and few.seconds else None
    rate = PAGES / many.seconds if many.seconds else None
    speed = nginx.seconds / ours.seconds if nginx.seconds and ours.seconds else None

    lab.verdicts += [
        Verdict("serve", f"a page among {MANY:,} files / among {FEW:,}", same, 1.25),
        Verdict("serve", f"p50 at {RATE} pages a second", 1000 * steady.p50, 2, unit="ms"),
        Verdict("serve", f"p99 at {RATE} pages a second", 1000 * steady.p99, 10, unit="ms"),
        Verdict("serve", "pages a second", rate, RATE, at_least=True, unit=""),
        Verdict("serve", "a download's rate / nginx's", speed, 0.5, at_least=True),
    ]
