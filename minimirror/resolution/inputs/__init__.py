"""The files in ``requirements``: requirement files, pyproject.toml, pylock.toml (PEP 751) and uv.lock.

``entries`` finds the files and ``files`` opens them. Requirement files (``requirement_files``, and
``requirement_lines`` for their lines) and pyproject.toml (``pyproject``) go to the resolver. Locks are used
as they are: ``pylock`` and ``uv_lock`` (its format is in ``uv_lock_format``) return what ``lock`` defines.
"""

from __future__ import annotations

from collections.abc import Sequence

from minimirror.distributions import Target
from minimirror.resolution.inputs.entries import Input, find_inputs
from minimirror.resolution.inputs.files import RequirementsError
from minimirror.resolution.inputs.lock import LockedPackages
from minimirror.resolution.inputs.pylock import read_pylock
from minimirror.resolution.inputs.pyproject import check_pyproject
from minimirror.resolution.inputs.requirement_files import Requirements, read_requirements
from minimirror.resolution.inputs.uv_lock import read_uv_lock

__all__ = [
    "Input",
    "LockedPackages",
    "Requirements",
    "RequirementsError",
    "check_pyproject",
    "find_inputs",
    "read_lock",
    "read_requirements",
]


def read_lock(given: Input, targets: Sequence[Target]) -> LockedPackages:
    """Read the packages that a pylock.toml or a uv.lock pins for each target.

    :raises RequirementsError: the lock cannot be read or is invalid
    """
    return read_pylock(given, targets) if given.kind == "pylock" else read_uv_lock(given, targets)
