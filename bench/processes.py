"""The processes of a run: which there are, and those that the run leaves behind."""

import ctypes
import os
import signal
import time
from pathlib import Path
from types import TracebackType

__all__ = ["Orphans", "descendants"]

_GRACE = 1.0
"""Seconds in which a process that outlives its run may end by itself."""
_SET_CHILD_SUBREAPER = 36


class Orphans:
    """The processes that outlive the one that started them.

    The kernel makes them children of this process, as a child subreaper, until the end of the ``with``. So
    their CPU time can be known, and none of them disturbs the next run.
    """

    def __enter__(self) -> "Orphans":
        self._others = _children()
        _adopt(True)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.reap(0)
        _adopt(False)

    def reap(self, grace: float = _GRACE) -> float:
        """Wait for every orphan, end those that are left after *grace* seconds, and return their CPU time."""
        cpu, deadline = 0.0, time.monotonic() + grace
        while orphans := _children() - self._others:
            late = time.monotonic() >= deadline
            for pid in orphans:
                if late:
                    os.kill(pid, signal.SIGKILL)
                ended, _, usage = os.wait4(pid, 0 if late else os.WNOHANG)
                cpu += usage.ru_utime + usage.ru_stime if ended else 0
            time.sleep(0.002)
        return cpu


def descendants(roots: set[int]) -> set[int]:
    """Return *roots* and all that they started."""
    parents = _parents()
    found = set(roots)
    while more := {pid for pid, parent in parents.items() if parent in found} - found:
        found |= more
    return found


def _children() -> set[int]:
    ours = os.getpid()
    return {pid for pid, parent in _parents().items() if parent == ours}


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


def _adopt(wanted: bool) -> None:
    """Tell the kernel whether orphans below this process become its children."""
    if ctypes.CDLL(None, use_errno=True).prctl(_SET_CHILD_SUBREAPER, int(wanted), 0, 0, 0) != 0:
        raise OSError(ctypes.get_errno(), "no child subreaper")
