"""What the machine of a Dask worker needs: what this machine has."""

from __future__ import annotations

import platform
from contextlib import suppress
from importlib.metadata import PackageNotFoundError, version

from minimirror._version import __version__

__all__ = ["needed"]

_PACKAGES = ("packaging", "dask", "distributed")
"""Packages whose versions must, or should, be the same on all machines."""


def needed() -> list[str]:
    """Return the lines of a requirements file."""
    python = ".".join(platform.python_version_tuple()[:2])
    lines = [
        f"# Python {python}",
        '# the folder of the mirror ("repository"), at the same path, writable',
        "# after the installation: dask worker tcp://SCHEDULER:8786 --nthreads 1",
        f"minimirror[cluster]=={__version__}",
    ]
    for name in _PACKAGES:
        with suppress(PackageNotFoundError):
            lines.append(f"{name}=={version(name)}")
    return lines
