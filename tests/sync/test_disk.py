"""Disks, folders and catalogs that misbehave: a clear message, nothing lost, and the next run goes on."""

from __future__ import annotations

import json
import os
import sqlite3
import subprocess
import sys
import tempfile
from contextlib import closing, suppress
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from minimirror.storage.catalog import CatalogDamagedError, CatalogError, catalog
from tests.helpers.index import Status, Truncate
from tests.helpers.running import (
    DEADLINE,
    SOURCES,
    Command,
    Mirror,
    in_background,
    minimirror_command,
    until,
)

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

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
    """A folder with a path that is short enough for a socket in it."""
    with tempfile.TemporaryDirectory(prefix="m-", dir="/tmp") as folder:
        yield Path(folder)


def content(*files: File) -> dict[str, bytes]:
    return {file.filename: file.content for file in files}


def run(
    mirror: Mirror, *arguments: str, before: Sequence[str] = (), paths: Sequence[Path] = ()
) -> subprocess.CompletedProcess[str]:
    """Run the command, with words before it and folders to import from."""
    return subprocess.run(
        [*before, sys.executable, "-m", "minimirror", "run", "--config", mirror.config(), *arguments],
        env={**os.environ, "PYTHONPATH": os.pathsep.join(map(str, [*paths, SOURCES]))},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=DEADLINE,
        check=False,
    )


def check(mirror: Mirror) -> Command:
    """Every byte read: the folder and the catalog agree, and nothing is missing."""
    return minimirror_command("verify", "--config", mirror.config(), "--hash")


class Mounts:
    """A shell in a mount namespace of its own, where a test may mount what it likes; all ends with it."""

    def __init__(self) -> None:
        # Root needs no user namespace; who is not gets one, in which they are root.
        flags = ["--mount"] if ROOT else ["--user", "--map-root-user", "--mount"]
        self._shell = subprocess.Popen(
            ["unshare", *flags, "--propagation", "private", "sh"],
            env={**os.environ, "PYTHONPATH": str(SOURCES)},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )

    def sh(self, line: str, exit_code: int = 0) -> str:
        """Run a line in the shell; answer what it printed, and expect its exit code."""
        assert self._shell.stdin
        assert self._shell.stdout
        self._shell.stdin.write(f"{{ {line}\n}} </dev/null; printf '\\n%s %s\\n' END $?\n")
        self._shell.stdin.flush()
        printed = ""
        while not (said := self._shell.stdout.readline()).startswith("END "):
            assert said, f"no mount namespace to be had: {printed}"
            printed += said
        assert int(said.split()[1]) == exit_code, printed
        return printed

    def run(self, mirror: Mirror, *arguments: str, exit_code: int = 0) -> str:
        """Run minimirror there; answer what it printed, on both outputs."""
        words = " ".join(arguments)
        return self.sh(
            f"timeout {DEADLINE} {sys.executable} -m minimirror run --config {mirror.config()} {words}",
            exit_code,
        )

    def copy(self, mirror: Mirror, to: Path) -> Mirror:
        """What the namespace alone can see, copied to where the test sees it."""
        to.mkdir()
        self.sh(f"cp -a {mirror.path} {to}")
        return Mirror(mirror.index, to / mirror.path.name)

    def __enter__(self) -> Mounts:
        return self

    def __exit__(self, *_: object) -> None:
        self._shell.kill()
        with self._shell:
            pass


@pytest.fixture
def mounts() -> Iterator[Mounts]:
    with Mounts() as mounts:
        yield mounts


