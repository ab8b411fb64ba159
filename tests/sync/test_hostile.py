"""An index that misbehaves in every way of the table at once, mirrored by the real command."""

from __future__ import annotations

import json
import re
import resource
import subprocess
import sys
from collections import defaultdict
from contextlib import suppress
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest

from tests.helpers.faults import is_documented
from tests.helpers.hostile import TABLE, Item, Stage
from tests.helpers.hostile.transport import Gzipped
from tests.helpers.index import Body, Index, Together
from tests.helpers.running import Mirror, Terminal, descendants, peak_memory
from tests.helpers.servers.tls import tls

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable
    from pathlib import Path

    from tests.helpers.index.model import Format
    from tests.helpers.running import Command

BOUNDS = {"connect_timeout": 1, "read_timeout": 1, "min_rate": 2000, "file_timeout": 20, "retries": 2}
"""Config values, so that every wait for a server ends within twenty seconds, even on a busy machine."""

ENDS_WITHIN = 120.0
"""Seconds after which a run hangs; it does all items in parallel."""

MEMORY = 768 << 20
"""Bytes that each process may use, with its threads' stacks: less than twice the largest page."""

STATE = {".gitignore", "catalog.sqlite", "lock", "partial", "workers.lock"}
"""The files in `.minimirror/` after a run."""

MOST = 21
"""Failures of one project: of hundreds of bad entries, some are listed and the rest is counted."""

NO_NAMES = (
    "..",
    "../outside",
    "a\x1b[2Jb",
    "a\nb",
    "cyrilli\N{CYRILLIC SMALL LETTER ES}",
    "a" * 10_000 + "!",
)
"""Invalid project names on the index."""

SAYING = {
    "busy-nonsense",
    "control-c1",
    "escape",
    "newline",
    "page-brotli",
    "page-escapes",
    "page-file-odd",
    "page-quarantined",
    "page-type",
    "page-version-2",
    "redirect-escape",
    "url-escape",
}
"""Items with control characters that a terminal would interpret."""

SECRETS = ("s3cret", "root:")

PEAK = 512 << 20
"""Bytes of memory that a process may have, however large the pages are."""

LARGE = {
    "json": b'{"filename":"%s","url":"%s","hashes":{"sha256":"%064x"},"size":1,"requires-python":">=3.8",'
    b'"yanked":"' + "\N{GRINNING FACE}".encode() + b'"}',
    "html": b'<a href="%s?%s#sha256=%064x" data-requires-python="&gt;=3.8" data-yanked="'
    + "\N{GRINNING FACE}".encode()
    + b'"></a>',
}
"""A file on a large page; 100,000 of them are allowed."""


class Play:
    """An index with the items for one page format and good projects, and the command that mirrors it."""

    def __init__(
        self, items: Iterable[Item], form: Format, factory: Callable[..., Index], folder: Path
    ) -> None:
        self.items = {item.project: item for item in items if form in item.forms}
        self.index = factory(formats={form})
        self.folder = folder / "around"
        outside = folder / "outside"
        for path in (self.folder, outside):
            path.mkdir()
            (path / "untouched").write_text("untouched")
        self.tree = _tree(folder)
        self.mirror = Mirror(self.index, self.folder / "repository", processes=2, connections=16, **BOUNDS)
        self.here: dict[str, bytes] = {}
        elsewhere = factory()
        for item in self.items.values():
            stage = Stage(self.index, elsewhere, item.project, form, outside)
            self.here.update(item.set_up(stage))
        for name in NO_NAMES:
            self.index.add_project(name)
        for number in range(8):
            file = self.index.add_wheel(f"good-{number}", "1.0", padding=300_000 * number)
            self.here[file.filename] = file.content
        self.log = folder / "log"

    def run(self) -> dict[str, list[str]]:
        """Run the command, check what holds for every run, and return the failures by project."""
        with self.mirror.command("--json", "--verbose", "--log-file", self.log) as command:
            resource.prlimit(command.process.pid, resource.RLIMIT_DATA, (MEMORY, MEMORY))
            code = command.end(ENDS_WITHIN)
        self._check_output(command)
        summary = json.loads(command.stdout)
        failures: dict[str, list[str]] = defaultdict(list)
        for each in summary["failures"]:
            failures[each["project"]].append(f"{each['filename'] or each['project']}: {each['cause']}")
        assert code == bool(failures)
        assert summary["complete"] == (not failures)
        return failures

    def _check_output(self, command: Command) -> None:
        """Check that the output has no control characters and no secrets."""
        for text in (command.stdout, command.stderr, self.log.read_text()):
            assert [line for line in text.split("\n") if not line.isprintable()] == []
            assert not [secret for secret in SECRETS if secret in text]
        assert "Traceback" not in command.stderr, command.stderr

    def unexpected(self, failures: dict[str, list[str]]) -> dict[str, Any]:
        """Return the projects whose failures differ from the table: the expected ones and the actual ones."""
        expected = {name: item.failure for name, item in self.items.items() if item.failure}
        return {
            name: (expected.get(name), failures.get(name))
            for name in expected.keys() | failures.keys()
            if name not in expected
            or name not in failures
            or not all(re.search(expected[name], each) for each in failures[name])
            or len(failures[name]) > MOST
        }

    def heal(self) -> None:
        """End all faults; what the pages list stays as wrong as it was."""
        self.index.heal()
        self.index.clear()
        for name, item in self.items.items():
            if item.failure and not item.lasting:
                self.here.update({file.filename: file.content for file in self.index.projects[name].files})
        self.items = {
            name: item if item.lasting else replace(item, failure=None) for name, item in self.items.items()
        }

    def check_folder(self) -> None:
        """Check that the folder has the expected files only, and that nothing around it changed."""
        here = self.mirror.files()
        assert here.keys() == self.here.keys()
        assert [name for name, content in here.items() if content != self.here[name]] == []
        expected = {
            self.mirror.path,
            *self.mirror.path.rglob("*"),
            self.mirror.path.with_suffix(".json"),
            self.log,
        }
        now = _tree(self.folder.parent)
        assert {path: now[path] for path in now.keys() - expected} == self.tree
        assert {path.name for path in self.mirror.state.iterdir()} == STATE
        for name in self.mirror.partials():
            assert re.fullmatch(r"[\w.-]+\.(whl|tar\.gz)\.part", name)


