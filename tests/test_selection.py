"""The rules: which files of a page are wanted, and the reason of each."""

from __future__ import annotations

import pickle
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from packaging.version import Version

from minimirror.config import Config
from minimirror.index.page import File
from minimirror.selection import Decision, ProjectRules, Rules, select

if TYPE_CHECKING:
    from collections.abc import Sequence

ALL = Rules(
    package_types=None,
    extensions=None,
    python_versions=None,
    platforms=None,
    releases=None,
    prereleases=True,
    yanked=True,
)
"""Rules that refuse nothing."""

NEWEST = replace(ALL, releases=1)
FINAL = replace(ALL, prereleases=False, yanked=False)


def rules(**listed: Any) -> Rules:
    changed: dict[str, Any] = {
        key: frozenset(value) if isinstance(value, tuple) else value for key, value in listed.items()
    }
    return replace(ALL, **changed)


def files(*names: str, yanked: str | None = None) -> list[File]:
    return [File(name, f"https://example.org/{name}", {}, yanked=yanked) for name in names]


def sdist(version: str) -> str:
    return f"foo-{version}.tar.gz"


def wheel(version: str, tags: str = "py3-none-any") -> str:
    return f"foo-{version}-{tags}.whl"


def sdists(*versions: str, yanked: str | None = None) -> list[File]:
    return files(*map(sdist, versions), yanked=yanked)


def wanted(page: Sequence[File], rules: Rules, *specifiers: str) -> list[str]:
    return [each.file.filename for each in select(page, "foo", rules, specifiers) if each.wanted]


def versions(page: Sequence[File], rules: Rules, *specifiers: str) -> list[str]:
    return [each.version for each in select(page, "foo", rules, specifiers) if each.wanted]


def refusals(page: Sequence[File], rules: Rules, *specifiers: str) -> list[tuple[str, str]]:
    return [(each.rule, each.reason) for each in select(page, "foo", rules, specifiers) if not each.wanted]


