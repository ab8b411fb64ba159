"""Ask pip which wheels it accepts on a machine, and record its answer.

``python -m tests.helpers.machines.record FOLDER`` records :data:`MACHINES` and :data:`ELSEWHERE` anew,
where FOLDER has a virtual environment such as ``FOLDER/3.12`` for each version of Python, with the newest pip
that supports it. It must run on x86_64 with glibc 2.36, which pip detects; pip gets descriptions of the other
machines.
"""

from __future__ import annotations

import json
import subprocess
import sys
from collections import defaultdict
from pathlib import Path
from typing import Any

from tests.helpers.machines import RECORDS

__all__ = ["ELSEWHERE", "MACHINES"]

_ASK = r"""
import json, os, platform, sys, sysconfig
from pip import __version__
from pip._internal.utils.compatibility_tags import get_supported
from pip._vendor.packaging import _manylinux, _musllinux, markers
told, options = json.loads(sys.argv[1])
real = platform.python_implementation(), platform.python_version()
sysconfig.get_config_vars()
for name in ("system", "machine", "mac_ver", "python_implementation"):
    if name in told:
        setattr(platform, name, lambda answer=told[name]: answer)
if "get_platform" in told:
    sysconfig.get_platform = lambda: told["get_platform"]
if "config_vars" in told:
    config_var = sysconfig.get_config_var
    sysconfig.get_config_var = lambda name: told["config_vars"].get(name, config_var(name))
if "implementation" in told:
    sys.implementation.name = told["implementation"]
if "glibc" in told or "musl" in told:
    _manylinux._get_glibc_version = lambda: _manylinux._GLibCVersion(*told.get("glibc", [-1, -1]))
    _manylinux._have_compatible_abi = lambda *_: True
if "musl" in told:
    _musllinux._get_musl_version = lambda _: _musllinux._MuslVersion(*told["musl"])
sys.platform, os.name = told.get("sys_platform", sys.platform), told.get("os_name", os.name)
tags = [str(tag) for tag in get_supported(**options)]
environment = markers.default_environment()
sys.platform, os.name = "linux", "posix"
print(json.dumps(["pip %s on %s %s" % ((__version__,) + real), tags, environment]))
"""
"""What is run by the Python in question."""

_ASK_OLD = r"""
import json, platform, subprocess, sys
from pip import __version__
from pip._vendor.packaging import markers
told = subprocess.check_output([sys.executable, "-m", "pip", "debug", "--verbose"]).decode()
tags = told.partition("Compatible tags: ")[2].split("\n  ")[1:]
pip = "pip %s on %s %s" % (__version__, platform.python_implementation(), platform.python_version())
print(json.dumps([pip, [tag.strip() for tag in tags], markers.default_environment()]))
"""
"""The same for the machine itself, for every version of pip and Python."""


_Facts = dict[str, object]


def _linux(arch: str, **libc: list[int]) -> _Facts:
    return {"get_platform": f"linux-{arch}", "machine": arch, **libc}


def _mac(version: str, arch: str) -> _Facts:
    return {
        "system": "Darwin",
        "sys_platform": "darwin",
        "machine": arch,
        "mac_ver": [version, ["", "", ""], arch],
        "get_platform": f"macosx-{version}-{arch}",
    }


def _windows(get_platform: str, machine: str) -> _Facts:
    return {
        "system": "Windows",
        "sys_platform": "win32",
        "os_name": "nt",
        "machine": machine,
        "get_platform": get_platform,
    }


def _pypy(version: str) -> _Facts:
    return {
        "implementation": "pypy",
        "python_implementation": "PyPy",
        "config_vars": {"EXT_SUFFIX": f".pypy{version}-pp73-x86_64-linux-gnu.so"},
    }


_FREE_THREADED: _Facts = {"config_vars": {"Py_GIL_DISABLED": 1}}

_HERE = "manylinux_2_36_x86_64"

