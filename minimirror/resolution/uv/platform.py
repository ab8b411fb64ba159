"""Translate targets into the values of uv's ``--python-platform``.

The filtered index lists only files that the target accepts. So any platform of the same system and
architecture will do if it is at least as new as the target's.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping
from dataclasses import replace

from minimirror.distributions import Target, target_of_this_machine
from minimirror.resolution.uv.model import UnsolvableError

__all__ = ["environment_of", "platform_of", "tags_of"]

_GLIBC = re.compile(r"manylinux_(\d+)_(\d+)_(\w+)")
_UV_GLIBC = re.compile(r"(\w+)-manylinux_(\d+)_(\d+)")
_MACOS = re.compile(r"macosx_(\d+)_(\d+)_(\w+)")
_MUSL = re.compile(r"musllinux_\d+_\d+_(\w+)")
_OTHERS = {
    "win_amd64": "x86_64-pc-windows-msvc",
    "win_arm64": "aarch64-pc-windows-msvc",
    "win32": "i686-pc-windows-msvc",
}
_MACOS_MACHINES = {"arm64": "aarch64-apple-darwin", "x86_64": "x86_64-apple-darwin"}


def platform_of(target: Target, known: Collection[str]) -> str:
    """Return the ``--python-platform`` for a target.

    :param known: the values that uv accepts
    :raises UnsolvableError: none of them fits the target
    """
    here = target_of_this_machine()
    platform = _linux(target, known) or _other(target.platform)
    if _interpreter(target) != _interpreter(here):
        why = f"it only resolves for Pythons like {here}"
    elif platform not in known:
        why = "unknown platform"
    else:
        return platform
    instead = "use a lock file (pylock.toml, uv.lock) instead of the requirements"
    raise UnsolvableError(f"uv cannot resolve for {target}: {why}; {instead}")


def _interpreter(target: Target) -> tuple[str, bool]:
    """Return what uv takes from the Python it runs with: the implementation, and if it is free-threaded."""
    return target.implementation, target.implementation == "cp" and (target.abi or "").endswith("t")


def _linux(target: Target, known: Collection[str]) -> str | None:
    """Return the oldest of uv's manylinux platforms that is as new as the target's, or else the newest."""
    newest = max(
        ((int(m[1]), int(m[2]), m[3]) for tag in target.tags if (m := _GLIBC.search(tag))), default=None
    )
    if newest is None:
        return None
    named = {
        (int(m[2]), int(m[3])): m[0]
        for name in known
        if (m := _UV_GLIBC.fullmatch(name)) and m[1] == newest[2]
    }
    if not named:
        return f"{newest[2]}-unknown-linux"
    return named[min((version for version in named if version >= newest[:2]), default=max(named))]


def _other(platform: str) -> str:
    if musl := _MUSL.fullmatch(platform):
        return f"{musl[1]}-unknown-linux-musl"
    if macos := _MACOS.fullmatch(platform):
        return _MACOS_MACHINES.get(macos[3], platform)
    if platform.startswith("linux_"):
        return f"{platform.removeprefix('linux_')}-manylinux_2_17"
    return _OTHERS.get(platform, platform)


def environment_of(target: Target) -> Mapping[str, str]:
    """Return the variables that tell uv the version of macOS."""
    macos = _MACOS.fullmatch(target.platform)
    return {"MACOSX_DEPLOYMENT_TARGET": f"{macos[1]}.{macos[2]}"} if macos else {}


def tags_of(target: Target, platform: str) -> frozenset[str]:
    """Return the tags that uv accepts for a target on one of its platforms."""
    glibc = _UV_GLIBC.fullmatch(platform)
    if glibc is None:
        return target.tags
    return target.tags | replace(target, platform=f"manylinux_{glibc[2]}_{glibc[3]}_{glibc[1]}").tags
