"""The error of a server that cannot start."""

from __future__ import annotations

from minimirror.common import MinimirrorError

__all__ = ["ServeError"]


class ServeError(MinimirrorError):
    """The server cannot start with these options."""

    exit_code = 2
