"""The static index that runs write beside the files, and `minimirror index`."""

from __future__ import annotations

import hashlib
import io
import json
import os
import shutil
import zipfile
from typing import TYPE_CHECKING

import pytest

from minimirror import Config
from minimirror.publish.static import SimpleError
from minimirror.storage.folder import MirrorFolder
from minimirror.sync.verifying import verify
from tests.helpers import distributions
from tests.helpers.index import UPLOADED, Status
from tests.helpers.running import Mirror, minimirror_command, without_progress
from tests.helpers.simple_reader import pages, statuses, untrue

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tests.helpers.index import Index


@pytest.fixture
def mirror(index: Index, repository: Path) -> Mirror:
    return Mirror(index, repository, simple=True)


def names(mirror: Mirror) -> dict[str, list[str]]:
    """Return the files of each project on the static index, after a check of all that it says."""
    assert untrue(mirror.path) == []
    return {project: sorted(files) for project, files in pages(mirror.path).items()}


def stamps(mirror: Mirror) -> dict[str, tuple[int, int]]:
    """Return inode and time of each page and metadata file, which change when it is written again."""
    paths = [*mirror.path.glob("simple/**/index.*"), *mirror.path.glob("*.metadata")]
    stats = ((path.relative_to(mirror.path).as_posix(), path.stat()) for path in paths)
    return {name: (stat.st_ino, stat.st_mtime_ns) for name, stat in stats}


def written(mirror: Mirror, before: dict[str, tuple[int, int]]) -> set[str]:
    """Return the files that were written or deleted since then."""
    return {name for name, _ in before.items() ^ stamps(mirror).items()}


def is_true(mirror: Mirror) -> bool:
    """Return whether every byte of the static index matches the catalog, and all files are listed."""
    found = verify(Config(repository=mirror.path, processes=1), read=True)
    assert untrue(mirror.path) == []
    named = {name for files in pages(mirror.path).values() for name in files}
    known = {name for name in mirror.names() - {"simple"} if not name.endswith(".metadata")}
    return (found.pages, found.metadata, named) == ([], [], known)


def wheel_without_metadata() -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        archive.writestr("demo/__init__.py", "")
    return buffer.getvalue()


