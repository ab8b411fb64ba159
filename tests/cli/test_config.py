"""The commands about the config, as a user types them."""

from __future__ import annotations

import json
import re
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from click.testing import Result

from minimirror import cli
from minimirror._version import __version__
from minimirror.config import Config, default_processes, load
from minimirror.distributions.targets import target_of_this_machine
from tests.helpers.running import Terminal, minimirror_command

if TYPE_CHECKING:
    from tests.helpers.index import Index

SOURCES = Path(cli.__file__).parents[2]

CTRL_C = "\x03\n"
"""With Enter: a signal that comes just before input() waits is seen when that ends."""


@pytest.fixture(autouse=True)
def _own_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Work in a folder of the test's own, temporary files included."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("PYTHONPATH", str(SOURCES))
    monkeypatch.setenv("MINIMIRROR_CONFIG", str(tmp_path / "lab.json"))
    (tmp_path / "temporary").mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path / "temporary"))
    monkeypatch.setenv("TMPDIR", str(tmp_path / "temporary"))


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """A config."""
    path = tmp_path / "lab.json"
    path.write_text('{"repository": "packages", "projects": ["requests"]}')
    return path


def minimirror(*arguments: str, exit_code: int = 0) -> Result:
    return minimirror_command(*arguments, exit_code=exit_code)


def editor(monkeypatch: pytest.MonkeyPatch, *steps: str) -> None:
    """Let $EDITOR be a script that does one step at each call, in shell, with the file in $1."""
    script = Path("editor.sh").absolute()
    cases = "".join(f"{number}) {step};;\n" for number, step in enumerate(steps, 1))
    script.write_text(f"#!/bin/sh\necho >>calls\ncase $(wc -l <calls) in\n{cases}esac\n")
    script.chmod(0o755)
    monkeypatch.setenv("EDITOR", str(script))


class TestHelp:
    def test_version(self) -> None:
        assert minimirror("--version").output == f"minimirror {__version__}\n"

    @pytest.mark.parametrize(
        "command",
        [
            *([name] for name in cli.main.commands),
            *(["config", name] for name in cli.config.config.commands),
        ],
    )
    def test_teaches_by_example(self, command: list[str]) -> None:
        text = minimirror(*command, "--help").output
        assert re.search(r"^    \S*.*minimirror " + " ".join(command), text, re.MULTILINE)
        assert max(map(len, text.splitlines())) <= 80

    def test_help_imports_nothing_heavy(self) -> None:
        listed = subprocess.run(
            [sys.executable, "-X", "importtime", "-m", "minimirror", "--help"],
            capture_output=True,
            text=True,
            check=True,
        )
        assert "Usage: minimirror " in listed.stdout
        assert not re.search(r"\b(pydantic|rich|requests|packaging|pypi_simple)\b", listed.stderr)

    def test_reading_a_config_needs_no_client(self, path: Path) -> None:
        minimirror("config", "set", "targets", '{"python": "3.12", "platform": "win_amd64"}')
        checked = subprocess.run(
            [sys.executable, "-X", "importtime", "-m", "minimirror", "config", "check"],
            capture_output=True,
            text=True,
            check=True,
        )
        assert checked.stdout == f"{path}: ok\n"
        assert not re.search(r"\b(rich|requests|packaging|pypi_simple)\b", checked.stderr)

    @pytest.mark.parametrize("arguments", [["no-such"], ["config", "set"], ["config", "show", "--no-such"]])
    def test_usage_error(self, arguments: list[str]) -> None:
        result = minimirror(*arguments, exit_code=2)
        assert result.stderr.startswith("error: ")
        assert re.fullmatch(r"`.* --help` .*", result.stderr.splitlines()[-1])

    @pytest.mark.parametrize(
        ("arguments", "meant"),
        [(["rnu"], "run"), (["config", "shwo"], "show"), (["run", "--quite"], "--quiet")],
    )
    def test_names_what_was_meant(self, arguments: list[str], meant: str) -> None:
        assert re.search(f"did you mean .{meant}.", minimirror(*arguments, exit_code=2).stderr, re.IGNORECASE)

    @pytest.mark.parametrize("arguments", [[], ["help"], ["-h"]])
    def test_alone_shows_all_commands_on_one_screen(self, arguments: list[str]) -> None:
        text = minimirror(*arguments).stdout
        assert len(text.splitlines()) <= 24
        assert max(map(len, text.splitlines())) <= 80
        shown = re.findall(r"^  ([a-z-]+(?:, [a-z]+)?)  ", text, re.MULTILINE)
        assert sorted(", ".join(shown).split(", ")) == sorted(cli.main.commands)

    def test_help_of_a_command(self) -> None:
        assert minimirror("help", "config", "set").stdout == minimirror("config", "set", "--help").stdout

    def test_ignores_a_closed_pipe(self) -> None:
        piped = subprocess.run(
            f"'{sys.executable}' -m minimirror config schema | head -c 1",
            shell=True,
            capture_output=True,
            check=True,
        )
        assert (piped.stdout, piped.stderr) == (b"{", b"")


