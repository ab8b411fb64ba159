"""`minimirror verify`, and the function behind it: the folder compared with the catalog."""

from __future__ import annotations

import json
import os
import signal
import sqlite3
from contextlib import closing, suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from minimirror import Config
from minimirror.storage import CatalogDamagedError, FolderBusyError, FolderError
from minimirror.sync.verifying import Verification, verify
from tests.helpers.index import Status
from tests.helpers.running import (
    DEADLINE,
    Command,
    Mirror,
    Terminal,
    alive,
    in_background,
    minimirror_command,
    until,
    without_progress,
    workers,
)

if TYPE_CHECKING:
    from click.testing import Result

    from tests.helpers.index import File, Index

NAMES = ("fine", "missing", "truncated", "altered")


@pytest.fixture
def files(index: Index) -> dict[str, File]:
    """One file in each of four projects, larger than a page of memory."""
    return {name: index.add_wheel(name, "1.0", padding=20_000) for name in NAMES}


@pytest.fixture
def mirror(index: Index, files: dict[str, File], repository: Path) -> Mirror:
    """A complete mirror."""
    mirror = Mirror(index, repository)
    mirror.complete()
    return mirror


@pytest.fixture
def damaged(mirror: Mirror, files: dict[str, File]) -> Mirror:
    """The same with one file of each kind of damage, and two local files."""
    (mirror.path / files["missing"].filename).unlink()
    (mirror.path / files["truncated"].filename).write_bytes(files["truncated"].content[:-1])
    content = files["altered"].content
    (mirror.path / files["altered"].filename).write_bytes(content[:9000] + b"!" + content[9001:])
    (mirror.path / "local-1.0.zip").write_bytes(b"local")
    (mirror.path / "notes.txt").write_bytes(b"notes")
    return mirror


def look(mirror: Mirror, **options: Any) -> Verification:
    return verify(Config(repository=mirror.path, processes=1), **options)


def command(mirror: Mirror, *arguments: str) -> Result:
    return minimirror_command("verify", "--config", mirror.config(), *arguments)


class TestFunction:
    @pytest.mark.parametrize("read", [False, True])
    def test_intact_mirror(self, mirror: Mirror, files: dict[str, File], read: bool) -> None:
        found = look(mirror, read=read)
        assert (found.well, found.intact, found.hashed) == (True, True, read)
        assert (found.files, found.projects, found.unread) == (4, 4, 0)
        assert found.bytes == sum(len(file.content) for file in files.values())
        assert (found.missing, found.truncated, found.altered, found.unknown, found.wanted) == ([],) * 5

    @pytest.mark.parametrize("read", [False, True])
    def test_each_kind_of_damage_is_found_and_no_file_is_changed(
        self, damaged: Mirror, files: dict[str, File], read: bool
    ) -> None:
        before, stamps = damaged.files(), damaged.stamps()
        requests = len(damaged.index.requests)
        found = look(damaged, read=read)
        assert not found.intact
        assert found.missing == [files["missing"].filename]
        assert found.truncated == [files["truncated"].filename]
        assert found.altered == ([files["altered"].filename] if read else [])
        assert found.unknown == ["local-1.0.zip", "notes.txt"]
        assert (damaged.files(), damaged.stamps()) == (before, stamps)
        assert len(damaged.index.requests) == requests

    def test_something_else_in_a_files_place(
        self, mirror: Mirror, files: dict[str, File], tmp_path: Path
    ) -> None:
        """A folder counts as missing; so does a link, even to the right content."""
        paths = [mirror.path / files[name].filename for name in NAMES[:3]]
        right = tmp_path / "right"
        paths[2].rename(right)
        paths[2].symlink_to(right)
        paths[0].unlink()
        paths[0].mkdir()
        paths[1].unlink()
        paths[1].symlink_to("nowhere")
        found = look(mirror, read=True)
        assert found.missing == sorted(path.name for path in paths)

    def test_filename_that_is_not_text(self, mirror: Mirror) -> None:
        name = os.fsdecode(b"caf\xe9-1.0.zip")
        (mirror.path / name).touch()
        assert look(mirror).unknown == [name]

    def test_empty_and_emptied_files(self, mirror: Mirror, index: Index) -> None:
        empty = index.add("empty", "empty-1.0.tar.gz", b"")
        mirror.complete()
        assert look(mirror, read=True).well
        (mirror.path / "fine-1.0-py3-none-any.whl").write_bytes(b"")
        assert look(mirror).truncated == ["fine-1.0-py3-none-any.whl"]
        (mirror.path / empty.filename).write_bytes(b"1")
        assert look(mirror).truncated == [empty.filename, "fine-1.0-py3-none-any.whl"]

    def test_no_catalog_yet(self, repository: Path) -> None:
        for _ in range(2):
            with pytest.raises(FolderError, match="catalog"):
                verify(Config(repository=repository))
            repository.mkdir(exist_ok=True)
        assert list(repository.iterdir()) == []

    def test_damaged_catalog(self, mirror: Mirror) -> None:
        (mirror.state / "catalog.sqlite").write_bytes(b"garbage" * 1000)
        with pytest.raises(CatalogDamagedError, match=r"catalog .*: file is not a database"):
            look(mirror)
        mirror.complete()
        assert look(mirror, read=True).well

    def test_during_a_run(self, mirror: Mirror, index: Index) -> None:
        new = index.add_wheel("fine", "2.0")
        with in_background(mirror.complete) as result, index.hold(new.filename) as gate:
            assert gate.reached.wait(DEADLINE)
            with pytest.raises(FolderBusyError, match=r"process \d+"):
                look(mirror)
            gate.release()
            result.result(DEADLINE)
        assert look(mirror).well


