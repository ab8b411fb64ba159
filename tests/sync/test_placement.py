"""The order of durable steps: stage → sync → record → place → sync → confirm → delete → sync → untrack.

The folder only records what it is told to do, and the commits of the catalog are recorded, too. So each test
shows the order in which changes reach the disk.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, cast

import pytest

from minimirror.storage import Catalog, FileRow, FolderError, MirrorFolder, ProjectRow
from minimirror.sync.placement import Deletion, Placement, StagedFile

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Iterator
    from pathlib import Path

    from minimirror.publish.static import StaticIndex


class FakeFolder(MirrorFolder):
    """Only records what it is told to do."""

    def __init__(self, path: Path, steps: list[str], broken: Collection[str]) -> None:
        super().__init__(path)
        self.steps = steps
        self.broken = broken

    def sync(self) -> None:
        self._do("sync")

    def place(self, partial: str, filename: str, *, replace: bool, inode: int | None = None) -> None:
        assert inode is None
        assert partial == f"{filename}.part"
        self._do(f"{'replace' if replace else 'place'} {filename}")

    def delete(self, filename: str) -> None:
        self._do(f"delete {filename}")

    def _do(self, step: str) -> None:
        if step in self.broken:
            raise OSError(5, "Input/output error")
        self.steps.append(step)


class FakeIndex:
    """A static index that records which pages it writes, and without which files."""

    def __init__(self, steps: list[str], unwritable: Collection[str] = ()) -> None:
        self.steps = steps
        self.unwritable = set(unwritable)

    def publish_projects(self, projects: Iterable[str], without: Collection[str] = ()) -> set[str]:
        self.steps.append(
            " ".join(["pages of", *projects, *(["without", *sorted(without)] if without else [])])
        )
        return self.unwritable.intersection(projects)


class Scene:
    def __init__(self, path: Path) -> None:
        self.steps: list[str] = []
        self.catalog = Catalog(path / "catalog.sqlite")
        self.catalog.db.set_trace_callback(self._trace)
        self.path = path

    def _trace(self, statement: str) -> None:
        if statement == "COMMIT":
            known = ", ".join(
                f"{each.filename}{' (invalid)' * each.invalid}"
                for each in sorted(self.catalog.files.tracked())
            )
            self.steps.append(f"commit: {known or 'nothing'}")

    def placement(self, *broken: str, index: FakeIndex | None = None) -> Placement:
        folder = FakeFolder(self.path, self.steps, broken)
        return Placement(self.catalog, folder, cast("StaticIndex | None", index))


@pytest.fixture
def scene(tmp_path: Path) -> Iterator[Scene]:
    scene = Scene(tmp_path)
    with scene.catalog:
        yield scene


def file(name: str, **options: Any) -> StagedFile:
    row = FileRow(
        name, name.partition("-")[0], "1", 1, "a1" * 32, None, None, None, None, "https://example.org/"
    )
    return StagedFile(row, f"{name}.part", **options)


def finish(placement: Placement, *files: StagedFile) -> tuple[list[str], list[str], dict[str, str | None]]:
    """Stage and finish; return the placed files, the confirmed ones and the failed ones."""
    placed: list[str] = []
    confirmed: list[str] = []
    failed: dict[str, str | None] = {}
    with placement:
        for each in files:
            placement.stage(each)
        for step in placement.finish():
            placed += (each.file.row.filename for each in step.placed if each.error is None)
            failed |= {each.file.row.filename: each.error for each in step.placed if each.error}
            confirmed += (each.row.filename for each in step.confirmed)
    return placed, confirmed, failed


def test_a_new_file_is_synced_and_recorded_before_it_is_placed(scene: Scene) -> None:
    assert finish(scene.placement(), file("foo-1.zip")) == (["foo-1.zip"], ["foo-1.zip"], {})
    assert scene.steps == [
        "sync",
        "commit: foo-1.zip",
        "place foo-1.zip",
        "sync",
    ]


def test_an_adopted_file_is_only_recorded(scene: Scene) -> None:
    adopted = StagedFile(file("foo-1.zip").row, None)
    assert finish(scene.placement(), adopted) == (["foo-1.zip"], ["foo-1.zip"], {})
    assert scene.steps == ["sync", "commit: foo-1.zip", "sync"]


def test_a_file_that_replaces_another_is_invalid_and_on_no_page_until_it_is_synced(scene: Scene) -> None:
    placement = scene.placement(index=FakeIndex(scene.steps))
    assert finish(placement, file("foo-1.zip", replace=True)) == (["foo-1.zip"], ["foo-1.zip"], {})
    assert scene.steps == [
        "sync",
        "commit: foo-1.zip (invalid)",
        "pages of foo",
        "replace foo-1.zip",
        "sync",
    ]
    assert scene.catalog.files.invalid("foo") == set()


def test_superseded_files_are_deleted_once_no_page_lists_them(scene: Scene) -> None:
    scene.catalog.files.put([file("foo-1.zip").row, file("foo-2.zip").row])
    scene.catalog.commit()
    scene.steps.clear()
    with scene.placement(index=FakeIndex(scene.steps)) as placement:
        done = placement.delete([Deletion("foo", ["foo-1.zip"], row=ProjectRow("foo", etag="new"))])
        scene.catalog.commit()
    assert [(name, error) for _, name, error in done] == [("foo-1.zip", None)]
    assert scene.steps == [
        "pages of foo without foo-1.zip",
        "delete foo-1.zip",
        "sync",
        "commit: foo-2.zip",
    ]
    assert scene.catalog.projects.get("foo") == ProjectRow("foo", etag="new")


def test_files_staged_during_a_sync_wait_for_the_next_one(scene: Scene) -> None:
    with scene.placement() as placement:
        placement.stage(file("foo-1.zip"))
        placement.advance()
        placement.stage(file("foo-2.zip"))
        assert [each.file.row.filename for each in placement.advance(wait=True).placed] == ["foo-1.zip"]
        assert placement.waiting == 1
        step = placement.advance(wait=True)
        assert [each.file.row.filename for each in step.placed] == ["foo-2.zip"]
        assert [each.row.filename for each in step.confirmed] == ["foo-1.zip"]
    assert scene.steps.index("place foo-1.zip") < scene.steps.index("place foo-2.zip")


class TestFailures:
    def test_a_file_that_cannot_be_placed_is_not_tracked(self, scene: Scene) -> None:
        placed, confirmed, failed = finish(
            scene.placement("place foo-1.zip"), file("foo-1.zip"), file("foo-2.zip")
        )
        assert (placed, confirmed, list(failed)) == (["foo-2.zip"], ["foo-2.zip"], ["foo-1.zip"])
        assert scene.catalog.files.of("foo").keys() == {"foo-2.zip"}

    def test_a_file_that_cannot_be_replaced_stays_invalid(self, scene: Scene) -> None:
        _, confirmed, failed = finish(scene.placement("replace foo-1.zip"), file("foo-1.zip", replace=True))
        assert (confirmed, list(failed)) == ([], ["foo-1.zip"])
        assert scene.catalog.files.invalid("foo") == {"foo-1.zip"}

    def test_no_file_is_replaced_while_a_page_lists_it(self, scene: Scene) -> None:
        placement = scene.placement(index=FakeIndex(scene.steps, unwritable=["foo"]))
        _, _, failed = finish(placement, file("foo-1.zip", replace=True), file("foo-2.zip"))
        assert list(failed) == ["foo-1.zip"]
        assert "replace foo-1.zip" not in scene.steps

    def test_no_file_is_deleted_while_a_page_lists_it(self, scene: Scene) -> None:
        scene.catalog.files.put([file("foo-1.zip").row, file("bar-1.zip").row])
        with scene.placement(index=FakeIndex(scene.steps, unwritable=["foo"])) as placement:
            done = placement.delete(
                [Deletion("foo", ["foo-1.zip"], untrack=True), Deletion("bar", ["bar-1.zip"])]
            )
            scene.catalog.commit()
        assert [name for _, name, _ in done] == ["bar-1.zip"]
        assert scene.steps[-1] == "commit: foo-1.zip"

    def test_a_project_whose_file_cannot_be_deleted_stays_tracked(self, scene: Scene) -> None:
        scene.catalog.files.put([file("foo-1.zip").row, file("foo-2.zip").row])
        scene.catalog.projects.put(ProjectRow("foo"))
        with scene.placement("delete foo-1.zip") as placement:
            done = placement.delete([Deletion("foo", ["foo-1.zip", "foo-2.zip"], untrack=True)])
        assert [bool(error) for _, _, error in done] == [True, False]
        assert scene.catalog.files.of("foo").keys() == {"foo-1.zip"}
        assert scene.catalog.projects.get("foo") is not None

    def test_without_a_sync_nothing_is_placed(self, scene: Scene) -> None:
        with scene.placement("sync") as placement:
            placement.stage(file("foo-1.zip"))
            with pytest.raises(FolderError, match="synced"):
                list(placement.finish())
        assert scene.steps == []
