"""What targets need, from run to run: what changes, what stays, and what is not requested again."""

from __future__ import annotations

import re
import resource
import time
from dataclasses import replace
from datetime import datetime, timezone
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from minimirror import Status as Progress
from minimirror.common import Summary
from minimirror.config import Config
from minimirror.resolution import Closure, find_closure
from minimirror.storage import Catalog
from minimirror.upstream import Index as UpstreamIndex
from minimirror.upstream import Indexes
from tests.helpers.index import Headers, Status
from tests.helpers.running import Mirror

if TYPE_CHECKING:
    from tests.helpers.index import Index

LINUX = {"python": "3.12", "platform": "manylinux_2_28_x86_64"}
ON_LINUX = "cp3.12 on manylinux_2_28_x86_64"
KEPT = "keeping its previous releases"
WINDOWS = {"python": "3.12", "platform": "win_amd64"}


@pytest.fixture
def requirements(tmp_path: Path) -> Path:
    path = tmp_path / "app.txt"
    path.write_text("app\nother\n")
    return path


@pytest.fixture
def mirror(index: Index, repository: Path, requirements: Path) -> Mirror:
    index.add_wheel("app", "1.0", requires=["base", 'windowed; sys_platform == "win32"'])
    for version in ("1.0", "1.1"):
        index.add_wheel("base", version)
    for project in ("other", "windowed"):
        index.add_wheel(project, "1.0")
    return Mirror(index, repository, requirements=[str(requirements)], targets=[LINUX], retries=0)


def releases(mirror: Mirror) -> set[str]:
    return {name.removesuffix("-py3-none-any.whl") for name in mirror.names()}


def children() -> int:
    """Return a number that grows with each child process that has ended."""
    return resource.getrusage(resource.RUSAGE_CHILDREN).ru_minflt


def test_tells_each_stage_with_its_numbers(mirror: Mirror) -> None:
    told: list[Progress] = []
    mirror.run(told.append, targets=[LINUX, WINDOWS])
    stages = list(dict.fromkeys(status.stage for status in told))
    assert stages[0] == "listing the folder: 0 files"
    assert any(re.fullmatch(r"resolving [12] of 2 targets, \d pages? read", stage) for stage in stages)
    assert stages.index("reading requirements") < stages.index("")
    last = told[-1]
    assert (last.projects, last.projects_read, last.files, last.files_fetched) == (4, 4, 4, 4)


class TestInput:
    def test_releases_that_are_no_longer_needed_are_deleted(self, mirror: Mirror, requirements: Path) -> None:
        mirror.complete()
        (mirror.path / "own-1.0.zip").write_bytes(b"a local file")
        before = mirror.stamps()
        requirements.write_text("app\nbase<1.1\n")
        summary = mirror.complete()
        assert (summary.files_fetched, summary.files_removed) == (1, 2)
        assert releases(mirror) == {"app-1.0", "base-1.0", "own-1.0.zip"}
        assert (
            mirror.stamps().items() >= {name: before[name] for name in mirror.names() & before.keys()}.items()
        )

    def test_if_it_cannot_be_resolved_its_previous_releases_are_kept(
        self, mirror: Mirror, requirements: Path
    ) -> None:
        mirror.complete()
        requirements.write_text("app\nother\nbase>2\n")
        for _ in range(2):
            summary = mirror.run()
            (failure,) = summary.failures
            assert failure.project == "app.txt"
            assert failure.cause.startswith(f"cannot be resolved for {ON_LINUX} ({KEPT}): Because ")
            assert releases(mirror) == {"app-1.0", "base-1.1", "other-1.0"}
        requirements.write_text("app\n")
        mirror.complete()
        assert releases(mirror) == {"app-1.0", "base-1.1"}

    def test_two_with_the_same_name(self, mirror: Mirror, requirements: Path) -> None:
        """The cache tells them apart by their folder."""
        deep = requirements.parent / "deep" / "app.txt"
        deep.parent.mkdir()
        deep.write_text("base<1.1\n")
        for _ in range(2):
            mirror.complete(requirements=[str(requirements), str(deep)])
            assert releases(mirror) == {"app-1.0", "base-1.0", "base-1.1", "other-1.0"}
        mirror.complete()
        assert releases(mirror) == {"app-1.0", "base-1.1", "other-1.0"}

    def test_a_target_is_added_and_removed(self, mirror: Mirror) -> None:
        mirror.complete()
        assert mirror.complete(targets=[LINUX, WINDOWS]).files_fetched == 1
        assert releases(mirror) == {"app-1.0", "base-1.1", "other-1.0", "windowed-1.0"}
        assert mirror.complete().files_removed == 1


