"""Servers on loopback, each a process that ends with the benchmark."""

import contextlib
import ctypes
import signal
import socket
import subprocess
import time
from collections.abc import Iterator, Sequence
from pathlib import Path

from bench.errors import BenchError

__all__ = ["HOST", "free_port", "running"]

HOST = "127.0.0.1"


def free_port() -> int:
    """Return a free port."""
    with socket.socket() as probe:
        probe.bind((HOST, 0))
        port: int = probe.getsockname()[1]
        return port


def _end_with_parent() -> None:
    """Let the kernel end this process when the benchmark dies, however it dies."""
    ctypes.CDLL(None).prctl(1, signal.SIGTERM)


@contextlib.contextmanager
def running(command: Sequence[str | Path], port: int, log: Path) -> Iterator[subprocess.Popen[bytes]]:
    """Run a server, ready to be asked, until the end of the ``with``.

    Args:
        command: its command line
        port: where it will listen
        log: what it says goes there, at the end of what is there

    Raises:
        BenchError: it does not start

    """
    with log.open("ab") as said:
        process = subprocess.Popen(
            command,
            stdin=subprocess.DEVNULL,
            stdout=said,
            stderr=said,
            preexec_fn=_end_with_parent,  # noqa: PLW1509 - the benchmark has no other thread yet
        )
    try:
        _await(command, process, port, log)
        yield process
    finally:
        process.terminate()
        try:
            process.wait(10)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def _await(command: Sequence[str | Path], process: subprocess.Popen[bytes], port: int, log: Path) -> None:
    """Wait until a server accepts connections."""
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline and process.poll() is None:
        with contextlib.suppress(OSError), socket.create_connection((HOST, port), 1):
            return
        time.sleep(0.02)
    cause = log.read_text(encoding="utf-8", errors="replace").strip() or "no message"
    raise BenchError(f"{Path(command[0]).name} did not start: {cause}")
