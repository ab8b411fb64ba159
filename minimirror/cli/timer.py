"""When a systemd timer starts the next run."""

from __future__ import annotations

import json
import os
import shlex
import shutil
import subprocess
import time
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path
from typing import Any, NamedTuple

from minimirror.config import default_path

__all__ = ["NextRun", "next_run"]

_SECONDS = 1.0
"""Seconds that systemd may take to answer all questions."""


class NextRun(NamedTuple):
    """A run that a timer will start."""

    start: float
    """Seconds since the epoch."""

    unit: str


def next_run(config: Path, repository: Path | str) -> NextRun | None:
    """Return the next run of this mirror; None if no systemd timer is known to start one.

    :param config: the config file
    :param repository: the mirror's folder
    """
    end = time.monotonic() + _SECONDS
    found = [
        NextRun(timer["next"] / 1e6, str(timer["unit"]))
        for scope in ("--user", "--system")
        for timer in _timers(scope, end)
        if _is_for(timer["activates"], scope, end, config, repository)
    ]
    return min(found, default=None)


def _timers(scope: str, end: float) -> Iterator[dict[str, Any]]:
    """Yield the timers that are named after minimirror and will elapse."""
    answer = _systemctl(end, scope, "list-timers", "--output=json", "minimirror*")
    try:
        timers = json.loads(answer)
        yield from (each for each in timers if (each["next"] or 0) > 0 and each["activates"])
    except (ValueError, TypeError, KeyError):  # no JSON before systemd 249
        return


def _is_for(unit: str, scope: str, end: float, config: Path, repository: Path | str) -> bool:
    """Return whether a service runs this mirror."""
    command = _systemctl(end, scope, "show", "--property=ExecStart", unit)
    try:
        words = shlex.split(command.partition("argv[]=")[2].partition(" ; ")[0])
    except ValueError:
        return False
    parts = [part for word in words for part in (word.split("=", 1) if word.startswith("--") else [word])]
    given = dict(pairwise(parts))
    for option, path in (("--repository", repository), ("--config", config)):
        if option in given:
            return os.path.realpath(given[option]) == os.path.realpath(path)
    return bool(words) and scope == "--user" and config == default_path()


def _systemctl(end: float, *arguments: str) -> str:
    """Return what systemctl prints; nothing if it is missing, fails, or takes too long."""
    command, seconds = shutil.which("systemctl"), end - time.monotonic()
    if command is None or seconds <= 0:
        return ""
    try:
        return subprocess.run(  # noqa: S603
            [command, *arguments],
            check=True,
            timeout=seconds,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            encoding="utf-8",
            errors="replace",
        ).stdout
    except (OSError, subprocess.SubprocessError):
        return ""