class TestContent:
    def test_has_the_metadata_of_the_upstream_page(self, mirror: Mirror, index: Index) -> None:
        wheel = index.add_wheel("Demo.Pkg", "1.0", requires=["other>=1"], requires_python=">=3.8,<4")
        sdist = index.add_sdist("demo-pkg", "1.0", yanked='it\'s "bad" & <b>', upload_time=None)
        mirror.complete(yanked=True)
        assert names(mirror) == {"demo-pkg": sorted([wheel.filename, sdist.filename])}
        found = pages(mirror.path)["demo-pkg"]
        first, second = found[wheel.filename], found[sdist.filename]
        assert (first.requires_python, first.size, first.upload_time) == (
            ">=3.8,<4",
            len(wheel.content),
            UPLOADED,
        )
        assert first.digests == {"sha256": wheel.sha256}
        assert (first.is_yanked, first.has_metadata, second.has_metadata) == (False, True, None)
        assert (second.is_yanked, second.yanked_reason, second.upload_time) == (
            True,
            'it\'s "bad" & <b>',
            None,
        )

    def test_metadata_is_read_from_the_wheel(self, mirror: Mirror, index: Index) -> None:
        """Whatever the index says of it, and without a request."""
        wheels = [
            index.add_wheel("demo", "1.0", requires=["a"], core_metadata=True),
            index.add_wheel("other", "1.0", requires=["b"]),
            index.add_wheel("third", "1.0", requires=["c"], core_metadata={"sha256": "0" * 64}),
        ]
        mirror.complete()
        for wheel, requirement in zip(wheels, "abc", strict=True):
            content = (mirror.path / f"{wheel.filename}.metadata").read_bytes()
            assert content == distributions.core_metadata(wheel.project, "1.0", requires=[requirement])
            assert pages(mirror.path)[wheel.project][wheel.filename].metadata_digests == {
                "sha256": hashlib.sha256(content).hexdigest()
            }
        assert not [path for path, _ in mirror.requests() if path.endswith(".metadata")]

    def test_wheel_without_metadata(self, mirror: Mirror, index: Index) -> None:
        index.add("demo", "demo-1.0-py3-none-any.whl", wheel_without_metadata(), core_metadata=True)
        index.add("other", "other-1.0-py3-none-any.whl", b"no archive")
        mirror.complete()
        assert mirror.names() == {"demo-1.0-py3-none-any.whl", "other-1.0-py3-none-any.whl", "simple"}
        assert [each.has_metadata for files in pages(mirror.path).values() for each in files.values()] == [
            None,
            None,
        ]

    def test_wheel_that_points_outside_of_itself(self, mirror: Mirror, index: Index) -> None:
        wheel = distributions.wheel("demo", "1.0")
        index.add("demo", "demo-1.0-py3-none-any.whl", wheel[:-6] + b"\xff\xff\xff\x7f" + wheel[-2:])
        index.add_sdist("demo", "1.0")
        mirror.path.mkdir()
        (mirror.path / "local-1.0-py3-none-any.whl").write_bytes(
            wheel[:-6] + b"\xff" * 3 + b"\0" + wheel[-2:]
        )
        mirror.complete()
        assert names(mirror) == {
            "demo": ["demo-1.0-py3-none-any.whl", "demo-1.0.tar.gz"],
            "local": ["local-1.0-py3-none-any.whl"],
        }
        before = stamps(mirror)
        mirror.complete()
        assert stamps(mirror) == before

    def test_status(self, mirror: Mirror, index: Index) -> None:
        index.add_wheel("demo", "1.0")
        index.add_wheel("evil", "1.0")
        mirror.complete()
        assert statuses(mirror.path) == {"demo": None, "evil": None}
        for name, status in (("demo", "archived"), ("evil", "quarantined")):
            index.add_project(name).status = status
        mirror.complete()
        assert statuses(mirror.path) == {"demo": "archived", "evil": "quarantined"}
        assert names(mirror) == {"demo": ["demo-1.0-py3-none-any.whl"], "evil": []}
        index.add_project("demo").status = None
        mirror.complete()
        assert statuses(mirror.path)["demo"] is None


