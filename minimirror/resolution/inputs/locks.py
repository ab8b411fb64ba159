"""Lock files of either kind, read for the config's targets."""

from __future__ import annotations

from collections.abc import Sequence

from minimirror.distributions import Target
from minimirror.resolution.inputs.inputs import Input
from minimirror.resolution.inputs.locked import Locked
from minimirror.resolution.inputs.pylock import read_pylock
from minimirror.resolution.inputs.uv_lock import read_uv_lock

__all__ = ["read_lock"]


def read_lock(given: Input, targets: Sequence[Target]) -> Locked:
    """Read a pylock.toml (PEP 751) or a uv.lock for some targets, as it is: nothing is resolved anew.

    :raises RequirementsError: it cannot be read, or makes no sense
    """
    return read_pylock(given, targets) if given.kind == "pylock" else read_uv_lock(given, targets)
