"""How to install optional dependencies."""

from __future__ import annotations

import shlex
from pathlib import Path

__all__ = ["missing_extra"]

# ruff: noqa: PLC0415 - only an error needs this

_CLONE = Path(__file__).parents[2]


def missing_extra(what: str, module: str, extra: str) -> str:
    """Return the message that something needs a module of an extra, with the command that installs it."""
    return (
        f"{what} needs {module}, which is not installed: {shlex.join(['pip', 'install', *_packages(extra)])}"
    )


def _packages(extra: str) -> list[str]:
    """Return what pip installs for an extra: of the clone that this is, or else the packages themselves.

    An index need not have minimirror, so its name alone would not do.
    """
    from importlib.metadata import PackageNotFoundError, requires

    from packaging.requirements import Requirement

    if (_CLONE / "setup.cfg").exists():
        return ["-e", f"{_CLONE}[{extra}]"]
    try:
        found = [Requirement(each) for each in requires("minimirror") or ()]
    except PackageNotFoundError:
        found = []
    wanted = [each for each in found if each.marker and each.marker.evaluate({"extra": extra})]
    return [f"{each.name}{each.specifier}" for each in wanted] or [f"minimirror[{extra}]"]
