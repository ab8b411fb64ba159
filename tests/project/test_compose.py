"""compose.yaml and the Dockerfile: their command lines, run as the containers run them."""

from __future__ import annotations

import json
import os
import re
import shlex
import signal
import subprocess
import sys
from configparser import ConfigParser
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
import yaml

from tests.helpers import distributions
from tests.helpers.namespaces import read_only
from tests.helpers.running import DEADLINE, SOURCES, Mirror, alive, descendants, until
from tests.helpers.servers import answer, free_port, pypiserver, script
from tests.helpers.serving import Server, save_password, upload

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.helpers.index import Index

SERVICES: dict[str, Any] = yaml.safe_load((SOURCES / "compose.yaml").read_text())["services"]
CONFIG = "/etc/minimirror/minirepo.json"


def dockerfile() -> list[tuple[str, str]]:
    """Return the Dockerfile's instructions, each with its arguments on one line."""
    text = re.sub(r"^#.*\n", "", (SOURCES / "Dockerfile").read_text(), flags=re.MULTILINE)
    lines = re.sub(r"\\\n\s*", "", text).splitlines()
    return [(name, arguments) for name, _, arguments in (line.partition(" ") for line in lines if line)]


def last(instruction: str) -> str:
    """Return the arguments of the last instruction with this name, which overrides the others."""
    return [arguments for name, arguments in dockerfile() if name == instruction][-1]


@pytest.fixture
def mirror(index: Index, repository: Path) -> Mirror:
    """Return a mirror in a new volume, which starts as a copy of the image's /data."""
    (repository / "packages").mkdir(parents=True)
    return Mirror(index, repository)


def environment(mirror: Mirror) -> dict[str, str]:
    """Return the image's environment, with this interpreter's commands and the mirror's config."""
    folders = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    return {**os.environ, "PATH": folders, "MINIMIRROR_CONFIG": str(mirror.config(repository="elsewhere"))}


class TestImage:
    def test_copies_only_files_in_its_build_context(self) -> None:
        copied = [arguments.split()[:-1] for name, arguments in dockerfile() if name == "COPY"]
        sources = [source for each in copied if not each[0].startswith("--from") for source in each]
        assert all((SOURCES / source).exists() for source in sources)
        ignore = (SOURCES / ".dockerignore").read_text().splitlines()
        assert sorted(line[1:] for line in ignore if line.startswith("!")) == sorted(sources)

    def test_installs_existing_extras(self) -> None:
        (extras,) = re.findall(r'pip install .*"\.\[(.*)\]"', "\n".join(each for _, each in dockerfile()))
        setup = ConfigParser()
        setup.read(SOURCES / "setup.cfg")
        assert set(extras.split(",")) <= set(setup["options.extras_require"])

    def test_run_makes_the_health_check_pass(self, mirror: Mirror, index: Index) -> None:
        """The config has the path that compose.yaml uses, and the user is that of pypiserver's image."""
        demo = index.add_wheel("demo", "1.0")
        assert f"MINIMIRROR_CONFIG={CONFIG}" in last("ENV").split()
        assert CONFIG in [each["target"] for each in SERVICES["minimirror"]["volumes"] if "target" in each]
        assert last("USER") == "9898:9898"
        assert self.execute(mirror, last("HEALTHCHECK").partition("CMD ")[2]) == 1
        assert self.execute(mirror, last("ENTRYPOINT"), last("CMD")) == 0
        assert mirror.names() == {demo.filename, "packages"}
        assert self.execute(mirror, last("HEALTHCHECK").partition("CMD ")[2]) == 0

    @staticmethod
    def execute(mirror: Mirror, *lists: str) -> int:
        command = [part.replace("/data", str(mirror.path)) for each in lists for part in json.loads(each)]
        command[0] = str(script(command[0]))
        done = subprocess.run(
            command, env=environment(mirror), capture_output=True, check=False, timeout=DEADLINE
        )
        return done.returncode


class Service:
    """The service that fills the volume, in its own process group."""

    def __init__(self, mirror: Mirror) -> None:
        service = SERVICES["minimirror"]
        (command,) = service["command"]
        self.process = subprocess.Popen(
            [*service["entrypoint"], command.replace("$$", "$").replace("/data", str(mirror.path))],
            env=environment(mirror),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            start_new_session=True,
        )

    def pause(self) -> tuple[int, str]:
        """Wait until the service pauses; return the process id and the seconds of the pause."""
        until(lambda: any(self._sleeps()), "the service pauses between two runs")
        ((pid, seconds),) = self._sleeps()
        return pid, seconds

    def _sleeps(self) -> Iterator[tuple[int, str]]:
        for pid in (pid for pid, depth in descendants(self.process.pid) if depth == 1):
            # The process may have ended.
            with suppress(OSError):
                name, *arguments = Path(f"/proc/{pid}/cmdline").read_text().split("\0")
                if name == "sleep":
                    yield pid, arguments[0]

    def stop(self) -> tuple[int, str]:
        """Stop the service as the container's first process does; return its exit code and output."""
        self.process.terminate()
        output, _ = self.process.communicate(timeout=DEADLINE)
        return self.process.returncode, output


