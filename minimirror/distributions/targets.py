"""A target: an environment that will install from the mirror, and the files that installers accept there.

Tags follow PEP 425, PEP 600 (manylinux), PEP 656 (musllinux), PEP 703 (free-threaded builds), PEP 730 (iOS)
and PEP 738 (Android). packaging, and so pip, computes them for the machine that it runs on; it can do so for
other Pythons and other versions of some systems too. For Linux, this module has the platform tags.
Environment markers follow PEP 508.
"""

from __future__ import annotations

import functools
import re
import sys
from dataclasses import dataclass, fields, replace
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

    from packaging.version import Version

__all__ = ["Target", "target_of_this_machine"]

# Every config imports this module, and many have no targets: packaging is imported only when needed.
# ruff: noqa: PLC0415

_LIBC = re.compile(r"(?P<libc>manylinux|musllinux)_(?P<major>\d+)_(?P<minor>\d+)_(?P<arch>\w+)")
_MACOS = re.compile(r"macosx_(?P<major>\d+)_(?P<minor>\d+)_(?P<arch>\w+)")
_IOS = re.compile(r"ios_(?P<major>\d+)_(?P<minor>\d+)_(?P<arch>[a-z0-9]+(?:_64)?)_(?P<device>[a-z]+)")
_ANDROID = re.compile(r"android_(?P<level>\d+)_(?P<arch>\w+)")
_EMSCRIPTEN = re.compile(r"(?:pyodide|(?:py)?emscripten)_\w+_(?P<arch>wasm32)")

_SYSTEMS = (
    (_LIBC, "Linux", "linux"),
    (_MACOS, "Darwin", "darwin"),
    (_IOS, "iOS", "ios"),
    (_ANDROID, "Android", "android"),
    (_EMSCRIPTEN, "Emscripten", "emscripten"),
)
"""The markers' names of a system, by its platform tags; without Windows and other systems."""

_LEGACY = {"manylinux1": (2, 5), "manylinux2010": (2, 12), "manylinux2014": (2, 17)}
"""The glibc version of the older manylinux tags (PEP 513, PEP 571, PEP 599)."""

_SINCE_GLIBC_5 = frozenset({"x86_64", "i686"})
"""Architectures whose manylinux tags start at glibc 2.5; the others start at 2.17 (PEP 600)."""

_WINDOWS_MACHINES = {"win32": "x86", "win_amd64": "AMD64", "win_arm64": "ARM64"}
_ANDROID_MACHINES = {"arm64_v8a": "aarch64", "armeabi_v7a": "armv7l", "x86": "i686"}
_IMPLEMENTATIONS = {"cp": ("cpython", "CPython"), "pp": ("pypy", "PyPy"), "graalpy": ("graalpy", "GraalVM")}
"""The markers' names of an implementation, by its tag."""


@dataclass(frozen=True)
class Target:
    """An environment that will install from the mirror."""

    python: str
    """``3.12.7``, or ``3.12``, which means 3.12.0 as in pip and uv."""

    platform: str
    """The newest platform tag that the environment accepts: ``manylinux_2_28_x86_64``, ``win_amd64``."""

    implementation: str = "cp"
    """The implementation's tag: ``cp`` for CPython, ``pp`` for PyPy."""

    abi: str | None = None
    """The ABI tag, if it is not the usual one of that Python: ``cp313t``, ``pypy310_pp73``."""

    def __str__(self) -> str:
        return f"{self.implementation}{self.python} on {self.platform}" + (f" ({self.abi})" * bool(self.abi))

    @property
    def version(self) -> Version:
        """The Python version."""
        from packaging.version import Version

        return Version(self.python)

    @property
    def tags(self) -> frozenset[str]:
        """All tags that the target accepts, such as ``cp312-abi3-manylinux_2_17_x86_64``."""
        return _tags(self)

    def accepts_python(self, requires_python: str | None) -> bool:
        """Return whether a Requires-Python allows the target's Python; an invalid one does, as in pip."""
        return requires_python is None or _allows(self.python, requires_python)

    def as_dict(self) -> dict[str, str]:
        """Return the target as the config writes it, without defaults."""
        defaults = {field.name: field.default for field in fields(self)}
        return {key: value for key, value in vars(self).items() if value != defaults[key]}

    def markers(self) -> dict[str, str]:
        """Return the values of the environment markers (PEP 508).

        ``platform_release`` and ``platform_version`` are empty, since they depend on the single machine. No
        tag has the version of an implementation other than CPython: ``implementation_version`` is Python's.
        """
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
    from packaging.tags import compatible_tags, cpython_tags, generic_tags

    release = target.version.release[:2]
    platforms = list(_platforms(target.platform))
    name = f"{target.implementation}{''.join(map(str, release))}"
    abi = target.abi or _usual_abi(target, release)
    if target.implementation == "cp":
        found = cpython_tags(release, [abi], platforms)
    else:
        found = generic_tags(name, [abi] if abi else [], platforms)
    return frozenset(map(str, [*found, *compatible_tags(release, name, platforms)]))