class TestChanges:
    def test_without_changes_nothing_is_written(self, mirror: Mirror, index: Index) -> None:
        index.add_wheel("demo", "1.0")
        mirror.complete()
        before = stamps(mirror)
        assert mirror.complete().workers_started == 0
        index.add_project("demo")  # a new serial, and the same files
        mirror.complete()
        assert written(mirror, before) == set()

    def test_only_changed_pages_are_written(self, mirror: Mirror, index: Index) -> None:
        for name in ("demo", "other", "third"):
            index.add_wheel(name, "1.0")
        mirror.complete()
        before = stamps(mirror)
        index.add_wheel("demo", "2.0")
        mirror.complete()
        assert names(mirror)["demo"] == ["demo-2.0-py3-none-any.whl"]
        assert written(mirror, before) == {
            "simple/demo/index.html",
            "simple/demo/index.json",
            "demo-1.0-py3-none-any.whl.metadata",
            "demo-2.0-py3-none-any.whl.metadata",
        }
        before = stamps(mirror)
        index.add_wheel("fourth", "1.0")
        index.remove("third")
        mirror.complete()
        assert list(names(mirror)) == ["demo", "fourth", "other"]
        assert {name for name in written(mirror, before) if "demo" in name or "other" in name} == set()

    def test_yanked_upstream(self, mirror: Mirror, index: Index) -> None:
        file = index.add_wheel("demo", "1.0")
        mirror.complete(yanked=True)
        index.add("demo", file.filename, file.content, yanked="broken")
        mirror.complete(yanked=True)
        (page,) = pages(mirror.path).values()
        assert [each.yanked_reason for each in page.values()] == ["broken"]

    def test_replaced_upstream(self, mirror: Mirror, index: Index) -> None:
        index.add_wheel("demo", "1.0", requires=["a"])
        index.add_wheel("gone", "1.0", requires=["a"])
        mirror.complete()
        index.add("demo", "demo-1.0-py3-none-any.whl", distributions.wheel("demo", "1.0", requires=["b"]))
        index.add("gone", "gone-1.0-py3-none-any.whl", wheel_without_metadata())
        mirror.complete(allow_replace=True)
        assert is_true(mirror)
        assert (mirror.path / "demo-1.0-py3-none-any.whl.metadata").read_bytes().endswith(b"Dist: b\n")
        assert not (mirror.path / "gone-1.0-py3-none-any.whl.metadata").exists()

    def test_nothing_is_left_of_an_unselected_project(self, mirror: Mirror, index: Index) -> None:
        index.add_wheel("demo", "1.0")
        index.add_wheel("other", "1.0")
        mirror.complete()
        mirror.complete(projects=["other"])
        assert names(mirror) == {"other": ["other-1.0-py3-none-any.whl"]}
        assert mirror.names() == {
            "other-1.0-py3-none-any.whl",
            "other-1.0-py3-none-any.whl.metadata",
            "simple",
        }
        assert not (mirror.path / "simple" / "demo").exists()
        assert not mirror.run(projects=["other"], package_types=["sdist"]).complete
        assert names(mirror) == {}

    def test_incomplete_project_lists_the_files_that_exist(self, mirror: Mirror, index: Index) -> None:
        index.add_wheel("demo", "1.0")
        index.add_sdist("demo", "1.0")
        index.fault("*.tar.gz", Status(404), always=True)
        assert not mirror.run().complete
        assert names(mirror) == {"demo": ["demo-1.0-py3-none-any.whl"]}
        index.heal()
        mirror.complete()
        assert is_true(mirror)

    def test_deleted_file_that_cannot_be_fetched_is_not_listed(self, mirror: Mirror, index: Index) -> None:
        file = index.add_wheel("demo", "1.0")
        index.add_sdist("demo", "1.0")
        mirror.complete()
        (mirror.path / file.filename).unlink()
        index.fault(file.filename, Status(404), always=True)
        assert not mirror.run().complete
        assert names(mirror) == {"demo": ["demo-1.0.tar.gz"]}


class TestDamaged:
    """The next run repairs what was deleted or changed."""

    @pytest.fixture(autouse=True)
    def filled(self, mirror: Mirror, index: Index) -> None:
        index.add_wheel("demo", "1.0")
        index.add_wheel("other", "1.0")
        mirror.complete()

    def test_metadata(self, mirror: Mirror) -> None:
        (mirror.path / "demo-1.0-py3-none-any.whl.metadata").unlink()
        (mirror.path / "other-1.0-py3-none-any.whl.metadata").write_bytes(b"cut")
        mirror.complete()
        assert is_true(mirror)

    def test_the_whole_folder(self, mirror: Mirror) -> None:
        shutil.rmtree(mirror.path / "simple")
        mirror.complete()
        assert is_true(mirror)

    def test_pages(self, mirror: Mirror) -> None:
        (mirror.path / "simple" / "demo" / "index.html").unlink()
        (mirror.path / "simple" / "other" / "index.json").write_text("{}")
        config = mirror.config()
        first = minimirror_command("verify", "--config", config)
        assert first.exit_code == 1
        assert "simple/demo" in first.stdout
        second = minimirror_command("verify", "--config", config, "--hash", "--json")
        assert json.loads(second.stdout)["pages"] == ["simple/demo", "simple/other"]
        assert minimirror_command("verify", "--config", config, "--hash", "--repair").exit_code == 0
        assert is_true(mirror)

    def test_catalog(self, mirror: Mirror, index: Index) -> None:
        """The index is written again from the folder; pages of removed projects are deleted."""
        index.remove("other")
        for path in mirror.state.glob("catalog*"):
            path.write_bytes(b"damaged" * 1000)
        mirror.complete()
        assert "demo-1.0-py3-none-any.whl" in names(mirror)["demo"]
        assert verify(Config(repository=mirror.path, processes=1), read=True).unknown == [
            "other-1.0-py3-none-any.whl",
            "other-1.0-py3-none-any.whl.metadata",
        ]
        assert is_true(mirror)


