"""Reading, checking, changing and describing a config."""

from __future__ import annotations

import json
import os
import re
import stat
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st
from jsonschema import Draft202012Validator
from pypi_simple import PYPI_SIMPLE_ENDPOINT

from minimirror.common import mask_credentials
from minimirror.config import (
    Config,
    ConfigError,
    check,
    choices,
    config_path,
    default_processes,
    json_or_text,
    load,
    save,
    schema,
    set_value,
    unset_value,
)
from minimirror.config.keys import ConfigKeys
from tests.helpers.configs import PATH, config, mistake, mistakes, place

if TYPE_CHECKING:
    from collections.abc import Callable

NEEDED = {"targets": [{"python": "3.12", "platform": "win_amd64"}], "projects": ["requests"]}
"""The keys that some other keys require."""


class TestMinirepo:
    def test_its_files_work_unchanged(self) -> None:
        config = check(
            """{"processes": 10, "package_types": ["bdist_egg","bdist_wheel","sdist"],
            "extensions": ["bz2","egg","gz","tgz","whl","zip"],
            "python_versions": ["3.0","3.4.10","any","cp27","py2","py2.py3","py27","source"],
            "repository": "/data"}""",
            PATH,
        )
        assert config.processes == 10
        assert config.package_types == ("bdist_egg", "bdist_wheel", "sdist")
        assert config.extensions == ("bz2", "egg", "gz", "tgz", "whl", "zip")
        assert config.python_versions == ("3.0", "3.4.10", "any", "cp27", "py2", "py2.py3", "py27", "source")
        assert config.repository == Path("/data")

    def test_config_of_minirepo_2(self) -> None:
        written = config(
            processes=128,
            python_versions=["cp310", "py3", "py2.py3", "py3.10", "py310", "any"],
            package_types=["bdist_wheel"],
            extensions=["whl"],
            platforms=["win_amd64", "any"],
        )
        assert written.platforms == ("win_amd64", "any")
        assert written.connections == 1

    def test_its_odd_python_versions(self) -> None:
        assert config(python_versions=["py32, py33, py34"]).python_versions == ("py32, py33, py34",)

    @pytest.mark.parametrize("number", ["20", " 20 ", 20, 20.0])
    def test_numbers_may_be_strings(self, number: object) -> None:
        assert config(processes=number).processes == 20


class TestDefaults:
    def test_all(self) -> None:
        defaults = config()
        assert defaults.processes == default_processes()
        assert defaults.index_url == PYPI_SIMPLE_ENDPOINT
        assert defaults.package_types is None
        assert defaults.extensions is None
        assert defaults.python_versions is None
        assert defaults.platforms is None
        assert defaults.projects is None
        assert defaults.exclude_projects == ()
        assert defaults.releases == 1
        assert defaults.prereleases is False
        assert defaults.yanked is False

    @pytest.mark.parametrize(("processes", "connections"), [(1, 32), (2, 16), (3, 10), (32, 1), (64, 1)])
    def test_connections_share_32(self, processes: int, connections: int) -> None:
        assert config(processes=processes).connections == connections

    def test_processes_leave_a_connection_to_each(self) -> None:
        assert 1 <= default_processes() <= 32

    def test_equal_configs_have_equal_hashes(self) -> None:
        assert len({config(projects=["a"]), config(projects=["a"]), config()}) == 2


