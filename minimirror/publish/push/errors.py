"""Why something cannot be pushed at all."""

from __future__ import annotations

from minimirror.common import MinimirrorError

__all__ = ["PushError", "PushRequestError"]


class PushError(MinimirrorError):
    """The other index cannot be reached, or refuses who pushes."""


class PushRequestError(PushError):
    """What was asked for makes no sense, or something that it needs is not installed."""

    exit_code = 2
