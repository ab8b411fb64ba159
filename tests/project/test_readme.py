"""The README's first mirror, typed line by line, and the JSON keys that the documentation lists."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from tests.helpers.installers import install_from
from tests.helpers.running import DEADLINE, SOURCES, Mirror, minimirror_command
from tests.helpers.serving import Server

if TYPE_CHECKING:
    from tests.helpers.index import Index


def test_the_first_mirror(index: Index, tmp_path: Path) -> None:
    index.add_wheel("app", "1.0", requires=["lib>=1"])
    index.add_wheel("lib", "1.2")
    index.add_wheel("unneeded", "1.0")
    (tmp_path / "requirements.txt").write_text("app\n")
    section = (SOURCES / "README.md").read_text("utf-8").partition("## Your first mirror")[2]
    (lines,) = re.findall(r"```sh\n(minimirror init .*?)\nminimirror serve\n```", section, re.DOTALL)[:1]
    init, *rest = lines.splitlines()
    for line in (init, f"minimirror config set index_url {index.url}", *rest):
        done = subprocess.run(
            ["/bin/sh", "-euc", f'minimirror() {{ "{sys.executable}" -m minimirror "$@"; }}\n{line}'],
            cwd=tmp_path,
            env={**os.environ, "PYTHONPATH": str(SOURCES)},
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            check=False,
            timeout=DEADLINE,
        )
        assert done.returncode == 0, done.stdout + done.stderr
    with Server(Path.home() / ".minirepo") as server:
        requirements = tmp_path / "requirements.txt"
        found = install_from(server.simple, tmp_path / "installed", "-r", str(requirements), tool="pip")
    assert found == {"app==1.0", "lib==1.2"}
    assert {path.name.partition("-")[0] for path in (Path.home() / "packages").glob("*.whl")} == {
        "app",
        "lib",
    }


# The keys of --json


@pytest.fixture
def mirror(index: Index, repository: Path) -> Mirror:
    """A mirror of one wheel, beside one that the index cannot deliver."""
    index.add_wheel("demo", "1.0")
    index.add_wheel("broken", "1.0", hashes={"sha256": "0" * 64})
    mirror = Mirror(index, repository)
    mirror.config()
    return mirror


def documented(heading: str) -> str:
    """Return what docs/json.md says under a heading, and what it says at its beginning for all."""
    text = (SOURCES / "docs" / "json.md").read_text("utf-8")
    start, *sections = text.split("\n## ")
    (section,) = (section for section in sections if heading in section.partition("\n")[0])
    return start + section


def keys(value: Any) -> set[str]:
    """Return the keys of an object, and of the objects in it but those whose keys are data."""
    if isinstance(value, list):
        return set().union(*map(keys, value))
    if not isinstance(value, dict):
        return set()
    return set(value).union(*(keys(value[key]) for key in value if key != "refused"))


def check_documented(heading: str, *arguments: str | Path) -> None:
    text = documented(heading)
    output = json.loads(minimirror_command(*arguments, "--json").stdout)
    assert not [key for key in keys(output) if f"`{key}`" not in text]


def test_json_keys_of_looking_and_running_are_documented(mirror: Mirror) -> None:
    config = ("--config", mirror.config())
    check_documented("plan --json", "plan", *config)
    check_documented("explain --json", "explain", *config, "demo")
    check_documented("run --json", "run", *config)
    check_documented("verify --json", "verify", *config)


def test_json_keys_of_bundles_are_documented(mirror: Mirror, tmp_path: Path) -> None:
    mirror.run()
    bundle = tmp_path / "lab-1.tar"
    check_documented("import --json", "export", "--config", mirror.config(), "--to", bundle)
    (tmp_path / "far.json").write_text('{"repository": "far"}')
    check_documented("import --json", "import", "--config", tmp_path / "far.json", bundle)


def test_json_keys_of_a_push_are_documented(mirror: Mirror, index: Index) -> None:
    """To an index that lists the same file, so that nothing is uploaded."""
    mirror.run()
    push = ("push", "--config", mirror.config(), "--dry-run", "--simple-url", index.url, index.url)
    check_documented("push --json", *push)
