"""Locks that the real uv writes, read for several targets and compared with what uv installs there."""

from __future__ import annotations

import re
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest
from uv import find_uv_bin

from minimirror.distributions.targets import Target
from minimirror.resolution.inputs import LockedPackages, RequirementsError, find_inputs, read_lock

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from pathlib import Path

    from tests.helpers.index import File, Index

LINUX = Target("3.12", "manylinux_2_28_x86_64")
WINDOWS = Target("3.10", "win_amd64")
MACOS = Target("3.13", "macosx_13_0_arm64")
TARGETS = {
    LINUX: ("x86_64-manylinux_2_28", "3.12"),
    WINDOWS: ("x86_64-pc-windows-msvc", "3.10"),
    MACOS: ("aarch64-apple-darwin", "3.13"),
}
"""Each with uv's name of its platform, and its Python."""


def uv(folder: Path, *arguments: str | Path) -> str:
    """Run uv in a folder without the user's settings, and return its standard output."""
    alone = ["--no-config", "--no-cache", "--no-python-downloads", "--quiet"]
    done = subprocess.run(
        [find_uv_bin(), *alone, *map(str, arguments)],
        cwd=folder,
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def locked(index: Index, folder: Path, **projects: str) -> Path:
    """Lock a project, or a workspace whose first project is the root, and return the lock's path."""
    folder.mkdir(exist_ok=True)
    for name, text in projects.items():
        path = folder if name == "root" else folder / name
        path.mkdir(exist_ok=True)
        (path / "pyproject.toml").write_text(text)
    uv(folder, "lock", "--python", sys.executable, "--index-url", index.url)
    return folder / "uv.lock"


def read(path: Path, targets: Iterable[Target] = TARGETS) -> LockedPackages:
    (found,) = find_inputs([str(path)])
    return read_lock(found, list(targets))


def pinned(found: LockedPackages, number: int) -> set[str]:
    """Return the pins for a target, as `name==version`."""
    return {
        f"{project}=={pin.version}"
        for project, pins in found.pins.items()
        for pin in pins
        if pin.target == number
    }


def seen_by_uv(index: Index, exported: str, folder: Path, target: Target) -> set[str]:
    """Return the exported requirements that uv, which evaluates the markers itself, uses for a target."""
    platform, python = TARGETS[target]
    (folder / "exported.txt").write_text(exported)
    out = uv(
        folder,
        *("pip", "compile", "--no-deps", "--no-header", "--no-annotate", "--default-index", index.url),
        *("--python", sys.executable, "--python-platform", platform, "--python-version", python),
        "exported.txt",
    )
    return {match[0] for match in re.finditer(r"^[\w.-]+==\S+", out, re.MULTILINE)}


def digests(*files: File) -> set[str]:
    return {f"sha256:{file.sha256}" for file in files}


@pytest.fixture
def packages(index: Index) -> Mapping[str, File]:
    """Markers, extras, releases that need a newer Python, wheels of platforms, and a cycle."""
    for name, version, requires, python in (
        ("alpha", "1.0", ['beta>=1; sys_platform == "win32"', "gamma", 'delta; extra == "fast"'], None),
        ("beta", "1.0", ["alpha"], None),
        ("beta", "2.0", [], ">=3.12"),
        ("gamma", "1.0", [], None),
        ("gamma", "2.0", [], ">=3.12"),
        ("tool", "1.0", ["alpha[fast]", 'old; python_version < "3.11"'], None),
        ("old", "1.0", [], None),
        ("docs", "3.0", ['mac; platform_machine == "arm64" and sys_platform == "darwin"'], None),
        ("mac", "1.0", [], None),
        ("conf", "1.0", ['leaf; os_name == "nt"'], None),
        ("conf", "2.0", ["twig"], None),
        ("leaf", "1.0", [], None),
        ("twig", "1.0", [], None),
        ("shared", "1.0", ["conf"], None),
    ):
        index.add_wheel(name, version, requires=requires, requires_python=python, core_metadata=True)
    return {
        "windows": index.add_wheel("delta", "1.0", tag="cp310-cp310-win_amd64", core_metadata=True),
        "linux": index.add_wheel("delta", "1.0", tag="cp312-cp312-manylinux_2_17_x86_64", core_metadata=True),
        "sdist": index.add_sdist("delta", "1.0"),
    }


APP = """
[project]
name = "The.App"
version = "0.1"
requires-python = ">=3.10"
dependencies = ["alpha"]
[project.optional-dependencies]
quick = ["alpha[fast]"]
[dependency-groups]
dev = ["tool", {include-group = "docs"}]
docs = ["docs"]
"""


class TestUvLock:
    def test_pins_everything_that_an_install_may_need(
        self, index: Index, packages: Mapping[str, File], tmp_path: Path
    ) -> None:
        """This is what uv installs for each target from its own lock, with all extras and groups."""
        path = locked(index, tmp_path / "app", root=APP)
        found = read(path)
        assert not found.problems
        assert found.unsupported == {}
        exported = uv(path.parent, "export", "--frozen", "--all-extras", "--all-groups", "--no-emit-project")
        for number, target in enumerate(TARGETS):
            assert pinned(found, number) == seen_by_uv(index, exported, tmp_path, target)
        assert pinned(found, 1) == {
            *("alpha==1.0", "beta==1.0", "gamma==1.0", "delta==1.0", "tool==1.0", "old==1.0", "docs==3.0")
        }
        assert {pin.digests for pin in found.pins["delta"]} == {
            tuple(sorted(digests(*packages.values()), key=found.pins["delta"][0].digests.index))
        }

    @pytest.mark.usefixtures("packages")
    @pytest.mark.parametrize(
        ("part", "options", "word"),
        [
            ("[quick]", ("--no-default-groups", "--extra", "quick"), "delta"),
            (":docs", ("--only-group", "docs"), "docs"),
            (":dev", ("--only-group", "dev"), "tool"),
        ],
    )
    def test_a_part_is_what_uv_installs_of_it(
        self, part: str, options: tuple[str, ...], word: str, index: Index, tmp_path: Path
    ) -> None:
        path = locked(index, tmp_path / "app", root=APP)
        (given,) = find_inputs([f"{path}{part}"])
        found = read_lock(given, list(TARGETS))
        assert given.name == f"uv.lock{part}"
        assert word in found.pins
        exported = uv(path.parent, "export", "--frozen", "--no-emit-project", *options)
        for number, target in enumerate(TARGETS):
            assert pinned(found, number) == seen_by_uv(index, exported, tmp_path, target)
        for missing, suggestion in ((f"{path}[quik]", '"quick"'), (f"{path}:tests", "dev, docs")):
            (other,) = find_inputs([missing])
            with pytest.raises(RequirementsError, match=suggestion):
                read_lock(other, [LINUX])

    @pytest.mark.usefixtures("packages")
    def test_chains_lead_to_each_package(self, index: Index, tmp_path: Path) -> None:
        found = read(locked(index, tmp_path / "app", root=APP))
        assert found.chains["alpha", 0] == ("uv.lock", "the-app", "alpha")
        assert found.chains["old", 1] == ("uv.lock", "the-app", "tool", "old")
        assert found.chains["beta", 1] == ("uv.lock", "the-app", "alpha", "beta")
        assert ("beta", 0) not in found.chains
        assert found.chains["mac", 2] == ("uv.lock", "the-app", "docs", "mac")
        pins = {(project, pin.target) for project, pins in found.pins.items() for pin in pins}
        assert found.chains.keys() == pins

    @pytest.mark.usefixtures("packages")
    def test_conflicting_extras_are_chosen_in_turn(self, index: Index, tmp_path: Path) -> None:
        text = """
[project]
name = "app"
version = "0.1"
requires-python = ">=3.10"
dependencies = ["shared"]
[project.optional-dependencies]
one = ["conf==1.0"]
[dependency-groups]
two = ["conf==2.0"]
[tool.uv]
conflicts = [[{extra = "one"}, {group = "two"}]]
"""
        path = locked(index, tmp_path / "app", root=text)
        found = read(path)
        export = ("export", "--frozen", "--no-emit-project")
        exported = [uv(path.parent, *export, *chosen) for chosen in ([], ["--extra=one"], ["--group=two"])]
        for number, target in enumerate([LINUX, WINDOWS]):
            installs = [seen_by_uv(index, each, tmp_path, target) for each in exported]
            assert pinned(found, number) == set.union(*installs)
        assert "leaf==1.0" not in pinned(found, 0)
        assert "leaf==1.0" in pinned(found, 1)

    @pytest.mark.usefixtures("packages")
    def test_a_workspace_with_its_own_groups(self, index: Index, tmp_path: Path) -> None:
        """The root is no project, and members that need each other are not mirrored."""
        root = """
[dependency-groups]
dev = ["leaf; sys_platform != 'win32'"]
[tool.uv.workspace]
members = ["one", "two"]
"""
        one = """
[project]
name = "one"
version = "1"
requires-python = ">=3.10"
dependencies = ["two", "gamma"]
[tool.uv.sources]
two = {workspace = true}
[build-system]
requires = ["setuptools"]
"""
        two = """
[project]
name = "two"
version = "1"
requires-python = ">=3.10"
[project.optional-dependencies]
more = ["twig"]
[build-system]
requires = ["setuptools"]
"""
        path = locked(index, tmp_path / "work", root=root, one=one, two=two)
        found = read(path)
        exported = uv(
            path.parent,
            *("export", "--frozen", "--all-packages", "--all-extras", "--all-groups", "--no-emit-workspace"),
        )
        for number, target in enumerate(TARGETS):
            assert pinned(found, number) == seen_by_uv(index, exported, tmp_path, target)
        assert not found.problems
        assert found.chains["leaf", 0] == ("uv.lock", "leaf")
        assert ("leaf", 1) not in found.chains
        assert found.chains["twig", 1] == ("uv.lock", "two", "twig")

    @pytest.mark.usefixtures("packages")
    def test_a_script(self, index: Index, tmp_path: Path) -> None:
        (tmp_path / "tool.py").write_text(
            "# /// script\n# requires-python = '>=3.10'\n# dependencies = [\n"
            "#   \"conf==1.0; sys_platform == 'win32'\",\n#   \"conf==2.0; sys_platform != 'win32'\",\n"
            "# ]\n# ///\n"
        )
        uv(tmp_path, "lock", "--python", sys.executable, "--index-url", index.url, "--script", "tool.py")
        found = read(tmp_path / "tool.py.lock")
        assert pinned(found, 0) == {"conf==2.0", "twig==1.0"}
        assert pinned(found, 1) == {"conf==1.0", "leaf==1.0"}
        assert found.chains["leaf", 1] == ("tool.py.lock", "conf", "leaf")

    @pytest.mark.usefixtures("packages")
    def test_packages_from_other_sources_are_reported_and_followed(
        self, index: Index, tmp_path: Path
    ) -> None:
        for name, needs in (("outside", "leaf"), ("app/inside", "twig")):
            (tmp_path / name).mkdir(parents=True)
            (tmp_path / name / "pyproject.toml").write_text(
                f'[project]\nname = "{name[-7:].strip("/")}"\nversion = "2"\nrequires-python = ">=3.10"\n'
                f'dependencies = ["{needs}"]\n[build-system]\nrequires = ["setuptools"]\n'
            )
        direct = index.add_wheel("direct", "1.0", requires=["gamma"], core_metadata=True)
        local = index.add_wheel("local", "1.0")
        (tmp_path / local.filename).write_bytes(local.content)
        text = f"""
[project]
name = "app"
version = "0.1"
requires-python = ">=3.10"
dependencies = ["outside", "inside", "local", "direct @ {index.file_url(direct)}"]
[tool.uv.sources]
outside = {{path = "../outside"}}
inside = {{path = "inside"}}
local = {{path = "../{local.filename}"}}
"""
        path = locked(index, tmp_path / "app", root=text)
        found = read(path, [LINUX])
        assert pinned(found, 0) == {"direct==1.0", "gamma==2.0", "leaf==1.0", "twig==1.0"}
        assert list(found.files["direct"]) == [index.file_url(direct)]
        assert found.chains["gamma", 0] == ("uv.lock", "app", "direct", "gamma")
        assert sorted(found.problems) == [
            f"{path}: cannot mirror {package}: it comes from {source}, not from the index"
            for package, source in (
                ("local 1.0", f"an archive, ../{local.filename}"),
                ("outside 2", "the folder ../outside"),
            )
        ]
        exported = path.with_name("pylock.toml")
        uv(path.parent, "export", "--frozen", "--format", "pylock.toml", "-o", exported)
        same = read(exported, [LINUX])
        assert same.pins == found.pins
        assert len(same.problems) == 2

    @pytest.mark.usefixtures("packages")
    def test_unsupported_targets(self, index: Index, tmp_path: Path) -> None:
        text = """
[project]
name = "app"
version = "0.1"
requires-python = ">=3.10"
dependencies = ["leaf"]
[tool.uv]
environments = ["sys_platform == 'linux'", "sys_platform == 'win32'"]
"""
        path = locked(index, tmp_path / "app", root=text)
        found = read(path, [LINUX, Target("3.9", "win_amd64"), MACOS])
        assert [(pin.version, pin.target) for pin in found.pins["leaf"]] == [("1.0", 0)]
        assert found.chains.keys() == {("leaf", 0)}
        assert found.unsupported == {
            1: "its requires-python is >=3.10",
            2: "none of its environments (tool.uv.environments) matches",
        }

    def test_an_index_without_digests(self, index: Index, tmp_path: Path) -> None:
        index.add_wheel("plain", "1.0", hashes=False, core_metadata=True)
        text = (
            '[project]\nname = "app"\nversion = "1"\nrequires-python = ">=3.10"\ndependencies = ["plain"]\n'
        )
        found = read(locked(index, tmp_path / "app", root=text), [LINUX])
        assert [(pin.version, pin.digests) for pin in found.pins["plain"]] == [("1.0", ())]


class TestPylock:
    @pytest.mark.usefixtures("packages")
    def test_for_one_target(self, index: Index, tmp_path: Path) -> None:
        """A lock for one target pins exactly what uv resolved."""
        (tmp_path / "r.in").write_text("tool\ndocs\n")
        for target, (platform, python) in TARGETS.items():
            compiled = ("pip", "compile", "--default-index", index.url, "--python", sys.executable)
            for_target = ("--python-platform", platform, "--python-version", python, "r.in")
            path = tmp_path / f"pylock.{target.platform}.toml"
            uv(tmp_path, *compiled, *for_target, "--format", "pylock.toml", "-o", path)
            out = uv(tmp_path, *compiled, *for_target, "--no-header", "--no-annotate")
            assert pinned(read(path, [target]), 0) == set(out.split())

    @pytest.mark.usefixtures("packages")
    def test_for_all_targets(self, index: Index, tmp_path: Path) -> None:
        path = locked(index, tmp_path / "app", root=APP)
        exported = path.with_name("pylock.app.toml")
        uv(path.parent, *("export", "--frozen", "--all-extras", "--all-groups"), "-o", exported)
        found = read(exported)
        assert found.pins == read(path).pins
        assert found.chains["mac", 2] == ("pylock.app.toml", "mac")
        assert not found.problems
