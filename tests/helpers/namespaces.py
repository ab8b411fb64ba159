"""Linux namespaces, in which a test may mount file systems or has no network."""

from __future__ import annotations

import os
import subprocess
from typing import TYPE_CHECKING

from tests.helpers.servers import not_available, program

if TYPE_CHECKING:
    from pathlib import Path

__all__ = ["read_only", "small_disk", "unshare"]


def unshare(*flags: str) -> list[str]:
    """Return the command that runs another one in new namespaces, or skip the test.

    :param flags: options of unshare(1), such as ``--mount``
    """
    # Root needs no user namespace; other users get one, in which they are root.
    users = [] if os.geteuid() == 0 else ["--user", "--map-root-user"]
    command = [program("unshare", "util-linux"), *users, *flags]
    done = subprocess.run([*command, "true"], capture_output=True, text=True, check=False)
    if done.returncode:
        not_available(f"this test needs Linux namespaces: {done.stderr.strip()}")
    return command


def read_only(folder: Path) -> list[str]:
    """Return the command that runs another one, which cannot write to a folder, or skip the test."""
    mount = 'mount --bind "$0" "$0" && mount -o remount,bind,ro "$0" && exec "$@"'
    return [*unshare("--mount", "--propagation", "private"), "sh", "-c", mount, str(folder)]


def small_disk(folder: Path, size: str) -> list[str]:
    """Return the command that runs another one, for which a folder is a disk of this size, or skip the test.

    :param size: as mount(8) takes it, such as ``2m``
    """
    mount = f'mount -t tmpfs -o size={size} tmpfs "$0" && exec "$@"'
    return [*unshare("--mount", "--propagation", "private"), "sh", "-c", mount, str(folder)]