MACHINES: dict[str, tuple[str, str, _Facts, _Facts]] = {
    "linux-2.7": ("2.7", _HERE, {}, {}),
    "linux-3.6": ("3.6", _HERE, {}, {}),
    "linux-3.7": ("3.7", _HERE, {}, {}),
    "linux-3.8": ("3.8", _HERE, {}, {}),
    "linux-3.9": ("3.9", _HERE, {}, {}),
    "linux-3.10": ("3.10", _HERE, {}, {}),
    "linux-3.11": ("3.11", _HERE, {}, {}),
    "linux-3.12": ("3.12", _HERE, {}, {}),
    "linux-3.13": ("3.13", _HERE, {}, {}),
    "linux-3.13-free-threaded": ("3.13", _HERE, _FREE_THREADED, {"abi": "cp313t"}),
    "linux-pypy-3.11": ("3.11", _HERE, _pypy("311"), {"implementation": "pp", "abi": "pypy311_pp73"}),
    "linux-pypy-3.10-usual": ("3.10", _HERE, _pypy("310"), {"implementation": "pp"}),
    "centos-7": ("3.10", "manylinux_2_17_x86_64", _linux("x86_64", glibc=[2, 17]), {}),
    "centos-7-legacy-tag": ("3.10", "manylinux2014_x86_64", _linux("x86_64", glibc=[2, 17]), {}),
    "centos-5": ("3.9", "manylinux1_i686", _linux("i686", glibc=[2, 5]), {}),
    "debian-11-i686": ("3.9", "manylinux_2_31_i686", _linux("i686", glibc=[2, 31]), {}),
    "rhel-8-aarch64": ("3.12", "manylinux_2_28_aarch64", _linux("aarch64", glibc=[2, 28]), {}),
    "debian-12-armv7l": ("3.11", "manylinux_2_36_armv7l", _linux("armv7l", glibc=[2, 36]), {}),
    "debian-12-armv8l": ("3.11", "manylinux_2_36_armv8l", _linux("armv8l", glibc=[2, 36]), {}),
    "ubuntu-24-s390x": ("3.12", "manylinux_2_39_s390x", _linux("s390x", glibc=[2, 39]), {}),
    "alpine-x86_64": ("3.12", "musllinux_1_2_x86_64", _linux("x86_64", musl=[1, 2]), {}),
    "alpine-aarch64": ("3.13", "musllinux_1_2_aarch64", _linux("aarch64", musl=[1, 2]), {}),
    "macos-14.4-arm64": ("3.13", "macosx_14_0_arm64", _mac("14.4", "arm64"), {}),
    "macos-12-x86_64": ("3.12", "macosx_12_0_x86_64", _mac("12.0", "x86_64"), {}),
    "macos-10.15-x86_64": ("3.11", "macosx_10_15_x86_64", _mac("10.15", "x86_64"), {}),
    "windows-amd64": ("3.12", "win_amd64", _windows("win-amd64", "AMD64"), {}),
    "windows-arm64": ("3.13", "win_arm64", _windows("win-arm64", "ARM64"), {}),
    "windows-x86": ("3.10", "win32", _windows("win32", "x86"), {}),
    "windows-free-threaded": (
        "3.13",
        "win_amd64",
        {**_windows("win-amd64", "AMD64"), **_FREE_THREADED},
        {"abi": "cp313t"},
    ),
}
"""For each machine: Python, newest platform tag, description for pip, and the rest of the target."""

ELSEWHERE = {
    "pip-download-macos": ("3.12", "macosx_13_0_arm64"),
    "pip-download-ios": ("3.13", "ios_16_2_arm64_iphoneos"),
    "pip-download-android": ("3.13", "android_24_arm64_v8a"),
    "pip-download-windows": ("3.9", "win_amd64"),
    "pip-download-python-3.99": ("3.99", "macosx_26_0_arm64"),
}
"""Machines for which ``pip download --python-version … --platform …`` is asked."""


def main(folder: Path) -> None:
    for name, (version, platform, told, rest) in MACHINES.items():
        made_by, tags, markers = _ask(folder / version, told, {})
        python = made_by.rpartition(" ")[2]
        target = {"python": python, "platform": platform, **rest}
        _save(name, made_by=made_by, pretended=told, target=target, tags=_compressed(tags), markers=markers)
    for name, (version, platform) in ELSEWHERE.items():
        options: _Facts = {"version": version.replace(".", ""), "platforms": [platform], "impl": "cp"}
        made_by, tags, _ = _ask(folder / "3.13", {}, options)
        target = {"python": version, "platform": platform}
        _save(name, made_by=made_by, pretended=options, target=target, tags=_compressed(tags))


def _ask(environment: Path, told: _Facts, options: _Facts) -> tuple[str, list[str], Any]:
    question = _ASK if told or options else _ASK_OLD
    answer = subprocess.run(
        [environment / "bin" / "python", "-c", question, json.dumps([told, options])],
        check=True,
        stdout=subprocess.PIPE,
        text=True,
    )
    made_by, tags, markers = json.loads(answer.stdout)
    return made_by, tags, {key: value for key, value in markers.items() if key not in _OF_ONE_MACHINE}


_OF_ONE_MACHINE = {"platform_release", "platform_version"}


def _compressed(tags: list[str]) -> list[str]:
    """Return the same tags as few compressed tag sets."""
    platforms = defaultdict(list)
    for tag in sorted(set(tags)):
        interpreter, abi, platform = tag.split("-")
        platforms[interpreter, abi].append(platform)
    interpreters = defaultdict(list)
    for (interpreter, abi), some in platforms.items():
        interpreters[abi, ".".join(some)].append(interpreter)
    return [f"{'.'.join(some)}-{abi}-{platform}" for (abi, platform), some in interpreters.items()]


def _save(name: str, **record: object) -> None:
    kept = {key: value for key, value in record.items() if value}
    (RECORDS / f"{name}.json").write_text(json.dumps(kept, indent=1) + "\n")


if __name__ == "__main__":
    main(Path(sys.argv[1]))