class TestCompleteness:
    def test_unavailable_files_are_listed(self, mirror: Mirror, index: Index) -> None:
        index.add_wheel("fine", "2.0")
        index.add_wheel("closed", "1.0")
        index.fault("fine-2.0-py3-none-any.whl", Status(404), always=True)
        index.fault("closed", Status(403), always=True)
        mirror.run(projects=["*", "nonesuch"])
        found = look(mirror)
        assert (found.intact, found.well) == (True, False)
        assert [(each.project, each.filename) for each in found.wanted] == [
            ("closed", None),
            ("fine", "fine-2.0-py3-none-any.whl"),
            ("nonesuch", None),
        ]
        for failure, cause in zip(found.wanted, ["HTTP 403", "HTTP 404", "no project"], strict=True):
            assert cause in failure.cause
        index.heal()
        mirror.complete()
        assert look(mirror).well

    @pytest.mark.parametrize("serials", [True, False])
    def test_run_that_was_killed_leaves_projects_unread(
        self, mirror: Mirror, index: Index, serials: bool
    ) -> None:
        index.serials = serials
        mirror.complete()
        assert look(mirror).well
        new = index.add_wheel("fine", "2.0")
        index.add_sdist("fine", "2.0")
        with index.hold("fine-2.0.tar.gz") as gate, mirror.command() as run:
            assert gate.reached.wait(DEADLINE)
            until(lambda: new.filename in mirror.names(), "one file is placed")
            run.process.kill()
            run.process.wait()
            found = look(mirror)
        assert (found.intact, found.well, found.unread, found.projects) == (True, False, 1, 4)
        mirror.complete()
        assert look(mirror).well

    def test_unselected_projects_do_not_count(self, mirror: Mirror) -> None:
        mirror.complete(projects=["f*"])
        found = look(mirror)
        assert (found.well, found.projects, found.files) == (True, 1, 1)


KEYS = {
    "version", "well", "hashed", "files", "bytes", "missing", "truncated", "altered", "unchecked", "unknown",
    "pages", "metadata", "projects", "wanted", "on_demand", "seconds",
}  # fmt: skip


