"""The rules: those of a config, their order, their fingerprint."""

from __future__ import annotations

import pickle
import re
from dataclasses import fields, replace
from typing import Any

from minimirror import selection
from minimirror.config import Config
from minimirror.selection import RULES, PinnedRelease, ProjectRequest, Rules
from tests.helpers.selecting import ALL, FINAL, LINUX, MAC, NEWEST, decide, files, rules, sdist


class TestRules:
    def test_of_a_full_config(self) -> None:
        config = Config(
            repository="/data",
            package_types=["sdist"],
            extensions=[".GZ"],
            python_versions=["source", "3.0"],
            platforms=["linux"],
            releases="all",
            prereleases=True,
            targets=[LINUX, MAC],
            exclude_files=["*.exe", "*.egg"],
            max_file_size="1 MB",
            uploaded_before="1970-01-02",
            min_age="1 day",
            min_age_exempt=["re:foo", "bar"],
            project_status=["archived", "active"],
            min_releases=2,
            vulnerable="exclude",
            max_project_size="1 GB",
        )
        assert Rules.of(config) == Rules(
            package_types=frozenset({"sdist"}),
            extensions=frozenset({"gz"}),
            python_versions=frozenset({"source", "3.0"}),
            platforms=frozenset({"linux"}),
            releases=None,
            prereleases=True,
            yanked=False,
            targets=(LINUX, MAC),
            exclude_files=("*.egg", "*.exe"),
            max_file_size=10**6,
            uploaded_before=86_400.0,
            min_age=86_400.0,
            min_age_exempt=("bar", "re:foo"),
            project_status=frozenset({"active", "archived"}),
            min_releases=2,
            vulnerable=False,
            max_project_size=10**9,
        )

    def test_of_an_empty_config(self) -> None:
        assert Rules.of(Config(repository="/data")) == replace(FINAL, releases=1)

    def test_fingerprint_differs_if_the_selection_may_differ(self) -> None:
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
            {"targets": (LINUX,)},
            {"targets": (LINUX, MAC)},
            {"targets": (MAC, LINUX)},
            {"exclude_files": ("*.exe",)},
            {"max_file_size": 1},
            {"max_project_size": 1},
            {"uploaded_before": 1.0},
            {"min_age": 1.0},
            {"min_age_exempt": ("foo",)},
            {"project_status": ("active",)},
            {"min_releases": 2},
            {"vulnerable": False},
        ]
        made = {rules(**change).fingerprint([]) for change in changed}
        made |= {ALL.fingerprint(["<1"]), ALL.fingerprint(["<1", "<2"])}
        assert len(made) == len(changed) + 2

    def test_fingerprint_is_the_same_as_in_earlier_versions(self) -> None:
        """Otherwise each mirror would read every page again."""
        assert Rules.of(Config(repository="/data")).fingerprint(["https://example.org/simple/"]) == (
            "61bbea587d922ea1"
        )

    def test_fingerprint_does_not_depend_on_the_order_of_a_list(self) -> None:
        names = [f"cp3{number}" for number in range(20)]
        one, two = (
            Rules.of(Config(repository="/data", python_versions=each, exclude_files=each))
            for each in (names, names[::-1])
        )
        assert one.fingerprint(["<1"]) == two.fingerprint(["<1"])

    def test_a_decision_can_be_pickled(self) -> None:
        decisions = decide(files(sdist("1.0"), "bad"), rules(targets=(LINUX,)))
        assert pickle.loads(pickle.dumps(decisions)) == decisions

    def test_rules_can_be_pickled(self) -> None:
        made = rules(targets=(LINUX, MAC), exclude_files=("*.exe",), project_status=("active",))
        assert pickle.loads(pickle.dumps(made)) == made

    def test_for_a_resolver(self) -> None:
        made = replace(NEWEST, targets=(LINUX, MAC), prereleases=False, yanked=False, max_project_size=1)
        assert made.for_resolver(1) == rules(targets=(MAC,))
        kept = {"package_types": ("sdist",), "min_age": 60.0, "vulnerable": False, "max_file_size": 5}
        assert rules(targets=(MAC,), **kept).for_resolver(0) == rules(targets=(MAC,), **kept)


class TestProjectRequest:
    def test_texts_differ_for_different_requests(self) -> None:
        one, two = PinnedRelease("1.0", 0), PinnedRelease("1.0", 1, ("sha256:a", "md5:b"))
        made = [
            ProjectRequest(),
            ProjectRequest(False),
            ProjectRequest(True, ("<1",)),
            ProjectRequest(True, ("<1", "<2")),
            ProjectRequest(True, (), (one,)),
            ProjectRequest(False, (), (one,)),
            ProjectRequest(False, (), (two,)),
            ProjectRequest(False, (), (one, two)),
            ProjectRequest(False, (), (one._replace(version="1.1"),)),
            ProjectRequest(False, (), (two._replace(digests=("sha256:a",)),)),
        ]
        texts = {ALL.fingerprint(request.texts()) for request in made}
        assert len(texts) == len(made)
        assert texts & {ALL.fingerprint([])}

    def test_texts_do_not_depend_on_the_order_of_pins(self) -> None:
        one, two = PinnedRelease("1.0", 0, ("sha256:a", "md5:b")), PinnedRelease("1.0", 1)
        swapped = (two, one._replace(digests=("md5:b", "sha256:a")))
        assert ProjectRequest(pins=(one, two)).texts() == ProjectRequest(pins=swapped).texts()


def test_the_documentation_has_every_rule_in_order() -> None:
    names = [name for name in re.findall(r"``(\w+)``", selection.__doc__ or "") if name in RULES]
    assert list(dict.fromkeys(names)) == [name for name in RULES if name not in {"filename", "projects"}]
    assert {field.name for field in fields(Rules)} - set(RULES) == {"min_age_exempt", "reports_vulnerable"}
