"""What can go wrong before anything is served."""

from __future__ import annotations

from minimirror.common import MinimirrorError

__all__ = ["ServeError"]


class ServeError(MinimirrorError):
    """The folder cannot be served as it was asked for."""

    exit_code = 2