class TestShow:
    def rows(self, *options: str) -> list[list[str]]:
        """Return the table as a list of its cells."""
        return [
            re.split(r"\s{2,}", line) for line in minimirror("config", "show", *options).output.splitlines()
        ]

    def test_shows_defaults_and_values(self, path: Path) -> None:
        rows = self.rows("--processes", "4", "--repository", "here")
        assert rows[0] == ["key", "default", "value"]
        assert ["repository", "required", f"{path.parent / 'here'} (option)"] in rows
        assert ["processes", str(default_processes()), "4 (option)"] in rows
        assert ["connections", "8"] in rows
        assert ["projects", "all", "requests"] in rows
        assert ["exclude_projects", "none"] in rows
        assert ["prereleases", "false"] in rows
        assert ["connect_timeout", "10 s"] in rows
        assert ["max_delete", "10%"] in rows

    def test_a_pipe_gets_one_line_per_key(self, path: Path) -> None:
        path.write_text(json.dumps({"repository": "p", "projects": [f"project-{n}" for n in range(100)]}))
        assert len(self.rows()) == 1 + len(Config.model_fields)

    @pytest.mark.parametrize("columns", [40, 80])
    def test_a_terminal_gets_its_width(self, path: Path, columns: int) -> None:
        path.write_text(json.dumps({"repository": "/p", "projects": [f"project-{n}" for n in range(100)]}))
        with Terminal(["config", "show"], columns=columns) as terminal:
            assert terminal.end() == 0
        assert max(map(len, terminal.seen.splitlines())) <= columns
        assert "\r\nrepository        required" in terminal.seen
        assert "project-99\r\n" in terminal.seen

    def test_json(self, path: Path) -> None:
        shown = json.loads(minimirror("config", "show", "--json").output)
        assert shown["repository"] == {"value": str(path.parent / "packages"), "from": "config"}
        assert shown["projects"] == {"value": ["requests"], "from": "config"}
        assert shown["releases"] == {"value": 1, "from": "default"}
        assert shown["file_timeout"] == {"value": 7200, "from": "default"}
        assert shown["package_types"] == {"value": None, "from": "default"}

    def test_shows_amounts_and_targets_as_people_write_them(self, path: Path) -> None:
        written = {
            "repository": "packages",
            "min_age": 604800,
            "max_file_size": "500000000",
            "uploaded_before": "2026-01-31T00:00Z",
            "targets": [{"python": "3.12", "platform": "win_amd64", "implementation": "cp"}],
            "requirements": ["requirements.txt", "pyproject.toml[test]"],
        }
        path.write_text(json.dumps(written))
        rows = self.rows()
        folder = path.parent
        assert ["min_age", "none", "7 days"] in rows
        assert ["max_file_size", "none", "500 MB"] in rows
        assert ["max_project_size", "none"] in rows
        assert ["uploaded_before", "none", "2026-01-31"] in rows
        assert ["project_status", "all but quarantined"] in rows
        assert ["targets", "none", '{"python": "3.12", "platform": "win_amd64"}'] in rows
        files = f"{folder}/requirements.txt, {folder}/pyproject.toml[test]"
        assert ["requirements", "none", files] in rows
        assert ["projects", "only requirements"] in rows

    @pytest.mark.parametrize("option", [[], ["--json"]])
    def test_a_password_is_masked(self, path: Path, option: list[str]) -> None:
        set_output = minimirror(
            "config", "set", "index_url", "https://me:secret@index.example.org/simple"
        ).output
        shown = minimirror("config", "show", *option).output
        assert "https://me:****@index.example.org/simple/" in shown
        assert "secret" not in shown + set_output
        assert "secret" in path.read_text()


