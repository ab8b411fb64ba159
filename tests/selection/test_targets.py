"""Targets: the files that some environment can install, and the newest of them for each."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from packaging.specifiers import SpecifierSet
from packaging.tags import compatible_tags, cpython_tags, mac_platforms, parse_tag
from pip._internal.index.package_finder import CandidateEvaluator, LinkEvaluator
from pip._internal.models.candidate import InstallationCandidate
from pip._internal.models.link import Link
from pip._internal.models.target_python import TargetPython
from pip._vendor.packaging.specifiers import SpecifierSet as PipSpecifierSet
from pip._vendor.packaging.tags import Tag
from pip._vendor.packaging.utils import canonicalize_name

from minimirror.distributions import Target
from minimirror.selection import Rules
from tests.helpers.selecting import (
    ALL,
    CASES,
    CLOCKS,
    FINAL,
    LINUX,
    LINUX_OLD,
    MAC,
    NEWEST,
    NO_TARGETS,
    PAGES,
    SOUND_PAGES,
    SPECIFIERS,
    TARGETS,
    WINDOWS,
    decide,
    files,
    refusals,
    rules,
    sdist,
    sdists,
    versions,
    wanted,
    wheel,
)

if TYPE_CHECKING:
    from collections.abc import Sequence

    from minimirror.simple_api import File


def for_targets(*targets: Target, rules: Rules = ALL) -> Rules:
    return replace(rules, targets=targets)


class TestTags:
    @pytest.mark.parametrize(
        ("tags", "target", "kept"),
        [
            ("py3-none-any", LINUX, True),
            ("py2.py3-none-any", LINUX, True),
            ("PY3-None-ANY", LINUX, True),
            ("py2-none-any", LINUX, False),
            ("py312-none-any", WINDOWS, False),
            ("cp312-cp312-manylinux_2_28_x86_64", LINUX, True),
            ("cp312-cp312-manylinux_2_17_x86_64.manylinux2014_x86_64", LINUX, True),
            ("cp312-cp312-manylinux1_x86_64", LINUX, True),
            ("cp312-cp312-linux_x86_64", LINUX, True),
            ("cp312-cp312-manylinux_2_31_x86_64", LINUX, False),
            ("cp312-cp312-manylinux_2_17_aarch64", LINUX, False),
            ("cp312-cp312-musllinux_1_2_x86_64", LINUX, False),
            ("cp311-cp311-manylinux_2_17_x86_64", LINUX, False),
            ("cp39-abi3-manylinux_2_17_x86_64", LINUX, True),
            ("cp313-abi3-manylinux_2_17_x86_64", LINUX, False),
            ("cp311.cp312.cp313-none-manylinux_2_17_x86_64", LINUX, True),
            ("cp313-cp313-macosx_10_13_universal2", MAC, True),
            ("cp313-cp313-macosx_12_0_arm64", MAC, True),
            ("cp313-cp313-macosx_13_0_arm64", MAC, False),
            ("cp313-cp313-macosx_10_13_x86_64", MAC, False),
            ("py3-none-win_amd64", WINDOWS, True),
            ("py3-none-win32.win_amd64", WINDOWS, True),
            ("py3-none-win32", WINDOWS, False),
            ("...-..-....", WINDOWS, False),
        ],
    )
    def test_a_wheel_is_accepted_for_any_of_its_tags(self, tags: str, target: Target, kept: bool) -> None:
        assert bool(wanted(files(wheel("1.0", tags)), for_targets(target))) == kept

    def test_one_target_is_enough(self) -> None:
        page = files(wheel("1.0"), wheel("1.0", "cp311-cp311-win_amd64"), wheel("1.0", "cp311-cp311-win32"))
        decisions = decide(page, for_targets(LINUX, WINDOWS, MAC))
        assert [(each.wanted, each.targets) for each in decisions] == [
            (True, 0b111),
            (True, 0b010),
            (False, 0),
        ]

    def test_without_targets_no_target_is_recorded(self) -> None:
        assert [each.targets for each in decide(files(wheel("1.0"), sdist("1.0"), "x"), ALL)] == [0, 0, 0]

    def test_a_refused_file_has_the_targets_that_accept_it(self) -> None:
        page = files(sdist("1.0"), wheel("1.0"), yanked="")
        narrow = for_targets(LINUX, MAC, rules=rules(package_types=("bdist_wheel",), yanked=False))
        assert [(each.rule, each.targets) for each in decide(page, narrow)] == [
            ("package_types", 0b11),
            ("yanked", 0b11),
        ]

    def test_the_reason_names_the_tags(self) -> None:
        page = files(wheel("1.0", "cp311-cp311-win32.win_arm64"))
        assert refusals(page, for_targets(LINUX, MAC)) == ["targets"]

    def test_no_installer_accepts_the_older_formats(self) -> None:
        page = files("foo-1.0-py3.12.egg", "foo-1.0.win32.exe", "foo-1.0-1.noarch.rpm", sdist("1.0"))
        assert wanted(page, for_targets(LINUX)) == [sdist("1.0")]
        assert refusals(page, for_targets(LINUX))[0] == "targets"


class TestRequiresPython:
    def test_a_target_must_match_it(self) -> None:
        page = [
            *sdists("1.0"),
            *sdists("2.0", requires_python=">=3.10"),
            *sdists("3.0", requires_python=">=3.13"),
        ]
        assert versions(page, for_targets(LINUX_OLD)) == ["1.0"]
        assert versions(page, for_targets(LINUX_OLD, WINDOWS)) == ["1.0", "2.0"]
        assert refusals(page, for_targets(LINUX)) == ["targets"]

    def test_the_target_that_accepts_the_tags_must_match_it(self) -> None:
        page = files(wheel("1.0", "py3-none-win_amd64"), requires_python=">=3.12")
        assert refusals(page, for_targets(WINDOWS, LINUX)) == ["targets"]

    def test_an_invalid_specifier_allows_any_python_as_in_pip(self) -> None:
        assert versions(sdists("1.0", requires_python="three"), for_targets(LINUX)) == ["1.0"]


class TestNewestOfEachTarget:
    """Each target has the newest releases that it can use, and no file that is of use to none."""

    def test_a_release_that_one_python_is_too_old_for(self) -> None:
        page = [
            *files(wheel("2.0"), requires_python=">=3.12"),
            *files(wheel("1.9"), wheel("1.9", "cp312-cp312-manylinux_2_17_x86_64"), sdist("1.9")),
            *files(wheel("1.8"), sdist("1.8")),
        ]
        chosen = for_targets(LINUX, WINDOWS, rules=NEWEST)
        assert wanted(page, chosen) == [wheel("2.0"), wheel("1.9"), sdist("1.9")]
        assert refusals(page, chosen) == ["releases"] * 3

    def test_a_release_without_a_wheel_for_one_platform(self) -> None:
        page = files(
            wheel("3.0", "cp311-cp311-win_amd64"),
            wheel("2.0", "cp311-cp311-win_amd64"),
            wheel("2.0", "cp312-cp312-manylinux_2_17_x86_64"),
            wheel("1.0", "cp312-cp312-manylinux_2_17_x86_64"),
        )
        assert wanted(page, for_targets(LINUX, WINDOWS, rules=NEWEST)) == [page[0].filename, page[2].filename]
        two = replace(NEWEST, releases=2)
        assert wanted(page, for_targets(LINUX, WINDOWS, rules=two)) == [each.filename for each in page]
        assert wanted(page, for_targets(WINDOWS, rules=two)) == [each.filename for each in page[:2]]

    def test_only_files_that_no_other_rule_refuses_count(self) -> None:
        page = files(sdist("2.0"), wheel("2.0", "cp311-cp311-win_amd64"), wheel("1.0"))
        wheels = for_targets(LINUX, WINDOWS, rules=replace(NEWEST, package_types=frozenset({"bdist_wheel"})))
        assert wanted(page, wheels) == [page[1].filename, page[2].filename]


class TestPrereleasesOfEachTarget:
    def test_kept_for_a_target_that_has_nothing_else(self) -> None:
        page = files(
            wheel("1.0", "cp311-cp311-win_amd64"), wheel("2.0a1"), wheel("2.0a1", "cp311-cp311-win_amd64")
        )
        assert wanted(page, for_targets(WINDOWS, rules=FINAL)) == [page[0].filename]
        assert wanted(page, for_targets(LINUX, WINDOWS, rules=FINAL)) == [page[0].filename, page[1].filename]
        assert refusals(page, for_targets(LINUX, WINDOWS, rules=FINAL)) == ["prereleases"]

    def test_they_do_not_count_for_the_others(self) -> None:
        page = files(wheel("1.0", "cp311-cp311-win_amd64"), wheel("2.0a1"))
        newest = for_targets(LINUX, WINDOWS, rules=replace(FINAL, releases=1))
        assert wanted(page, newest) == [each.filename for each in page]


# Properties


@given(SOUND_PAGES, NO_TARGETS, TARGETS, SPECIFIERS, CASES)
def test_each_target_has_what_it_would_have_alone(
    page: list[File], rules: Rules, targets: tuple[Target, ...], specifiers: list[str], case: dict[str, Any]
) -> None:
    rules = replace(rules, max_project_size=None)
    alone = [wanted(page, replace(rules, targets=(target,)), *specifiers, **case) for target in targets]
    together = wanted(page, replace(rules, targets=targets), *specifiers, **case)
    assert set(together) == {name for names in alone for name in names}


@given(PAGES, NO_TARGETS, TARGETS, SPECIFIERS, CLOCKS)
def test_one_target_is_a_page_of_what_it_accepts(
    page: list[File], rules: Rules, targets: tuple[Target, ...], specifiers: list[str], now: float
) -> None:
    rules = replace(rules, min_releases=1)
    accepted = [each.file for each in decide(page, replace(ALL, targets=targets[:1])) if each.targets]
    assert wanted(page, replace(rules, targets=targets[:1]), *specifiers, now=now) == wanted(
        accepted, rules, *specifiers, now=now
    )


@given(SOUND_PAGES, NO_TARGETS, TARGETS, CLOCKS)
def test_another_target_loses_nothing_if_all_releases_are_wanted(
    page: list[File], rules: Rules, targets: tuple[Target, ...], now: float
) -> None:
    every = replace(rules, releases=None, max_project_size=None)
    fewer = wanted(page, replace(every, targets=targets[:-1]), now=now)
    assert set(fewer) <= set(wanted(page, replace(every, targets=targets), now=now))


PLATFORMS = {WINDOWS: ["win_amd64"], MAC: [*mac_platforms((12, 0), "arm64")]}
PARTS = [
    ("py3", "py2.py3", "cp311", "cp313", "cp38", "py311", "py2", "cp311.cp313", "pp310"),
    ("none", "abi3", "cp311", "cp313", "cp313t", "abi3.none"),
    ("any", "win_amd64", "win32", "macosx_11_0_arm64", "macosx_10_9_universal2", "macosx_14_0_arm64",
     "win32.win_amd64", "macosx_10_9_x86_64.macosx_11_0_arm64"),
]  # fmt: skip


@given(
    st.lists(st.tuples(*map(st.sampled_from, PARTS)), max_size=8, unique=True),
    st.sampled_from([None, ">=3.12", "<3.12", "==3.13.*", "~=3.11", ">3", ">=3.11.1"]),
    st.sampled_from([WINDOWS, MAC]),
)
def test_wheels_are_accepted_as_packaging_would(
    tags: list[tuple[str, ...]], requires_python: str | None, target: Target
) -> None:
    page = files(*(wheel("1.0", "-".join(tag)) for tag in tags), requires_python=requires_python)
    major, minor = map(int, target.python.split("."))
    name, platforms = f"cp{major}{minor}", PLATFORMS[target]
    supported = {
        *cpython_tags((major, minor), [name], platforms),
        *compatible_tags((major, minor), name, platforms),
    }
    allowed = requires_python is None or f"{target.python}.0" in SpecifierSet(requires_python)
    expected = [
        each.filename
        for each, tag in zip(page, tags, strict=True)
        if allowed and parse_tag("-".join(tag)) & supported
    ]
    assert wanted(page, for_targets(target)) == expected


FORMATS = {"binary": "bdist_wheel", "source": "sdist"}
"""pip's words for package types."""


