"""What targets need of a project: single releases, whatever its newest is."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import assume, given
from packaging.version import InvalidVersion, Version

from minimirror.selection import Decision, PinnedRelease, ProjectRequest, Rules, select, unmet
from tests.helpers.selecting import (
    ALL,
    ANY_RULES,
    CASES,
    FINAL,
    LINUX,
    PINS,
    SHA256,
    SOUND_PAGES,
    STATUSES,
    WANTS,
    WINDOWS,
    files,
    rules,
    sdist,
    sdists,
    wheel,
)

if TYPE_CHECKING:
    from collections.abc import Sequence

    from minimirror.simple_api import File

TARGETS = replace(ALL, targets=(LINUX, WINDOWS))
GOOD, OTHER = (f"sha256:{digest}" for digest in SHA256)


def needed(page: Sequence[File], rules: Rules, *pins: PinnedRelease, listed: bool = False) -> list[str]:
    decisions = select(page, "foo", rules, ProjectRequest(listed, pins=pins))
    return [each.file.filename for each in decisions if each.wanted]


def decided_by(page: Sequence[File], rules: Rules, *pins: PinnedRelease, listed: bool = False) -> list[str]:
    """The rule that refuses each file, empty if it is wanted."""
    return [each.rule for each in select(page, "foo", rules, ProjectRequest(listed, pins=pins))]


def reasons(page: Sequence[File], rules: Rules, *pins: PinnedRelease, listed: bool = False) -> list[str]:
    return [each.reason for each in select(page, "foo", rules, ProjectRequest(listed, pins=pins))]


class TestPins:
    def test_nothing_else_is_wanted_of_a_project_that_is_not_listed(self) -> None:
        page = sdists("1.0", "1.1", "1.2")
        assert needed(page, TARGETS, PinnedRelease("1.1", 0)) == [sdist("1.1")]
        pins = PinnedRelease("1.1", 0), PinnedRelease("1.0", 1), PinnedRelease("1.1", 1)
        assert decided_by(page, TARGETS, *pins) == ["", "", "projects"]
        first, second, _ = reasons(page, TARGETS, *pins)
        assert [str(target) in first for target in TARGETS.targets] == [False, True]
        assert [str(target) in second for target in TARGETS.targets] == [True, True]
        assert decided_by(page[:1], TARGETS) == ["projects"]

    def test_a_listed_project_also_has_its_newest_release(self) -> None:
        page = sdists("1.0", "1.1", "1.2")
        newest = replace(TARGETS, releases=1)
        assert needed(page, newest, PinnedRelease("1.0", 0), listed=True) == [sdist("1.0"), sdist("1.2")]
        assert needed(page, newest, PinnedRelease("1.2", 0), listed=True) == [sdist("1.2")]

    def test_only_the_files_that_its_target_accepts(self) -> None:
        page = files(
            wheel("1.0", "cp312-cp312-manylinux_2_17_x86_64"),
            wheel("1.0", "cp311-cp311-win_amd64"),
            sdist("1.0"),
        )
        assert needed(page, TARGETS, PinnedRelease("1.0", 1)) == [page[1].filename, page[2].filename]
        assert decided_by(page, TARGETS, PinnedRelease("1.0", 1))[0] == "projects"
        assert str(WINDOWS) in reasons(page, TARGETS, PinnedRelease("1.0", 1))[0]
        assert len(needed(page, TARGETS, PinnedRelease("1.0", 0), PinnedRelease("1.0", 1))) == 3

    @pytest.mark.parametrize(
        ("pinned", "listed", "same"),
        [
            ("1.0", "1.0.0", True),
            ("1.0", "1.0.post0", False),
            ("1.0", "1.0+local", False),
            ("1.0+local.1", "1.0+local_1", True),
            ("1.0.post1", "1.0-1", True),
            ("1.0rc1", "1.0.RC-1", True),
            ("2004d", "2004d", True),
            ("2004d", "2004e", False),
            ("2004", "2004d", False),
        ],
    )
    def test_versions_are_compared_whatever_their_spelling(
        self, pinned: str, listed: str, same: bool
    ) -> None:
        assert bool(needed(sdists(listed), TARGETS, PinnedRelease(pinned, 0))) == same

    def test_rules_of_releases_and_projects_do_not_matter(self) -> None:
        page = sdists("1.0a1", "2.0", size=100)
        strict = replace(
            TARGETS,
            prereleases=False,
            releases=1,
            min_releases=9,
            vulnerable=False,
            max_project_size=1,
        )
        wants = ProjectRequest(True, (">=2",), (PinnedRelease("1.0a1", 0),))
        decisions = select(page, "foo", strict, wants, vulnerable={"1.0a1": "CVE-1", "2.0": "CVE-2"})
        assert [each.wanted for each in decisions] == [True, False]

    def test_a_yanked_file_is_acceptable(self) -> None:
        page = sdists("1.0", yanked="broken")
        kept = replace(TARGETS, yanked=False)
        assert needed(page, kept, PinnedRelease("1.0", 0)) == [sdist("1.0")]
        assert needed(page, kept, PinnedRelease("1.0", 0), listed=True) == [sdist("1.0")]
        # But no release is newer for it.
        assert needed(
            [*page, *sdists("0.9")], replace(FINAL, releases=1), PinnedRelease("1.0", 0), listed=True
        ) == [
            sdist("1.0"),
            sdist("0.9"),
        ]

    @pytest.mark.parametrize(
        ("strict", "rule"),
        [
            (rules(package_types=("bdist_wheel",)), "package_types"),
            (rules(exclude_files=("foo-1*",)), "exclude_files"),
            (rules(max_file_size=1), "max_file_size"),
            (rules(min_age=60.0), "min_age"),
            (rules(uploaded_before=1.0), "uploaded_before"),
            (rules(project_status=("archived",)), "project_status"),
        ],
    )
    @pytest.mark.parametrize("yanked", [None, ""])
    def test_the_other_rules_of_files_apply(self, strict: Rules, rule: str, yanked: str | None) -> None:
        page = sdists("1.0", size=2, upload_time=1.0, yanked=yanked)
        strict = replace(strict, targets=(LINUX,), yanked=False)
        (found,) = decided_by(page, strict, PinnedRelease("1.0", 0))
        # Of a project of another status nothing is wanted, be it yanked or not.
        assert found == (rule if rule != "project_status" or yanked is None else "yanked")

    def test_it_counts_for_max_project_size(self) -> None:
        page = [*sdists("1.0", "2.0", "3.0", size=100)]
        small = replace(TARGETS, max_project_size=200)
        assert needed(page, small, PinnedRelease("1.0", 0), listed=True) == [sdist("1.0"), sdist("3.0")]
        assert needed(page, small, PinnedRelease("3.0", 0), listed=True) == [sdist("2.0"), sdist("3.0")]

    def test_without_targets_every_file_counts(self) -> None:
        page = files(sdist("1.0"), wheel("1.0", "cp27-cp27m-win32"), sdist("2.0"))
        assert needed(page, ALL, PinnedRelease("1.0", 0)) == [page[0].filename, page[1].filename]
        assert decided_by(page, ALL, PinnedRelease("1.0", 3))[0] == ""


class TestDigests:
    def test_a_file_must_have_one_of_them(self) -> None:
        page = [
            *sdists("1.0", digests={"sha256": SHA256[0], "md5": "d" * 32}),
            *files(wheel("1.0"), digests={"sha256": SHA256[1]}),
        ]
        assert needed(page, TARGETS, PinnedRelease("1.0", 0, (GOOD,))) == [sdist("1.0")]
        assert needed(page, TARGETS, PinnedRelease("1.0", 0, (GOOD.upper().replace("SHA", "sha"),))) == [
            sdist("1.0")
        ]
        assert needed(page, TARGETS, PinnedRelease("1.0", 0, ("md5:" + "d" * 32, OTHER))) == [
            sdist("1.0"),
            wheel("1.0"),
        ]
        assert decided_by(page, TARGETS, PinnedRelease("1.0", 0, (GOOD,)))[1] == "projects"

    @pytest.mark.parametrize("digests", [{}, {"md5": "d" * 32}])
    @pytest.mark.parametrize("listed", [True, False])
    def test_the_download_is_checked_if_the_index_does_not_tell(
        self, digests: dict[str, str], listed: bool
    ) -> None:
        pins = PinnedRelease("1.0", 0, (GOOD,)), PinnedRelease("1.0", 0, (OTHER.upper(), GOOD))
        (decision,) = select(
            sdists("1.0", digests=digests), "foo", TARGETS, ProjectRequest(listed, pins=pins)
        )
        assert decision.wanted
        assert decision.file.pinned == (GOOD, OTHER)
        assert decision.file.verifiable

    def test_one_pin_without_digests_is_enough(self) -> None:
        pins = PinnedRelease("1.0", 0, (GOOD,)), PinnedRelease("1.0", 1)
        (decision,) = select(sdists("1.0", digests={}), "foo", TARGETS, ProjectRequest(False, pins=pins))
        assert (decision.wanted, decision.file.pinned) == (True, ())

    def test_a_digest_that_cannot_be_checked(self) -> None:
        pin = PinnedRelease("1.0", 0, ("crc:1",))
        assert decided_by(sdists("1.0", digests={}), TARGETS, pin) == ["projects"]
        assert "crc cannot be checked" in reasons(sdists("1.0", digests={}), TARGETS, pin)[0]


class TestUnmet:
    def unmet(
        self, page: list[File], rules: Rules, *pins: PinnedRelease, listed: bool = False
    ) -> list[tuple[PinnedRelease, str]]:
        return unmet(select(page, "foo", rules, ProjectRequest(listed, pins=pins)), pins, rules)

    def test_nothing_if_each_pin_has_a_file(self) -> None:
        page = files(wheel("1.0", "py3-none-win_amd64"), sdist("1.0"), sdist("1.1"))
        assert (
            self.unmet(
                page, TARGETS, PinnedRelease("1.0", 0), PinnedRelease("1.0", 1), PinnedRelease("1.1", 0)
            )
            == []
        )

    def test_a_release_that_is_not_listed(self) -> None:
        missing, present = PinnedRelease("1.1", 0), PinnedRelease("1.0", 1)
        assert [pin for pin, _ in self.unmet(sdists("1.0"), TARGETS, missing, present)] == [missing]

    def test_a_release_with_no_file_for_the_target(self) -> None:
        page = files(wheel("1.0", "cp311-cp311-win_amd64"), wheel("1.0", "cp310-cp310-win_amd64"))
        ((pin, reason),) = self.unmet(page, TARGETS, PinnedRelease("1.0", 0), PinnedRelease("1.0", 1))
        assert pin == PinnedRelease("1.0", 0)
        assert str(LINUX) in reason

    def test_a_release_that_needs_another_python(self) -> None:
        page = sdists("1.0", requires_python=">=3.13")
        ((_, reason),) = self.unmet(page, TARGETS, PinnedRelease("1.0", 1))
        assert ">=3.13" in reason

    def test_a_release_whose_files_the_rules_refuse(self) -> None:
        page = [
            *files(*(wheel("1.0", f"py3{number}-none-any") for number in range(5)), size=9),
            *sdists("1.0"),
        ]
        strict = replace(TARGETS, max_file_size=5, package_types=frozenset({"bdist_wheel"}))
        ((_, reason),) = self.unmet(page, strict, PinnedRelease("1.0", 0))
        assert (reason.count(".whl"), str(LINUX) in reason, "3 more" in reason) == (3, True, True)

    def test_a_release_that_is_held_back(self) -> None:
        page = sdists("1.0", upload_time=0.0)
        ((_, reason),) = self.unmet(page, replace(TARGETS, min_age=60.0), PinnedRelease("1.0", 0))
        assert "1970-01-01 00:01 UTC" in reason

    def test_a_digest_that_no_file_has(self) -> None:
        page = sdists("1.0", digests={"sha256": SHA256[0]})
        ((pin, reason),) = self.unmet(
            page, ALL, PinnedRelease("1.0", 0, (GOOD,)), PinnedRelease("1.0", 0, (OTHER,)), listed=True
        )
        assert pin == PinnedRelease("1.0", 0, (OTHER,))
        assert sdist("1.0") in reason

    def test_a_name_of_two_different_files(self) -> None:
        page = [*sdists("1.0", size=1), *sdists("1.0", size=2)]
        ((_, reason),) = self.unmet(page, ALL, PinnedRelease("1.0", 0))
        assert sdist("1.0") in reason


# Properties


def is_for(pin: PinnedRelease, decision: Decision, rules: Rules) -> bool:
    """Whether a file is one that a pin asks for, whatever the rules say of it."""
    if decision.distribution is None or (rules.targets and not decision.targets & (1 << pin.target)):
        return False
    given = {f"{name}:{digest}" for name, digest in decision.file.digests.items()}
    told = any(digest.partition(":")[0] in decision.file.digests for digest in pin.digests)
    return same(decision.version, pin.version) and (not told or bool(given & set(pin.digests)))


def same(one: str, two: str) -> bool:
    try:
        return Version(one) == Version(two)
    except InvalidVersion:
        return one == two


@given(SOUND_PAGES, ANY_RULES, PINS, STATUSES, CASES)
def test_only_what_a_pin_asks_for_is_wanted_of_a_project_that_is_not_listed(
    page: list[File], rules: Rules, pins: tuple[PinnedRelease, ...], status: str, case: dict[str, Any]
) -> None:
    for each in select(page, "foo", rules, ProjectRequest(False, pins=pins), status=status, **case):
        assert not each.wanted or any(is_for(pin, each, rules) for pin in pins)


@given(SOUND_PAGES, ANY_RULES, WANTS, STATUSES, CASES)
def test_a_pin_without_a_wanted_file_is_unmet(
    page: list[File], rules: Rules, wants: ProjectRequest, status: str, case: dict[str, Any]
) -> None:
    decisions = select(page, "foo", rules, wants, status=status, **case)
    missing = unmet(decisions, wants.pins, rules)
    met = [pin for pin in wants.pins if any(each.wanted and is_for(pin, each, rules) for each in decisions)]
    assert [pin for pin, _ in missing] == [pin for pin in wants.pins if pin not in met]
    assert all(reason for _, reason in missing)


@given(SOUND_PAGES, ANY_RULES, WANTS, CASES)
def test_pins_lose_nothing_that_is_wanted_without_them(
    page: list[File], rules: Rules, wants: ProjectRequest, case: dict[str, Any]
) -> None:
    rules = replace(rules, max_project_size=None)
    without = select(page, "foo", rules, wants._replace(pins=()), **case)
    for one, two in zip(without, select(page, "foo", rules, wants, **case), strict=True):
        assert two.wanted or not one.wanted


@given(SOUND_PAGES, ANY_RULES, PINS, CASES)
def test_a_resolver_may_choose_all_that_can_be_wanted_for_its_target(
    page: list[File], rules: Rules, pins: tuple[PinnedRelease, ...], case: dict[str, Any]
) -> None:
    assume(rules.targets)
    choice = {
        each.file.filename for each in select(page, "foo", rules.for_resolver(0), **case) if each.wanted
    }
    for each in select(page, "foo", rules, **case):
        assert not (each.wanted and each.targets & 1) or each.file.filename in choice
    # And what it then needs is wanted.
    pinned = tuple(pin._replace(target=0) for pin in pins)
    for each in select(page, "foo", rules, ProjectRequest(False, pins=pinned), **case):
        asked = any(is_for(pin, each, rules) for pin in pinned)
        assert each.wanted or not (asked and each.file.filename in choice)