def undocumented(failures: dict[str, list[str]]) -> list[str]:
    """Return the failures whose cause is not in docs/faults.md."""
    found = (each for causes in failures.values() for each in causes)
    return [each for each in found if not is_documented(each.partition(": ")[2])]


def _tree(folder: Path) -> dict[Path, Any]:
    return {path: path.read_bytes() if path.is_file() else None for path in folder.rglob("*")}


@pytest.fixture(params=["json", "html"])
def form(request: pytest.FixtureRequest) -> Format:
    found: Format = request.param
    return found


def test_one_bad_project_costs_one_project(
    form: Format, index_factory: Callable[..., Index], tmp_path: Path
) -> None:
    play = Play(TABLE, form, index_factory, tmp_path)
    failures = play.run()
    assert play.unexpected(failures) == {}
    assert undocumented(failures) == []
    play.check_folder()
    play.heal()
    again = play.run()
    assert play.index.pages_read().keys() == failures.keys()
    assert play.unexpected(again) == {}
    play.check_folder()


def test_behind_a_server_with_http2(
    index_factory: Callable[..., Index], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It passes on most of what is wrong, some of it mended or said in another way."""
    play = Play(TABLE, "json", index_factory, tmp_path)
    play.index.relative_urls = True
    listed = {file.filename: file.content for each in play.index.projects.values() for file in each.files}
    with tls(tmp_path / "tls", play.index.origin) as server:
        monkeypatch.setenv("REQUESTS_CA_BUNDLE", str(server.ca_bundle))
        play.mirror.rules["index_url"] = f"{server.origin}/simple/"
        failures = play.run()
        assert server.connections(1).keys() == {"HTTP/1.1", "HTTP/2.0"}
    assert len(failures) > len(play.items) / 2
    assert failures.keys() <= play.items.keys()
    here = play.mirror.files()
    assert {name for name in play.here if name.startswith("good_")} <= here.keys()
    assert [name for name in here if here[name] != play.here.get(name, listed.get(name))] == []


def test_passing_faults_are_no_failures(
    form: Format, index_factory: Callable[..., Index], tmp_path: Path
) -> None:
    play = Play([item for item in TABLE if item.failure is None], form, index_factory, tmp_path)
    assert play.run() == {}
    play.check_folder()
    assert play.mirror.partials() == {}


def test_control_characters_of_the_index_do_not_reach_the_terminal(
    form: Format, index_factory: Callable[..., Index], tmp_path: Path
) -> None:
    play = Play([item for item in TABLE if item.project in SAYING], form, index_factory, tmp_path)
    with Terminal(["run", "--verbose", "--config", play.mirror.config()]) as terminal:
        assert terminal.end() == 1
    assert "escape" in terminal.seen
    for sequence in ("\x1b]", "\x1b[2J", "\x9b", "\x07"):
        assert sequence not in terminal.seen
    assert not re.search(r"^failed: good-0", terminal.seen, re.MULTILINE)
    play.check_folder()


def _large_page(project: str, form: Format) -> bytes:
    names = (f"{project}-{number}.tar.gz".encode() for number in range(100_000))
    links = (LARGE[form] % (name, name, number) for number, name in enumerate(names))
    return b'{"files":[' + b",".join(links) + b"]}" if form == "json" else b"".join(links)


@pytest.mark.skipif(sys.platform != "linux", reason="needs /proc")
def test_no_process_needs_much_memory(
    form: Format, index_factory: Callable[..., Index], tmp_path: Path
) -> None:
    index = index_factory(formats={form})
    good = index.add_wheel("good", "1.0")
    content_type = "application/vnd.pypi.simple.v1+json" if form == "json" else "text/html"
    for number in range(2):
        index.add_project(f"large-{number}")
        body = Body(_large_page(f"large-{number}", form), content_type)
        index.fault(f"large-{number}", Together(body, Gzipped()) if number % 2 else body, always=True)
    for item in TABLE:
        if re.match(r"page-(attributes|comment|of-nothings|of-too-many-files|value|wide)", item.project):
            item.set_up(Stage(index, index, item.project, form, tmp_path)) if form in item.forms else None
    mirror = Mirror(
        index, tmp_path / "repository", processes=2, connections=16, package_types=["bdist_wheel"]
    )
    peaks: dict[int, int] = {}
    with (
        (tmp_path / "output").open("w") as output,
        mirror.command(stdout=output.fileno(), stderr=output.fileno()) as command,
    ):
        while command.process.poll() is None:
            for pid in (command.process.pid, *(pid for pid, _ in descendants(command.process.pid))):
                peaks[pid] = max(peaks.get(pid, 0), peak_memory(pid))
            with suppress(subprocess.TimeoutExpired):
                command.process.wait(0.2)
    assert command.process.returncode == 1
    assert mirror.files() == {good.filename: good.content}
    assert len(peaks) >= 3
    assert max(peaks.values()) < PEAK
