"""Many commands, each in a process of its own that is forked from one which has imported minimirror.

That takes a third of the time of `python -m minimirror`, for tests that kill a command again and again.
"""

from __future__ import annotations

import json
import os
import runpy
import select
import signal
import subprocess
import sys
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

from tests.helpers.running import DEADLINE, SOURCES

if TYPE_CHECKING:
    from typing_extensions import Self

__all__ = ["Forker"]


class Forker:
    """Starts one command after the other, each at the head of its own process group and without output."""

    def __init__(self) -> None:
        self._process = subprocess.Popen(
            [sys.executable, "-m", __name__],
            env={**os.environ, "PYTHONPATH": str(SOURCES)},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        self.pid = 0
        """The last command's process."""

    def start(self, *arguments: str | Path, watcher: Path | None = None) -> None:
        """Start a command.

        :param watcher: a folder with a ``sitecustomize.py``, for it and its child processes
        """
        assert self._process.stdin
        order = [list(map(str, arguments)), str(watcher) if watcher else None, dict(os.environ)]
        self._process.stdin.write(json.dumps(order) + "\n")
        self._process.stdin.flush()
        self.pid = self._read()

    def wait(self) -> int:
        """Wait until the command has ended; return its exit code, or the negative number of a signal."""
        return self._read()

    def run(self, *arguments: str | Path, watcher: Path | None = None) -> int:
        """Run a command to its end; return the same."""
        self.start(*arguments, watcher=watcher)
        return self.wait()

    def _read(self) -> int:
        assert self._process.stdout
        assert select.select([self._process.stdout], [], [], DEADLINE)[0], "the command does not end"
        return int(self._process.stdout.readline())

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        with suppress(ProcessLookupError):
            if self.pid:
                os.killpg(self.pid, signal.SIGKILL)
        self._process.kill()
        with self._process:
            pass


def main() -> None:
    """Fork a command for each line of standard input; print its process, and later its exit code."""

    for line in sys.stdin:
        pid = os.fork()
        if pid == 0:
            _run(*json.loads(line))
        print(pid, flush=True)  # noqa: T201
        print(os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]), flush=True)  # noqa: T201


def _run(arguments: list[str], watcher: str | None, environment: dict[str, str]) -> None:
    os.setsid()
    nothing = os.open(os.devnull, os.O_RDWR)
    for number in range(3):
        os.dup2(nothing, number)
    os.environ.clear()
    os.environ.update(environment)
    sys.argv[1:] = arguments
    sys.orig_argv = [sys.executable, "-m", "minimirror", *arguments]
    paths = [str(SOURCES)]
    if watcher:
        paths.insert(0, watcher)
        runpy.run_path(str(Path(watcher, "sitecustomize.py")))
    os.environ["PYTHONPATH"] = os.pathsep.join(paths)
    runpy.run_module("minimirror", run_name="__main__", alter_sys=True)


if __name__ == "__main__":
    main()
