"""The entries of `requirements`: the files that they name, their kinds and fingerprints."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from minimirror.common.errors import MinimirrorError
from minimirror.resolution.inputs import Input, RequirementsError, check_pyproject, find_inputs


def write(path: Path, text: str = "") -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)
    return path


def only(entry: Path | str) -> Input:
    (found,) = find_inputs([str(entry)])
    return found


def mistakes(*entries: Path | str) -> tuple[str, ...]:
    with pytest.raises(RequirementsError) as caught:
        find_inputs([str(entry) for entry in entries])
    assert isinstance(caught.value, MinimirrorError)
    assert caught.value.exit_code == 2
    return caught.value.problems


class TestEntries:
    @pytest.mark.parametrize(
        ("name", "kind"),
        [
            ("requirements.txt", "requirements"),
            ("dev.in", "requirements"),
            ("requirements.lock", "requirements"),
            ("pyproject.toml", "pyproject"),
            ("pylock.toml", "pylock"),
            ("pylock.dev.toml", "pylock"),
            ("uv.lock", "uv.lock"),
            ("tool.py.lock", "uv.lock"),
        ],
    )
    def test_the_filename_determines_the_kind(self, name: str, kind: str, tmp_path: Path) -> None:
        found = only(write(tmp_path / name))
        assert (found.path, found.kind, found.extras, found.group) == (tmp_path / name, kind, (), None)

    @pytest.mark.parametrize("name", ["pylock.a.b.toml", "Pylock.toml", "project.toml"])
    def test_a_toml_file_with_an_unknown_name(self, name: str, tmp_path: Path) -> None:
        (problem,) = mistakes(write(tmp_path / name))
        assert name in problem
        assert "pylock.NAME.toml" in problem

    def test_extras_and_groups(self, tmp_path: Path) -> None:
        path = write(tmp_path / "pyproject.toml")
        found = find_inputs([f"{path}[Fast_IO,docs, docs]", f"{path}:Dev_Tools", f"{path}"])
        assert [(each.path, each.extras, each.group) for each in found] == [
            (path, ("docs", "fast-io"), None),
            (path, (), "dev-tools"),
            (path, (), None),
        ]

    def test_globs_are_sorted_and_name_files_only(self, tmp_path: Path) -> None:
        for name in ("groups/b.in", "groups/a.in", "groups/deep/c.in", "a[1].txt", "a1.txt"):
            write(tmp_path / name)
        (tmp_path / "groups" / "d.in").mkdir()
        groups = tmp_path / "groups"
        assert [each.path.name for each in find_inputs([f"{groups}/*.in"])] == ["a.in", "b.in"]
        assert [each.path.name for each in find_inputs([f"{tmp_path}/**/*.in"])] == ["a.in", "b.in", "c.in"]
        assert only(tmp_path / "a[1].txt").path.name == "a[1].txt"
        assert only(tmp_path / "[ab][12].txt").path.name == "a1.txt"

    def test_a_glob_of_projects_with_an_extra(self, tmp_path: Path) -> None:
        for name in ("one", "two"):
            write(tmp_path / name / "pyproject.toml")
        found = find_inputs([f"{tmp_path}/*/pyproject.toml[docs]"])
        assert [(each.path.parent.name, each.extras) for each in found] == [
            ("one", ("docs",)),
            ("two", ("docs",)),
        ]

    def test_a_file_that_two_entries_name_is_read_once(self, tmp_path: Path) -> None:
        path = write(tmp_path / "a.txt")
        assert [each.path for each in find_inputs([str(path), f"{tmp_path}/*.txt"])] == [path]

    def test_names_are_relative_to_the_current_folder(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        path = write(tmp_path / "app" / "pyproject.toml")
        monkeypatch.chdir(tmp_path)
        assert only(f"{path}[docs]").name == f"app{os.sep}pyproject.toml[docs]"
        assert only(f"{path}:dev").name == f"app{os.sep}pyproject.toml:dev"
        monkeypatch.chdir(path.parent)
        assert only(path).name == "pyproject.toml"
        (tmp_path / "elsewhere").mkdir()
        monkeypatch.chdir(tmp_path / "elsewhere")
        assert only(path).name == "pyproject.toml"

    def test_all_problems_are_reported_at_once(self, tmp_path: Path) -> None:
        there = write(tmp_path / "there.txt")
        problems = mistakes(tmp_path / "missing.txt", there, f"{tmp_path}/none/*.in", tmp_path, f"{there}[x]")
        assert len(problems) == 4
        assert "missing.txt" in problems[0]
        assert "file not found" in problems[0]
        assert "none/*.in" in problems[1]
        assert "no file matches" in problems[1]
        assert "is a folder" in problems[2]
        assert "only a pyproject.toml can" in problems[3]

    @pytest.mark.parametrize("suffix", ["[]", "[a,,b]", "[-]", ":", ":-", "[a b]"])
    def test_an_invalid_suffix(self, suffix: str, tmp_path: Path) -> None:
        (problem,) = mistakes(f"{write(tmp_path / 'pyproject.toml')}{suffix}")
        assert "pyproject.toml[extra]" in problem

    @pytest.mark.parametrize(
        "entry", ["/nul\0l.txt", "/nul\0l*.txt", "/" + "n" * 5000, "/[b-a]*", "", "[", "\ud800"]
    )
    def test_invalid_filenames(self, entry: str) -> None:
        assert len(mistakes(entry)) == 1

    def test_pipes_are_not_read(self, tmp_path: Path) -> None:
        for name in ("pipe.txt", "uv.lock"):
            os.mkfifo(tmp_path / name)
        for problem in mistakes(tmp_path / "pipe.txt", tmp_path / "uv.lock"):
            assert "not a regular file" in problem


class TestFingerprint:
    @pytest.mark.parametrize("name", ["requirements.txt", "pyproject.toml", "pylock.toml", "uv.lock"])
    def test_depends_only_on_the_content(self, name: str, tmp_path: Path) -> None:
        first = only(write(tmp_path / "a" / name, "version = 1\n"))
        assert only(write(tmp_path / "b" / name, "version = 1\n")).fingerprint == first.fingerprint
        assert only(write(tmp_path / "b" / name, "version = 2\n")).fingerprint != first.fingerprint

    def test_covers_included_files(self, tmp_path: Path) -> None:
        path = write(tmp_path / "a.txt", "-r b.txt\n-c c.txt\n")
        seen = {only(path).fingerprint}
        for name, text in (
            ("b.txt", "-r deep/d.txt"),
            ("deep/d.txt", "foo"),
            ("c.txt", "foo<2"),
            ("deep/d.txt", "bar"),
            ("c.txt", "foo<3"),
        ):
            write(tmp_path / name, text)
            seen.add(only(path).fingerprint)
        assert len(seen) == 6

    def test_covers_only_the_variables_of_requirements(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """A token that changes daily is no reason to resolve again."""
        path = write(tmp_path / "a.txt", "--index-url https://${TOKEN}@example.org/\nfoo==${FOO}\n")
        monkeypatch.setenv("FOO", "1.0")
        monkeypatch.setenv("TOKEN", "secret1")
        first = only(path).fingerprint
        monkeypatch.setenv("TOKEN", "secret2")
        assert only(path).fingerprint == first
        monkeypatch.setenv("FOO", "2.0")
        assert only(path).fingerprint != first

    def test_covers_extras(self, tmp_path: Path) -> None:
        path = write(tmp_path / "pyproject.toml", "[project]\n")
        found = find_inputs([str(path), f"{path}[a]", f"{path}[b]", f"{path}:a"])
        assert len({each.fingerprint for each in found}) == 4


PROJECT = """
[project]
name = "app"
version = "1"
dependencies = ["foo"]
[project.optional-dependencies]
Fast_IO = ["bar"]
[dependency-groups]
Dev_Tools = ["baz"]
"""


class TestPyproject:
    @pytest.mark.parametrize("suffix", ["", "[fast-io]", "[FAST.io]", ":dev-tools", ":Dev_Tools"])
    def test_valid(self, suffix: str, tmp_path: Path) -> None:
        check_pyproject(only(f"{write(tmp_path / 'pyproject.toml', PROJECT)}{suffix}"))

    @pytest.mark.parametrize(
        ("text", "suffix"),
        [
            ('[dependency-groups]\ndev = ["foo"]\n', ":dev"),
            ('[project]\nname = "a"\ndynamic = ["dependencies"]\n[dependency-groups]\ndev = []\n', ":dev"),
            ('[project]\nname = "a"\ndynamic = ["version", "optional-dependencies"]\n', ""),
            ('[project]\nname = "a"\nversion = "1"\n', ""),
        ],
    )
    def test_what_is_not_requested_does_not_matter(self, text: str, suffix: str, tmp_path: Path) -> None:
        check_pyproject(only(f"{write(tmp_path / 'pyproject.toml', text)}{suffix}"))

    @pytest.mark.parametrize(
        ("text", "suffix", "cause"),
        [
            ("[project\n", "", "invalid TOML"),
            ("a = " + "[" * 100_000, "", "invalid TOML"),
            ("a = " + "1" * 10_000, "", "invalid TOML"),
            ("[tool.poetry]\n", "", "no [project] table"),
            ("project = 1\n", "", "no [project] table"),
            ('[project]\ndynamic = ["dependencies"]\n', "", "its dependencies are dynamic"),
            ('[project]\ndynamic = ["dependencies"]\n', "[x]", "its dependencies are dynamic"),
            (
                '[project]\ndynamic = ["optional-dependencies"]\n',
                "[x]",
                "its optional-dependencies are dynamic",
            ),
            ("[project]\ndynamic = true\n", "", "project.dynamic must be"),
            ('[project]\ndependencies = "foo"\n', "", "project.dependencies must be"),
            ("[project]\noptional-dependencies = []\n", "[x]", "project.optional-dependencies must be"),
            (PROJECT, "[fastio]", 'no extra "fastio"; did you mean "fast-io"?'),
            (PROJECT, "[zzz]", 'no extra "zzz"; available: fast-io'),
            (PROJECT, ":tests", 'no group "tests"'),
            ("[project]\n", "[zzz]", 'no extra "zzz"; it defines none'),
            ("[project]\n", ":dev", 'no [dependency-groups] table (PEP 735), so no group "dev"'),
            ("dependency-groups = []\n", ":dev", "no [dependency-groups] table"),
        ],
    )
    def test_errors(self, text: str, suffix: str, cause: str, tmp_path: Path) -> None:
        given = only(f"{write(tmp_path / 'pyproject.toml', text)}{suffix}")
        with pytest.raises(RequirementsError) as caught:
            check_pyproject(given)
        (problem,) = caught.value.problems
        assert problem.startswith(f"{tmp_path / 'pyproject.toml'}: ")
        assert cause in problem

    def test_not_utf_8(self, tmp_path: Path) -> None:
        path = tmp_path / "pyproject.toml"
        path.write_bytes(b"[project]\nname = '\xe9'\n")
        with pytest.raises(RequirementsError, match=r"pyproject.toml:2: not UTF-8"):
            check_pyproject(only(path))

    def test_a_file_that_was_deleted_since(self, tmp_path: Path) -> None:
        given = only(write(tmp_path / "pyproject.toml", PROJECT))
        given.path.unlink()
        with pytest.raises(RequirementsError, match="file not found"):
            check_pyproject(given)
