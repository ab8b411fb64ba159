"""The tools that are measured, each with the folder it fills and what must be in it afterwards."""

import json
import os
import shutil
import subprocess
import sys
from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from bench.catalog import File
from bench.errors import BenchError
from bench.measure import Run, count_files, last_line, measure
from bench.pages import Site

__all__ = ["Bandersnatch", "Curl", "Minimirror", "Task", "Tool", "install_bandersnatch"]

BANDERSNATCH = "8.2.0"
_BANDERSNATCH_PYTHON = (3, 12)


@dataclass(frozen=True)
class Task:
    """What to fetch, from where, and so what must be there afterwards."""

    site: Site
    """The index."""

    files: Sequence[File]
    """The files of every project's newest release."""

    markup: str = "json"
    """Which of the site's two indexes to read: ``json`` or ``html``."""

    pages: Sequence[str] = ()
    """Paths of the pages that lead to the files, for curl."""

    ca_bundle: Path | None = None
    """The certificate that the index is trusted by, if it has TLS."""

    @property
    def expected(self) -> tuple[int, int]:
        """Return the number of files and their bytes."""
        return len(self.files), sum(file.size for file in self.files)


class Tool(ABC):
    """Something that fetches the files of a task into a folder."""

    name: str
    """Its name in the table."""

    @abstractmethod
    def command(self, task: Task, target: Path, settings: Path) -> list[str | Path]:
        """Write what the tool needs to know into *settings* and return its command line."""

    @abstractmethod
    def found(self, target: Path) -> tuple[int, int]:
        """Return the number of fetched files, and their bytes."""

    def environment(self, task: Task) -> dict[str, str]:  # noqa: ARG002 - for those who need it
        """Return the variables that the tool needs."""
        return {}

    def run(self, task: Task, target: Path, *, watch: bool = False) -> Run:
        """Run the tool once on *target*.

        Raises:
            BenchError: it failed, or did not fetch the expected files

        """
        settings = target.with_name(f"{target.name}.settings")
        settings.mkdir(parents=True, exist_ok=True)
        target.mkdir(exist_ok=True)
        log = settings / "stderr.log"
        command = self.command(task, target, settings)
        run = measure(command, log, watch=watch, environment=self.environment(task))
        if run.status != 0:
            raise BenchError(f"{self.name} exited with {run.status}: {last_line(log)}")
        found = self.found(target)
        if found != task.expected:
            files, size = task.expected
            raise BenchError(
                f"{self.name} left {found[0]:,} files of {found[1]:,} bytes, expected {files:,} of {size:,}"
            )
        return run


@dataclass(frozen=True)
class Curl(Tool):
    """``curl --parallel`` over the pages and the files: what the machine can do when nothing is checked."""

    connections: int
    """Transfers at once."""

    name = "curl"

    def command(self, task: Task, target: Path, settings: Path) -> list[str | Path]:
        """List the URLs: pages, which are discarded, and files, each with its own output file."""
        wanted = [(f"{task.site.base}{page}", os.devnull) for page in task.pages]
        wanted += [(task.site.url(file), str(target / file.filename)) for file in task.files]
        urls = settings / "urls"
        text = "".join(f'url = "{url}"\noutput = "{output}"\n' for url, output in wanted)
        urls.write_text(text, encoding="utf-8")
        options = ["--silent", "--show-error", "--fail", "--noproxy", "*", "--parallel"]
        return ["curl", "--disable", *options, "--parallel-max", str(self.connections), "--config", urls]

    def found(self, target: Path) -> tuple[int, int]:
        """Count the files in the folder itself."""
        return count_files(target)


