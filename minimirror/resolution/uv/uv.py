"""uv, in a process of its own: what it is told, and what it answers.

It sees nothing but the view of the index that it is given: no setting, index, proxy or credential of the
user's.
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

from packaging.pylock import Package, Pylock, PylockValidationError
from packaging.utils import canonicalize_name
from packaging.version import Version

from minimirror.common import MinimirrorError
from minimirror.distributions import Target
from minimirror.resolution.uv.inputs import Inputs
from minimirror.resolution.uv.model import Environment, ResolveError, Terms
from minimirror.resolution.uv.platform import environment_of

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

__all__ = ["Answer", "Question", "UnsolvedError", "Uv", "find_uv"]

_CHOICES = re.compile(r"--python-platform.*?\[possible values: ([^\]]*)\]", re.DOTALL)
_WITHHELD = re.compile(
    r"(?:UV|PIP|RUST|MINIMIRROR)_.*|.*_PROXY|NETRC|VIRTUAL_ENV|CONDA_PREFIX", re.IGNORECASE
)
_PINNED = re.compile(r"([A-Za-z0-9._-]+)==")
_SOURCE = re.compile(r"    #(?: via|  ) +(.+)")


class UnsolvedError(MinimirrorError):
    """uv finds no answer, and says why."""


class Question(NamedTuple):
    """What uv is to resolve, and for what."""

    environment: Environment
    target: Target
    platform: str
    """The target in the words of ``--python-platform``."""
    url: str
    """The simple API that it is to ask."""


class Answer(NamedTuple):
    """What uv found."""

    versions: Mapping[str, Version]
    """By normalized project."""

    warnings: tuple[str, ...]


def find_uv() -> str:
    """The path of uv's program.

    :raises ResolveError: it is not installed
    """
    with suppress(ImportError, FileNotFoundError):
        from uv import find_uv_bin  # noqa: PLC0415 - it is an extra

        return str(find_uv_bin())
    if found := shutil.which("uv"):
        return found
    raise ResolveError("dependencies are resolved by uv, which is missing: pip install 'minimirror[resolve]'")


class Uv:
    """uv, called from several threads, each call in a process that :meth:`stop` ends."""

    def __init__(self, folder: Path, seal: str, terms: Terms) -> None:
        """Find uv, and learn which platforms it knows.

        :param folder: an empty one, for its cache and its answers; emptied by who made it
        :param seal: the URL of a proxy that lets nothing through
        :raises ResolveError: it is not installed, or is none that is understood
        """
        self._program = find_uv()
        self.folder = folder
        self._terms = terms
        self._environment = self._clean_environment(seal)
        self._numbers = itertools.count()
        self._lock = threading.Lock()
        self._running: set[subprocess.Popen[str]] = set()
        self._stopped = False
        # There is no other way to ask for them.
        choices = _CHOICES.search(self._run(["pip", "compile", "-", "--python-platform", "?"], folder, {})[1])
        if not choices:
            raise ResolveError(
                f"{self._program} is no uv that can resolve for other platforms: install a newer one"
            )
        self.platforms = frozenset(re.split(r",\s+", choices[1].strip()))

    def stop(self) -> None:
        """End every call, and let none begin."""
        with self._lock:
            self._stopped = True
            for process in self._running:
                _kill(process)

    def resolve(self, question: Question) -> Answer:
        """Resolve an environment for a target.

        :raises UnsolvedError: there is no answer: the message is what uv says
        :raises ResolveError: uv took too long, or answers what is not understood
        """
        lock, warnings = self._compile(question, "pylock.toml")
        return Answer(_read_lock(lock, question), warnings)

    def parents(self, question: Question) -> dict[str, tuple[str, ...]]:
        """Tell of what was resolved who needs whom, which uv's lock files do not say.

        It costs little: uv has all it needs in its cache by now.

        :returns: by normalized project, what needs it: projects, and places in the input, in uv's words
        :raises UnsolvedError: as :meth:`resolve`; :exc:`ResolveError`: uv took too long
        """
        return _read_parents(self._compile(question, "requirements.txt")[0])

    def _compile(self, question: Question, form: str) -> tuple[str, tuple[str, ...]]:
        """Have it write its answer in a format; answers that, and its warnings."""
        target = question.target
        folder = self.folder / str(next(self._numbers))
        folder.mkdir()
        inputs = Inputs(question.environment, folder)
        arguments = [
            *("pip", "compile", *inputs.arguments),
            *("--default-index", question.url, "--no-sources"),
            *("--python", sys.executable, "--no-python-downloads"),
            *("--python-version", target.python, "--python-platform", question.platform),
            *("--format", form, "--no-header", "--output-file", str(folder / form)),
            *([] if self._terms.build else ["--no-build"]),
            *(["--prerelease", "allow"] if self._terms.prereleases else []),
        ]
        code, said = self._run(arguments, folder, environment_of(target))
        if code != 0:
            raise UnsolvedError(inputs.named(said))
        warnings = (
            line.removeprefix("warning: ") for line in said.splitlines() if line.startswith("warning: ")
        )
        # That it builds with another Python than the target's goes without saying.
        told = tuple(line for line in warnings if "requested Python version" not in line)
        return (folder / form).read_text(encoding="utf-8"), told

    def _run(self, arguments: Sequence[str], cwd: Path, extra: Mapping[str, str]) -> tuple[int, str]:
        """Run it to its end; answers its exit code and what it said on standard error."""
        common = [
            "--no-config",
            "--no-progress",
            "--color",
            "never",
            "--cache-dir",
            str(self.folder / "cache"),
        ]
        with self._lock:
            if self._stopped:
                raise ResolveError("interrupted")
            process = subprocess.Popen(  # noqa: S603 - a list of our own
                [self._program, *arguments, *common],
                env={**self._environment, **extra},
                cwd=cwd,
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                stderr=subprocess.PIPE,
                encoding="utf-8",
                errors="replace",
                # Of its own, so that what it starts to build ends with it, and Ctrl-C reaches it through us.
                start_new_session=True,
            )
            self._running.add(process)
        try:
            _, said = process.communicate(timeout=self._terms.timeout)
        except subprocess.TimeoutExpired:
            raise ResolveError(f"uv took longer than {self._terms.timeout:.0f} s") from None
        finally:
            with self._lock:
                self._running.remove(process)
                _kill(process)
            process.wait()
            if process.stderr:
                process.stderr.close()
        return process.returncode, said

    def _clean_environment(self, seal: str) -> dict[str, str]:
        kept = {name: value for name, value in os.environ.items() if not _WITHHELD.fullmatch(name)}
        proxies = dict.fromkeys(("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY"), seal)
        return {
            **kept,
            **proxies,
            **{name.lower(): value for name, value in proxies.items()},
            **dict.fromkeys(("NO_PROXY", "no_proxy"), "127.0.0.1"),
            **{name: str(self.folder) for name in ("TMPDIR", "TEMP", "TMP")},
            "UV_NO_WRAP": "1",
            # minimirror's own client knows how often to try again, and how long to wait.
            "UV_HTTP_RETRIES": "0",
            "UV_HTTP_TIMEOUT": f"{self._terms.timeout:.0f}",
        }


def _kill(process: subprocess.Popen[str]) -> None:
    """End a process, and on POSIX its whole group."""
    if process.poll() is not None:
        return
    with suppress(ProcessLookupError):
        if sys.platform == "win32":
            process.kill()
        else:
            os.killpg(process.pid, signal.SIGKILL)


def _read_lock(text: str, question: Question) -> dict[str, Version]:
    """The versions in a lock file (PEP 751), of projects that the target needs."""
    try:
        lock = Pylock.from_dict(tomllib.loads(text))
    except (ValueError, PylockValidationError) as error:
        raise ResolveError(f"uv answers what is no lock file that is understood: {error}") from None
    markers = question.target.markers()
    packages = (
        package for package in lock.packages if package.marker is None or package.marker.evaluate(markers)
    )
    return {package.name: _version(package, question.url) for package in packages}


def _version(package: Package, url: str) -> Version:
    urls = [wheel.url or "" for wheel in package.wheels or ()]
    if package.sdist:
        urls.append(package.sdist.url or "")
    of_index = urls and all(each.startswith(url.removesuffix("simple/")) for each in urls)
    if package.version is None or not of_index:
        raise UnsolvedError(
            f"{package.name} is asked for from a URL or a path: only what the index has can be mirrored"
        )
    return package.version


def _read_parents(text: str) -> dict[str, tuple[str, ...]]:
    """Who needs whom, from the comments of a compiled requirements file."""
    parents: dict[str, tuple[str, ...]] = {}
    name = ""
    for line in text.splitlines():
        if pinned := _PINNED.match(line):
            name = canonicalize_name(pinned[1])
            parents[name] = ()
        elif source := _SOURCE.fullmatch(line):
            parents[name] = (*parents.get(name, ()), source[1])
    return parents
