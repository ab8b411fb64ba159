"""The report of a mirror: what it holds, in sums, and how it grew."""

from __future__ import annotations

import json
import sqlite3
from contextlib import closing
from datetime import datetime, timedelta, timezone
from typing import TYPE_CHECKING

import pytest

from minimirror.config import load
from minimirror.publish.report import OnDemand
from minimirror.storage import Catalog, Demand, DemandedFile, FolderError, MissedProject
from minimirror.sync import mirror_report, requested
from tests.helpers.distributions import sdist
from tests.helpers.index import Status
from tests.helpers.running import Mirror

if TYPE_CHECKING:
    from pathlib import Path

    from minimirror.publish.report import Report
    from tests.helpers.index import Index


def report(mirror: Mirror) -> Report:
    return mirror_report(load(mirror.config(), {}))


def test_sums_of_what_is_held(index: Index, repository: Path) -> None:
    index.add_wheel("demo", "1.9")
    index.add_wheel("demo", "1.10")
    index.add_sdist("other", "1.0")
    mirror = Mirror(index, repository, releases="all")
    mirror.complete()
    (repository / "mine-1.0.tar.gz").write_bytes(b"1234")
    found = report(mirror)
    held = {path.name: path.stat().st_size for path in repository.glob("*-*") if "mine" not in path.name}
    assert (found.selected, found.files, found.releases) == (2, 3, 3)
    assert found.bytes == sum(held.values())
    assert [release.name for each in found.projects if each.name == "demo" for release in each.releases] == [
        "1.10",
        "1.9",
    ]
    for shares in (found.types, found.pythons, found.platforms, found.years):
        assert (sum(each.files for each in shares), sum(each.bytes for each in shares)) == (3, found.bytes)
    assert {each.name: each.files for each in found.types} == {"bdist_wheel": 2, "sdist": 1}
    assert {each.name: each.files for each in found.platforms} == {"any": 2, "source": 1}
    assert (found.local.files, found.local.bytes) == (1, 4)
    assert json.dumps(found.as_dict())


def test_growth_over_runs(index: Index, repository: Path) -> None:
    index.add_wheel("demo", "1.0")
    mirror = Mirror(index, repository, releases="all")
    mirror.complete()
    mirror.complete()
    index.add_wheel("demo", "2.0")
    mirror.complete()
    found = report(mirror)
    assert [(each.fetched, each.files, each.outcome) for each in found.growth] == [
        (1, 1, "complete"),
        (0, 1, "complete"),
        (1, 2, "complete"),
    ]
    assert found.growth[-1].bytes == found.bytes
    assert (found.outdated, found.missing) == ((), ())


def test_what_is_missing_and_what_is_outdated(index: Index, repository: Path) -> None:
    index.add_wheel("demo", "1.0")
    mirror = Mirror(index, repository)
    mirror.complete()
    index.add_wheel("demo", "2.0")
    index.fault("demo-2.0-py3-none-any.whl", Status(404))
    assert not mirror.run().complete
    found = report(mirror)
    assert [each.filename for each in found.missing] == ["demo-2.0-py3-none-any.whl"]
    assert [(each.project, each.newest) for each in found.outdated] == [("demo", "1.0")]


def test_what_clients_asked_for(index: Index, repository: Path) -> None:
    index.add_wheel("demo", "1.0")
    mirror = Mirror(index, repository)
    mirror.complete()
    filename = "demo-1.0-py3-none-any.whl"
    with closing(Demand(mirror.state / "demand.sqlite")) as demand:
        demand.came(DemandedFile(filename, "demo", "1.0", 5.0, 5.0, 0))
        demand.came(DemandedFile("gone-1.0.tar.gz", "gone", "1.0", 5.0, 5.0, 0))
        demand.use({filename: 3}, 7.0)
        for project in ("wanted", "demo", "mine"):
            demand.miss([MissedProject(project, 2, 5.0, 6.0, "no such project")])
    # These two are here by now.
    (repository / "mine-1.0.tar.gz").write_bytes(b"1234")
    found = report(mirror)
    size = (repository / filename).stat().st_size
    assert found.demanded == (OnDemand("demo", 1, size, 3, 7.0),)
    assert found.missed == (MissedProject("wanted", 2, 5.0, 6.0, "no such project"),)
    assert [each.project for each in requested(mirror.settings()).missed] == ["wanted"]


def test_nobody_can_have_asked_for_anything_without_a_folder(index: Index, repository: Path) -> None:
    with pytest.raises(FolderError, match="there is no such folder"):
        requested(Mirror(index, repository).settings())


def test_a_folder_that_does_not_exist_holds_nothing(index: Index, repository: Path) -> None:
    found = report(Mirror(index, repository))
    assert (found.files, found.projects, found.growth, found.as_of) == (0, (), (), None)


def behind(mirror: Mirror) -> list[tuple[str, str, str, tuple[str, ...]]]:
    return [(each.project, each.newest, each.upstream, each.refused_by) for each in report(mirror).behind]


