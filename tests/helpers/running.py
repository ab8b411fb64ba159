"""Runs as a user makes them: a mirror in a test's own folder, a command in its own process, a terminal."""

from __future__ import annotations

import errno
import fcntl
import json
import os
import pty
import select
import signal
import struct
import subprocess
import sys
import termios
import time
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

import minimirror
from minimirror import Config, Status, Summary, run

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from typing_extensions import Self

    from tests.helpers.index import Index

__all__ = [
    "DEADLINE",
    "SOURCES",
    "Command",
    "Mirror",
    "Terminal",
    "alive",
    "descendants",
    "in_background",
    "minimirror_command",
    "until",
    "workers",
]

DEADLINE = 30.0
"""Seconds after which something that should have happened is taken not to happen."""

SOURCES = Path(minimirror.__file__).parent.parent


def until(condition: Callable[[], object], what: str, seconds: float = DEADLINE) -> None:
    """Wait until a condition holds, and fail where it does not come to."""
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, f"waited in vain until {what}"
        time.sleep(0.005)


@contextmanager
def in_background(function: Callable[[], Summary]) -> Iterator[Future[Summary]]:
    """Run a function in a thread; release what holds it up before leaving."""
    with ThreadPoolExecutor(1) as executor:
        yield executor.submit(function)


class Mirror:
    """A repository, and runs that fill it from an index."""

    def __init__(self, index: Index, path: Path, **rules: Any) -> None:
        self.index = index
        self.path = path
        self.rules = rules

    @property
    def state(self) -> Path:
        return self.path / ".minimirror"

    def run(self, progress: Callable[[Status], None] | None = None, **rules: Any) -> Summary:
        """Run with one worker process, where the rules do not say otherwise; forget earlier requests."""
        self.index.clear()
        values = {"processes": 1, "max_delete": 1, "index_url": self.index.url, **self.rules, **rules}
        return run(Config(repository=self.path, **values), progress=progress)

    def complete(self, **rules: Any) -> Summary:
        """Run, and find everything that is wanted here."""
        summary = self.run(**rules)
        assert summary.complete, summary.failures
        return summary

    def config(self, **rules: Any) -> Path:
        """Write the config of such a run, beside the repository."""
        values = {"processes": 1, "max_delete": 1, "index_url": self.index.url, **self.rules, **rules}
        path = self.path.with_suffix(".json")
        path.write_text(json.dumps({"repository": str(self.path), **values}))
        return path

    def command(self, *arguments: str | Path, **options: Any) -> Command:
        """Begin such a run in a process of its own."""
        return Command("run", "--config", self.config(), *arguments, **options)

    def files(self) -> dict[str, bytes]:
        """What is in the folder, minimirror's own aside."""
        return {path.name: path.read_bytes() for path in self.path.iterdir() if path != self.state}

    def names(self) -> set[str]:
        """The names of what is in the folder, minimirror's own aside."""
        return {path.name for path in self.path.iterdir() if path != self.state}

    def stamps(self) -> dict[str, tuple[int, int]]:
        """What tells whether a file was written again: inode and time."""
        found = ((path.name, path.lstat()) for path in self.path.iterdir() if path != self.state)
        return {name: (stat.st_ino, stat.st_mtime_ns) for name, stat in found}

    def partials(self) -> dict[str, int]:
        """The unfinished transfers, with their bytes."""
        found: dict[str, int] = {}
        # One may be placed while this looks.
        for path in (self.state / "partial").glob("*"):
            with suppress(FileNotFoundError):
                found[path.name] = path.stat().st_size
        return found

    def requests(self) -> list[tuple[str, int]]:
        """The requests of the last run, as path and status, in order of their paths."""
        return sorted((exchange.path, exchange.status) for exchange in self.index.requests)


def descendants(pid: int) -> list[tuple[int, int]]:
    """The processes that descend from one, with how far: 1 for a child. Workers are grandchildren."""
    found: list[tuple[int, int]] = []
    generation, depth = {pid}, 0
    while generation:
        depth += 1
        children = {child for child, parent in _parents() if parent in generation}
        found += [(child, depth) for child in sorted(children)]
        generation = children
    return found


