"""The cases, each one function; the aims stand beside what they judge."""

import dataclasses
import json
from collections.abc import Callable
from pathlib import Path

from bench.bundles import bundle
from bench.catalog import BIG, MAIN, SMALL, Catalog, Project, Shape, tiny
from bench.errors import BenchError
from bench.lab import Lab, Row, Verdict
from bench.measure import Run, last_line, measure
from bench.peers import Minimirror, Task
from bench.server import Nginx
from bench.serving import serve

__all__ = ["CASES"]

DELAY = 0.03
CONNECTIONS = 50
ROOT_NAMES = 700_000
CHANGED = 100
MEGABYTE = 1e6
A_FILE = 15.0
"""Microseconds that selection may take for a file."""

MEMORY_NOISE = 16.0
"""MB by which the memory of two like processes may differ."""


def _task(lab: Lab, catalog: Catalog, nginx: Nginx | None = None) -> Task:
    nginx = nginx or lab.nginx
    pages = [f"/json/simple/{project.name}/" for project in catalog.projects]
    site = lab.site(catalog, base=nginx.base)
    return Task(site, catalog.newest_files(), pages=pages, ca_bundle=nginx.ca_bundle)


def no_latency(lab: Lab) -> None:
    """Newest release of every project, from an index that responds at once."""
    catalog = lab.catalog(MAIN)
    task = _task(lab, catalog)
    with lab.nginx.serve(task.site, catalog):
        tools = [lab.curl(), lab.bandersnatch(), lab.minimirror()]
        curl, bandersnatch, minimirror = lab.fill("no-latency", tools, task)
        task = dataclasses.replace(task, markup="html")
        (from_html,) = lab.fill("no-latency, html", [lab.minimirror()], task)
    lab.ratio(minimirror, curl, 2.2)
    lab.ratio(minimirror, bandersnatch, 0.12)
    lab.verdicts.append(Verdict("no-latency", "minimirror's CPU", minimirror.cpu, 2.5, unit="s"))
    lab.ratio(from_html, curl, 3)


def latency(lab: Lab) -> None:
    """Do the same with 30 ms a request: with 50 connections in all, and with HTTP/2 over TLS."""
    catalog = lab.catalog(MAIN)
    task = _task(lab, catalog)
    with lab.nginx.serve(task.site, catalog, DELAY):
        tools = [lab.curl(), lab.bandersnatch(), lab.minimirror(connections=CONNECTIONS)]
        curl, bandersnatch, minimirror = lab.fill("latency", tools, task)
    lab.ratio(minimirror, curl, 1.15)
    lab.ratio(minimirror, bandersnatch, 0.25)
    nginx = lab.nginx.with_http2()
    task = _task(lab, catalog, nginx)
    with nginx.serve(task.site, catalog, DELAY):
        (with_http2,) = lab.fill("latency, HTTP/2", [lab.minimirror()], task)
    lab.ratio(with_http2, curl, 0.6)


def _again(lab: Lab, case: str, tool: Minimirror | None, task: Task) -> Row:
    """Fill a folder, which is not measured, and then run on it again."""
    runner = tool or lab.bandersnatch()
    row, target = lab.row(case, runner), lab.fresh("target")
    if lab.run(row, runner, task, target):
        row.runs.clear()
        for _ in range(lab.repeat):
            lab.run(row, runner, task, target)
    return row


def nothing_changed(lab: Lab) -> None:
    """Run again on an index in which nothing changed."""
    catalog = lab.catalog(MAIN)
    task = _task(lab, catalog)
    with lab.nginx.serve(task.site, catalog):
        bandersnatch = _again(lab, "nothing-changed", None, task)
        minimirror = _again(lab, "nothing-changed", lab.minimirror(), task)
        from_html = dataclasses.replace(task, markup="html")
        _again(lab, "nothing-changed, html", lab.minimirror(), from_html)
    lab.ratio(minimirror, bandersnatch, 0.6)
    started = [Minimirror.summary(run).get("workers_started") for run in minimirror.runs]
    reported = [float(number) for number in started if isinstance(number, int)]
    value = max(reported) if reported and len(reported) == len(started) else None
    lab.verdicts.append(Verdict("nothing-changed", "workers started", value, 0, unit=""))