class TestNewerOnTheIndex:
    def test_names_the_rules_that_refuse_it(self, index: Index, repository: Path) -> None:
        index.add_wheel("old", "1.0", upload_time="2020-01-01T00:00:00Z")
        index.add_wheel("old", "2.0", tag="py3-none-win_amd64", upload_time="2021-02-03T00:00:00Z")
        index.add_wheel("late", "1.0", upload_time="2020-01-01T00:00:00Z")
        index.add_wheel("late", "1.1", upload_time="2024-01-01T00:00:00Z")
        index.add_wheel("fine", "1.0", upload_time="2020-01-01T00:00:00Z")
        mirror = Mirror(index, repository, platforms=["any"], uploaded_before="2022-01-01")
        mirror.complete()
        assert behind(mirror) == [
            ("old", "1.0", "2.0", ("platforms",)),
            ("late", "1.0", "1.1", ("uploaded_before",)),
        ]
        assert report(mirror).behind[0].uploaded == 1612310400.0
        assert report(mirror).unread == 0

    def test_names_the_rule_by_age_by_python_or_by_rank(self, index: Index, repository: Path) -> None:
        for project in ("aged", "built"):
            index.add_wheel(project, "1.0", upload_time="2020-01-01T00:00:00Z")
        index.add_wheel("aged", "2.0", upload_time=datetime.now(timezone.utc) - timedelta(hours=1))
        index.add_wheel("built", "2.0", tag="cp27-none-any", upload_time="2020-01-01T00:00:00Z")
        mirror = Mirror(index, repository, min_age="1 day", python_versions=["py3"])
        mirror.complete()
        assert {each[0]: each[3] for each in behind(mirror)} == {
            "aged": ("min_age",),
            "built": ("python_versions",),
        }

    def test_of_which_a_pre_release_is_selected_that_could_not_be_fetched(
        self, index: Index, repository: Path
    ) -> None:
        """Installers ignore eggs, so that a pre-release is all that they could have."""
        index.add("demo", "demo-1.0-py3.12.egg", b"1")
        mirror = Mirror(index, repository)
        mirror.complete()
        index.add("demo", "demo-2.0-py3.12.egg", b"2")
        index.add_wheel("demo", "3.0a1")
        index.fault("demo-3.0a1-py3-none-any.whl", Status(404))
        assert not mirror.run().complete
        assert behind(mirror) == [("demo", "1.0", "2.0", ("releases",))]

    def test_is_no_yanked_release_and_no_prerelease(self, index: Index, repository: Path) -> None:
        index.add_wheel("demo", "1.0")
        index.add_wheel("demo", "2.0", yanked="broken")
        index.add_wheel("demo", "3.0rc1")
        mirror = Mirror(index, repository)
        mirror.complete()
        assert behind(mirror) == []

    def test_is_a_prerelease_if_there_is_nothing_else(self, index: Index, repository: Path) -> None:
        index.add_wheel("demo", "1.0a1")
        index.add_wheel("demo", "1.0a2", tag="py3-none-win_amd64")
        mirror = Mirror(index, repository, platforms=["any"])
        mirror.complete()
        assert behind(mirror) == [("demo", "1.0a1", "1.0a2", ("platforms",))]

    def test_is_no_other_spelling_and_no_build(self, index: Index, repository: Path) -> None:
        index.add_wheel("demo", "1.0")
        index.add_wheel("demo", "1.0.0", tag="py3-none-win_amd64")
        index.add_wheel("demo", "1.0+cpu", tag="py3-none-win_amd64")
        mirror = Mirror(index, repository, platforms=["any"])
        mirror.complete()
        assert behind(mirror) == []

    def test_that_could_not_be_fetched(self, index: Index, repository: Path) -> None:
        index.add_wheel("demo", "1.0")
        mirror = Mirror(index, repository)
        mirror.complete()
        index.add_wheel("demo", "2.0")
        index.fault("demo-2.0-py3-none-any.whl", Status(404))
        assert not mirror.run().complete
        assert behind(mirror) == [("demo", "1.0", "2.0", ())]
        mirror.complete()
        assert behind(mirror) == []

    def test_is_forgotten_with_its_project(self, index: Index, repository: Path) -> None:
        for project in ("demo", "other"):
            index.add_wheel(project, "1.0")
            index.add_wheel(project, "2.0", tag="py3-none-win_amd64")
        mirror = Mirror(index, repository, platforms=["any"], projects=["demo", "other"])
        mirror.complete()
        mirror.complete(projects=["demo"])
        assert [each[0] for each in behind(mirror)] == ["demo"]
        with Catalog(mirror.state / "catalog.sqlite") as catalog:
            assert list(catalog.upstream.all()) == ["demo"]

    def test_is_not_known_of_a_project_that_became_local(self, index: Index, repository: Path) -> None:
        index.add_wheel("demo", "1.0")
        mirror = Mirror(index, repository)
        mirror.complete()
        assert report(mirror).unread == 0
        (repository / "demo-9.0.tar.gz").write_bytes(sdist("demo", "9.0"))
        mirror.complete()
        assert (behind(mirror), report(mirror).unread) == ([], 1)

    def test_is_not_known_until_a_run_reads_the_page(self, index: Index, repository: Path) -> None:
        """The catalog of an earlier version has no such table, and still serves."""
        index.add_wheel("demo", "1.0")
        index.add_wheel("demo", "2.0", tag="py3-none-win_amd64")
        mirror = Mirror(index, repository, platforms=["any"])
        mirror.complete()
        with closing(sqlite3.connect(mirror.state / "catalog.sqlite")) as db:
            db.executescript("DROP TRIGGER project_left; DROP TABLE upstream")
        found = report(mirror)
        assert (found.behind, found.unread, found.unadvised) == ((), 1, 1)
        assert mirror.complete().projects_read == 0
        assert report(mirror).unread == 1
        index.add_wheel("demo", "0.9")
        mirror.complete()
        assert behind(mirror) == [("demo", "1.0", "2.0", ("platforms",))]


