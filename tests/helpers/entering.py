"""What a command does to enter the namespaces of another process; it imports nothing that takes long."""

from __future__ import annotations

import ctypes
import os
from pathlib import Path

__all__ = ["enter"]


def enter(pid: int) -> None:
    """Enter the namespaces of users and mounts of another process."""
    libc = ctypes.CDLL(None, use_errno=True)
    for kind in ("user", "mnt"):
        path = Path(f"/proc/{pid}/ns/{kind}")
        if path.samefile(f"/proc/self/ns/{kind}"):
            continue
        namespace = os.open(path, os.O_RDONLY)
        if libc.setns(namespace, 0):
            raise OSError(ctypes.get_errno(), f"cannot enter {path}")
        os.close(namespace)