class TestCommand:
    def test_ok(self, mirror: Mirror) -> None:
        for arguments in ((), ("--hash",)):
            done = command(mirror, *arguments)
            assert (done.exit_code, without_progress(done.stderr)) == (0, [])
            assert done.stdout.startswith("OK: ")
        quiet = command(mirror, "--quiet", "--hash")
        assert (quiet.exit_code, quiet.stdout, quiet.stderr) == (0, "", "")

    def test_problems(self, damaged: Mirror, files: dict[str, File]) -> None:
        for arguments in ((), ("--quiet",)):
            done = command(damaged, "--hash", *arguments)
            assert (done.exit_code, without_progress(done.stderr)) == (1, [])
            lines = done.stdout.splitlines()
            assert lines[0].startswith("Problems")
            for kind in NAMES[1:]:
                assert f"{kind}: {files[kind].filename}" in lines
            assert {"  local-1.0.zip", "  notes.txt"} <= set(lines)
            assert "--repair" in lines[-1]

    def test_many_local_files_are_cut_short(self, mirror: Mirror) -> None:
        for number in range(30):
            (mirror.path / f"local-{number:02}.zip").touch()
        (mirror.path / "local-\x1b[2J.zip").touch()
        done = command(mirror)
        assert done.exit_code == 0
        assert "and 11 more" in done.stdout
        assert "\x1b" not in done.stdout
        assert len(json.loads(command(mirror, "--json").stdout)["unknown"]) == 31

    def test_json(self, damaged: Mirror, index: Index) -> None:
        index.add_wheel("fine", "2.0")
        index.fault("fine-2.0-py3-none-any.whl", Status(404), always=True)
        Mirror(index, damaged.path, projects=["fine"]).run(projects=["fine"])
        done = command(damaged, "--hash", "--json")
        assert done.exit_code == 1
        said = json.loads(done.stdout)
        assert said.keys() == KEYS == Verification().as_dict().keys()
        assert (said["version"], said["well"], said["hashed"], said["files"]) == (1, False, True, 1)
        assert said["projects"] == {"wanted": 1, "unread": 1}
        assert said["wanted"] == [
            {"project": "fine", "filename": "fine-2.0-py3-none-any.whl", "cause": "HTTP 404"}
        ]

    def test_no_catalog_is_exit_code_2(self, mirror: Mirror, tmp_path: Path) -> None:
        done = command(mirror, "--repository", str(tmp_path / "elsewhere"))
        assert (done.exit_code, done.stdout) == (2, "")
        assert done.stderr.startswith(f"error: repository {tmp_path}/elsewhere: ")
        assert "catalog" in done.stderr
        assert not (tmp_path / "elsewhere").exists()