class TestGet:
    @pytest.mark.usefixtures("path")
    def test_prints_what_set_takes(self) -> None:
        assert minimirror("config", "get", "projects").stdout == "requests\n"
        assert minimirror("config", "get", "max_delete").stdout == "10%\n"
        assert minimirror("config", "get", "platforms").stdout == "null\n"
        assert minimirror("config", "get", "exclude_files").stdout == "[]\n"

    @pytest.mark.usefixtures("path")
    def test_unknown_key(self) -> None:
        assert '"releases"?' in minimirror("config", "get", "release", exit_code=2).stderr


class TestCheck:
    def test_ok(self, path: Path) -> None:
        assert minimirror("config", "check").output == f"{path}: ok\n"

    def test_mistakes(self, path: Path) -> None:
        path.write_text('{"repository": "p",\n"procesess": 3}')
        result = minimirror("config", "check", exit_code=2)
        assert result.stdout == ""
        assert result.stderr.startswith(f"error: {path}:2: procesess: ")

    def test_no_config(self) -> None:
        result = minimirror("config", "check", "--config", "my config.json", exit_code=2)
        assert "`minimirror init --config 'my config.json'`" in result.stderr


class TestTarget:
    def test_prints_an_object_that_the_config_accepts(self, path: Path) -> None:
        result = minimirror("target")
        assert result.stderr == ""
        machine = json.loads(result.stdout)
        assert result.stdout == json.dumps(machine) + "\n"
        path.write_text(json.dumps({"repository": "packages", "targets": [machine]}))
        assert load(path).targets == (target_of_this_machine(),)

    def test_needs_no_config(self) -> None:
        printed = subprocess.run(
            [sys.executable, "-X", "importtime", "-m", "minimirror", "target"],
            capture_output=True,
            text=True,
            check=True,
        )
        assert json.loads(printed.stdout) == target_of_this_machine().as_dict()
        assert not re.search(r"\b(pydantic|rich|requests|pypi_simple)\b", printed.stderr)


