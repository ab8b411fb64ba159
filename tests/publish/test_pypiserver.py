"""pypiserver serves the folder that minimirror fills: installs, uploads, and which files it lists."""

from __future__ import annotations

import re
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

from tests.helpers import distributions
from tests.helpers.running import DEADLINE, Mirror
from tests.helpers.servers import answer, htpasswd, pypiserver, script, twine

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tests.helpers.index import Index


@pytest.fixture
def mirror(index: Index, repository: Path) -> Mirror:
    repository.mkdir()
    return Mirror(index, repository)


@pytest.fixture
def origin(mirror: Mirror, tmp_path: Path) -> Iterator[str]:
    """A pypiserver over the mirror, with uploads for ann, as in compose.yaml's second profile."""
    passwords = tmp_path / ".htpasswd"
    passwords.write_text(htpasswd("ann", "secret"))
    options = ("run", "-P", passwords, "-a", "update", "--disable-fallback")
    with pypiserver(tmp_path / "pypiserver", *options, mirror.path) as origin:
        yield origin


def links(page: str) -> list[str]:
    """Return the texts of a page's links."""
    return re.findall(r"<a [^>]*>([^<]*)</a>", page)


def upload(origin: str, folder: Path, project: str, version: str) -> str:
    """Upload a wheel, and return its filename."""
    filename = distributions.wheel_filename(project, version)
    (folder / filename).write_bytes(distributions.wheel(project, version))
    done = twine(origin, folder / filename, user="ann", password="secret")
    assert done.returncode == 0, done.stdout
    return filename


class Installer:
    """pip or uv."""

    def __init__(self, *install: str | Path) -> None:
        self._install = install

    def install(self, origin: str, target: Path, *requirements: str) -> dict[str, str]:
        """Install from a server, and return the installed versions by name."""
        where = ("--index-url", f"{origin}/simple/", "--target", target)
        done = subprocess.run(
            [*self._install, *where, *requirements],
            capture_output=True,
            text=True,
            check=False,
            timeout=4 * DEADLINE,
        )
        assert done.returncode == 0, done.stderr
        found = (path.name.removesuffix(".dist-info").split("-") for path in target.glob("*.dist-info"))
        return {name: version for name, version in found}  # noqa: C416 - each has two parts


INSTALLERS = {
    "pip": Installer(sys.executable, "-m", "pip", "--isolated", "install", "--no-cache-dir"),
    "uv": Installer(script("uv"), "pip", "install", "--no-cache", "--python", sys.executable),
}
each_installer = pytest.mark.parametrize("installer", INSTALLERS.values(), ids=INSTALLERS.keys())


@each_installer
def test_installs_a_project_with_its_dependencies(
    mirror: Mirror, index: Index, origin: str, tmp_path: Path, installer: Installer
) -> None:
    index.add_wheel("demo", "1.0", requires=["Needed.Project>=2", "built"])
    index.add_wheel("needed-project", "2.1", requires=["base!=1.0"])
    index.add_wheel("base", "1.1", tag="py2.py3-none-any")
    index.add_sdist("built", "0.3")
    mirror.complete()
    first = {"demo": "1.0", "needed_project": "2.1", "base": "1.1", "built": "0.3"}
    assert installer.install(origin, tmp_path / "first", "demo") == first
    index.add_wheel("demo", "1.1")
    mirror.complete()
    assert installer.install(origin, tmp_path / "second", "demo") == {"demo": "1.1"}


def test_local_project_lives_beside_mirrored_projects(
    mirror: Mirror, index: Index, origin: str, tmp_path: Path
) -> None:
    """A run leaves a local project alone, whatever files the index has for it."""
    index.add_wheel("in-house", "99.0")
    demo = index.add_wheel("demo", "1.0")
    local = upload(origin, tmp_path, "in-house", "1.0")
    before = mirror.stamps()
    mirror.complete()
    assert mirror.names() == {local, demo.filename}
    index.add_wheel("in-house", "100.0")
    newer = index.add_wheel("demo", "1.1")
    more = upload(origin, tmp_path, "in-house", "1.1")
    mirror.complete()
    index.remove("in-house")
    mirror.complete()
    index.add_wheel("in-house", "101.0")
    mirror.complete()
    assert mirror.names() == {local, more, newer.filename}
    assert mirror.stamps()[local] == before[local]
    requirements = ("in-house", "demo")
    installed = INSTALLERS["pip"].install(origin, tmp_path / "target", *requirements)
    assert installed == {"in_house": "1.1", "demo": "1.1"}


@pytest.fixture
def clutter(mirror: Mirror, index: Index) -> list[str]:
    """Fill the mirror, add every other file that minimirror may keep there, and return the distributions."""
    files = [index.add_wheel("demo", "1.0"), index.add_sdist("demo", "1.0"), index.add_wheel("other", "2.0")]
    mirror.complete()
    whole = files[0].content
    for name in ("demo-1.1-py3-none-any.whl", "demo-1.1-py3-none-any.whl.part"):
        (mirror.state / "partial" / name).write_bytes(whole)
    for file in files:
        for suffix in (".metadata", ".provenance"):
            (mirror.path / f"{file.filename}{suffix}").write_text("Name: demo\n")
    for folder in ("simple", "simple/demo", "simple/other"):
        (mirror.path / folder).mkdir()
        for page in ("index.html", "index.json", "index.v1_json"):
            (mirror.path / folder / page).write_text("<a href='../../demo-9.0.zip'>demo-9.0.zip</a>")
    # pypiserver's image creates this empty folder in its volume.
    (mirror.path / "packages").mkdir()
    return sorted(file.filename for file in files)


LOOK = """
import pathlib, sys
from pypiserver.backend import all_listed_files
print(*all_listed_files(pathlib.Path(sys.argv[1])), sep="\\n")
"""


class TestScan:
    def test_lists_only_distribution_files(self, clutter: list[str], origin: str) -> None:
        assert links(answer(f"{origin}/simple/")[1]) == ["demo", "other"]
        assert sorted(links(answer(f"{origin}/packages/")[1])) == clutter
        assert "serving 3 packages" in answer(origin)[1]

    def test_ignores_the_state_folder(self, mirror: Mirror, clutter: list[str]) -> None:
        """Otherwise each request would take longer."""
        command = [sys.executable, "-c", LOOK, str(mirror.path)]
        seen = subprocess.run(command, capture_output=True, text=True, check=True, timeout=DEADLINE).stdout
        assert str(mirror.path / clutter[0]) in seen
        assert str(mirror.state) not in seen