class TestLocalFiles:
    """The static index lists local files, as pypiserver does."""

    def test_are_listed_and_left_alone(self, mirror: Mirror, index: Index) -> None:
        index.add_wheel("demo", "1.0")
        mirror.path.mkdir()
        local = {
            "local_pkg-1.0-py3-none-any.whl": distributions.wheel(
                "local-pkg", "1.0", requires_python=">=3.9"
            ),
            "local_pkg-1.1.tar.gz": distributions.sdist("local-pkg", "1.1"),
            "local_pkg-1.2.tar.gz": distributions.sdist("local-pkg", "1.2")[:-20],
            "notes.txt": b"notes",
        }
        for name, content in local.items():
            (mirror.path / name).write_bytes(content)
            os.utime(mirror.path / name, (UPLOADED.timestamp(), UPLOADED.timestamp()))
        mirror.complete()
        assert names(mirror) == {
            "demo": ["demo-1.0-py3-none-any.whl"],
            "local-pkg": ["local_pkg-1.0-py3-none-any.whl", "local_pkg-1.1.tar.gz"],
        }
        wheel = pages(mirror.path)["local-pkg"]["local_pkg-1.0-py3-none-any.whl"]
        assert (wheel.requires_python, wheel.upload_time, wheel.has_metadata) == (">=3.9", UPLOADED, None)
        assert mirror.names() == {
            *local, "demo-1.0-py3-none-any.whl", "demo-1.0-py3-none-any.whl.metadata", "simple",
        }  # fmt: skip

    def test_new_changed_and_deleted(self, mirror: Mirror) -> None:
        mirror.path.mkdir()
        path = mirror.put("local-1.0.tar.gz", distributions.sdist("local", "1.0"))
        mirror.complete()
        before = stamps(mirror)
        mirror.complete()
        assert written(mirror, before) == set()
        mirror.put(path.name, distributions.sdist("local", "1.0", padding=10), age=50)
        mirror.complete()
        assert names(mirror) == {"local": [path.name]}
        path.unlink()
        mirror.complete()
        assert names(mirror) == {}

    @pytest.mark.parametrize("change", ["overwritten", "altered", "deleted"])
    def test_that_changed_are_noticed(self, mirror: Mirror, change: str) -> None:
        mirror.path.mkdir()
        path = mirror.put("local-1.0-py3-none-any.whl", distributions.wheel("local", "1.0", requires=["a"]))
        mirror.put("other-1.0.zip", distributions.sdist("other", "1.0", extension=".zip"))
        mirror.complete()
        before = path.stat()
        if change == "overwritten":
            mirror.put(path.name, distributions.wheel("local", "1.0", padding=10), age=50)
        elif change == "altered":
            # With the same size and time: only reading it shows the change.
            path.write_bytes(distributions.wheel("local", "1.0", requires=["b"]))
            os.utime(path, ns=(before.st_atime_ns, before.st_mtime_ns))
        else:
            path.unlink()
        config = Config(repository=mirror.path, processes=1)
        assert verify(config).pages == ([] if change == "altered" else ["local"])
        assert verify(config, read=True).pages == ["local"]
        repaired = minimirror_command("verify", "--config", mirror.config(), "--hash", "--repair")
        assert repaired.exit_code == 0, repaired.stderr
        assert is_true(mirror)
        assert ("local" in names(mirror)) == (change != "deleted")

    def test_that_were_only_copied_again_are_as_they_were(self, mirror: Mirror) -> None:
        mirror.path.mkdir()
        mirror.put("local-1.0.tar.gz", distributions.sdist("local", "1.0"))
        mirror.complete()
        mirror.put("local-1.0.tar.gz", distributions.sdist("local", "1.0"), age=50)
        assert verify(Config(repository=mirror.path, processes=1)).pages == []

    def test_sdist_needs_the_python_that_it_or_its_wheel_says(self, mirror: Mirror) -> None:
        mirror.path.mkdir()
        for name, content in distributions.RELEASES.items():
            mirror.put(name, content)
        mirror.complete()
        page = pages(mirror.path)["local"]
        assert {name: file.requires_python for name, file in page.items()} == distributions.RELEASES_NEED

    def test_beside_mirrored_files_of_a_project(self, mirror: Mirror, index: Index) -> None:
        index.add_wheel("demo", "1.0")
        mirror.path.mkdir()
        mirror.put("demo-0.5+local.zip", distributions.sdist("demo", "0.5+local", extension=".zip"))
        mirror.complete(projects=["demo"])
        assert names(mirror) == {"demo": ["demo-0.5+local.zip", "demo-1.0-py3-none-any.whl"]}
        index.add_wheel("other", "1.0")
        mirror.complete(projects=["other"])
        assert names(mirror)["demo"] == ["demo-0.5+local.zip"]

    def test_metadata_file_is_not_overwritten(self, mirror: Mirror, index: Index) -> None:
        index.add_wheel("demo", "1.0")
        mirror.path.mkdir()
        path = mirror.path / "demo-1.0-py3-none-any.whl.metadata"
        path.write_bytes(b"local")
        (note,) = mirror.complete().notes
        assert path.name in note
        assert pages(mirror.path)["demo"]["demo-1.0-py3-none-any.whl"].has_metadata is None
        index.remove("demo")
        mirror.complete()
        assert mirror.names() == {path.name, "simple"}
        assert path.read_bytes() == b"local"

    def test_simple_folder_is_not_touched(self, mirror: Mirror, index: Index) -> None:
        index.add_wheel("demo", "1.0")
        (mirror.path / "simple").mkdir(parents=True)
        (mirror.path / "simple" / "local.txt").write_bytes(b"local")
        with pytest.raises(SimpleError, match="simple"):
            mirror.run()
        assert [path.name for path in (mirror.path / "simple").iterdir()] == ["local.txt"]
        command = minimirror_command("index", "--config", mirror.config())
        assert (command.exit_code, str(mirror.path / "simple") in command.stderr) == (2, True)
        mirror.complete(simple=False)
        assert mirror.names() == {"demo-1.0-py3-none-any.whl", "simple"}


