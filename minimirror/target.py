"""A target: one environment that will install from the mirror, and what an installer accepts there.

The tags are those of PEP 425, PEP 600 (manylinux), PEP 656 (musllinux) and PEP 703 (free-threaded builds), in
the way in which packaging, and so pip, makes them on a machine of that kind. packaging makes them for other
Pythons too, and for other versions of macOS; for the other systems this module says which platform tags an
installer there accepts. The environment markers are those of PEP 508.
"""

from __future__ import annotations

import functools
import re
import sys
from collections.abc import Iterator
from dataclasses import dataclass

from packaging.specifiers import SpecifierSet
from packaging.tags import compatible_tags, cpython_tags, generic_tags, mac_platforms, sys_tags
from packaging.version import Version

__all__ = ["Target", "target_of_this_machine"]

_LIBC = re.compile(r"(?P<libc>manylinux|musllinux)_(?P<major>\d+)_(?P<minor>\d+)_(?P<arch>\w+)")
_MACOS = re.compile(r"macosx_(?P<major>\d+)_(?P<minor>\d+)_(?P<arch>\w+)")
_LEGACY = {"manylinux1": (2, 5), "manylinux2010": (2, 12), "manylinux2014": (2, 17)}
"""The older names of manylinux tags, by the glibc that they stand for (PEP 513, PEP 571, PEP 599)."""

_SINCE_GLIBC_5 = frozenset({"x86_64", "i686"})
"""Architectures whose manylinux tags begin with glibc 2.5; those of the others begin with 2.17 (PEP 600)."""

_WINDOWS_MACHINES = {"win32": "x86", "win_amd64": "AMD64", "win_arm64": "ARM64"}
_IMPLEMENTATIONS = {"cp": ("cpython", "CPython"), "pp": ("pypy", "PyPy"), "graalpy": ("graalpy", "GraalVM")}
"""What the markers call an implementation, by its tag."""


@dataclass(frozen=True)
class Target:
    """One environment that will install from the mirror."""

    python: str
    """The Python version: ``3.12``, which stands for 3.12.0 as it does for pip and uv, or ``3.12.7``."""

    platform: str
    """A platform tag, the newest that the environment accepts: ``manylinux_2_28_x86_64``, ``win_amd64``."""

    implementation: str = "cp"
    """The implementation, as tags abbreviate it: ``cp`` for CPython, ``pp`` for PyPy."""

    abi: str | None = None
    """The ABI tag where it is not the usual one of that Python: ``cp313t``, ``pypy310_pp73``."""

    def __str__(self) -> str:
        return f"{self.implementation}{self.python} on {self.platform}" + (f" ({self.abi})" * bool(self.abi))

    @property
    def version(self) -> Version:
        """The Python version."""
        return Version(self.python)

    @property
    def tags(self) -> frozenset[str]:
        """Every tag that a wheel may have there, as ``cp312-abi3-manylinux_2_17_x86_64``."""
        return _tags(self)

    def accepts_python(self, requires_python: str | None) -> bool:
        """Whether a Requires-Python allows the target's Python; no specifier allows any, as for pip."""
        return requires_python is None or _allows(self.python, requires_python)

    def markers(self) -> dict[str, str]:
        """The environment markers' values (PEP 508); those that tell one machine from another are empty."""
        full = ".".join([*self.python.split("."), "0"][:3])
        name, title = _IMPLEMENTATIONS.get(self.implementation, (self.implementation, self.implementation))
        system, sys_platform, os_name, machine = _system(self.platform)
        return {
            "implementation_name": name,
            "implementation_version": full,
            "os_name": os_name,
            "platform_machine": machine,
            "platform_python_implementation": title,
            "platform_release": "",
            "platform_system": system,
            "platform_version": "",
            "python_full_version": full,
            "python_version": ".".join(self.python.split(".")[:2]),
            "sys_platform": sys_platform,
        }


@functools.lru_cache(maxsize=256)
def _tags(target: Target) -> frozenset[str]:
    release = target.version.release[:2]
    platforms = list(_platforms(target.platform))
    name = f"{target.implementation}{''.join(map(str, release))}"
    if target.implementation == "cp":
        # Until Python 3.7 the ABI tag told of pymalloc (PEP 3149), which all builds had.
        usual = name if release >= (3, 8) else f"{name}m"
        found = [*cpython_tags(release, [target.abi or usual], platforms)]
        interpreter: str | None = name
    else:
        found = [*generic_tags(name, [target.abi] if target.abi else [], platforms)]
        interpreter = "pp3" if target.implementation == "pp" else None
    return frozenset(map(str, [*found, *compatible_tags(release, interpreter, platforms)]))


@functools.lru_cache(maxsize=4096)
def _allows(python: str, requires_python: str) -> bool:
    try:
        return SpecifierSet(requires_python).contains(python, prereleases=True)
    except ValueError:
        return True


def _platforms(platform: str) -> Iterator[str]:
    """Every platform tag that an installer accepts where ``platform`` is the newest of them."""
    legacy, _, arch = platform.partition("_")
    if legacy in _LEGACY:
        major, minor = _LEGACY[legacy]
        platform = f"manylinux_{major}_{minor}_{arch}"
    if libc := _LIBC.fullmatch(platform):
        for arch in {"armv8l": ("armv8l", "armv7l")}.get(libc["arch"], (libc["arch"],)):
            yield f"linux_{arch}"
            yield from _libc_platforms(libc["libc"], int(libc["major"]), int(libc["minor"]), arch)
    elif macos := _MACOS.fullmatch(platform):
        yield from mac_platforms((int(macos["major"]), int(macos["minor"])), macos["arch"])
    else:
        yield platform


def _libc_platforms(libc: str, major: int, newest: int, arch: str) -> Iterator[str]:
    oldest = 0 if libc == "musllinux" else 5 if arch in _SINCE_GLIBC_5 else 17
    for minor in range(newest, oldest - 1, -1):
        yield f"{libc}_{major}_{minor}_{arch}"
    if libc == "manylinux":
        for name, (_, minor) in _LEGACY.items():
            if oldest <= minor <= newest:
                yield f"{name}_{arch}"


def _system(platform: str) -> tuple[str, str, str, str]:
    """``platform_system``, ``sys_platform``, ``os_name`` and ``platform_machine`` of a platform tag."""
    if platform in _WINDOWS_MACHINES:
        return "Windows", "win32", "nt", _WINDOWS_MACHINES[platform]
    if macos := _MACOS.fullmatch(platform):
        return "Darwin", "darwin", "posix", macos["arch"]
    if libc := _LIBC.fullmatch(platform):
        return "Linux", "linux", "posix", libc["arch"]
    legacy, _, arch = platform.partition("_")
    if legacy in _LEGACY or legacy == "linux":
        return "Linux", "linux", "posix", arch
    return legacy.capitalize(), legacy, "posix", arch


def target_of_this_machine() -> Target:
    """The target of the machine and the interpreter that this runs on."""
    tags = list(sys_tags())
    # A Linux machine's first platform, linux_x86_64, does not tell which C library it has.
    platform = next((tag.platform for tag in tags if not tag.platform.startswith("linux_")), tags[0].platform)
    implementation = re.sub(r"\d+$", "", tags[0].interpreter)
    target = Target(".".join(map(str, sys.version_info[:3])), platform, implementation)
    return target if str(tags[0]) in target.tags else Target(*_values(target)[:3], abi=tags[0].abi)


def _values(target: Target) -> tuple[str, str, str]:
    return target.python, target.platform, target.implementation
