"""What may be wrong with a bundle."""

from __future__ import annotations

from minimirror.common import MinimirrorError

__all__ = ["BundleError", "BundleRequestError", "DamagedError", "GapError", "SignatureError"]


class BundleError(MinimirrorError):
    """A bundle cannot be made, or be taken in."""


class BundleRequestError(BundleError):
    """What was asked for makes no sense."""

    exit_code = 2


class DamagedError(BundleError):
    """A bundle is not what was exported."""


class GapError(BundleError):
    """A bundle goes on from a state that this mirror is not in."""


class SignatureError(BundleError):
    """A bundle cannot be signed, or bears no signature that is good."""
