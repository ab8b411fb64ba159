"""The rules of projects and releases: how many are wanted, and which never."""

from __future__ import annotations

from dataclasses import replace

import pytest

from tests.helpers.selecting import (
    ALL,
    FINAL,
    LINUX,
    MAC,
    NEWEST,
    WINDOWS,
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


class TestReleases:
    def test_the_newest_by_version_whatever_the_order(self) -> None:
        assert versions(sdists("1.10", "1.9", "1!0.1", "1.2"), NEWEST) == ["1!0.1"]
        assert versions(sdists("1.10", "1.9", "1.2"), rules(releases=2)) == ["1.10", "1.9"]
        assert versions(sdists("1.10", "1.9"), rules(releases=9)) == ["1.10", "1.9"]

    def test_every_file_of_a_kept_release(self) -> None:
        page = files(sdist("1.0"), sdist("2.0"), wheel("2.0"), wheel("1.0"), wheel("2.0", "py2-none-any"))
        assert wanted(page, NEWEST) == [sdist("2.0"), wheel("2.0"), wheel("2.0", "py2-none-any")]
        assert refusals(page, NEWEST) == ["releases"] * 2
        assert refusals(sdists("1", "2", "3"), rules(releases=2)) == ["releases"]

    def test_spellings_of_one_version_are_one_release(self) -> None:
        page = files(sdist("1.0"), wheel("1.0.0"), wheel("1.0_1"), sdist("1.0-1"))
        assert wanted(page, NEWEST) == [wheel("1.0_1"), sdist("1.0-1")]
        assert wanted(page[:2], NEWEST) == [sdist("1.0"), wheel("1.0.0")]

    def test_only_releases_that_have_a_wanted_file_count(self) -> None:
        page = files(wheel("3.0"), sdist("2.0"), wheel("2.0"), sdist("1.0"))
        assert wanted(page, rules(releases=1, package_types=("sdist",))) == [sdist("2.0")]
        page += sdists("4.0", yanked="")
        assert wanted(page, rules(releases=1, yanked=False)) == [wheel("3.0")]
        page += files("foo-9.0.txt", "bar-9.0.tar.gz")
        assert wanted(page, rules(releases=1)) == [sdist("4.0")]

    def test_an_invalid_version_is_older_than_any_valid_one(self) -> None:
        assert versions(sdists("2004d", "0.1"), NEWEST) == ["0.1"]
        assert versions(sdists("2004d", "2004e"), NEWEST) == ["2004e"]
        assert versions(sdists("2004d", "0.1", "2004e"), rules(releases=2)) == ["0.1", "2004e"]

    def test_local_versions_are_builds_of_one_release(self) -> None:
        page = sdists("0.23.0", "0.24.0+cpu", "0.24.0", "0.24.0+cu121", "0.24.0rc1+cpu", "0.22.0+cpu")
        builds = ["0.24.0+cpu", "0.24.0", "0.24.0+cu121"]
        assert versions(page, NEWEST) == builds
        assert versions(page, rules(releases=2, prereleases=False)) == ["0.23.0", *builds]
        assert versions(page, NEWEST, "==0.24.0") == versions(page, NEWEST, "~=0.24.0") == builds
        assert versions(page, NEWEST, "==0.24.0+cpu") == ["0.24.0+cpu"]
        assert versions(page, NEWEST, "===0.24.0") == ["0.24.0"]
        assert versions(page, NEWEST, "<0.24") == ["0.23.0"]
        sized = sdists("1.0", "2.0", "2.0+cpu", size=10)
        assert versions(sized, rules(max_project_size=25)) == ["2.0", "2.0+cpu"]
        assert versions(sized, rules(max_project_size=15)) == []

    def test_each_target_has_its_builds_of_one_release(self) -> None:
        page = files(
            wheel("0.24.0+cpu", "cp312-cp312-manylinux_2_28_x86_64"),
            wheel("0.24.0+cpu", "cp311-cp311-win_amd64"),
            wheel("0.24.0", "cp313-cp313-macosx_12_0_arm64"),
            wheel("0.23.0", "cp313-cp313-macosx_12_0_arm64"),
        )
        for targets in ((), (LINUX, WINDOWS, MAC)):
            assert wanted(page, replace(NEWEST, targets=targets)) == [each.filename for each in page[:3]]
            assert wanted(page, replace(NEWEST, targets=targets), "==0.24.0+cpu") == [
                each.filename for each in page[:2]
            ]


class TestPrereleases:
    def test_refused_if_there_is_a_final_release(self) -> None:
        page = sdists("1.0", "2.0a1", "2.0.dev1", "2.0rc1", "0.9.post1")
        assert versions(page, FINAL) == ["1.0", "0.9.post1"]
        assert refusals(page, FINAL)[0] == "prereleases"

    def test_kept_if_there_is_no_final_release(self) -> None:
        assert versions(sdists("2.0a1", "2.0rc1"), replace(FINAL, releases=1)) == ["2.0rc1"]

    def test_a_yanked_final_release_does_not_count(self) -> None:
        page = [*sdists("1.0", yanked=""), *sdists("2.0a1")]
        assert versions(page, FINAL) == ["2.0a1"]
        assert versions(page, rules(prereleases=False)) == ["1.0"]

    def test_a_final_release_outside_the_specifier_does_not_count(self) -> None:
        page = sdists("1.0", "2.0a1")
        assert versions(page, FINAL, ">1") == ["2.0a1"]

    def test_a_final_release_without_an_acceptable_file_does_not_count(self) -> None:
        page = files(wheel("1.0"), sdist("2.0a1"))
        assert refusals(page, replace(FINAL, package_types=frozenset({"sdist"}))) == ["package_types"]

    def test_a_final_release_that_installers_ignore_counts_only_for_its_like(self) -> None:
        eggs = ["foo-1.0-py3.12.egg", "foo-2.0a1-py3.12.egg"]
        page = files(*eggs, "foo-1.0.win32.exe", wheel("2.0a1"))
        assert wanted(page, FINAL) == [eggs[0], "foo-1.0.win32.exe", wheel("2.0a1")]
        assert versions(sdists("2004d", "2.0a1"), FINAL) == ["2004d", "2.0a1"]

    def test_a_specifier_may_include_them(self) -> None:
        assert versions(sdists("1.0", "2.0a1", "2.0a2"), FINAL, ">=2.0a2") == ["2.0a2"]


class TestSpecifiers:
    def test_a_release_must_match_one_of_them(self) -> None:
        page = sdists("1.0", "1.5", "2.0", "3.0", "2004d")
        assert versions(page, ALL, "<1.2", "==3.*") == ["1.0", "3.0"]
        assert refusals(page, ALL, "<1.2", "==3.*")[0] == "projects"
        assert versions(page, ALL, "") == ["1.0", "1.5", "2.0", "3.0"]

    def test_the_newest_of_those_that_match(self) -> None:
        assert versions(sdists("1.0", "1.5", "2.0"), NEWEST, "<2") == ["1.5"]

    def test_each_chooses_its_own_releases(self) -> None:
        page = sdists("1.0", "1.5", "2.0", "3.0", "4.0rc1")
        final = replace(NEWEST, prereleases=False)
        assert versions(page, NEWEST, "", "==1.0") == ["1.0", "4.0rc1"]
        assert versions(page, final, "", "==1.0") == ["1.0", "3.0"]
        assert versions(page, final, "<2", ">=2", "<2") == ["1.5", "3.0"]
        assert versions(page, final, "==1.0", "==2.0") == ["1.0", "2.0"]
        assert versions(page, final, "", "==4.0rc1") == ["3.0", "4.0rc1"]
        assert versions(page, rules(releases=2), "<3", "==1.5") == ["1.5", "2.0"]

    def test_the_reason_is_that_of_the_one_that_matches(self) -> None:
        page = sdists("1.0", "1.5", "2.0")
        assert refusals(page, NEWEST, "==2.0", "<2") == ["releases"]
        assert refusals(page, NEWEST, "==2.0", "==3.0") == ["projects", "projects"]

    def test_nothing_may_be_left(self) -> None:
        assert versions(sdists("1.0"), NEWEST, ">2") == []
        assert decide([], NEWEST, ">2") == []


class TestPins:
    """PEP 592: an exact pin takes a yanked release."""

    def test_a_yanked_release_that_is_pinned_is_kept(self) -> None:
        page = [*sdists("1.0", yanked="broken"), *sdists("2.0"), *sdists("3.0", yanked="")]
        final = rules(releases=1, yanked=False)
        for pin in ("==1.0", "===1.0", "==1.0.0", "==1.0,<2"):
            assert versions(page, final, pin) == ["1.0"], pin
        for other in ("<2", "==1.*", "<=1.0", "~=1.0.0"):
            assert versions(page, final, other) == [], other
        assert versions(page, final, "", "==1.0") == ["1.0", "2.0"]
        assert [reason for reason in reasons(page, final, "", "==3") if "yanked" in reason] == [
            "yanked: broken"
        ]

    def test_the_other_rules_apply_to_it(self) -> None:
        page = sdists("1.0", yanked="", size=9)
        assert refusals(page, rules(yanked=False, max_file_size=5), "==1.0") == ["max_file_size"]
        assert refusals(page, rules(yanked=False, min_releases=2), "==1.0") == ["min_releases"]


KNOWN = {"1.0.0": "PYSEC-1, CVE-2", "3.0": "CVE-3"}


class TestVulnerable:
    def test_releases_with_known_vulnerabilities_are_refused(self) -> None:
        page = sdists("0.9", "1.0", "2.0")
        sound = rules(vulnerable=False)
        assert versions(page, sound, vulnerable=KNOWN) == ["0.9", "2.0"]
        assert versions(sdists("1.0+cpu", "2.0+cpu"), sound, vulnerable=KNOWN) == ["2.0+cpu"]
        assert refusals(page, sound, vulnerable=KNOWN) == ["vulnerable"]
        assert versions(page, ALL, vulnerable=KNOWN) == ["0.9", "1.0", "2.0"]

    def test_versions_may_be_spelled_as_in_filenames(self) -> None:
        page = sdists("2004d", "1.0-1")
        known = {"2004d": "CVE-1", "1.0.post1": "CVE-2"}
        assert versions(page, rules(vulnerable=False), vulnerable=known) == []

    def test_the_newest_release_without_one_takes_its_place(self) -> None:
        page = sdists("2.0", "3.0", "1.0")
        assert versions(page, replace(NEWEST, vulnerable=False), vulnerable=KNOWN) == ["2.0"]


class TestMinReleases:
    def test_a_project_with_fewer_is_refused(self) -> None:
        page = [*sdists("1.0", "1.0.0", "2.0"), *files(wheel("1.0"))]
        assert len(versions(page, rules(min_releases=2))) == 4
        assert refusals(page, rules(min_releases=3)) == ["min_releases"] * 4
        assert refusals(sdists("1.0", "1.0+cpu", "1.0+cu121"), rules(min_releases=2)) == ["min_releases"] * 3

    def test_yanked_and_unreadable_files_do_not_count(self) -> None:
        page = [*sdists("1.0"), *sdists("2.0", yanked=""), *files("foo-3.0.txt")]
        assert refusals(page, rules(min_releases=2))[0] == "min_releases"
        assert versions(sdists("1.0", yanked=""), rules(min_releases=1)) == ["1.0"]

    def test_releases_without_a_wanted_file_count(self) -> None:
        page = files(sdist("1.0"), sdist("2.0"), wheel("2.0"))
        assert wanted(page, rules(min_releases=2, package_types=("bdist_wheel",))) == [wheel("2.0")]


class TestProjectStatus:
    @pytest.mark.parametrize(
        ("allowed", "status", "kept"),
        [
            (None, "active", True),
            (None, "archived", True),
            (None, "yet-to-come", True),
            (None, "quarantined", False),
            (("active", "deprecated"), "deprecated", True),
            (("active", "deprecated"), "archived", False),
            (("quarantined",), "quarantined", True),
        ],
    )
    def test_a_project_with_another_status_is_refused(
        self, allowed: tuple[str, ...] | None, status: str, kept: bool
    ) -> None:
        page = sdists("1.0")
        found = refusals(page, rules(project_status=allowed), status=status)
        assert found == ([] if kept else ["project_status"])

    def test_other_problems_of_its_page_do_not_matter(self) -> None:
        page = files("../foo-1.0.tar.gz")
        assert [each.suspect for each in decide(page, ALL)] == [True]
        assert [each.suspect for each in decide(page, ALL, status="quarantined")] == [False]


class TestMaxProjectSize:
    def test_the_newest_releases_that_fit(self) -> None:
        page = [*sdists("1.0", "3.0", "2.0", size=400), *files(wheel("3.0"), size=200)]
        assert versions(page, rules(max_project_size=1400)) == ["1.0", "3.0", "2.0", "3.0"]
        assert versions(page, rules(max_project_size=1399)) == ["3.0", "2.0", "3.0"]
        assert versions(page, rules(max_project_size=999)) == ["3.0", "3.0"]
        assert versions(page, rules(max_project_size=599)) == []

    def test_nothing_older_than_what_does_not_fit(self) -> None:
        page = [*sdists("3.0", "1.0", size=1000), *sdists("2.0", size=5000)]
        assert refusals(page, rules(max_project_size=3000)) == ["max_project_size"] * 2

    def test_only_files_that_the_other_rules_accept_count(self) -> None:
        page = [*sdists("2.0", "1.0", size=100), *files(wheel("2.0"), size=10_000)]
        assert versions(page, rules(max_project_size=200, package_types=("sdist",))) == ["2.0", "1.0"]
        assert versions(page, replace(NEWEST, max_project_size=200)) == []

    def test_unknown_sizes_count_as_zero(self) -> None:
        assert versions(sdists("2.0", "1.0"), rules(max_project_size=1)) == ["2.0", "1.0"]

    def test_spellings_of_one_version_are_one_release(self) -> None:
        page = [*sdists("1.0", size=100), *files(wheel("1.0.0"), size=100)]
        assert versions(page, rules(max_project_size=199)) == []
