"""Which projects are wanted: names, patterns, and what targets need."""

from __future__ import annotations

import pytest

from minimirror.selection import IndexRules, PinnedRelease, ProjectRequest, ProjectRules
from tests.helpers.selecting import ALL, sdists, versions


class TestProjectRules:
    def test_everything_where_none_is_listed(self) -> None:
        projects = ProjectRules(None, [])
        assert projects.needs_root
        assert projects.selects("anything")
        assert (projects.named(), projects.specifiers("anything")) == ([], ())

    def test_names_need_no_root_and_are_normalised(self) -> None:
        projects = ProjectRules(["Foo_Bar", "baz"], [])
        assert not projects.needs_root
        assert projects.named() == ["foo-bar", "baz"]
        assert [projects.selects(name) for name in ("foo-bar", "baz", "foo", "foo-bar-baz")] == [1, 1, 0, 0]

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
            assert projects.selects(name) == wanted
        assert ProjectRules(None, ["x", entry]).selects(name) != wanted

    @pytest.mark.parametrize("entry", ["numpy==2.*", "numpy!=1.*,>1", "numpy == 2.*", "numpy (==2.*)"])
    def test_a_wildcard_in_a_specifier_is_not_a_glob(self, entry: str) -> None:
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
        assert [projects.selects(name) for name in ("foo", "bar", "foo-x", "foo-y")] == [1, 0, 0, 1]

    @pytest.mark.parametrize(
        ("entry", "name", "wanted"),
        [
            ("re:django-.*", "django-rest", True),
            ("re:DJANGO-(rest|cms)", "django-cms", True),
            ("re:django", "django-rest", False),
            ("re:rest", "django-rest", False),
            (r"re:(a|b)\1", "aa", True),
            (r"re:(a|b)\1", "ab", False),
            ("re:a[<>=]?b", "ab", True),
        ],
    )
    def test_expressions(self, entry: str, name: str, wanted: bool) -> None:
        for projects in (ProjectRules([entry], []), ProjectRules(["x", "re:(c)\\1", "y*", entry], [])):
            assert projects.needs_root
            assert projects.selects(name) == wanted
            assert not projects.lists_by_name(name)
        assert ProjectRules(None, ["re:x", entry]).selects(name) != wanted

    def test_fingerprint_differs_if_other_projects_may_be_wanted(self) -> None:
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
                (["re:bar"], ["foo"]),
            ]
        ]
        made.append(ProjectRules(["bar*"], ["foo"], {"baz": ()}).fingerprint())
        assert len(set(made)) == len(made)
        assert ProjectRules(["a", "b"], []).fingerprint() == ProjectRules(["b", "A"], []).fingerprint()


PINS = {"bar": (PinnedRelease("1.0", 0),), "foo": (PinnedRelease("2.0", 1),)}


class TestPinnedProjects:
    def test_are_wanted_in_addition_to_those_listed(self) -> None:
        projects = ProjectRules(["foo<3"], [], PINS)
        assert not projects.needs_root
        assert projects.named() == ["foo", "bar"]
        assert projects.request("foo") == ProjectRequest(True, ("<3",), PINS["foo"])
        assert projects.request("bar") == ProjectRequest(False, (), PINS["bar"])

    def test_with_an_empty_list_only_they_are_wanted(self) -> None:
        projects = ProjectRules((), [], PINS)
        assert not projects.needs_root
        assert [projects.selects(name) for name in ("foo", "bar", "baz")] == [True, True, False]

    def test_of_a_whole_index_and_of_patterns(self) -> None:
        assert ProjectRules(None, [], PINS).request("bar") == ProjectRequest(True, (), PINS["bar"])
        assert ProjectRules(["b*"], [], PINS).request("bar") == ProjectRequest(True, (), PINS["bar"])
        assert ProjectRules(["b*"], [], PINS).named() == ["bar", "foo"]

    def test_exclusion_wins(self) -> None:
        projects = ProjectRules([], ["re:ba.*"], PINS)
        assert (projects.named(), projects.selects("bar")) == (["foo"], False)

    def test_with_follow_they_count_as_listed(self) -> None:
        projects = ProjectRules(["foo<3"], [], PINS, follow=True)
        assert projects.request("bar") == ProjectRequest(True, (), PINS["bar"])
        assert projects.request("foo") == ProjectRequest(True, ("<3",), PINS["foo"])
        assert not projects.selects("baz")

    def test_only_the_config_lists_a_project_by_name(self) -> None:
        """A resolver cannot decide which projects are local."""
        projects = ProjectRules(["foo", "ba*", "baz"], ["baz"], PINS, follow=True)
        assert [projects.lists_by_name(name) for name in ("foo", "bar", "baz")] == [True, False, False]


class TestIndexRules:
    RULES = IndexRules([["torch", "Torch.Vision"], ["re:nvidia-.*", "torch*"]])

    @pytest.mark.parametrize(
        ("project", "number"),
        [("torch", 1), ("torch-vision", 1), ("torch-audio", 2), ("nvidia-cuda", 2), ("my-nvidia-cuda", 0)],
    )
    def test_a_project_comes_from_the_first_index_that_names_it(self, project: str, number: int) -> None:
        assert self.RULES.number_of(project) == number

    def test_only_patterns_need_the_list_of_an_index(self) -> None:
        assert [self.RULES.names(number) for number in range(3)] == [None, ["torch", "torch-vision"], None]

    def test_a_single_index_has_everything(self) -> None:
        assert (IndexRules([]).number_of("torch"), IndexRules([]).names(0)) == (0, None)
