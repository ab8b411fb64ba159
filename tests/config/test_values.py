"""Values that people write as text: targets, files, ages, sizes, dates and regular expressions."""

from __future__ import annotations

import json
from datetime import datetime, timezone
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from hypothesis import given
from hypothesis import strategies as st

from minimirror.config import Config, ConfigError, check, get_value, load, save, set_value
from minimirror.distributions.targets import Target
from tests.helpers.configs import PATH, config, mistake, mistakes, place

LINUX = {"python": "3.12", "platform": "manylinux_2_28_x86_64"}
WINDOWS = {"python": "3.11.4", "platform": "win_amd64"}


def target(**fields: object) -> Target:
    (found,) = config(targets=[{**LINUX, **fields}]).targets
    return found


def target_mistake(**fields: object) -> str:
    return mistake(targets=[{**LINUX, **fields}]).removeprefix("targets[0].")


class TestTargets:
    def test_are_objects(self) -> None:
        chosen = config(targets=[LINUX, {**WINDOWS, "implementation": "pp", "abi": "pypy311_pp73"}])
        assert chosen.targets == (
            Target("3.12", "manylinux_2_28_x86_64"),
            Target("3.11.4", "win_amd64", "pp", "pypy311_pp73"),
        )

    def test_each_counts_once(self) -> None:
        assert config(targets=[LINUX, WINDOWS, {**LINUX, "implementation": "cp"}]).targets == (
            Target("3.12", "manylinux_2_28_x86_64"),
            Target("3.11.4", "win_amd64"),
        )

    def test_may_be_given_as_they_are_in_python(self) -> None:
        machine = Target("3.12", "win_amd64")
        assert Config(repository="/data", targets=[machine]).targets == (machine,)

    @pytest.mark.parametrize("python", ["3.12", "3.12.0", "2.7", "3.15", "3.99", "4.0", " 3.13 "])
    def test_pythons(self, python: str) -> None:
        assert target(python=python).python == python.strip()

    @pytest.mark.parametrize(
        "python", ["3", "312", "cp312", "3.x", ">=3.12", "3.12.1rc1", "3.1234", "", None]
    )
    def test_rejects_invalid_python_versions(self, python: object) -> None:
        assert target_mistake(python=python).startswith("python: must be a Python version")

    def test_python_must_not_be_a_number(self) -> None:
        assert 'double quotes, "3.12"' in target_mistake(python=3.12)

    @pytest.mark.parametrize(
        "platform",
        [
            "manylinux_2_28_x86_64",
            "manylinux_2_17_aarch64",
            "manylinux2014_x86_64",
            "manylinux1_i686",
            "musllinux_1_2_armv7l",
            "macosx_12_0_arm64",
            "macosx_10_15_x86_64",
            "win32",
            "win_amd64",
            "win_arm64",
            "linux_armv6l",
            "ios_13_0_arm64_iphoneos",
            "android_24_arm64_v8a",
            "pyodide_2024_0_wasm32",
            "freebsd_14_1_release_amd64",
        ],
    )
    def test_platforms(self, platform: str) -> None:
        assert target(platform=f" {platform} ").platform == platform

    @pytest.mark.parametrize(
        ("platform", "advice"),
        [
            ("linux_x86_64", '"manylinux_2_28_x86_64"'),
            ("linux_x86_64", '"musllinux_1_2_x86_64"'),
            ("linux_aarch64", '"manylinux_2_28_aarch64"'),
            ("linux_arm64", '"manylinux_2_28_aarch64"'),
            ("linux", '"manylinux_2_28_x86_64"'),
            ("manylinux", "glibc version or the architecture"),
            ("manylinux_2_28", "glibc version or the architecture"),
            ("manylinux_2_28_amd64", 'write "manylinux_2_28_x86_64"'),
            ("musllinux_x86_64", "musl version or the architecture"),
            ("macosx", '"macosx_12_0_arm64", or "macosx_12_0_x86_64" for Intel'),
            ("macos", "macOS version"),
            ("darwin", "macOS version"),
            ("macosx_12_arm64", "macOS version"),
            ("macosx_11_0_universal2", "processor"),
            ("win", 'write "win_amd64", "win_arm64" or "win32"'),
            ("windows", 'write "win_amd64", "win_arm64" or "win32"'),
            ("win64", 'write "win_amd64", "win_arm64" or "win32"'),
            ("Win-AMD64", 'write "win_amd64"'),
            ("manylinux-2.28-x86_64", 'write "manylinux_2_28_x86_64"'),
            ("manylinux_2_99999_x86_64", "glibc version or the architecture"),
            ("any", "wheels for every platform"),
            ("*", "is not a platform tag"),
            ("", "is not a platform tag"),
            (7, "is not a platform tag"),
        ],
    )
    def test_rejects_invalid_platforms(self, platform: object, advice: str) -> None:
        problem = target_mistake(platform=platform)
        assert problem.startswith("platform: ")
        assert advice in problem

    @pytest.mark.parametrize(
        ("implementation", "advice"),
        [
            ("CPython", 'write "cp"'),
            ("pypy", 'write "pp"'),
            ("cp312", 'such as "cp" or "pp"'),
            (None, 'such as "cp" or "pp"'),
        ],
    )
    def test_rejects_invalid_implementations(self, implementation: object, advice: str) -> None:
        assert advice in target_mistake(implementation=implementation)

    @pytest.mark.parametrize(("python", "abi"), [("3.13", "cp313t"), ("3.7", "cp37m"), ("3.12", None)])
    def test_abis(self, python: str, abi: str | None) -> None:
        assert target(python=python, abi=abi).abi == abi

    @pytest.mark.parametrize(
        ("abi", "problem"),
        [
            ("abi3", "always accepted"),
            ("none", "always accepted"),
            ("cp-313", "must be an ABI tag"),
            (313, "must be an ABI tag"),
        ],
    )
    def test_rejects_invalid_abis(self, abi: object, problem: str) -> None:
        found = target_mistake(abi=abi)
        assert found.startswith("abi: ")
        assert problem in found

    def test_rejects_an_abi_of_another_python(self) -> None:
        assert mistake(targets=[{**LINUX, "abi": "cp311"}]).startswith('targets[0]: "cp311" is not an ABI')

    def test_each_error_has_its_line(self) -> None:
        text = """{"repository": "/data",
    "targets": [
        {"python": "3.12",
         "platform": "linux",
         "platfrom": "win32"},
        "cp312",
        {"python": "3.12", "abi": "cp312",
         "python": "3.11"}
    ]
}"""
        assert [place(problem) for problem in mistakes(text)] == [
            "/etc/lab.json:4: targets[0].platform",
            "/etc/lab.json:5: targets[0].platfrom",
            "/etc/lab.json:6: targets[1]",
            "/etc/lab.json:7: targets[2].platform",
            "/etc/lab.json:8: targets[2].python",
        ]


