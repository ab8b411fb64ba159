"""Pages of an index without serials: which have changed is asked in the run's own process."""

from __future__ import annotations

import asyncio
import threading
from dataclasses import dataclass
from typing import TYPE_CHECKING

import pytest

from minimirror import Config
from minimirror.sync.preview import plan
from tests.helpers.index import Behaviour, Headers, Index, Redirect, Request
from tests.helpers.index import Status as Answer
from tests.helpers.running import DEADLINE, Mirror, in_background, until

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from minimirror import Status

NAMES = [f"project-{number}" for number in range(6)]


@dataclass(frozen=True)
class IgnoreConditions(Behaviour):
    """The whole page, whatever the client has already."""

    def prepare(self, request: Request, /) -> Request:
        return request.without("if-none-match")


def own_threads() -> set[threading.Thread]:
    """Return the threads of this process that are not the index's."""
    return {thread for thread in threading.enumerate() if not thread.name.startswith("index-")}


@pytest.fixture(params=[True, False], ids=["ETags", "digests"])
def index(index_factory: Callable[..., Index], request: pytest.FixtureRequest) -> Index:
    """Start an index of static HTML pages."""
    index = index_factory(formats={"html"}, serials=False, etags=getattr(request, "param", True))
    for name in NAMES:
        index.add_wheel(name, "1.0")
    return index


@pytest.fixture
def mirror(index: Index, repository: Path) -> Mirror:
    """Return a mirror of that index, filled."""
    mirror = Mirror(index, repository, projects=["project-*"])
    mirror.complete()
    return mirror


by_etag = pytest.mark.parametrize("index", [True], indirect=True, ids=["ETags"])
by_digest = pytest.mark.parametrize("index", [False], indirect=True, ids=["digests"])


def pages(mirror: Mirror) -> list[tuple[str, int]]:
    """Return project and status of each request for a project's page."""
    parts = ((path.split("/"), status) for path, status in mirror.requests())
    return [(path[2], status) for path, status in parts if path[1] == "simple" and path[2]]


def validators(index: Index) -> list[str | None]:
    """Return what each request for a project's page says that the mirror has."""
    paths = {f"/simple/{name}/" for name in NAMES}
    return [each.headers.get("if-none-match") for each in index.requests if each.path in paths]


class TestUnchanged:
    @by_etag
    def test_each_page_is_asked_for_by_its_etag(self, mirror: Mirror, index: Index) -> None:
        summary = mirror.complete()
        assert pages(mirror) == [(name, 304) for name in NAMES]
        assert None not in validators(index)
        assert len(set(validators(index))) == len(NAMES)
        assert (summary.projects_read, summary.workers_started) == (0, 0)

    @by_digest
    def test_each_page_without_an_etag_is_compared(self, mirror: Mirror, index: Index) -> None:
        summary = mirror.complete()
        assert pages(mirror) == [(name, 200) for name in NAMES]
        assert set(validators(index)) == {None}
        assert (summary.projects_read, summary.workers_started) == (0, 0)

    def test_nothing_is_written(self, mirror: Mirror) -> None:
        stamps = mirror.stamps()
        mirror.complete()
        assert mirror.stamps() == stamps

    @by_etag
    def test_whole_page_with_the_same_etag(self, mirror: Mirror, index: Index) -> None:
        index.fault("/simple/project-*", IgnoreConditions(), always=True)
        summary = mirror.complete()
        assert pages(mirror) == [(name, 200) for name in NAMES]
        assert (summary.projects_read, summary.workers_started) == (0, 0)

    def test_page_that_moved(self, mirror: Mirror, index: Index) -> None:
        index.fault("/simple/project-3/", Redirect(f"{index.url}project-3/?"))
        summary = mirror.complete()
        assert (summary.projects_read, summary.workers_started) == (0, 0)

    def test_preview(self, mirror: Mirror) -> None:
        index = mirror.index
        index.clear()
        planned = plan(Config(repository=mirror.path, index_url=index.url, projects=["project-*"]))
        assert (planned.fetch, planned.remove, planned.summary.workers_started) == ([], [], 0)
        assert {name for name, _ in pages(mirror)} == set(NAMES)