class TestFull:
    def test_says_so_and_goes_on_when_there_is_room(
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
            # Room was made for the catalog to take in what had come.
            assert len(here.files()) >= 3
        mounts.sh(f"mount -o remount,size=10m {mirror.path}")
        mirror.index.clear()
        assert "Complete." in mounts.run(mirror)
        # What came before is not fetched again, whole or in part.
        assert mirror.index.files_fetched().keys().isdisjoint(here.names())
        after = mounts.copy(mirror, tmp_path / "end")
        assert after.files() == content(*files)
        assert after.partials() == {}
        assert check(after).process.returncode == 0

    @pytest.mark.parametrize("room", [0, 4, 16, 40, 80])
    def test_from_the_beginning(
        self, mirror: Mirror, mounts: Mounts, files: list[File], tmp_path: Path, room: int
    ) -> None:
        """So that not even the catalog finds room, or little."""
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
        """What is there stays there until its successor is."""
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
        """Whoever runs it; and whatever the folder has, it keeps."""
        mirror.complete()
        index.add_wheel("project-0", "2.0")
        requests = len(index.requests)
        mounts.sh(f"mount --bind {mirror.path} {mirror.path} && mount -o remount,ro,bind {mirror.path}")
        said = mounts.run(mirror, exit_code=2).strip()
        assert said == f"error: repository {mirror.path}: no permission to read and write in it"
        assert len(index.requests) == requests
        assert mirror.files() == content(*files)
        mirror.complete()

    def test_folder_that_is_not_there(self, mirror: Mirror, mounts: Mounts, index: Index) -> None:
        folder = mirror.path.parent / "read-only"
        folder.mkdir()
        mounts.sh(f"mount -t tmpfs -o ro tmpfs {folder}")
        said = mounts.run(mirror, "--repository", f"{folder}/below", exit_code=2).strip()
        assert said.startswith(f"error: repository {folder}/below: Read-only file system ({folder}/below")
        assert not index.requests

    def test_partial_folder_alone(self, mirror: Mirror, mounts: Mounts, files: list[File]) -> None:
        mirror.complete()
        partial = mirror.state / "partial"
        mounts.sh(f"mount -t tmpfs -o ro tmpfs {partial}")
        said = mounts.run(mirror, exit_code=2).strip()
        assert said == f"error: repository {mirror.path}: no permission to read and write in it"
        assert mirror.files() == content(*files)


class TestAnotherFileSystem:
    def test_than_that_of_temporary_files(
        self, mirror: Mirror, mounts: Mounts, files: list[File], short_path: Path
    ) -> None:
        """TMPDIR may be full, read-only or elsewhere: nothing of the mirror goes through it."""
        for name, options in (("elsewhere", "size=1m"), ("read-only", "ro"), ("full", "size=4k,nr_inodes=1")):
            temporary = short_path / name
            temporary.mkdir()
            mounts.sh(f"mount -t tmpfs -o {options} tmpfs {temporary}")
            mounts.sh(f"export TMPDIR={temporary}")
            assert "Complete." in mounts.run(mirror, "--repository", f"{mirror.path}-{name}")
            assert Mirror(mirror.index, Path(f"{mirror.path}-{name}")).files() == content(*files)

    def test_a_path_too_long_for_a_socket(
        self, mirror: Mirror, files: list[File], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        temporary = tmp_path / ("long" * 25)
        temporary.mkdir()
        monkeypatch.setenv("TMPDIR", str(temporary))
        done = run(mirror)
        assert done.returncode == 1
        assert "error: worker processes cannot be started: " in done.stderr
        assert "Traceback" not in done.stderr
        monkeypatch.delenv("TMPDIR")
        assert mirror.complete().files_fetched == len(files)

    def test_than_minimirrors_own_folder(self, mirror: Mirror, mounts: Mounts, files: list[File]) -> None:
        """Nothing can be renamed into place: each file says so, none is half there; it can be mended."""
        mirror.state.mkdir(parents=True)
        mounts.sh(f"mount -t tmpfs tmpfs {mirror.state}")
        said = mounts.run(mirror, exit_code=1)
        assert said.count("cannot be placed: Invalid cross-device link") == 2 * len(files)
        assert mirror.files() == {}
        mounts.sh(f"umount {mirror.state}")
        assert "Complete." in mounts.run(mirror)
        assert mirror.files() == content(*files)


class TestInTheWay:
    """Something stands where minimirror needs room: it is named and left, and once it is gone all goes on."""

    @pytest.mark.parametrize("at", [".", ".minimirror", ".minimirror/partial"])
    def test_file_where_a_folder_must_be(
        self, mirror: Mirror, index: Index, files: list[File], at: str
    ) -> None:
        way = mirror.path / at
        way.parent.mkdir(parents=True, exist_ok=True)
        way.write_bytes(b"in the way")
        done = minimirror_command("run", "--config", mirror.config())
        assert (done.process.returncode, done.stdout) == (2, "")
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
        assert done.process.returncode in {1, 2}
        assert (done.stdout, len(done.stderr.splitlines())) == ("", 1)
        assert str(way) in done.stderr
        assert not index.requests
        way.rmdir()
        mirror.complete()
        assert mirror.files() == content(*files)

    def test_folder_where_a_file_is_to_be_placed(self, mirror: Mirror, files: list[File]) -> None:
        """Before it came, and in place of one that was there; the others come."""
        names = [file.filename for file in files]
        (mirror.path / names[0]).mkdir(parents=True)
        summary = mirror.run()
        assert [failure.filename for failure in summary.failures] == names[:1]
        assert "is not a file; remove it" in summary.failures[0].cause
        (mirror.path / names[1]).unlink()
        (mirror.path / names[1]).mkdir()
        (mirror.state / "partial" / f"{names[2]}.part").mkdir()
        (mirror.path / names[2]).unlink()
        summary = mirror.run()
        assert {failure.filename: failure.cause.partition(":")[0] for failure in summary.failures} == {
            names[0]: "the folder has something with this name that is not a file; remove it",
            names[1]: "cannot be placed",
            names[2]: "cannot be written",
        }
        for folder in (
            mirror.path / names[0],
            mirror.path / names[1],
            mirror.state / f"partial/{names[2]}.part",
        ):
            folder.rmdir()
        mirror.complete()
        assert mirror.files() == content(*files)


class TestPermissions:
    """As a user to whom not everything is permitted."""

    def run(self, mirror: Mirror) -> subprocess.CompletedProcess[str]:
        # What root may is a matter of capabilities; without them the modes hold for it too.
        return run(mirror, before=["setpriv", "--inh-caps=-all", "--bounding-set=-all"] if ROOT else [])

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
        assert self.run(mirror).returncode == 0
        index.clear()
        (mirror.path / at).chmod(mode)
        done = self.run(mirror)
        assert (done.returncode, done.stdout) == (2, ""), done.stderr
        assert done.stderr.startswith(f"error: repository {mirror.path}: ")
        assert len(done.stderr.splitlines()) == 1
        assert "permission" in done.stderr.lower()
        assert not index.requests
        (mirror.path / at).chmod(0o755)
        assert self.run(mirror).returncode == 0
        assert mirror.files() == content(*files)

    def test_catalog(self, mirror: Mirror, files: list[File]) -> None:
        """One that cannot be written, and one that cannot be read."""
        assert self.run(mirror).returncode == 0
        for mode in (0o444, 0o000):
            (mirror.state / "catalog.sqlite").chmod(mode)
            done = self.run(mirror)
            assert (done.returncode, done.stdout, len(done.stderr.splitlines())) == (1, "", 1)
            assert done.stderr.startswith(f"error: catalog {mirror.state / 'catalog.sqlite'}: ")
        for path in mirror.state.glob("catalog.sqlite*"):
            # SQLite makes the others as the first one is.
            path.chmod(0o644)
        assert self.run(mirror).returncode == 0
        assert mirror.files() == content(*files)


class TestCatalog:
    """It is what minimirror knows, not what it has: nothing is lost with it."""

    def test_locked_by_another_process(
        self, mirror: Mirror, index: Index, files: list[File], monkeypatch: pytest.MonkeyPatch
    ) -> None:
        mirror.complete()
        index.add_wheel("project-0", "2.0")
        monkeypatch.setattr(catalog, "PATIENCE", 0.1)
        with closing(sqlite3.connect(mirror.state / "catalog.sqlite", isolation_level=None)) as db:
            db.execute("BEGIN EXCLUSIVE")
            with pytest.raises(CatalogError, match=r"catalog .*: database is locked"):
                mirror.run()
        assert mirror.files() == content(*files)
        mirror.complete()

    def test_locked_in_mid_run(
        self, mirror: Mirror, index: Index, files: list[File], monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(catalog, "PATIENCE", 0.1)
        with in_background(mirror.run) as result, index.hold(files[0].filename) as gate:
            assert gate.reached.wait(DEADLINE)
            with closing(sqlite3.connect(mirror.state / "catalog.sqlite", isolation_level=None)) as db:
                until(lambda: begun(db), "the catalog is free for a moment")
                gate.release()
                with pytest.raises(CatalogError, match=r"catalog .*: database is locked"):
                    result.result(DEADLINE)
        assert mirror.files().items() <= content(*files).items()
        mirror.complete()
        assert mirror.files() == content(*files)

    @pytest.mark.parametrize(
        "garbage", [b"\0" * 100, b"no catalog" * 1000, b"SQLite format 3\0" + b"\xff" * 5000]
    )
    def test_beginning_with_garbage(self, mirror: Mirror, files: list[File], garbage: bytes) -> None:
        mirror.complete()
        (mirror.state / "catalog.sqlite").write_bytes(garbage)
        stamps = mirror.stamps()
        summary = mirror.complete()
        assert (summary.files_adopted, summary.files_fetched) == (len(files), 0)
        (note,) = summary.notes
        (aside,) = mirror.state.glob("catalog.damaged-*.sqlite")
        assert note.startswith(
            f"catalog {mirror.state / 'catalog.sqlite'}: file is not a database; the damaged file is kept as"
        )
        assert aside.name in note
        assert aside.read_bytes() == garbage
        assert mirror.stamps() == stamps
        assert check(mirror).process.returncode == 0

    @pytest.mark.parametrize("garbage", [b"\0" * 4096, b"\xff" * 4096])
    def test_damaged_in_the_middle(
        self, mirror: Mirror, index: Index, files: list[File], garbage: bytes
    ) -> None:
        """Whichever page it is: some run says so, the next begins anew, and no file is touched."""
        for number in range(150):
            index.add_wheel(f"a-{number:03}", "1.0")
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
                # A page of the tables' names is missed at the beginning, so that this run is the new one.
                adopted = mirror.complete().files_adopted
            for aside in mirror.state.glob("catalog.damaged-*.sqlite"):
                said += 1
                aside.unlink()
                assert (adopted or mirror.complete().files_adopted) == len(files) + 150
            assert mirror.stamps() == stamps
            assert not mirror.index.files_fetched()
        assert said > len(pages) / 2

    def test_message_of_a_damaged_one(self, mirror: Mirror, files: list[File]) -> None:
        mirror.complete()
        path = mirror.state / "catalog.sqlite"
        with closing(sqlite3.connect(path)) as db:
            query = "SELECT rootpage FROM sqlite_master WHERE name = 'files'"
            at = 4096 * (db.execute(query).fetchone()[0] - 1)
        content_of_catalog = path.read_bytes()
        path.write_bytes(content_of_catalog[:at] + b"\xff" * 4096 + content_of_catalog[at + 4096 :])
        done = run(mirror)
        (aside,) = mirror.state.glob("catalog.damaged-*.sqlite")
        assert (done.returncode, done.stdout) == (1, "")
        assert done.stderr == (
            f"error: catalog {path}: database disk image is malformed; the damaged file is kept as"
            f" {aside.name}. Run again to rebuild the catalog from the folder and the index\n"
        )
        assert run(mirror).returncode == 0
        assert mirror.files() == content(*files)

    def test_deleted(self, mirror: Mirror, files: list[File]) -> None:
        """With what belongs to it, or without."""
        mirror.complete()
        stamps = mirror.stamps()
        for leftover in ("", "-wal", "-shm"):
            (mirror.state / "catalog.sqlite").unlink()
            if leftover:
                (mirror.state / f"catalog.sqlite{leftover}").write_bytes(b"\x37\x7f\x06\x82" + b"\0" * 4000)
            summary = mirror.complete()
            assert (summary.files_adopted, summary.files_fetched) == (len(files), 0)
            assert mirror.stamps() == stamps

    def test_of_a_newer_minimirror(self, mirror: Mirror, files: list[File]) -> None:
        mirror.complete()
        with closing(sqlite3.connect(mirror.state / "catalog.sqlite")) as db:
            db.execute("PRAGMA user_version = 99")
        with pytest.raises(CatalogError, match="written by a newer minimirror"):
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
    """Where the clock is wrong, or jumps, the same files come, and durations stay what they are."""

    @pytest.mark.parametrize("time", CLOCKS.values(), ids=CLOCKS.keys())
    def test_runs(self, mirror: Mirror, index: Index, files: list[File], tmp_path: Path, time: str) -> None:
        (tmp_path / "clock").mkdir()
        (tmp_path / "clock" / "sitecustomize.py").write_text(
            f"import itertools, time\nlooks = itertools.count()\ntime.time = lambda: {time}\n"
        )
        index.fault(files[0].filename, Status(503, {"Retry-After": "0"}), Truncate(after=1000))
        partial = mirror.state / "partial"
        partial.mkdir(parents=True)
        (partial / f"{files[1].filename}.part").write_bytes(files[1].content[:1000])
        for expected in (len(files), 0):
            done = run(mirror, "--json", paths=[tmp_path / "clock"])
            assert done.returncode == 0, done.stderr
            said = json.loads(done.stdout)
            assert said["files"]["fetched"] == expected
            assert 0 < said["seconds"] < DEADLINE
        assert mirror.files() == content(*files)
        assert mirror.partials() == {}
        # And back in time.
        assert mirror.complete().workers_started == 0
        index.add_wheel("project-0", "2.0")
        assert mirror.complete().files_fetched == 1