class TestRequirements:
    def paths(self, *entries: object) -> tuple[str, ...]:
        return config(requirements=list(entries), targets=[LINUX]).requirements

    def problem(self, entry: object) -> str:
        return mistake(requirements=[entry], targets=[LINUX]).removeprefix("requirements[0]: ")

    def test_are_paths_from_the_configs_folder(self) -> None:
        assert self.paths("requirements.txt", "../groups/*.in", "/srv/uv.lock", "~/pylock.dev.toml") == (
            "/etc/requirements.txt",
            "/groups/*.in",
            "/srv/uv.lock",
            str(Path.home() / "pylock.dev.toml"),
        )

    def test_a_pyproject_may_have_extras_or_a_group(self) -> None:
        assert self.paths("pyproject.toml", "a/pyproject.toml[test, docs]", "*/pyproject.toml:dev") == (
            "/etc/pyproject.toml",
            "/etc/a/pyproject.toml[test,docs]",
            "/etc/*/pyproject.toml:dev",
        )

    def test_brackets_of_a_glob_are_its_own(self) -> None:
        assert self.paths("groups/[a-m]*", "lab[12]") == ("/etc/groups/[a-m]*", "/etc/lab[12]")

    def test_stay_relative_to_the_config_if_another_path_is_overridden(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.chdir(tmp_path)
        text = json.dumps({"repository": "/data", "requirements": ["a.txt"], "targets": [LINUX]})
        chosen = check(text, PATH, {"repository": "mine"})
        assert chosen.repository == tmp_path / "mine"
        assert chosen.requirements == ("/etc/a.txt",)

    @pytest.mark.parametrize(
        ("entry", "advice"),
        [
            ("requirements.txt[test]", 'extras as "pyproject.toml[test,docs]"'),
            ("setup.toml:dev", 'extras as "pyproject.toml[test,docs]"'),
            ("pyproject.toml[]", 'extras as "pyproject.toml[test,docs]"'),
            ("pyproject.toml[test", 'extras as "pyproject.toml[test,docs]"'),
            ("pyproject.toml[test]:dev", "its own entry"),
            ("pyproject.toml:", 'extras as "pyproject.toml[test,docs]"'),
            ("https://example.org/requirements.txt", "is a URL"),
            ("-r requirements.txt", "is a pip option"),
            ("", "must name a file"),
            ("a\0b", "must name a file"),
            ("~no-such-user/a.txt", "no such user"),
            (7, "must be a file in double quotes"),
        ],
    )
    def test_rejects_what_is_not_a_file(self, entry: object, advice: str) -> None:
        assert advice in self.problem(entry)


class TestKeysThatNeedOthers:
    def test_dependencies_need_targets(self) -> None:
        assert mistake(requirements=["a.txt"]).startswith('requirements: needs "targets"')
        assert mistake(dependencies=True, projects=["requests"]).startswith('dependencies: needs "targets"')

    def test_dependencies_need_projects(self) -> None:
        assert mistake(dependencies=True, targets=[LINUX]).startswith('dependencies: needs "projects"')
        assert config(dependencies=True, targets=[LINUX], projects=["requests"]).dependencies

    def test_an_invalid_key_is_one_error(self) -> None:
        assert mistake(requirements=["a.txt"], targets=["here"]).startswith("targets[0]: must be an object")
        assert mistake(dependencies=True, targets=[LINUX], projects="requests").startswith("projects: ")

    @pytest.mark.parametrize(
        "keys", [{"build": True}, {"closure": "releases"}, {"min_age_exempt": ["a"]}, {"dependencies": False}]
    )
    def test_some_keys_need_no_other(self, keys: dict[str, object]) -> None:
        config(**keys)


class TestAges:
    @pytest.mark.parametrize(
        ("written", "seconds", "shown"),
        [
            ("7 days", 604800, "7 days"),
            ("1 day", 86400, "1 day"),
            ("2 weeks", 1209600, "14 days"),
            ("12hours", 43200, "12 hours"),
            (" 1.5 Hours ", 5400, "90 minutes"),
            ("30 minutes", 1800, "30 minutes"),
            ("90 seconds", 90, "90 s"),
            ("3600", 3600, "1 hour"),
            (3600, 3600, "1 hour"),
            (0.5, 0.5, 0.5),
            (0, 0, 0),
            (None, None, None),
        ],
    )
    def test_min_age(self, written: object, seconds: float | None, shown: object) -> None:
        chosen = config(min_age=written)
        assert chosen.min_age == seconds
        assert chosen.shown()["min_age"] == shown

    @pytest.mark.parametrize(
        ("written", "problem"),
        [
            ("soon", 'must be like "7 days"'),
            (-1, 'must be like "7 days"'),
            (True, 'must be like "7 days"'),
            ("7 d", 'unknown unit "d"'),
            ("1 month", 'unknown unit "month"'),
            ("99999 days", "100 years"),
        ],
    )
    def test_rejects_invalid_ages(self, written: object, problem: str) -> None:
        assert mistake(min_age=written).startswith("min_age: ")
        assert problem in mistake(min_age=written)


class TestTimesAndRates:
    @pytest.mark.parametrize(
        ("key", "written", "meant", "shown"),
        [
            ("connect_timeout", "10 s", 10, "10 s"),
            ("read_timeout", "2 Minutes", 120, "2 minutes"),
            ("file_timeout", 7200, 7200, "2 hours"),
            ("file_timeout", "1 week", 604800, "7 days"),
            ("connect_timeout", "0.5", 0.5, 0.5),
            ("min_rate", "5 kB/s", 5000, "5 kB/s"),
            ("min_rate", "1MiB", 2**20, "1 MiB/s"),
            ("min_rate", "1500", 1500, "1500 B/s"),
            ("min_rate", 0, 0, 0),
            ("max_delete", "7%", 0.07, "7%"),
            ("max_delete", 0.125, 0.125, "12.5%"),
            ("max_delete", "1", 1, "100%"),
            ("max_delete", 0, 0, "0%"),
        ],
    )
    def test_are_shown_with_their_unit(self, key: str, written: object, meant: float, shown: object) -> None:
        chosen = config(**{key: written})
        assert chosen.shown()[key] == shown
        assert chosen.shown(numbers=True)[key] == getattr(chosen, key) == meant

    @pytest.mark.parametrize(
        ("key", "written", "problem"),
        [
            ("read_timeout", "0 s", "from 0.1 s to 7 days"),
            ("read_timeout", "8 days", "from 0.1 s to 7 days"),
            ("read_timeout", "1e999 s", "from 0.1 s to 7 days"),
            ("read_timeout", True, 'must be like "10 s"'),
            ("read_timeout", "10 sec", 'unknown unit "sec"'),
            ("min_rate", "2 TB/s", "at most 1 TB/s"),
            ("min_rate", "5 kB/m", "must be like"),
            ("max_delete", "101%", "at most 1"),
            ("max_delete", "10 s", 'unknown unit "s"'),
        ],
    )
    def test_rejects_others(self, key: str, written: object, problem: str) -> None:
        assert problem in mistake(**{key: written})


class TestDates:
    @pytest.mark.parametrize(
        ("written", "meant", "shown"),
        [
            ("2026-01-31", datetime(2026, 1, 31, tzinfo=timezone.utc), "2026-01-31"),
            (
                "2026-01-31T18:30",
                datetime(2026, 1, 31, 18, 30, tzinfo=timezone.utc),
                "2026-01-31T18:30:00Z",
            ),
            (
                "2026-01-31 18:30:05Z",
                datetime(2026, 1, 31, 18, 30, 5, tzinfo=timezone.utc),
                "2026-01-31T18:30:05Z",
            ),
            ("2026-01-31T01:00+01:00", datetime(2026, 1, 31, tzinfo=timezone.utc), "2026-01-31"),
        ],
    )
    def test_uploaded_before(self, written: str, meant: datetime, shown: str) -> None:
        chosen = config(uploaded_before=written)
        assert chosen.uploaded_before == meant.timestamp()
        assert chosen.shown()["uploaded_before"] == shown

    @pytest.mark.parametrize(
        ("written", "problem"),
        [
            ("yesterday", 'must be a date such as "2026-01-31"'),
            (2026, 'must be a date such as "2026-01-31"'),
            ("31.1.2026", 'must be a date such as "2026-01-31"'),
            ("2026-02-30", 'invalid date "2026-02-30": day '),
            ("2026-01-31T18:00+99:99", 'invalid date "2026-01-31T18:00+99:99": '),
            ("1066-10-14", '"1066-10-14" is outside'),
            ("9999-12-31T23:00-02:00", "is outside"),
        ],
    )
    def test_rejects_invalid_dates(self, written: object, problem: str) -> None:
        assert problem in mistake(uploaded_before=written)


class TestSizes:
    @pytest.mark.parametrize("key", ["max_file_size", "max_project_size"])
    @pytest.mark.parametrize(
        ("written", "count", "shown"),
        [
            ("500 MB", 500_000_000, "500 MB"),
            ("500mb", 500_000_000, "500 MB"),
            ("2 GB", 2_000_000_000, "2 GB"),
            ("1 GiB", 1_073_741_824, "1 GiB"),
            ("1.5 kB", 1500, "1500 B"),
            ("1500", 1500, "1500 B"),
            (1024, 1024, "1 KiB"),
            (None, None, None),
        ],
    )
    def test_sizes(self, key: str, written: object, count: int | None, shown: object) -> None:
        chosen = config(**{key: written})
        assert getattr(chosen, key) == count
        assert chosen.shown()[key] == shown

    @pytest.mark.parametrize(
        ("written", "problem"),
        [
            ("big", 'must be like "500 MB"'),
            ("500M", 'unknown unit "M"'),
            ("5 apples", 'unknown unit "apples"'),
            (0, "1 byte"),
            ("0.1 B", "1 byte"),
        ],
    )
    def test_rejects_invalid_sizes(self, written: object, problem: str) -> None:
        assert mistake(max_file_size=written).startswith("max_file_size: ")
        assert problem in mistake(max_file_size=written)


class TestPatterns:
    @pytest.mark.parametrize("key", ["projects", "exclude_projects", "min_age_exempt", "exclude_files"])
    def test_regular_expressions_are_allowed_wherever_globs_are(self, key: str) -> None:
        assert getattr(config(**{key: [r" re:acme-(web|db)\d{1,2}", "acme*"]}), key) == (
            r"re:acme-(web|db)\d{1,2}",
            "acme*",
        )

    @pytest.mark.parametrize("key", ["projects", "exclude_projects", "min_age_exempt", "exclude_files"])
    @pytest.mark.parametrize(
        ("pattern", "problem"),
        [
            ("re:acme-(web", "at character 6"),
            ("re:*", "at character 1"),
            ("re:", '"re:" has no regular expression after "re:"'),
            ("re:[[a]", "ambiguous"),
            ("re:" + "(" * 5000 + ")" * 5000, "too big"),
            ("re:a{99999999999999}", "too big"),
        ],
    )
    def test_rejects_invalid_expressions(self, key: str, pattern: str, problem: str) -> None:
        found = mistake(**{key: [pattern]})
        assert found.startswith(f"{key}[0]: ")
        assert problem in found

    def test_files(self) -> None:
        wanted = ("*.exe", "numpy-2.0.0-*.whl", "*[0-9].tar.gz")
        assert config(exclude_files=[*wanted, "*.exe"]).exclude_files == wanted

    @pytest.mark.parametrize(
        ("pattern", "problem"),
        [
            ("", "is empty"),
            ("win32/*.exe", "contains a folder"),
            ("*.{exe,msi}", "contains braces"),
        ],
    )
    def test_rejects_patterns_that_match_no_file(self, pattern: str, problem: str) -> None:
        assert problem in mistake(exclude_files=[pattern])


class TestChoices:
    def test_states_of_a_project(self) -> None:
        assert config().project_status is None
        assert config(project_status=["archived", "active"]).project_status == ("archived", "active")
        assert '"archived"?' in mistake(project_status=["archive"])
        assert mistake(project_status=[1]).endswith("active, archived, deprecated, quarantined")

    @pytest.mark.parametrize(
        ("key", "value", "problem"),
        [
            ("vulnerable", "exclud", '"exclude"?'),
            ("vulnerable", True, "include, report, exclude"),
            ("closure", "all", "resolved, releases"),
            ("min_releases", 0, "at least 1"),
        ],
    )
    def test_rejects_unknown_choices(self, key: str, value: object, problem: str) -> None:
        found = mistake(**{key: value})
        assert found.startswith(f"{key}: ")
        assert problem in found

    def test_defaults(self) -> None:
        chosen = config()
        assert chosen.targets == ()
        assert chosen.requirements == chosen.min_age_exempt == chosen.exclude_files == ()
        assert (chosen.min_age, chosen.uploaded_before, chosen.min_releases) == (None, None, 1)
        assert (chosen.max_file_size, chosen.max_project_size) == (None, None)
        assert (chosen.vulnerable, chosen.closure) == ("include", "resolved")
        assert (chosen.dependencies, chosen.build) == (False, False)


TARGETS = st.builds(
    lambda python, platform, abi: {"python": python, "platform": platform} | ({"abi": abi} if abi else {}),
    st.sampled_from(["3.13", "3.13.2"]),
    st.sampled_from(["win_amd64", "macosx_12_0_arm64", "manylinux_2_28_x86_64"]),
    st.sampled_from([None, "cp313t"]),
)


WORDS = st.sampled_from(["*.exe", r"re:\d+", "re:a(b,(c))", "a b", "true", "7", '"x"', "null"])
SHARES = st.integers(0, 100).map(lambda percent: f"{percent}%") | st.floats(0, 1)
SETTINGS = st.fixed_dictionaries(
    {"repository": st.sampled_from(["/data", '/"data"', "/7, 8", "/data/naïve"])},
    optional={
        "targets": st.lists(TARGETS, min_size=1),
        "min_age": st.integers(0, 10**9) | st.floats(0, 1e9),
        "uploaded_before": st.datetimes(datetime(1970, 1, 1), datetime(9999, 12, 31)).map(  # noqa: DTZ001
            lambda moment: moment.isoformat(timespec="seconds")
        ),
        "max_file_size": st.integers(1, 10**18),
        "max_project_size": st.integers(1, 10**9).map(lambda count: f"{count} KiB"),
        "exclude_files": st.lists(WORDS),
        "requirements": st.just([]),
        "projects": st.none() | st.just(["requests", "numpy>=2, <3", "re:a{1,2}"]),
        "releases": st.just("all") | st.integers(1, 9),
        "yanked": st.booleans(),
        "connect_timeout": st.floats(0.1, 604800) | st.integers(1, 604800),
        "min_rate": st.floats(0, 1e12) | st.integers(0, 10**12),
        "max_delete": SHARES,
    },
)


@given(SETTINGS)
def test_shown_values_load_as_the_same_config(keys: dict[str, object]) -> None:
    chosen = config(index_url="https://index.example.org/", **keys)
    assert check(json.dumps(chosen.shown()), PATH) == chosen
    assert check(json.dumps(chosen.shown(numbers=True)), PATH) == chosen


@given(SETTINGS, st.sampled_from(list(Config.model_fields)))
def test_set_takes_what_get_prints(keys: dict[str, object], key: str) -> None:
    with TemporaryDirectory() as folder:
        path = Path(folder, "lab.json")
        save(path, {"index_url": "https://me:secret@index.example.org/", **keys})
        before = load(path)
        assert set_value(path, key, get_value(path, key)) == before
        assert load(path) == before


class TestBuckets:
    @pytest.mark.parametrize("url", ["s3://bucket", "gs://my.bucket/a/b", "az://c/..a/.b", "s3://b/a+b/ "])
    def test_urls(self, url: str) -> None:
        assert Config(repository=url).repository == url.strip().rstrip("/")

    @pytest.mark.parametrize(
        "url",
        ["s3://", "s3://..", "s3://b/../x", "s3://b/.", "s3://b/.minimirror", "s3://b/a%2fb", "s3://u:p@b"],
    )
    def test_rejects_other_urls(self, url: str) -> None:
        with pytest.raises(ConfigError, match="must be a folder, or a bucket"):
            Config(repository=url)