class TestSet:
    def test_a_list(self, path: Path) -> None:
        output = minimirror("config", "set", "projects", "requests,numpy>=2,<3").output
        assert output.startswith(f"{path}: saved\nprojects: requests, numpy>=2,<3\n")
        assert json.loads(path.read_text())["projects"] == ["requests", "numpy>=2,<3"]

    def test_shows_the_value_before(self, path: Path) -> None:
        lines = minimirror("config", "set", "projects", "+=", "flask").output.splitlines()
        assert lines[1:] == ["projects: requests, flask", "before: requests"]
        assert minimirror("config", "set", "releases", "1").output.count("\n") == 2
        minimirror("config", "set", "projects", "-=", "requests")
        assert json.loads(path.read_text())["projects"] == ["flask"]

    def test_unset(self, path: Path) -> None:
        assert "\nprojects: all\n" in minimirror("config", "set", "projects", "--unset").output
        assert json.loads(path.read_text()) == {"repository": "packages"}

    def test_does_not_save_an_invalid_value(self, path: Path) -> None:
        before = path.read_text()
        result = minimirror("config", "set", "package_types", "wheel", exit_code=2)
        assert result.stderr.startswith("error: package_types[0]: ")
        assert path.read_text() == before

    @pytest.mark.parametrize(
        "arguments",
        [["releases"], ["releases", "3", "--unset"], ["projects", "*=", "a"], ["projects", "a", "b"]],
    )
    def test_needs_either_a_value_or_unset(self, arguments: list[str]) -> None:
        assert "--unset" in minimirror("config", "set", *arguments, exit_code=2).stderr

    @pytest.mark.parametrize(
        ("key", "value", "saved"),
        [
            ("min_age", "7 days", "7 days"),
            ("min_age", "3600", "3600"),
            ("min_age", "null", None),
            ("max_file_size", "1 GiB", "1 GiB"),
            ("uploaded_before", "2026-01-31", "2026-01-31"),
            ("requirements", "a.txt,groups/*.in", ["a.txt", "groups/*.in"]),
            ("requirements", "pyproject.toml[test,docs], b.txt", ["pyproject.toml[test,docs]", "b.txt"]),
            ("exclude_files", r"*.exe,re:.*-win32\.\w{1,9}", ["*.exe", r"re:.*-win32\.\w{1,9}"]),
            ("exclude_files", '["re:a(b,(c))"]', ["re:a(b,(c))"]),
            ("project_status", "active,archived", ["active", "archived"]),
            ("dependencies", "true", True),
            ("closure", "releases", "releases"),
            (
                "targets",
                '[{"python": "3.12", "platform": "win32"}]',
                [{"python": "3.12", "platform": "win32"}],
            ),
        ],
    )
    def test_reads_what_is_typed(self, path: Path, key: str, value: str, saved: object) -> None:
        minimirror("config", "set", "targets", '{"python": "3.12", "platform": "win_amd64"}')
        minimirror("config", "set", key, value)
        assert json.loads(path.read_text())[key] == saved

    @pytest.mark.usefixtures("path")
    @pytest.mark.parametrize("value", ["cp312 on linux", '{"python": "3.12"', "3.12"])
    def test_rejects_invalid_targets(self, value: str) -> None:
        result = minimirror("config", "set", "targets", value, exit_code=2)
        assert result.stderr.startswith("error: targets")
        assert '{"python": "3.12", "platform": "manylinux_2_28_x86_64"}' in result.stderr

    @pytest.mark.usefixtures("path")
    def test_cannot_unset_a_key_that_another_needs(self) -> None:
        minimirror("config", "set", "targets", minimirror("target").stdout)
        minimirror("config", "set", "requirements", "a.txt")
        result = minimirror("config", "set", "targets", "--unset", exit_code=2)
        assert 'requirements: needs "targets"' in result.stderr

    def test_the_schema(self, path: Path) -> None:
        Path("schema.json").write_text(minimirror("config", "schema").output)
        assert minimirror("config", "set", "$schema", "./schema.json").output == f"{path}: saved\n"
        assert json.loads(path.read_text())["$schema"] == "./schema.json"
        assert json.loads(Path("schema.json").read_text())["title"] == "minimirror config"