class TestRepository:
    def test_is_relative_to_the_config(self, tmp_path: Path) -> None:
        path = tmp_path / "lab.json"
        save(path, {"repository": "../packages"})
        assert load(path).repository == tmp_path.parent / "packages"

    def test_override_is_relative_to_the_current_directory(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        (tmp_path / "here").mkdir()
        monkeypatch.chdir(tmp_path / "here")
        save(tmp_path / "lab.json", {"repository": "packages"})
        chosen = load(tmp_path / "lab.json", {"repository": "mine"})
        assert chosen.repository == tmp_path / "here" / "mine"

    def test_home(self) -> None:
        assert config(repository="~/minirepo").repository == Path.home() / "minirepo"

    def test_unknown_home(self) -> None:
        assert "no-such-user" in mistake(repository="~no-such-user/minirepo")

    @pytest.mark.parametrize("nothing", ["", " ", "a\0b"])
    def test_names_a_folder(self, nothing: str) -> None:
        assert mistake(repository=nothing).startswith("repository: must name a folder")

    def test_is_required(self) -> None:
        (problem,) = mistakes("{}")
        assert problem.startswith("/etc/lab.json: repository: is required")


class TestIndexUrl:
    @pytest.mark.parametrize(
        ("written", "meant"),
        [
            ("https://index.example.org/simple", "https://index.example.org/simple/"),
            (" http://[::1]:8080/ ", "http://[::1]:8080/"),
            ("https://me:secret@index.example.org", "https://me:secret@index.example.org/"),
        ],
    )
    def test_ends_with_a_slash(self, written: str, meant: str) -> None:
        assert config(index_url=written).index_url == meant

    @pytest.mark.parametrize(
        "url",
        [
            "",
            "index.example.org",
            "ftp://me:secret@index.example.org/",
            "https://",
            "https://me:secret@/simple/",
            "https://me:secret@[::1/",
            "https://me:se/cret@index.example.org/",
            "https://me:secret@index.example.org:port/",
            "https://me:secret@index.example.org/simple/?a=secret",
            "https://me:se cret@index.example.org/",
            "https://me:secret@☃.example.org/",
            7,
            None,
        ],
    )
    def test_mistakes_never_show_it(self, url: object) -> None:
        problem = mistake(index_url=url)
        assert problem.startswith("index_url: ")
        assert "cret" not in problem

    def test_a_password_is_never_shown(self) -> None:
        secret = config(index_url="https://me:p%40ss@index.example.org/simple/")
        for shown in (repr(secret), str(secret), str(secret.shown())):
            assert "https://me:****@index.example.org/simple/" in shown
            assert "p%40ss" not in shown

    @pytest.mark.parametrize(
        ("text", "masked"),
        [
            ("https://index.example.org/simple/", "https://index.example.org/simple/"),
            ("https://me:secret@index.example.org/", "https://me:****@index.example.org/"),
            ("https://token@index.example.org/", "https://****@index.example.org/"),
            ("see https://me:a@b?#c@index.example.org/", "see https://me:****@index.example.org/"),
            ("git+https://example.org:8080/foo@v1#egg=a@b", "git+https://example.org:8080/foo@v1#egg=a@b"),
            ("a@https://me:a@example.org/b@c", "a@https://me:****@example.org/b@c"),
        ],
    )
    def test_mask(self, text: str, masked: str) -> None:
        assert mask_credentials(text) == masked


class TestSelection:
    def test_extensions_are_without_dot_and_in_lower_case(self) -> None:
        assert config(extensions=[".gz", "GZ", " whl"]).extensions == ("gz", "whl")

    def test_only_the_last_extension_counts(self) -> None:
        problem = mistake(extensions=["whl", "tar.gz"])
        assert problem.startswith("extensions[1]: ")
        assert 'write "gz"' in problem

    @pytest.mark.parametrize(
        "project",
        [
            "requests",
            "zope.interface",
            "a",
            "django-*",
            "*",
            "py?",
            "[a-c]*",
            "lib[!0-9]x",
            "numpy>=2,<3",
            "numpy (>= 2)",
            "numpy==1.*",
            "numpy != 2.0",
            "torch~=2.1",
        ],
    )
    def test_projects(self, project: str) -> None:
        assert config(projects=[f" {project} "]).projects == (project,)

    @pytest.mark.parametrize(
        ("project", "why"),
        [
            ("requests[socks]>=2", 'write "requests>=2"'),
            ("requests[socks]", 'write "requests"'),
            ("requests @ https://me:pw@example.org/r.whl", "URL"),
            ("tomli; python_version < '3.11'", "marker"),
            ("numpy=2", "not a project name"),
            ("-django", "not a project name"),
            ("django[", "not a project name"),
            ("", "not a project name"),
        ],
    )
    def test_rejects_what_is_not_a_project(self, project: str, why: str) -> None:
        problem = mistake(projects=["flask", project])
        assert problem.startswith("projects[1]: ")
        assert why in problem
        assert "pw" not in problem

    def test_excluded_are_names_and_globs(self) -> None:
        assert config(exclude_projects=["tf-nightly", "*-nightly"]).exclude_projects[1] == "*-nightly"
        assert config(exclude_projects=[]).exclude_projects == ()
        assert "not a project name" in mistake(exclude_projects=["numpy<2"])

    def test_projects_may_be_empty_if_clients_choose(self, tmp_path: Path) -> None:
        assert config(projects=[], serve={"on_demand": True}).projects == ()
        path = tmp_path / "lab.json"
        path.write_text('{"repository": "r", "projects": [],\n"serve": {"port": 7}, "retries": -1}')
        with pytest.raises(ConfigError, match="on_demand") as caught:
            load(path)
        assert [each.split()[1] for each in caught.value.problems] == ["projects:", "retries:"]
        path.write_text('{"repository": "r", "projects": [], "serve": {"port": 7}}')
        serve = load(path, {"serve": {"on_demand": True}}).serve
        assert (serve.port, serve.on_demand) == (7, True)

    def test_an_error_in_an_object_that_the_command_line_adds_to_names_its_line(self, tmp_path: Path) -> None:
        path = tmp_path / "lab.json"
        path.write_text('{"repository": "/data",\n"serve": {\n"prot": 8080}}')
        with pytest.raises(ConfigError) as caught:
            load(path, {"serve": {"on_demand": "yes"}})
        given, in_file = caught.value.problems
        assert given.startswith("serve.on_demand:")
        assert in_file.startswith(f"{path}:3: serve.prot:")

    @pytest.mark.parametrize(
        "key", ["projects", "package_types", "extensions", "python_versions", "platforms"]
    )
    def test_rejects_empty_lists(self, key: str) -> None:
        problem = mistake(**{key: []})
        assert problem.startswith(f"{key}: ")
        assert "empty" in problem

    @pytest.mark.parametrize(("written", "meant"), [("all", "all"), (3, 3), ("3", 3), (" ALL", "all")])
    def test_releases(self, written: object, meant: object) -> None:
        assert config(releases=written).releases == meant

    @pytest.mark.parametrize("releases", [0, -1, "0", "none", True, 1.5, [], None])
    def test_releases_are_at_least_one(self, releases: object) -> None:
        problem = mistake(releases=releases)
        assert problem.startswith("releases: ")
        assert '"all"' in problem


class TestErrors:
    def test_reports_all_errors_with_their_lines(self) -> None:
        text = """{
    "procesess": 3,
    "processes": 0,
    "package_types": [
        "bdist_wheel",
        "wheel"
    ],
    "platforms": "linux",
    "python_versions": [3.11],
    "yanked": "yes"
}"""
        assert [place(problem) for problem in mistakes(text)] == [
            "/etc/lab.json:2: procesess",
            "/etc/lab.json:3: processes",
            "/etc/lab.json:6: package_types[1]",
            "/etc/lab.json:8: platforms",
            "/etc/lab.json:9: python_versions[0]",
            "/etc/lab.json:10: yanked",
            "/etc/lab.json: repository",
        ]

    def test_message_counts_errors(self) -> None:
        with pytest.raises(ConfigError, match=r"2 .*:\n  /etc/lab.json:1: a: .*\n  /etc/lab.json:1: b: "):
            check('{"a": 1, "b": 2, "repository": "/data"}', PATH)

    def test_error_in_an_override_has_no_line(self) -> None:
        (problem,) = mistakes('{"repository": "/data", "processes": 2}', {"processes": "two"})
        assert problem.startswith("processes: ")

    def test_override_hides_an_error_in_the_file(self) -> None:
        assert check('{"repository": "/data", "processes": 0}', PATH, {"processes": "2"}).processes == 2

    def test_lists_the_choices_if_none_is_near(self) -> None:
        assert "repository, state, workers, processes" in mistake(xyz=1)
        assert mistake(package_types=["rpm!"]).endswith(", ".join(PACKAGE_TYPES))

    def test_duplicate_key(self) -> None:
        _yanked, twice = mistakes('{\n"repository": "/a",\n"yanked": 1,\n"repository": "/b"}')
        assert twice.startswith("/etc/lab.json:4: repository: duplicate key")
        assert "line 2" in twice

    def test_hides_control_characters(self) -> None:
        assert "\x1b" not in mistake(**{"\x1b[31m": 1})
        assert "\x9b" not in mistake(extensions=["\x9b31m"])


class TestFromPython:
    def test_errors_are_those_of_a_file(self) -> None:
        with pytest.raises(ValueError, match="found 2 errors") as caught:
            Config(repository="/data", index_url="ftp://me:secret@example.org", projcts=["a"])  # type: ignore[call-arg]
        error = caught.value
        assert isinstance(error, ConfigError)
        assert error.path is None
        assert error.problems == (
            mistake(index_url="ftp://example.org"),
            mistake(projcts=["a"]),
        )
        assert "secret" not in str(error)

    def test_missing_key(self) -> None:
        with pytest.raises(ConfigError, match=r"^repository: is required"):
            Config()  # type: ignore[call-arg]

    def test_values_are_those_of_a_file(self) -> None:
        written = Config(repository=Path("/data"), projects=("requests",), min_age="7 days", max_delete="10%")
        assert written == config(projects=["requests"], min_age="7 days", max_delete="10%")

    def test_every_key_has_a_type_for_callers(self) -> None:
        assert list(ConfigKeys.__annotations__) == list(Config.model_fields)


class TestBrokenJson:
    @pytest.mark.parametrize(
        ("text", "problem"),
        [
            ('{"a": 1,}', ":1:"),
            ("", ":1:1: the file is empty"),
            ('{\n  "repository": "/data"\n  "processes": 2\n}', ":3:3: missing comma"),
            ('{"repository" "/data"}', ":1:15: missing colon"),
            ('{"repository": }', ":1:16: expected a value"),
            ("{repository: 1}", ":1:2: expected a key"),
            ("{'repository': 1}", ":1:2: JSON strings need straight double quotes"),
            ('{"repository": "/data', ":1:16: the string that starts here"),
            ('{"repository": "C:\\data"}', ":1:19: write a backslash"),
            ('{"repository": "/data\n"}', ":1:22: the line ends"),
            ('{"repository": "/data" # here\n}', ":1:24: write a comment as //"),
            ('{"repository": "/data"', "unexpected end of file"),
            ('{"repository": "/data"}}', ":1:24: unexpected text"),
        ],
    )
    def test_says_where_and_why(self, text: str, problem: str) -> None:
        (found,) = mistakes(text)
        assert problem in found

    @pytest.mark.parametrize("text", ['{"a": 1,}', '{"a": 1, }', '{"a": [1,]}'])
    def test_trailing_comma(self, text: str) -> None:
        assert "remove the comma" in mistakes(text)[0]

    def test_shows_the_line(self) -> None:
        (problem,) = mistakes('{\n\t"repository": /data\n}')
        assert problem.endswith('\n     "repository": /data\n                   ^')

    def test_shows_the_part_of_a_long_line_that_matters(self) -> None:
        text = json.dumps({"projects": ["requests"] * 1000})
        (problem,) = mistakes(text[:-2] + "!" + text[-2:])
        _message, line, caret = problem.split("\n")
        assert len(line) <= 80
        assert line[caret.index("^")] == "!"

    def test_does_not_show_a_line_with_a_password(self) -> None:
        (problem,) = mistakes('{"index_url": "https://me:secret@example.org/" "processes": 2}')
        assert problem.endswith(":1:48: missing comma before this")

    @pytest.mark.parametrize("text", ["[" * 200_000, "1" * 10_000, "[]", '"a"', "null"])
    def test_rejects_what_is_not_an_object(self, text: str) -> None:
        assert len(mistakes(text)) == 1

    @pytest.mark.parametrize("number", ["NaN", "Infinity", "-Infinity", "1e999"])
    def test_rejects_numbers_that_are_not_finite(self, number: str) -> None:
        (problem,) = mistakes(f'{{"repository": "/data", "processes": {number}}}')
        assert "must be a whole number" in problem


class TestLoad:
    def test_missing_file(self, tmp_path: Path) -> None:
        with pytest.raises(ConfigError, match=r"lab.json: .*`minimirror init --config "):
            load(tmp_path / "lab.json")

    def test_a_folder(self, tmp_path: Path) -> None:
        with pytest.raises(ConfigError, match="folder"):
            load(tmp_path)

    def test_a_byte_order_mark(self, tmp_path: Path) -> None:
        path = tmp_path / "lab.json"
        path.write_bytes(b'\xef\xbb\xbf{"repository": "/data"}')
        assert load(path).repository == Path("/data")

    def test_not_utf8(self, tmp_path: Path) -> None:
        path = tmp_path / "lab.json"
        path.write_text('{\n"repository": "/données"}', encoding="latin-1")
        with pytest.raises(ConfigError, match=r"lab.json:2: not UTF-8"):
            load(path)

    def test_half_a_character(self, tmp_path: Path) -> None:
        path = tmp_path / "lab.json"
        path.write_text('{"repository": "\\ud83d"}')
        with pytest.raises(ConfigError, match="character"):
            load(path)

    def test_a_schema_key_is_ignored(self) -> None:
        assert config(**{"$schema": "./schema.json"}) == config()
        assert mistake(**{"$schema": 1}).startswith("$schema: ")

    def test_the_path(self, monkeypatch: pytest.MonkeyPatch) -> None:
        assert config_path().name == ".minirepo"
        monkeypatch.setenv("MINIMIRROR_CONFIG", "~/lab.json")
        assert config_path() == Path.home() / "lab.json"
        assert config_path(Path("mine.json")) == Path("mine.json")

    def test_the_example(self) -> None:
        path = Path(__file__).parents[2] / "example.minirepo.json"
        example = load(path)
        assert example.repository == path.parent / "packages"
        assert example.projects is not None
        assert {"requests", "packaging", "pytest", "responses", "certifi", "PyYAML"} < set(example.projects)


def with_umask(umask: int, function: Callable[[], None]) -> None:
    before = os.umask(umask)
    try:
        function()
    finally:
        os.umask(before)


class TestSave:
    def test_keeps_order_and_characters(self, tmp_path: Path) -> None:
        path = tmp_path / "lab.json"
        save(path, {"repository": "/données", "processes": 2})
        assert path.read_text("utf-8") == '{\n    "repository": "/données",\n    "processes": 2\n}\n'
        assert list(tmp_path.iterdir()) == [path]

    def test_keeps_the_mode(self, tmp_path: Path) -> None:
        path = tmp_path / "lab.json"
        path.write_text("{}")
        path.chmod(0o640)
        save(path, {"repository": "/data"})
        assert stat.S_IMODE(path.stat().st_mode) == 0o640

    def test_a_new_file_has_the_usual_mode(self, tmp_path: Path) -> None:
        save(tmp_path / "saved.json", {})
        (tmp_path / "usual.json").write_text("{}")
        assert (tmp_path / "saved.json").stat().st_mode == (tmp_path / "usual.json").stat().st_mode

    @pytest.mark.parametrize("umask", [0o022, 0o077, 0o002])
    @pytest.mark.parametrize("before", [None, 0o644, 0o600, 0o400])
    def test_only_its_owner_reads_one_with_a_password(
        self, tmp_path: Path, umask: int, before: int | None
    ) -> None:
        path = tmp_path / "lab.json"
        if before is not None:
            path.write_text("{}")
            path.chmod(before)
        with_umask(umask, lambda: save(path, {"index_url": "https://ada:secret@index.example.org/simple/"}))
        assert stat.S_IMODE(path.stat().st_mode) == (0o600 if before is None else before & 0o600)

    def test_removing_the_password_leaves_the_mode(self, tmp_path: Path) -> None:
        path = tmp_path / "lab.json"
        save(path, {"index_url": "https://token@index.example.org/simple/"})
        save(path, {"index_url": "https://index.example.org/simple/"})
        assert stat.S_IMODE(path.stat().st_mode) == 0o600

    def test_follows_symbolic_links(self, tmp_path: Path) -> None:
        (tmp_path / "dotfiles").mkdir()
        link, target = tmp_path / "lab.json", tmp_path / "dotfiles" / "minirepo"
        link.symlink_to(target)
        save(link, {"repository": "/data"})
        assert link.is_symlink()
        assert json.loads(target.read_text()) == {"repository": "/data"}

    def test_says_why_it_cannot(self, tmp_path: Path) -> None:
        with pytest.raises(ConfigError, match=r"lab.json: cannot write: "):
            save(tmp_path / "nowhere" / "lab.json", {})


class TestSetValue:
    @pytest.fixture
    def path(self, tmp_path: Path) -> Path:
        path = tmp_path / "lab.json"
        save(path, {"$schema": "s.json", "processes": 2, "repository": "packages"})
        return path

    @pytest.mark.parametrize(
        ("key", "text", "saved"),
        [
            ("processes", "8", 8),
            ("processes", '"8"', "8"),
            ("releases", "all", "all"),
            ("yanked", "true", True),
            ("repository", "123", "123"),
            ("repository", '"/data"', "/data"),
            ("extensions", '["whl", "gz"]', ["whl", "gz"]),
            ("extensions", "whl, gz", ["whl", "gz"]),
            ("python_versions", "3", ["3"]),
            ("platforms", '"linux"', ["linux"]),
            ("projects", "requests,numpy>=2, <3,django-*", ["requests", "numpy>=2, <3", "django-*"]),
            ("projects", "null", None),
            ("exclude_projects", "[]", []),
            ("$schema", "./t.json", "./t.json"),
        ],
    )
    def test_reads_a_command_line(self, path: Path, key: str, text: str, saved: object) -> None:
        set_value(path, key, text)
        assert json.loads(path.read_text())[key] == saved

    def test_keeps_the_rest_in_its_order(self, path: Path) -> None:
        changed = set_value(path, "processes", "3")
        assert changed.processes == 3
        assert changed.repository == path.parent / "packages"
        assert list(json.loads(path.read_text()).items()) == [
            ("$schema", "s.json"),
            ("processes", 3),
            ("repository", "packages"),
        ]

    @pytest.mark.parametrize(
        ("key", "text"), [("processes", "0"), ("process", "2"), ("projects", ""), ("yanked", "no")]
    )
    def test_does_not_save_an_invalid_value(self, path: Path, key: str, text: str) -> None:
        before = path.read_text()
        with pytest.raises(ConfigError, match=f"^{key}: "):
            set_value(path, key, text)
        assert path.read_text() == before

    def test_repairs_an_invalid_value(self, path: Path) -> None:
        save(path, {"repository": "packages", "processes": "many"})
        assert set_value(path, "processes", "4").processes == 4

    def test_leaves_broken_json_alone(self, path: Path) -> None:
        path.write_text('{"repository": }')
        with pytest.raises(ConfigError, match=":1:16: "):
            set_value(path, "processes", "4")
        assert path.read_text() == '{"repository": }'

    def test_unset(self, path: Path) -> None:
        assert unset_value(path, "processes").processes == default_processes()
        assert "processes" not in json.loads(path.read_text())
        unset_value(path, "processes")

    def test_unset_removes_an_unknown_key(self, path: Path) -> None:
        save(path, {"repository": "packages", "procesess": 3})
        unset_value(path, "procesess")
        assert json.loads(path.read_text()) == {"repository": "packages"}

    def test_unset_knows_its_keys(self, path: Path) -> None:
        with pytest.raises(ConfigError, match=r"^procesess: .*\"processes\"\?"):
            unset_value(path, "procesess")
        with pytest.raises(ConfigError, match="repository: is required"):
            unset_value(path, "repository")


class TestSchema:
    def test_every_key_has_a_description_and_valid_examples(self) -> None:
        for key, described in schema()["properties"].items():
            assert described["description"].endswith(".")
            for example in described.get("examples", []):
                config(**{**NEEDED, key: example})

    def test_is_json_of_the_draft(self) -> None:
        described = json.loads(json.dumps(schema()))
        assert described["$schema"].endswith("/draft/2020-12/schema")
        assert described["required"] == ["repository"]
        assert described["additionalProperties"] is False
        assert described["$id"]
        assert "$schema" in described["properties"]
        assert described["properties"]["package_types"]["anyOf"][0]["items"]["enum"] == list(PACKAGE_TYPES)

    def test_offers_known_tags_and_accepts_others(self) -> None:
        valid = Draft202012Validator(schema()).is_valid
        assert {"any", "linux", "win_amd64"} <= set(choices("platforms"))
        target = schema()["$defs"]["WrittenTarget"]["properties"]
        assert "manylinux_2_28_x86_64" in target["platform"]["anyOf"][0]["enum"]
        for key, value in (
            ("platforms", ["win_amd64", "linux_armv6l"]),
            ("python_versions", ["cp312", "cp399"]),
            ("extensions", ["whl", ".WHL"]),
            ("releases", "All"),
            ("connect_timeout", "10 s"),
            ("min_rate", "5 kB/s"),
            ("targets", [{"python": "3.11.4", "platform": "freebsd_14_1_release_amd64"}]),
        ):
            config(**{key: value})
            assert valid({"repository": "/data", key: value})
        assert not valid({"repository": "/data", "platforms": [""]})

    def test_offers_only_what_the_config_accepts(self) -> None:
        described = schema()["properties"]
        for key in Config.model_fields:
            example = described[key]["examples"][0]
            for word in choices(key):
                config(**{**NEEDED, key: [word] if isinstance(example, list) else json_or_text(word)})

    def test_knows_the_fields_of_a_target(self) -> None:
        described = schema()
        name = described["properties"]["targets"]["items"]["$ref"].removeprefix("#/$defs/")
        target = described["$defs"][name]
        assert target["required"] == ["python", "platform"]
        assert target["additionalProperties"] is False
        assert list(target["properties"]) == ["python", "platform", "implementation", "abi"]


class TestReferencePage:
    PAGE = Path(__file__).parents[2] / "docs" / "config.md"
    ROWS = re.findall(r"^\| `(\w+)` \| `(.+?)` \| .+ \| .*\. \|$", PAGE.read_text("utf-8"), re.MULTILINE)

    def test_has_a_row_for_every_key_in_the_order_of_the_model(self) -> None:
        assert [key for key, _example in self.ROWS] == list(Config.model_fields)

    def test_names_every_choice(self) -> None:
        page = self.PAGE.read_text("utf-8")
        assert all(f"`{word}`" in page for word in (*PACKAGE_TYPES, "archived", "quarantined"))

    @pytest.mark.parametrize(("key", "example"), ROWS)
    def test_its_examples_are_valid(self, key: str, example: str) -> None:
        value = json.loads(example.replace("\\|", "|"))
        config(**{**NEEDED, key: value})


PACKAGE_TYPES = (
    "sdist",
    "bdist_wheel",
    "bdist_egg",
    "bdist_wininst",
    "bdist_msi",
    "bdist_rpm",
    "bdist_dumb",
    "bdist_dmg",
)

JSON_VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    max_leaves=10,
)
KEYS = st.sampled_from([*Config.model_fields, "$schema"])


@given(st.dictionaries(KEYS | st.text(), JSON_VALUES) | JSON_VALUES)
def test_any_json_loads_or_raises_a_config_error(value: object) -> None:
    loads_or_raises(json.dumps(value))


@given(st.dictionaries(KEYS, st.lists(st.text("ab-*?[]!.,<>=~;@: /1"), min_size=1)))
def test_any_list_loads_or_raises_a_config_error(value: dict[str, object]) -> None:
    loads_or_raises(json.dumps({**value, "repository": "/data"}))


@given(st.text() | st.text('{}[]",:\\/1 \n'))
def test_any_text_loads_or_raises_a_config_error(text: str) -> None:
    loads_or_raises(text)


@given(st.binary())
def test_any_file_loads_or_raises_a_config_error(
    tmp_path_factory: pytest.TempPathFactory, content: bytes
) -> None:
    path = tmp_path_factory.getbasetemp() / "any.json"
    path.write_bytes(content)
    with pytest.raises(ConfigError):
        load(path)


def loads_or_raises(text: str) -> None:
    try:
        assert isinstance(check(text, PATH), Config)
    except ConfigError as error:
        str(error).encode()
