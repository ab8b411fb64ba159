"""Read what an sdist is built with: ``build-system.requires`` in its ``pyproject.toml`` (PEP 518)."""

from __future__ import annotations

from pathlib import Path

from packaging.requirements import InvalidRequirement, Requirement

from minimirror.distributions import MetadataError, read_sdist_file
from minimirror.resolution.inputs.files import load_toml

__all__ = ["build_requirements"]

_DEFAULT = ("setuptools", "wheel")
"""What an sdist is built with if it does not say (PEP 518)."""


def build_requirements(path: Path) -> tuple[str, ...]:
    """Read the build requirements of an sdist.

    :returns: requirements (PEP 508), possibly none
    :raises MetadataError: the sdist or its pyproject.toml cannot be read
    :raises OSError: the file cannot be read
    """
    with path.open("rb") as file:
        text = read_sdist_file(file, path.name, "pyproject.toml")
    if text is None:
        return _DEFAULT
    try:
        system = load_toml(text.decode()).get("build-system")
    except ValueError as error:
        raise MetadataError(f"invalid pyproject.toml: {error}") from None
    if system is None:
        return _DEFAULT
    requires = system.get("requires") if isinstance(system, dict) else None
    if not isinstance(requires, list):
        raise MetadataError("its pyproject.toml has no list build-system.requires")
    return tuple(map(_requirement, requires))


def _requirement(value: object) -> str:
    """Return a requirement that is safe to pass on: one line, and a project of the index."""
    try:
        requirement = Requirement(value if isinstance(value, str) else "")
    except InvalidRequirement:
        raise MetadataError(f"invalid requirement in build-system.requires: {str(value)[:80]!r}") from None
    if requirement.url is not None:
        raise MetadataError(f"it is built with {requirement.name} from a URL, not from the index")
    return str(requirement)
