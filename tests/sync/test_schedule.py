"""Which job is next: pages until enough files are known, then the biggest file."""

from __future__ import annotations

from typing import TYPE_CHECKING

from hypothesis import given
from hypothesis import strategies as st

from minimirror.selection import ProjectRequest
from minimirror.simple_api.project_page import File
from minimirror.sync.schedule import BACKLOG, LONG, MOST, Schedule
from minimirror.sync.workers.jobs import FetchFile, Job, ReadPage, SelectedFile

if TYPE_CHECKING:
    from collections.abc import Iterator


def file(name: str, size: int | None) -> FetchFile:
    return FetchFile("foo", SelectedFile(File(name, f"https://example.org/{name}", {}, size=size), "1.0"))


def pages(count: int) -> list[ReadPage]:
    return [ReadPage(f"p{number}", ProjectRequest()) for number in range(count)]


def rest(schedule: Schedule) -> Iterator[Job]:
    while (job := schedule.next()) is not None:
        yield job


def test_nothing_to_do() -> None:
    schedule = Schedule([])
    assert schedule.next() is None
    assert schedule.next() is None


def test_pages_are_in_order_and_before_files() -> None:
    schedule = Schedule(pages(3))
    schedule.add(file("a", 5))
    assert list(rest(schedule)) == [*pages(3), file("a", 5)]


def test_big_files_are_first_and_unknown_sizes_count_as_small() -> None:
    schedule = Schedule([])
    sizes = [5, None, 100, 7, 100, 0]
    for number, size in enumerate(sizes):
        schedule.add(file(str(number), size))
    assert [job.filename for job in rest(schedule) if isinstance(job, FetchFile)] == [
        "2",
        "4",
        "3",
        "0",
        "1",
        "5",
    ]


def test_long_pages_are_read_again_when_fewer_files_wait() -> None:
    """One at a time; short ones are taken always."""
    asked = pages(5)
    schedule = Schedule(asked)
    assert [schedule.next() for _ in asked] == asked
    assert not schedule.postpones(asked[0], MOST + 1)
    for _ in range(MOST + 1):
        schedule.add(file("a", 5))
    assert not schedule.postpones(asked[1], LONG - 1)
    assert all(schedule.postpones(page, LONG) for page in asked[2:])
    left = list(rest(schedule))
    again = [job for job in left if isinstance(job, ReadPage)]
    assert (left.index(again[0]), again) == (MOST + 1 - BACKLOG + 1, [asked[4]])
    assert not schedule.postpones(asked[4], LONG)
    assert schedule.next() == asked[3]


def test_files_can_be_added_at_any_time() -> None:
    schedule = Schedule([])
    assert schedule.next() is None
    schedule.add(file("a", 1))
    assert schedule.next() == file("a", 1)
    assert schedule.next() is None


def test_pages_wait_while_there_are_enough_files() -> None:
    read = []

    def asked() -> Iterator[ReadPage]:
        for page in pages(3):
            read.append(page.project)
            yield page

    schedule = Schedule(asked())
    for number in range(BACKLOG + 1):
        schedule.add(file(str(number), number))
    assert schedule.next() == file(str(BACKLOG), BACKLOG)
    assert schedule.next() == file(str(BACKLOG - 1), BACKLOG - 1)
    assert read == []
    assert schedule.next() == pages(3)[0]
    assert read == ["p0"]
    schedule.add(file("big", 1 << 40))
    assert schedule.next() == file("big", 1 << 40)


@given(st.integers(0, 20), st.lists(st.none() | st.integers(0, 9), max_size=40), st.data())
def test_every_job_is_given_once(count: int, sizes: list[int | None], data: st.DataObject) -> None:
    schedule = Schedule(pages(count))
    files = [file(str(number), size) for number, size in enumerate(sizes)]
    come: list[Job] = []
    for job in files:
        schedule.add(job)
        if data.draw(st.booleans()) and (now := schedule.next()) is not None:
            come.append(now)
    come += rest(schedule)
    assert len(come) == count + len(files)
    assert {id(job) for job in come if isinstance(job, FetchFile)} == {id(job) for job in files}
    assert [job for job in come if isinstance(job, ReadPage)] == pages(count)