def _memory(lab: Lab, shape: Shape) -> tuple[Row, float | None]:
    """Return the peak memory, in MB, of minimirror's largest process over a catalog of one file."""
    catalog = lab.catalog(shape)
    task = _task(lab, catalog)
    with lab.nginx.serve(task.site, catalog):
        row = lab.row(f"memory, {shape.size / MEGABYTE:g} MB", lab.minimirror())
        run = lab.run(row, lab.minimirror(), task, lab.fresh("target"), watch=True)
    if run is None:
        return row, None
    peaks = sorted((peak / MEGABYTE for peak in run.peaks.values()), reverse=True)
    row.remark = "peak MB by process: " + ", ".join(f"{peak:.0f}" for peak in peaks)
    return row, peaks[0]


def big_file(lab: Lab) -> None:
    """One file of 1 GB: the rate, and whether any process's memory grows with it."""
    catalog = lab.catalog(BIG)
    task = _task(lab, catalog)
    with lab.nginx.serve(task.site, catalog):
        curl, minimirror = lab.fill("big-file", [lab.curl(), lab.minimirror()], task)
    rate = curl.seconds / minimirror.seconds if curl.seconds and minimirror.seconds else None
    lab.verdicts.append(Verdict("big-file", "rate / curl's rate", rate, 0.8, at_least=True))
    (_, large), (_, small) = _memory(lab, BIG), _memory(lab, SMALL)
    grown = None if large is None or small is None else large - small
    what = "memory more than for a small file"
    lab.verdicts.append(Verdict("big-file", what, grown, MEMORY_NOISE, unit="MB"))


def _probe(lab: Lab, row: Row, script: str, *arguments: str | Path, watch: bool = False) -> Run | None:
    """Run a probe with minimirror's Python."""
    log = lab.fresh("probe") / "log"
    run = measure([lab.minimirror_python, Path(__file__).with_name(script), *arguments], log, watch=watch)
    if run.status != 0:
        row.problem = f"void: {last_line(log)}"
        return None
    return run


def _probe_root(lab: Lab, row: Row, step: str, target: Path) -> Run | None:
    url = f"{lab.nginx.base}/json/simple/"
    return _probe(lab, row, "root_probe.py", step, url, target, watch=True)


def _compare_root(lab: Lab, row: Row) -> list[float]:
    """Compare a root index with a catalog that knows it; return the peak memory of each run in MB."""
    target = lab.fresh("target")
    if row.problem or _probe_root(lab, row, "prepare", target) is None:
        return []
    peaks = []
    for _ in range(lab.repeat):
        run = _probe_root(lab, row, "compare", target)
        if run is None:
            return []
        found = json.loads(run.output)
        if found != {"names": ROOT_NAMES, "changed": 0}:
            raise BenchError(f"the root probe found {found}")
        row.runs.append(run)
        peaks.append(sum(run.peaks.values()) / MEGABYTE)
        lab.tell(f"{row.case}: {run.seconds:.2f} s, {peaks[-1]:.0f} MB")
    return peaks


def root(lab: Lab) -> None:
    """Read and compare a root index of 700,000 names, all of which are known and unchanged."""
    site = lab.site(lab.catalog(SMALL))
    site.publish_names({f"some-project-{number}": 20_000_000 + number for number in range(ROOT_NAMES)})
    row = lab.row("root", lab.minimirror())
    with lab.nginx.serve(site):
        peaks = _compare_root(lab, row)
    row.remark = f"peak {max(peaks):.0f} MB" if peaks else ""
    lab.verdicts.append(Verdict("root", f"{ROOT_NAMES:,} names", row.seconds, 4, unit="s"))
    lab.verdicts.append(Verdict("root", "memory", max(peaks, default=None), 300, unit="MB"))


