"""Run minimirror as a user does: from Python, as a command in its own process, at a terminal."""

from __future__ import annotations

import codecs
import errno
import fcntl
import json
import os
import pty
import re
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
from typing import TYPE_CHECKING, Any, Literal

import pyte
from click.testing import CliRunner, Result

from minimirror import Config, Status, Summary, run
from minimirror.cli import main
from tests.helpers.forking import SOURCES, Forked

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

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
    "is_progress",
    "minimirror_command",
    "state",
    "until",
    "without_progress",
    "workers",
]

DEADLINE = 30.0
"""Seconds after which a test gives up waiting."""


def until(condition: Callable[[], object], what: str, seconds: float = DEADLINE) -> None:
    """Wait until a condition holds; fail if it does not within some seconds."""
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, f"waited {seconds} s until {what}"
        time.sleep(0.005)


@contextmanager
def in_background(function: Callable[[], Summary]) -> Iterator[Future[Summary]]:
    """Run a function in a thread. Release what holds it up before the block ends."""
    with ThreadPoolExecutor(1) as executor:
        yield executor.submit(function)


class Mirror:
    """A mirror, and runs that fill it from an index."""

    def __init__(self, index: Index, path: Path, **rules: Any) -> None:
        self.index = index
        self.path = path
        self.rules = rules

    @property
    def state(self) -> Path:
        return self.path / ".minimirror"

    def run(
        self,
        progress: Callable[[Status], None] | None = None,
        *,
        allow_delete: bool = False,
        allow_replace: bool = False,
        **rules: Any,
    ) -> Summary:
        """Run, by default with one worker process. Clear the log of earlier requests."""
        self.index.clear()
        return run(
            self.settings(**rules),
            progress=progress,
            allow_delete=allow_delete,
            allow_replace=allow_replace,
        )

    def settings(self, **rules: Any) -> Config:
        """Return the config of such a run."""
        values = {"processes": 1, "max_delete": 1, "index_url": self.index.url, **self.rules, **rules}
        return Config(repository=self.path, **values)

    def complete(self, **rules: Any) -> Summary:
        """Run, and check that the mirror is complete."""
        summary = self.run(**rules)
        assert summary.complete, summary.failures
        return summary

    def config(self, **rules: Any) -> Path:
        """Write the config of such a run beside the mirror."""
        values = {"processes": 1, "max_delete": 1, "index_url": self.index.url, **self.rules, **rules}
        path = self.path.with_suffix(".json")
        path.write_text(json.dumps({"repository": str(self.path), **values}))
        return path

    def put(self, filename: str, content: bytes, *, age: float = 100.0) -> Path:
        """Put a local file into the folder, which nobody has written for so many seconds."""
        path = self.path / filename
        path.write_bytes(content)
        written = time.time() - age
        os.utime(path, (written, written))
        return path

    def command(self, *arguments: str | Path, **options: Any) -> Command:
        """Start such a run in its own process."""
        return Command("run", "--config", self.config(), *arguments, **options)

    def files(self) -> dict[str, bytes]:
        """Return the files in the folder, without `.minimirror/`."""
        return {path.name: path.read_bytes() for path in self.path.iterdir() if path != self.state}

    def names(self) -> set[str]:
        """Return the names in the folder, without `.minimirror/`."""
        return {path.name for path in self.path.iterdir() if path != self.state}

    def stamps(self) -> dict[str, tuple[int, int]]:
        """Return inode and time of each file, which change when it is written again."""
        found = ((path.name, path.lstat()) for path in self.path.iterdir() if path != self.state)
        return {name: (stat.st_ino, stat.st_mtime_ns) for name, stat in found}

    def partials(self) -> dict[str, int]:
        """Return the unfinished transfers and their sizes in bytes."""
        found: dict[str, int] = {}
        # One may be placed meanwhile.
        for path in (self.state / "partial").glob("*"):
            with suppress(FileNotFoundError):
                found[path.name] = path.stat().st_size
        return found

    def requests(self) -> list[tuple[str, int]]:
        """Return path and status of each request of the last run, sorted by path."""
        return sorted((exchange.path, exchange.status) for exchange in self.index.requests)