class TestChanged:
    def test_only_changed_pages_are_read(self, mirror: Mirror, index: Index) -> None:
        new = [index.add_wheel(name, "2.0") for name in NAMES[:2]]
        summary = mirror.complete()
        assert (summary.projects_read, summary.files_fetched, summary.files_removed) == (2, 2, 2)
        assert {file.filename for file in new} < mirror.names()
        asked = [name for name, _ in pages(mirror)]
        assert asked == sorted([*NAMES, *NAMES[:2]])

    def test_changed_to_what_is_mirrored_already(self, mirror: Mirror, index: Index) -> None:
        """The next run does not read it again."""
        index.add_sdist("project-0", "0.9")
        summary = mirror.complete()
        assert (summary.projects_read, summary.files_fetched) == (1, 0)
        summary = mirror.complete()
        assert (summary.projects_read, summary.workers_started) == (0, 0)

    @pytest.mark.parametrize("etags", [True, False])
    def test_index_that_begins_or_ceases_to_send_etags(
        self, index_factory: Callable[..., Index], repository: Path, etags: bool
    ) -> None:
        index = index_factory(formats={"html"}, serials=False, etags=etags)
        index.add_wheel("demo", "1.0")
        mirror = Mirror(index, repository)
        mirror.complete()
        index.etags = not etags
        assert mirror.complete().files_fetched == 0
        summary = mirror.complete()
        assert (summary.projects_read, summary.workers_started) == (0, 0)
        index.add_wheel("demo", "2.0")
        assert mirror.complete().files_fetched == 1

    @by_etag
    def test_etag_that_cannot_be_sent_back(self, mirror: Mirror, index: Index) -> None:
        """Such a page costs a request more, and nothing else."""
        index.add_wheel("project-0", "2.0")
        index.fault("project-0", Headers({"ETag": "caf\xe9 \x7f"}), always=True)
        assert mirror.complete().files_fetched == 1
        assert mirror.complete().files_fetched == 0


class TestTrouble:
    def test_passing_fault_costs_a_retry(self, mirror: Mirror, index: Index) -> None:
        index.fault("project-4", Answer(503, {"Retry-After": "0"}), Answer(429, {"Retry-After": "0"}))
        summary = mirror.complete()
        assert (summary.projects_read, summary.workers_started) == (0, 0)

    def test_broken_page_is_reported_with_its_cause(self, mirror: Mirror, index: Index) -> None:
        """It costs nothing else."""
        names = mirror.names()
        index.fault("project-4", Answer(403), always=True)
        new = index.add_wheel("project-5", "2.0")
        summary = mirror.run()
        (failure,) = summary.failures
        assert (failure.project, "HTTP 403" in failure.cause) == ("project-4", True)
        assert summary.files_fetched == 1
        assert mirror.names() == names - {"project_5-1.0-py3-none-any.whl"} | {new.filename}

    @by_digest
    @pytest.mark.parametrize("name", [NAMES[0], NAMES[3], NAMES[-1]])
    def test_slow_page_delays_no_other(self, mirror: Mirror, index: Index, name: str) -> None:
        index.clear()
        with in_background(mirror.complete) as result, index.hold(f"/simple/{name}/") as gate:
            assert gate.reached.wait(DEADLINE)
            until(lambda: len(pages(mirror)) == len(NAMES), "all pages are asked for")
            gate.release()
            assert result.result(DEADLINE).projects_read == 0

    @pytest.mark.parametrize("connections", [1, 3])
    def test_no_more_connections_than_configured(
        self, mirror: Mirror, index: Index, connections: int
    ) -> None:
        index.projects.clear()
        for number in range(100):
            index.add_wheel(f"project-{number}", "1.0")
        mirror.complete(connections=connections)
        index.clear()
        mirror.complete(connections=connections)
        # The list of projects is read over a connection of its own.
        assert 1 <= index.peak_connections <= 1 + connections


class TestCaller:
    """Who calls :func:`minimirror.run` notices nothing of this."""

    @by_etag
    def test_in_an_asyncio_loop(self, mirror: Mirror) -> None:
        """As in a notebook."""

        async def cell() -> int:
            return mirror.complete().workers_started

        assert asyncio.run(cell()) == 0

    @by_etag
    def test_progress_is_reported_in_the_callers_thread(self, mirror: Mirror) -> None:
        threads: set[int] = set()
        read: list[int] = []

        def note(status: Status) -> None:
            threads.add(threading.get_ident())
            read.append(status.projects_read)

        mirror.run(note)
        assert threads == {threading.get_ident()}
        assert read == sorted(read)
        assert read[-1] == len(NAMES)

    @by_digest
    def test_an_exception_of_the_callback_ends_the_run(self, mirror: Mirror, index: Index) -> None:
        """While pages are asked for."""
        before = own_threads()
        index.clear()

        def fail(_: object) -> None:
            if len(pages(mirror)) == len(NAMES):
                raise ZeroDivisionError

        with index.hold("/simple/project-3/"), pytest.raises(ZeroDivisionError):
            mirror.run(fail)
        assert own_threads() == before
        mirror.complete()
