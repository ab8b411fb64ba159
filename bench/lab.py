"""Where the cases are measured: the folder, the server, the tools, and the figures so far."""

import shutil
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from bench.catalog import Catalog, Shape, build
from bench.errors import BenchError
from bench.measure import Run
from bench.pages import Site
from bench.peers import Bandersnatch, Curl, Minimirror, Task, Tool
from bench.server import Nginx

__all__ = ["Lab", "Row", "Verdict"]

LONG = 20.0
"""Seconds; a run that lasts longer is not repeated, for noise is small against it."""


@dataclass
class Row:
    """One tool in one case."""

    case: str
    """The case, with what distinguishes it from similar ones: ``no-latency json``."""
    tool: str
    """The tool's name."""
    runs: list[Run] = field(default_factory=list)
    """Its runs, each good."""
    problem: str | None = None
    """Why there is no figure."""
    remark: str = ""
    """What else there is to say."""

    @property
    def seconds(self) -> float | None:
        """The best run's wall time; other work on the machine can only make a run slower."""
        return None if self.problem or not self.runs else min(run.seconds for run in self.runs)

    @property
    def cpu(self) -> float | None:
        """The CPU time of the run that used least."""
        return None if self.problem or not self.runs else min(run.cpu for run in self.runs)


@dataclass(frozen=True)
class Verdict:
    """A figure beside its aim."""

    case: str
    """The case."""
    what: str
    """What is compared."""
    value: float | None
    """What was measured, `None` where it could not be."""
    aim: float
    """What is aimed at."""
    at_least: bool = False
    """The aim is a lower bound; else it is an upper one."""
    unit: str = "x"
    """``x`` for a ratio."""

    @property
    def met(self) -> bool | None:
        """Whether the aim is met; None if unknown."""
        if self.value is None:
            return None
        return self.value >= self.aim if self.at_least else self.value <= self.aim


@dataclass
class Lab:
    """What every case needs."""

    work: Path
    """The benchmark's own folder."""
    nginx: Nginx
    """The server, not running yet."""
    seed: int
    """Of the catalogs."""
    repeat: int
    """Runs of each tool."""
    processes: int
    """minimirror's worker processes."""
    minimirror_program: Path
    """minimirror's command."""
    bandersnatch_program: Path
    """bandersnatch's command."""
    missing: dict[str, str]
    """Tools that cannot be measured, with the reason."""
    tell: Callable[[str], None]
    """Says what is being done."""
    served: int = 100_000
    """Files in the folder of the case of serving."""
    rows: list[Row] = field(default_factory=list)
    """The figures."""
    verdicts: list[Verdict] = field(default_factory=list)
    """The figures beside their aims."""

    def catalog(self, shape: Shape) -> Catalog:
        """Return a catalog, built now or earlier."""
        catalog = build(self.work, shape, self.seed)
        self.tell(f"catalog {shape.folder}: {catalog.describe()}")
        return catalog

    def site(self, catalog: Catalog, *, base: str | None = None, html_too: bool = True) -> Site:
        """Return the pages of a catalog, written again: they name the server's origin, or *base*."""
        site = Site(self.work / "site", base or self.nginx.base)
        site.create(catalog.projects, html_too=html_too)
        return site

    def curl(self) -> Curl:
        """Return curl."""
        return Curl(50)

    def bandersnatch(self) -> Bandersnatch:
        """Return bandersnatch."""
        return Bandersnatch(self.bandersnatch_program)

    def minimirror(self, connections: int | None = None) -> Minimirror:
        """Return minimirror, with *connections* in all where that is said."""
        each = None if connections is None else max(1, connections // self.processes)
        return Minimirror(self.minimirror_program, self.processes, each)

    @property
    def minimirror_python(self) -> Path:
        """The Python that minimirror is installed for."""
        beside = self.minimirror_program.with_name("python")
        return beside if beside.exists() else Path(sys.executable)

    def row(self, case: str, tool: Tool) -> Row:
        """Return a new row of the table."""
        row = Row(case, tool.name, problem=self.missing.get(tool.name))
        self.rows.append(row)
        return row

    def run(self, row: Row, tool: Tool, task: Task, target: Path, *, watch: bool = False) -> Run | None:
        """Run *tool* once on *target* and note the figure, or why there is none."""
        if row.problem:
            return None
        try:
            run = tool.run(task, target, watch=watch)
        except (BenchError, OSError) as error:
            row.problem = f"void: {error}"
            self.tell(f"{row.case}: {row.tool}: {row.problem}")
            return None
        row.runs.append(run)
        self.tell(f"{row.case}: {row.tool}: {run.seconds:.2f} s, CPU {run.cpu:.2f} s")
        return run

    def fresh(self, name: str) -> Path:
        """Return an empty folder for a run."""
        target = self.work / "runs" / name
        shutil.rmtree(target, ignore_errors=True)
        target.mkdir(parents=True)
        return target

    def fill(self, case: str, tools: Sequence[Tool], task: Task) -> list[Row]:
        """Let each tool fill an empty folder, in turn, until each has had its repetitions."""
        rows = [self.row(case, tool) for tool in tools]
        for _ in range(self.repeat):
            for row, tool in zip(rows, tools, strict=True):
                if not (row.runs and row.runs[0].seconds > LONG):
                    self.run(row, tool, task, self.fresh("target"))
                    shutil.rmtree(self.work / "runs" / "target", ignore_errors=True)
        return rows

    def ratio(self, row: Row, other: Row, aim: float) -> None:
        """Judge how long *row* took in terms of *other*."""
        value = row.seconds / other.seconds if row.seconds and other.seconds else None
        self.verdicts.append(Verdict(row.case, f"{row.tool} / {other.tool}", value, aim))
