"""The flat folder: what may come into it, and who holds it."""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
import time
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

import minimirror
from minimirror.storage.folder import FolderBusyError, FolderError, MirrorFolder

if TYPE_CHECKING:
    from collections.abc import Iterator

NAME = "foo-1.0.tar.gz"

HOLD = """
import sys
from pathlib import Path
from minimirror.storage.folder import MirrorFolder

repository = MirrorFolder(Path(sys.argv[1]))
with repository.lock():
    print("held", flush=True)
    sys.stdin.read()
"""


@pytest.fixture
def folder(repository: Path) -> MirrorFolder:
    """A repository that is ready."""
    folder = MirrorFolder(repository)
    folder.prepare()
    return folder


@contextmanager
def held_elsewhere(folder: MirrorFolder) -> Iterator[subprocess.Popen[str]]:
    """Another process that holds the repository until it is ended."""
    with subprocess.Popen(
        [sys.executable, "-c", HOLD, str(folder.path)],
        cwd=Path(minimirror.__file__).parents[1],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    ) as process:
        assert process.stdout
        try:
            assert process.stdout.readline() == "held\n"
            yield process
        finally:
            process.kill()


class TestPrepare:
    def test_makes_the_folders_and_leaves_what_is_there(self, repository: Path) -> None:
        folder = MirrorFolder(repository / "below" / "it")
        folder.prepare()
        (folder.partial / "x").write_bytes(b"x")
        folder.prepare()
        assert sorted(path.name for path in folder.path.rglob("*")) == [".minimirror", "partial", "x"]
        assert folder.state.parent == folder.path

    @pytest.mark.parametrize("occupied", [".", ".minimirror", ".minimirror/partial"])
    def test_a_file_in_its_place_is_an_error(self, repository: Path, occupied: str) -> None:
        path = repository / occupied
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(b"")
        with pytest.raises(FolderError) as caught:
            MirrorFolder(repository).prepare()
        assert str(caught.value).startswith(f"repository {repository}: ")
        assert path.read_bytes() == b""

    def test_a_folder_that_cannot_be_made_is_an_error(self, tmp_path: Path) -> None:
        with pytest.raises(FolderError, match=r"repository .*: "):
            MirrorFolder(tmp_path / ("x" * 300)).prepare()


class TestFiles:
    def test_size_is_of_regular_files_alone(self, folder: MirrorFolder) -> None:
        (folder.path / NAME).write_bytes(b"12345")
        (folder.path / "folder.zip").mkdir()
        (folder.path / "link.zip").symlink_to(NAME)
        (folder.path / "dangling.zip").symlink_to("nowhere")
        (folder.path / "loop.zip").symlink_to("loop.zip")
        os.mkfifo(folder.path / "fifo.zip")
        assert folder.size(NAME) == 5
        for name in ("folder.zip", "link.zip", "dangling.zip", "loop.zip", "fifo.zip"):
            assert folder.size(name) is None
            assert folder.occupied(name)
        for name in ("absent.zip", f"{NAME}/below"):
            assert folder.size(name) is None
            assert not folder.occupied(name)

    def test_filenames_are_of_files_and_links_to_files_that_are_not_hidden(
        self, folder: MirrorFolder
    ) -> None:
        for name in (NAME, "notes.txt", ".hidden"):
            (folder.path / name).write_bytes(b"x")
        (folder.path / "folder.zip").mkdir()
        (folder.path / "link.zip").symlink_to(NAME)
        (folder.path / "dangling.zip").symlink_to("nowhere")
        (folder.path / "loop.zip").symlink_to("loop.zip")
        (folder.path / "link-to-folder.zip").symlink_to("folder.zip")
        assert sorted(folder.filenames()) == [NAME, "link.zip", "notes.txt"]

    def test_place_moves_a_partial_file(self, folder: MirrorFolder) -> None:
        (folder.partial / "x.part").write_bytes(b"new")
        folder.place("x.part", NAME, replace=False)
        assert (folder.path / NAME).read_bytes() == b"new"
        assert list(folder.partial.iterdir()) == []

    def test_place_replaces_only_what_it_may(self, folder: MirrorFolder) -> None:
        (folder.path / NAME).write_bytes(b"a user's")
        (folder.partial / "x.part").write_bytes(b"new")
        with pytest.raises(FileExistsError, match="minimirror did not place"):
            folder.place("x.part", NAME, replace=False)
        assert (folder.path / NAME).read_bytes() == b"a user's"
        assert (folder.partial / "x.part").read_bytes() == b"new"
        folder.place("x.part", NAME, replace=True)
        assert (folder.path / NAME).read_bytes() == b"new"

    def test_place_does_not_follow_links(self, folder: MirrorFolder, tmp_path: Path) -> None:
        target = tmp_path / "elsewhere"
        target.write_bytes(b"a user's")
        for name, to in (("link.zip", target), ("dangling.zip", tmp_path / "nowhere")):
            (folder.path / name).symlink_to(to)
            (folder.partial / "x.part").write_bytes(b"new")
            with pytest.raises(FileExistsError):
                folder.place("x.part", name, replace=False)
            folder.place("x.part", name, replace=True)
            assert folder.size(name) == 3
        assert target.read_bytes() == b"a user's"
        assert not (tmp_path / "nowhere").exists()

    def test_place_is_an_error_where_it_cannot(self, folder: MirrorFolder) -> None:
        (folder.path / NAME).mkdir()
        (folder.partial / "x.part").write_bytes(b"new")
        with pytest.raises(OSError, match="directory"):
            folder.place("x.part", NAME, replace=True)
        with pytest.raises(FileNotFoundError):
            folder.place("absent.part", "other.zip", replace=False)
        assert (folder.partial / "x.part").exists()

    def test_delete_takes_one_file_and_what_is_gone_is_no_error(
        self, folder: MirrorFolder, tmp_path: Path
    ) -> None:
        (tmp_path / "elsewhere").write_bytes(b"a user's")
        (folder.path / NAME).write_bytes(b"x")
        (folder.path / "link.zip").symlink_to(tmp_path / "elsewhere")
        (folder.path / "other.zip").write_bytes(b"x")
        for name in (NAME, NAME, "link.zip"):
            folder.delete(name)
        assert [path.name for path in folder.path.iterdir() if path.is_file()] == ["other.zip"]
        assert (tmp_path / "elsewhere").exists()