class TestKnownVulnerabilities:
    def known(self, mirror: Mirror) -> list[tuple[str, str, str]]:
        return [(each.project, each.release, each.known) for each in report(mirror).vulnerable]

    def test_are_listed_but_exclude_nothing(self, index: Index, repository: Path) -> None:
        for version in ("1.0", "2.0", "2.0+cpu"):
            index.add_wheel("demo", version)
        index.add_wheel("fine", "1.0")
        index.vulnerable("demo", "2.0", "PYSEC-2024-2")
        index.vulnerable("demo", "2.0", "GHSA-2")
        mirror = Mirror(index, repository, releases="all", vulnerable="report")
        mirror.complete()
        assert self.known(mirror) == [
            ("demo", "2.0", "PYSEC-2024-2, GHSA-2"),
            ("demo", "2.0+cpu", "PYSEC-2024-2, GHSA-2"),
        ]
        assert report(mirror).unadvised == 0
        assert len(mirror.names()) == 4

    def test_of_releases_that_stay_although_the_config_no_longer_selects_them(
        self, index: Index, repository: Path
    ) -> None:
        """They are more than half of the mirror, so that a run does not delete them."""
        for minor in range(8):
            index.add_wheel("demo", f"1.{minor}")
        mirror = Mirror(index, repository, releases="all", vulnerable="report")
        mirror.complete()
        index.vulnerable("demo", "1.2", "PYSEC-2024-2")
        assert len(mirror.run(releases=1).deselected) == 7
        assert self.known(mirror) == [("demo", "1.2", "PYSEC-2024-2")]

    def test_are_not_known_unless_the_config_asks(self, index: Index, repository: Path) -> None:
        index.add_wheel("demo", "1.0")
        index.vulnerable("demo", "1.0", "PYSEC-2024-2")
        mirror = Mirror(index, repository)
        mirror.complete()
        assert (report(mirror).vulnerable, report(mirror).unadvised) == ((), 1)
        mirror.complete(vulnerable="report")
        assert self.known(mirror) == [("demo", "1.0", "PYSEC-2024-2")]

    def test_of_an_excluded_release_are_why_the_mirror_is_behind(
        self, index: Index, repository: Path
    ) -> None:
        index.add_wheel("demo", "1.0")
        index.add_wheel("demo", "2.0")
        index.vulnerable("demo", "2.0", "PYSEC-2024-2")
        mirror = Mirror(index, repository, vulnerable="exclude")
        mirror.complete()
        assert self.known(mirror) == []
        assert behind(mirror) == [("demo", "1.0", "2.0", ("vulnerable",))]

    @pytest.mark.parametrize("answer", [None, Status(503)])
    def test_that_the_index_does_not_report_prevent_nothing(
        self, index: Index, repository: Path, answer: Status | None
    ) -> None:
        index.add_wheel("demo", "1.0")
        mirror = Mirror(index, repository, vulnerable="report", retries=0)
        if answer is None:
            index.json_api = False
        else:
            index.fault("/pypi/*", answer, always=True)
        (note,) = mirror.complete().notes
        assert "vulnerabilities" in note
        assert report(mirror).unadvised == 1


def test_a_page_that_offers_the_same_writes_nothing(index: Index, repository: Path) -> None:
    index.add_wheel("demo", "1.0")
    mirror = Mirror(index, repository, vulnerable="report")
    mirror.complete()
    with closing(sqlite3.connect(mirror.state / "catalog.sqlite")) as db:
        db.execute("CREATE TRIGGER stays BEFORE UPDATE ON upstream BEGIN SELECT raise(FAIL, 'written'); END")
    index.add_wheel("demo", "0.9")
    assert mirror.complete().projects_read == 1