class TestEdit:
    def test_saves_a_valid_copy(self, path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        editor(monkeypatch, "sed -i s/requests/flask/ $1")
        path.chmod(0o600)
        assert minimirror("config", "edit").stderr == f"{path}: saved\n"
        assert path.read_text() == '{"repository": "packages", "projects": ["flask"]}'
        assert path.stat().st_mode & 0o777 == 0o600
        assert not list(Path("temporary").iterdir())

    @pytest.mark.usefixtures("path")
    def test_the_editor_gets_a_private_copy_with_a_suffix(self, monkeypatch: pytest.MonkeyPatch) -> None:
        editor(monkeypatch, "ls -l $1 >seen; sed -i s/requests/flask/ $1")
        minimirror("config", "edit")
        assert re.search(r"^-rw------- .*/temporary/minimirror-\S+\.json$", Path("seen").read_text())

    def test_visual_comes_first_and_may_have_options(
        self, path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setenv("EDITOR", "false")
        monkeypatch.setenv("VISUAL", "sed -i -e 's/requests/flask/'")
        minimirror("config", "edit")
        assert "flask" in path.read_text()

    def test_unchanged(self, path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv("EDITOR", "true")
        assert minimirror("config", "edit").stderr == f"{path}: unchanged\n"
        assert not list(Path("temporary").iterdir())

    def test_unchanged_but_broken(self, path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv("EDITOR", "true")
        path.write_text("{")
        assert f"{path}:1:2: " in minimirror("config", "edit", exit_code=2).stderr

    def test_repairs_an_invalid_config(self, path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        path.write_text('{"repository": "packages"')
        editor(monkeypatch, "echo } >>$1")
        assert minimirror("config", "edit").stderr == f"{path}: saved\n"

    def test_starts_with_a_template_if_there_is_no_config(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        editor(monkeypatch, "sed -i s/minirepo/mine/ $1")
        minimirror("config", "edit")
        assert json.loads((tmp_path / "lab.json").read_text()) == {
            "repository": "~/mine",
            "processes": default_processes(),
        }

    @pytest.mark.parametrize(
        ("command", "why"),
        [
            ("false", "the editor failed (false"),
            ("no-such-editor -w", "the editor failed (no-such-editor -w"),
            ("'unbalanced", "the editor failed ("),
            ("rm", None),
        ],
    )
    def test_an_editor_that_fails(
        self, path: Path, monkeypatch: pytest.MonkeyPatch, command: str, why: str | None
    ) -> None:
        before = path.read_text()
        monkeypatch.setenv("EDITOR", command)
        result = minimirror("config", "edit", exit_code=2 if why else 0)
        assert (why or f"{path}: unchanged") in result.stderr
        assert path.read_text() == before
        assert not list(Path("temporary").iterdir())

    def test_keeps_the_copy_if_the_editor_fails(self, path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        editor(monkeypatch, "sed -i s/requests/flask/ $1; exit 3")
        result = minimirror("config", "edit", exit_code=2)
        assert "the editor failed" in result.stderr
        assert "requests" in path.read_text()
        (copy,) = Path("temporary").iterdir()
        assert "flask" in copy.read_text()

    def test_keeps_an_invalid_copy_without_a_terminal(
        self, path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        before = path.read_text()
        editor(monkeypatch, "sed -i s/requests/re=quests/ $1")
        result = minimirror("config", "edit", exit_code=2)
        assert f'{path}:1: projects[0]: "re=quests"' in result.stderr
        (copy,) = Path("temporary").iterdir()
        assert str(copy.absolute()) in result.stderr
        assert path.read_text() == before

    def test_does_not_overwrite_a_concurrent_change(
        self, path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        editor(monkeypatch, f"sed -i s/requests/flask/ $1; sed -i s/requests/django/ {path}")
        result = minimirror("config", "edit", exit_code=2)
        assert f"{path} was changed" in result.stderr
        assert "django" in path.read_text()

    def test_edit_again(self, path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        editor(monkeypatch, "sed -i s/requests/re=quests/ $1", "sed -i s/re=quests/flask/ $1")
        with Terminal(["config", "edit"]) as terminal:
            terminal.answer("Edit again?", "y\n")
            assert terminal.end() == 0
        assert f'{path}:1: projects[0]: "re=quests"' in " ".join(terminal.seen.split())
        assert terminal.seen.endswith(f"{path}: saved\r\n")
        assert "flask" in path.read_text()
        assert not list(Path("temporary").iterdir())

    @pytest.mark.usefixtures("path")
    @pytest.mark.parametrize("answer", ["n\n", "\x04"])
    def test_keep(self, monkeypatch: pytest.MonkeyPatch, answer: str) -> None:
        editor(monkeypatch, "echo nonsense >$1")
        with Terminal(["config", "edit"]) as terminal:
            terminal.answer("Edit again?", answer)
            assert terminal.end() == 2
        (copy,) = Path("temporary").iterdir()
        assert str(copy.absolute()) in terminal.seen


class TestInit:
    def test_asks(self, tmp_path: Path) -> None:
        with Terminal(["init"]) as terminal:
            terminal.answer("Folder for the files", "packages\n")
            terminal.answer("Projects or files", "\n")
            terminal.answer("Projects or files", "req&uests\n")
            terminal.answer("Error: projects[0]: ", "requests flask, numpy >=2, <3\n")
            assert terminal.end() == 0
        assert f"{tmp_path / 'lab.json'}: written\r\n" in terminal.seen
        assert f"minimirror plan --config {tmp_path / 'lab.json'}" in terminal.seen
        assert json.loads((tmp_path / "lab.json").read_text()) == {
            "repository": str(tmp_path / "packages"),
            "projects": ["requests", "flask", "numpy >=2, <3"],
        }

    def test_asks_for_files(self, tmp_path: Path) -> None:
        Path("requirements.txt").write_text("flask\n")
        Path("pyproject.toml").write_text('[project]\nname = "mine"\nversion = "1"\n')
        with Terminal(["init", "--repository", "packages"]) as terminal:
            terminal.answer("Projects or files", "requiremnts.txt\n")
            terminal.answer("no such file", "requirements.txt, pyproject.toml[test, docs] requests\n")
            assert terminal.end() == 0
        config = load(tmp_path / "lab.json")
        assert config.requirements == (
            str(tmp_path / "requirements.txt"),
            str(tmp_path / "pyproject.toml[test,docs]"),
        )
        assert config.projects == ("requests",)
        assert config.targets == (target_of_this_machine(),)

    @pytest.mark.parametrize("sure", [True, False])
    def test_everything_is_asked_again(self, tmp_path: Path, index: Index, *, sure: bool) -> None:
        for name in ("one", "two", "three"):
            index.add_wheel(name, "1.0")
        with Terminal(["init", "--index-url", index.url]) as terminal:
            terminal.answer("Folder for the files", "packages\n")
            terminal.answer("Projects or files", "all\n")
            terminal.answer("all of them?", "y\n" if sure else "\n")
            assert "3 projects" in terminal.seen
            assert "free in " in " ".join(terminal.seen.split())
            if not sure:
                terminal.answer("Projects or files", "one\n")
            assert terminal.end() == 0
        assert load(tmp_path / "lab.json").projects == (None if sure else ("one",))

    def test_folder_has_no_default(self) -> None:
        with Terminal(["init"]) as terminal:
            terminal.answer("Folder for the files", "\n")
            terminal.answer("Folder for the files", CTRL_C)
            assert terminal.end() == 130

    def test_interrupted(self, tmp_path: Path) -> None:
        with Terminal(["init"]) as terminal:
            terminal.answer("Folder for the files", CTRL_C)
            assert terminal.end() == 130
        assert terminal.seen.rstrip().endswith("Interrupted; no config was written.")
        assert not (tmp_path / "lab.json").exists()

    def test_needs_a_terminal_to_ask(self, tmp_path: Path) -> None:
        result = minimirror("init", exit_code=2)
        assert "--repository FOLDER" in result.stderr
        assert not (tmp_path / "lab.json").exists()

    def test_options_replace_prompts(self, tmp_path: Path) -> None:
        minimirror(
            "init",
            "--repository",
            "packages",
            "--processes",
            "4",
            "--index-url",
            "https://index.example.org/",
        )
        assert json.loads((tmp_path / "lab.json").read_text()) == {
            "repository": str(tmp_path / "packages"),
            "processes": 4,
            "index_url": "https://index.example.org/",
        }

    def test_choice_by_options(self, tmp_path: Path) -> None:
        Path("requirements.txt").write_text("flask\n")
        other = '{"python": "3.12", "platform": "win_amd64"}'
        minimirror(
            *("init", "--repository", "~/packages", "--project", "requests", "--project", "django-*"),
            *("--from", "requirements.txt", "--target", "this", "--target", other),
        )
        assert json.loads((tmp_path / "lab.json").read_text()) == {
            "repository": "~/packages",
            "projects": ["requests", "django-*"],
            "requirements": [str(tmp_path / "requirements.txt")],
            "targets": [target_of_this_machine().as_dict(), json.loads(other)],
        }

    @pytest.mark.parametrize(
        ("option", "value", "word"),
        [
            ("--processes", "0", "processes"),
            ("--project", "req&uests", "projects"),
            ("--target", "3.12", "targets"),
            ("--target", '{"python": "3.12", "platform": "windows"}', "platform"),
        ],
    )
    def test_invalid_options(self, tmp_path: Path, option: str, value: str, word: str) -> None:
        result = minimirror("init", "--repository", "p", option, value, exit_code=2)
        assert result.stderr.startswith("error: ")
        assert word in result.stderr
        assert not (tmp_path / "lab.json").exists()

    def test_overwrites_only_with_force(self, path: Path) -> None:
        refused = minimirror("init", "--repository", "other", exit_code=2)
        assert f"{path} already exists" in refused.stderr
        assert "requests" in path.read_text()
        minimirror("init", "--repository", "other", "--force")
        assert json.loads(path.read_text()) == {"repository": str(path.parent / "other")}
