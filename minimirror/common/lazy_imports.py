"""Subpackages whose names are imported when they are first used (PEP 562).

Most commands, and every worker process, need a few names of a subpackage; importing all of them takes longer
than a run that has nothing to do.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from importlib import import_module
from typing import Any

__all__ = ["lazy"]


def lazy(package: str, homes: Mapping[str, str]) -> Callable[[str], Any]:
    """Make a package's ``__getattr__``.

    :param package: the package's ``__name__``
    :param homes: modules below it, each with the names that it defines: ``{"health": "check_health"}``
    :returns: a function that imports the name's module and returns what it defines
    """
    modules = {name: f"{package}.{module}" for module, names in homes.items() for name in names.split()}

    def get(name: str) -> Any:
        if name not in modules:
            raise AttributeError(f"module {package!r} has no attribute {name!r}")
        return getattr(import_module(modules[name]), name)

    return get
