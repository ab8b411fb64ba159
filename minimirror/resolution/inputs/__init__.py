"""The files in ``requirements``: requirement files, pyproject.toml, scripts, pylock.toml and uv.lock.

``entries`` finds the files and their kinds (``foreign`` knows those that cannot be read) and ``files`` opens
them. Requirement files (``requirement_files``, and ``requirement_lines`` for their lines), pyproject.toml and
scripts (``pyproject``) become ``requirements`` for the resolver. ``collector`` gathers them, and the projects
that do not come from the index (``outside``, ``addresses``). Locks are used as they are: ``pylock`` and
``uv_lock`` (its format is in ``uv_lock_format``) fill what ``lock`` defines.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import partial

from minimirror.distributions import Target
from minimirror.resolution.inputs.entries import Input, find_inputs
from minimirror.resolution.inputs.files import RequirementsError, display_path
from minimirror.resolution.inputs.lock import LockedPackages
from minimirror.resolution.inputs.outside import UNKNOWN_VERSION, Needs, OutsideProject, applying, holds
from minimirror.resolution.inputs.pylock import load_pylock, pin_from_pylock
from minimirror.resolution.inputs.pyproject import read_pyproject, read_script
from minimirror.resolution.inputs.requirement_files import NO_PRERELEASES, read_requirement_file
from minimirror.resolution.inputs.requirements import Requirements
from minimirror.resolution.inputs.uv_lock import UvGraph
from minimirror.resolution.inputs.uv_lock_format import load_uv_lock

__all__ = [
    "NO_PRERELEASES",
    "UNKNOWN_VERSION",
    "Input",
    "LockedPackages",
    "Needs",
    "OutsideProject",
    "Requirements",
    "RequirementsError",
    "applying",
    "find_inputs",
    "holds",
    "read_lock",
    "read_requirements",
]

_READERS: Mapping[str, Callable[[Input], Requirements]] = {
    "requirements": read_requirement_file,
    "pyproject": read_pyproject,
    "script": read_script,
}


def read_requirements(given: Input) -> Requirements:
    """Read the requirements of an input that is no lock.

    :raises RequirementsError: a file cannot be read or is invalid; it lists all such problems
    """
    return _READERS[given.kind](given)


def read_lock(given: Input, targets: Sequence[Target]) -> LockedPackages:
    """Read the packages that a pylock.toml or a uv.lock pins for each target.

    :raises RequirementsError: the lock cannot be read, is invalid or contradicts itself
    """
    place = display_path(given.path)
    found = LockedPackages(given.name, place)
    pin: Callable[[int, Target, LockedPackages], str | None]
    try:
        if given.kind == "pylock":
            pin = partial(pin_from_pylock, load_pylock(given.path))
        else:
            pin = UvGraph(load_uv_lock(given.path), given.extras, given.group).pin
        for number, target in enumerate(targets):
            if cause := pin(number, target, found):
                found.unsupported[number] = cause
    except ValueError as error:
        raise RequirementsError(f"{place}: {error}") from None
    return found
