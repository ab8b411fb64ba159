"""`minimirror run` as a user types it."""

from __future__ import annotations

import json
import os
import re
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from minimirror import Summary
from minimirror.storage import MirrorFolder
from tests.helpers.index import Status
from tests.helpers.running import (
    DEADLINE,
    Command,
    Mirror,
    Terminal,
    in_background,
    is_progress,
    minimirror_command,
    without_progress,
)

if TYPE_CHECKING:
    from tests.helpers.index import Index

ESCAPE = "\x1b"


@pytest.fixture
def mirror(index: Index, repository: Path) -> Mirror:
    return Mirror(index, repository)


class TestSummary:
    def test_complete(self, mirror: Mirror, index: Index) -> None:
        index.add_wheel("demo", "1.0", padding=2_000)
        index.add_sdist("demo", "1.0")
        config = mirror.config()
        first = minimirror_command("run", "--config", config)
        size = f"{sum(map(len, mirror.files().values())) / 1000:.1f} kB"
        assert first.stdout.startswith("Complete.\n")
        assert f" 2 fetched ({size}), 0 already here, 0 deleted\n" in first.stdout
        assert re.search(r"^  time      \d+\.\d s \([0-9.]+ k?B/s\)$", first.stdout, re.MULTILINE)
        assert without_progress(first.stderr) == []
        second = minimirror_command("run", "--config", config)
        assert "; 0 read, " in second.stdout
        assert ", 2 already here, 0 deleted\n" in second.stdout
        assert re.search(r"^  time      \d+\.\d s$", second.stdout, re.MULTILINE)

    def test_verbose_quiet_and_log_file(self, mirror: Mirror, index: Index, tmp_path: Path) -> None:
        config, log = mirror.config(), tmp_path / "run.log"
        index.add_wheel("demo", "1.0")
        first = minimirror_command("run", "--config", config, "--quiet", "--log-file", log)
        assert (first.stdout, first.stderr) == ("", "")
        new = index.add_wheel("demo", "2.0")
        index.add_wheel("lost", "1.0")
        index.fault("lost", Status(418))
        shown = ["failed: lost: its page cannot be read: HTTP 418"]
        every = [
            *shown,
            f"fetched demo-2.0-py3-none-any.whl ({len(new.content)} bytes)",
            "deleted demo-1.0-py3-none-any.whl",
        ]
        second = minimirror_command("run", "--config", config, "--verbose", "--log-file", log, exit_code=1)
        assert sorted(without_progress(second.stderr)) == sorted(every)
        assert second.stdout.startswith("Incomplete: 1 ")
        assert f"\n{shown[0]}\n" in second.stdout
        assert second.stdout.splitlines()[-1] == shown[0]
        index.fault("lost", Status(418))
        third = minimirror_command("run", "--config", config, "--quiet", exit_code=1)
        assert (third.stdout, third.stderr.splitlines()) == ("", shown)
        logged = [re.split("INFO |WARNING ", line) for line in log.read_text().splitlines()]
        assert all(re.fullmatch(r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d,\d{3} UTC ", line[0]) for line in logged)
        texts = [line[1] for line in logged]
        begin = texts.index("end: exit code 0") + 1
        assert texts[begin].startswith("start: minimirror ")
        assert str(config) in texts[begin]
        assert str(os.getpid()) in texts[begin]
        assert texts[begin + 1] == f"index {index.url}"
        assert sorted(texts[begin + 2 : -2]) == sorted(every)
        assert texts[-2].startswith("Incomplete: 1 failed. projects 2 selected; ")
        assert texts[-1] == "end: exit code 1"

    def test_log_file_tells_how_early_failures_end(
        self, mirror: Mirror, index: Index, tmp_path: Path
    ) -> None:
        log, config = tmp_path / "run.log", mirror.config()

        def logged() -> str:
            text = log.read_text()
            log.unlink()
            assert text.count("start: ") == text.count("end: ") == 1
            return text

        MirrorFolder(mirror.path).prepare()
        with MirrorFolder(mirror.path).lock():
            minimirror_command("run", "--config", config, "--log-file", log, exit_code=1)
        found = logged()
        assert re.search(r" ERROR repository .*: locked by ", found)
        assert found.endswith(" end: exit code 1\n")
        index.url = index.url.replace("://", "://user:secret@")
        config = mirror.config()
        with index.hold("/simple/") as gate, mirror.command("--log-file", log) as command:
            assert gate.reached.wait(DEADLINE)
            command.process.terminate()
            code = command.end()
        found = logged()
        assert "://user:****@" in found
        assert re.search(r" INFO Interrupted", found)
        assert found.endswith(f" end: exit code {code}\n")
        config.write_text("{}")
        minimirror_command("run", "--config", config, "--log-file", log, exit_code=2)
        found = logged()
        assert " ERROR " in found
        assert "repository" in found
        assert found.endswith(" end: exit code 2\n")

    def test_json(self, mirror: Mirror, index: Index) -> None:
        index.add_wheel("demo", "1.0")
        index.add_wheel("lost", "1.0", tag="cp312-cp312-win_amd64")
        index.fault("lost-1.0-cp312-cp312-win_amd64.whl", Status(404))
        index.add_sdist("other", "1.0")
        mirror.rules["package_types"] = ["bdist_wheel"]
        command = minimirror_command("run", "--config", mirror.config(), "--json", exit_code=1)
        said = json.loads(command.stdout)
        assert keys(said) == keys(Summary().as_dict()) | {"refused.package_types"}
        assert said["version"] == 1
        assert (said["complete"], said["interrupted"], said["workers_started"]) == (False, False, 1)
        assert said["files"] == {
            "wanted": 2,
            "fetched": 1,
            "present": 0,
            "adopted": 0,
            "removed": 0,
            "failed": 1,
        }
        assert said["projects"] == {"wanted": 3, "read": 3, "removed": 0}
        assert said["failures"] == [
            {"project": "lost", "filename": "lost-1.0-cp312-cp312-win_amd64.whl", "cause": "HTTP 404"}
        ]
        assert said["refused"] == {"package_types": 1}

    def test_config_of_minirepo(self, mirror: Mirror, index: Index, tmp_path: Path) -> None:
        """Configs of minirepo's users work unchanged."""
        wanted = [
            index.add_wheel("one", "1.0", tag="py2.py3-none-any"),
            index.add_sdist("one", "1.0", extension=".zip"),
            index.add_wheel("two", "1.0", tag="cp27-cp27mu-manylinux1_x86_64"),
            index.add_sdist("two", "1.0", extension=".tar.bz2"),
            index.add_sdist("three", "1.0", extension=".tgz"),
            index.add_wheel("four", "1.0", tag="py2-none-any"),
        ]
        for tag in ("py3-none-any", "cp312-cp312-win_amd64"):
            index.add_wheel("four", "1.0", tag=tag)
            index.add_wheel("five", "1.0", tag=tag)
        index.add("four", "four-1.0.win32-py2.7.exe", b"MZ")
        config = tmp_path / "minirepo"
        config.write_text(
            '{"processes": "10", "package_types": ["bdist_egg","bdist_wheel","sdist"],'
            ' "extensions": ["bz2","egg","gz","tgz","whl","zip"],'
            '"python_versions": ["3.0","3.4.10","any","cp27","py2","py2.py3","py27","source"],'
            f' "repository": "{mirror.path}"}}'
        )
        before = config.read_bytes()
        minimirror_command("run", "--config", config, "--index-url", index.url)
        assert mirror.files() == {file.filename: file.content for file in wanted}
        assert config.read_bytes() == before


def keys(value: object, path: str = "") -> set[str]:
    """The keys of an object and of those in it."""
    if not isinstance(value, dict):
        return {path}
    found = {f"{path}.{key}".strip(".") for key in value}
    return found.union(*(keys(below, f"{path}.{key}".strip(".")) for key, below in value.items()))


class TestErrors:
    def test_no_config(self) -> None:
        """Without a terminal, it says how to create one."""
        command = minimirror_command("run", exit_code=2)
        assert command.stdout == ""
        config = Path(os.environ["HOME"], ".minirepo")
        assert command.stderr.startswith(f"error: {config}: ")
        assert "`minimirror init`" in command.stderr

    def test_in_the_folder(self, mirror: Mirror, index: Index, tmp_path: Path) -> None:
        index.add_wheel("demo", "1.0")
        config = mirror.config()
        file = tmp_path / "file"
        file.touch()
        for folder, why in (
            (file, "Not a directory"),
            (file / "below", "Not a directory"),
            ("/proc/x", "No such"),
        ):
            command = minimirror_command("run", "--config", config, "--repository", folder, exit_code=2)
            assert command.stdout == ""
            assert command.stderr.startswith(f"error: repository {folder}: {why}")
            assert len(command.stderr.splitlines()) == 1
        assert not index.requests

    def test_in_the_options(self, mirror: Mirror, index: Index, tmp_path: Path) -> None:
        config = mirror.config()
        for arguments, why in (
            (("--processes", "many"), "error: processes: "),
            (("--log-file", tmp_path), f"error: cannot write the log file {tmp_path}: Is a directory"),
            (("--index-url", "ftp://example.org/"), "error: index_url: "),
        ):
            command = minimirror_command("run", "--config", config, *arguments, exit_code=2)
            assert command.stdout == ""
            assert command.stderr.startswith(why)
        assert not index.requests
        assert not mirror.path.exists()

    @pytest.mark.skipif(not hasattr(os, "geteuid") or os.geteuid() != 0, reason="needs root")
    def test_log_file_is_a_link_of_another_user(self, mirror: Mirror, tmp_path: Path) -> None:
        log, valuable = tmp_path / "log", tmp_path / "valuable"
        log.symlink_to(valuable)
        os.lchown(log, 12345, 12345)
        command = minimirror_command("run", "--config", mirror.config(), "--log-file", log, exit_code=2)
        assert f"{log}: it is a link" in command.stderr
        assert not valuable.exists()
        os.lchown(log, 0, 0)
        minimirror_command("run", "--config", mirror.config(), "--log-file", log)
        assert valuable.exists()

    def test_no_index_there(self, mirror: Mirror, index: Index) -> None:
        command = minimirror_command(
            "run", "--config", mirror.config(), "--index-url", index.url + "nope/", exit_code=1
        )
        assert command.stdout == ""
        assert command.stderr.startswith(
            f"error: index {index.url}nope/: its list of projects cannot be read: HTTP 404"
        )

    def test_second_run(self, mirror: Mirror, index: Index) -> None:
        wheel = index.add_wheel("demo", "1.0")
        config = mirror.config()
        with in_background(mirror.complete) as result, index.hold(wheel.filename) as gate:
            assert gate.reached.wait(DEADLINE)
            command = minimirror_command("run", "--config", config, exit_code=1)
            gate.release()
            result.result(DEADLINE)
        assert command.stdout == ""
        holder = f"locked by another run: process {os.getpid()} on .*, since .*"
        assert re.fullmatch(f"error: repository {mirror.path}: {holder}\n", command.stderr)


class TestBrokenPipes:
    """The run completes without a message if nobody reads its output any more."""

    def closed(self) -> int:
        read, write = os.pipe()
        os.close(read)
        return write

    @pytest.mark.parametrize("arguments", [(), ("--json",)])
    def test_standard_output(self, mirror: Mirror, index: Index, arguments: tuple[str, ...]) -> None:
        wheel = index.add_wheel("demo", "1.0")
        pipe = self.closed()
        with mirror.command(*arguments, stdout=pipe) as command:
            os.close(pipe)
            command.end()
        assert command.messages == []
        assert mirror.names() == {wheel.filename}

    def test_standard_error(self, mirror: Mirror, index: Index) -> None:
        """It has the log."""
        for number in range(5):
            index.add_wheel(f"demo-{number}", "1.0")
        pipe = self.closed()
        with mirror.command("--verbose", stdout=pipe, stderr=pipe) as command:
            os.close(pipe)
            assert command.end() == 0
        assert len(mirror.names()) == 5
        assert mirror.complete().files_present == 5

    @pytest.mark.parametrize(
        "line", ["plan", "plan --files", "status", "config show", "config check", "target"]
    )
    def test_of_other_commands(self, mirror: Mirror, index: Index, line: str) -> None:
        index.add_wheel("demo", "1.0")
        config: list[str | Path] = [] if line == "target" else ["--config", mirror.config()]
        pipe = self.closed()
        with Command(*line.split(), *config, stdout=pipe) as command:
            os.close(pipe)
            assert command.end() == 0
        assert command.messages == []


def test_a_slow_index_is_named_in_a_pipe(mirror: Mirror, index: Index) -> None:
    index.add_wheel("demo", "1.0")
    with index.hold("/simple/"), mirror.command() as command:
        assert command.process.stderr
        first = command.process.stderr.readline()
    assert re.fullmatch(r"(asking|reading) the index.* \.\.\. \(\d+\.\d s\)\n", first)


class TestTerminal:
    def test_first_run_asks_and_downloads_nothing_yet(self, mirror: Mirror, index: Index) -> None:
        wheel = index.add_wheel("demo", "1.0")
        with Terminal(["run", "--index-url", index.url, "--processes", "1"]) as terminal:
            terminal.wait_for("Folder for the files")
            terminal.type(f"{mirror.path}\n")
            terminal.wait_for("Projects or files")
            terminal.type("demo\n")
            assert terminal.end() == 0
        assert "`minimirror plan`" in terminal.seen
        assert not mirror.path.exists()
        assert not index.requests
        config = Path(os.environ["HOME"], ".minirepo")
        assert json.loads(config.read_text()) == {
            "repository": str(mirror.path),
            "processes": 1,
            "index_url": index.url,
            "projects": ["demo"],
        }
        with Terminal(["run"]) as terminal:
            assert terminal.end() == 0
        assert mirror.files() == {wheel.filename: wheel.content}

    def test_first_run_interrupted(self, index: Index) -> None:
        with Terminal(["run", "--index-url", index.url]) as terminal:
            terminal.wait_for("Folder for the files")
            # A signal that comes just before the process waits for a line is seen when that ends.
            terminal.type("\x03")
            terminal.type("\n")
            assert terminal.end() == 130
        assert "Traceback" not in terminal.seen
        assert not Path(os.environ["HOME"], ".minirepo").exists()
        assert not index.requests

    def test_does_not_ask_for_a_file_that_was_chosen(self, tmp_path: Path) -> None:
        with Terminal(["run", "--config", tmp_path / "lab.json"]) as terminal:
            assert terminal.end() == 2
        assert "`minimirror init --config " in terminal.seen.replace("\r\n", "")

    @pytest.mark.parametrize("sure", [True, False])
    def test_asks_before_most_of_the_mirror_is_deleted(
        self, mirror: Mirror, index: Index, *, sure: bool
    ) -> None:
        for number in range(10):
            index.add_wheel(f"demo-{number}", "1.0")
        minimirror_command("run", "--config", mirror.config())
        with Terminal(["run", "--config", mirror.config(projects=["demo-1"])]) as terminal:
            terminal.wait_for("Delete them now? [y/N]")
            assert len(mirror.names()) == 10
            terminal.type("y\n" if sure else "\n")
            assert terminal.end() == (0 if sure else 1)
        assert len(mirror.names()) == (1 if sure else 10)

    @pytest.mark.parametrize("environment", [{}, {"NO_COLOR": "1"}, {"TERM": "dumb"}])
    def test_shows_progress(self, mirror: Mirror, index: Index, environment: dict[str, str]) -> None:
        """And leaves nothing of it on the screen."""
        for number in range(5):
            index.add_wheel(f"demo-{number}", "1.0", padding=50_000)
        index.add_project("lost")
        index.fault("lost", Status(418))
        moves = "TERM" not in environment
        with (
            index.hold("demo_3-1.0-py3-none-any.whl", after=20_000) as gate,
            Terminal(["run", "--config", mirror.config(), "--verbose"], env=environment) as terminal,
        ):
            assert gate.reached.wait(DEADLINE)
            if moves:
                for text in ("files ", " %", "4 of 5 files", "/s", "  demo_3-1.0-py3-none-any.whl"):
                    terminal.wait_for(text)
                (*_, shown) = (line for line in terminal.screen if line.startswith("files "))
                assert len(shown) <= 80
            gate.release()
            assert terminal.end() == 1
        lines = terminal.screen
        at = next(number for number, line in enumerate(lines) if line.startswith("Incomplete: 1 "))
        assert lines[-1] == ""
        assert lines[-2].startswith("failed: lost: ")
        fetched = [f"fetched demo_{number}-1.0-py3-none-any.whl" for number in range(5)]
        assert sorted(line.partition(" (")[0] for line in lines[:at] if not is_progress(line)) == [
            "failed: lost: its page cannot be read: HTTP 418",
            *fetched,
        ]
        assert (ESCAPE in terminal.seen) == moves
        coloured = re.search(rf"{ESCAPE}\[[0-9;]*(3[0-9]|9[0-7])[;m]", terminal.seen)
        assert bool(coloured) == (environment == {})

    def test_ctrl_c(self, mirror: Mirror, index: Index) -> None:
        index.add_wheel("demo", "1.0")
        with (
            index.hold("demo-1.0-py3-none-any.whl") as gate,
            Terminal(["run", "--config", mirror.config()]) as terminal,
        ):
            assert gate.reached.wait(DEADLINE)
            terminal.wait_for("demo-1.0-py3-none-any.whl")
            terminal.type("\x03")
            assert terminal.end() == 130
        lines = terminal.screen
        assert re.fullmatch(r"(\^C)?Interrupted; 0 files done[,;] (.* )?run again to continue\.", lines[0])
        assert terminal.seen.count(f"{ESCAPE}[?25l") == terminal.seen.count(f"{ESCAPE}[?25h") == 1

    def test_no_escapes_in_what_is_piped(self, mirror: Mirror, index: Index) -> None:
        """The summary goes to the pipe, progress to the terminal; or the other way round."""
        index.add_wheel("demo", "1.0")
        with Terminal(["run", "--config", mirror.config()], piped="stdout") as terminal:
            assert terminal.end() == 0
            assert terminal.process.stdout
            assert terminal.process.stdout.read().startswith("Complete.\n  projects  1 ")
        assert not any(terminal.screen)
        index.add_wheel("demo", "2.0")
        with Terminal(["run", "--config", mirror.config(), "--verbose"], piped="stderr") as terminal:
            assert terminal.end() == 0
            assert terminal.process.stderr
            assert ESCAPE not in terminal.process.stderr.read()
        assert ESCAPE not in terminal.seen
        assert terminal.seen.startswith("Complete.\r\n")