@given(
    SOUND_PAGES,
    st.sampled_from([LINUX, LINUX_OLD, WINDOWS, MAC]),
    st.sampled_from(["", "<2", ">=1.1", "==2.*", ">=2.0a1", "!=1.0", "!=2.0a1", "<2.0rc1", "~=1.0", ">1.0"]),
    st.sets(st.sampled_from(sorted(FORMATS)), min_size=1),
)
def test_the_releases_of_a_target_are_those_that_pip_finds(
    page: list[File], target: Target, specifier: str, formats: set[str]
) -> None:
    page = [each for each in page if "/" not in each.filename]
    types = frozenset(FORMATS[each] for each in formats)
    chosen = for_targets(target, rules=replace(FINAL, package_types=types))
    found = [each for each in decide(page, chosen, specifier) if each.wanted]
    pips = [each.file.filename for each in found if each.distribution and each.distribution.release()]
    assert sorted(pips) == sorted(found_by_pip(page, target, specifier, formats))


def found_by_pip(page: Sequence[File], target: Target, specifier: str, formats: set[str]) -> list[str]:
    """Return the files that pip would choose from on a target, without yanked ones."""
    major, minor = map(int, target.python.split("."))
    python = TargetPython(py_version_info=(major, minor))
    tags = [Tag(*tag.split("-")) for tag in target.tags]
    python._valid_tags, python._valid_tags_set = tags, set(tags)
    links = LinkEvaluator("foo", canonicalize_name("foo"), frozenset(formats), python, allow_yanked=False)
    candidates = []
    for file in page:
        link = Link(file.url, requires_python=file.requires_python, yanked_reason=file.yanked)
        kind, version = links.evaluate_link(link)
        # pip skips versions that are not valid in two places.
        if kind.name == "candidate" and version not in {"2004d", "nightly"}:
            candidates.append(InstallationCandidate("foo", version, link))
    evaluator = CandidateEvaluator.create("foo", target_python=python, specifier=PipSpecifierSet(specifier))
    return [each.link.filename for each in evaluator.get_applicable_candidates(candidates)]
