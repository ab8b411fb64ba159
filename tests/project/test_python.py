"""The examples of docs/python.md: they run and print what the page says, and pass the type checker."""

from __future__ import annotations

import inspect
import json
import os
import re
import subprocess
import sys
from importlib.util import find_spec
from typing import TYPE_CHECKING

import pytest

import minimirror
from minimirror import bundle
from tests.helpers.running import DEADLINE, SOURCES

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from tests.helpers.index import Index

PAGE = (SOURCES / "docs" / "python.md").read_text("utf-8")
EXAMPLES = re.findall(r"```python\n(.*?)```\n(?:\n```text\n(.*?)```)?", PAGE, re.DOTALL)
"""Each with its output; the output is empty where the page shows none."""


def run_script(script: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, *arguments, script.name],
        cwd=script.parent,
        env={**os.environ, "PYTHONPATH": str(SOURCES), "MYPYPATH": str(SOURCES), "PYTHONWARNINGS": "error"},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
        timeout=DEADLINE,
    )


def test_examples_print_what_the_page_says(index: Index, tmp_path: Path) -> None:
    """As one script, in a fresh directory. Its workers do not run it once more."""
    index.add_wheel("requests", "2.32.2")
    index.add_wheel("requests", "2.32.3")
    lab = {"repository": "lab", "projects": ["requests"], "index_url": index.url}
    (tmp_path / "lab.json").write_text(json.dumps(lab))
    first = f'"packages", index_url={index.url!r}, projects'
    script = tmp_path / "my script.py"
    script.write_text(
        "print('---')\n".join(example for example, _output in EXAMPLES).replace('"packages", projects', first)
    )
    done = run_script(script)
    assert done.stderr == ""
    printed = done.stdout.split("---\n")
    assert [printed[at] for at, (_example, output) in enumerate(EXAMPLES) if output] == [
        output for _example, output in EXAMPLES if output
    ]


@pytest.mark.skipif(find_spec("mypy") is None, reason="mypy is in the extra lint, whose step runs this test")
def test_types_of_the_examples(tmp_path: Path) -> None:
    script = tmp_path / "examples.py"
    functions = [
        f"def example_{number}() -> None:\n" + re.sub("(?m)^(?=.)", "    ", example)
        for number, (example, _output) in enumerate(EXAMPLES)
    ]
    script.write_text(
        "\n\n".join([*functions, "from minimirror import Config", 'Config(repositry="packages")'])
    )
    done = run_script(script, "-m", "mypy", "--strict", "--config-file=")
    assert re.findall(r"error: .*", done.stdout) == [
        'error: Unexpected keyword argument "repositry" for "Config"; did you mean "repository"?  [call-arg]'
    ]


def test_public_names_are_on_the_page() -> None:
    assert not [name for name in minimirror.__all__ if f"{name}" not in PAGE and name != "__version__"]
    assert all(getattr(minimirror, name).__doc__ for name in minimirror.__all__ if name != "__version__")


@pytest.mark.parametrize(
    ("function", "behind"),
    [(minimirror.export_bundle, bundle.export), (minimirror.import_bundle, bundle.import_bundles)],
)
def test_bundles_have_every_option_of_their_command(
    function: Callable[..., object], behind: Callable[..., object]
) -> None:
    assert inspect.signature(function).parameters.keys() == inspect.signature(behind).parameters.keys()