class TestFileRules:
    def test_without_rules_everything_that_can_be_read_is_wanted(self) -> None:
        page = files(sdist("1.0"), wheel("2.0a1"), "foo-1.0.win32.exe", "foo-1.0.txt", "bar-1.0.tar.gz")
        assert wanted(page, ALL) == [each.filename for each in page[:3]]
        assert refusals(page, ALL) == [
            ("filename", "no package type has the extension 'txt'"),
            ("filename", "not a file of project foo"),
        ]

    def test_package_types(self) -> None:
        page = files(sdist("1.0"), wheel("1.0"), "foo-1.0-py2.7.egg", "foo-1.0.linux-x86_64.tar.gz")
        assert wanted(page, rules(package_types=("sdist", "bdist_egg"))) == [
            sdist("1.0"),
            "foo-1.0-py2.7.egg",
        ]
        assert refusals(page, rules(package_types=("sdist", "bdist_egg"))) == [
            ("package_types", "bdist_wheel is not listed"),
            ("package_types", "bdist_dumb is not listed"),
        ]

    def test_extensions_are_the_last_ones(self) -> None:
        page = files(sdist("1.0"), "foo-1.0.zip", "foo-1.0.tar", "foo-1.0.tar.Z")
        assert wanted(page, rules(extensions=("gz", "z"))) == [sdist("1.0"), "foo-1.0.tar.Z"]
        assert refusals(page, rules(extensions=("gz", "z"))) == [
            ("extensions", "zip is not listed"),
            ("extensions", "tar is not listed"),
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

    def test_platforms_say_nothing_of_files_that_name_none(self) -> None:
        page = files(sdist("1.0"), "foo-1.0.win32.exe", "foo-1.0-py2.7-linux-x86_64.egg", "foo-1.0-py2.7.egg")
        assert wanted(page, rules(platforms=("linux",))) == [sdist("1.0"), "foo-1.0-py2.7-linux-x86_64.egg"]
        assert refusals(page, rules(platforms=("linux",))) == [
            ("platforms", "win32 is not listed"),
            ("platforms", "any is not listed"),
        ]

    def test_yanked(self) -> None:
        page = [*sdists("1.0"), *sdists("2.0", yanked="breaks"), *sdists("3.0", yanked="")]
        assert versions(page, ALL) == ["1.0", "2.0", "3.0"]
        assert versions(page, rules(yanked=False)) == ["1.0"]
        assert refusals(page, rules(yanked=False)) == [("yanked", "yanked: breaks"), ("yanked", "yanked")]

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
            found += [rule for rule, _ in refusals(page, narrow)]
            narrow = replace(narrow, **{key: getattr(ALL, key)})
        assert found == ["package_types", "extensions", "python_versions", "platforms", "yanked"]

    def test_a_file_that_is_listed_twice_is_wanted_once(self) -> None:
        page = [*sdists("1.0", yanked=""), *sdists("1.0"), *sdists("1.0"), *sdists("2.0")]
        decisions = select(page, "foo", FINAL)
        assert [each.wanted for each in decisions] == [False, True, False, True]
        assert (decisions[2].rule, decisions[2].reason) == ("filename", "a file of that name is listed twice")
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
    def test_one_name_for_two_files_is_nobodys(self, listed: list[dict[str, Any]], same: bool) -> None:
        (file,) = sdists("1.0")
        page = [*(file._replace(**each) for each in listed), *sdists("0.9")]
        decisions = select(page, "foo", NEWEST)
        # Nor does an older release come in its place.
        assert [each.wanted for each in decisions] == [same, False, False]
        assert [each.suspect for each in decisions] == [False, not same, False]

    def test_names_that_differ_in_case_are_one(self) -> None:
        page = files("Foo-1.0.tar.gz", "foo-1.0.tar.gz", "FOO-1.0.tar.gz")
        page[2] = page[2]._replace(url=page[0].url)
        decisions = select(page, "foo", ALL)
        assert [(each.wanted, each.suspect, each.reason) for each in decisions] == [
            (True, False, "wanted"),
            (False, True, "differs from Foo-1.0.tar.gz in case only, and is another file"),
            (False, False, "a file of that name is listed twice"),
        ]

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
    def test_what_no_sound_page_lists_is_suspect(self, filename: str, suspect: bool) -> None:
        (decision,) = select(files(filename), "foo", ALL)
        assert (decision.wanted, decision.rule, decision.suspect) == (False, "filename", suspect)


class TestReleases:
    def test_the_newest_by_version_and_not_by_place(self) -> None:
        assert versions(sdists("1.10", "1.9", "1!0.1", "1.2"), NEWEST) == ["1!0.1"]
        assert versions(sdists("1.10", "1.9", "1.2"), rules(releases=2)) == ["1.10", "1.9"]
        assert versions(sdists("1.10", "1.9"), rules(releases=9)) == ["1.10", "1.9"]

    def test_every_file_of_a_kept_release(self) -> None:
        page = files(sdist("1.0"), sdist("2.0"), wheel("2.0"), wheel("1.0"), wheel("2.0", "py2-none-any"))
        assert wanted(page, NEWEST) == [sdist("2.0"), wheel("2.0"), wheel("2.0", "py2-none-any")]
        assert refusals(page, NEWEST) == [("releases", "not the newest release")] * 2
        assert refusals(sdists("1", "2", "3"), rules(releases=2)) == [
            ("releases", "not among the 2 newest releases")
        ]

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

    def test_what_is_no_version_is_older_than_any_that_is(self) -> None:
        assert versions(sdists("2004d", "0.1"), NEWEST) == ["0.1"]
        assert versions(sdists("2004d", "2004e"), NEWEST) == ["2004e"]
        assert versions(sdists("2004d", "0.1", "2004e"), rules(releases=2)) == ["0.1", "2004e"]

    def test_local_versions_are_newer_than_public_ones(self) -> None:
        assert versions(sdists("1.0+local", "1.0"), NEWEST) == ["1.0+local"]


class TestPrereleases:
    def test_refused_where_there_is_a_final_release(self) -> None:
        page = sdists("1.0", "2.0a1", "2.0.dev1", "2.0rc1", "0.9.post1")
        assert versions(page, FINAL) == ["1.0", "0.9.post1"]
        assert refusals(page, FINAL)[0] == ("prereleases", "2.0a1 is a pre-release")

    def test_kept_where_there_is_nothing_else(self) -> None:
        assert versions(sdists("2.0a1", "2.0rc1"), replace(FINAL, releases=1)) == ["2.0rc1"]

    def test_a_final_release_that_was_yanked_is_none(self) -> None:
        page = [*sdists("1.0", yanked=""), *sdists("2.0a1")]
        assert versions(page, FINAL) == ["2.0a1"]
        assert versions(page, rules(prereleases=False)) == ["1.0"]

    def test_a_final_release_that_no_specifier_allows_is_none(self) -> None:
        page = sdists("1.0", "2.0a1")
        assert versions(page, FINAL, ">1") == ["2.0a1"]

    def test_a_final_release_with_no_wanted_file_still_is_one(self) -> None:
        page = files(wheel("1.0"), sdist("2.0a1"))
        assert refusals(page, replace(FINAL, package_types=frozenset({"sdist"}))) == [
            ("package_types", "bdist_wheel is not listed"),
            ("prereleases", "2.0a1 is a pre-release"),
        ]

    def test_a_specifier_may_ask_for_them(self) -> None:
        assert versions(sdists("1.0", "2.0a1", "2.0a2"), FINAL, ">=2.0a2") == ["2.0a2"]


class TestSpecifiers:
    def test_a_release_has_to_meet_any(self) -> None:
        page = sdists("1.0", "1.5", "2.0", "3.0", "2004d")
        assert versions(page, ALL, "<1.2", "==3.*") == ["1.0", "3.0"]
        assert refusals(page, ALL, "<1.2", "==3.*")[0] == ("projects", "1.5 is not in <1.2 or ==3.*")
        assert versions(page, ALL, "") == ["1.0", "1.5", "2.0", "3.0"]

    def test_the_newest_of_those_that_meet_it(self) -> None:
        assert versions(sdists("1.0", "1.5", "2.0"), NEWEST, "<2") == ["1.5"]

    def test_nothing_may_be_left(self) -> None:
        assert versions(sdists("1.0"), NEWEST, ">2") == []
        assert select([], "foo", NEWEST, [">2"]) == []


class TestProjectRules:
    def test_everything_where_none_is_listed(self) -> None:
        projects = ProjectRules(None, [])
        assert projects.needs_root
        assert projects.wants("anything")
        assert (projects.named(), projects.specifiers("anything")) == ([], ())

    def test_names_need_no_root_and_are_normalised(self) -> None:
        projects = ProjectRules(["Foo_Bar", "baz"], [])
        assert not projects.needs_root
        assert projects.named() == ["foo-bar", "baz"]
        assert [projects.wants(name) for name in ("foo-bar", "baz", "foo", "foo-bar-baz")] == [1, 1, 0, 0]

    @pytest.mark.parametrize(
        ("entry", "name", "wanted"),
        [
            ("django-*", "django-rest", True),
            ("Django_*", "django-rest", True),
            ("django.*", "django-rest", True),
            ("django-*", "django", False),
            ("django-*", "my-django-rest", False),
            ("*-stubs", "foo-stubs", True),
            ("ba?", "baz", True),
            ("ba?", "ba", False),
            ("ba[rz]", "bar", True),
            ("ba[!rz]", "bar", False),
            ("*", "anything", True),
        ],
    )
    def test_globs(self, entry: str, name: str, wanted: bool) -> None:
        for projects in (ProjectRules([entry], []), ProjectRules(["other", entry], [])):
            assert projects.needs_root
            assert projects.wants(name) == wanted
        assert ProjectRules(None, ["x", entry]).wants(name) != wanted

    @pytest.mark.parametrize("entry", ["numpy==2.*", "numpy!=1.*,>1", "numpy == 2.*", "numpy (==2.*)"])
    def test_a_wildcard_in_a_specifier_makes_no_glob(self, entry: str) -> None:
        projects = ProjectRules([entry], [])
        assert not projects.needs_root
        assert projects.named() == ["numpy"]
        (specifier,) = projects.specifiers("numpy")
        assert versions(sdists("1.1", "2.1"), ALL, specifier) == ["2.1"]

    def test_specifiers_of_one_project_add_up(self) -> None:
        projects = ProjectRules(["foo<2", "Foo>=3,<4", "bar"], [])
        assert projects.specifiers("bar") == ("",)
        assert versions(sdists("1", "2", "3", "4"), ALL, *projects.specifiers("foo")) == ["1", "3"]

    def test_exclusion_wins(self) -> None:
        projects = ProjectRules(["foo", "Bar", "foo-*"], ["FOO_x", "b*"])
        assert projects.named() == ["foo"]
        assert [projects.wants(name) for name in ("foo", "bar", "foo-x", "foo-y")] == [1, 0, 0, 1]

    def test_fingerprint_differs_where_other_projects_may_be_wanted(self) -> None:
        made = [
            ProjectRules(projects, exclude).fingerprint()
            for projects, exclude in [
                (None, []),
                (None, ["foo"]),
                ([], []),
                (["foo"], []),
                (["foo*"], []),
                (["foo", "foo*"], []),
                (["bar*"], ["foo"]),
            ]
        ]
        assert len(set(made)) == len(made)
        assert ProjectRules(["a", "b"], []).fingerprint() == ProjectRules(["b", "A"], []).fingerprint()


class TestRules:
    def test_of_a_config(self) -> None:
        config = Config(
            repository="/data",
            package_types=["sdist"],
            extensions=[".GZ"],
            python_versions=["source", "3.0"],
            platforms=["linux"],
            releases="all",
            prereleases=True,
        )
        assert Rules.of(config) == Rules(
            package_types=frozenset({"sdist"}),
            extensions=frozenset({"gz"}),
            python_versions=frozenset({"source", "3.0"}),
            platforms=frozenset({"linux"}),
            releases=None,
            prereleases=True,
            yanked=False,
        )

    def test_of_a_config_that_says_nothing(self) -> None:
        assert Rules.of(Config(repository="/data")) == replace(FINAL, releases=1)

    def test_fingerprint_differs_where_the_selection_may(self) -> None:
        changed: list[dict[str, Any]] = [
            {},
            {"package_types": ("sdist",)},
            {"extensions": ("sdist",)},
            {"extensions": ()},
            {"python_versions": ("a", "b")},
            {"platforms": ("a",)},
            {"releases": 1},
            {"prereleases": False},
            {"yanked": False},
        ]
        made = {rules(**change).fingerprint([]) for change in changed}
        made |= {ALL.fingerprint(["<1"]), ALL.fingerprint(["<1", "<2"])}
        assert len(made) == len(changed) + 2

    def test_fingerprint_does_not_depend_on_the_order_of_a_list(self) -> None:
        names = [f"cp3{number}" for number in range(20)]
        one, two = rules(python_versions=tuple(names)), rules(python_versions=tuple(reversed(names)))
        assert one.fingerprint(["<1"]) == two.fingerprint(["<1"])

    def test_a_decision_goes_through_a_pipe(self) -> None:
        decisions = select(files(sdist("1.0"), "bad"), "foo", ALL)
        assert pickle.loads(pickle.dumps(decisions)) == decisions


# Properties

VERSIONS = ["1.0", "1.0.0", "1.1", "2.0", "2.0a1", "2.0rc1", "3.0.dev1", "1!0.1", "1.0+x", "2004d", "nightly"]
TAGS = [
    "py3-none-any",
    "py2.py3-none-any",
    "cp312-cp312-win_amd64",
    "cp312-abi3-manylinux_2_17_x86_64",
    "x-y-z",
]
NAMES = [sdist(version) for version in VERSIONS] + [
    wheel(version, tags) for version in VERSIONS if "-" not in version for tags in TAGS
]
ODD = ["foo-1.0.zip", "foo-1.0-py2.7.egg", "foo-2.0.win32.exe", "bar-1.0.tar.gz", "foo", "../foo-1.tar.gz"]
FILES = st.builds(
    lambda name, yanked: File(name, "https://example.org/" + name, {}, yanked=yanked),
    st.one_of(st.sampled_from(NAMES), st.sampled_from(ODD), st.text(max_size=5)),
    st.sampled_from([None, None, None, "", "broken"]),
)
PAGES = st.lists(FILES, max_size=12)


def _listed(*values: str) -> st.SearchStrategy[frozenset[str] | None]:
    return st.none() | st.frozensets(st.sampled_from(values))


ANY_RULES = st.builds(
    Rules,
    package_types=_listed("sdist", "bdist_wheel", "bdist_egg", "bdist_wininst"),
    extensions=_listed("gz", "zip", "whl", "egg", "exe"),
    python_versions=_listed("py3", "py2.py3", "cp312", "source", "2.7", "any"),
    platforms=_listed("any", "linux", "win", "win_amd64", "manylinux"),
    releases=st.sampled_from([None, 1, 2, 3]),
    prereleases=st.booleans(),
    yanked=st.booleans(),
)
SPECIFIERS = st.lists(st.sampled_from(["", "<2", ">=1.1", "==2.*", ">=2.0a1", "!=1.0"]), max_size=2)
LISTS = ["package_types", "extensions", "python_versions", "platforms"]


@given(PAGES, ANY_RULES, SPECIFIERS)
def test_every_file_is_wanted_or_has_a_rule_and_a_reason(
    page: list[File], rules: Rules, specifiers: list[str]
) -> None:
    decisions = select(page, "foo", rules, specifiers)
    assert [each.file for each in decisions] == page
    for each in decisions:
        assert each.reason
        assert bool(each.rule) != each.wanted
        assert each.distribution or not each.wanted
    names = [each.file.filename for each in decisions if each.wanted]
    assert len(set(names)) == len(names)
    assert select(page, "foo", rules, specifiers) == decisions


@given(PAGES, ANY_RULES, SPECIFIERS, st.sampled_from([1, 2, 3]))
def test_a_kept_release_is_kept_whole_and_newer_than_a_refused_one(
    page: list[File], rules: Rules, specifiers: list[str], newest: int
) -> None:
    every = select(page, "foo", replace(rules, releases=None), specifiers)
    some = select(page, "foo", replace(rules, releases=newest), specifiers)
    kept = {_release(each) for each in some if each.wanted}
    acceptable = {_release(each) for each in every if each.wanted}
    assert kept == set(sorted(acceptable)[-newest:])
    for before, after in zip(every, some, strict=True):
        if before.wanted:
            assert after.wanted == (_release(before) in kept)
            assert after.wanted or after.rule == "releases"
        else:
            # A name that is listed twice is told of only where it would be kept.
            assert after == before or (before.rule, after.rule) == ("filename", "releases")


def _release(decision: Decision) -> tuple[bool, Version | str]:
    assert decision.distribution
    release = decision.distribution.release()
    return release is not None, release or decision.version


@given(PAGES, ANY_RULES, SPECIFIERS, st.sampled_from(LISTS), st.data())
def test_narrowing_a_list_adds_only_older_releases(
    page: list[File], rules: Rules, specifiers: list[str], key: str, data: st.DataObject
) -> None:
    listed = data.draw(st.frozensets(st.sampled_from(["sdist", "bdist_wheel", "gz", "py3", "source", "win"])))
    before = getattr(rules, key)
    changed: dict[str, Any] = {key: listed if before is None else before & listed}
    narrower = replace(rules, **changed)
    wide, narrow = select(page, "foo", rules, specifiers), select(page, "foo", narrower, specifiers)
    for one, two in zip(wide, narrow, strict=True):
        # A release that a narrower list leaves without a file makes room for an older one.
        assert one.wanted or not two.wanted or one.rule == "releases"


@given(PAGES, ANY_RULES, SPECIFIERS, st.sampled_from([1, 2, 3]))
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
    assert select(page, "foo", with_them, specifiers) == select(page, "foo", without, specifiers)


def _is_prerelease(file: File) -> bool:
    return any(f"-{version}" in file.filename for version in ("2.0a1", "2.0rc1", "3.0.dev1"))