@contextmanager
def service(mirror: Mirror) -> Iterator[Service]:
    started = Service(mirror)
    with started.process:
        try:
            yield started
        finally:
            if started.process.poll() is None:
                os.killpg(started.process.pid, signal.SIGKILL)


class TestSchedule:
    def test_pauses_for_six_hours(self, mirror: Mirror, index: Index) -> None:
        demo = index.add_wheel("demo", "1.0")
        with service(mirror) as started:
            pid, seconds = started.pause()
            assert mirror.names() == {demo.filename, "packages"}
            assert int(seconds) == 6 * 3600
            code, output = started.stop()
            assert code == 0
            assert "Complete" in output
            assert not alive(pid)

    def test_retries_sooner_if_something_is_missing(self, mirror: Mirror, index: Index) -> None:
        index.add_wheel("demo", "1.0", hashes={"sha256": "0" * 64})
        with service(mirror) as started:
            assert int(started.pause()[1]) == 3600
            assert started.stop()[0] == 0

    def test_stopping_a_run_keeps_what_it_fetched(self, mirror: Mirror, index: Index) -> None:
        index.add_wheel("demo", "1.0", padding=100_000)
        with index.hold("*.whl", after=70_000) as gate, service(mirror) as started:
            assert gate.reached.wait(DEADLINE)
            until(mirror.partials, "the first bytes are written")
            code, output = started.stop()
        assert code == 0
        assert "Interrupted; " in output
        assert mirror.partials()


def arguments(name: str, folder: Path, passwords: Path) -> list[str]:
    """Return the arguments of the program in a service's container, with the test's paths and address."""
    paths = {"/data": str(folder), "/.htpasswd": str(passwords), "0.0.0.0": "127.0.0.1"}
    return [paths.get(part, part) for part in shlex.split(SERVICES[name]["command"])]


def is_healthy(name: str, origin: str) -> bool:
    """Run a service's health check with this Python and another port."""
    kind, program, *rest = SERVICES[name]["healthcheck"]["test"]
    assert (kind, program) == ("CMD", "python")
    command = [sys.executable, *(part.replace("http://127.0.0.1:8080/", origin) for part in rest)]
    return subprocess.run(command, capture_output=True, check=False, timeout=DEADLINE).returncode == 0


class TestServe:
    @pytest.mark.parametrize(("name", "port"), [("serve", 8080), ("uploads", 8081)])
    def test_ports(self, mirror: Mirror, name: str, port: int) -> None:
        """The container's port is the default, because the command line sets none."""
        assert SERVICES[name]["ports"] == [f"{port}:{mirror.settings().serve.port}"]
        assert SERVICES[name]["image"] == SERVICES["minimirror"]["image"]

    def test_serves_the_volume_that_another_container_fills(self, mirror: Mirror, index: Index) -> None:
        demo = index.add_wheel("demo", "1.0")
        assert "pypi:/data:ro" in SERVICES["serve"]["volumes"]
        command = arguments("serve", mirror.path, mirror.path)
        with Server(mirror.config(), *command[1:], within=read_only(mirror.path)) as server:
            assert is_healthy("serve", server.url)
            mirror.complete()
            until(lambda: server.names("demo") == {demo.filename}, "the file is served")
            server.stop()
            assert not is_healthy("serve", server.url)

    def test_accepts_uploads_with_a_password(self, mirror: Mirror) -> None:
        assert "pypi:/data" in SERVICES["uploads"]["volumes"]
        passwords = mirror.path.with_suffix(".htpasswd")
        name = distributions.wheel_filename("in_house", "1.0")
        save_password(passwords)
        with Server(mirror.config(), *arguments("uploads", mirror.path, passwords)[1:]) as server:
            assert upload(server, name).status == 200
            assert server.names("in-house") == {name}
            assert is_healthy("uploads", server.url)
        assert mirror.names() == {name, "packages"}


class TestPypiserver:
    def test_port(self) -> None:
        """The container's port is pypiserver's default, because the command line sets none."""
        code = "from pypiserver.config import DEFAULTS; print(DEFAULTS.PORT)"
        found = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
        assert SERVICES["pypiserver"]["ports"] == [f"8082:{found.stdout.strip()}"]
        assert SERVICES["pypiserver"]["profiles"] == ["pypiserver"]

    def test_serves_the_volume(self, mirror: Mirror, index: Index, tmp_path: Path) -> None:
        """The volume is read-only, because with `-a .` everyone could upload."""
        demo = index.add_wheel("demo", "1.0")
        mirror.complete()
        assert SERVICES["pypiserver"]["command"] == "run -P . -a . /data"
        assert SERVICES["pypiserver"]["volumes"] == ["pypi:/data:ro"]
        with pypiserver(tmp_path / "home", *arguments("pypiserver", mirror.path, tmp_path)) as origin:
            assert demo.filename in answer(f"{origin}/simple/demo/")[1]
            assert is_healthy("pypiserver", f"{origin}/")
        assert not is_healthy("pypiserver", f"http://127.0.0.1:{free_port()}/")
