"""The flat folder: its files, its unfinished transfers and its lock."""

from __future__ import annotations

import json
import os
import re
import socket
import subprocess
import sys
import time
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

import minimirror
from minimirror.storage import FolderBusyError, FolderError, MirrorFolder
from tests.helpers.running import until

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

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


COME_AND_GO = """
import os, sys

os.chdir(sys.argv[1])
names = [str(number) for number in range(200)]
while True:
    for name in names:
        open(name, "w").close()
    for name in names:
        try:
            os.unlink(name)
        except FileNotFoundError:
            pass
"""


@pytest.fixture
def folder(repository: Path) -> MirrorFolder:
    """A prepared folder."""
    folder = MirrorFolder(repository)
    folder.prepare()
    return folder


@contextmanager
def held_elsewhere(folder: MirrorFolder) -> Iterator[subprocess.Popen[str]]:
    """Hold the lock in another process until the block ends."""
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
    def test_makes_the_folders_and_keeps_their_files(self, repository: Path) -> None:
        folder = MirrorFolder(repository / "below" / "it")
        folder.prepare()
        (folder.partial / "x").write_bytes(b"x")
        folder.prepare()
        names = sorted(path.name for path in folder.path.rglob("*"))
        assert names == [".gitignore", ".minimirror", "partial", "x"]
        assert folder.state.parent == folder.path

    def test_git_sees_only_the_files_of_the_mirror(self, repository: Path) -> None:
        folder = MirrorFolder(repository)
        folder.prepare()
        (folder.partial / "x").write_bytes(b"x")
        (repository / "demo-1.0.tar.gz").write_bytes(b"x")
        subprocess.run(["git", "init", "-q", repository], check=True)
        status = subprocess.run(
            ["git", "-C", repository, "status", "--porcelain"], capture_output=True, text=True, check=True
        )
        assert status.stdout == "?? demo-1.0.tar.gz\n"
        ignored = folder.state / ".gitignore"
        ignored.write_text("partial\n")
        folder.prepare()
        assert ignored.read_text() == "partial\n"
        ignored.unlink()
        folder.prepare()
        assert not ignored.exists()

    @pytest.mark.parametrize("occupied", [".", ".minimirror", ".minimirror/partial"])
    def test_a_file_in_its_place_is_an_error(self, repository: Path, occupied: str) -> None:
        path = repository / occupied
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(b"")
        with pytest.raises(FolderError, match=re.escape(str(path))):
            MirrorFolder(repository).prepare()
        assert path.read_bytes() == b""

    def test_a_folder_that_cannot_be_made_is_an_error(self, tmp_path: Path) -> None:
        with pytest.raises(FolderError, match="x" * 300):
            MirrorFolder(tmp_path / ("x" * 300)).prepare()

    @pytest.mark.parametrize(
        "at", [".minimirror", ".minimirror/partial", ".minimirror/retired", ".minimirror/uploads"]
    )
    @pytest.mark.parametrize("exists", [True, False])
    def test_a_link_instead_of_a_folder_of_its_own_is_an_error(
        self, repository: Path, tmp_path: Path, at: str, exists: bool
    ) -> None:
        """Whoever made it must not choose where the files are written."""
        elsewhere = tmp_path / "elsewhere"
        if exists:
            elsewhere.mkdir()
        path = repository / at
        path.parent.mkdir(parents=True)
        path.symlink_to(elsewhere)
        with pytest.raises(FolderError, match=re.escape(f"{path} is a link")):
            MirrorFolder(repository).prepare()
        assert elsewhere.exists() == exists
        assert not exists or list(elsewhere.iterdir()) == []

    @pytest.mark.parametrize("beside", ["", "-wal", "-shm", "-journal"])
    def test_a_link_instead_of_the_catalog_is_an_error(
        self, repository: Path, tmp_path: Path, beside: str
    ) -> None:
        (repository / ".minimirror").mkdir(parents=True)
        path = repository / ".minimirror" / f"catalog.sqlite{beside}"
        path.symlink_to(tmp_path / "elsewhere")
        with pytest.raises(FolderError, match=re.escape(f"{path} is a link")):
            MirrorFolder(repository).prepare()

    def test_the_folder_itself_may_be_a_link(self, repository: Path, tmp_path: Path) -> None:
        (tmp_path / "disk").mkdir()
        repository.symlink_to(tmp_path / "disk")
        MirrorFolder(repository).prepare()
        assert (tmp_path / "disk" / ".minimirror" / "partial").is_dir()


