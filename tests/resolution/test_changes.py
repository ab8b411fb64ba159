"""What targets need, from run to run: what changes, what stays, and what is not asked for again."""

from __future__ import annotations

import resource
import time
from dataclasses import replace
from datetime import datetime, timezone
from typing import TYPE_CHECKING

import pytest

from minimirror.storage.catalog import Catalog
from tests.helpers.index import Headers, Status
from tests.helpers.running import Mirror

if TYPE_CHECKING:
    from pathlib import Path

    from tests.helpers.index import Index

LINUX = {"python": "3.12", "platform": "manylinux_2_28_x86_64"}
ON_LINUX = "cp3.12 on manylinux_2_28_x86_64"
KEPT = "what it needed before is kept"
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
    """A number that grows with each process that this one has started, and that has ended, as uv does."""
    return resource.getrusage(resource.RUSAGE_CHILDREN).ru_minflt


class TestInput:
    def test_what_it_does_not_need_any_more_goes_and_nothing_else(
        self, mirror: Mirror, requirements: Path
    ) -> None:
        mirror.complete()
        (mirror.path / "own-1.0.zip").write_bytes(b"somebody's own")
        before = mirror.stamps()
        requirements.write_text("app\nbase<1.1\n")
        summary = mirror.complete()
        assert (summary.files_fetched, summary.files_removed) == (1, 2)
        assert releases(mirror) == {"app-1.0", "base-1.0", "own-1.0.zip"}
        assert (
            mirror.stamps().items() >= {name: before[name] for name in mirror.names() & before.keys()}.items()
        )

    def test_one_that_cannot_be_solved_keeps_what_it_needed_before(
        self, mirror: Mirror, requirements: Path
    ) -> None:
        mirror.complete()
        requirements.write_text("app\nother\nbase>2\n")
        for _ in range(2):
            summary = mirror.run()
            (failure,) = summary.failures
            assert failure.project == "app.txt"
            assert failure.cause.startswith(f"cannot be resolved for {ON_LINUX}; {KEPT}: Because ")
            assert releases(mirror) == {"app-1.0", "base-1.1", "other-1.0"}
        requirements.write_text("app\n")
        mirror.complete()
        assert releases(mirror) == {"app-1.0", "base-1.1"}

    def test_two_of_one_name(self, mirror: Mirror, requirements: Path) -> None:
        """Each is remembered by its folder."""
        deep = requirements.parent / "deep" / "app.txt"
        deep.parent.mkdir()
        deep.write_text("base<1.1\n")
        for _ in range(2):
            mirror.complete(requirements=[str(requirements), str(deep)])
            assert releases(mirror) == {"app-1.0", "base-1.0", "base-1.1", "other-1.0"}
        mirror.complete()
        assert releases(mirror) == {"app-1.0", "base-1.1", "other-1.0"}

    def test_target_that_comes_and_goes(self, mirror: Mirror) -> None:
        mirror.complete()
        assert mirror.complete(targets=[LINUX, WINDOWS]).files_fetched == 1
        assert releases(mirror) == {"app-1.0", "base-1.1", "other-1.0", "windowed-1.0"}
        assert mirror.complete().files_removed == 1


class TestIndex:
    def test_release_that_is_newer(self, mirror: Mirror, index: Index) -> None:
        mirror.complete()
        index.add_wheel("base", "1.2")
        summary = mirror.complete()
        assert (summary.files_fetched, summary.files_removed) == (1, 1)
        assert releases(mirror) == {"app-1.0", "base-1.2", "other-1.0"}

    @pytest.mark.parametrize("changed", [False, True])
    def test_page_that_cannot_be_had_keeps_what_was_needed_before(
        self, mirror: Mirror, index: Index, *, changed: bool
    ) -> None:
        """Whether or not there is something new."""
        mirror.complete()
        if changed:
            index.add_wheel("base", "1.2")
        index.fault("/simple/app/", Status(503), always=True)
        summary = mirror.run()
        assert (
            f"app.txt: cannot be resolved for {ON_LINUX}; {KEPT}: the page of app cannot be read: HTTP 503"
            in {str(failure) for failure in summary.failures}
        )
        assert releases(mirror) == {"app-1.0", "base-1.1", "other-1.0"}
        index.heal()
        mirror.complete()
        assert releases(mirror) == {"app-1.0", "base-1.2" if changed else "base-1.1", "other-1.0"}


class TestNothingToDo:
    @pytest.mark.parametrize("etags", [True, False])
    def test_starts_no_resolver_and_no_worker_and_asks_for_each_page_once(
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

    def test_whatever_the_working_directory(self, mirror: Mirror, monkeypatch: pytest.MonkeyPatch) -> None:
        mirror.complete()
        before = children()
        monkeypatch.chdir(mirror.path.parent)
        mirror.complete()
        assert children() == before


class TestMinAge:
    """Time does not pass in a test: what it would change is changed in the index and the catalog."""

    def test_what_is_old_enough_comes_when_it_is_due(self, mirror: Mirror, index: Index) -> None:
        """Though nothing changes on the index."""
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
