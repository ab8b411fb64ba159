"""The first hour of a newcomer, as the terminal shows it.

The screens are in ``screens/``, one file per width. ``pytest -p no:xdist --inline-snapshot=fix
tests/cli/test_newcomer.py`` writes them again; look at them.
"""

from __future__ import annotations

import re
import shlex
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from inline_snapshot import external_file

from tests.helpers.running import DEADLINE, Terminal

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from tests.helpers.index import Index

NUMPY = "numpy-2.1.0-cp312-cp312-"
FILES = {
    "requests": {"requests-2.32.3-py3-none-any.whl": 64_928, "requests-2.32.3.tar.gz": 131_218},
    "numpy": {
        f"{NUMPY}macosx_14_0_arm64.whl": 510_000,
        f"{NUMPY}manylinux_2_17_x86_64.manylinux2014_x86_64.whl": 1_630_000,
        f"{NUMPY}win_amd64.whl": 1_260_000,
        "numpy-2.1.0.tar.gz": 2_020_000,
    },
    "flask": {"flask-3.0.3-py3-none-any.whl": 101_735, "flask-3.0.3.tar.gz": 676_315},
}

# Each replacement is as wide as what it replaces, so that lines break at the same place.
VARYING = {
    r"127\.0\.0\.1:\d{5}": "pkg.example.org",
    r", (\d+ min )?\d+(\.\d)? s left": "",
    r"\d+\.\d s\b": "1.0 s",
    r"\d+(\.\d)? [kMG]?B/s": "1.0 MB/s",
    r"\d+(\.\d)? [MGT]B free": "99 GB free",
    r"about \d+ s": "about 1 s",
    r"\d{4}-\d\d-\d\d \d\d:\d\d": "2026-01-31 12:30",
    r"process \d+": "process 12345",
}


@pytest.fixture
def home(monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """Make a home whose path is always as long."""
    with tempfile.TemporaryDirectory(prefix="ann-", dir="/tmp") as name:
        monkeypatch.setenv("HOME", name)
        yield Path(name)


@pytest.fixture
def packages(index: Index) -> Index:
    for project, files in FILES.items():
        for filename, size in files.items():
            index.add(project, filename, b"x" * size)
    return index


class Session:
    """What a user types at a terminal, and what it shows."""

    def __init__(self, columns: int, home: Path) -> None:
        self._columns = columns
        self._home = home
        self._screens: list[str] = []

    def type(self, line: str, answers: Mapping[str, str] = {}, exit_code: int = 0) -> None:
        """Type a command, and the answers to its questions."""
        with self.start(line) as terminal:
            for question, answer in answers.items():
                terminal.wait_for(question)
                terminal.type(f"{answer}\n")
            assert terminal.end() == exit_code, terminal.seen
            assert terminal.seen.count("\x1b[?25l") == terminal.seen.count("\x1b[?25h")
            self.keep(line, self.shown(terminal))

    def start(self, line: str) -> Terminal:
        return Terminal(shlex.split(line)[1:], columns=self._columns)

    def shown(self, terminal: Terminal) -> str:
        """Return the screen without what varies."""
        return self.same("\n".join(terminal.screen))

    def same(self, text: str) -> str:
        """Return a text without what varies."""
        text = text.replace(str(self._home), "/home/ann/mir")
        for pattern, instead in VARYING.items():
            text = re.sub(pattern, instead, text)
        return text.rstrip()

    def keep(self, line: str, screen: str) -> None:
        assert max(map(len, screen.splitlines())) <= self._columns
        self._screens.append(f"$ {self.same(line)}\n{screen}\n")

    @property
    def screens(self) -> str:
        return "\n".join(self._screens)


@pytest.mark.parametrize("columns", [80, 40])
def test_first_hour(packages: Index, home: Path, columns: int) -> None:
    session = Session(columns, home)
    session.type("minimirror")
    session.type("minimirror plan", exit_code=2)
    session.type(
        f"minimirror init --index-url {packages.url}",
        {"Folder for the files": "~/minirepo", "Projects or files": "requests"},
    )
    session.type("minimirror plan")
    session.type("minimirror run")
    session.type("minimirror add numpy 'flask>=2'")
    line = "minimirror run"
    with packages.hold(f"{NUMPY}win_amd64.whl", after=500_000) as gate, session.start(line) as terminal:
        assert gate.reached.wait(DEADLINE)
        terminal.wait_for("5 of 6 files")
        terminal.wait_for("500 kB / 1.3 MB")
        session.keep(f"{line}     # half way", terminal.still("500 kB / 1.3 MB", session.shown))
        gate.release()
        assert terminal.end() == 0
        session.keep(line, session.shown(terminal))
    session.type("minimirror status")
    session.type("minimirror explain requests")
    session.type("minimirror verify --hash")
    (home / "minirepo" / "requests-2.32.3.tar.gz").unlink()
    session.type("minimirror verify", exit_code=1)
    session.type("minimirror status", exit_code=0)
    session.type("minimirror verify --repair")
    session.type("minimirror remove flask")
    assert session.screens == external_file(f"screens/{columns}.txt")
