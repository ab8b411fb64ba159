"""What ``requirements`` names: requirement files, pyproject.toml, pylock.toml (PEP 751) and uv.lock.

Requirement files and pyproject.toml go through a resolver, which reads them itself; here is what a mirror has
to know of them besides. A lock is taken as it is.
"""

from __future__ import annotations

from minimirror.resolution.inputs.errors import RequirementsError
from minimirror.resolution.inputs.inputs import Input, Kind, inputs
from minimirror.resolution.inputs.locked import Locked
from minimirror.resolution.inputs.locks import read_lock
from minimirror.resolution.inputs.pyproject import check_pyproject
from minimirror.resolution.inputs.requirement_files import Requirements, read_requirements

__all__ = [
    "Input",
    "Kind",
    "Locked",
    "Requirements",
    "RequirementsError",
    "check_pyproject",
    "inputs",
    "read_lock",
    "read_requirements",
]
