"""The commands of docs/air-gap.md, one after the other: the far ones where there is no network."""

from __future__ import annotations

import fcntl
import json
import os
import re
import shutil
import socket
import struct
import subprocess
import sys
import urllib.error
import urllib.request
import venv
from pathlib import Path
from typing import TYPE_CHECKING

from minimirror.distributions import target_of_this_machine
from tests.bundle.test_installer import bare_python
from tests.helpers.bundles import Far, Near
from tests.helpers.installed import installed_wheels
from tests.helpers.namespaces import unshare
from tests.helpers.running import DEADLINE, SOURCES
from tests.helpers.servers import devpi

if TYPE_CHECKING:
    from tests.helpers.index import Index

PAGE = (SOURCES / "docs" / "air-gap.md").read_text("utf-8")


def blocks(section: str) -> list[str]:
    """Return the commands in a section of the page, block by block."""
    (text,) = re.findall(rf"^## {section}\n(.*?)^## ", PAGE, re.DOTALL | re.MULTILINE)
    return re.findall(r"^```sh\n(.*?)^```", text, re.DOTALL | re.MULTILINE)


def test_from_the_index_to_the_far_machines(index: Index, tmp_path: Path) -> None:
    """Mirror, export, carry, install minimirror, import; again; install in three ways."""
    near, far = tmp_path / "near", tmp_path / "far"
    for folder in (near, far / "bin", tmp_path / "usb", far / "data"):
        folder.mkdir(parents=True)
    for project, filename, content in installed_wheels("minimirror[serve,push]", "pip"):
        index.add(project, filename, content)
    index.add_wheel("app", "1.0", requires=["lib>=1"])
    index.add_wheel("lib", "1.2")
    config = re.search(r"```json\n(.*?)```", PAGE, re.DOTALL)
    assert config
    values = {
        **json.loads(config[1]),
        "index_url": index.url,
        "targets": [target_of_this_machine().as_dict()],
    }
    (near / "lab.json").write_text(json.dumps(values))
    (near / "requirements.txt").write_text("app\n")
    shell(near / "bin", "minimirror", f'exec {sys.executable} -m minimirror "$@"')
    (far / "bin" / "python3").symlink_to(bare_python())
    for tool in ("pip", "uv"):
        shell(far / "bin", tool, f'exec {Path(sys.executable).with_name(tool)} "$@"')

    first, installation = blocks("The first time")
    update, import_ = blocks("Updates")
    for commands, far_commands in ((first, installation), (update, import_)):
        here = {**os.environ, "PATH": f"{near / 'bin'}:{os.defpath}", "PYTHONPATH": str(SOURCES)}
        carried = commands.replace("/media/usb", str(tmp_path / "usb"))
        subprocess.run(["sh", "-ec", carried], cwd=near, env=here, check=True, timeout=3 * DEADLINE)
        on_the_far_side(far, far_commands)
        assert Far(far / "data" / "packages").equals(Near(near / "packages"))
        index.add_wheel("lib", "1.3", requires_python=">=3")
    on_the_far_side(far, f"unreachable {index.url}")
    found = on_the_far_side(far, *blocks("Install on the isolated network"))
    assert found.splitlines()[-4:] == [
        f"{tool} install: app 1.0, lib 1.3" for tool in ("pip", "pip", "uv pip", "pip")
    ]


def shell(folder: Path, name: str, line: str) -> None:
    folder.mkdir(exist_ok=True)
    (folder / name).write_text(f"#!/bin/sh\n{line}\n")
    (folder / name).chmod(0o755)


def on_the_far_side(far: Path, *commands: str) -> str:
    """Run the module's `main` in a network namespace that has nothing but its loopback interface."""
    done = subprocess.run(
        [*unshare("--net", "--pid", "--fork", "--kill-child"), sys.executable, "-m", __name__, *commands],
        env={**os.environ, "PYTHONPATH": str(SOURCES), "HOME": str(far)},
        cwd=far,
        capture_output=True,
        text=True,
        timeout=5 * DEADLINE,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


# The functions below run on the far side, in its folder.

SIOCSIFFLAGS, IFF_UP = 0x8914, 1
"""netdevice(7)"""


def main(*commands: str) -> None:
    bring_loopback_up()
    if commands[0].startswith("unreachable "):
        check_unreachable(commands[0].partition(" ")[2])
    elif len(commands) == 1:
        run_there(commands[0], {})
    else:
        with devpi(Path.cwd() / "devpi") as server:
            server.make_index("mirror")
            login = {"TWINE_USERNAME": "root", "TWINE_PASSWORD": server.token}
            for line in "".join(commands).splitlines():
                here = line.replace("http://HOST:3141/lab", f"{server.origin}/root").replace(
                    "HOST", "127.0.0.1"
                )
                run_there(here, login)


def bring_loopback_up() -> None:
    flags = struct.pack("16sh14x", b"lo", IFF_UP)
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as any_socket:
        fcntl.ioctl(any_socket, SIOCSIFFLAGS, flags)


def check_unreachable(url: str) -> None:
    """Check that there is no way out; without that, the test would prove nothing."""
    try:
        urllib.request.urlopen(url, timeout=DEADLINE).close()
    except urllib.error.URLError:
        return
    raise AssertionError(f"{url} can be reached from the far side")


def run_there(commands: str, variables: dict[str, str]) -> None:
    """Run commands, with a new environment to install into; print what they have installed."""
    far = Path.cwd()
    environment = far / "environment"
    shutil.rmtree(environment, ignore_errors=True)
    venv.create(environment)
    variables = {
        "PATH": f"{far}/minimirror/bin:{far}/bin:{os.defpath}",
        "HOME": str(far),
        "PIP_CONFIG_FILE": os.devnull,
        "PIP_PYTHON": f"{environment}/bin/python",
        "UV_NO_CONFIG": "1",
        "VIRTUAL_ENV": str(environment),
        **variables,
    }
    here = commands.replace("/media/usb", str(far.with_name("usb"))).replace("/data/", f"{far}/data/")
    subprocess.run(["sh", "-ec", here], env=variables, check=True, stdout=sys.stderr, timeout=3 * DEADLINE)
    names = sorted(path.name.removesuffix(".dist-info") for path in environment.rglob("*.dist-info"))
    if names:
        found = ", ".join(name.replace("-", " ") for name in names)
        print(f"{commands.partition(' install ')[0]} install: {found}")  # noqa: T201


if __name__ == "__main__":
    main(*sys.argv[1:])
