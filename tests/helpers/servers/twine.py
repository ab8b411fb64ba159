"""Run twine."""

from __future__ import annotations

import os
import subprocess
from typing import TYPE_CHECKING

from tests.helpers.running import DEADLINE
from tests.helpers.servers.process import script

if TYPE_CHECKING:
    from pathlib import Path

__all__ = ["twine"]


def twine(url: str, *files: Path, user: str, password: str) -> subprocess.CompletedProcess[str]:
    """Upload files to an index."""
    options = ("--non-interactive", "--disable-progress-bar", "--repository-url", url)
    return subprocess.run(
        [script("twine"), "upload", *options, *files],
        env={**os.environ, "TWINE_USERNAME": user, "TWINE_PASSWORD": password},
        capture_output=True,
        text=True,
        check=False,
        timeout=DEADLINE,
    )
