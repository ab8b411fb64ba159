"""The schedules in ``contrib/``: systemd units and a cron line."""

from __future__ import annotations

import configparser
import re
import subprocess
from typing import TYPE_CHECKING

import pytest

from tests.helpers.running import DEADLINE, SOURCES, Mirror
from tests.helpers.servers import program, script

if TYPE_CHECKING:
    from pathlib import Path

    from tests.helpers.index import Index

CONTRIB = SOURCES / "contrib"
UNITS = ("minimirror.service", "minimirror.timer")


@pytest.fixture
def mirror(index: Index, repository: Path) -> Mirror:
    return Mirror(index, repository)


def here(text: str, mirror: Mirror) -> str:
    """Replace the paths in a file of ``contrib/`` by the test's."""
    paths = {
        "/opt/minimirror/bin/minimirror": script("minimirror"),
        "/etc/minimirror/minirepo.json": mirror.config(repository="elsewhere"),
        "/var/lib/minimirror": mirror.path,
    }
    for path, replacement in paths.items():
        text = text.replace(path, str(replacement))
    return text


def execute(command: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        ["/bin/sh", "-c", command], capture_output=True, text=True, check=False, timeout=DEADLINE
    )


def test_systemd_accepts_the_units(mirror: Mirror, tmp_path: Path) -> None:
    for name in UNITS:
        (tmp_path / name).write_text(here((CONTRIB / name).read_text(), mirror))
    units = (str(tmp_path / name) for name in UNITS)
    verify = [program("systemd-analyze", "systemd"), "verify", *units]
    found = subprocess.run(verify, capture_output=True, text=True, check=False, timeout=DEADLINE)
    assert (found.returncode, found.stdout, found.stderr) == (0, "", "")


def test_the_service_runs_a_mirror(mirror: Mirror, index: Index) -> None:
    demo = index.add_wheel("demo", "1.0")
    unit = configparser.RawConfigParser(strict=False)
    unit.read(CONTRIB / "minimirror.service")
    done = execute(here(unit["Service"]["ExecStart"], mirror))
    assert done.returncode == 0, done.stderr
    assert mirror.names() == {demo.filename}


class TestCron:
    @pytest.fixture
    def command(self, mirror: Mirror) -> str:
        """Return the command in the only line that is not a comment."""
        text = (CONTRIB / "minimirror.cron").read_text()
        (line,) = (line for line in text.splitlines() if line and not line.startswith("#"))
        schedule = re.fullmatch(r"(\d+) (\d+) \* \* \*  (\S+)  ([^%]+)", line)
        assert schedule, "minute, hour, three stars, user, and a command without %, which cron replaces"
        assert int(schedule[1]) < 60
        assert int(schedule[2]) < 24
        return here(schedule[4], mirror)

    def test_prints_nothing_if_the_mirror_is_complete(
        self, mirror: Mirror, index: Index, command: str
    ) -> None:
        demo = index.add_wheel("demo", "1.0")
        done = execute(command)
        assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
        assert mirror.names() == {demo.filename}

    def test_prints_what_is_missing(self, index: Index, command: str) -> None:
        broken = index.add_wheel("demo", "1.0", hashes={"sha256": "0" * 64})
        done = execute(command)
        assert done.returncode == 1
        assert broken.filename in done.stderr
