"""What came on demand: a run keeps it up to date while clients use it, and deletes it when none does."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from minimirror import explain, plan, verify
from minimirror.storage import Catalog, CatalogError
from tests.helpers.demanded import DAY, came, used
from tests.helpers.distributions import wheel_filename
from tests.helpers.index import Index
from tests.helpers.running import Mirror, in_background

if TYPE_CHECKING:
    from pathlib import Path

EXPIRED = 91 * DAY


@pytest.fixture
def mirror(index: Index, repository: Path) -> Mirror:
    """A mirror of one project, on an index with two more."""
    index.add_wheel("named", "1.0")
    for version in ("1.0", "2.0", "3.0"):
        index.add_wheel("extra", version)
    index.add_wheel("other", "1.0")
    mirror = Mirror(index, repository, projects=["named"], max_delete=0.1)
    mirror.complete()
    return mirror


def wheels(index: Index, project: str) -> list:  # type: ignore[type-arg]
    return list(index.projects[project].files)


class TestARun:
    def test_keeps_the_releases_that_clients_use(self, mirror: Mirror, index: Index) -> None:
        one, two, _ = wheels(index, "extra")
        came(index, mirror, one, two)
        planned, found = plan(mirror.settings()), verify(mirror.settings())
        assert (planned.fetch, found.well) == ([], True)
        assert planned.on_demand == found.on_demand == [one.filename, two.filename]
        summary = mirror.complete()
        assert (summary.files_fetched, summary.files_removed) == (0, 0)
        assert {one.filename, two.filename} <= mirror.names()
        index.clear()
        mirror.complete()
        assert not index.pages_read()

    def test_fetches_what_else_the_release_has(self, mirror: Mirror, index: Index) -> None:
        one, *_ = wheels(index, "extra")
        came(index, mirror, one)
        sdist = index.add_sdist("extra", "1.0")
        assert [each.filename for each in plan(mirror.settings()).fetch] == [sdist.filename]
        mirror.complete()
        assert sdist.filename in mirror.names()

    def test_fetches_a_lost_file_again(self, mirror: Mirror, index: Index) -> None:
        one, *_ = wheels(index, "extra")
        came(index, mirror, one)
        mirror.complete()
        (mirror.path / one.filename).unlink()
        mirror.complete()
        assert one.filename in mirror.names()

    @pytest.mark.parametrize("keep", ["1 day", 0])
    def test_deletes_what_no_client_has_used_for_long(
        self, mirror: Mirror, index: Index, keep: str | int
    ) -> None:
        one, *_ = wheels(index, "extra")
        came(index, mirror, one, age=2 * DAY)
        serve = {"on_demand_keep": keep}
        planned = plan(mirror.settings(serve=serve))
        assert (len(planned.remove), len(planned.on_demand)) == ((1, 0) if keep else (0, 1))
        mirror.complete(serve=serve)
        assert (one.filename in mirror.names()) is not bool(keep)

    def test_takes_expiry_for_no_typo(self, mirror: Mirror, index: Index) -> None:
        every = [*wheels(index, "extra"), *wheels(index, "other")]
        came(index, mirror, *every)
        mirror.complete()
        used(mirror, *every[1:], age=EXPIRED)
        # Those of one project that go on, and all of another: most of the mirror.
        used(mirror, every[0])
        assert plan(mirror.settings()).runs
        summary = mirror.complete()
        assert summary.files_removed == 3
        assert mirror.names() == {wheel_filename("named", "1.0"), every[0].filename}

    def test_follows_exclude_projects_first(self, mirror: Mirror, index: Index) -> None:
        one, *_ = wheels(index, "extra")
        came(index, mirror, one)
        mirror.complete(exclude_projects=["extra"])
        assert one.filename not in mirror.names()

    def test_drops_a_vulnerable_release(self, mirror: Mirror, index: Index) -> None:
        one, two, _ = wheels(index, "extra")
        came(index, mirror, one, two)
        index.vulnerable("extra", "1.0", "PYSEC-1")
        mirror.complete(vulnerable="exclude", max_delete=1)
        assert mirror.names() & {one.filename, two.filename} == {two.filename}

    def test_does_not_fail_for_a_project_that_the_index_has_no_more(
        self, mirror: Mirror, index: Index
    ) -> None:
        came(index, mirror, *wheels(index, "extra"))
        index.remove("extra")
        assert "extra" in " ".join(mirror.complete(max_delete=1).notes)
        assert mirror.names() == {wheel_filename("named", "1.0")}

    def test_says_what_to_do_about_a_damaged_record(self, mirror: Mirror) -> None:
        (mirror.state / "demand.sqlite").write_bytes(b"no database" * 1000)
        with pytest.raises(CatalogError, match="delete"):
            mirror.run()


class TestAnEmptyListOfProjects:
    """Only what clients ask for is mirrored."""

    @pytest.fixture
    def mirror(self, index: Index, repository: Path) -> Mirror:
        for version in ("1.0", "2.0"):
            index.add_wheel("extra", version)
        return Mirror(index, repository, projects=[], serve={"on_demand": True}, exclude_projects=["acme"])

    def test_is_no_mistake(self, mirror: Mirror, index: Index) -> None:
        assert "projects" in " ".join(mirror.complete().notes)
        assert not plan(mirror.settings()).fetch
        assert not index.pages_read()
        assert "on_demand" in " ".join(explain(mirror.settings(), "extra").notes)

    def test_keeps_what_clients_use(self, mirror: Mirror, index: Index) -> None:
        one, _ = wheels(index, "extra")
        came(index, mirror, one)
        sdist = index.add_sdist("extra", "1.0")
        summary = mirror.complete()
        assert (summary.files_fetched, summary.notes) == (1, [])
        assert mirror.names() == {one.filename, sdist.filename}


class TestMeanwhile:
    """A server goes on while a run works."""

    @pytest.mark.parametrize("projects", [["named", "late"], ["named*", "late"]])
    def test_what_comes_during_a_run_stays(self, mirror: Mirror, index: Index, projects: list[str]) -> None:
        late = index.add_wheel("late", "1.0")
        gate = index.hold(late.filename)
        with in_background(lambda: mirror.run(projects=projects)) as running:
            try:
                assert gate.reached.wait(30)
                came(index, mirror, *wheels(index, "extra"))
            finally:
                gate.release()
            assert running.result().complete
        assert {each.filename for each in wheels(index, "extra")} <= mirror.names()
        summary = mirror.complete(projects=projects)
        assert (summary.files_fetched, summary.files_removed) == (0, 0)

    def test_a_run_and_a_server_may_fetch_the_same_file(self, mirror: Mirror, index: Index) -> None:
        late = index.add_wheel("late", "1.0")
        gate = index.hold(late.filename)
        with in_background(lambda: mirror.run(projects=["named", "late"])) as running:
            try:
                assert gate.reached.wait(30)
                came(index, mirror, late)
            finally:
                gate.release()
            assert running.result().complete
        with Catalog(mirror.state / "catalog.sqlite") as catalog:
            assert late.filename in catalog.files.of("late")

    def test_another_release_of_a_project_that_is_about_to_be_planned_stays(
        self, mirror: Mirror, index: Index
    ) -> None:
        one, two, _ = wheels(index, "extra")
        came(index, mirror, one)
        mirror.complete()
        gate = index.hold("/simple/extra/")
        index.add_sdist("extra", "1.0")
        with in_background(mirror.run) as running:
            try:
                assert gate.reached.wait(30)
                came(index, mirror, two)
            finally:
                gate.release()
            assert running.result().complete
        assert {one.filename, two.filename} <= mirror.names()


def test_explain_says_what_came_on_demand(mirror: Mirror, index: Index) -> None:
    one, *_ = wheels(index, "extra")
    came(index, mirror, one)
    used(mirror, one)
    found = explain(mirror.settings(), "extra")
    assert [each.file.filename for each in found.decisions if each.wanted] == [one.filename]
    assert [each.reason for each in found.decisions if each.wanted] == ["fetched on demand"]
    (note,) = found.notes
    assert "1 time" in note
