"""What lies outside the index: local projects, workspaces, version control. `[tool.uv]` as uv follows it."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Any

import pytest

from minimirror import Config, Summary
from minimirror.resolution.inputs import RequirementsError, find_inputs, read_lock, read_requirements
from minimirror.resolution.reading import read_inputs
from minimirror.resolution.uv import Resolution
from tests.helpers import distributions
from tests.helpers.resolving import LINUX, WINDOWS, Resolver, versions
from tests.helpers.running import Mirror
from tests.resolution.test_locks import uv

if TYPE_CHECKING:
    from pathlib import Path

    from minimirror.resolution.inputs import Requirements
    from tests.helpers.index import Index

T = [LINUX.as_dict()]


def write(folder: Path, **files: str) -> None:
    """Write files: `app__r_txt` is `app/r.txt`."""
    for name, text in files.items():
        path = folder / name.replace("__", "/").replace("_", ".")
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)


def project(name: str, *requires: str, more: str = "", version: str = 'version = "1.0"') -> str:
    return f'[project]\nname = "{name}"\n{version}\ndependencies = {list(requires)}\n{more}\n'


def read(folder: Path, entry: str) -> Requirements:
    (given,) = find_inputs([f"{folder}/{entry}"])
    return read_requirements(given)


class Closure:
    """The resolutions of an entry, and what the summary says."""

    def __init__(self, index: Index, folder: Path, *entries: str, **rules: Any) -> None:
        self.summary = Summary()
        config = Config(
            repository=folder / "mirror",
            requirements=[f"{folder}/{entry}" for entry in entries],
            targets=[LINUX.as_dict(), WINDOWS.as_dict()],
            **rules,
        )
        resolver = Resolver(index, LINUX, WINDOWS)
        requests, _ = read_inputs(config, resolver.indexes, self.summary)
        self.found: list[Resolution] = resolver.all(*requests)
        self.linux, self.windows = map(versions, self.found[:2])
        self.notes = [note.replace(f"{folder}/", "") for note in self.summary.notes]


@pytest.fixture
def packages(index: Index) -> Index:
    """Projects of the index. `lib` and `me` are strangers' projects."""
    for name in ("bar", "baz", "deep", "lib", "me", "tool"):
        index.add_wheel(name, "1.0")
    for version in ("1.0", "2.0", "3.0rc1"):
        index.add_wheel("foo", version)
    index.add_wheel("user", "1.0", requires=["lib>=0.5", "foo"])
    return index