class TestFiles:
    def test_only_regular_files_have_a_size(self, folder: MirrorFolder) -> None:
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

    def test_filenames_are_visible_files_and_links_to_files(self, folder: MirrorFolder) -> None:
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

    def test_place_takes_only_the_file_that_was_verified(self, folder: MirrorFolder) -> None:
        path = folder.partial / "x.part"
        path.write_bytes(b"verified")
        inode = path.stat().st_ino
        path.rename(folder.partial / "moved")
        path.write_bytes(b"another process's")
        with pytest.raises(OSError, match="replaced"):
            folder.place("x.part", NAME, replace=False, inode=inode)
        assert not folder.occupied(NAME)
        folder.place("moved", NAME, replace=False, inode=inode)
        assert (folder.path / NAME).read_bytes() == b"verified"

    def test_place_replaces_only_if_it_may(self, folder: MirrorFolder) -> None:
        (folder.path / NAME).write_bytes(b"local")
        (folder.partial / "x.part").write_bytes(b"new")
        with pytest.raises(FileExistsError, match="minimirror did not place"):
            folder.place("x.part", NAME, replace=False)
        assert (folder.path / NAME).read_bytes() == b"local"
        assert (folder.partial / "x.part").read_bytes() == b"new"
        folder.place("x.part", NAME, replace=True)
        assert (folder.path / NAME).read_bytes() == b"new"

    def test_place_does_not_follow_links(self, folder: MirrorFolder, tmp_path: Path) -> None:
        target = tmp_path / "elsewhere"
        target.write_bytes(b"local")
        for name, to in (("link.zip", target), ("dangling.zip", tmp_path / "nowhere")):
            (folder.path / name).symlink_to(to)
            (folder.partial / "x.part").write_bytes(b"new")
            with pytest.raises(FileExistsError):
                folder.place("x.part", name, replace=False)
            folder.place("x.part", name, replace=True)
            assert folder.size(name) == 3
        assert target.read_bytes() == b"local"
        assert not (tmp_path / "nowhere").exists()

    def test_place_fails_on_a_folder_or_without_the_partial_file(self, folder: MirrorFolder) -> None:
        (folder.path / NAME).mkdir()
        (folder.partial / "x.part").write_bytes(b"new")
        with pytest.raises(OSError, match="directory"):
            folder.place("x.part", NAME, replace=True)
        with pytest.raises(FileNotFoundError):
            folder.place("absent.part", "other.zip", replace=False)
        assert (folder.partial / "x.part").exists()

    @pytest.mark.parametrize("make", [os.mkfifo, lambda path: path.symlink_to("/etc/hostname"), Path.mkdir])
    def test_place_takes_only_regular_files(
        self, folder: MirrorFolder, make: Callable[[Path], object]
    ) -> None:
        make(folder.partial / "x.part")
        with pytest.raises(OSError, match=r"x\.part is a link or a special file"):
            folder.place("x.part", NAME, replace=True)
        assert not folder.occupied(NAME)

    @pytest.mark.parametrize("name", ["retired", "uploads"])
    def test_nothing_is_deleted_or_kept_behind_a_link(
        self, folder: MirrorFolder, tmp_path: Path, name: str
    ) -> None:
        """For example, one that appears while the folder is served."""
        (tmp_path / "elsewhere").mkdir()
        (tmp_path / "elsewhere" / "valuable").touch()
        (folder.state / name).symlink_to(tmp_path / "elsewhere")
        (folder.path / NAME).write_bytes(b"x")
        folder.delete(NAME)
        in_an_hour = time.time() + 3600
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr("time.time", lambda: in_an_hour)
            folder.delete_expired()
        assert not folder.occupied(NAME)
        assert [path.name for path in (tmp_path / "elsewhere").iterdir()] == ["valuable"]

    def test_delete_takes_one_file_and_may_be_repeated(self, folder: MirrorFolder, tmp_path: Path) -> None:
        (tmp_path / "elsewhere").write_bytes(b"local")
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

    def test_transfers_older_than_a_week(self, folder: MirrorFolder, monkeypatch: pytest.MonkeyPatch) -> None:
        day, now = 86400, time.time()
        (folder.partial / "here").write_bytes(b"x")
        # A verified file, which already has its upload time.
        os.utime(folder.partial / "here", (0, 0))
        for days, left in ((0, ["here"]), (6, ["here"]), (8, [])):
            monkeypatch.setattr(time, "time", lambda days=days: now + days * day)
            folder.delete_leftovers(everything=False)
            assert [path.name for path in folder.partial.iterdir()] == left

    def test_files_deleted_while_the_folder_was_served(
        self, folder: MirrorFolder, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """They are kept for ten minutes, so that installers can finish with the page that they read."""
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

    def test_their_folder_when_nobody_serves_any_more(
        self, folder: MirrorFolder, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        folder.keep_deleted()
        now = time.time()
        for minutes, is_there in ((9, True), (11, False)):
            monkeypatch.setattr(time, "time", lambda minutes=minutes: now + minutes * 60)
            folder.delete_leftovers(everything=True)
            assert folder.retired.exists() is is_there
        (folder.path / NAME).write_bytes(b"x")
        folder.delete(NAME)
        assert folder.size(NAME) is None

    def test_make_room_deletes_the_shortest_transfers_first(self, folder: MirrorFolder) -> None:
        for name, size in (("kept", 1), ("empty", 0), ("small", 1 << 20), ("big", 2 << 20)):
            (folder.partial / name).touch()
            os.truncate(folder.partial / name, size)
        folder.make_room(keep={"kept"})
        assert {path.name for path in folder.partial.iterdir()} == {"kept", "big"}

    @pytest.mark.parametrize(
        "look", [MirrorFolder.free, lambda folder: folder.make_room(set(map(str, range(200))))]
    )
    def test_files_that_come_and_go_meanwhile(
        self, folder: MirrorFolder, look: Callable[[MirrorFolder], object]
    ) -> None:
        """As when `plan` looks at the folder while a run fetches files."""
        with subprocess.Popen([sys.executable, "-c", COME_AND_GO, str(folder.partial)]) as process:
            try:
                until(lambda: any(folder.partial.iterdir()), "files come")
                for _ in range(300):
                    look(folder)
            finally:
                process.kill()

    def test_a_folder_among_them_is_left(self, folder: MirrorFolder) -> None:
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

    def test_error_names_the_process_that_holds_it(self, folder: MirrorFolder) -> None:
        with held_elsewhere(folder) as process:
            with pytest.raises(FolderBusyError) as caught, folder.lock():
                pass
            for text in (str(folder.path), f"process {process.pid}", socket.gethostname()):
                assert text in str(caught.value)
            with pytest.raises(FolderBusyError), folder.lock():
                pass

    def test_a_killed_process_releases_it(self, folder: MirrorFolder) -> None:
        with held_elsewhere(folder) as process:
            process.kill()
            process.wait(10)
            with folder.lock():
                assert json.loads((folder.state / "holder.json").read_text())["pid"] == os.getpid()

    def test_an_exception_releases_it(self, folder: MirrorFolder) -> None:
        with pytest.raises(ValueError, match="wrong"), folder.lock():
            raise ValueError("wrong")
        with folder.lock():
            pass

    @pytest.mark.parametrize("text", ["", "{", "[]", "5", "null", "{}", '{"pid": 1}', "\xff"])
    def test_a_holder_that_cannot_be_read_is_not_named(self, folder: MirrorFolder, text: str) -> None:
        with folder.lock():
            (folder.state / "holder.json").write_bytes(text.encode("latin-1"))
            with pytest.raises(FolderBusyError) as caught, folder.lock():
                pass
            assert "process" not in str(caught.value)

    @pytest.mark.parametrize("name", ["lock", "workers.lock", "holder.json"])
    def test_links_and_fifos_are_refused(self, folder: MirrorFolder, tmp_path: Path, name: str) -> None:
        """Nothing is written through a link, and nothing waits for a FIFO."""
        valuable = tmp_path / "valuable"
        valuable.write_text("valuable")
        path = folder.state / name
        for target in (valuable, tmp_path / "absent", None):
            if target is None:
                os.mkfifo(path)
            else:
                path.symlink_to(target)
            with pytest.raises(FolderError, match=re.escape(str(path))), folder.lock():
                pass
            path.unlink()
        assert valuable.read_text() == "valuable"
        assert not (tmp_path / "absent").exists()

    def test_a_holder_that_is_a_fifo_is_not_waited_for(self, folder: MirrorFolder) -> None:
        with folder.lock():
            (folder.state / "holder.json").unlink()
            os.mkfifo(folder.state / "holder.json")
            with pytest.raises(FolderBusyError), folder.lock():
                pass

    def test_two_folders_have_two_locks(self, folder: MirrorFolder, tmp_path: Path) -> None:
        other = MirrorFolder(tmp_path / "other")
        other.prepare()
        with folder.lock(), other.lock():
            pass

    def test_a_lock_that_cannot_be_made_is_an_error(self, folder: MirrorFolder) -> None:
        (folder.state / "lock").mkdir()
        with pytest.raises(FolderError, match="Is a directory"), folder.lock():
            pass
