"""Servers of a folder, and what they are asked for: pages by wrk and `load.py`, a big file by curl."""

import contextlib
import json
import os
import pwd
import random
import re
import shutil
import socket
import subprocess
import sys
import urllib.request
from abc import ABC, abstractmethod
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from bench.errors import BenchError
from bench.measure import Run, last_line, measure
from bench.running import HOST, free_port, running
from bench.serve_folder import BIG, BIG_SIZE, FILES_A_PROJECT
from bench.server import find_nginx

__all__ = [
    "Load",
    "NginxServer",
    "PypiServer",
    "Serve",
    "Server",
    "make_folder",
    "memory",
    "page_paths",
    "slow_clients",
]

JSON = "application/vnd.pypi.simple.v1+json"
CONNECTIONS = 4
SECONDS = 5
"""How long wrk asks."""
SAMPLE = 1000
"""Projects that are asked for, spread over all."""


def make_folder(python: Path, folder: Path, files: int) -> None:
    """Make a folder to serve, with minimirror's own Python."""
    shutil.rmtree(folder, ignore_errors=True)
    folder.parent.mkdir(parents=True, exist_ok=True)
    log = folder.with_suffix(".log")
    script = Path(__file__).with_name("serve_folder.py")
    if measure([python, script, folder, str(files)], log).status != 0:
        raise BenchError(f"no folder to serve: {last_line(log)}")


