"""Linux namespaces, in which a test may mount file systems or has no network."""

from __future__ import annotations

import os
import subprocess
from typing import TYPE_CHECKING

from tests.helpers.forking import beginning_with
from tests.helpers.running import Command, Mirror
from tests.helpers.servers import not_available, program

if TYPE_CHECKING:
    from pathlib import Path

__all__ = ["Mounts", "read_only", "small_disk", "unshare"]


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


class Mounts:
    """A shell in its own mount namespace, where a test can mount file systems; they end with it."""

    def __init__(self, entering: Path) -> None:
        """Start it.

        :param entering: a folder to make, for PYTHONPATH: with it, a command enters the namespace
        """
        self._entering = entering
        self._shell = subprocess.Popen(
            [*unshare("--mount", "--propagation", "private"), "sh"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        self.sh("true")
        enter = f"from tests.helpers.entering import enter\nenter({self._shell.pid})\n"
        beginning_with(entering, enter)

    def sh(self, line: str, exit_code: int = 0) -> str:
        """Run a line in the shell; expect its exit code, and return its output."""
        assert self._shell.stdin
        assert self._shell.stdout
        self._shell.stdin.write(f"{{ {line}\n}} </dev/null; printf '\\n%s %s\\n' END $?\n")
        self._shell.stdin.flush()
        printed = ""
        while not (said := self._shell.stdout.readline()).startswith("END "):
            assert said, f"the shell has ended: {printed}"
            printed += said
        assert int(said.split()[1]) == exit_code, printed
        return printed

    def run(self, mirror: Mirror, *arguments: str, exit_code: int = 0) -> str:
        """Run minimirror in the namespace; return what it printed on both outputs."""
        return self.command("run", "--config", mirror.config(), *arguments, exit_code=exit_code)

    def command(self, *arguments: str | Path, exit_code: int) -> str:
        """Do the same with any command."""
        with self.started(*arguments) as done:
            assert done.end() == exit_code, done.stderr
        return done.stderr + done.stdout

    def started(self, *arguments: str | Path) -> Command:
        """Start a command in the namespace."""
        return Command(*arguments, paths=[self._entering])

    def sizes(self, folder: Path) -> list[int]:
        """Return the sizes of the files in a folder of the namespace, the smallest first."""
        return sorted(
            int(size) for size in self.sh(f"stat -c %s {folder}/* 2>&1 || :").split() if size.isdigit()
        )

    def copy(self, mirror: Mirror, to: Path) -> Mirror:
        """Copy the mirror out of the namespace."""
        to.mkdir()
        self.sh(f"cp -a {mirror.path} {to}")
        return Mirror(mirror.index, to / mirror.path.name)

    def __enter__(self) -> Mounts:
        return self

    def __exit__(self, *_: object) -> None:
        self._shell.kill()
        with self._shell:
            pass
