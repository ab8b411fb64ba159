"""The selection as a whole: all rules applied to a page."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st
from packaging.version import Version

from minimirror.selection import RULES, Decision, ProjectRequest, Rules, select
from tests.helpers.selecting import (
    ALL,
    ANY_RULES,
    CASES,
    CLOCKS,
    FINAL,
    NEWEST,
    NO_TARGETS,
    PAGES,
    SOUND_PAGES,
    SPECIFIERS,
    STATUSES,
    WANTS,
    decide,
    files,
    sdists,
    wanted,
)

if TYPE_CHECKING:
    from random import Random

    from minimirror.simple_api import File


class TestOneFileOfAName:
    def test_a_file_that_is_listed_twice_is_wanted_once(self) -> None:
        page = [*sdists("1.0", yanked=""), *sdists("1.0"), *sdists("1.0"), *sdists("2.0")]
        decisions = decide(page, FINAL)
        assert [each.wanted for each in decisions] == [False, True, False, True]
        assert decisions[2].rule == "filename"
        assert not any(each.suspect for each in decisions)

    @pytest.mark.parametrize(
        ("listed", "same"),
        [
            ([{}, {}], True),
            ([{"url": "https://example.org/1"}, {"url": "https://example.org/2"}], False),
            ([{"digests": {"sha256": "a"}}, {"digests": {"sha256": "b"}}], False),
            (
                [{"digests": {"sha256": "a"}, "url": "https://example.org/1"}, {"digests": {"sha256": "a"}}],
                True,
            ),
            ([{"digests": {"sha256": "a", "md5": "c"}}, {"digests": {"sha256": "a", "md5": "d"}}], False),
            ([{"digests": {"sha256": "a"}, "size": 1}, {"digests": {"sha256": "a"}, "size": 2}], False),
            ([{"digests": {"sha256": "a"}, "size": 1}, {"digests": {"sha256": "a"}}], True),
            ([{"digests": {"sha256": "a"}}, {"digests": {"md5": "a"}}], True),
        ],
    )
    def test_two_files_with_one_name_are_both_refused(self, listed: list[dict[str, Any]], same: bool) -> None:
        (file,) = sdists("1.0")
        page = [*(file._replace(**each) for each in listed), *sdists("0.9")]
        decisions = decide(page, NEWEST)
        # No older release takes its place.
        assert [each.wanted for each in decisions] == [same, False, False]
        assert [each.suspect for each in decisions] == [False, not same, False]

    def test_names_that_differ_only_in_case_are_the_same(self) -> None:
        page = files("Foo-1.0.tar.gz", "foo-1.0.tar.gz", "FOO-1.0.tar.gz")
        page[2] = page[2]._replace(url=page[0].url)
        decisions = decide(page, ALL)
        assert [(each.wanted, each.suspect) for each in decisions] == [
            (True, False),
            (False, True),
            (False, False),
        ]
        assert "Foo-1.0.tar.gz" in decisions[1].reason


LISTS = ["package_types", "extensions", "python_versions", "platforms"]


@given(PAGES, ANY_RULES, WANTS, STATUSES, CASES)
def test_every_file_is_wanted_or_has_a_rule_and_a_reason(
    page: list[File], rules: Rules, wants: ProjectRequest, status: str, case: dict[str, Any]
) -> None:
    decisions = select(page, "foo", rules, wants, status=status, **case)
    assert [each.file._replace(pinned=()) for each in decisions] == page
    for each in decisions:
        assert each.reason
        assert each.wanted == (not each.rule)
        assert each.wanted or each.rule in RULES
        assert each.distribution or not each.wanted
        assert each.until is None or (each.rule == "min_age" and each.until > case["now"])
        assert each.targets or not (each.wanted and rules.targets)
    names = [each.file.filename for each in decisions if each.wanted]
    assert len(set(names)) == len(names)
    assert select(page, "foo", rules, wants, status=status, **case) == decisions


@given(SOUND_PAGES, ANY_RULES, WANTS, CASES, st.randoms(use_true_random=False))
def test_the_order_of_the_page_does_not_matter(
    page: list[File], rules: Rules, wants: ProjectRequest, case: dict[str, Any], random: Random
) -> None:
    one = select(page, "foo", rules, wants, **case)
    two = select(random.sample(page, len(page)), "foo", rules, wants, **case)
    assert {each.file.filename: each for each in one} == {each.file.filename: each for each in two}


@given(SOUND_PAGES, ANY_RULES, SPECIFIERS, CLOCKS)
def test_min_age_no_longer_refuses_a_file_at_the_given_time(
    page: list[File], rules: Rules, specifiers: list[str], now: float
) -> None:
    for at, each in enumerate(decide(page, rules, *specifiers, now=now)):
        if each.until is not None:
            assert decide(page, rules, *specifiers, now=each.until)[at].rule != "min_age"


@given(SOUND_PAGES, NO_TARGETS, SPECIFIERS.map(lambda drawn: drawn[:1]), st.sampled_from([1, 2, 3]))
def test_a_kept_release_is_kept_whole_and_newer_than_a_refused_one(
    page: list[File], rules: Rules, specifiers: list[str], newest: int
) -> None:
    rules = replace(rules, max_project_size=None)
    every = decide(page, replace(rules, releases=None), *specifiers)
    some = decide(page, replace(rules, releases=newest), *specifiers)
    kept = {_release(each) for each in some if each.wanted}
    acceptable = {_release(each) for each in every if each.wanted}
    assert kept == set(sorted(acceptable)[-newest:])
    for before, after in zip(every, some, strict=True):
        if before.wanted:
            assert after.wanted == (_release(before) in kept)
            assert after.wanted or after.rule == "releases"
        else:
            assert after == before


@given(SOUND_PAGES, ANY_RULES, SPECIFIERS, CASES)
def test_several_entries_keep_what_each_of_them_keeps(
    page: list[File], rules: Rules, specifiers: list[str], case: dict[str, Any]
) -> None:
    assume(specifiers)
    rules = replace(rules, max_project_size=None)
    together = set(wanted(page, rules, *specifiers, **case))
    assert together == {name for each in specifiers for name in wanted(page, rules, each, **case)}


def _release(decision: Decision) -> tuple[bool, Version | str]:
    """Return the release that a file counts for: builds with other local versions are the same."""
    assert decision.distribution
    release = decision.distribution.release()
    return release is not None, Version(release.public) if release else decision.version


@given(SOUND_PAGES, ANY_RULES, SPECIFIERS, st.sampled_from(LISTS), st.data())
def test_narrowing_a_list_adds_only_older_releases_and_pre_releases(
    page: list[File], rules: Rules, specifiers: list[str], key: str, data: st.DataObject
) -> None:
    listed = data.draw(st.frozensets(st.sampled_from(["sdist", "bdist_wheel", "gz", "py3", "source", "win"])))
    before = getattr(rules, key)
    changed: dict[str, Any] = {key: listed if before is None else before & listed}
    narrower = replace(rules, **changed)
    wide, narrow = decide(page, rules, *specifiers), decide(page, narrower, *specifiers)
    for one, two in zip(wide, narrow, strict=True):
        # A release that a narrower list leaves without a file makes room for an older one, or a pre-release.
        assert one.wanted or not two.wanted or one.rule in {"releases", "max_project_size", "prereleases"}


@given(PAGES, NO_TARGETS, SPECIFIERS, st.sampled_from([1, 2, 3]))
def test_fewer_releases_never_add_a_file(
    page: list[File], rules: Rules, specifiers: list[str], newest: int
) -> None:
    more = replace(rules, releases=None if rules.releases is None else rules.releases + newest)
    assert set(wanted(page, rules, *specifiers)) <= set(wanted(page, more, *specifiers))


@given(PAGES, SPECIFIERS)
def test_a_project_with_only_pre_releases_is_the_same_with_and_without_them(
    page: list[File], specifiers: list[str]
) -> None:
    page = [each for each in page if _is_prerelease(each)]
    with_them, without = replace(FINAL, prereleases=True), FINAL
    assert decide(page, with_them, *specifiers) == decide(page, without, *specifiers)


def _is_prerelease(file: File) -> bool:
    return any(f"-{version}" in file.filename for version in ("2.0a1", "2.0rc1", "3.0.dev1"))