class TestOtherWriters:
    """Others can write to the folder, and the run may be root's: it follows no link."""

    @pytest.fixture
    def elsewhere(self, index: Index, tmp_path: Path) -> Path:
        """A folder in which nothing may change, with what looks like a page."""
        index.add_wheel("demo", "1.0")
        folder = tmp_path / "elsewhere"
        folder.mkdir()
        for name in (".minimirror", "index.html", "index.json"):
            (folder / name).write_text("valuable")
        return folder

    @pytest.fixture(autouse=True)
    def unchanged(self, elsewhere: Path) -> Iterator[None]:
        yield
        assert {path.read_text() for path in elsewhere.iterdir()} == {"valuable"}
        assert len(list(elsewhere.iterdir())) == 3

    @pytest.mark.parametrize("before", [True, False])
    def test_link_instead_of_the_root(self, mirror: Mirror, elsewhere: Path, before: bool) -> None:
        if before:
            mirror.complete()
            shutil.rmtree(mirror.path / "simple")
        mirror.path.mkdir(exist_ok=True)
        (mirror.path / "simple").symlink_to(elsewhere)
        with pytest.raises(SimpleError, match="simple"):
            mirror.run()
        mirror.complete(simple=False)

    def test_link_instead_of_a_project(self, mirror: Mirror, index: Index, elsewhere: Path) -> None:
        mirror.complete()
        path = mirror.path / "simple" / "demo"
        shutil.rmtree(path)
        path.symlink_to(elsewhere)
        assert verify(Config(repository=mirror.path, processes=1)).pages == ["demo"]
        index.add_wheel("demo", "2.0")
        (failure,) = mirror.run().failures
        assert f"{path} is a link" in failure.cause
        index.remove("demo")
        assert not mirror.run(allow_delete=True).complete
        path.unlink()
        mirror.complete(allow_delete=True)
        assert names(mirror) == {}

    @pytest.mark.parametrize("project", ["", "demo"])
    @pytest.mark.parametrize("name", ["index.html", "index.json"])
    def test_link_or_fifo_instead_of_a_page(
        self, mirror: Mirror, index: Index, elsewhere: Path, project: str, name: str
    ) -> None:
        mirror.complete()
        path = mirror.path / "simple" / project / name
        for version, target in (("2.0", None), ("3.0", elsewhere / name)):
            path.unlink()
            if target is None:
                os.mkfifo(path)
            else:
                path.symlink_to(target)
            assert verify(Config(repository=mirror.path, processes=1), read=True).pages == [project]
            index.add_wheel("demo", version)
            index.add_wheel(f"new-{version}", version)
            mirror.complete()
            assert is_true(mirror)


