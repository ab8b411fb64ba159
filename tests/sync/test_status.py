"""`minimirror status`: what the mirror holds, what is missing, and how the last runs went."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from minimirror import Config, Failure
from minimirror.storage import Catalog, FileRow, MirrorFolder, ProjectRow
from minimirror.sync import mirror_status
from tests.helpers.index import Status
from tests.helpers.running import Mirror

if TYPE_CHECKING:
    from tests.helpers.index import Index

LINUX, WINDOWS = "cp312-cp312-manylinux_2_17_x86_64", "cp312-cp312-win_amd64"
TARGETS = [
    {"python": "3.12", "platform": "manylinux_2_28_x86_64"},
    {"python": "3.13", "platform": "win_amd64"},
    {"python": "3.12", "platform": "win_amd64"},
]


@pytest.fixture
def folder(tmp_path: Path) -> MirrorFolder:
    """An empty mirror."""
    folder = MirrorFolder(tmp_path / "mirror")
    folder.prepare()
    with Catalog(folder.catalog):
        return folder


def config(folder: MirrorFolder, **values: Any) -> Config:
    return Config(repository=folder.path, projects=["demo"], **values)


def put(folder: MirrorFolder, filename: str, size: int = 1, requires_python: str | None = None) -> None:
    """Place a file."""
    project = filename.partition("-")[0]
    row = FileRow(filename, project, "1", size, "a1" * 32, None, requires_python, None, None, "")
    (folder.path / filename).touch()
    with Catalog(folder.catalog) as catalog:
        catalog.files.put([row])
        catalog.projects.put(ProjectRow(project, 1, 1, rules="r"))
        catalog.commit()


def note_run(folder: MirrorFolder, *missing: Failure, **counts: Any) -> None:
    """Record a run that has ended."""
    with Catalog(folder.catalog) as catalog:
        catalog.runs.end(catalog.runs.begin(10.0), 11.0, counts)
        catalog.runs.replace_missing(missing)
        catalog.commit()


def test_before_the_first_run_nothing_is_made(tmp_path: Path) -> None:
    found = mirror_status(config(MirrorFolder(tmp_path / "mirror")))
    assert (found.exists, found.outcome, found.files, found.problem) == (False, "none", 0, None)
    assert found.free
    assert not list(tmp_path.iterdir())


def test_after_a_run(index: Index, repository: Path) -> None:
    mirror = Mirror(index, repository)
    index.add_wheel("demo", "1.0", padding=5000)
    index.add_wheel("small", "1.0")
    index.add_wheel("lost", "1.0")
    index.fault("lost-1.0-py3-none-any.whl", Status(404))
    mirror.run()
    found = mirror_status(Config(repository=repository, index_url=index.url))
    sizes = {name: len(content) for name, content in mirror.files().items()}
    assert (found.outcome, found.projects, found.outdated, found.files) == ("incomplete", 3, 1, 2)
    assert found.bytes == sum(sizes.values())
    assert [each.name for each in found.biggest] == ["demo", "small"]
    assert [failure.filename for failure in found.missing] == ["lost-1.0-py3-none-any.whl"]
    assert not found.absent
    assert [run.counts["files"]["fetched"] for run in found.runs] == [2]


def test_each_target_has_the_files_that_it_can_install(folder: MirrorFolder) -> None:
    put(folder, f"demo-1-{LINUX}.whl", 100)
    put(folder, f"demo-1-{WINDOWS}.whl", 10)
    put(folder, "other-1-py3-none-any.whl", 1, requires_python=">=3.13")
    put(folder, "other-1.tar.gz", 1000)
    note_run(
        folder,
        Failure("gone", None, "the index has no project of that name"),
        Failure("demo", f"demo-2-{LINUX}.whl", "HTTP 404"),
        Failure("demo", None, "cannot be resolved for cp3.12 on win_amd64: too new"),
    )
    found = mirror_status(config(folder, targets=TARGETS)).targets
    assert [(len(each.projects), each.files, each.bytes, each.missing) for each in found] == [
        (2, 2, 1100, 2),
        (1, 2, 1001, 1),
        (2, 2, 1010, 2),
    ]


def test_files_that_left_the_folder_or_are_altered_are_named(folder: MirrorFolder) -> None:
    for name in ("demo-1.tar.gz", "demo-2.tar.gz", "demo-3.tar.gz"):
        put(folder, name)
    with Catalog(folder.catalog) as catalog:
        catalog.files.invalidate(["demo-2.tar.gz"])
        catalog.commit()
    (folder.path / "demo-3.tar.gz").unlink()
    found = mirror_status(config(folder)).absent
    assert {each.filename: "folder" in each.cause for each in found} == {
        "demo-2.tar.gz": False,
        "demo-3.tar.gz": True,
    }


@pytest.mark.parametrize(
    ("counts", "outcome"),
    [
        ({"complete": True}, "complete"),
        ({"complete": False, "withheld": 3}, "incomplete"),
        ({"complete": False, "interrupted": True}, "interrupted"),
        ({"complete": False, "error": "the disk is full"}, "failed"),
    ],
)
def test_outcomes(folder: MirrorFolder, counts: dict[str, Any], outcome: str) -> None:
    note_run(folder, **counts)
    assert mirror_status(config(folder)).outcome == outcome


def test_during_a_run_and_after_it_was_killed(folder: MirrorFolder) -> None:
    note_run(folder, complete=True)
    with folder.lock(), Catalog(folder.catalog) as catalog:
        catalog.runs.begin(20.0)
        catalog.files.put([FileRow("a-1.zip", "a", "1", 1, "", None, None, None, None, "")])
        catalog.commit()
        (folder.partial / "b-1.zip").write_bytes(b"half")
        found = mirror_status(config(folder))
        assert found.unfinished == (1, 4)
        assert (found.outcome, found.absent) == ("running", [])  # it records a file before it places it
        assert "process" in (found.running or "")
    found = mirror_status(config(folder))
    assert (found.outcome, len(found.runs), found.running) == ("killed", 2, None)
    assert found.last_complete == found.runs[0]
    with folder.lock():
        pass  # it is free for a run


def test_shows_the_last_30_runs_the_oldest_first(folder: MirrorFolder) -> None:
    for number in range(40):
        note_run(folder, bytes_fetched=number)
    assert [row.counts["bytes_fetched"] for row in mirror_status(config(folder)).runs] == list(range(10, 40))


def test_damaged_catalog(folder: MirrorFolder) -> None:
    put(folder, "demo-1.tar.gz")
    folder.catalog.write_bytes(b"no database" * 1000)
    found = mirror_status(config(folder))
    assert found.damaged
    assert str(folder.catalog) in (found.problem or "")
    assert found.free
    assert folder.catalog.read_bytes() == b"no database" * 1000