def _usual_abi(target: Target, release: tuple[int, ...]) -> str:
    """Return the ABI tag of the usual builds, empty if it is not known."""
    version = "".join(map(str, release))
    if target.implementation == "pp":
        # Every PyPy since 7.3 (2019).
        return f"pypy{version}_pp73"
    if target.implementation != "cp":
        return ""
    if release >= (3, 8):
        return f"cp{version}"
    # Older tags have an "m" for pymalloc, which all builds had; up to 3.2 a "u" for wide Unicode (PEP 3149).
    return f"cp{version}mu" if release < (3, 3) and "linux" in target.platform else f"cp{version}m"


@functools.lru_cache(maxsize=4096)
def _allows(python: str, requires_python: str) -> bool:
    from packaging.specifiers import SpecifierSet

    try:
        return SpecifierSet(requires_python).contains(python, prereleases=True)
    except ValueError:
        return True


def _platforms(platform: str) -> Iterator[str]:
    """Return every platform tag that an installer accepts if ``platform`` is the newest one."""
    from packaging.tags import android_platforms, ios_platforms, mac_platforms

    platform = _by_glibc(platform)
    if libc := _LIBC.fullmatch(platform):
        for arch in {"armv8l": ("armv8l", "armv7l")}.get(libc["arch"], (libc["arch"],)):
            yield f"linux_{arch}"
            yield from _libc_platforms(libc["libc"], int(libc["major"]), int(libc["minor"]), arch)
    elif macos := _MACOS.fullmatch(platform):
        yield from mac_platforms((int(macos["major"]), int(macos["minor"])), macos["arch"])
    elif ios := _IOS.fullmatch(platform):
        yield from ios_platforms((int(ios["major"]), int(ios["minor"])), f"{ios['arch']}_{ios['device']}")
    elif android := _ANDROID.fullmatch(platform):
        yield from android_platforms(int(android["level"]), android["arch"])
    else:
        yield platform


def _by_glibc(platform: str) -> str:
    """Return the platform tag, or its PEP 600 name if it is an older manylinux tag."""
    legacy, _, arch = platform.partition("_")
    if legacy not in _LEGACY:
        return platform
    major, minor = _LEGACY[legacy]
    return f"manylinux_{major}_{minor}_{arch}"


def _libc_platforms(libc: str, major: int, newest: int, arch: str) -> Iterator[str]:
    oldest = 0 if libc == "musllinux" else 5 if arch in _SINCE_GLIBC_5 else 17
    for minor in range(newest, oldest - 1, -1):
        yield f"{libc}_{major}_{minor}_{arch}"
    if libc == "manylinux":
        for name, (_, minor) in _LEGACY.items():
            if oldest <= minor <= newest:
                yield f"{name}_{arch}"


def _system(platform: str) -> tuple[str, str, str, str]:
    """Return the markers ``platform_system``, ``sys_platform``, ``os_name`` and ``platform_machine``."""
    if platform in _WINDOWS_MACHINES:
        return "Windows", "win32", "nt", _WINDOWS_MACHINES[platform]
    for kind, system, sys_platform in _SYSTEMS:
        if found := kind.fullmatch(_by_glibc(platform)):
            return system, sys_platform, "posix", _ANDROID_MACHINES.get(found["arch"], found["arch"])
    system, _, rest = platform.partition("_")
    return system.capitalize(), system, "posix", rest


def target_of_this_machine() -> Target:
    """Return the target of this machine and interpreter."""
    from packaging.tags import sys_tags

    first, *others = sys_tags()
    # linux_x86_64, the first platform on Linux, does not show which C library the machine has.
    platforms = (tag.platform for tag in [first, *others] if not tag.platform.startswith("linux_"))
    platform = next((platform for platform in platforms if platform != "any"), first.platform)
    implementation = re.sub(r"\d+$", "", first.interpreter)
    target = Target(".".join(map(str, sys.version_info[:3])), platform, implementation)
    return target if str(first) in target.tags else replace(target, abi=first.abi)
