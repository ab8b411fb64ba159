"""Bad disks, folders and catalogs: a clear message, no file lost, and the next run continues."""

from __future__ import annotations

import json
import os
import sqlite3
import stat
import tempfile
from contextlib import closing, suppress
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from minimirror.storage import CatalogDamagedError, CatalogError
from minimirror.storage.catalog import catalog
from tests.helpers.forking import beginning_with
from tests.helpers.index import Status, Truncate
from tests.helpers.namespaces import Mounts
from tests.helpers.running import (
    DEADLINE,
    Mirror,
    in_background,
    minimirror_command,
    until,
)

if TYPE_CHECKING:
    from collections.abc import Iterator

    from click.testing import Result

    from tests.helpers.index import File, Index

MIB = 1 << 20
ROOT = os.geteuid() == 0


@pytest.fixture
def mirror(index: Index, repository: Path) -> Mirror:
    return Mirror(index, repository)


@pytest.fixture
def files(index: Index) -> list[File]:
    return [index.add_wheel(f"project-{number}", "1.0", padding=MIB // 4) for number in range(8)]


@pytest.fixture
def short_path() -> Iterator[Path]:
    """Make a folder whose path is short enough for a socket."""
    with tempfile.TemporaryDirectory(prefix="m-", dir="/tmp") as folder:
        yield Path(folder)


def content(*files: File) -> dict[str, bytes]:
    return {file.filename: file.content for file in files}


def check(mirror: Mirror) -> Result:
    """Check with every byte that the folder matches the catalog and is complete."""
    return minimirror_command("verify", "--config", mirror.config(), "--hash")


@pytest.fixture
def mounts(tmp_path: Path) -> Iterator[Mounts]:
    with Mounts(tmp_path / "entering") as mounts:
        yield mounts


class TestFull:
    def test_reports_it_and_continues_when_there_is_room(
        self, mirror: Mirror, mounts: Mounts, files: list[File], tmp_path: Path
    ) -> None:
        mirror.path.mkdir()
        mirror.rules["connections"] = 1
        mounts.sh(f"mount -t tmpfs -o size=1300k tmpfs {mirror.path}")
        for attempt in range(2):
            said = mounts.run(mirror, "--force", exit_code=1)
            assert "error: " in said
            assert "Traceback" not in said
            assert "full" in said or "No space left" in said
            here = mounts.copy(mirror, tmp_path / f"{attempt}")
            assert here.files().items() <= content(*files).items()
            # Partial files were deleted, so that the catalog could record the finished ones.
            assert len(here.files()) >= 3
        mounts.sh(f"mount -o remount,size=10m {mirror.path}")
        mirror.index.clear()
        assert "Complete." in mounts.run(mirror)
        # Files that were placed are not fetched again.
        assert mirror.index.files_fetched().keys().isdisjoint(here.names())
        after = mounts.copy(mirror, tmp_path / "end")
        assert after.files() == content(*files)
        assert after.partials() == {}
        assert check(after).exit_code == 0

    def test_before_the_catalog_lists_a_file(
        self, mirror: Mirror, mounts: Mounts, files: list[File], tmp_path: Path
    ) -> None:
        """The file is complete. It gets the room of one that is not."""
        mirror.path.mkdir()
        mirror.rules["projects"] = [file.project for file in files[:2]]
        mounts.sh(f"mount -t tmpfs -o size=2m tmpfs {mirror.path}")
        complete, unfinished = files[:2]
        size = len(complete.content)
        with (
            mirror.index.hold(complete.filename, after=size - 1) as last_byte,
            mirror.index.hold(unfinished.filename, after=size // 2),
            mounts.started("run", "--config", mirror.config()) as command,
        ):
            until(lambda: mounts.sizes(mirror.state / "partial") == [size // 2, size - 1], "both are coming")
            mounts.sh(f"cat /dev/zero > {mirror.path}/filler", exit_code=1)
            last_byte.release()
            assert command.end() == 1, command.stderr
        assert "full" in command.stderr
        mounts.sh(f"rm {mirror.path}/filler")
        assert mounts.copy(mirror, tmp_path / "copy").files() == content(complete)
        mirror.index.heal()
        mirror.index.clear()
        assert "Complete." in mounts.run(mirror)
        assert mirror.index.files_fetched().keys() == {unfinished.filename}

    @pytest.mark.parametrize("room", [0, 4, 16, 40, 80])
    def test_before_the_first_run(
        self, mirror: Mirror, mounts: Mounts, files: list[File], tmp_path: Path, room: int
    ) -> None:
        """There is no room even for the catalog, or little."""
        mirror.path.mkdir()
        mounts.sh(f"mount -t tmpfs -o size=1m tmpfs {mirror.path}")
        mounts.sh(f"head -c {(1024 - room) * 1024} /dev/zero > {mirror.path}/notes.txt")
        said = mounts.run(mirror, exit_code=1)
        assert said.strip().startswith("error: "), said
        assert len(said.strip().splitlines()) == 1, said
        mounts.sh(f"rm {mirror.path}/notes.txt && mount -o remount,size=10m {mirror.path}")
        assert "Complete." in mounts.run(mirror)
        assert mounts.copy(mirror, tmp_path / "end").files() == content(*files)

    def test_while_a_release_is_superseded(
        self, mirror: Mirror, mounts: Mounts, index: Index, files: list[File], tmp_path: Path
    ) -> None:
        """A file stays until its successor is placed."""
        mirror.path.mkdir()
        mounts.sh(f"mount -t tmpfs -o size=2600k tmpfs {mirror.path}")
        mounts.run(mirror)
        new = [index.add_wheel(f"project-{number}", "2.0", padding=MIB // 4) for number in range(8)]
        mounts.run(mirror, exit_code=1)
        here = mounts.copy(mirror, tmp_path / "full")
        names = {name.rpartition("-")[0].split("-")[0] for name in here.names()}
        assert names == {f"project_{number}" for number in range(8)}
        assert here.files().items() <= content(*files, *new).items()
        mounts.sh(f"mount -o remount,size=10m {mirror.path}")
        mounts.run(mirror)
        assert mounts.copy(mirror, tmp_path / "end").files() == content(*new)


class TestReadOnly:
    def test_folder(self, mirror: Mirror, mounts: Mounts, index: Index, files: list[File]) -> None:
        """Not even root can write there, and no file is lost."""
        mirror.complete()
        index.add_wheel("project-0", "2.0")
        requests = len(index.requests)
        mounts.sh(f"mount --bind {mirror.path} {mirror.path} && mount -o remount,ro,bind {mirror.path}")
        said = mounts.run(mirror, exit_code=2).strip()
        assert said.startswith(f"error: repository {mirror.path}: ")
        assert "permission" in said
        assert len(index.requests) == requests
        assert mirror.files() == content(*files)
        mirror.complete()

    def test_folder_that_does_not_exist(self, mirror: Mirror, mounts: Mounts, index: Index) -> None:
        folder = mirror.path.parent / "read-only"
        folder.mkdir()
        mounts.sh(f"mount -t tmpfs -o ro tmpfs {folder}")
        said = mounts.run(mirror, "--repository", f"{folder}/below", exit_code=2).strip()
        assert said.startswith(f"error: repository {folder}/below: Read-only file system")
        assert not index.requests

    def test_partial_folder_only(self, mirror: Mirror, mounts: Mounts, files: list[File]) -> None:
        mirror.complete()
        partial = mirror.state / "partial"
        mounts.sh(f"mount -t tmpfs -o ro tmpfs {partial}")
        said = mounts.run(mirror, exit_code=2).strip()
        assert said.startswith(f"error: repository {mirror.path}: ")
        assert "permission" in said
        assert mirror.files() == content(*files)


class TestAnotherFileSystem:
    def test_for_temporary_files(
        self,
        mirror: Mirror,
        mounts: Mounts,
        files: list[File],
        short_path: Path,
        monkeypatch: pytest.MonkeyPatch,
    ) -> None:
        """TMPDIR may be full, read-only or on another disk: no mirrored file goes through it."""
        for name, options in (("elsewhere", "size=1m"), ("read-only", "ro"), ("full", "size=4k,nr_inodes=1")):
            temporary = short_path / name
            temporary.mkdir()
            mounts.sh(f"mount -t tmpfs -o {options} tmpfs {temporary}")
            monkeypatch.setenv("TMPDIR", str(temporary))
            assert "Complete." in mounts.run(mirror, "--repository", f"{mirror.path}-{name}")
            assert Mirror(mirror.index, Path(f"{mirror.path}-{name}")).files() == content(*files)

    def test_path_too_long_for_a_socket(
        self, mirror: Mirror, files: list[File], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        temporary = tmp_path / ("long" * 25)
        temporary.mkdir()
        monkeypatch.setenv("TMPDIR", str(temporary))
        with mirror.command() as done:
            assert done.end() == 1
        assert "error: worker processes" in done.stderr
        assert "Traceback" not in done.stderr
        monkeypatch.delenv("TMPDIR")
        assert mirror.complete().files_fetched == len(files)

    def test_for_the_state_folder(self, mirror: Mirror, mounts: Mounts, files: list[File]) -> None:
        """Files cannot be renamed into place: each is reported, and the next run places them."""
        mirror.state.mkdir(parents=True)
        mounts.sh(f"mount -t tmpfs tmpfs {mirror.state}")
        said = mounts.run(mirror, exit_code=1)
        assert f"failed: {len(files)} files: " in said
        assert said.count("Invalid cross-device link") == 1
        assert mirror.files() == {}
        mounts.sh(f"umount {mirror.state}")
        assert "Complete." in mounts.run(mirror)
        assert mirror.files() == content(*files)


class TestInTheWay:
    """Something is in minimirror's way: it is named and left alone; without it, the next run completes."""

    @pytest.mark.parametrize("at", [".", ".minimirror", ".minimirror/partial"])
    def test_file_where_a_folder_must_be(
        self, mirror: Mirror, index: Index, files: list[File], at: str
    ) -> None:
        way = mirror.path / at
        way.parent.mkdir(parents=True, exist_ok=True)
        way.write_bytes(b"in the way")
        done = minimirror_command("run", "--config", mirror.config())
        assert (done.exit_code, done.stdout) == (2, "")
        assert done.stderr.startswith(f"error: repository {mirror.path}: ")
        assert str(way) in done.stderr
        assert way.read_bytes() == b"in the way"
        assert not index.requests
        way.unlink()
        mirror.complete()
        assert mirror.files() == content(*files)

    @pytest.mark.parametrize("at", ["lock", "workers.lock", "holder.json", "catalog.sqlite"])
    def test_folder_where_a_file_must_be(
        self, mirror: Mirror, index: Index, files: list[File], at: str
    ) -> None:
        way = mirror.state / at
        way.mkdir(parents=True)
        done = minimirror_command("run", "--config", mirror.config())
        assert done.exit_code in {1, 2}
        assert (done.stdout, len(done.stderr.splitlines())) == ("", 1)
        assert str(way) in done.stderr
        assert not index.requests
        way.rmdir()
        mirror.complete()
        assert mirror.files() == content(*files)

    def test_folder_where_a_file_must_be_placed(self, mirror: Mirror, files: list[File]) -> None:
        """Before the first run, or instead of a mirrored file; the other files are mirrored."""
        names = [file.filename for file in files]
        (mirror.path / names[0]).mkdir(parents=True)
        summary = mirror.run()
        assert [failure.filename for failure in summary.failures] == names[:1]
        assert "is not a file" in summary.failures[0].cause
        (mirror.path / names[1]).unlink()
        (mirror.path / names[1]).mkdir()
        (mirror.state / "partial" / f"{names[2]}.part").mkdir()
        (mirror.path / names[2]).unlink()
        summary = mirror.run()
        causes = {failure.filename: failure.cause for failure in summary.failures}
        assert causes.keys() == set(names[:3])
        assert "placed" in causes[names[1]]
        assert "written" in causes[names[2]]
        for folder in (
            mirror.path / names[0],
            mirror.path / names[1],
            mirror.state / f"partial/{names[2]}.part",
        ):
            folder.rmdir()
        mirror.complete()
        assert mirror.files() == content(*files)


class TestOtherWriters:
    """Others can write to the folder, and the run may be root's: it writes only to its own regular files."""

    @pytest.mark.parametrize("at", [".minimirror", ".minimirror/partial"])
    def test_link_where_a_folder_must_be(self, mirror: Mirror, index: Index, tmp_path: Path, at: str) -> None:
        elsewhere = tmp_path / "elsewhere"
        elsewhere.mkdir()
        way = mirror.path / at
        way.parent.mkdir(parents=True, exist_ok=True)
        way.symlink_to(elsewhere)
        done = minimirror_command("run", "--config", mirror.config())
        assert (done.exit_code, done.stdout) == (2, "")
        assert f"{way} is a link" in done.stderr
        assert not index.requests
        assert list(elsewhere.iterdir()) == []
        way.unlink()
        mirror.complete()

    def test_links_and_fifos_among_the_partial_files(
        self, mirror: Mirror, files: list[File], tmp_path: Path
    ) -> None:
        """They cost their files, which are named, and nothing is written through them."""
        valuable = tmp_path / "valuable"
        valuable.write_text("valuable")
        partial = mirror.state / "partial"
        partial.mkdir(parents=True)
        names = [file.filename for file in files[:3]]
        (partial / f"{names[0]}.part").symlink_to(valuable)
        (partial / f"{names[1]}.part").symlink_to(tmp_path / "absent")
        os.mkfifo(partial / f"{names[2]}.part")
        summary = mirror.run()
        causes = {failure.filename: failure.cause for failure in summary.failures}
        assert causes.keys() == set(names)
        for name, cause in causes.items():
            assert f"{partial}/{name}.part is a link or a special file" in cause
        assert valuable.read_text() == "valuable"
        assert not (tmp_path / "absent").exists()
        assert mirror.files() == content(*files[3:])
        for name in names:
            (partial / f"{name}.part").unlink()
        mirror.complete()
        assert mirror.files() == content(*files)

    @pytest.mark.parametrize("umask", [0o022, 0o002, 0o077])
    def test_umask_is_respected(self, mirror: Mirror, index: Index, tmp_path: Path, umask: int) -> None:
        """Whatever the umask: it decides who may read the mirror."""
        begin = beginning_with(tmp_path / "umask", f"import os\nos.umask({umask})\n")
        index.add_wheel("foo", "1.0")
        mirror.rules["simple"] = True
        with mirror.command(paths=[begin]) as done:
            assert done.end() == 0, done.stderr
        for path in (mirror.path, *mirror.path.rglob("*")):
            expected = (0o777 if path.is_dir() else 0o666) & ~umask
            assert stat.S_IMODE(path.stat().st_mode) == expected, path


class TestPermissions:
    """Without root's permissions."""

    def run(self, mirror: Mirror) -> tuple[int, str, str]:
        """Return the exit code and both outputs."""
        # Root without capabilities is bound by file modes, too.
        drop = ["setpriv", "--inh-caps=-all", "--bounding-set=-all"] if ROOT else []
        with mirror.command(within=drop) as command:
            return command.end(), command.stdout, command.stderr

    @pytest.mark.parametrize(
        ("at", "mode"),
        [
            (".", 0o555),
            (".", 0o333),
            (".", 0o000),
            (".minimirror", 0o555),
            (".minimirror/partial", 0o555),
            (".minimirror/partial", 0o666),
        ],
    )
    def test_folder(self, mirror: Mirror, index: Index, files: list[File], at: str, mode: int) -> None:
        mirror.complete()
        index.clear()
        (mirror.path / at).chmod(mode)
        code, out, error = self.run(mirror)
        assert (code, out) == (2, ""), error
        assert error.startswith(f"error: repository {mirror.path}: ")
        assert len(error.splitlines()) == 1
        assert "permission" in error.lower()
        assert not index.requests
        (mirror.path / at).chmod(0o755)
        mirror.complete()
        assert mirror.files() == content(*files)

    def test_catalog(self, mirror: Mirror, files: list[File]) -> None:
        """One that cannot be written, and one that cannot be read."""
        mirror.complete()
        for mode in (0o444, 0o000):
            (mirror.state / "catalog.sqlite").chmod(mode)
            code, out, error = self.run(mirror)
            assert (code, out, len(error.splitlines())) == (1, "", 1)
            assert error.startswith(f"error: catalog {mirror.state / 'catalog.sqlite'}: ")
        for path in mirror.state.glob("catalog.sqlite*"):
            # SQLite gives its other files the same mode.
            path.chmod(0o644)
        assert self.run(mirror)[0] == 0
        assert mirror.files() == content(*files)


class TestCatalog:
    """The catalog can be made again from the folder and the index: no file is lost with it."""

    def test_locked_by_another_process(
        self, mirror: Mirror, index: Index, files: list[File], monkeypatch: pytest.MonkeyPatch
    ) -> None:
        mirror.complete()
        index.add_wheel("project-0", "2.0")
        monkeypatch.setattr(catalog, "PATIENCE", 0.1)
        with closing(sqlite3.connect(mirror.state / "catalog.sqlite", isolation_level=None)) as db:
            db.execute("BEGIN EXCLUSIVE")
            with pytest.raises(CatalogError, match="locked"):
                mirror.run()
        assert mirror.files() == content(*files)
        mirror.complete()

    def test_locked_during_a_run(
        self, mirror: Mirror, index: Index, files: list[File], monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(catalog, "PATIENCE", 0.1)
        with in_background(mirror.run) as result, index.hold(files[0].filename) as gate:
            assert gate.reached.wait(DEADLINE)
            with closing(sqlite3.connect(mirror.state / "catalog.sqlite", isolation_level=None)) as db:
                until(lambda: begun(db), "the catalog is free for a moment")
                gate.release()
                with pytest.raises(CatalogError, match="locked"):
                    result.result(DEADLINE)
        assert mirror.files().items() <= content(*files).items()
        mirror.complete()
        assert mirror.files() == content(*files)

    @pytest.mark.parametrize(
        "garbage", [b"\0" * 100, b"no catalog" * 1000, b"SQLite format 3\0" + b"\xff" * 5000]
    )
    def test_garbage_at_the_beginning(self, mirror: Mirror, files: list[File], garbage: bytes) -> None:
        mirror.complete()
        (mirror.state / "catalog.sqlite").write_bytes(garbage)
        stamps = mirror.stamps()
        summary = mirror.complete()
        assert (summary.files_adopted, summary.files_fetched) == (len(files), 0)
        (note,) = summary.notes
        (aside,) = mirror.state.glob("catalog.damaged-*.sqlite")
        assert note.startswith(f"catalog {mirror.state / 'catalog.sqlite'}: ")
        assert aside.name in note
        assert aside.read_bytes() == garbage
        assert mirror.stamps() == stamps
        assert check(mirror).exit_code == 0

    @pytest.mark.parametrize("garbage", [b"\0" * 4096, b"\xff" * 4096])
    def test_damaged_in_the_middle(
        self, mirror: Mirror, index: Index, files: list[File], garbage: bytes
    ) -> None:
        """Whichever page it is: a run reports it, the next one makes a new catalog, and no file changes."""
        for number in range(24):
            index.add_wheel("long-" * 30 + str(number), "1.0")
        mirror.complete()
        path = mirror.state / "catalog.sqlite"
        sound, stamps = path.read_bytes(), mirror.stamps()
        pages = range(1, len(sound) // 4096)
        assert len(pages) > 10
        said = 0
        for page in pages:
            path.write_bytes(sound[: page * 4096] + garbage + sound[(page + 1) * 4096 :])
            adopted = 0
            with suppress(CatalogDamagedError):
                # A damaged page of the schema is found at once: this run makes the new catalog.
                adopted = mirror.complete().files_adopted
            for aside in mirror.state.glob("catalog.damaged-*.sqlite"):
                said += 1
                aside.unlink()
                assert (adopted or mirror.complete().files_adopted) == len(files) + 24
            assert mirror.stamps() == stamps
            assert not mirror.index.files_fetched()
        assert said > len(pages) / 2

    def test_damaged_catalog_is_kept_aside(self, mirror: Mirror, files: list[File]) -> None:
        mirror.complete()
        path = mirror.state / "catalog.sqlite"
        with closing(sqlite3.connect(path)) as db:
            query = "SELECT rootpage FROM sqlite_master WHERE name = 'files'"
            at = 4096 * (db.execute(query).fetchone()[0] - 1)
        content_of_catalog = path.read_bytes()
        path.write_bytes(content_of_catalog[:at] + b"\xff" * 4096 + content_of_catalog[at + 4096 :])
        done = minimirror_command("run", "--config", mirror.config())
        (aside,) = mirror.state.glob("catalog.damaged-*.sqlite")
        assert (done.exit_code, done.stdout) == (1, "")
        assert done.stderr.startswith(f"error: catalog {path}: ")
        assert aside.name in done.stderr
        mirror.complete()
        assert mirror.files() == content(*files)

    def test_deleted(self, mirror: Mirror, files: list[File]) -> None:
        """With SQLite's other files, or without."""
        mirror.complete()
        stamps = mirror.stamps()
        for leftover in ("", "-wal", "-shm"):
            (mirror.state / "catalog.sqlite").unlink()
            if leftover:
                (mirror.state / f"catalog.sqlite{leftover}").write_bytes(b"\x37\x7f\x06\x82" + b"\0" * 4000)
            summary = mirror.complete()
            assert (summary.files_adopted, summary.files_fetched) == (len(files), 0)
            assert mirror.stamps() == stamps

    def test_written_by_a_newer_minimirror(self, mirror: Mirror, files: list[File]) -> None:
        mirror.complete()
        with closing(sqlite3.connect(mirror.state / "catalog.sqlite")) as db:
            db.execute("PRAGMA user_version = 99")
        with pytest.raises(CatalogError, match="newer"):
            mirror.run()
        assert mirror.files() == content(*files)


def begun(db: sqlite3.Connection) -> bool:
    try:
        db.execute("BEGIN IMMEDIATE")
    except sqlite3.OperationalError:
        return False
    return True


CLOCKS = {
    "1970": "0.0",
    "far future": "4e9",
    "backwards at each look": "1e9 - 1000 * next(looks)",
    "forwards at each look": "1e9 + 1e6 * next(looks)",
}


class TestClock:
    """With a wrong or jumping clock, the same files are mirrored, and durations stay right."""

    @pytest.mark.parametrize("time", CLOCKS.values(), ids=CLOCKS.keys())
    def test_runs(self, mirror: Mirror, index: Index, files: list[File], tmp_path: Path, time: str) -> None:
        clock = f"import itertools, time\nlooks = itertools.count()\ntime.time = lambda: {time}\n"
        begin = beginning_with(tmp_path / "clock", clock)
        index.fault(files[0].filename, Status(503, {"Retry-After": "0"}), Truncate(after=1000))
        partial = mirror.state / "partial"
        partial.mkdir(parents=True)
        (partial / f"{files[1].filename}.part").write_bytes(files[1].content[:1000])
        for expected in (len(files), 0):
            with mirror.command("--json", paths=[begin]) as done:
                assert done.end() == 0, done.stderr
            said = json.loads(done.stdout)
            assert said["files"]["fetched"] == expected
            assert 0 < said["seconds"] < DEADLINE
        assert mirror.files() == content(*files)
        assert mirror.partials() == {}
        # And back in time.
        assert mirror.complete().workers_started == 0
        index.add_wheel("project-0", "2.0")
        assert mirror.complete().files_fetched == 1
