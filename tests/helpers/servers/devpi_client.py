"""The command `devpi`, as a user types it."""

from __future__ import annotations

import os
import shlex
import subprocess
from typing import TYPE_CHECKING

from tests.helpers.running import DEADLINE
from tests.helpers.servers.process import script

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

__all__ = ["DevpiClient"]


class DevpiClient:
    """A user's session, kept in its own folder."""

    def __init__(self, home: Path, passwords: Mapping[str, str]) -> None:
        self._home = home
        self._passwords = passwords

    def __call__(self, line: str, exit_code: int = 0) -> str:
        """Run a command line that begins with ``devpi``, with the passwords that it would ask for."""
        _, *words = shlex.split(line)
        if words[0] == "login":
            words.append(f"--password={self._passwords[words[-1]]}")
        elif words[:2] == ["user", "-c"]:
            words.append(f"password={self._passwords[words[-1]]}")
        done = subprocess.run(
            [script("devpi"), *words],
            env={**os.environ, "HOME": str(self._home)},
            capture_output=True,
            text=True,
            check=False,
            timeout=DEADLINE,
        )
        assert done.returncode == exit_code, done.stdout + done.stderr
        return done.stdout + done.stderr
