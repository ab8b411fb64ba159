"""Partial files that another process may still write to, because it was frozen with its machine."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

from minimirror.common import Digests
from minimirror.upstream.target import PartialFile
from tests.helpers.running import DEADLINE, SOURCES, state, until

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

_FREEZES = """
import os, pathlib, signal, sys
from minimirror.upstream.target import PartialFile
target = PartialFile(pathlib.Path(sys.argv[1]))
target.open()
target.write(b"early, ")
os.kill(os.getpid(), signal.SIGSTOP)
target.write(b"late, ")
target.close()
"""


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "x.part"


@pytest.fixture
def frozen(path: Path) -> Iterator[subprocess.Popen[bytes]]:
    """Start a process that writes, and freezes before it writes again."""
    command = [sys.executable, "-c", _FREEZES, str(path)]
    with subprocess.Popen(command, env={**os.environ, "PYTHONPATH": str(SOURCES)}) as process:
        until(lambda: state(process.pid) == "T", "it is frozen")
        try:
            yield process
        finally:
            process.kill()


def thaw(process: subprocess.Popen[bytes]) -> None:
    process.send_signal(signal.SIGCONT)
    assert process.wait(DEADLINE) == 0


@pytest.mark.parametrize("resumes", [True, False])
def test_what_another_process_writes_late_is_lost(
    path: Path, frozen: subprocess.Popen[bytes], resumes: bool
) -> None:
    target, digests = PartialFile(path), Digests({})
    target.open()
    if resumes:
        target.read(digests)
    else:
        target.restart()
    target.write(b"mine")
    target.close()
    placed = path.rename(path.with_name("placed"))
    thaw(frozen)
    assert placed.read_bytes() == (b"early, mine" if resumes else b"mine")
    assert digests.size == (7 if resumes else 0)
    assert placed.stat().st_ino == target.inode
    assert not path.exists()


def test_the_next_try_goes_on_with_its_own_file(path: Path) -> None:
    target = PartialFile(path)
    target.open()
    target.write(b"one, ")
    target.close()
    inode = target.inode
    target.open()
    target.write(b"two")
    target.close()
    assert path.read_bytes() == b"one, two"
    assert target.inode == inode
    assert [each.name for each in path.parent.iterdir()] == ["x.part"]
