"""Five realistic sets of requirements, an index for them, and machines that install them.

The function that adds a set to the index says what is difficult about it.
"""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from packaging.tags import sys_tags
from uv import find_uv_bin

from minimirror.distributions.targets import Target, target_of_this_machine

if TYPE_CHECKING:
    from tests.helpers.index import Index

__all__ = ["CASES", "MACHINES", "Case", "Machine", "fill"]


class Machine(NamedTuple):
    """A machine that installs."""

    target: Target
    uv: tuple[str, ...] = ()
    """The arguments for uv."""
    environment: Mapping[str, str] = {}
    """The environment variables for uv."""


MACHINES = {
    "here": Machine(target_of_this_machine()),
    "linux": Machine(
        Target("3.9", "manylinux_2_28_aarch64"),
        ("--python-version=3.9", "--python-platform=aarch64-manylinux_2_28"),
    ),
    "windows": Machine(
        Target("3.12", "win_amd64"), ("--python-version=3.12", "--python-platform=x86_64-pc-windows-msvc")
    ),
    "macos": Machine(
        Target("3.13", "macosx_12_0_arm64"),
        ("--python-version=3.13", "--python-platform=aarch64-apple-darwin"),
        {"MACOSX_DEPLOYMENT_TARGET": "12.0"},
    ),
}


class Case(NamedTuple):
    """A set of requirements."""

    files: Mapping[str, str]
    """Contents by name, in one folder."""

    requirements: tuple[str, ...]
    """The value of the config key."""

    installs: tuple[tuple[str, ...], ...]
    """Separate installations, as arguments of ``uv pip compile``."""

    lock: Callable[[Index, Path], None] | None = None
    """Creates more files in that folder, with the index."""


def fill(index: Index) -> None:
    """Add everything to an index."""
    for add in (_web_application, _data_stack, _command_line, _locked, _project):
        add(index)


def _web_application(index: Index) -> None:
    """Extras of a requirement and of a dependency; constraints of needed and of other projects."""
    loop = 'loop>=0.15; sys_platform != "win32" and extra == "standard"'
    colours = 'colours>=0.4; sys_platform == "win32" and extra == "standard"'
    for version in ("2.0", "2.1", "3.0"):
        index.add_wheel("webapp", version, requires=["routes>=1,<4", loop, colours, "names[all]>=2"])
    for version in ("1.0", "2.5", "3.0", "4.0"):
        index.add_wheel("routes", version)
    index.add_wheel("names", "3.1", requires=['tables; extra == "all"', 'unused; extra == "docs"'])
    for version in ("15.0", "16.0"):
        index.add_wheel("tables", version)
    for tag in _compiled("0.19"):
        index.add_wheel("loop", "0.19", tag=tag)
    index.add_wheel("colours", "0.4.6", tag="py2.py3-none-any")
    index.add_wheel("unused", "1.0")


def _data_stack(index: Index) -> None:
    """Wheels for many machines, such as abi3 and universal2; a release that needs a newer Python."""
    for version in ("1.26.0", "2.1.0"):
        for tag in _compiled(version):
            index.add_wheel("numbers", version, tag=tag)
        index.add_sdist("numbers", version)
    for version, python in (("1.5", None), ("2.0", ">=3.10")):
        for tag in (
            "cp38-abi3-manylinux_2_17_x86_64.manylinux2014_x86_64",
            "cp38-abi3-manylinux_2_17_aarch64.manylinux2014_aarch64",
            "cp38-abi3-musllinux_1_1_x86_64",
            "cp38-abi3-macosx_10_9_universal2",
            "cp38-abi3-win_amd64",
            "cp38-abi3-win32",
            "cp314-abi3-win_amd64",
            _of_this_machine(),
        ):
            index.add_wheel("frames", version, tag=tag, requires=["numbers>=1.20"], requires_python=python)


def _command_line(index: Index) -> None:
    """Dependencies only for one system or for old Pythons, one of which needs another."""
    index.add_wheel(
        "tool",
        "1.4",
        requires=[
            'colours>=0.4; sys_platform == "win32"',
            'toml-reader>=1.1; python_version < "3.11"',
            'resources>=5; python_version < "3.12"',
            'keys; platform_system == "Darwin" and platform_machine == "arm64"',
            'never; python_version < "3.6" or platform_python_implementation == "Other"',
        ],
    )
    index.add_wheel("toml-reader", "2.0", requires=['typing-more; python_version < "3.10"'])
    index.add_wheel("resources", "6.4", requires=["zips>=3.1"])
    for project, version in (("zips", "3.20"), ("keys", "25.0"), ("typing-more", "4.12"), ("never", "1")):
        index.add_wheel(project, version)


