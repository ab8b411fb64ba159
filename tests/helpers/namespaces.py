"""Linux namespaces, in which a test may mount file systems or has no network."""

from __future__ import annotations

import os
import subprocess

from tests.helpers.servers import not_available, program

__all__ = ["unshare"]


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