def page_paths(files: int, count: int) -> list[str]:
    """Return the addresses of so many pages, the same ones each time."""
    chosen = random.Random(files)
    projects = range(files // FILES_A_PROJECT)
    sample = chosen.sample(projects, min(SAMPLE, len(projects)))
    return [f"/simple/project-{chosen.choice(sample):06}/" for _ in range(count)]


def memory(pid: int) -> float:
    """Return the resident MB of a process and its children."""
    children = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
    status = Path(f"/proc/{pid}/status").read_text()
    own = int(status.partition("VmRSS:")[2].split()[0]) / 1000
    return own + sum(memory(int(child)) for child in children)


@contextlib.contextmanager
def slow_clients(port: int, count: int) -> Iterator[None]:
    """Keep so many connections with half a request, or with a download that nobody reads."""
    whole = f"GET /packages/{BIG} HTTP/1.1\r\nHost: {HOST}\r\n\r\n".encode()
    with contextlib.ExitStack() as stack:
        for number in range(count):
            client = stack.enter_context(socket.create_connection((HOST, port), 10))
            client.sendall(whole if number % 2 else whole[:30])
        yield


@dataclass(frozen=True)
class Load:
    """What asking for pages took."""

    seconds: float
    """From the first question to the last answer."""

    p50: float
    """Half of the responses took this many seconds or less."""

    p99: float
    """99 % of the responses took this many seconds or less."""


class Server(ABC):
    """A server of a folder."""

    name: str
    """Its name in the table."""

    def __init__(self) -> None:
        self.port = free_port()

    @abstractmethod
    def command(self, folder: Path) -> Sequence[str | Path]:
        """Write what it needs to know beside *folder*, and return its command line."""

    @contextlib.contextmanager
    def serve(self, folder: Path) -> Iterator[int]:
        """Serve *folder* until the end of the ``with``; yield the process's number.

        Raises:
            BenchError: it does not start

        """
        with running(self.command(folder), self.port, folder.with_suffix(".log")) as process:
            yield process.pid

    def pages_per_second(self, paths: Sequence[str], script: Path) -> float:
        """Let wrk, with a script that it writes, ask for *paths* in turn, as fast as they are answered."""
        if (wrk := shutil.which("wrk")) is None:
            raise BenchError("wrk is not installed")
        script.write_text(
            f"""local paths, number = {{"{'", "'.join(paths)}"}}, 0
wrk.headers["Accept"] = "{JSON}"
request = function()
  number = number % #paths + 1
  return wrk.format("GET", paths[number])
end
""",
            encoding="utf-8",
        )
        command: list[str | Path] = [
            wrk,
            "-t1",
            f"-c{CONNECTIONS}",
            f"-d{SECONDS}",
            "-s",
            script,
            f"http://{HOST}:{self.port}",
        ]
        output = subprocess.run(command, capture_output=True, text=True, check=False).stdout
        found = re.search(r"Requests/sec:\s+([\d.]+)", output)
        if found is None or "Non-2xx" in output or "Socket errors" in output:
            raise BenchError(f"{self.name}: wrk: {output[-300:]}")
        return float(found[1])

    def load(self, paths: Sequence[str], *, rate: float = 0, connections: int = CONNECTIONS) -> Load:
        """Ask for all *paths*, with so many requests a second in all, or 0 for as many as it answers."""
        load = Path(__file__).with_name("load.py")
        done = subprocess.run(
            [sys.executable, load, str(self.port), str(connections), str(rate)],
            input="\n".join(paths),
            capture_output=True,
            text=True,
            check=False,
        )
        if done.returncode != 0:
            raise BenchError(f"{self.name}: {done.stderr.strip().splitlines()[-1:]}")
        found = json.loads(done.stdout)
        return Load(found["seconds"], found["p50"], found["p99"])

    def download(self, log: Path) -> Run:
        """Fetch the big file with curl."""
        url = f"http://{HOST}:{self.port}/packages/{BIG}"
        run = measure(
            ["curl", "--fail", "--silent", "--output", os.devnull, "-w", "%{size_download}", url], log
        )
        if run.status != 0 or run.output != str(BIG_SIZE):
            raise BenchError(f"{self.name}: the download failed: {run.output} bytes")
        return run


class Serve(Server):
    """``minimirror serve``."""

    name = "minimirror serve"

    def __init__(self, program: Path) -> None:
        super().__init__()
        self._program = program

    def command(self, folder: Path) -> Sequence[str | Path]:
        """Write a config that names the folder."""
        config = folder.with_suffix(".json")
        config.write_text(json.dumps({"repository": str(folder)}), encoding="utf-8")
        return [self._program, "serve", "--config", config, "--port", str(self.port)]


class PypiServer(Server):
    """pypiserver alone: with its own walk over the folder, and its own choice of a server."""

    name = "pypiserver"

    def __init__(self, program: Path) -> None:
        super().__init__()
        self._program = program

    def command(self, folder: Path) -> Sequence[str | Path]:
        """Name the folder."""
        options = ["-p", str(self.port), "-i", HOST, "--disable-fallback"]
        return [self._program, "run", *options, folder]


class NginxServer(Server):
    """nginx with pages as files, which is the limit."""

    name = "nginx, static pages"

    def command(self, folder: Path) -> Sequence[str | Path]:
        """Write a configuration that serves the files from *folder*, and the pages from beside it."""
        work = folder.with_suffix(".nginx")
        work.mkdir(exist_ok=True)
        user = f"user {pwd.getpwuid(0).pw_name};" if os.geteuid() == 0 else ""
        temporary = "".join(
            f"{kind}_temp_path {work}/{kind}; "
            for kind in ("client_body", "proxy", "fastcgi", "uwsgi", "scgi")
        )
        config = work / "nginx.conf"
        config.write_text(
            f"""{user} daemon off; pid {work}/pid; worker_processes 2; events {{ worker_connections 4096; }}
http {{
  access_log off; {temporary}
  sendfile on; tcp_nopush on; keepalive_requests 100000000;
  types {{ }} default_type application/octet-stream;
  server {{
    listen {HOST}:{self.port};
    location /simple/ {{ root {work}; index index.json; }}
    location /packages/ {{ alias {folder}/; }}
  }}
}}
""",
            encoding="utf-8",
        )
        return [find_nginx(), "-e", work / "error.log", "-p", work, "-c", config]

    def publish(self, folder: Path, paths: Sequence[str], source: Server) -> None:
        """Write the pages that *source*, which is running, serves."""
        for path in set(paths):
            request = urllib.request.Request(
                f"http://{HOST}:{source.port}{path}",
                headers={"Accept": JSON},
            )
            page = folder.with_suffix(".nginx") / path.strip("/") / "index.json"
            page.parent.mkdir(parents=True, exist_ok=True)
            with urllib.request.urlopen(request) as answer:
                page.write_bytes(answer.read())