def _parents() -> Iterator[tuple[int, int]]:
    for path in Path("/proc").glob("[0-9]*"):
        with suppress(OSError):
            state, parent = (path / "stat").read_text().rpartition(")")[2].split()[:2]
            if state != "Z":
                yield int(path.name), int(parent)


def workers(pid: int) -> list[int]:
    """The worker processes of a run: children of the fork server that it has started."""
    return [child for child, depth in descendants(pid) if depth == 2]


def alive(pid: int) -> bool:
    """Whether a process runs; one that has ended and that nobody has waited for does not."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False


class Command:
    """`minimirror` in a process of its own, at the head of a process group of its own."""

    def __init__(self, *arguments: str | Path, **options: Any) -> None:
        self.process = subprocess.Popen(
            [sys.executable, "-m", "minimirror", *map(str, arguments)],
            env={**os.environ, "PYTHONPATH": str(SOURCES)},
            stdin=subprocess.DEVNULL,
            text=True,
            start_new_session=True,
            **{"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, **options},
        )
        self.stdout = self.stderr = ""

    def end(self, seconds: float = DEADLINE) -> int:
        """Wait for its end; answer its exit code."""
        self.stdout, self.stderr = self.process.communicate(timeout=seconds)
        return self.process.returncode

    def interrupt(self, number: int = signal.SIGINT) -> None:
        """Send the signal to the whole group, as a terminal does."""
        os.killpg(self.process.pid, number)

    def workers(self) -> list[int]:
        return workers(self.process.pid)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        with suppress(ProcessLookupError):
            os.killpg(self.process.pid, signal.SIGKILL)
        with self.process:
            pass


def minimirror_command(*arguments: str | Path, **options: Any) -> Command:
    """Run the command to its end."""
    with Command(*arguments, **options) as command:
        command.end()
        return command


# What is typed is a signal only where the terminal is the process's own.
_AT_TERMINAL = """
import fcntl, os, sys, termios
fcntl.ioctl(0, termios.TIOCSCTTY, 0)
os.execv(sys.executable, [sys.executable, "-m", "minimirror", *sys.argv[1:]])
"""
_TERMINAL = {"COLUMNS", "LINES", "NO_COLOR", "FORCE_COLOR", "TERM", "COLORTERM"}


class Terminal:
    """A command at a terminal of 80 columns, where somebody waits for a text and types."""

    def __init__(self, arguments: Sequence[str | Path], **options: Any) -> None:
        self.seen = ""
        self._master, slave = pty.openpty()
        fcntl.ioctl(slave, termios.TIOCSWINSZ, struct.pack("HHHH", 24, 80, 0, 0))
        kept = {name: value for name, value in os.environ.items() if name not in _TERMINAL}
        environment = {**kept, "PYTHONPATH": str(SOURCES), "TERM": "xterm-256color", **options.pop("env", {})}
        self.process = subprocess.Popen(
            [sys.executable, "-c", _AT_TERMINAL, *map(str, arguments)],
            env=environment,
            start_new_session=True,
            **{"stdin": slave, "stdout": slave, "stderr": slave, **options},
        )
        os.close(slave)

    def wait_for(self, text: str) -> None:
        """Read until a text has been shown."""
        while text not in self.seen:
            assert self._read(), f"no {text!r} in {self.seen!r}"

    def type(self, text: str) -> None:
        os.write(self._master, text.encode())

    def end(self) -> int:
        """Read to the end; answer the exit code."""
        while self._read():
            pass
        return self.process.wait(DEADLINE)

    def _read(self) -> bool:
        assert select.select([self._master], [], [], DEADLINE)[0], f"silence after {self.seen!r}"
        try:
            data = os.read(self._master, 65536)
        except OSError as error:
            if error.errno != errno.EIO:  # on Linux, the end of a terminal that nobody holds
                raise
            return False
        self.seen += data.decode(errors="replace")
        return bool(data)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        with suppress(ProcessLookupError):
            os.killpg(self.process.pid, signal.SIGKILL)
        with self.process:
            os.close(self._master)
