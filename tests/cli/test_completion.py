"""What shells offer after Tab."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest
from click.shell_completion import ShellComplete

from minimirror import Config, cli, run
from minimirror.storage import MirrorFolder
from tests.helpers.running import SOURCES

if TYPE_CHECKING:
    from pathlib import Path

    from tests.helpers.index import Index


@pytest.fixture(autouse=True)
def config(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A config whose index does not answer: completion does not ask it."""
    path = tmp_path / "lab.json"
    projects = ["flask", "numpy>=2,<3", "django-*", "re:a|b"]
    settings = {"repository": "packages", "index_url": "http://127.0.0.1:9/", "projects": projects}
    path.write_text(json.dumps(settings))
    monkeypatch.setenv("MINIMIRROR_CONFIG", str(path))
    return path


def offered(*words: str) -> list[str]:
    """Return what is offered for the last word."""
    shell = ShellComplete(cli.main, {}, "minimirror", "_MINIMIRROR_COMPLETE")
    found = shell.get_completions([*words[:-1]], words[-1])
    return [each.value if each.type == "plain" else each.type for each in found]


def test_keys() -> None:
    assert offered("config", "set", "min_r") == ["min_releases", "min_rate"]
    assert offered("config", "get", "") == list(Config.model_fields)
    (item,) = ShellComplete(cli.main, {}, "minimirror", "X").get_completions(["config", "get"], "repos")
    assert item.help == "The folder to fill, or a bucket of an object store"


@pytest.mark.parametrize(
    ("words", "some"),
    [
        (["package_types", "bdist_w"], ["bdist_wheel", "bdist_wininst"]),
        (["platforms", "win_"], ["win_amd64", "win_arm64"]),
        (["platforms", "+=", "win_am"], ["win_amd64"]),
        (["platforms", "any,win_"], ["any,win_amd64", "any,win_arm64"]),
        (["python_versions", "cp312"], ["cp312"]),
        (["extensions", "wh"], ["whl"]),
        (["project_status", "a"], ["active", "archived"]),
        (["vulnerable", ""], ["include", "report", "exclude"]),
        (["releases", ""], ["all"]),
        (["yanked", ""], ["true", "false"]),
        (["repository", "/d"], ["dir"]),
        (["requirements", "r"], ["file"]),
        (["projects", "-=", ""], ["flask", "django-*"]),
        (["min_age", ""], []),
        (["no_such_key", ""], []),
    ],
)
def test_values(words: list[str], some: list[str]) -> None:
    assert offered("config", "set", *words) == some


def test_projects(index: Index, tmp_path: Path, config: Path) -> None:
    assert offered("remove", "") == ["flask", "numpy", "django-*"]
    assert offered("remove", "flask", "") == ["numpy", "django-*"]
    assert offered("explain", "f") == ["flask"]
    index.add_wheel("foo", "1.0")
    run(Config(repository=tmp_path / "packages", index_url=index.url))
    state = MirrorFolder(tmp_path / "packages").state
    before = {path: path.stat().st_mtime_ns for path in state.rglob("*")}
    assert offered("explain", "f") == offered("add", "f") == offered("push", "URL", "f") == ["foo", "flask"]
    assert {path: path.stat().st_mtime_ns for path in state.rglob("*")} == before
    config.write_text("{")
    assert offered("explain", "f") == offered("remove", "") == []


def test_paths_and_words_of_options() -> None:
    assert offered("run", "--repository", "") == ["dir"]
    assert offered("init", "--from", "") == offered("run", "--config", "") == ["file"]
    assert offered("init", "--target", "") == ["this"]


def test_bash_asks_without_heavy_imports(tmp_path: Path) -> None:
    program = tmp_path / "minimirror"
    program.write_text(f'#!/bin/sh\nexec "{sys.executable}" -X importtime -m minimirror "$@"\n')
    program.chmod(0o755)
    script = (
        'eval "$(_MINIMIRROR_COMPLETE=bash_source minimirror 2>/dev/null)"\n'
        "COMP_WORDS=(minimirror config set closure r) COMP_CWORD=4\n"
        '_minimirror_completion minimirror; printf "%s\\n" "${COMPREPLY[@]}"'
    )
    done = subprocess.run(
        ["bash", "-c", script],
        env={**os.environ, "PYTHONPATH": str(SOURCES), "PATH": f"{tmp_path}:{os.environ['PATH']}"},
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout.split() == ["resolved", "releases"]
    assert not re.search(r"\b(rich|requests|packaging|pypi_simple|pycurl|sqlite3)\b", done.stderr)
