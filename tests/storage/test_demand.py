"""What clients asked the server for."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from typing import TYPE_CHECKING

import pytest

from minimirror.storage import (
    CatalogError,
    Demand,
    DemandedFile,
    KeptPage,
    MissedProject,
    read_demanded,
    read_missed,
)

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "demand.sqlite"


@pytest.fixture
def demand(path: Path) -> Iterator[Demand]:
    with closing(Demand(path)) as demand:
        yield demand


def page(project: str, fetched: float, size: int = 10) -> KeptPage:
    return KeptPage(project, fetched, None, '"etag"', "rules", "x" * size)


def test_nothing_is_created_by_reading(path: Path) -> None:
    assert (read_demanded(path), read_missed(path)) == ([], [])
    assert not path.exists()


def test_uses_of_a_file_are_counted(demand: Demand, path: Path) -> None:
    demand.came(DemandedFile("a-1.whl", "a", "1", 5.0, 5.0, 0))
    demand.came(DemandedFile("a-1.whl", "a", "1", 6.0, 6.0, 0))
    demand.use({"a-1.whl": 3, "mirrored-1.whl": 1}, 7.0)
    assert read_demanded(path) == [DemandedFile("a-1.whl", "a", "1", 5.0, 7.0, 3)]
    assert (demand.has("a"), demand.has("mirrored")) == (True, False)
    demand.drop_expired(7.0, lambda _: False)
    demand.drop_expired(8.0, lambda _: True)
    assert len(read_demanded(path)) == 1
    demand.drop_expired(8.0, lambda _: False)
    assert read_demanded(path) == []


def test_requests_in_vain_are_counted(demand: Demand, path: Path) -> None:
    demand.miss([MissedProject("a", 1, 1.0, 1.0, "unknown"), MissedProject("b", 5, 1.0, 1.0, "unknown")])
    demand.miss([MissedProject("a", 2, 3.0, 3.0, "excluded")])
    assert read_missed(path) == [
        MissedProject("b", 5, 1.0, 1.0, "unknown"),
        MissedProject("a", 3, 1.0, 3.0, "excluded"),
    ]


def test_a_million_names_leave_those_that_are_asked_for_often(demand: Demand, path: Path) -> None:
    demand.miss([MissedProject("wanted", 2, 1.0, 1.0, "")])
    for start in range(0, 30_000, 5000):
        demand.miss(MissedProject(f"n{at}", 1, 2.0, 2.0, "") for at in range(start, start + 5000))
    demand.miss([MissedProject("x" * 5000, 100, 2.0, 2.0, "")])
    found = read_missed(path)
    assert found[0].project == "wanted"
    assert len(found) < 12_000


def test_pages_are_kept_up_to_a_size(demand: Demand) -> None:
    for at in range(9):
        demand.keep(page(f"p{at}", float(at), 30 << 20))
    assert demand.page("p0") is None
    assert demand.page("p8") is not None
    demand.confirm("p8", 99.0)
    kept = demand.page("p8")
    assert kept is not None
    assert kept.fetched == 99.0


def test_several_servers_may_share_it(demand: Demand, path: Path) -> None:
    with closing(Demand(path)) as other:
        other.keep(page("a", 1.0))
    assert demand.page("a") == page("a", 1.0)


@pytest.mark.parametrize("wrong", ["damaged", "newer"])
def test_one_that_cannot_be_read_is_reported(path: Path, wrong: str) -> None:
    if wrong == "damaged":
        path.write_bytes(b"no database" * 1000)
    else:
        with closing(sqlite3.connect(path)) as db:
            db.execute("PRAGMA user_version = 99")
    with pytest.raises(CatalogError, match=r"demand\.sqlite"):
        Demand(path)
    with pytest.raises(CatalogError, match=r"demand\.sqlite"):
        read_demanded(path)
