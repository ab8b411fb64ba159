"""The rules of a single file: names, tags, sizes and times."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from minimirror.distributions import Target
from minimirror.selection import select
from tests.helpers.selecting import (
    ALL,
    FINAL,
    NEWEST,
    decide,
    files,
    reasons,
    refusals,
    rules,
    sdist,
    sdists,
    versions,
    wanted,
    wheel,
)


class TestFileRules:
    def test_without_rules_every_distribution_is_wanted(self) -> None:
        page = files(sdist("1.0"), wheel("2.0a1"), "foo-1.0.win32.exe", "foo-1.0.txt", "bar-1.0.tar.gz")
        assert wanted(page, ALL) == [each.filename for each in page[:3]]
        assert refusals(page, ALL) == [
            "filename",
            "filename",
        ]

    def test_package_types(self) -> None:
        page = files(sdist("1.0"), wheel("1.0"), "foo-1.0-py2.7.egg", "foo-1.0.linux-x86_64.tar.gz")
        assert wanted(page, rules(package_types=("sdist", "bdist_egg"))) == [
            sdist("1.0"),
            "foo-1.0-py2.7.egg",
        ]
        assert refusals(page, rules(package_types=("sdist", "bdist_egg"))) == [
            "package_types",
            "package_types",
        ]

    def test_extensions_are_the_last_ones(self) -> None:
        page = files(sdist("1.0"), "foo-1.0.zip", "foo-1.0.tar", "foo-1.0.tar.Z")
        assert wanted(page, rules(extensions=("gz", "z"))) == [sdist("1.0"), "foo-1.0.tar.Z"]
        assert refusals(page, rules(extensions=("gz", "z"))) == [
            "extensions",
            "extensions",
        ]

    @pytest.mark.parametrize(
        ("filename", "listed", "kept"),
        [
            (wheel("1.0", "py2.py3-none-any"), "py2.py3", True),
            (wheel("1.0", "py2.py3-none-any"), "py3", True),
            (wheel("1.0", "py2.py3-none-any"), "py2", True),
            (wheel("1.0", "py2.py3-none-any"), "any", False),
            (wheel("1.0", "py3-none-any"), "py2.py3", False),
            (wheel("1.0", "cp312-cp312-win_amd64"), "cp312", True),
            (wheel("1.0", "cp312-cp312-win_amd64"), "cp31", False),
            (wheel("1.0", "cp312-cp312-win_amd64"), "source", False),
            (sdist("1.0"), "source", True),
            (sdist("1.0"), "any", False),
            ("foo-1.0-py2.7.egg", "2.7", True),
            ("foo-1.0-py2.7.egg", "2", False),
            ("foo-1.0-py2.7.egg", "7", False),
            ("foo-1.0.win32-py3.4.exe", "3.4", True),
            ("foo-1.0.win32.exe", "any", True),
            ("foo-1.0-1.noarch.rpm", "any", True),
        ],
    )
    def test_python_versions(self, filename: str, listed: str, kept: bool) -> None:
        assert bool(wanted(files(filename), rules(python_versions=(listed, "pp310")))) == kept

    @pytest.mark.parametrize(
        ("tags", "listed", "kept"),
        [
            ("cp37-abi3-win_amd64", ("cp310", "py3"), True),
            ("cp310-abi3-win_amd64", ("cp310",), True),
            ("cp311-abi3-win_amd64", ("cp310", "py3"), False),
            ("cp36.cp37-abi3.none-win_amd64", ("cp310",), True),
            ("cp37-cp37m-win_amd64", ("cp310",), False),
            ("cp37-none-win_amd64", ("cp310",), False),
            ("cp37-abi3-win_amd64", ("py310", "pp310", "cp3", "cp27", "source"), False),
            ("cp37-abi3-win_amd64", ("cp313t",), False),
            ("cp313-cp313t-win_amd64", ("cp313t",), True),
            ("cp313-cp313-win_amd64", ("cp313t",), False),
            ("cp315-abi3t-win_amd64", ("cp316t",), True),
            ("cp315-abi3t-win_amd64", ("cp316",), False),
            ("cp315-abi3.abi3t-win_amd64", ("cp316",), True),
        ],
    )
    def test_python_versions_and_stable_abis(self, tags: str, listed: tuple[str, ...], kept: bool) -> None:
        assert bool(wanted(files(wheel("1.0", tags)), rules(python_versions=listed))) == kept

    @given(st.integers(2, 20), st.integers(2, 20), st.booleans(), st.sampled_from(["abi3", "abi3t"]))
    def test_an_entry_keeps_the_stable_abis_that_this_python_accepts(
        self, entry: int, built_for: int, free_threaded: bool, abi: str
    ) -> None:
        python = 13 + entry if free_threaded else entry
        listed = f"cp3{python}{'t' * free_threaded}"
        tags = f"cp3{built_for}-{abi}-win_amd64"
        kept = bool(wanted(files(wheel("1.0", tags)), rules(python_versions=(listed,))))
        is_listed = listed == f"cp3{built_for}"
        accepted = tags in Target(f"3.{python}", "win_amd64", abi=listed).tags
        assert kept == (accepted or is_listed)

    def test_the_default_config_of_minirepo_keeps_the_newest_release(self) -> None:
        page = files(
            wheel("5.9.1", "cp310-cp310-win_amd64"),
            wheel("7.0.0", "cp37-abi3-win_amd64"),
            wheel("7.0.0", "cp37-abi3-macosx_10_9_universal2"),
        )
        listed = rules(
            python_versions=("cp310", "py3", "py2.py3", "py3.10", "py310", "any"),
            package_types=("bdist_wheel",),
            extensions=("whl",),
            platforms=("win_amd64", "any"),
            releases=1,
        )
        assert wanted(page, listed) == [wheel("7.0.0", "cp37-abi3-win_amd64")]
        assert [each.reason for each in decide(page, listed) if each.wanted] == ["cp310 accepts cp37-abi3"]

    @pytest.mark.parametrize(
        ("tag", "listed", "kept"),
        [
            ("any", "any", True),
            ("any", "linux", False),
            ("linux_x86_64", "linux", True),
            ("linux_x86_64", "linux_x86_64", True),
            ("manylinux_2_17_x86_64.manylinux2014_x86_64", "linux", True),
            ("manylinux_2_17_x86_64.manylinux2014_x86_64", "manylinux", True),
            ("manylinux_2_17_x86_64.manylinux2014_x86_64", "manylinux2014_x86_64", True),
            ("manylinux_2_17_x86_64.manylinux2014_x86_64", "manylinux2014", False),
            ("manylinux_2_17_x86_64", "musllinux", False),
            ("musllinux_1_1_aarch64", "linux", True),
            ("musllinux_1_1_aarch64", "musllinux", True),
            ("musllinux_1_1_aarch64", "manylinux", False),
            ("macosx_10_9_universal2", "macosx", True),
            ("macosx_10_9_universal2", "linux", False),
            ("win32", "win", True),
            ("win_amd64", "win", True),
            ("win_amd64", "win32", False),
            ("win_amd64", "macosx", False),
        ],
    )
    def test_platforms(self, tag: str, listed: str, kept: bool) -> None:
        page = files(wheel("1.0", f"cp312-cp312-{tag}"))
        assert bool(wanted(page, rules(platforms=(listed, "aix")))) == kept

    def test_platforms_ignore_files_without_a_platform(self) -> None:
        page = files(sdist("1.0"), "foo-1.0.win32.exe", "foo-1.0-py2.7-linux-x86_64.egg", "foo-1.0-py2.7.egg")
        assert wanted(page, rules(platforms=("linux",))) == [sdist("1.0"), "foo-1.0-py2.7-linux-x86_64.egg"]
        assert refusals(page, rules(platforms=("linux",))) == [
            "platforms",
            "platforms",
        ]

    def test_yanked(self) -> None:
        page = [*sdists("1.0"), *sdists("2.0", yanked="breaks"), *sdists("3.0", yanked="")]
        assert versions(page, ALL) == ["1.0", "2.0", "3.0"]
        assert versions(page, rules(yanked=False)) == ["1.0"]
        assert refusals(page, rules(yanked=False)) == ["yanked", "yanked"]

    def test_the_first_rule_that_refuses_is_the_reason(self) -> None:
        page = files(wheel("1.0", "cp27-cp27m-win32"), yanked="old")
        narrow = rules(
            package_types=("sdist",),
            extensions=("gz",),
            python_versions=("source",),
            platforms=("linux",),
            yanked=False,
        )
        found = []
        for key in ("package_types", "extensions", "python_versions", "platforms", "yanked"):
            found += refusals(page, narrow)
            narrow = replace(narrow, **{key: getattr(ALL, key)})
        assert found == ["package_types", "extensions", "python_versions", "platforms", "yanked"]

    @pytest.mark.parametrize(
        ("filename", "suspect"),
        [
            ("../foo-1.0.tar.gz", True),
            ("", True),
            ("f\N{CYRILLIC SMALL LETTER O}o-1.0.tar.gz", True),
            ("bar-1.0.tar.gz", True),
            ("bar-1.0-py3-none-any.whl", True),
            ("foo-bar-1.0.tar.gz", True),
            ("foo-2-1.0.tar.gz", True),
            ("foo-1.0.2-final.tar.gz", False),
            ("foo-1.0.deb", False),
            ("foo-1.0.tar.gz.asc", False),
            ("README.txt", False),
            ("foo-1.0-py3-any.whl", False),
        ],
    )
    def test_what_no_valid_page_lists_is_suspect(self, filename: str, suspect: bool) -> None:
        (decision,) = select(files(filename), "foo", ALL)
        assert (decision.wanted, decision.rule, decision.suspect) == (False, "filename", suspect)

    def test_exclude_files_match_the_whole_name_in_any_case(self) -> None:
        page = files(sdist("1.0"), "Foo-1.0.win32.exe", "foo-1.0-py2.7.egg", wheel("1.0"))
        assert wanted(page, rules(exclude_files=("*.EXE", "FOO-*.whl"))) == [
            sdist("1.0"),
            "foo-1.0-py2.7.egg",
        ]
        assert wanted(page, rules(exclude_files=(r"re:foo-\d\.\d-PY\d.*\.[a-z]+",))) == [
            sdist("1.0"),
            "Foo-1.0.win32.exe",
        ]
        assert wanted(page, rules(exclude_files=("re:foo", "foo"))) == [each.filename for each in page]

    def test_exclude_files_names_the_pattern(self) -> None:
        page = files(sdist("1.0"), wheel("1.0"))
        found = reasons(page, rules(exclude_files=("*.egg", "re:.*-py3-.*", "*.tar.*")))
        assert [reason.split()[-1] for reason in found] == ["*.tar.*", "re:.*-py3-.*"]

    def test_max_file_size(self) -> None:
        page = [
            *sdists("1.0", size=1000),
            *sdists("2.0", size=1001),
            *sdists("3.0", size=None),
            *sdists("4.0", size=2_500_000),
        ]
        # The download finds out how big the third one is.
        assert versions(page, rules(max_file_size=1000)) == ["1.0", "3.0"]
        assert refusals(page, rules(max_file_size=1_000_000)) == ["max_file_size"]

    def test_uploaded_before(self) -> None:
        day = 86_400.0
        page = [*sdists("1.0", upload_time=day - 1), *sdists("2.0", upload_time=day), *sdists("3.0")]
        assert versions(page, rules(uploaded_before=day)) == ["1.0"]
        assert refusals(page, rules(uploaded_before=day)) == [
            "uploaded_before",
            "uploaded_before",
        ]


class TestMinAge:
    def test_a_file_is_held_back_until_it_is_that_old(self) -> None:
        page = [*sdists("1.0", upload_time=1000.0), *sdists("2.0", upload_time=2000.0)]
        for now, old_enough in [(1000.0, []), (1599.9, []), (1600.0, ["1.0"]), (2600.0, ["1.0", "2.0"])]:
            assert versions(page, rules(min_age=600.0), now=now) == old_enough

    def test_a_decision_knows_when_the_hold_ends(self) -> None:
        decisions = decide(sdists("1.0", upload_time=0.0), rules(min_age=7 * 86_400.0), now=1.0)
        assert [(each.rule, each.until) for each in decisions] == [("min_age", 7 * 86_400.0)]
        assert "1970-01-08 00:00 UTC" in decisions[0].reason

    def test_a_file_of_unknown_age_is_refused(self) -> None:
        (decision,) = decide(sdists("1.0"), rules(min_age=1.0), now=1e12)
        assert decision.rule == "min_age"
        assert decision.until is None

    @pytest.mark.parametrize(
        ("pattern", "exempt"),
        [("foo", True), ("Foo", True), ("F*", True), ("re:fo+", True), ("re:fo", False), ("bar", False)],
    )
    def test_some_projects_are_exempt(self, pattern: str, exempt: bool) -> None:
        page = sdists("1.0", upload_time=1000.0)
        aged = rules(min_age=600.0, min_age_exempt=("other", pattern))
        assert bool(versions(page, aged, now=1000.0)) == exempt

    def test_an_older_release_is_kept_until_then(self) -> None:
        page = [*sdists("1.0", upload_time=1000.0), *sdists("2.0", upload_time=2000.0)]
        assert versions(page, replace(NEWEST, min_age=600.0), now=2000.0) == ["1.0"]
        assert versions(page, replace(NEWEST, min_age=600.0), now=2600.0) == ["2.0"]

    def test_a_held_back_final_release_does_not_exclude_pre_releases(self) -> None:
        page = [*sdists("1.0a1", upload_time=1000.0), *sdists("1.0", upload_time=2000.0)]
        assert versions(page, replace(FINAL, min_age=600.0), now=2000.0) == ["1.0a1"]
        assert versions(page, replace(FINAL, min_age=600.0), now=2600.0) == ["1.0"]
        assert versions(page, replace(FINAL, uploaded_before=2000.0)) == ["1.0a1"]

    def test_a_time_beyond_the_calendar(self) -> None:
        (decision,) = decide(sdists("1.0", upload_time=2.5e11), rules(min_age=7e10), now=0.0)
        assert "after the year 9999" in decision.reason