class TestSweep:
    def test_everything(self, folder: MirrorFolder) -> None:
        for name in ("a.part", "b.part"):
            (folder.partial / name).write_bytes(b"x")
        (folder.path / NAME).write_bytes(b"x")
        folder.delete_leftovers(everything=True)
        assert list(folder.partial.iterdir()) == []
        assert folder.size(NAME) == 1

    def test_what_nothing_has_gone_on_with_for_a_week(
        self, folder: MirrorFolder, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        day, now = 86400, time.time()
        (folder.partial / "here").write_bytes(b"x")
        # One that was verified, and has its upload time.
        os.utime(folder.partial / "here", (0, 0))
        for days, left in ((0, ["here"]), (6, ["here"]), (8, [])):
            monkeypatch.setattr(time, "time", lambda days=days: now + days * day)
            folder.delete_leftovers(everything=False)
            assert [path.name for path in folder.partial.iterdir()] == left

    def test_what_was_deleted_while_the_folder_was_served(
        self, folder: MirrorFolder, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """It is kept for ten minutes, by which installers have fetched what they have read of."""
        (folder.path / NAME).write_bytes(b"x")
        folder.retired.mkdir()
        folder.uploads.mkdir()
        (folder.uploads / "begun").write_bytes(b"x")
        folder.delete(NAME)
        assert folder.size(NAME) is None
        now = time.time()
        for minutes, left in ((0, [NAME]), (9, [NAME]), (11, [])):
            monkeypatch.setattr(time, "time", lambda minutes=minutes: now + minutes * 60)
            folder.delete_leftovers(everything=True)
            assert [path.name for path in folder.retired.iterdir()] == left
            assert [path.name for path in folder.uploads.iterdir()] == ["begun"] * len(left)

    def test_room_is_made_of_the_shortest_that_nobody_keeps(self, folder: MirrorFolder) -> None:
        for name, size in (("kept", 1), ("empty", 0), ("small", 1 << 20), ("big", 2 << 20)):
            (folder.partial / name).touch()
            os.truncate(folder.partial / name, size)
        folder.make_room(keep={"kept"})
        assert {path.name for path in folder.partial.iterdir()} == {"kept", "big"}

    def test_what_cannot_be_deleted_is_left(self, folder: MirrorFolder) -> None:
        (folder.partial / "folder").mkdir()
        (folder.partial / "dangling").symlink_to("nowhere")
        (folder.partial / "a.part").write_bytes(b"x")
        folder.delete_leftovers(everything=True)
        assert [path.name for path in folder.partial.iterdir()] == ["folder"]


class TestLock:
    def test_one_after_the_other(self, folder: MirrorFolder) -> None:
        for _ in range(2):
            with folder.lock():
                holder = json.loads((folder.state / "holder.json").read_text())
                assert (holder["pid"], holder["host"]) == (os.getpid(), socket.gethostname())
            assert not (folder.state / "holder.json").exists()

    def test_a_second_process_says_who_holds_it(self, folder: MirrorFolder) -> None:
        with held_elsewhere(folder) as process:
            who = f"locked by another run: process {process.pid} on {socket.gethostname()}, since 20"
            with pytest.raises(FolderBusyError) as caught, folder.lock():
                pass
            assert str(caught.value).startswith(f"repository {folder.path}: {who}")
            with pytest.raises(FolderBusyError), folder.lock():
                pass

    def test_who_is_killed_lets_go_of_it(self, folder: MirrorFolder) -> None:
        with held_elsewhere(folder) as process:
            process.kill()
            process.wait(10)
            with folder.lock():
                assert json.loads((folder.state / "holder.json").read_text())["pid"] == os.getpid()

    def test_who_fails_lets_go_of_it(self, folder: MirrorFolder) -> None:
        with pytest.raises(ValueError, match="wrong"), folder.lock():
            raise ValueError("wrong")
        with folder.lock():
            pass

    @pytest.mark.parametrize("text", ["", "{", "[]", "5", "null", "{}", '{"pid": 1}', "\xff"])
    def test_a_holder_that_cannot_be_read_is_no_harm(self, folder: MirrorFolder, text: str) -> None:
        with folder.lock():
            (folder.state / "holder.json").write_bytes(text.encode("latin-1"))
            with pytest.raises(FolderBusyError, match=r"locked by another run$"), folder.lock():
                pass

    def test_two_repositories_are_held_apart(self, folder: MirrorFolder, tmp_path: Path) -> None:
        other = MirrorFolder(tmp_path / "other")
        other.prepare()
        with folder.lock(), other.lock():
            pass

    def test_a_lock_that_cannot_be_made_is_an_error(self, folder: MirrorFolder) -> None:
        (folder.state / "lock").mkdir()
        with pytest.raises(FolderError, match="Is a directory"), folder.lock():
            pass
