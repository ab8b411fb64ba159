"""Across an air gap, as docs/air-gap.md describes it: mirror, export, carry, import, serve, install."""

from __future__ import annotations

import fcntl
import json
import os
import socket
import struct
import subprocess
import sys
import urllib.error
import urllib.request
from pathlib import Path
from typing import TYPE_CHECKING

from tests.bundle.test_signature import allow, new_key
from tests.helpers.bundles import Far, Near
from tests.helpers.namespaces import unshare
from tests.helpers.running import DEADLINE, SOURCES, Mirror, minimirror_command
from tests.helpers.serving import Server

if TYPE_CHECKING:
    from tests.helpers.index import Index

WINDOWS = {"python": "3.12", "platform": "win_amd64"}


class Island:
    """The far side: a process in a network namespace that has nothing but its loopback interface."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def run(self, *words: str | Path) -> str:
        """Run this module's `main` there, and return what it printed."""
        done = subprocess.run(
            [*unshare("--net"), sys.executable, "-m", "tests.bundle.test_air_gap", *words],
            env={**os.environ, "PYTHONPATH": str(SOURCES)},
            cwd=self.folder,
            capture_output=True,
            text=True,
            timeout=3 * DEADLINE,
            check=False,
        )
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout


def test_requirements_for_two_targets_are_installed_without_a_network(index: Index, tmp_path: Path) -> None:
    connected, carried, far = tmp_path / "connected", tmp_path / "usb", tmp_path / "far"
    for folder in (connected, carried, far):
        folder.mkdir()
    this = json.loads(minimirror_command("target").stdout)
    python = "cp" + "".join(this["python"].split(".")[:2])
    index.add_wheel("app", "1.0", requires=["lib>=1", "winonly; sys_platform == 'win32'"])
    for tag in (f"{python}-{python}-{this['platform']}", "cp312-cp312-win_amd64", "cp39-cp39-win32"):
        index.add_wheel("lib", "1.2", tag=tag)
    index.add_wheel("winonly", "3.0")
    index.add_wheel("unneeded", "1.0")

    # On the connected machine.
    (connected / "requirements.txt").write_text("app\n")
    mirror = Mirror(index, connected / "packages", requirements=["requirements.txt"], targets=[this, WINDOWS])
    near = Near.of(mirror)
    mirror.complete(requirements=[str(connected / "requirements.txt")])
    assert {name.partition("-")[0] for name in mirror.files()} == {"app", "lib", "winonly"}
    assert len(mirror.files()) == 4
    key = new_key(connected / "key")
    export = ("export", "--config", mirror.config(), "--sign", key, "--to")
    assert minimirror_command(*export, carried / "lab-1.tar", "--split", "64KiB").process.returncode == 0

    # On the island, which knows only the allowed signers.
    allow(far / "allowed_signers", ("me@lab.example.org", key))
    (far / "lab.json").write_text('{"repository": "packages", "allowed_signers": "allowed_signers"}')
    island = Island(far)
    island.run("unreachable", index.url)
    found = json.loads(island.run("import-and-install", *sorted(carried.glob("*.tar")), "app"))
    assert found == {"pip": "app 1.0, lib 1.2", "uv": "app 1.0, lib 1.2"}
    assert Far(far / "packages").equals(near)

    # Later, with a new release.
    index.add_wheel("lib", "1.3", tag=f"{python}-{python}-{this['platform']}", requires_python=">=3")
    mirror.complete(requirements=[str(connected / "requirements.txt")])
    assert minimirror_command(*export, carried / "lab-2.tar").process.returncode == 0
    found = json.loads(island.run("import-and-install", carried / "lab-2.tar", "app"))
    assert found == {"pip": "app 1.0, lib 1.3", "uv": "app 1.0, lib 1.3"}
    assert Far(far / "packages").equals(near)


# The functions below run on the island, in its folder.

SIOCSIFFLAGS, IFF_UP = 0x8914, 1
"""netdevice(7)"""


def main(what: str, *words: str) -> None:
    bring_loopback_up()
    if what == "unreachable":
        check_unreachable(*words)
    else:
        import_and_install(*map(Path, words[:-1]), project=words[-1])


def bring_loopback_up() -> None:
    flags = struct.pack("16sh14x", b"lo", IFF_UP)
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as any_socket:
        fcntl.ioctl(any_socket, SIOCSIFFLAGS, flags)


def check_unreachable(url: str) -> None:
    """Check that the island has no way out; without that, the test would prove nothing."""
    try:
        urllib.request.urlopen(url, timeout=DEADLINE).close()
    except urllib.error.URLError:
        return
    raise AssertionError(f"{url} can be reached from the island")


def import_and_install(*bundles: Path, project: str) -> None:
    """Import, serve the folder, and install a project with pip and with uv, each into a new folder."""
    command = [sys.executable, "-m", "minimirror"]
    subprocess.run([*command, "import", "--config", "lab.json", *bundles], check=True, stdout=sys.stderr)
    subprocess.run([*command, "verify", "--config", "lab.json", "--hash", "--quiet"], check=True)
    with Server(Path("lab.json")) as server:
        places = ["--index-url", server.simple, "--target"]
        tools = {
            "pip": [sys.executable, "-m", "pip", "--isolated", "install", "--no-cache-dir"],
            "uv": [sys.executable, "-m", "uv", "pip", "install", "--no-cache", "--no-config"],
        }
        found = {}
        for tool, install in tools.items():
            folder = Path(f"by-{tool}-{bundles[0].stem}")
            subprocess.run([*install, *places, folder, project], check=True, stdout=sys.stderr)
            names = sorted(path.name.removesuffix(".dist-info") for path in folder.glob("*.dist-info"))
            found[tool] = ", ".join(name.replace("-", " ") for name in names)
    print(json.dumps(found))  # noqa: T201


if __name__ == "__main__":
    main(*sys.argv[1:])
