"""When the next run starts, as systemctl tells it: here a script that answers like it."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from minimirror.cli.timer import NextRun, next_run

TIMER = {"next": 1_800_000_000_000_000, "unit": "minimirror.timer", "activates": "minimirror.service"}
NEXT = NextRun(1.8e9, "minimirror.timer")


@pytest.fixture
def systemctl(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Any:
    """Let the command `systemctl` answer with these timers and this command line, in one scope."""
    script = tmp_path / "bin" / "systemctl"
    script.parent.mkdir()
    monkeypatch.setenv("PATH", f"{script.parent}:/usr/bin:/bin")

    def answer(timers: Any, command: str = "", scope: str = "--system", first: str = "") -> None:
        shown = f"ExecStart={{ path=/minimirror ; argv[]=/minimirror {command} ; pid=0 }}"
        script.write_text(
            f'#!/bin/sh\n{first}\n[ "$1" = {scope} ] || {{ echo "[]"; exit; }}\n'
            f"case $2 in list-timers) cat <<'END'\n{json.dumps(timers)}\nEND\n;;\n"
            f"show) cat <<'END'\n{shown}\nEND\n;; esac\n"
        )
        script.chmod(0o755)

    return answer


@pytest.mark.parametrize(
    ("command", "scope", "found"),
    [
        ("run --config /etc/lab.json", "--system", NEXT),
        ("run --config=/etc/lab.json --quiet", "--user", NEXT),
        ("run --config /etc/other.json --repository /srv/lab", "--system", NEXT),
        ("run --config /etc/lab.json --repository /srv/other", "--system", None),
        ("run --config /etc/other.json", "--system", None),
        ("run", "--user", None),
    ],
)
def test_only_a_timer_for_this_mirror_counts(
    systemctl: Any, command: str, scope: str, found: NextRun | None
) -> None:
    systemctl([TIMER], command, scope)
    assert next_run(Path("/etc/lab.json"), Path("/srv/lab")) == found


@pytest.mark.parametrize(
    ("timers", "found"),
    [
        ([], None),
        ([{**TIMER, "next": None}], None),
        ([{**TIMER, "next": None}, {**TIMER, "next": 1.9e15}, TIMER], NEXT),
        ({"no": "list"}, None),
        (["no timer"], None),
    ],
)
def test_answers(systemctl: Any, timers: Any, found: NextRun | None) -> None:
    systemctl(timers, "run --config /etc/lab.json")
    assert next_run(Path("/etc/lab.json"), Path("/srv/lab")) == found


@pytest.mark.parametrize("first", ["exit 1", "echo no JSON; exit", "exec sleep 60"])
def test_without_an_answer_in_time_it_is_unknown(systemctl: Any, first: str) -> None:
    systemctl([TIMER], "run --config /etc/lab.json", first=first)
    assert next_run(Path("/etc/lab.json"), Path("/srv/lab")) is None


def test_without_systemd(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    assert next_run(Path("/etc/lab.json"), Path("/srv/lab")) is None
