"""The entries of `requirements`: the files that they name, their kinds and fingerprints."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from minimirror.common.errors import MinimirrorError
from minimirror.resolution.inputs import Input, RequirementsError, find_inputs, read_requirements


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

    @pytest.mark.parametrize(
        ("name", "content", "word"),
        [
            ("poetry.lock", "", "`poetry export"),
            ("Pipfile", "", "`pipenv requirements"),
            ("Pipfile.lock", "{}", "`pipenv requirements"),
            ("pdm.lock", "", "`pdm export -f pylock"),
            ("setup.cfg", "", "[project]"),
            ("setup.py", "", "[project]"),
            ("environment.yml", "", "conda"),
            ("environment-dev.yaml", "", "conda"),
            ("pixi.toml", "", "conda"),
            ("list.txt", "numpy=1.26.4=py312hc5e2394_0\n", "conda"),
            ("explicit.txt", "# platform: linux-64\n@EXPLICIT\nhttps://example.org/a.conda\n", "conda"),
            ("package.json", "{}", "another language"),
            ("foo-1.0-py3-none-any.whl", "PK\x03\x04\0", "`repository`"),
            ("r.txt", "PK\x03\x04\0", "not a text file"),
            ("r.txt", '[[package]]\nname = "foo"\n', "TOML"),
            ("r.txt", "# a comment\nname: foo\ndependencies:\n  - foo\n", "YAML"),
            ("r.txt", '{\n  "foo": 1\n}', "JSON"),
            ("r.txt", "<!DOCTYPE html>\n", "web page"),
            ("r.txt", "import foo\n", "a program"),
        ],
    )
    def test_files_of_other_kinds_are_one_error(
        self, name: str, content: str, word: str, tmp_path: Path
    ) -> None:
        (problem,) = mistakes(write(tmp_path / name, content))
        assert name in problem
        assert word in problem

    @pytest.mark.parametrize("text", ["", "# [x]\n-e .", "fromage", "a=b", "--pre", "a:b"])
    def test_other_texts_are_requirement_files(self, text: str, tmp_path: Path) -> None:
        assert only(write(tmp_path / "r.txt", text)).kind == "requirements"

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
        assert "only a pyproject.toml or uv.lock can" in problems[3]

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
        read_requirements(only(f"{write(tmp_path / 'pyproject.toml', PROJECT)}{suffix}"))

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
        read_requirements(only(f"{write(tmp_path / 'pyproject.toml', text)}{suffix}"))

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
            ("dependency-groups = []\n", ":dev", "dependency-groups must be"),
            (
                '[dependency-groups]\na = [{include-group = "b"}]\nb = [{include-group = "a"}]\n',
                ":a",
                "b -> a",
            ),
            ('[dependency-groups]\na = [{include-group = "b"}]\n', ":a", "'b' not found"),
            ("[dependency-groups]\na = [7]\n", ":a", "Invalid dependency group item"),
            ('[dependency-groups]\na = ["x"]\nA = ["y"]\n', ":a", "Duplicate"),
        ],
    )
    def test_errors(self, text: str, suffix: str, cause: str, tmp_path: Path) -> None:
        given = only(f"{write(tmp_path / 'pyproject.toml', text)}{suffix}")
        with pytest.raises(RequirementsError) as caught:
            read_requirements(given)
        (problem,) = caught.value.problems
        assert problem.startswith(f"{tmp_path / 'pyproject.toml'}: ")
        assert cause in problem

    def test_not_utf_8(self, tmp_path: Path) -> None:
        path = tmp_path / "pyproject.toml"
        path.write_bytes(b"[project]\nname = '\xe9'\n")
        with pytest.raises(RequirementsError, match=r"pyproject.toml:2: not UTF-8"):
            read_requirements(only(path))

    def test_a_file_that_was_deleted_since(self, tmp_path: Path) -> None:
        given = only(write(tmp_path / "pyproject.toml", PROJECT))
        given.path.unlink()
        with pytest.raises(RequirementsError, match="file not found"):
            read_requirements(given)
