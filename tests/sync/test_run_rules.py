"""The rules of a config, as runs apply them: what is mirrored, what is noted, and what time changes."""

from __future__ import annotations

import time
from datetime import datetime, timezone
from typing import TYPE_CHECKING, Any

import pytest

from minimirror.storage import Catalog
from minimirror.sync import plan
from tests.helpers.running import Mirror

if TYPE_CHECKING:
    from pathlib import Path

    from tests.helpers.index import Index

LINUX = {"python": "3.12", "platform": "manylinux_2_28_x86_64"}
WINDOWS = {"python": "3.9", "platform": "win_amd64"}


@pytest.fixture
def mirror(index: Index, repository: Path) -> Mirror:
    return Mirror(index, repository, projects=["demo"])


def uploaded(seconds: float) -> datetime:
    return datetime.fromtimestamp(seconds, timezone.utc)


def test_each_target_gets_the_newest_release_that_it_accepts(mirror: Mirror, index: Index) -> None:
    for version in ("1.0", "2.0"):
        index.add_wheel("demo", version, tag="cp312-cp312-manylinux_2_17_x86_64")
        index.add_wheel("demo", version, tag="cp39-cp39-macosx_11_0_arm64")
    index.add_wheel("demo", "1.0", tag="cp39-abi3-win_amd64")
    index.add_sdist("demo", "3.0", requires_python=">=3.13")
    summary = mirror.complete(targets=[LINUX, WINDOWS])
    assert mirror.names() == {
        "demo-2.0-cp312-cp312-manylinux_2_17_x86_64.whl",
        "demo-1.0-cp39-abi3-win_amd64.whl",
    }
    assert summary.refused == {"targets": 3, "releases": 1}
    mirror.complete(targets=[WINDOWS])
    assert mirror.names() == {"demo-1.0-cp39-abi3-win_amd64.whl"}


def test_a_young_release_is_mirrored_when_it_is_old_enough(mirror: Mirror, index: Index) -> None:
    now = time.time()
    index.add_wheel("demo", "1.0", upload_time=uploaded(now - 7200))
    index.add_wheel("demo", "2.0", upload_time=uploaded(now - 1800))
    index.add_wheel("demo", "3.0", upload_time=uploaded(now - 60))
    summary = mirror.complete(min_age="1 hour")
    assert mirror.names() == {"demo-1.0-py3-none-any.whl"}
    assert summary.refused == {"min_age": 2}
    with Catalog(mirror.state / "catalog.sqlite") as catalog:
        row = catalog.projects.get("demo")
    assert row
    assert row.due == pytest.approx(now + 1800, abs=1)
    # Nothing changes on the index until then.
    with Catalog(mirror.state / "catalog.sqlite") as catalog:
        catalog.projects.put(row._replace(due=now - 1))
        catalog.commit()
    assert mirror.complete(min_age="1 hour").projects_read == 1
    assert mirror.complete(min_age="1 hour").projects_read == 0
    mirror.complete(min_age="1 hour", min_age_exempt=["re:de.*"])
    assert mirror.names() == {"demo-3.0-py3-none-any.whl"}


def test_a_project_with_a_refused_status_is_deleted(mirror: Mirror, index: Index) -> None:
    index.add_wheel("demo", "1.0")
    mirror.complete(project_status=["active"])
    assert len(mirror.names()) == 1
    index.status("demo", "archived")
    summary = mirror.run(project_status=["active"])
    assert summary.unmatched == {"project_status": 1}
    assert mirror.names() == set()
    (note,) = summary.notes
    assert note.startswith("demo: ")
    assert "project_status 1" in note


@pytest.mark.parametrize(
    ("rules", "kept"),
    [
        ({"max_file_size": "50 kB"}, "2.0"),
        ({"max_project_size": "50 kB", "releases": "all"}, None),
        ({"exclude_files": ["demo-3.*"]}, "2.0"),
        ({"exclude_files": ["re:demo-[23].*"]}, "1.0"),
        ({"uploaded_before": "2020-06-01"}, "1.0"),
        ({"min_releases": 4}, None),
        ({"min_releases": 3}, "3.0"),
        ({"projects": ["re:d.m."]}, "3.0"),
        ({"projects": ["d*"], "exclude_projects": ["re:.*mo"]}, None),
    ],
    ids=str,
)
def test_the_rules_of_a_config(mirror: Mirror, index: Index, rules: dict[str, Any], kept: str | None) -> None:
    index.add_wheel("demo", "1.0", upload_time=datetime(2020, 1, 1, tzinfo=timezone.utc))
    index.add_wheel("demo", "2.0", upload_time=datetime(2021, 1, 1, tzinfo=timezone.utc))
    index.add_wheel("demo", "3.0", upload_time=datetime(2022, 1, 1, tzinfo=timezone.utc), padding=100_000)
    summary = mirror.run(**rules)
    assert summary.complete == (kept is not None)
    assert mirror.names() == ({f"demo-{kept}-py3-none-any.whl"} if kept else set())


class TestNothingMatches:
    """It is no success, and the rules that refused everything are named: in each run, and in the plan."""

    @pytest.fixture
    def mirror(self, index: Index, repository: Path) -> Mirror:
        return Mirror(index, repository)

    @pytest.mark.parametrize(
        ("rules", "refused"),
        [
            ({"python_versions": ["cp27"]}, {"python_versions": 2}),
            ({"package_types": ["sdist"], "exclude_files": ["demo*"]}, {"package_types": 2}),
            ({"projects": ["demo>=3"], "exclude_files": ["demo-2*"]}, {"exclude_files": 1, "projects": 1}),
            ({"projects": ["x*"], "exclude_projects": ["demo"]}, {"projects": 0, "exclude_projects": 0}),
            ({"exclude_projects": ["*"]}, {"exclude_projects": 0}),
        ],
        ids=str,
    )
    @pytest.mark.parametrize("serials", [True, False])
    def test_the_rules_are_named(
        self, mirror: Mirror, index: Index, rules: dict[str, Any], refused: dict[str, int], serials: bool
    ) -> None:
        index.serials = serials
        index.add_wheel("demo", "1.0")
        index.add_wheel("demo", "2.0")
        planned = plan(mirror.settings(**rules))
        assert (planned.summary.unmatched, planned.runs) == (refused, False)
        for _ in range(2):
            summary = mirror.run(**rules)
            assert (summary.unmatched, summary.complete, summary.failures) == (refused, False, [])
        planned = plan(mirror.settings(**rules))
        assert (planned.summary.unmatched, planned.runs) == (refused, False)
        mirror.complete()
        assert mirror.complete(exclude_files=["demo-2*"]).unmatched is None

    def test_an_empty_index_and_empty_projects_are_not_the_fault_of_the_config(
        self, mirror: Mirror, index: Index
    ) -> None:
        assert mirror.complete().unmatched is None
        index.add_project("empty")
        assert mirror.complete().unmatched is None
        assert mirror.complete(projects=["empty"]).unmatched is None

    def test_a_page_that_has_not_changed_counts(self, mirror: Mirror, index: Index) -> None:
        index.add_wheel("demo", "1.0")
        index.add_wheel("other", "1.0")
        mirror.run(exclude_files=["*"])
        index.add_wheel("new", "2.0")
        assert mirror.run(exclude_files=["*"]).unmatched == {"exclude_files": 2}