class TestIndex:
    def test_a_newer_release(self, mirror: Mirror, index: Index) -> None:
        mirror.complete()
        index.add_wheel("base", "1.2")
        summary = mirror.complete()
        assert (summary.files_fetched, summary.files_removed) == (1, 1)
        assert releases(mirror) == {"app-1.0", "base-1.2", "other-1.0"}

    @pytest.mark.parametrize("changed", [False, True])
    def test_if_a_page_cannot_be_fetched_the_previous_releases_are_kept(
        self, mirror: Mirror, index: Index, *, changed: bool
    ) -> None:
        """This does not depend on whether there is something new."""
        mirror.complete()
        if changed:
            index.add_wheel("base", "1.2")
        index.fault("/simple/app/", Status(503), always=True)
        summary = mirror.run()
        assert (
            f"app.txt: cannot be resolved for {ON_LINUX} ({KEPT}): could not read the page of app: HTTP 503"
            in {str(failure) for failure in summary.failures}
        )
        assert releases(mirror) == {"app-1.0", "base-1.1", "other-1.0"}
        index.heal()
        mirror.complete()
        assert releases(mirror) == {"app-1.0", "base-1.2" if changed else "base-1.1", "other-1.0"}


class TestNothingToDo:
    @pytest.mark.parametrize("etags", [True, False])
    def test_starts_no_resolver_and_no_worker_and_requests_each_page_once(
        self, mirror: Mirror, index: Index, etags: bool
    ) -> None:
        index.etags = etags
        before = children()
        mirror.complete()
        assert children() > before
        before, stamps = children(), mirror.stamps()
        summary = mirror.complete()
        assert (children(), summary.workers_started, mirror.stamps()) == (before, 0, stamps)
        status = 304 if etags else 200
        assert mirror.requests() == [(f"/simple/{project}/", status) for project in ("app", "base", "other")]

    def test_the_working_directory_does_not_matter(
        self, mirror: Mirror, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        mirror.complete()
        before = children()
        monkeypatch.chdir(mirror.path.parent)
        mirror.complete()
        assert children() == before


class TestCatalog:
    def test_finding_writes_nothing_until_it_is_saved(
        self, mirror: Mirror, index: Index, tmp_path: Path, requirements: Path
    ) -> None:
        config = Config(repository=mirror.path, index_url=index.url, **mirror.rules)
        requirements.with_name("other.txt").write_text("other\n")
        other = config.model_copy(update={"requirements": (str(requirements.with_name("other.txt")),)})
        with Catalog(tmp_path / "catalog.sqlite") as catalog:

            def find(config: Config) -> Closure:
                indexes = Indexes([UpstreamIndex(index.url)], lambda _: 0)
                return find_closure(config, indexes, catalog, Summary(), {})

            first = find(config)
            assert first.pins.keys() == {"app", "base", "other"}
            assert catalog.resolutions() == []
            first.save_resolutions(catalog)
            assert catalog.resolutions() == first.new
            again = find(config)
            assert again.pins == first.pins
            assert (again.new, set(again.outdated)) == ([], set())
            find(other).save_resolutions(catalog)
            assert [Path(row.input).name for row in catalog.resolutions()] == ["other.txt"]


class TestMinAge:
    """The tests change upload and due times instead of waiting."""

    def test_a_release_is_used_once_it_is_old_enough(self, mirror: Mirror, index: Index) -> None:
        """Nothing else changes on the index."""
        index.fault("/simple/base/", Headers({"ETag": '"the same"'}), always=True)
        now = time.time()
        young = index.add_wheel("base", "1.2", upload_time=_time(now - 1800))
        mirror.complete(min_age="1 hour")
        assert releases(mirror) == {"app-1.0", "base-1.1", "other-1.0"}
        with Catalog(mirror.state / "catalog.sqlite") as catalog:
            (found,) = catalog.resolutions()
        assert found.due == pytest.approx(now + 1800, abs=1)
        files = index.projects["base"].files
        files[files.index(young)] = replace(young, upload_time=_time(now - 5400))
        before = children()
        assert mirror.complete(min_age="1 hour").files_fetched == 0
        assert children() == before
        with Catalog(mirror.state / "catalog.sqlite") as catalog:
            catalog.put_resolution(found._replace(due=now - 1))
            catalog.commit()
        summary = mirror.complete(min_age="1 hour")
        assert (summary.files_fetched, summary.files_removed) == (1, 1)
        assert releases(mirror) == {"app-1.0", "base-1.2", "other-1.0"}


def _time(seconds: float) -> datetime:
    return datetime.fromtimestamp(seconds, timezone.utc)
