"""The commands `export` and `import`: what they print, their mistakes and their exit codes."""

from __future__ import annotations

import json
import os
import signal
from typing import TYPE_CHECKING

import pytest
from click.testing import CliRunner, Result

from minimirror.cli import main
from minimirror.common.report import Failure
from minimirror.storage.catalog import Catalog
from tests.helpers.bundles import Far, Near
from tests.helpers.running import Command

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


@pytest.fixture
def near(tmp_path: Path) -> Near:
    near = Near(tmp_path / "near")
    near.put("demo", "1.0")
    return near


@pytest.fixture
def far(tmp_path: Path) -> Far:
    return Far(tmp_path / "far")


@pytest.fixture(autouse=True)
def _same_handler() -> Iterator[None]:
    """The commands have SIGTERM end them as Ctrl-C does."""
    before = signal.getsignal(signal.SIGTERM)
    yield
    signal.signal(signal.SIGTERM, before)


def command(side: Near | Far, name: str, *arguments: str | Path) -> Result:
    config = side.path.with_suffix(".json")
    config.write_text(json.dumps({"repository": str(side.path)}))
    return CliRunner().invoke(main, [name, "--config", str(config), *map(str, arguments)])


def error(done: Result, exit_code: int) -> str:
    assert done.exit_code == exit_code, done.output
    return done.stderr.strip()


class TestExport:
    def test_says_what_is_in_it_and_what_it_needs(self, near: Near, tmp_path: Path) -> None:
        done = command(near, "export", "--to", tmp_path / "1.tar")
        assert done.exit_code == 0
        lines = done.stdout.splitlines()
        assert lines[0] == f"Export 1: {tmp_path / '1.tar'}"
        assert lines[1].startswith("  files   1 included, 0 deleted; ")
        assert lines[2] == "  needs   nothing (full bundle; works on any folder)"
        near.put("demo", "2.0")
        near.drop("demo-1.0-py3-none-any.whl")
        lines = command(near, "export", "--to", tmp_path / "2.tar").stdout.splitlines()
        assert lines[1].startswith("  files   1 included, 1 deleted; ")
        assert lines[2] == "  needs   export 1 or a later one, imported first"
        done = command(near, "export", "--to", tmp_path / "3.tar")
        assert (done.exit_code, done.stdout) == (
            0, "Nothing has changed since export 2: no bundle was made.\n",
        )  # fmt: skip

    def test_json(self, near: Near, tmp_path: Path) -> None:
        found = json.loads(command(near, "export", "--to", tmp_path / "1.tar", "--json").stdout)
        seconds, state = found.pop("seconds"), found.pop("state")
        assert seconds >= 0
        assert len(state) == 64
        assert found == {
            "version": 1,
            "changed": True,
            "paths": [str(tmp_path / "1.tar")],
            "number": 1,
            "since": None,
            "files": 1,
            "removed": 0,
            "bytes": (tmp_path / "1.tar").stat().st_size,
            "signed": False,
            "missing": 0,
        }
        again = json.loads(command(near, "export", "--to", tmp_path / "2.tar", "--json").stdout)
        assert (again["changed"], again["paths"], again["number"]) == (False, [], 1)

    def test_quiet(self, near: Near, tmp_path: Path) -> None:
        done = command(near, "export", "--to", tmp_path / "1.tar", "--quiet")
        assert (done.exit_code, done.stdout, done.stderr) == (0, "", "")

    def test_of_an_incomplete_mirror_says_so(self, near: Near, tmp_path: Path) -> None:
        with Catalog(near.repository.catalog) as catalog:
            catalog.replace_missing([Failure("other", None, "HTTP 503")])
            catalog.commit()
        assert (
            "note: the last run could not get 1 file;"
            in command(near, "export", "--to", tmp_path / "1.tar").stdout
        )

    def test_list_is_at_most_80_columns_wide(self, near: Near) -> None:
        assert command(near, "export", "--list").stdout == "No exports yet.\n"
        near.export("lab-2026.tar")
        near.put("big", "1.0", bytes(200_000))
        near.export("b.tar", split=70_000)
        lines = command(near, "export", "--list").stdout.splitlines()
        assert max(map(len, lines)) <= 80
        assert lines[0].split() == ["no.", "date", "run", "since", "files", "bytes", "state", "file"]
        assert lines[1].split()[3:5] == ["all", "1"]
        assert lines[1].endswith("lab-2026.tar")
        assert lines[2].endswith("  b.tar +3")
        found = json.loads(command(near, "export", "--list", "--json").stdout)
        assert [(row["number"], row["since"], row["parts"]) for row in found["exports"]] == [
            (1, None, 1), (2, 1, 4),
        ]  # fmt: skip

    @pytest.mark.parametrize(
        ("arguments", "cause"),
        [
            ([], "Give either --to FILE or --list."),
            (["--to", "x.tar", "--list"], "Give either --to FILE or --list."),
            (["--to", "{folder}"], "{folder}: is a folder: name the bundle in it"),
            (["--to", "{folder}/no/x.tar"], "there is no folder {folder}/no"),
            (["--to", "{folder}/near/x.tar"], "is in the repository: write the bundle to somewhere else"),
            (["--to", "{folder}/near/.minimirror/x.tar"], "is in the repository"),
            (["--to", "{folder}/near.json"], "near.json: is there already; --force replaces it"),
            (
                ["--to", "{folder}/x.tar", "--since", "some"],
                '--since some: must be "last", "all", the number',
            ),
            (["--to", "{folder}/x.tar", "--split", "big"], "--split big: must be a size such as 4.7GB"),
            (["--to", "{folder}/x.tar", "--split", "10kB"], "a part of 10000 bytes is too small"),
            (
                ["--to", "{folder}/x.tar", "--repository", "{folder}/new"],
                "there is no catalog; `minimirror run`",
            ),
        ],
    )
    def test_mistakes(self, near: Near, tmp_path: Path, arguments: list[str], cause: str) -> None:
        told = [argument.format(folder=tmp_path) for argument in arguments]
        assert cause.format(folder=tmp_path) in error(command(near, "export", *told), 2)
        assert not (tmp_path / "x.tar").exists()

    def test_force(self, near: Near, tmp_path: Path) -> None:
        (tmp_path / "1.tar").write_bytes(b"old")
        assert command(near, "export", "--to", tmp_path / "1.tar", "--force").exit_code == 0
        Far(tmp_path / "far").take(tmp_path / "1.tar")

    @pytest.mark.parametrize("damage", ["gone", "shorter", "longer", "other", "link"])
    def test_a_file_that_was_altered(self, near: Near, tmp_path: Path, damage: str) -> None:
        path = near.path / "demo-1.0-py3-none-any.whl"
        data = path.read_bytes()
        path.unlink()
        if damage == "link":
            (tmp_path / "elsewhere").write_bytes(data)
            path.symlink_to(tmp_path / "elsewhere")
        elif damage != "gone":
            path.write_bytes({"shorter": data[:-1], "longer": data + b"!", "other": data[::-1]}[damage])
        said = error(command(near, "export", "--to", tmp_path / "1.tar"), 1)
        assert f"{path.name} is missing, or not what was mirrored; no bundle was made" in said
        assert "`minimirror verify --hash --repair`" in said
        assert not list(tmp_path.glob("*1.tar*"))
        assert near.left_over() == []

    def test_while_a_run_is_at_work(self, near: Near, tmp_path: Path) -> None:
        with near.repository.lock():
            assert "another run holds it" in error(command(near, "export", "--to", tmp_path / "1.tar"), 1)
            assert command(near, "export", "--list").exit_code == 0


