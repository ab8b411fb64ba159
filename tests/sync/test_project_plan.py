"""The plan of one project: the files selected from its page, compared with the folder and the catalog."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest

from minimirror.simple_api.project_page import File
from minimirror.storage import FileRow, ProjectRow, UpstreamRow
from minimirror.storage.folder import MirrorFolder
from minimirror.sync.project_plan import ProjectPlan, file_row, plan_project
from minimirror.sync.workers.jobs import AdoptFile, FetchFile, PageRead, SelectedFile

if TYPE_CHECKING:
    from pathlib import Path

NAME = "foo-1.0.tar.gz"
SHA256 = "a1" * 32
FILE = File(
    NAME,
    f"https://example.org/{NAME}",
    {"sha256": SHA256},
    size=5,
    upload_time=1.5,
    requires_python=">=3.8",
    core_metadata="true",
)
PROJECT = ProjectRow("foo", etag="page")
ROW = FileRow(NAME, "foo", "1.0", 5, SHA256, 1.5, ">=3.8", None, "true", f"https://example.org/{NAME}")


@pytest.fixture
def folder(repository: Path) -> MirrorFolder:
    folder = MirrorFolder(repository)
    folder.prepare()
    return folder


def plan(
    folder: MirrorFolder,
    *files: File,
    known: tuple[FileRow, ...] = (),
    invalid: tuple[str, ...] = (),
    replaced: tuple[str, ...] = (),
    keep: tuple[str, ...] = (),
) -> ProjectPlan:
    page = PageRead(
        selected=tuple(SelectedFile(file, "1.0") for file in files),
        replaced=dict.fromkeys(replaced, "other content"),
    )
    return plan_project(PROJECT, page, {row.filename: row for row in known}, invalid, folder, keep=keep)


def a_plan(**steps: Any) -> ProjectPlan:
    return ProjectPlan(PROJECT, upstream=UpstreamRow("foo"), **steps)


def fetch(file: File = FILE, *, replace: bool = False) -> FetchFile:
    return FetchFile("foo", SelectedFile(file, "1.0"), replace=replace)


def test_a_row_has_the_metadata_of_the_index_and_the_received_size_and_digest() -> None:
    assert file_row("foo", SelectedFile(FILE, "1.0"), 5, SHA256) == ROW
    sparse = File(NAME, "u", {})
    assert file_row("foo", SelectedFile(sparse, "1.0"), 5, SHA256) == FileRow(
        NAME, "foo", "1.0", 5, SHA256, None, None, None, None, "u"
    )


def test_a_missing_file_is_fetched(folder: MirrorFolder) -> None:
    assert plan(folder, FILE) == a_plan(fetch=(fetch(),))


def test_a_tracked_file_is_left_alone(folder: MirrorFolder) -> None:
    (folder.path / NAME).write_bytes(b"12345")
    assert plan(folder, FILE, known=(ROW,)) == a_plan()


def test_a_local_file_is_adopted_or_left_alone(folder: MirrorFolder) -> None:
    (folder.path / NAME).symlink_to("nowhere")
    assert plan(folder, FILE) == a_plan(fetch=(AdoptFile("foo", SelectedFile(FILE, "1.0")),))


@pytest.mark.parametrize("content", [None, b"1234", b"123456", b""])
def test_a_deleted_or_truncated_file_is_fetched_again(folder: MirrorFolder, content: bytes | None) -> None:
    if content is not None:
        (folder.path / NAME).write_bytes(content)
    assert plan(folder, FILE, known=(ROW,)) == a_plan(fetch=(fetch(replace=True),))


def test_an_invalid_file_is_fetched_again(folder: MirrorFolder) -> None:
    (folder.path / NAME).write_bytes(b"12345")
    assert plan(folder, FILE, known=(ROW,), invalid=(NAME,)) == a_plan(fetch=(fetch(replace=True),))


def test_a_file_that_was_replaced_upstream_is_kept_or_fetched_again(folder: MirrorFolder) -> None:
    (folder.path / NAME).write_bytes(b"12345")
    other = FILE._replace(digests={"sha256": "00" * 32})
    assert plan(folder, other, known=(ROW,), replaced=(NAME,), keep=(NAME,)) == a_plan()
    again = a_plan(fetch=(fetch(other, replace=True),))
    assert plan(folder, other, known=(ROW,), replaced=(NAME,)) == again


def test_without_size_and_sha256_on_the_page_a_tracked_file_is_kept(folder: MirrorFolder) -> None:
    (folder.path / NAME).write_bytes(b"12345")
    sparse = FILE._replace(size=None, digests={"md5": "0" * 32})
    row = ROW._replace(digests=json.dumps(sparse.digests))
    assert plan(folder, sparse, known=(ROW,)) == a_plan(update=(row,))


def test_new_metadata_of_a_tracked_file_is_recorded(folder: MirrorFolder) -> None:
    (folder.path / NAME).write_bytes(b"12345")
    yanked = FILE._replace(yanked="broken", url="https://files.example.org/x")
    row = ROW._replace(yanked="broken", url="https://files.example.org/x")
    assert plan(folder, yanked, known=(ROW,)) == a_plan(update=(row,))


def test_only_files_that_minimirror_placed_are_deleted(folder: MirrorFolder) -> None:
    for name in (NAME, "foo-0.9.tar.gz", "foo-0.8.tar.gz"):
        (folder.path / name).write_bytes(b"12345")
    old = ROW._replace(filename="foo-0.9.tar.gz", version="0.9")
    assert plan(folder, FILE, known=(ROW, old)) == a_plan(delete=("foo-0.9.tar.gz",))
    assert plan(folder, known=(ROW, old)) == a_plan(
        delete=(
            NAME,
            "foo-0.9.tar.gz",
        ),
    )


def test_no_selected_and_no_tracked_files_make_an_empty_plan(folder: MirrorFolder) -> None:
    assert plan(folder) == a_plan()
