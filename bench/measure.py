"""One process and all that it starts, measured from spawn to exit."""

import os
import signal
import subprocess
import threading
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from bench.processes import Processes

__all__ = ["Run", "count_files", "last_line", "measure"]

_LIMIT = 900.0
_NOT_PASSED_ON = ("PYTHONDONTWRITEBYTECODE", "PYTHONUNBUFFERED", "MINIMIRROR_CONFIG")


@dataclass(frozen=True)
class Run:
    """What one run took."""

    seconds: float
    """Wall time from spawn to exit."""

    cpu: float
    """User and system time of the process and of all that it started, whether it waited for them or not."""

    status: int
    """Exit code, negative for a signal."""

    output: str
    """Standard output."""

    peaks: dict[int, int] = field(default_factory=dict)
    """Where memory was watched: peak resident bytes of each process, by its pid."""


def measure(
    command: Sequence[str | Path],
    log: Path,
    *,
    watch: bool = False,
    environment: Mapping[str, str] | None = None,
    grace: float = 5.0,
) -> Run:
    """Run *command*, its errors into *log*, and return what it took.

    Its process group is ended if it lasts longer than a quarter of an hour, or the benchmark is interrupted.
    What it leaves running is ended too.

    Args:
        command: its command line
        log: where its errors go, beside its output
        watch: note the memory of each process
        environment: variables besides the benchmark's own
        grace: seconds in which what it leaves running may end by itself

    """
    log.parent.mkdir(parents=True, exist_ok=True)
    output = log.with_suffix(".out")
    with log.open("wb") as errors, output.open("wb") as out, Processes() as processes:
        start = time.perf_counter()
        process = subprocess.Popen(
            command,
            stdin=subprocess.DEVNULL,
            stdout=out,
            stderr=errors,
            env=_environment() | dict(environment or {}),
            start_new_session=True,
        )
        timer = threading.Timer(_LIMIT, _end_group, [process.pid])
        timer.daemon = True
        timer.start()
        watcher = _Watcher(processes) if watch else None
        try:
            _, status, usage = os.wait4(process.pid, 0)
            seconds = time.perf_counter() - start
        except BaseException:
            _end_group(process.pid)
            process.wait()
            raise
        finally:
            timer.cancel()
            peaks = watcher.stop() if watcher else {}
        process.returncode = os.waitstatus_to_exitcode(status)
        cpu = usage.ru_utime + usage.ru_stime + processes.reap(grace)
    return Run(seconds, cpu, process.returncode, output.read_text(encoding="utf-8", errors="replace"), peaks)


def _environment() -> dict[str, str]:
    """Return the benchmark's own, without what would change a tool's run."""
    return {
        name: value
        for name, value in os.environ.items()
        if name not in _NOT_PASSED_ON and not name.lower().endswith("_proxy")
    }


def _end_group(pid: int) -> None:
    """End the session that *pid* leads, which is ours: it was started as a leader."""
    try:
        os.killpg(pid, signal.SIGKILL)
    except ProcessLookupError:
        return


class _Watcher:
    """Notes the peak memory of the processes of a run, from ``/proc``, until it is stopped."""

    def __init__(self, processes: Processes) -> None:
        self._processes = processes
        self._peaks: dict[int, int] = {}
        self._stopped = threading.Event()
        self._thread = threading.Thread(target=self._watch, daemon=True)
        self._thread.start()

    def stop(self) -> dict[int, int]:
        """Stop, and return the peaks in bytes by pid."""
        self._stopped.set()
        self._thread.join()
        return self._peaks

    def _watch(self) -> None:
        while not self._stopped.wait(0.03):
            for pid in self._processes.running():
                self._peaks[pid] = max(self._peaks.get(pid, 0), _peak(pid))


def _peak(pid: int) -> int:
    """Return the kernel's own high-water mark, so that nothing between two looks is missed."""
    try:
        status = Path(f"/proc/{pid}/status").read_text()
    except OSError:
        return 0
    for line in status.splitlines():
        if line.startswith("VmHWM:"):
            return int(line.split()[1]) * 1024
    return 0


def count_files(folder: Path) -> tuple[int, int]:
    """Return the number of files below *folder* and their bytes, leaving out hidden folders."""
    files = size = 0
    for path, folders, names in os.walk(folder):
        folders[:] = [name for name in folders if not name.startswith(".")]
        files += len(names)
        size += sum((Path(path) / name).stat().st_size for name in names)
    return files, size


def last_line(log: Path) -> str:
    """Return the last line of a log, which is where programs say what went wrong."""
    lines = log.read_text(encoding="utf-8", errors="replace").strip().splitlines()
    return lines[-1].strip() if lines else "it said nothing"
