"""The report of a mirror: what it holds, in sums, and how it grew."""

from __future__ import annotations

import json
from contextlib import closing
from typing import TYPE_CHECKING

from minimirror.config import load
from minimirror.publish.report import Missed, OnDemand
from minimirror.storage import Demand, DemandedFile, MissedProject
from minimirror.sync import mirror_report, requested
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
    assert found.missed == (Missed("wanted", 2, 5.0, 6.0, "no such project"),)
    assert [each.project for each in requested(mirror.settings()).missed] == ["wanted"]


def test_a_folder_that_does_not_exist_holds_nothing(index: Index, repository: Path) -> None:
    found = report(Mirror(index, repository))
    assert (found.files, found.projects, found.growth, found.as_of) == (0, (), (), None)
