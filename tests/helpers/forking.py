"""Commands in processes of their own, forked from one that has imported minimirror.

Each begins as ``python -m minimirror`` does, but without a third of a second of imports; so do the processes
that multiprocessing starts for it.
"""

from __future__ import annotations

import atexit
import fcntl
import json
import locale
import os
import runpy
import select
import signal
import socket
import subprocess
import sys
import termios
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

import minimirror
from tests.helpers.prepared import prepare_processes

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from typing_extensions import Self

__all__ = ["SOURCES", "Forked", "beginning_with"]

SOURCES = Path(minimirror.__file__).parent.parent


def beginning_with(folder: Path, text: str) -> Path:
    """Make a folder for the ``paths`` of a command, which then runs some Python at its start."""
    folder.mkdir(parents=True)
    (folder / "sitecustomize.py").write_text(text)
    return folder


class Forked:
    """A command at the head of its own process group, with the part of ``Popen`` that tests use."""

    def __init__(  # noqa: PLR0913 - as Popen
        self,
        arguments: Sequence[str | Path],
        *,
        paths: Sequence[Path] = (),
        stdin: int | None = None,
        stdout: int | None = None,
        stderr: int | None = None,
        env: Mapping[str, str] | None = None,
    ) -> None:
        """Start it.

        :param paths: folders to import from, whose ``sitecustomize.py`` is run
        :param stdin: a file descriptor; None for no input
        :param stdout: a file descriptor; None for a pipe
        :param stderr: the same
        :param env: all environment variables; the default is those of this process
        """
        self.returncode: int | None = None
        self.stdout, out = _output(stdout)
        self.stderr, error = _output(stderr)
        self._status, status = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        order = {
            "arguments": [*map(str, arguments)],
            "paths": [*map(str, paths)],
            "environment": dict(os.environ if env is None else env),
            "folder": str(Path.cwd()),
        }
        descriptors = [status.fileno(), out, error, *([] if stdin is None else [stdin])]
        try:
            socket.send_fds(_server(), [json.dumps(order).encode()], descriptors)
        finally:
            status.close()
            for given, ours in ((stdout, out), (stderr, error)):
                if given is None:
                    os.close(ours)
        self.pid = int(self._status.recv(16))

    def poll(self) -> int | None:
        """Return the exit code, or None while it runs."""
        with suppress(subprocess.TimeoutExpired):
            self.wait(0)
        return self.returncode

    def wait(self, timeout: float | None = None) -> int:
        """Wait until it ends; return its exit code, or the negative number of a signal."""
        if self.returncode is None:
            if not select.select([self._status], [], [], timeout)[0]:
                raise subprocess.TimeoutExpired(str(self.pid), timeout or 0)
            self.returncode = int(self._status.recv(16))
        return self.returncode

    def communicate(self, timeout: float | None = None) -> tuple[str, str]:
        """Read both outputs to their ends, and wait until it ends."""
        with ThreadPoolExecutor(2) as readers:
            found = [readers.submit(each.read) for each in (self.stdout, self.stderr) if each]
            try:
                self.wait(timeout)
                texts = [each.result(timeout) for each in found]
            except BaseException:
                # The readers wait for the end.
                self.send_signal(signal.SIGKILL)
                raise
        return texts[0] if self.stdout else "", texts[-1] if self.stderr else ""

    def send_signal(self, number: int) -> None:
        if self.returncode is None:
            with suppress(ProcessLookupError):
                os.kill(self.pid, number)

    def terminate(self) -> None:
        self.send_signal(signal.SIGTERM)

    def kill(self) -> None:
        self.send_signal(signal.SIGKILL)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.wait()
        for each in (self.stdout, self.stderr, self._status):
            if each:
                each.close()


def _output(given: int | None) -> tuple[Any, int]:
    """Return what reads an output, if it is a pipe, and where the command writes it."""
    if given is not None:
        return None, given
    ours, theirs = os.pipe()
    return open(ours, encoding="utf-8"), theirs  # noqa: PTH123 - closed with the command


_starting = threading.Lock()
_servers: list[socket.socket] = []


def _server() -> socket.socket:
    """Return the connection to the process that forks; it is started once."""
    with _starting:
        if not _servers:
            ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
            process = subprocess.Popen(
                [sys.executable, "-m", __name__, str(theirs.fileno())],
                env={**os.environ, "PYTHONPATH": str(SOURCES)},
                cwd=SOURCES,
                pass_fds=[theirs.fileno()],
                stdin=subprocess.DEVNULL,
                start_new_session=True,
            )
            theirs.close()
            atexit.register(process.wait)
            atexit.register(ours.close)
            _servers.append(ours)
        return _servers[0]


def _become_command(connection: socket.socket) -> None:
    """Fork a process for each order that comes, and return in that; return in no other."""
    while True:
        order, descriptors, _, _ = socket.recv_fds(connection, 1 << 20, 4)
        if not order:
            sys.exit()
        if os.fork() == 0:
            break
        for each in descriptors:
            os.close(each)
    connection.close()
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    status, *streams = descriptors
    pid = os.fork()
    if pid:
        for each in (0, 1, 2, *streams):
            os.close(each)
        code = os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])
        with suppress(OSError):
            os.write(status, b"%d" % code)
        os._exit(0)
    os.setsid()
    for each, number in zip(streams, (1, 2, 0), strict=False):
        os.dup2(each, number)
    if os.isatty(0):
        # Ctrl-C at a terminal is a signal only for the processes that the terminal controls.
        fcntl.ioctl(0, termios.TIOCSCTTY, 0)
    os.write(status, b"%d" % os.getpid())
    for each in descriptors:
        os.close(each)
    _take(**json.loads(order))


def _take(arguments: list[str], paths: list[str], environment: dict[str, str], folder: str) -> None:
    """Take over what a new process has from the one that starts it."""
    os.chdir(folder)
    os.environ.clear()
    os.environ.update(environment)
    # What Python and the C library do when they start.
    locale.setlocale(locale.LC_CTYPE, "")
    time.tzset()
    sys.argv[1:] = arguments
    sys.orig_argv = [sys.executable, "-m", "minimirror", *arguments]

    def begin() -> None:
        for each in paths:
            runpy.run_path(str(Path(each, "sitecustomize.py")))

    prepare_processes(begin)
    begin()
    os.environ["PYTHONPATH"] = os.pathsep.join([*paths, str(SOURCES)])


def _main() -> None:
    # What most commands import.
    import minimirror.serve.server  # noqa: PLC0415
    import minimirror.sync.running  # noqa: F401, PLC0415

    signal.signal(signal.SIGCHLD, signal.SIG_IGN)
    assert threading.active_count() == 1
    _become_command(socket.socket(fileno=int(sys.argv[1])))
    runpy.run_module("minimirror", run_name="__main__", alter_sys=True)


if __name__ == "__main__":
    _main()
