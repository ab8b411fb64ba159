"""An index that misbehaves in every way of the table at once, mirrored by the real command."""

from __future__ import annotations

import json
import re
import resource
import time
from collections import defaultdict
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest

from tests.helpers.hostile import TABLE, Item, Stage
from tests.helpers.index import Index
from tests.helpers.running import Mirror, Terminal

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable
    from pathlib import Path

    from tests.helpers.index.model import Format
    from tests.helpers.running import Command

BOUNDS = {"connect_timeout": 1, "read_timeout": 1, "min_rate": 2000, "file_timeout": 8, "retries": 2}
"""The config's: all that waits for a server is over after eight seconds."""

ENDS_WITHIN = 30.0
"""Seconds for all of the table, in parallel."""

MEMORY = 768 << 20
"""Bytes that each process may have, threads' stacks included: less than twice the largest page."""

OWN = {"catalog.sqlite", "lock", "partial", "workers.lock"}
"""What minimirror keeps in the folder for itself."""

MOST = 21
"""Failures of one project: of hundreds of bad entries some are told, and how many more there are."""

NO_NAMES = (
    "..",
    "../outside",
    "a\x1b[2Jb",
    "a\nb",
    "cyrilli\N{CYRILLIC SMALL LETTER ES}",
    "a" * 10_000 + "!",
)
"""What the index lists as projects, and what is none."""

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
"""Items in which the index says what a terminal would act upon."""

SECRETS = ("s3cret", "root:")


class Play:
    """The items of one format on one index, with good projects beside, and the command that mirrors it."""

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
        """Run the command; answer what failed, by project, and check what holds of every run."""
        begun = time.monotonic()
        with self.mirror.command("--json", "--verbose", "--log-file", self.log) as command:
            resource.prlimit(command.process.pid, resource.RLIMIT_DATA, (MEMORY, MEMORY))
            code = command.end(2 * ENDS_WITHIN)
        assert time.monotonic() - begun < ENDS_WITHIN
        self._check_output(command)
        summary = json.loads(command.stdout)
        failures: dict[str, list[str]] = defaultdict(list)
        for each in summary["failures"]:
            failures[each["project"]].append(f"{each['filename'] or each['project']}: {each['cause']}")
        assert code == bool(failures)
        assert summary["complete"] == (not failures)
        return failures

    def _check_output(self, command: Command) -> None:
        """Nothing that a terminal would act upon, and nobody's secrets."""
        for text in (command.stdout, command.stderr, self.log.read_text()):
            assert [line for line in text.split("\n") if not line.isprintable()] == []
            assert not [secret for secret in SECRETS if secret in text]
        assert "Traceback" not in command.stderr, command.stderr

    def unexpected(self, failures: dict[str, list[str]]) -> dict[str, Any]:
        """The projects of which something else was said than the table has: what, and what was to be."""
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
        """Let every fault pass; what the pages say stays as wrong as it was."""
        self.index.heal()
        self.index.clear()
        for name, item in self.items.items():
            if item.failure and not item.lasting:
                self.here.update({file.filename: file.content for file in self.index.projects[name].files})
        self.items = {
            name: item if item.lasting else replace(item, failure=None) for name, item in self.items.items()
        }

    def check_folder(self) -> None:
        """All is here that is to be, and nothing else, in the folder or around it."""
        here = self.mirror.files()
        assert here.keys() == self.here.keys()
        assert [name for name, content in here.items() if content != self.here[name]] == []
        own = {
            self.mirror.path,
            *self.mirror.path.rglob("*"),
            self.mirror.path.with_suffix(".json"),
            self.log,
        }
        now = _tree(self.folder.parent)
        assert {path: now[path] for path in now.keys() - own} == self.tree
        assert {path.name for path in self.mirror.state.iterdir()} == OWN
        for name in self.mirror.partials():
            assert re.fullmatch(r"[\w.-]+\.(whl|tar\.gz)\.part", name)


def _tree(folder: Path) -> dict[Path, Any]:
    return {path: path.read_bytes() if path.is_file() else None for path in folder.rglob("*")}


@pytest.fixture(params=["json", "html"])
def form(request: pytest.FixtureRequest) -> Format:
    found: Format = request.param
    return found


def test_whatever_one_project_does_the_others_are_mirrored(
    form: Format, index_factory: Callable[..., Index], tmp_path: Path
) -> None:
    play = Play(TABLE, form, index_factory, tmp_path)
    failures = play.run()
    assert play.unexpected(failures) == {}
    play.check_folder()
    play.heal()
    again = play.run()
    assert play.index.pages_read().keys() == failures.keys()
    assert play.unexpected(again) == {}
    play.check_folder()


def test_what_passes_is_no_failure(form: Format, index_factory: Callable[..., Index], tmp_path: Path) -> None:
    play = Play([item for item in TABLE if item.failure is None], form, index_factory, tmp_path)
    assert play.run() == {}
    play.check_folder()
    assert play.mirror.partials() == {}


def test_what_the_index_says_does_not_reach_the_terminal(
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