def descendants(pid: int) -> list[tuple[int, int]]:
    """Return the descendants of a process and their generation: 1 for a child, 2 for a worker."""
    running = dict(_parents())
    found: list[tuple[int, int]] = []
    generation, depth = {pid}, 0
    while generation:
        depth += 1
        generation = {child for child, parent in running.items() if parent in generation}
        found += [(child, depth) for child in sorted(generation)]
    return found


def _parents() -> Iterator[tuple[int, int]]:
    for path in Path("/proc").glob("[0-9]*"):
        with suppress(OSError):
            state, parent = (path / "stat").read_text().rpartition(")")[2].split()[:2]
            if state != "Z":
                yield int(path.name), int(parent)


def peak_memory(pid: int) -> int:
    """Return the most bytes that a process has had in memory; 0 if it has ended."""
    with suppress(OSError):
        for line in Path(f"/proc/{pid}/status").read_text().splitlines():
            if line.startswith("VmHWM:"):
                return int(line.split()[1]) << 10
    return 0


def workers(pid: int) -> list[int]:
    """Return the worker processes of a run: the children of its fork server."""
    return [child for child, depth in descendants(pid) if depth == 2]


def alive(pid: int) -> bool:
    """Return whether a process runs; a zombie does not."""
    return state(pid) != "Z"


