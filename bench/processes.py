"""The processes of a run, those included that outlive the one that started them."""

import ctypes
import os
import signal
import time
from pathlib import Path
from types import TracebackType

__all__ = ["Processes"]

_SET_CHILD_SUBREAPER = 36


class Processes:
    """The processes that this one starts until the end of the ``with``, and all that these start.

    The kernel makes orphans among them children of this process, as a child subreaper. So their CPU time can
    be known, and none of them disturbs the next run. What still runs at the end is ended.
    """

    def __enter__(self) -> "Processes":
        self._others = _children(_parents())
        _adopt_orphans(True)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.reap(0)
        _adopt_orphans(False)

    def running(self) -> set[int]:
        """Return their pids."""
        parents = _parents()
        found = _children(parents) - self._others
        while more := {pid for pid, parent in parents.items() if parent in found} - found:
            found |= more
        return found

    def reap(self, grace: float) -> float:
        """Wait for each, kill those that are left after *grace* seconds; return the CPU time of all."""
        cpu, deadline = 0.0, time.monotonic() + grace
        while left := _children(_parents()) - self._others:
            late = time.monotonic() >= deadline
            for pid in left:
                if late:
                    os.kill(pid, signal.SIGKILL)
                ended, _, usage = os.wait4(pid, 0 if late else os.WNOHANG)
                cpu += usage.ru_utime + usage.ru_stime if ended else 0
            time.sleep(0.002)
        return cpu


def _children(parents: dict[int, int]) -> set[int]:
    ours = os.getpid()
    return {pid for pid, parent in parents.items() if parent == ours}


def _parents() -> dict[int, int]:
    """Return the parent of each process."""
    parents = {}
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            try:
                stat = (entry / "stat").read_text()
            except OSError:
                continue
            parents[int(entry.name)] = int(stat.rpartition(")")[2].split()[1])
    return parents


def _adopt_orphans(wanted: bool) -> None:
    """Tell the kernel whether orphans below this process become its children."""
    if ctypes.CDLL(None, use_errno=True).prctl(_SET_CHILD_SUBREAPER, int(wanted), 0, 0, 0) != 0:
        raise OSError(ctypes.get_errno(), "no child subreaper")