def _locked(index: Index) -> None:
    """Two locks that pin different versions of a library."""
    for version in ("1.0", "2.0"):
        index.add_wheel("base", version)
        index.add_sdist("base", version)
    index.add_wheel("service", "5.0", requires=["base", 'colours; sys_platform == "win32"', "numbers<2"])
    index.add_wheel("worker", "7.0", requires=["base<2", 'toml-reader; python_version < "3.11"'])


def _project(index: Index) -> None:
    """An extra that needs another one, and a group that includes another one."""
    for version in ("3.8", "3.9"):
        index.add_wheel("plots", version, requires=["numbers"])
    index.add_wheel("reports", "1.0", requires=["plots<3.9"])
    index.add_wheel("checks", "8.0", requires=['colours; sys_platform == "win32"', "plugs>=1"])
    index.add_wheel("plugs", "1.5")
    index.add_wheel("linter", "0.9", tag="py3-none-win_amd64")
    index.add_wheel("linter", "0.9", tag="py3-none-macosx_11_0_arm64")
    index.add_wheel("linter", "0.9", tag="py3-none-manylinux_2_17_aarch64")
    index.add_wheel("linter", "0.9", tag=f"py3-none-{MACHINES['here'].target.platform}")


def _compiled(version: str) -> list[str]:
    """Return the tags of a release that is built for each Python; version 2 adds free-threaded ones."""
    pythons = {"cp39", "cp311", "cp312", "cp313", f"cp{sys.version_info[0]}{sys.version_info[1]}"}
    platforms = [
        "manylinux_2_5_x86_64.manylinux1_x86_64.manylinux_2_17_x86_64.manylinux2014_x86_64",
        "manylinux_2_17_aarch64.manylinux2014_aarch64",
        "manylinux_2_34_aarch64",
        "musllinux_1_2_x86_64",
        "macosx_10_13_universal2",
        "macosx_11_0_arm64",
        "macosx_14_0_arm64",
        "win_amd64",
        "win32",
    ]
    tags = {f"{python}-{python}-{platform}" for python in pythons for platform in platforms}
    free_threaded = {"cp313-cp313t-win_amd64", "cp314-cp314t-macosx_11_0_arm64"}
    return sorted(tags | {_of_this_machine()} | (free_threaded if version >= "2" else set()))


def _of_this_machine() -> str:
    """Return the tag of a wheel that is built for this interpreter on this system."""
    platform = MACHINES["here"].target.platform
    return next(str(tag) for tag in sys_tags() if tag.platform == platform)


def _make_locks(index: Index, folder: Path) -> None:
    """Lock with the real uv, and export each lock for installers that cannot read it."""
    alone = ("--no-config", "--no-cache", "--no-python-downloads", "--quiet")

    def uv(*arguments: str) -> None:
        command = [find_uv_bin(), *alone, *arguments]
        subprocess.run(command, cwd=folder, check=True, capture_output=True, timeout=60)

    compiled = ("--universal", "--python-version=3.9", "--default-index", index.url, "service.in")
    uv("pip", "compile", *compiled, "--format=pylock.toml", "--output-file=pylock.toml")
    uv("pip", "compile", *compiled, "--generate-hashes", "--no-annotate", "--output-file=pylock.txt")
    uv("lock", "--python", sys.executable, "--default-index", index.url)
    uv("export", "--frozen", "--no-emit-project", "--python", sys.executable, "--output-file=uv.txt")


CASES = {
    "web application": Case(
        {
            "requirements.txt": "-c constraints.txt\n-r more/base.in\nwebapp[standard]>=2  # the site\n",
            "constraints.txt": "webapp<3\nroutes!=3.0\nnever-asked-for==1.0\n",
            "more/base.in": "tables\n",
        },
        ("requirements.txt",),
        (("requirements.txt",),),
    ),
    "data stack": Case({"data.in": "frames\nnumbers\n"}, ("*.in",), (("data.in",),)),
    "command line": Case({"tool.txt": "tool\n"}, ("tool.txt",), (("tool.txt",),)),
    "lock files": Case(
        {
            "service.in": "service\n",
            "pyproject.toml": (
                '[project]\nname = "jobs"\nversion = "1"\nrequires-python = ">=3.9"\n'
                'dependencies = ["worker"]\n'
            ),
        },
        ("pylock.toml", "uv.lock"),
        (("--no-deps", "pylock.txt"), ("--no-deps", "uv.txt")),
        _make_locks,
    ),
    "pyproject": Case(
        {
            "pyproject.toml": (
                '[project]\nname = "site"\nversion = "1"\ndependencies = ["routes<3"]\n'
                '[project.optional-dependencies]\nplots = ["plots"]\nall = ["site[plots]", "reports"]\n'
                '[dependency-groups]\ntest = ["checks", {include-group = "lint"}]\nlint = ["linter"]\n'
            )
        },
        ("pyproject.toml[all]", "pyproject.toml:test"),
        (("pyproject.toml", "--extra=all"), ("--group=pyproject.toml:test",)),
    ),
}