def state(pid: int) -> str:
    """Return a process's state: R if it runs or wants to, S if it waits, T if stopped, Z if ended."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except OSError:
        return "Z"


class Command:
    """`minimirror` in its own process, at the head of its own process group."""

    def __init__(
        self,
        *arguments: str | Path,
        within: Sequence[str] = (),
        paths: Sequence[Path] = (),
        stdout: int | None = None,
        stderr: int | None = None,
    ) -> None:
        """Start it.

        :param within: a command whose last arguments it is
        :param paths: folders to import from, each with a ``sitecustomize.py``
        :param stdout: a file descriptor, or None for a pipe
        :param stderr: the same
        """
        self.process: subprocess.Popen[str] | Forked
        if within:
            self.process = subprocess.Popen(
                [*within, sys.executable, "-m", "minimirror", *map(str, arguments)],
                env={**os.environ, "PYTHONPATH": os.pathsep.join(map(str, [*paths, SOURCES]))},
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE if stdout is None else stdout,
                stderr=subprocess.PIPE if stderr is None else stderr,
                text=True,
                start_new_session=True,
            )
        else:
            self.process = Forked(arguments, paths=paths, stdout=stdout, stderr=stderr)
        self.stdout = self.stderr = ""

    def end(self, seconds: float = DEADLINE) -> int:
        """Wait until it ends; return its exit code."""
        self.stdout, self.stderr = self.process.communicate(timeout=seconds)
        return self.process.wait()

    @property
    def messages(self) -> list[str]:
        """The lines of standard error without progress."""
        return without_progress(self.stderr)

    def interrupt(self, number: int = signal.SIGINT) -> None:
        """Send a signal to the whole group, as a terminal does."""
        os.killpg(self.process.pid, number)

    def workers(self) -> list[int]:
        """Return the worker processes of a run: the children of its fork server."""
        return workers(self.process.pid)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        with suppress(ProcessLookupError):
            os.killpg(self.process.pid, signal.SIGKILL)
        with self.process:
            pass


def without_progress(text: str) -> list[str]:
    """Return the lines of standard error without those with which a slow command shows progress."""
    return [line for line in text.splitlines() if not is_progress(line)]


def is_progress(line: str) -> bool:
    """Return whether a slow command shows with this line how far it is."""
    return bool(re.match(r"(read|fetched|checked) \d[\d,]* of |.* \.\.\. \(", line))


def minimirror_command(
    *arguments: str | Path, exit_code: int | None = None, env: Mapping[str, str] | None = None
) -> Result:
    """Run a command to its end in this process, which takes a tenth of the time of a new one.

    :param exit_code: what it must be; the default is any
    :param env: more environment variables
    """
    words = [*map(str, arguments)]
    result = CliRunner(env=env).invoke(main, words, prog_name="minimirror", catch_exceptions=False)
    assert exit_code in {None, result.exit_code}, result.output
    return result


_TERMINAL = {"CI", "COLUMNS", "LINES", "NO_COLOR", "FORCE_COLOR", "TERM", "COLORTERM"}


class Terminal:
    """A command at a terminal, where a test waits for a text and types."""

    def __init__(
        self,
        arguments: Sequence[str | Path],
        *,
        columns: int = 80,
        piped: Literal["stdout", "stderr"] | None = None,
        env: Mapping[str, str] | None = None,
    ) -> None:
        """Start it.

        :param piped: the output that goes to a pipe instead
        :param env: more environment variables
        """
        self.seen = ""
        self.columns = columns
        # A character may come in two reads.
        self._decoder = codecs.getincrementaldecoder("utf-8")(errors="replace")
        self._master, slave = pty.openpty()
        fcntl.ioctl(slave, termios.TIOCSWINSZ, struct.pack("HHHH", 24, columns, 0, 0))
        # Or Ctrl-C would drop what was written and not yet read.
        settings = termios.tcgetattr(slave)
        settings[3] |= termios.NOFLSH
        termios.tcsetattr(slave, termios.TCSANOW, settings)
        kept = {name: value for name, value in os.environ.items() if name not in _TERMINAL}
        self.process = Forked(
            arguments,
            stdin=slave,
            stdout=None if piped == "stdout" else slave,
            stderr=None if piped == "stderr" else slave,
            env={**kept, "TERM": "xterm-256color", **(env or {})},
        )
        os.close(slave)

    @property
    def screen(self) -> list[str]:
        """The lines that it shows now, down to the cursor's."""
        screen = pyte.Screen(self.columns, 500)
        pyte.Stream(screen).feed(self.seen)
        return [line.rstrip() for line in screen.display[: screen.cursor.y + 1]]

    def still(self, text: str, shown: Callable[[Terminal], str]) -> str:
        """Wait until a text is shown, and twice the same around it; return that.

        :param shown: returns the screen without what moves
        """
        before = ""
        while text not in (now := shown(self)) or now != before:
            before = now
            assert self._read(), f"no {text!r} in {now!r}"
        return now

    def wait_for(self, text: str) -> None:
        """Read until a text was shown."""
        while text not in self.seen:
            assert self._read(), f"no {text!r} in {self.seen!r}"

    def type(self, text: str) -> None:
        os.write(self._master, text.encode())

    def answer(self, question: str, answer: str) -> None:
        """Wait until a question is asked from now on, and type the answer."""
        start = len(self.seen)
        while question not in self.seen[start:]:
            assert self._read(), f"no {question!r} in {self.seen[start:]!r}"
        self.type(answer)

    def end(self) -> int:
        """Wait until it ends; return its exit code."""
        while self._read():
            pass
        return self.process.wait(DEADLINE)

    def _read(self) -> bool:
        assert select.select([self._master], [], [], DEADLINE)[0], f"no output after {self.seen!r}"
        try:
            data = os.read(self._master, 65536)
        except OSError as error:
            if error.errno != errno.EIO:  # on Linux, the end of a terminal that no process has open
                raise
            return False
        self.seen += self._decoder.decode(data)
        return bool(data)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        with suppress(ProcessLookupError):
            os.killpg(self.process.pid, signal.SIGKILL)
        with self.process:
            os.close(self._master)