class TestRequirementFiles:
    @pytest.mark.parametrize(
        "line",
        [
            "-e .",
            ".",
            "-e ./",
            "./",
            "-e .[fast]",
            "me @ file:${HERE}",
            "file://${HERE}",
            "-e file://${HERE}",
        ],
    )
    def test_the_dependencies_of_a_local_project_are_followed(
        self, line: str, packages: Index, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setenv("HERE", str(tmp_path))
        more = '[project.optional-dependencies]\nfast = ["baz"]'
        write(tmp_path, r_txt=f"{line}\n", pyproject_toml=project("me", "foo<2", more=more))
        found = Closure(packages, tmp_path, "r.txt")
        assert found.linux == ["baz 1.0"] * ("fast" in line) + ["foo 1.0"]
        assert found.found[0].needed[-1].chain[1:] == ("me", "foo")
        (note,) = found.notes
        assert f'"{line}"' in note
        assert '"ignore": ["me"]' in note
        assert not found.summary.failures

    @pytest.mark.parametrize(
        ("line", "name"),
        [
            ("git+https://example.org/lib.git@v1#egg=lib", "lib"),
            ("git+ssh://example.org/lib.git", "lib"),
            ("lib @ git+https://example.org/other", "lib"),
            ("https://example.org/lib-2.0-py3-none-any.whl", "lib"),
            ("https://example.org/lib-2.0.tar.gz", "lib"),
            ("./nowhere/lib", "lib"),
            ("-e dynamic", "lib"),
        ],
    )
    def test_what_is_not_known_is_left_out_and_noted_once(
        self, line: str, name: str, packages: Index, tmp_path: Path
    ) -> None:
        """The index's project of the same name is a stranger's, even if another project needs it."""
        write(tmp_path, dynamic__pyproject_toml='[project]\nname = "lib"\ndynamic = ["dependencies"]\n')
        write(tmp_path, r_txt=f"user\n{line}\n")
        found = Closure(packages, tmp_path, "r.txt")
        assert found.linux == ["foo 2.0", "user 1.0"]
        (note,) = found.notes
        assert note.startswith(f'r.txt:2: cannot mirror "{line}": it is ')
        assert f'"ignore": ["{name}"]' in note
        for key in ("ignore", "exclude_projects"):
            assert Closure(packages, tmp_path, "r.txt", **{key: ["LIB"]}).notes == []

    def test_a_mistake_in_a_local_project_is_named(self, packages: Index, tmp_path: Path) -> None:
        write(tmp_path, r_txt="bar\n-e .\n", pyproject_toml=project("me", "foo=="))
        found = Closure(packages, tmp_path, "r.txt")
        assert found.linux == ["bar 1.0"]
        assert 'invalid requirement "foo=="' in found.notes[0]

    def test_a_marker(self, packages: Index, tmp_path: Path) -> None:
        """On other targets, the project is the index's."""
        write(tmp_path, r_txt='user\nlib @ git+https://example.org/lib ; sys_platform == "win32"\n')
        found = Closure(packages, tmp_path, "r.txt")
        assert found.linux == ["foo 2.0", "lib 1.0", "user 1.0"]
        assert found.windows == ["foo 2.0", "user 1.0"]

    def test_a_local_wheel(self, packages: Index, tmp_path: Path) -> None:
        wheel = distributions.wheel("lib", "2.0", requires=["bar"])
        (tmp_path / "lib-2.0-py3-none-any.whl").write_bytes(wheel)
        write(tmp_path, r_txt="user\n./lib-2.0-py3-none-any.whl\n")
        assert Closure(packages, tmp_path, "r.txt").linux == ["bar 1.0", "foo 2.0", "user 1.0"]

    def test_local_projects_that_need_each_other(self, packages: Index, tmp_path: Path) -> None:
        for name, other in (("one", "two"), ("two", "one")):
            sources = f'[tool.uv.sources]\n{other} = {{path = "../{other}"}}'
            path = tmp_path / name / "pyproject.toml"
            path.parent.mkdir()
            path.write_text(project(name, other, "bar", more=sources, version='dynamic = ["version"]'))
        write(tmp_path, r_txt="./one\n")
        assert Closure(packages, tmp_path, "r.txt").linux == ["bar 1.0"]

    def test_a_run_is_complete(self, packages: Index, repository: Path, tmp_path: Path) -> None:
        write(
            tmp_path, r_txt="-e .\ngit+https://example.org/lib\nuser\n", pyproject_toml=project("me", "bar")
        )
        mirror = Mirror(packages, repository, requirements=[str(tmp_path / "r.txt")], targets=T)
        assert len(mirror.complete().notes) == 2
        assert mirror.names() == {f"{name}-py3-none-any.whl" for name in ("bar-1.0", "foo-2.0", "user-1.0")}
        assert mirror.complete(ignore=["me", "lib"]).notes == []


class TestMessages:
    def test_each_note_is_made_once(self, packages: Index, tmp_path: Path) -> None:
        more = '[tool.uv]\ndependency-metadata = []\n[dependency-groups]\ndev = ["lib", "./x"]\n'
        more = more.replace(', "./x"', "") + '[tool.uv.sources]\nlib = {git = "https://example.org/lib"}\n'
        write(tmp_path, pyproject_toml=project("me", "lib", more=more))
        assert len(Closure(packages, tmp_path, "pyproject.toml", "pyproject.toml:dev").notes) == 2

    def test_pre_releases(self, packages: Index, tmp_path: Path) -> None:
        write(tmp_path, r_txt="--pre\nfoo\n")
        (note,) = Closure(packages, tmp_path, "r.txt").notes
        assert '"prereleases": true' in note
        assert Closure(packages, tmp_path, "r.txt", prereleases=True).notes == []

    def test_nothing_to_resolve(self, packages: Index, tmp_path: Path) -> None:
        write(tmp_path, r_txt="# nothing\n", pyproject_toml=project("me"))
        for entry, noted in (("r.txt", 1), ("pyproject.toml", 0)):
            summary = Summary()
            config = Config(repository=tmp_path, requirements=[str(tmp_path / entry)], targets=T)
            assert read_inputs(config, Resolver(packages).indexes, summary) == ([], [])
            assert len(summary.notes) == noted

    @pytest.mark.parametrize(
        ("lines", "more"),
        [("foo>=1\nfoo<1\n", ""), ("foo>3\n-c c.txt\n", "foo<2"), ("lib<1\n./app\n", ""), ("bar[x]\n", "")],
    )
    def test_uv_speaks_of_the_user_s_files(
        self, lines: str, more: str, packages: Index, tmp_path: Path
    ) -> None:
        app = project("app", "lib>=1", "local>3", version='dynamic = ["version"]')
        write(tmp_path, r_txt=lines, c_txt=more, app__pyproject_toml=app)
        config = Config(repository=tmp_path, requirements=[str(tmp_path / "r.txt")], targets=T)
        requests, _ = read_inputs(config, Resolver(packages).indexes, Summary())
        (found,) = Resolver(packages).all(*requests)
        told = f"{found.failure} {found.warnings}"
        assert "foo" in told or "lib" in told or "bar" in told
        assert "minimirror-" not in told
        assert "9999" not in told


class TestIgnore:
    @pytest.mark.parametrize("pattern", ["lib", "re:l.b"])
    def test_what_it_names_never_comes_from_the_index(
        self, pattern: str, packages: Index, tmp_path: Path
    ) -> None:
        write(tmp_path, r_txt="lib==7\nuser\n")
        found = Closure(packages, tmp_path, "r.txt", ignore=[pattern])
        assert found.linux == ["foo 2.0", "user 1.0"]
        assert "lib" not in packages.pages_read()

    def test_a_dependency_that_the_index_takes_from_a_url(self, packages: Index, tmp_path: Path) -> None:
        packages.add_wheel("direct", "1.0", requires=["lib @ git+https://example.org/lib", "bar"])
        write(tmp_path, r_txt="direct\n")
        assert Closure(packages, tmp_path, "r.txt", ignore=["lib"]).linux == ["bar 1.0", "direct 1.0"]

    def test_a_lock(self, packages: Index, repository: Path, tmp_path: Path) -> None:
        lock = 'version = 1\nrequires-python = ">=3.8"\n'
        lock += '[[package]]\nname = "app"\nversion = "1"\nsource = {virtual = "."}\n'
        lock += 'dependencies = [{name = "lib"}, {name = "sibling"}, {name = "bar"}]\n'
        lock += '[[package]]\nname = "sibling"\nversion = "1"\nsource = {editable = "../sibling"}\n'
        for name in ("lib", "bar"):
            lock += (
                f'[[package]]\nname = "{name}"\nversion = "1.0"\nsource = {{registry = "{packages.url}"}}\n'
            )
        write(tmp_path, uv_lock=lock)
        mirror = Mirror(packages, repository, requirements=[str(tmp_path / "uv.lock")], targets=T)
        (note,) = mirror.complete().notes
        assert "cannot mirror sibling 1" in note
        assert mirror.complete(ignore=["sibling", "lib"]).notes == []
        assert mirror.names() == {"bar-1.0-py3-none-any.whl"}


WORKSPACE = '[tool.uv.workspace]\nmembers = ["packages/*"]\n[tool.uv.sources]\nlib = {workspace = true}\n'


class TestSources:
    def test_a_workspace(self, packages: Index, tmp_path: Path) -> None:
        """Its members are local wherever they come up, and what they depend on is followed."""
        write(
            tmp_path,
            pyproject_toml=project("me", "lib", "user", more=WORKSPACE),
            packages__lib__pyproject_toml=project("lib", "bar", "other"),
            packages__other__pyproject_toml=project("other", "deep"),
        )
        found = Closure(packages, tmp_path, "pyproject.toml", "packages/lib/pyproject.toml")
        assert found.linux == ["bar 1.0", "deep 1.0", "foo 2.0", "user 1.0"]
        assert versions(found.found[2]) == ["bar 1.0", "deep 1.0"]
        assert found.notes == []

    def test_the_root_of_a_workspace_speaks_for_its_members(self, packages: Index, tmp_path: Path) -> None:
        more = WORKSPACE + '[tool.uv]\nconstraint-dependencies = ["foo<2"]\n'
        write(
            tmp_path,
            pyproject_toml=project("me", more=more),
            packages__lib__pyproject_toml=project("lib", "bar"),
            packages__app__pyproject_toml=project("app", "lib", "foo"),
        )
        assert Closure(packages, tmp_path, "packages/app/pyproject.toml").linux == ["bar 1.0", "foo 1.0"]

    @pytest.mark.parametrize(
        ("source", "cause"),
        [
            ('{git = "https://me:s3cret@example.org/lib"}', "a version control URL"),
            ('{url = "https://example.org/lib.zip"}', "a URL"),
            ('{path = "../elsewhere"}', "a local path"),
            ("{workspace = true}", "an unknown source"),
        ],
    )
    def test_a_source_that_cannot_be_followed(
        self, source: str, cause: str, packages: Index, tmp_path: Path
    ) -> None:
        more = f"[tool.uv.sources]\nlib = {source}"
        write(tmp_path, app__pyproject_toml=project("me", "lib", "user", more=more))
        found = Closure(packages, tmp_path, "app/pyproject.toml")
        assert found.linux == ["foo 2.0", "user 1.0"]
        (note,) = found.notes
        assert cause in note
        assert "s3cret" not in note

    def test_only_what_is_required_is_noted(self, packages: Index, tmp_path: Path) -> None:
        more = '[tool.uv.sources]\nlib = {git = "https://example.org/lib"}\n'
        more += '[project.optional-dependencies]\nextra = ["lib"]'
        write(tmp_path, pyproject_toml=project("me", "bar", more=more))
        assert Closure(packages, tmp_path, "pyproject.toml").notes == []
        assert len(Closure(packages, tmp_path, "pyproject.toml[extra]").notes) == 1

    def test_a_marker(self, packages: Index, tmp_path: Path) -> None:
        source = '{git = "https://example.org/lib", marker = "sys_platform == \'win32\'"}'
        more = f"[tool.uv.sources]\nlib = [{source}]"
        write(tmp_path, pyproject_toml=project("me", "lib", more=more))
        found = Closure(packages, tmp_path, "pyproject.toml")
        assert (found.linux, found.windows) == (["lib 1.0"], [])

    def test_a_project_never_is_its_namesake_of_the_index(self, packages: Index, tmp_path: Path) -> None:
        groups = '[dependency-groups]\nall = ["me[fast]", {include-group = "dev"}]\nDev = ["tool"]\n'
        groups += '[project.optional-dependencies]\nfast = ["baz"]'
        write(tmp_path, pyproject_toml=project("me", "bar", more=groups))
        found = Closure(packages, tmp_path, "pyproject.toml:all")
        assert found.linux == ["bar 1.0", "baz 1.0", "tool 1.0"]
        assert found.notes == []


class TestSettings:
    @pytest.mark.parametrize(
        ("setting", "found"),
        [
            ("", ["foo 2.0", "lib 1.0", "user 1.0"]),
            ('constraint-dependencies = ["foo<2"]', ["foo 1.0", "lib 1.0", "user 1.0"]),
            ('override-dependencies = ["lib==1.0", "foo==1"]', ["foo 1.0", "lib 1.0", "user 1.0"]),
            ("override-dependencies = [\"lib; python_version < '3'\"]", ["foo 2.0", "user 1.0"]),
            ('exclude-dependencies = ["lib"]', ["foo 2.0", "user 1.0"]),
            ('prerelease = "allow"', ["foo 3.0rc1", "lib 1.0", "user 1.0"]),
            ('resolution = "lowest"', ["foo 1.0", "lib 1.0", "user 1.0"]),
        ],
    )
    def test_are_followed(self, setting: str, found: list[str], packages: Index, tmp_path: Path) -> None:
        text = project("app", "user>=1", "foo>=1", more=f"[tool.uv]\n{setting}")
        write(tmp_path, pyproject_toml=text)
        assert Closure(packages, tmp_path, "pyproject.toml").linux == found

    def test_as_uv_locks(self, packages: Index, tmp_path: Path) -> None:
        """uv's own lock of a workspace has the same releases for each target."""
        more = """
[project.optional-dependencies]
fast = ["baz", "me[small]"]
small = ["bar"]
[dependency-groups]
dev = ["tool", {include-group = "more"}]
more = ["foo"]
[tool.uv]
constraint-dependencies = ["foo<2", "deep>=1"]
override-dependencies = ["bar==1.0; sys_platform == 'win32'"]
[tool.uv.workspace]
members = ["packages/*"]
exclude = ["packages/old"]
[tool.uv.sources]
lib = {workspace = true}
far = {path = "../far"}
"""
        python = 'version = "1.0"\nrequires-python = ">=3.10"'
        far = '[tool.uv.sources]\nfarther = {path = "../farther", editable = true}\n'
        write(
            tmp_path,
            app__pyproject_toml=project("me", "lib[x]", "user", "far", more=more, version=python),
            app__packages__lib__pyproject_toml=project(
                "lib", "foo", more='[project.optional-dependencies]\nx = ["bar"]', version=python
            ),
            app__packages__old__pyproject_toml=project("lib"),
            far__pyproject_toml=project("far", "farther", more=far, version=python),
            farther__pyproject_toml=project("farther", "deep; sys_platform == 'win32'", version=python),
        )
        app = tmp_path / "app"
        uv(app, "lock", "--python", sys.executable, "--index-url", packages.url)
        for entry in ("[fast]", "[small]", ":dev"):
            ours = Closure(packages, app, f"pyproject.toml{entry}")
            (lock,) = find_inputs([f"{app}/uv.lock{entry}"])
            theirs = read_lock(lock, [LINUX, WINDOWS])
            for number, found in enumerate((ours.linux, ours.windows)):
                locked = {
                    f"{name} {pin.version}"
                    for name, pins in theirs.pins.items()
                    for pin in pins
                    if pin.target == number
                }
                assert set(found) == locked

    def test_environments(self, packages: Index, tmp_path: Path) -> None:
        more = "[tool.uv]\nenvironments = [\"sys_platform == 'win32'\"]"
        write(tmp_path, pyproject_toml=project("me", "bar", more=more))
        found = Closure(packages, tmp_path, "pyproject.toml")
        assert (found.linux, found.windows) == ([], ["bar 1.0"])
        assert "environments" in found.found[0].warnings[0]

    def test_legacy_development_dependencies(self, packages: Index, tmp_path: Path) -> None:
        write(tmp_path, pyproject_toml='[tool.uv]\ndev-dependencies = ["tool"]\n')
        assert Closure(packages, tmp_path, "pyproject.toml:dev").linux == ["tool 1.0"]

    def test_other_keys_are_named(self, tmp_path: Path) -> None:
        more = '[tool.uv]\nexclude-newer = "2026-01-01"\ndependency-metadata = []\npackage = false\n'
        more += '[tool.uv.sources]\nfoo = {index = "mine"}\n'
        write(
            tmp_path,
            pyproject_toml=project("me", more=more),
            uv_toml='resolution = "lowest"\noffline = true\n',
        )
        notes = read(tmp_path, "pyproject.toml").notes
        assert len(notes) == 4
        for note, word in zip(
            notes, ("dependency-metadata", "`uploaded_before`", '"mine"', "uv.toml is not"), strict=True
        ):
            assert word in note

    @pytest.mark.parametrize(
        "setting",
        [
            "constraint-dependencies = 1",
            'override-dependencies = ["=="]',
            'prerelease = "sometimes"',
            'environments = "x"',
            'environments = [""]',
            "sources = 1",
            "sources = {a = 1}",
            'sources = {a = {git = "x", marker = "y"}}',
            'workspace = {members = ["/*"]}',
            "workspace = 1",
        ],
    )
    def test_mistakes(self, setting: str, tmp_path: Path) -> None:
        write(tmp_path, pyproject_toml=project("me", "a", more=f"[tool.uv]\n{setting}"))
        with pytest.raises(RequirementsError, match=r"pyproject\.toml: "):
            read(tmp_path, "pyproject.toml")


class TestScripts:
    def test_their_metadata_is_read(self, packages: Index, tmp_path: Path) -> None:
        text = '#!/usr/bin/env python\n# /// script\n# dependencies = [\n#   "user",\n#\n# ]\n'
        text += '# [tool.uv.sources]\n# lib = { git = "https://example.org/lib" }\n# ///\nimport user\n'
        write(tmp_path, tool_py=text)
        assert Closure(packages, tmp_path, "tool.py").linux == ["foo 2.0", "user 1.0"]

    @pytest.mark.parametrize("text", ["import os\n", "# /// script\n# x = 1\n", "# /// script\n# ///\n" * 2])
    def test_without_metadata(self, text: str, tmp_path: Path) -> None:
        write(tmp_path, tool_py=text)
        with pytest.raises(RequirementsError, match="metadata"):
            read(tmp_path, "tool.py")


class TestRequests:
    def test_change_with_what_they_depend_on(
        self, packages: Index, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """A token that changes daily is no reason to resolve again."""
        config = Config(repository=tmp_path, requirements=[str(tmp_path / "r.txt")], targets=T)
        indexes = Resolver(packages).indexes

        def fingerprint() -> str:
            (request,), _ = read_inputs(config, indexes, Summary())
            return request.fingerprint

        first = (
            "--index-url https://${TOKEN}@example.org/\n-r more.txt\n-c limits.txt\n./app\nfoo${VERSION}\n"
        )
        write(tmp_path, r_txt=first, more_txt="", limits_txt="", app__pyproject_toml=project("app"))
        monkeypatch.setenv("VERSION", "==1.0")
        monkeypatch.setenv("TOKEN", "secret1")
        seen = [fingerprint()]
        monkeypatch.setenv("TOKEN", "secret2")
        assert fingerprint() == seen[0]
        for change in (
            {"more_txt": "bar"},
            {"limits_txt": "foo<2"},
            {"app__pyproject_toml": project("app", "a")},
        ):
            write(tmp_path, **change)
            seen.append(fingerprint())
        monkeypatch.setenv("VERSION", "==2.0")
        seen.append(fingerprint())
        assert len(set(seen)) == 5