class TestRepair:
    def test_fetches_only_damaged_files(self, damaged: Mirror, files: dict[str, File], index: Index) -> None:
        index.clear()
        fine = damaged.stamps()[files["fine"].filename]
        done = command(damaged, "--hash", "--repair")
        assert done.exit_code == 0, done.stdout + done.stderr
        assert done.stdout.startswith("Problems")
        lines = done.stdout.splitlines()
        assert {f"repaired: {files[kind].filename} (was {kind})" for kind in NAMES[1:]} <= set(lines)
        assert lines[-1].startswith("OK: ")
        assert index.files_fetched() == {files[kind].filename: 1 for kind in NAMES[1:]}
        assert damaged.files() == {
            **{file.filename: file.content for file in files.values()},
            "local-1.0.zip": b"local",
            "notes.txt": b"notes",
        }
        assert damaged.stamps()[files["fine"].filename] == fine
        assert look(damaged, read=True).well
        index.clear()
        assert command(damaged, "--hash", "--repair").exit_code == 0
        assert index.requests == []

    def test_json_reports_the_damage_before_the_repair(self, damaged: Mirror) -> None:
        done = command(damaged, "--hash", "--repair", "--json")
        assert done.exit_code == 0
        assert json.loads(done.stdout)["well"] is False
        assert look(damaged, read=True).well

    def test_damaged_file_that_cannot_be_fetched_stays(self, damaged: Mirror, index: Index) -> None:
        """Part of a file may be better than none."""
        before = damaged.files()
        index.fault("*.whl", Status(404), always=True)
        done = command(damaged, "--hash", "--repair")
        assert done.exit_code == 1
        assert done.stdout.count("\nnot repaired: ") == done.stdout.count("HTTP 404") == 3
        assert damaged.files() == before
        assert len(look(damaged).wanted) == 3
        index.heal()
        # Also without --hash: the catalog remembers that this file is invalid.
        damaged.complete()
        assert look(damaged, read=True).well

    def test_mirrored_file_of_a_project_that_is_local_now(
        self, mirror: Mirror, files: dict[str, File]
    ) -> None:
        (mirror.path / "missing-2.0.zip").write_bytes(b"local")
        (mirror.path / files["missing"].filename).unlink()
        """It is not fetched again, and no longer missing."""
        assert command(mirror, "--repair").exit_code == 0
        assert files["missing"].filename not in mirror.names()
        assert mirror.files()["missing-2.0.zip"] == b"local"


def lengthen(mirror: Mirror) -> Path:
    """Make a file sparse and so long that it takes a minute to read; return its path."""
    path, size = mirror.path / "fine-1.0-py3-none-any.whl", 1 << 36
    os.truncate(path, size)
    with closing(sqlite3.connect(mirror.state / "catalog.sqlite")) as db, db:
        db.execute("UPDATE files SET size = ? WHERE project = 'fine'", (size,))
    return path


def kill_reader(command: Command, path: Path) -> None:
    """Kill the worker that reads a file, as soon as there is one."""

    def reads(worker: int) -> bool:
        with suppress(OSError):
            return any(each.samefile(path) for each in Path(f"/proc/{worker}/fd").iterdir())
        return False

    until(lambda: any(map(reads, command.workers())), "a worker reads it")
    for worker in filter(reads, command.workers()):
        os.kill(worker, signal.SIGKILL)
        until(lambda: not alive(worker), "it has died")  # noqa: B023 - called at once


@pytest.mark.skipif(not Path("/proc/self/fd").exists(), reason="there is no /proc")
def test_workers_that_die_do_not_make_a_file_altered(mirror: Mirror, index: Index) -> None:
    path = lengthen(mirror)
    index.clear()
    with Command("verify", "--config", mirror.config(), "--hash", "--repair") as verifying:
        for _ in range(3):
            kill_reader(verifying, path)
        assert verifying.end() == 1
    assert f"not checked: {path.name}: 3 worker processes died" in verifying.stdout
    assert "altered" not in verifying.stdout
    assert index.files_fetched() == {}


class TestTerminal:
    def test_shows_progress(self, mirror: Mirror) -> None:
        with Terminal(["verify", "--config", mirror.config(), "--hash"]) as terminal:
            terminal.wait_for("files ")
            terminal.wait_for("4 of 4")
            assert terminal.end() == 0
        assert "OK: " in terminal.seen
        assert terminal.seen.count("\x1b[?25l") == terminal.seen.count("\x1b[?25h") == 1

    def test_ctrl_c(self, mirror: Mirror) -> None:
        lengthen(mirror)
        with Terminal(["verify", "--config", mirror.config(), "--hash"]) as terminal:
            terminal.wait_for("3 of 4")
            started = workers(terminal.process.pid)
            assert started
            terminal.type("\x03")
            assert terminal.end() == 130
        assert "Interrupted; verify again for the result." in terminal.seen
        assert "Traceback" not in terminal.seen
        until(lambda: not any(map(alive, started)), "its workers have ended")
        assert not (mirror.state / "holder.json").exists()