class TestCommand:
    @pytest.fixture
    def plain(self, index: Index, repository: Path) -> Mirror:
        """A mirror whose config has no static index."""
        index.add_wheel("demo", "1.0")
        index.add_sdist("other", "1.0")
        mirror = Mirror(index, repository)
        mirror.complete()
        return mirror

    def test_builds_it_and_runs_keep_it_up_to_date(self, plain: Mirror, index: Index) -> None:
        index.clear()
        done = minimirror_command("index", "--config", plain.config())
        assert (done.exit_code, without_progress(done.stderr)) == (0, [])
        assert done.stdout.startswith(f"{plain.path / 'simple'}: 2 projects, 2 pages")
        assert index.requests == []
        assert is_true(plain)
        index.add_wheel("demo", "2.0")
        plain.complete()
        assert is_true(plain)
        assert "1 page " not in minimirror_command("index", "--config", plain.config()).stdout

    def test_repairs_it(self, plain: Mirror) -> None:
        minimirror_command("index", "--config", plain.config())
        (plain.path / "simple" / "demo" / "index.html").write_text("wrong")
        (plain.path / "simple" / "index.json").unlink()
        assert ", 1 page " in minimirror_command("index", "--config", plain.config()).stdout
        assert is_true(plain)

    def test_removes_it(self, plain: Mirror) -> None:
        before = plain.files()
        minimirror_command("index", "--config", plain.config())
        done = minimirror_command("index", "--config", plain.config(), "--remove")
        assert done.exit_code == 0
        assert str(plain.path / "simple") in done.stdout
        assert plain.files() == before
        plain.complete()
        assert plain.files() == before
        done = minimirror_command("index", "--config", plain.config(simple=True), "--remove")
        assert done.exit_code == 0
        assert '"simple": true' in done.stdout

    def test_removal_keeps_other_files(self, plain: Mirror) -> None:
        minimirror_command("index", "--config", plain.config())
        (plain.path / "simple" / "demo" / "note.txt").write_text("local")
        minimirror_command("index", "--config", plain.config(), "--remove")
        assert [path.name for path in plain.path.glob("simple/**/*")] == ["demo", "note.txt"]

    def test_folder_with_local_files_only(self, tmp_path: Path) -> None:
        folder = tmp_path / "local"
        folder.mkdir()
        (folder / "local-1.0.zip").write_bytes(distributions.sdist("local", "1.0", extension=".zip"))
        config = tmp_path / "config.json"
        config.write_text(json.dumps({"repository": str(folder)}))
        assert minimirror_command("index", "--config", config, "--quiet").stdout == ""
        assert {project: list(files) for project, files in pages(folder).items()} == {
            "local": ["local-1.0.zip"]
        }

    def test_folder_that_does_not_exist(self, tmp_path: Path) -> None:
        config = tmp_path / "config.json"
        config.write_text(json.dumps({"repository": "nowhere"}))
        done = minimirror_command("index", "--config", config)
        assert done.exit_code == 2
        assert done.stderr.startswith(f"error: repository {tmp_path / 'nowhere'}: ")

    def test_during_a_run(self, plain: Mirror) -> None:
        with MirrorFolder(plain.path).lock():
            done = minimirror_command("index", "--config", plain.config())
        assert (done.exit_code, "another run" in done.stderr) == (1, True)


def test_turned_on_for_an_existing_mirror(index: Index, repository: Path) -> None:
    mirror = Mirror(index, repository)
    for number in range(12):
        index.add_wheel(f"demo-{number}", "1.0")
    mirror.complete()
    assert not (mirror.path / "simple").exists()
    assert mirror.complete(simple=True).workers_started == 0
    assert len(names(mirror)) == 12
    assert is_true(mirror)