class TestImport:
    def test_says_what_came(self, near: Near, far: Far, tmp_path: Path) -> None:
        near.export("1.tar")
        done = command(far, "import", tmp_path / "1.tar")
        assert done.exit_code == 0
        lines = done.stdout.splitlines()
        assert lines[0] == "Export 1 (1.tar) is imported."
        assert lines[1].startswith("  files   1 added (")
        done = command(far, "import", tmp_path / "1.tar")
        assert done.stdout == "Export 1 (1.tar): nothing to do, it is here already.\n"
        found = json.loads(command(far, "import", tmp_path / "1.tar", "--json").stdout)
        assert found["version"] == 1
        assert [(each["name"], each["changed"]) for each in found["imports"]] == [("1.tar", False)]
        done = command(far, "import", "--quiet", tmp_path / "1.tar")
        assert (done.exit_code, done.stdout, done.stderr) == (0, "", "")

    def test_what_was_done_before_a_refusal_is_told(self, near: Near, far: Far, tmp_path: Path) -> None:
        near.export("1.tar")
        near.put("demo", "2.0")
        near.export("2.tar")
        data = (tmp_path / "2.tar").read_bytes()
        (tmp_path / "2.tar").write_bytes(data[:-3000])
        done = command(far, "import", tmp_path / "1.tar", tmp_path / "2.tar")
        said = error(done, 1)
        assert said == f"error: {tmp_path / '2.tar'}: it ends too early: was it copied to its end?"
        assert done.stdout.startswith("Export 1 (1.tar) is imported.\n")

    def test_damage_that_was_there_before(self, near: Near, far: Far, tmp_path: Path) -> None:
        near.export("1.tar")
        far.take(tmp_path / "1.tar")
        near.put("other", "1.0")
        near.export("2.tar")
        (far.path / "demo-1.0-py3-none-any.whl").unlink()
        done = command(far, "import", tmp_path / "2.tar")
        assert done.exit_code == 1
        assert "damaged: demo-1.0-py3-none-any.whl\n" in done.stdout

    def test_mistakes(self, far: Far, tmp_path: Path) -> None:
        assert "Missing argument 'FILE...'" in error(command(far, "import"), 2)
        assert "does not exist" in error(command(far, "import", tmp_path / "no.tar"), 2)
        assert "is a directory" in error(command(far, "import", tmp_path), 2)

    def test_while_a_run_is_at_work(self, near: Near, far: Far) -> None:
        (path,) = near.export("1.tar").paths
        far.repository.prepare()
        with far.repository.lock():
            assert "another run holds it" in error(command(far, "import", path), 1)

    def test_interrupted(self, far: Far, tmp_path: Path) -> None:
        pipe = tmp_path / "1.tar"
        os.mkfifo(pipe)
        config = tmp_path / "far.json"
        config.write_text(json.dumps({"repository": str(far.path)}))
        with Command("import", "--config", config, pipe) as done, pipe.open("wb"):
            # It is opened for writing once the command reads it.
            done.interrupt()
            assert done.end() == 130
        assert done.stderr.strip().splitlines()[-1] == "interrupted"
