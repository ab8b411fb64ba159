"""The commands `export` and `import`: their output, errors and exit codes."""

from __future__ import annotations

import json
import os
import time
from typing import TYPE_CHECKING

import pytest

from minimirror.common import format_time
from minimirror.common.report import Failure
from minimirror.storage import Catalog
from tests.helpers.bundles import Far, Near
from tests.helpers.running import Command, minimirror_command

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from click.testing import Result


def command(side: Near | Far, name: str, *arguments: str | Path) -> Result:
    return minimirror_command(name, "--config", side.config_file(), *arguments)


def error(done: Result, exit_code: int) -> str:
    assert done.exit_code == exit_code, done.output
    return done.stderr.strip()


@pytest.fixture
def _on_kiritimati() -> Iterator[None]:
    """Be in a time zone 14 hours before UTC."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("TZ", "Pacific/Kiritimati")
        time.tzset()
        yield
    time.tzset()


class TestExport:
    def test_prints_what_it_contains_and_requires(self, near: Near, tmp_path: Path) -> None:
        done = command(near, "export", "--to", tmp_path / "1.tar")
        assert done.exit_code == 0
        lines = done.stdout.splitlines()
        assert str(tmp_path / "1.tar") in lines[0]
        assert "full" in lines[3]
        near.put("demo", "2.0")
        near.put("demo", "3.0")
        near.drop("demo-1.0-py3-none-any.whl", "demo-3.0-py3-none-any.whl")
        near.put("other", "1.0")
        command(near, "export", "--to", tmp_path / "2.tar")
        near.put("other", "2.0")
        near.put_local("own", "1.0")
        lines = command(near, "export", "--to", tmp_path / "2b.tar").stdout.splitlines()
        assert "4 files, 1 of them local" in lines[1]
        assert "2 files" in lines[2]
        assert "export 2" in lines[3]
        (near.path / "own-1.0.zip").unlink()
        done = command(near, "export", "--to", tmp_path / "2c.tar")
        assert "1 removed" in done.stdout
        assert "local" not in done.stdout
        done = command(near, "export", "--to", tmp_path / "3.tar")
        assert done.exit_code == 3
        assert "export 4" in done.stdout
        assert not (tmp_path / "3.tar").exists()

    def test_json(self, near: Near, tmp_path: Path) -> None:
        found = json.loads(command(near, "export", "--to", tmp_path / "1.tar", "--json").stdout)
        seconds, state = found.pop("seconds"), found.pop("state")
        assert seconds >= 0
        assert len(state) == 64
        assert found == {
            "version": 1,
            "changed": True,
            "paths": [str(tmp_path / "1.tar")],
            "installer": [],
            "number": 1,
            "since": None,
            "listed": 1,
            "files": 1,
            "local": 0,
            "without_local": 0,
            "removed": 0,
            "bytes": (tmp_path / "1.tar").stat().st_size,
            "signed": False,
            "missing": 0,
        }
        again = json.loads(command(near, "export", "--to", tmp_path / "2.tar", "--json").stdout)
        assert (again["changed"], again["paths"], again["number"]) == (False, [], 1)

    def test_says_how_many_local_files_are_left_out(self, near: Near, tmp_path: Path) -> None:
        for version in ("1.0", "2.0"):
            near.put_local("own", version)
        done = command(near, "export", "--to", tmp_path / "1.tar", "--without-local")
        assert "note: 2 local files" in done.stdout

    def test_quiet(self, near: Near, tmp_path: Path) -> None:
        done = command(near, "export", "--to", tmp_path / "1.tar", "--quiet")
        assert (done.exit_code, done.stdout, done.stderr) == (0, "", "")

    def test_notes_that_the_mirror_is_incomplete(self, near: Near, tmp_path: Path) -> None:
        with Catalog(near.repository.catalog) as catalog:
            catalog.runs.replace_missing([Failure("other", None, "HTTP 503")])
            catalog.commit()
        assert "note: " in command(near, "export", "--to", tmp_path / "1.tar").stdout

    def test_list(self, near: Near) -> None:
        assert len(command(near, "export", "--list").stdout.splitlines()) == 1
        near.export("lab-2026.tar")
        near.put("big", "1.0", bytes(180_000))
        near.export("b.tar", split=70_000)
        lines = command(near, "export", "--list").stdout.splitlines()
        assert max(map(len, lines)) <= 80
        assert lines[0].split() == ["no.", "date", "(UTC)", "since", "files", "bytes", "state", "file"]
        assert lines[1].split()[3:5] == ["all", "1"]
        assert lines[1].endswith("lab-2026.tar")
        assert lines[2].endswith("  b.tar +2")
        found = json.loads(command(near, "export", "--list", "--json").stdout)
        assert [(row["number"], row["since"], row["parts"]) for row in found["exports"]] == [
            (1, None, 1), (2, 1, 3),
        ]  # fmt: skip

    @pytest.mark.usefixtures("_on_kiritimati")
    def test_dates_are_utc_wherever_it_runs(self, near: Near, tmp_path: Path) -> None:
        near.export("1.tar")
        [export] = json.loads(command(near, "export", "--list", "--json").stdout)["exports"]
        date, minutes = command(near, "export", "--list").stdout.splitlines()[1].split()[1:3]
        assert f"{date} {minutes} UTC" == format_time(export["made"])
        near.put("ember", "1.0")
        after = time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(export["made"] + 1))
        made = command(near, "export", "--to", tmp_path / "2.tar", "--since", after, "--json")
        assert json.loads(made.stdout)["since"] == 1

    @pytest.mark.parametrize(
        ("arguments", "cause"),
        [
            ([], "--to FILE"),
            (["--to", "x.tar", "--list"], "--to FILE"),
            (["--to", "{folder}"], "{folder}: is a folder"),
            (["--to", "{folder}/no/x.tar"], "{folder}/no "),
            (["--to", "{folder}/near/x.tar"], "inside the repository"),
            (["--to", "{folder}/near/.minimirror/x.tar"], "inside the repository"),
            (["--to", "{folder}/near.json"], "near.json: already exists; --force"),
            (["--to", "{folder}/x.tar", "--since", "some"], "--since some"),
            (["--to", "{folder}/x.tar", "--split", "big"], "--split big"),
            (["--to", "{folder}/x.tar", "--split", "10kB"], "--split 10000"),
            (["--to", "{folder}/x.tar", "--repository", "{folder}/new"], "`minimirror run`"),
        ],
    )
    def test_wrong_options(self, near: Near, tmp_path: Path, arguments: list[str], cause: str) -> None:
        options = [argument.format(folder=tmp_path) for argument in arguments]
        assert cause.format(folder=tmp_path) in error(command(near, "export", *options), 2)
        assert not (tmp_path / "x.tar").exists()

    def test_force(self, near: Near, tmp_path: Path) -> None:
        (tmp_path / "1.tar").write_bytes(b"old")
        assert command(near, "export", "--to", tmp_path / "1.tar", "--force").exit_code == 0
        Far(tmp_path / "far").take(tmp_path / "1.tar")

    @pytest.mark.parametrize("damage", ["gone", "shorter", "longer", "other", "link"])
    def test_a_file_that_was_changed(self, near: Near, tmp_path: Path, damage: str) -> None:
        path = near.path / "demo-1.0-py3-none-any.whl"
        data = path.read_bytes()
        path.unlink()
        if damage == "link":
            (tmp_path / "elsewhere").write_bytes(data)
            path.symlink_to(tmp_path / "elsewhere")
        elif damage != "gone":
            path.write_bytes({"shorter": data[:-1], "longer": data + b"!", "other": data[::-1]}[damage])
        said = error(command(near, "export", "--to", tmp_path / "1.tar"), 1)
        assert path.name in said
        assert "`minimirror verify --hash --repair`" in said
        assert not list(tmp_path.glob("*1.tar*"))
        assert near.left_over() == []

    def test_during_a_run(self, near: Near, tmp_path: Path) -> None:
        with near.repository.lock():
            assert str(near.path) in error(command(near, "export", "--to", tmp_path / "1.tar"), 1)
            assert command(near, "export", "--list").exit_code == 0


class TestImport:
    def test_prints_what_it_added(self, near: Near, far: Far, tmp_path: Path) -> None:
        near.export("1.tar")
        done = command(far, "import", tmp_path / "1.tar")
        assert done.exit_code == 0
        lines = done.stdout.splitlines()
        assert "1.tar" in lines[0]
        assert "1 added" in lines[1]
        done = command(far, "import", tmp_path / "1.tar")
        assert "already imported" in done.stdout
        found = json.loads(command(far, "import", tmp_path / "1.tar", "--json").stdout)
        assert found["version"] == 1
        assert [(each["name"], each["changed"]) for each in found["imports"]] == [("1.tar", False)]
        done = command(far, "import", "--quiet", tmp_path / "1.tar")
        assert (done.exit_code, done.stdout, done.stderr) == (0, "", "")

    def test_prints_what_it_kept(self, near: Near, far: Far, tmp_path: Path) -> None:
        far.take(*near.export("1.tar").paths)
        Near(far.path).put("demo", "1.0", b"updated by a run")
        near.put("other", "1.0")
        near.export("2.tar")
        assert "kept    1 file " in command(far, "import", tmp_path / "2.tar").stdout

    def test_prints_what_was_imported_before_an_error(self, near: Near, far: Far, tmp_path: Path) -> None:
        near.export("1.tar")
        near.put("demo", "2.0")
        near.export("2.tar")
        data = (tmp_path / "2.tar").read_bytes()
        (tmp_path / "2.tar").write_bytes(data[:-3000])
        done = command(far, "import", tmp_path / "1.tar", tmp_path / "2.tar")
        assert f"{tmp_path / '2.tar'}: truncated" in error(done, 1)
        assert "1.tar" in done.stdout

    def test_check_changes_nothing(self, near: Near, far: Far, tmp_path: Path) -> None:
        """It says what an import of all bundles would do, even into a folder that does not exist yet."""
        near.export("1.tar")
        near.put("other", "1.0")
        near.export("2.tar", split=64 * 1024)
        bundles = (tmp_path / "1.tar", tmp_path / "2.tar")
        done = command(far, "import", "--check", *bundles)
        assert done.exit_code == 0, done.output
        assert done.stdout.count("1 added") == 2
        assert done.stdout.count("can be imported") == 2
        assert not far.path.exists()
        found = json.loads(command(far, "import", "--check", "--json", *bundles).stdout)["imports"]
        far.take(bundles[0])
        assert [(each["checked"], each["changed"], each["added"]) for each in found] == [(True, True, 1)] * 2
        before = far.files(), far.rows()
        bundles[1].write_bytes(bundles[1].read_bytes()[:-1])
        said = error(command(far, "import", "--check", *bundles), 1)
        assert f"{bundles[1]}: truncated" in said
        assert (far.files(), far.rows(), far.left_over()) == (*before, [])

    def test_missing_bytes(self, near: Near, far: Far, tmp_path: Path) -> None:
        near.export("1.tar")
        near.put("other", "1.0")
        near.export("2.tar")
        said = error(command(far, "import", tmp_path / "2.tar"), 1)
        assert "demo-1.0-py3-none-any.whl (in 1.tar, " in said
        assert not far.files()

    def test_wrong_arguments(self, far: Far, tmp_path: Path) -> None:
        assert "missing argument 'FILE...'" in error(command(far, "import"), 2)
        assert "does not exist" in error(command(far, "import", tmp_path / "no.tar"), 2)
        assert "is a directory" in error(command(far, "import", tmp_path), 2)

    def test_during_a_run(self, near: Near, far: Far) -> None:
        (path,) = near.export("1.tar").paths
        far.repository.prepare()
        with far.repository.lock():
            assert str(far.path) in error(command(far, "import", path), 1)

    def test_interrupted(self, far: Far, tmp_path: Path) -> None:
        pipe = tmp_path / "1.tar"
        os.mkfifo(pipe)
        with Command("import", "--config", far.config_file(), pipe) as done, pipe.open("wb"):
            # It can be opened for writing once the command reads it.
            done.interrupt()
            assert done.end() == 130
        assert done.stderr.strip().splitlines()[-1] == "Interrupted; import again to continue."
