"""The root of every error that minimirror raises on purpose."""

from __future__ import annotations

__all__ = ["MinimirrorError"]


class MinimirrorError(Exception):
    """Something a user or the world did that minimirror explains in one message.

    Each room derives its own kinds from this. The command line prints the message, without a traceback,
    and exits with :attr:`exit_code`.
    """

    exit_code: int = 1
    """What the command exits with: 1 where something wanted is missing, 2 for the user's mistake."""