@dataclass(frozen=True)
class Bandersnatch(Tool):
    """bandersnatch from PyPI, with the newest release kept."""

    program: Path
    """Its command."""

    workers: int = 10
    """As many as it allows."""

    name = "bandersnatch"

    def command(self, task: Task, target: Path, settings: Path) -> list[str | Path]:
        """Write its configuration: its defaults, but for what the case asks for."""
        config = settings / "bandersnatch.conf"
        config.write_text(
            f"""\
[mirror]
directory = {target}
master = {task.site.base}/json
allow-non-https = true
json = false
release-files = true
hash-index = false
stop-on-error = false
workers = {self.workers}

[plugins]
enabled =
    latest_release

[latest_release]
keep = 1
""",
            encoding="utf-8",
        )
        return [self.program, "--config", config, "mirror"]

    def found(self, target: Path) -> tuple[int, int]:
        """Count the release files, without the pages that it writes."""
        return count_files(target / "web" / "packages")


@dataclass(frozen=True)
class Minimirror(Tool):
    """minimirror itself."""

    program: Path
    """Its command."""

    processes: int
    """Worker processes."""

    connections: int | None = None
    """Connections of each process; `None` for its default."""

    name = "minimirror"

    def config(self, task: Task, target: Path) -> dict[str, object]:
        """Return its configuration: its defaults, but for what the case asks for."""
        return {
            "repository": str(target),
            "index_url": f"{task.site.base}/{task.markup}/simple/",
            "processes": self.processes,
            **({} if self.connections is None else {"connections": self.connections}),
        }

    def command(self, task: Task, target: Path, settings: Path) -> list[str | Path]:
        """Write its configuration."""
        path = settings / "minirepo.json"
        path.write_text(json.dumps(self.config(task, target), indent=2), encoding="utf-8")
        return [self.program, "run", "--config", path, "--json", "--quiet"]

    def found(self, target: Path) -> tuple[int, int]:
        """Count the files in the repository, which is flat."""
        return count_files(target)

    def environment(self, task: Task) -> dict[str, str]:
        """Name the certificate."""
        return {"REQUESTS_CA_BUNDLE": str(task.ca_bundle)} if task.ca_bundle else {}

    @staticmethod
    def summary(run: Run) -> dict[str, object]:
        """Return the summary that it printed, empty where it printed none."""
        try:
            summary = json.loads(run.output)
        except ValueError:
            return {}
        return summary if isinstance(summary, dict) else {}


def _python_for_bandersnatch(given: Path | None) -> Path:
    """Return an interpreter that bandersnatch runs on: the given one, else one that is on the path."""
    names = [f"python3.{minor}" for minor in range(16, _BANDERSNATCH_PYTHON[1] - 1, -1)]
    candidates = [str(given)] if given else [sys.executable, *(shutil.which(name) or "" for name in names)]
    test = f"import sys, venv; sys.exit(sys.version_info < {_BANDERSNATCH_PYTHON})"
    for candidate in filter(None, candidates):
        if subprocess.run([candidate, "-c", test], capture_output=True, check=False).returncode == 0:
            return Path(candidate)
    needed = ".".join(map(str, _BANDERSNATCH_PYTHON))
    raise BenchError(f"bandersnatch needs Python {needed} or later: name one with --bandersnatch-python")


def install_bandersnatch(work: Path, python: Path | None) -> Path:
    """Return bandersnatch's command, installed from PyPI in its own virtual environment.

    Raises:
        BenchError: there is no Python for it, or it cannot be installed

    """
    folder = work / f"bandersnatch-{BANDERSNATCH}"
    program = folder / "bin" / "bandersnatch"
    if program.exists():
        return program
    interpreter = _python_for_bandersnatch(python)
    commands: tuple[list[str | Path], ...] = (
        [interpreter, "-m", "venv", "--clear", folder],
        [folder / "bin" / "python", "-m", "pip", "install", "--quiet", f"bandersnatch=={BANDERSNATCH}"],
    )
    for command in commands:
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        if done.returncode != 0:
            shutil.rmtree(folder, ignore_errors=True)
            raise BenchError(f"bandersnatch cannot be installed: {done.stderr.strip()[-400:]}")
    return program
