"""`minimirror status` at terminals of several kinds."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from minimirror.cli.output.status import sparkline
from tests.helpers.running import Mirror, Terminal, minimirror_command

if TYPE_CHECKING:
    from pathlib import Path

    from tests.helpers.index import Index

BARS = "_.:-=+*#"


@pytest.fixture
def mirror(index: Index, repository: Path) -> Mirror:
    index.add_wheel("demo", "1.0")
    mirror = Mirror(index, repository)
    mirror.complete()
    return mirror


@pytest.mark.parametrize(
    ("values", "shown"),
    [
        ([], ""),
        ([0, 0], "__"),
        ([5, 0, 5], "#_#"),
        ([1, 10, 100, 1000], ".-+#"),
        ([1000, 10**12, 0], ".#_"),
    ],
)
def test_sparkline(values: list[int], shown: str) -> None:
    assert sparkline(values, BARS) == shown


@pytest.mark.parametrize(
    ("environment", "bars", "colours"),
    [
        ({"LC_ALL": "C.UTF-8"}, "█", True),
        ({"LC_ALL": "C.UTF-8", "NO_COLOR": "1"}, "█", False),
        ({"LC_ALL": "C.UTF-8", "TERM": "dumb"}, "#", False),
        ({"LC_ALL": "C"}, "#", True),
    ],
)
def test_terminals(mirror: Mirror, environment: dict[str, str], bars: str, colours: bool) -> None:
    with Terminal(["status", "--config", mirror.config()], env=environment) as terminal:
        assert terminal.end() == 0
    assert f"\r\n  {bars}\r\n" in terminal.seen
    assert ("\x1b[" in terminal.seen) == colours
    assert "OK: last complete run " in terminal.seen


def test_damaged_catalog(mirror: Mirror) -> None:
    (mirror.state / "catalog.sqlite").write_bytes(b"no database")
    done = minimirror_command("status", "--config", mirror.config())
    assert done.exit_code == 1
    assert done.stdout.startswith("Cannot read the mirror: ")
    assert f"minimirror run --config {mirror.config()}` rebuilds" in done.stdout


def test_without_a_config(tmp_path: Path) -> None:
    done = minimirror_command("status", "--config", tmp_path / "none.json")
    assert done.exit_code == 2
    assert "minimirror init" in done.stderr
