"""pip and uv without network and settings, so that they install only from the mirror."""

from __future__ import annotations

import os
import re
import shlex
import subprocess
import sys
from typing import TYPE_CHECKING, Literal

from packaging.utils import canonicalize_name
from uv import find_uv_bin

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from pathlib import Path

    from minimirror.distributions.targets import Target
    from tests.helpers.environments import Machine

__all__ = ["download", "install", "install_as_told", "install_from", "resolved"]

_DEAD = "http://127.0.0.1:9"
"""A closed port (RFC 863), as the proxy for everything."""

_PIP = (
    *(sys.executable, "-m", "pip"),
    *("--isolated", "--no-input", "--disable-pip-version-check", "--no-cache-dir", "--quiet"),
)
_UV = (find_uv_bin(), "--no-config", "--no-cache", "--no-python-downloads", "--quiet")


def install(mirror: Path, to: Path, *what: str | Path) -> set[str]:
    """Install with the real pip for this interpreter; return what is installed, as ``PROJECT==VERSION``."""
    _run(*_pip("install", mirror), "--no-compile", "--target", to, *what)
    return _installed(to)


def install_from(
    index: str, to: Path, *what: str, tool: Literal["pip", "uv"], trust: Mapping[str, str] | None = None
) -> set[str]:
    """Install from a server on loopback; return what is installed, as ``PROJECT==VERSION``.

    :param trust: environment variables with which it trusts the server
    """
    if tool == "pip":
        begin = [*_PIP, "install", "--no-compile"]
    else:
        begin = [*_UV, "pip", "install", "--python", sys.executable]
    environment = {"NO_PROXY": "127.0.0.1", **(trust or {})}
    _run(*begin, "--index-url", index, "--target", to, *what, cwd=None, **environment)
    return _installed(to)


def install_as_told(command: str, to: Path) -> set[str]:
    """Run a ``pip install`` command that a server on loopback shows, as :func:`install_from`."""
    pip, *arguments = shlex.split(command)
    assert pip == "pip"
    _run(*_PIP, *arguments, "--no-compile", "--target", to, NO_PROXY="127.0.0.1")
    return _installed(to)


def _installed(folder: Path) -> set[str]:
    stems = (path.name.removesuffix(".dist-info").rpartition("-") for path in folder.glob("*.dist-info"))
    return {f"{canonicalize_name(project)}=={version}" for project, _, version in stems}


def download(mirror: Path, to: Path, target: Target, pins: Iterable[str]) -> set[str]:
    """Download with the real pip for a target; return the wheels' names.

    pip evaluates markers for this machine, so it gets all requirements. It does not derive older platforms
    from a manylinux platform, so it gets all platforms of the target.
    """
    python = f"cp{target.version.major}{target.version.minor}"
    platforms = sorted({tag.rpartition("-")[2] for tag in target.tags} - {"any"})
    _run(
        *(*_pip("download", mirror), "--no-deps", "--only-binary=:all:", "--dest", to),
        *(f"--python-version={target.python}", "--implementation=cp"),
        *(f"--abi={abi}" for abi in (python, "abi3", "none")),
        *(f"--platform={platform}" for platform in platforms),
        *pins,
    )
    return {path.name for path in to.iterdir()}


def resolved(
    machine: Machine, *what: str, cwd: Path, mirror: Path | None = None, index: str = ""
) -> set[str]:
    """Return what the real uv resolves for a machine, as ``PROJECT==VERSION``.

    :param what: arguments of ``uv pip compile``
    :param mirror: the only folder with distributions
    :param index: the URL of an index, instead of the folder
    """
    source = ["--no-index", "--find-links", mirror] if mirror else ["--default-index", index]
    out = _run(
        *(*_UV, "pip", "compile", "--no-build", "--no-header", "--no-annotate", *source, *what),
        *("--python", sys.executable),
        *machine.uv,
        cwd=cwd,
        **machine.environment,
        **{} if mirror else {"NO_PROXY": "127.0.0.1"},
    )
    return set(re.findall(r"^[\w.-]+==[\w.!+]+", out, re.MULTILINE))


def _pip(command: str, mirror: Path) -> list[str | Path]:
    return [*_PIP, command, "--no-index", "--find-links", mirror]


def _run(*command: str | Path, cwd: Path | None = None, **environment: str) -> str:
    """Run a program without network; return its standard output."""
    proxies = {f"{kind}_PROXY": _DEAD for kind in ("HTTP", "HTTPS", "ALL")}
    lower = {name.lower(): value for name, value in proxies.items()}
    done = subprocess.run(
        list(map(str, command)),
        cwd=cwd,
        env={**os.environ, **proxies, **lower, "NO_PROXY": "", **environment},
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )
    assert done.returncode == 0, f"{done.stdout}\n{done.stderr}"
    return done.stdout
