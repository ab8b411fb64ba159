"""What ``requirements`` names: requirement files, pyproject.toml, pylock.toml (PEP 751) and uv.lock.

Requirement files and pyproject.toml go through a resolver, which reads them itself; here is what a mirror has
to know of them besides. A lock is taken as it is.
"""

from __future__ import annotations

from minimirror.requirements.errors import RequirementsError
from minimirror.requirements.inputs import Input, Kind, inputs
from minimirror.requirements.locked import Locked
from minimirror.requirements.locks import read_lock
from minimirror.requirements.pyproject import check_pyproject
from minimirror.requirements.requirement_files import Requirements, read_requirements

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
