"""uv in a separate process: its arguments, its environment and its output.

uv sees only the filtered index: none of the user's settings, indexes, proxies or credentials.
"""

from __future__ import annotations

import itertools
import os
import re
import shutil
import signal
import subprocess
import sys
import threading
from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import NamedTuple

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name
from packaging.version import Version

from minimirror.common import missing_extra
from minimirror.distributions import Target
from minimirror.resolution.inputs import UNKNOWN_VERSION, Requirements, applying
from minimirror.resolution.policy import ResolutionPolicy
from minimirror.resolution.uv.model import ResolveError, UnsolvableError
from minimirror.resolution.uv.platform import environment_of

__all__ = ["Uv", "UvSolution"]

_CHOICES = re.compile(r"--python-platform.*?\[possible values: ([^\]]*)\]", re.DOTALL)
_WITHHELD = re.compile(
    r"(?:UV|PIP|RUST|MINIMIRROR)_.*|.*_PROXY|NETRC|VIRTUAL_ENV|CONDA_PREFIX"
    # With `build`, uv runs code of the index: it gets nothing that looks like a secret.
    r"|.*(?:TOKEN|PASS|SECRET|KEY|CREDENTIAL|AUTH).*|(?:TWINE|AWS|AZURE|GOOGLE|SSH|GPG)_.*",
    re.IGNORECASE,
)
_HOMES = (
    "HOME",
    "USERPROFILE",
    "APPDATA",
    "LOCALAPPDATA",
    "XDG_CONFIG_HOME",
    "XDG_DATA_HOME",
    "XDG_CACHE_HOME",
)
"""Where programs keep settings and credentials of the user."""

_PINNED = re.compile(r"([A-Za-z0-9._-]+)==(\S+)")
_SOURCE = re.compile(r"    #(?: via|  ) +(.+)")


class UvSolution(NamedTuple):
    """What uv finds."""

    versions: Mapping[str, Version]
    """By normalized project."""

    parents: Mapping[str, Sequence[str]]
    """By normalized project, the projects and places in the input that need it, as uv names them."""

    warnings: Sequence[str]


class Uv:
    """Runs uv from several threads, each time in a process that :meth:`stop` ends."""

    def __init__(self, folder: Path, proxy: str, policy: ResolutionPolicy, index_url: str) -> None:
        """Find uv, and ask it for the platforms that it knows.

        :param folder: a new folder for its cache and output; the caller deletes it
        :param proxy: the URL of a proxy that refuses everything
        :param index_url: the URL of the index in messages
        :raises ResolveError: uv is not installed or too old
        """
        self._program = _find_uv()
        self._folder = folder
        folder.mkdir()
        self._policy = policy
        self.index_url = index_url
        self._environment = self._clean_environment(proxy)
        self._numbers = itertools.count()
        self._lock = threading.Lock()
        self._running: set[subprocess.Popen[str]] = set()
        self._stopped = False
        # uv lists them only in an error message.
        choices = _CHOICES.search(self._run(["pip", "compile", "-", "--python-platform", "?"], folder, {})[1])
        if not choices:
            raise ResolveError(f"{self._program} cannot resolve for other platforms; install a newer uv")
        self.platforms = frozenset(re.split(r",\s+", choices[1].strip()))

    def stop(self) -> None:
        """End every call, and start no other."""
        with self._lock:
            self._stopped = True
            for process in self._running:
                _kill(process)

    def resolve(self, request: Requirements, target: Target, platform: str, url: str) -> UvSolution:
        """Resolve requirements for a target with ``uv pip compile``.

        :param platform: the target's ``--python-platform``
        :param url: the simple API of the filtered index
        :raises UnsolvableError: there is no solution, or it has packages that do not come from the index
        :raises ResolveError: uv took too long
        """
        folder = self._folder / str(next(self._numbers))
        folder.mkdir()
        inputs, names = _write_inputs(request, target, folder)
        result = folder / "requirements.txt"
        choices = {**request.choices, **({"prerelease": "allow"} if self._policy.prereleases else {})}
        arguments = [
            *("pip", "compile", *inputs, "--no-header", "--output-file", str(result)),
            "--no-sources",
            *("--python", sys.executable, "--no-python-downloads"),
            *("--python-version", target.python, "--python-platform", platform),
            *([] if self._policy.build else ["--no-build"]),
            *(f"--{name}={value}" for name, value in choices.items()),
        ]
        # In the environment, because anyone on the machine can read the arguments of a process.
        environment = {**environment_of(target), "UV_DEFAULT_INDEX": url}
        code, output = self._run(arguments, folder, environment)
        for temporary, original in {
            **{f"{folder / name}": title for name, title in names.items()},
            **names,
            url: self.index_url,
            url.removesuffix("simple/"): self.index_url,
            f"{self._folder}{os.sep}": "",
            f"=={UNKNOWN_VERSION}": "",
        }.items():
            output = output.replace(temporary, original)
        if code != 0:
            raise UnsolvableError(output)
        warnings = re.findall(r"^warning: (.*)$", output, re.MULTILINE)
        versions, parents = _read_result(result.read_text(encoding="utf-8"))
        # uv always builds with the Python that it runs with.
        return UvSolution(
            versions, parents, [each for each in warnings if "requested Python version" not in each]
        )

    def _run(self, arguments: Sequence[str], cwd: Path, extra: Mapping[str, str]) -> tuple[int, str]:
        """Run uv, and return its exit code and standard error."""
        common = ["--no-config", "--no-progress", "--color=never", f"--cache-dir={self._folder / 'cache'}"]
        with self._lock:
            if self._stopped:
                raise ResolveError("interrupted")
            process = subprocess.Popen(  # noqa: S603 - no shell, and the arguments are ours
                [self._program, *arguments, *common],
                env={**self._environment, **extra},
                cwd=cwd,
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                stderr=subprocess.PIPE,
                encoding="utf-8",
                errors="replace",
                # In a separate session, builds end with uv, and Ctrl-C reaches only minimirror.
                start_new_session=True,
            )
            self._running.add(process)
        try:
            _, output = process.communicate(timeout=self._policy.timeout)
        except subprocess.TimeoutExpired:
            raise ResolveError(f"uv took longer than {self._policy.timeout:.0f} s") from None
        finally:
            with self._lock:
                self._running.remove(process)
                _kill(process)
            process.wait()
            if process.stderr:
                process.stderr.close()
        return process.returncode, output

    def _clean_environment(self, proxy: str) -> dict[str, str]:
        kept = {name: value for name, value in os.environ.items() if not _WITHHELD.fullmatch(name)}
        proxies = dict.fromkeys(("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY"), proxy)
        home = self._folder / "home"
        home.mkdir()
        return {
            **kept,
            **dict.fromkeys(_HOMES, str(home)),
            **proxies,
            **{name.lower(): value for name, value in proxies.items()},
            **dict.fromkeys(("NO_PROXY", "no_proxy"), "127.0.0.1"),
            **dict.fromkeys(("TMPDIR", "TEMP", "TMP"), str(self._folder)),
            "UV_NO_WRAP": "1",
            # minimirror's own client decides how often to retry, and how long to wait.
            "UV_HTTP_RETRIES": "0",
            "UV_HTTP_TIMEOUT": f"{self._policy.timeout:.0f}",
        }