def _first_release(project: Project) -> Project:
    return dataclasses.replace(project, releases=project.releases[:1])


def _second_release(project: Project, serial: int) -> Project:
    return dataclasses.replace(project, serial=serial, newest=project.releases[-1].version)


def _cost_of_change(lab: Lab, count: int) -> float | None:
    """Return the milliseconds for each further changed project among *count*.

    A run in which one project changed is the base: it reads the whole root and starts workers, as every run
    does that finds something to do.
    """
    catalog = lab.catalog(tiny(count))
    originals = catalog.projects
    projects = [_first_release(project) for project in originals]
    catalog = dataclasses.replace(catalog, projects=tuple(projects))
    site = lab.site(catalog, html_too=False)
    tool, target = lab.minimirror(), lab.fresh("target")
    filling = lab.row(f"scaling, {count:,} known: fill", tool)
    few = lab.row(f"scaling, {count:,} known: 1 changed", tool)
    many = lab.row(f"scaling, {count:,} known: {1 + CHANGED} changed", tool)
    with lab.nginx.serve(site, catalog):
        if lab.run(filling, tool, Task(site, catalog.newest_files()), target) is None:
            few.problem = many.problem = "there is no filled folder"
            return None
    serial, number = max(project.serial for project in projects), 0
    for row in [few, many] * lab.repeat:
        for _ in range(1 if row is few else 1 + CHANGED):
            serial += 1
            projects[number] = _second_release(originals[number], serial)
            site.publish(projects[number], html_too=False)
            number += 1
        site.publish_root(projects, html_too=False)
        catalog = dataclasses.replace(catalog, projects=tuple(projects))
        with lab.nginx.serve(site, catalog):
            lab.run(row, tool, Task(site, catalog.newest_files()), target)
    if few.seconds is None or many.seconds is None:
        return None
    cost = (many.seconds - few.seconds) / CHANGED * 1000
    many.remark = f"{cost:.2f} ms a changed project"
    return cost


def scaling(lab: Lab) -> None:
    """Change 101 projects, and 1, among 3,000 and among 30,000: the time per project should be the same."""
    few, many = _cost_of_change(lab, 3_000), _cost_of_change(lab, 30_000)
    # Noise may make a cost negative, and then the ratio says nothing.
    value = many / few if few and many and min(few, many) > 0 else None
    lab.verdicts.append(Verdict("scaling", "a changed project of 30,000 / of 3,000", value, 1.25))


def selection(lab: Lab) -> None:
    """Decide on the 4,000 files of a page, without targets and with them."""
    row = lab.row("selection", lab.minimirror())
    run = None if row.problem else _probe(lab, row, "selection_probe.py")
    if run is None:
        return
    row.runs.append(run)
    found: dict[str, float] = json.loads(run.output)
    row.remark = "µs a file: " + "; ".join(f"{rules}: {each:.1f}" for rules, each in found.items())
    for rules, each in found.items():
        lab.verdicts.append(Verdict("selection", f"a file: {rules}", each, A_FILE, unit="µs"))


def bucket(lab: Lab) -> None:
    """Mirror the newest release of every project into a folder, and into a bucket."""
    try:
        # Only this case needs obstore and SeaweedFS.
        from bench.bucket import bucket as case  # noqa: PLC0415
    except ImportError as error:
        lab.row("bucket", lab.minimirror()).problem = f"{error.name} is not installed"
        return
    case(lab)


CASES: dict[str, Callable[[Lab], None]] = {
    "no-latency": no_latency,
    "latency": latency,
    "nothing-changed": nothing_changed,
    "big-file": big_file,
    "root": root,
    "scaling": scaling,
    "selection": selection,
    "serve": serve,
    "bucket": bucket,
    "bundle": bundle,
}
