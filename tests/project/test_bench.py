"""The benchmark measures all that a tool does, also what outlives it."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from bench.measure import measure

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="the benchmark needs Linux")

SECONDS = 0.3

BUSY_DAEMON = f"""
import os, time
if os.fork() == 0:
    os.setsid()
    while time.process_time() < {SECONDS}:
        pass
"""

LASTING_DAEMON = """
import os, signal
pid = os.fork()
if pid == 0:
    os.setsid()
    signal.pause()
print(pid)
"""


def test_the_cpu_time_of_a_daemon_counts(tmp_path: Path) -> None:
    run = measure([sys.executable, "-c", BUSY_DAEMON], tmp_path / "log", grace=60)

    assert run.status == 0
    assert run.cpu >= SECONDS


def test_a_daemon_that_does_not_end_is_ended(tmp_path: Path) -> None:
    run = measure([sys.executable, "-c", LASTING_DAEMON], tmp_path / "log", grace=0)

    assert run.status == 0
    assert not Path("/proc", run.output.strip()).exists()
