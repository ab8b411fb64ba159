"""The base of minimirror's errors, and questions about the system's."""

from __future__ import annotations

import errno

__all__ = ["MinimirrorError", "is_disk_full"]


class MinimirrorError(Exception):
    """An expected error, which one message explains.

    Each subpackage derives its own errors from this one. The command line prints the message without a
    traceback and exits with :attr:`exit_code`.
    """

    exit_code: int = 1
    """The command's exit code: 1 if something is missing, 2 if the user made a mistake."""


def is_disk_full(error: OSError) -> bool:
    """Return whether a write failed because the disk, or the user's quota, is full."""
    return error.errno in {errno.ENOSPC, errno.EDQUOT}
