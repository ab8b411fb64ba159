"""The command that installs optional dependencies works in a clone and for an installed copy."""

from __future__ import annotations

import os
import shlex
import shutil
import subprocess
import sys
from pathlib import Path

import minimirror
from minimirror.common import missing_extra

PACKAGE = Path(minimirror.__file__).parent


def test_in_a_clone() -> None:
    assert missing_extra("this", "twine", "push").endswith(f"pip install -e '{PACKAGE.parent}[push]'")


def test_of_an_installed_copy(tmp_path: Path) -> None:
    wanted = ["waitress>=3.0", "bcrypt<5,>=4"]
    shutil.copytree(PACKAGE / "common", tmp_path / "minimirror" / "common")
    (tmp_path / "minimirror" / "__init__.py").touch()
    metadata = ["Metadata-Version: 2.1", "Name: minimirror", "Version: 1", "Requires-Dist: click>=8.1"]
    metadata += [f'Requires-Dist: {each}; extra == "serve"' for each in wanted]
    metadata += ['Requires-Dist: uv>=0.9; extra == "resolve"']
    (tmp_path / "minimirror-1.dist-info").mkdir()
    (tmp_path / "minimirror-1.dist-info" / "METADATA").write_text("\n".join(metadata) + "\n")
    code = "from minimirror.common import missing_extra; print(missing_extra('this', 'waitress', 'serve'))"
    done = subprocess.run(
        [sys.executable, "-c", code],
        env={**os.environ, "PYTHONPATH": str(tmp_path)},
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=True,
    )
    command = done.stdout.partition(": ")[2]
    assert shlex.split(command) == ["pip", "install", *wanted]
