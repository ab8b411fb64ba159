"""One cause that makes all requests fail is told once, and the rest is not tried."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from tests.helpers.index import Body, Status
from tests.helpers.running import Mirror

if TYPE_CHECKING:
    from pathlib import Path

    from tests.helpers.index import Index

COUNT = 300
LOGIN = Body(b"<title>Sign in</title><form><input type=password></form>", "text/html; charset=utf-8")


@pytest.fixture
def mirror(index: Index, repository: Path) -> Mirror:
    for number in range(COUNT):
        index.add_wheel(f"demo-{number}", "1.0")
    return Mirror(index, repository, retries=0, processes=1)


def requests(mirror: Mirror, end: str) -> int:
    return sum(
        path.startswith(("/simple/", "/files/")) and path.endswith(end) for path, _ in mirror.requests()
    )


@pytest.mark.parametrize(
    ("pattern", "fault"),
    [
        ("/simple/demo-*", Status(401)),
        ("/simple/demo-*", LOGIN),
        ("*.whl", Status(403)),
    ],
    ids=str,
)
def test_the_rest_fails_untried(mirror: Mirror, index: Index, pattern: str, fault: Any) -> None:
    index.fault(pattern, fault, always=True)
    summary = mirror.run()
    assert len(summary.failures) == COUNT
    assert len({each.cause for each in summary.failures}) == 1
    assert requests(mirror, pattern[-4:] if pattern == "*.whl" else "/") < COUNT / 2
    assert not summary.passes
    index.heal()
    assert mirror.complete().files_fetched == COUNT


def test_a_mirror_behind_a_page_to_sign_in_stays_as_it_is(mirror: Mirror, index: Index) -> None:
    index.serials = False
    mirror.complete()
    index.fault("/simple/demo-*", LOGIN, always=True)
    summary = mirror.run()
    assert len(summary.failures) == COUNT
    assert requests(mirror, "/") < COUNT
    assert len(mirror.names()) == COUNT
    index.heal()
    mirror.complete()


@pytest.mark.parametrize("fault", [Status(404), Status(503)], ids=str)
def test_what_concerns_one_project_or_passes_ends_nothing(mirror: Mirror, index: Index, fault: Any) -> None:
    index.fault("/simple/demo-*", fault, always=True)
    summary = mirror.run()
    assert requests(mirror, "/") > COUNT
    assert summary.passes == (fault.status == 503)


def test_single_projects_that_are_refused_end_nothing(mirror: Mirror, index: Index) -> None:
    for number in range(0, COUNT, 4):
        index.fault(f"demo-{number}", Status(403), always=True)
    assert len(mirror.run().failures) == COUNT / 4