def _find_uv() -> str:
    with suppress(ImportError, FileNotFoundError):
        from uv import find_uv_bin  # noqa: PLC0415 - it is an extra

        return str(find_uv_bin())
    if found := shutil.which("uv"):
        return found
    raise ResolveError(missing_extra("resolving dependencies", "uv", "resolve"))


def _write_inputs(request: Requirements, target: Target, folder: Path) -> tuple[list[str], dict[str, str]]:
    """Write the input files for uv.

    :param folder: where uv is run, so that its messages have the bare filenames
    :returns: the arguments that name the input, and what to call each file in messages
    """
    # A requirement whose marker never holds leaves a project out, wherever it is required.
    unknown = [each.name for each in applying(request.outside, target).values() if not each.is_known]
    overrides = [
        each for each in request.overrides if canonicalize_name(Requirement(each).name) not in unknown
    ]
    overrides += (f"{name}; python_version < '0'" for name in unknown)
    arguments, names = list[str](), dict[str, str]()
    for option, what, lines in (
        ("", "requirements", request.requirements),
        ("--constraint=", "constraints", request.constraints),
        ("--override=", "overrides", overrides),
    ):
        name = f"minimirror-{what}.in"
        names[name] = f"the {what} of {request.name}" if option else request.name
        if lines:
            (folder / name).write_text("\n".join((*lines, "")), encoding="utf-8")
            arguments.append(option + name)
    return arguments, names


def _kill(process: subprocess.Popen[str]) -> None:
    """Kill a process, and on POSIX its whole group."""
    if process.poll() is not None:
        return
    with suppress(ProcessLookupError):
        if sys.platform == "win32":
            process.kill()
        else:
            os.killpg(process.pid, signal.SIGKILL)


def _read_result(text: str) -> tuple[dict[str, Version], dict[str, list[str]]]:
    """Read the versions of a compiled requirements file, and its comments, which say what needs them."""
    versions: dict[str, Version] = {}
    parents: dict[str, list[str]] = {}
    name = ""
    for line in text.splitlines():
        if name and (source := _SOURCE.fullmatch(line)):
            parents[name].append(source[1])
        elif pinned := _PINNED.fullmatch(line):
            name = canonicalize_name(pinned[1])
            versions[name], parents[name] = Version(pinned[2]), []
        elif line and not line.lstrip().startswith("#"):
            raise UnsolvableError(
                f"{line} does not come from the index; only packages from the index can be mirrored"
            )
    return versions, parents
