"""Local files, and the projects that are local because of them."""

from __future__ import annotations

import os
import re
import shutil
from typing import TYPE_CHECKING, Any

import pytest

from minimirror.sync import plan, verify
from tests.helpers import distributions
from tests.helpers.index import Gate
from tests.helpers.running import DEADLINE, Mirror, in_background, minimirror_command, until

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

    from tests.helpers.index import File, Index

LOCAL = b"local"


@pytest.fixture
def mirror(index: Index, repository: Path) -> Mirror:
    repository.mkdir()
    return Mirror(index, repository)


@pytest.fixture
def other(index: Index) -> File:
    """A file of another project."""
    return index.add_wheel("other", "1.0")


def put(mirror: Mirror, filename: str, data: bytes = LOCAL) -> None:
    (mirror.path / filename).write_bytes(data)


def local_projects(notes: Iterable[str]) -> dict[str, list[str]]:
    """Return the local projects that the notes name, and the local files of each."""
    found = (re.fullmatch(r"(\S+): .*local project: (.+?)\. .*", note) for note in notes)
    return {match[1]: match[2].split(", ") for match in found if match}


SELECTIONS: dict[str, dict[str, Any]] = {
    "the whole index": {},
    "a glob": {"projects": ["d*", "other"]},
}


class TestLocalProject:
    @pytest.mark.parametrize("rules", SELECTIONS.values(), ids=SELECTIONS.keys())
    @pytest.mark.parametrize("serials", [True, False])
    def test_is_not_mirrored_and_every_run_notes_it(
        self, mirror: Mirror, index: Index, other: File, rules: dict[str, Any], serials: bool
    ) -> None:
        index.serials = serials
        index.add_wheel("demo", "99.0")
        put(mirror, "demo-1.0-py3-none-any.whl")
        summary = mirror.complete(**rules)
        assert local_projects(summary.notes) == {"demo": ["demo-1.0-py3-none-any.whl"]}
        assert mirror.files() == {other.filename: other.content, "demo-1.0-py3-none-any.whl": LOCAL}
        summary = mirror.complete(**rules)
        assert summary.workers_started == 0
        assert local_projects(summary.notes) == {"demo": ["demo-1.0-py3-none-any.whl"]}
        index.add_wheel("demo", "100.0")
        summary = mirror.complete(**rules)
        assert local_projects(summary.notes) == {"demo": ["demo-1.0-py3-none-any.whl"]}
        assert mirror.files() == {other.filename: other.content, "demo-1.0-py3-none-any.whl": LOCAL}

    @pytest.mark.parametrize("serials", [True, False])
    def test_is_mirrored_after_its_local_files_were_deleted(
        self, mirror: Mirror, index: Index, other: File, serials: bool
    ) -> None:
        index.serials = serials
        demo = index.add_wheel("demo", "99.0")
        put(mirror, "demo-1.0-py3-none-any.whl")
        put(mirror, "demo-1.0.tar.gz")
        mirror.complete()
        (mirror.path / "demo-1.0.tar.gz").unlink()
        assert local_projects(mirror.complete().notes) == {"demo": ["demo-1.0-py3-none-any.whl"]}
        (mirror.path / "demo-1.0-py3-none-any.whl").unlink()
        assert mirror.complete().notes == []
        assert mirror.files() == {file.filename: file.content for file in (demo, other)}

    @pytest.mark.parametrize(
        ("project", "filename"),
        [
            ("my-demo.project", "my_demo_project-1.0-py3-none-any.whl"),
            ("My_Demo", "my-demo-1.0.tar.gz"),
            ("my-demo", "MY..Demo-1.0.zip"),
            ("my-demo", "My.Demo-2.0rc1-1-cp312-cp312-win_amd64.whl"),
            ("demo", "demo-1.0-py3.8.egg"),
            ("demo", "Demo-1.0.win32-py2.7.exe"),
            ("demo", "demo-0.1.tar.bz2"),
            ("demo", "demo-latest.zip"),
            ("demo-2", "demo-2-1.0.tar.gz"),
        ],
    )
    def test_any_kind_of_file_and_any_spelling(
        self, mirror: Mirror, index: Index, other: File, project: str, filename: str
    ) -> None:
        index.add_wheel(project, "99.0")
        put(mirror, filename)
        summary = mirror.complete()
        assert list(local_projects(summary.notes).values()) == [[filename]]
        assert mirror.files() == {other.filename: other.content, filename: LOCAL}

    def test_ambiguous_filename_makes_both_projects_local(
        self, mirror: Mirror, index: Index, other: File
    ) -> None:
        index.add_wheel("demo", "99.0")
        index.add_wheel("demo-2", "99.0")
        put(mirror, "demo-2-1.tar.gz")
        assert local_projects(mirror.complete().notes) == {
            "demo": ["demo-2-1.tar.gz"],
            "demo-2": ["demo-2-1.tar.gz"],
        }
        assert mirror.names() == {other.filename, "demo-2-1.tar.gz"}

    def test_link_to_a_local_file(self, mirror: Mirror, index: Index, other: File, tmp_path: Path) -> None:
        """Installers and servers follow it."""
        index.add_wheel("demo", "99.0")
        (tmp_path / "local").write_bytes(LOCAL)
        (mirror.path / "demo-1.0.zip").symlink_to(tmp_path / "local")
        assert local_projects(mirror.complete().notes) == {"demo": ["demo-1.0.zip"]}
        assert mirror.files() == {other.filename: other.content, "demo-1.0.zip": LOCAL}

    def test_other_files_make_no_project_local(self, mirror: Mirror, index: Index) -> None:
        """They are hidden, folders, no distributions, or of unselected projects; some names are not text."""
        demo = index.add_wheel("demo", "1.0")
        index.add_wheel("unwanted", "1.0")
        names = ["demo.txt", "demo-1.0.tar.gz.asc", ".demo-1.0.zip", "demo", "index.html", "unwanted-1.0.zip"]
        names += [os.fsdecode(b"caf\xe9-1.0.zip"), "line\nbreak-1.0.zip", "dé-1.0.zip"]
        for name in names:
            put(mirror, name)
        (mirror.path / "demo-1.0.zip").mkdir()
        for _ in range(2):
            assert mirror.complete(exclude_projects=["unwanted"]).notes == []
        assert mirror.names() == {*names, "demo-1.0.zip", demo.filename}


class TestListedByName:
    @pytest.mark.parametrize("projects", [["demo"], ["Demo>=1"], ["*", "demo"]])
    def test_is_mirrored_beside_local_files(self, mirror: Mirror, index: Index, projects: list[str]) -> None:
        demo = index.add_wheel("demo", "99.0")
        put(mirror, "demo-1.0.zip")
        for _ in range(2):
            summary = mirror.complete(projects=projects)
            (note,) = summary.notes
            assert note.startswith("demo: ")
            assert note.endswith("demo-1.0.zip")
            assert local_projects(summary.notes) == {}
        assert mirror.files() == {demo.filename: demo.content, "demo-1.0.zip": LOCAL}

    def test_and_later_no_longer_listed(self, mirror: Mirror, index: Index) -> None:
        """Its mirrored files stay; its local files stay in any case."""
        demo = index.add_wheel("demo", "1.0")
        put(mirror, "demo-0.1.zip")
        mirror.complete(projects=["demo"])
        index.add_wheel("demo", "2.0")
        assert local_projects(mirror.complete().notes) == {"demo": ["demo-0.1.zip"]}
        assert mirror.names() == {demo.filename, "demo-0.1.zip"}
        mirror.run(exclude_projects=["*"])
        assert mirror.files() == {"demo-0.1.zip": LOCAL}

    def test_local_file_with_the_name_of_a_wanted_one(self, mirror: Mirror, index: Index) -> None:
        """Every run reports it and leaves it alone, also when upstream replaces or removes its file."""
        put(mirror, "demo-1.0.tar.gz")
        for size in (0, 100):
            index.add_sdist("demo", "1.0", padding=size)
            summary = mirror.run(projects=["demo"])
            assert [failure.filename for failure in summary.failures] == ["demo-1.0.tar.gz"]
        put(mirror, "demo-1.0.tar.gz", LOCAL + b", changed")
        assert len(mirror.run(projects=["demo"]).failures) == 1
        index.remove("demo")
        mirror.run(projects=["demo"])
        mirror.complete()
        assert mirror.files() == {"demo-1.0.tar.gz": LOCAL + b", changed"}


class TestUploadIntoAMirroredProject:
    @pytest.fixture
    def old(self, mirror: Mirror, index: Index, other: File) -> dict[str, bytes]:
        """The files of a mirrored project that then gets a local file."""
        old = [index.add_wheel("demo", "1.0"), index.add_sdist("demo", "1.0"), other]
        mirror.complete()
        put(mirror, "demo-1.1.tar.gz")
        return {"demo-1.1.tar.gz": LOCAL, **{file.filename: file.content for file in old}}

    def test_no_file_is_fetched_or_deleted(self, mirror: Mirror, index: Index, old: dict[str, bytes]) -> None:
        assert local_projects(mirror.complete().notes) == {"demo": ["demo-1.1.tar.gz"]}
        for version in ("1.0", "2.0"):
            index.add_wheel("demo", version, padding=50)
            mirror.complete()
            assert mirror.files() == old
        index.remove_file("demo", "demo-1.0.tar.gz")
        mirror.complete()
        assert mirror.files() == old

    @pytest.mark.usefixtures("old")
    def test_is_mirrored_again_without_the_local_file(self, mirror: Mirror, index: Index) -> None:
        new = index.add_wheel("demo", "2.0")
        mirror.complete()
        (mirror.path / "demo-1.1.tar.gz").unlink()
        summary = mirror.complete()
        assert (summary.files_fetched, summary.files_removed, summary.notes) == (1, 2, [])
        assert mirror.names() == {new.filename, "other-1.0-py3-none-any.whl"}

    def test_removed_upstream(self, mirror: Mirror, index: Index, old: dict[str, bytes]) -> None:
        """Mirrored files are deleted; local files are not."""
        index.remove("demo")
        mirror.complete()
        assert mirror.files() == {
            name: old[name] for name in ("demo-1.1.tar.gz", "other-1.0-py3-none-any.whl")
        }

    def test_the_note_names_the_files_that_stay_also_in_the_plan(
        self, mirror: Mirror, old: dict[str, bytes]
    ) -> None:
        planned = plan(mirror.settings())
        for notes in (planned.summary.notes, mirror.complete().notes, mirror.complete().notes):
            (note,) = notes
            assert all(name in note for name in old if name.startswith("demo"))
        assert planned.fetch == planned.remove == []

    def test_deleted_mirrored_file_is_not_fetched_again_but_named(
        self, mirror: Mirror, old: dict[str, bytes]
    ) -> None:
        """The project is local, so it gets no file from upstream."""
        (mirror.path / "demo-1.0.tar.gz").unlink()
        planned = plan(mirror.settings())
        first, second = mirror.complete(), mirror.complete()
        assert planned.fetch == []
        assert first.notes == planned.summary.notes
        assert "Not fetched again: demo-1.0.tar.gz." in first.notes[0]
        assert "demo-1.0.tar.gz" not in second.notes[0]
        assert (second.files_wanted, second.files_present) == (2, 2)
        assert mirror.names() == old.keys() - {"demo-1.0.tar.gz"}
        assert verify(mirror.settings()).well

    def test_what_a_target_needed_stays_although_a_local_file_meets_the_need(
        self, mirror: Mirror, index: Index, tmp_path: Path
    ) -> None:
        index.add_wheel("app", "1.0", requires=["demo"])
        old = index.add_wheel("demo", "1.0")
        (tmp_path / "app.txt").write_text("app\n")
        linux = {"python": "3.12", "platform": "manylinux_2_28_x86_64"}
        rules = {"requirements": [tmp_path / "app.txt"], "targets": [linux]}
        mirror.complete(**rules)
        put(mirror, "demo-2.0-py3-none-any.whl", distributions.wheel("demo", "2.0"))
        for _ in range(2):
            summary = mirror.complete(**rules)
            assert local_projects(summary.notes) == {"demo": ["demo-2.0-py3-none-any.whl"]}
            assert old.filename in summary.notes[0]
            assert summary.files_removed == 0
        assert old.filename in mirror.names()

    def test_replaced_mirrored_file_becomes_local(
        self, mirror: Mirror, index: Index, old: dict[str, bytes]
    ) -> None:
        put(mirror, "demo-1.0.tar.gz", b"patched")
        mirror.complete()
        for _ in range(2):
            assert local_projects(mirror.complete().notes) == {"demo": ["demo-1.0.tar.gz", "demo-1.1.tar.gz"]}
        assert mirror.files() == {**old, "demo-1.0.tar.gz": b"patched"}
        index.remove("demo")
        mirror.complete()
        assert mirror.files()["demo-1.0.tar.gz"] == b"patched"


class TestAdopted:
    def test_equal_files_are_adopted(self, mirror: Mirror, index: Index) -> None:
        """A file that no rule selects does not make the project local, and is not adopted."""
        old, new = index.add_wheel("demo", "1.0"), index.add_wheel("demo", "2.0")
        for file in (old, new):
            put(mirror, file.filename, file.content)
        summary = mirror.complete()
        assert (summary.files_adopted, summary.files_fetched, summary.notes) == (1, 0, [])
        newest = index.add_wheel("demo", "3.0")
        summary = mirror.complete()
        assert mirror.names() == {old.filename, newest.filename}
        assert summary.files_removed == 1

    def test_equal_files_beside_a_local_one_are_not_adopted(self, mirror: Mirror, index: Index) -> None:
        demo = index.add_wheel("demo", "1.0")
        put(mirror, demo.filename, demo.content)
        put(mirror, "demo-2.0.zip")
        summary = mirror.complete()
        assert summary.files_adopted == 0
        assert local_projects(summary.notes) == {"demo": ["demo-2.0.zip"]}
        index.remove("demo")
        mirror.complete()
        assert mirror.files() == {demo.filename: demo.content, "demo-2.0.zip": LOCAL}

    @pytest.mark.parametrize("change", [{"size": 5}, {"hashes": {"sha256": "0" * 64}}, {"hashes": False}])
    def test_different_file_is_not_adopted(
        self, mirror: Mirror, index: Index, change: dict[str, Any]
    ) -> None:
        content = distributions.wheel("demo", "1.0")
        index.add_wheel("demo", "1.0", **change)
        put(mirror, "demo-1.0-py3-none-any.whl", content)
        assert local_projects(mirror.complete().notes) == {"demo": ["demo-1.0-py3-none-any.whl"]}
        index.remove("demo")
        mirror.complete()
        assert mirror.names() == {"demo-1.0-py3-none-any.whl"}


class TestUploadDuringARun:
    """A file is uploaded while a run is about to place a file with the same name."""

    def test_is_not_overwritten(self, mirror: Mirror, index: Index, other: File) -> None:
        demo = index.add_wheel("demo", "1.0")
        with in_background(mirror.run) as result, index.hold(demo.filename) as gate:
            assert isinstance(gate, Gate)
            assert gate.reached.wait(DEADLINE)
            until(lambda: other.filename in mirror.names(), "the other file is placed")
            put(mirror, demo.filename)
            gate.release()
            summary = result.result(DEADLINE)
        (failure,) = summary.failures
        assert (failure.filename, "did not place" in failure.cause) == (demo.filename, True)
        assert local_projects(mirror.complete().notes) == {"demo": [demo.filename]}
        index.remove("demo")
        mirror.complete()
        assert mirror.files() == {demo.filename: LOCAL, other.filename: other.content}


def test_command_reports_it(mirror: Mirror, index: Index, other: File) -> None:
    index.add_wheel("demo", "99.0")
    put(mirror, "demo-1.0.zip")
    command = minimirror_command("run", "--config", mirror.config())
    assert command.exit_code == 0
    notes = [line.removeprefix("note: ") for line in command.stdout.splitlines()]
    assert local_projects(notes) == {"demo": ["demo-1.0.zip"]}


RESOLVED = {
    "projects": ["app"],
    "dependencies": True,
    "targets": [{"python": "3.12", "platform": "win_amd64"}],
}


class TestAfterAFolderIsAdopted:
    """Files that another tool left, or whose catalog is lost, are no news after the run that adopts them."""

    @pytest.mark.parametrize(
        ("offers", "rules", "lost"),
        [
            ("serials", {}, False),
            ("serials", RESOLVED, True),
            ("etags", RESOLVED, False),
            ("neither", {}, True),
            ("html", RESOLVED, False),
        ],
    )
    def test_the_next_run_reads_nothing_again(
        self, mirror: Mirror, index: Index, offers: str, rules: dict[str, Any], lost: bool
    ) -> None:
        index.serials, index.etags = offers == "serials", offers in {"serials", "etags"}
        if offers == "html":
            index.formats = {"html"}
        files = [index.add_wheel("app", "1.0", requires=["demo"]), index.add_wheel("demo", "0.9")]
        files += [index.add_wheel("demo", "1.0")]
        if lost:
            mirror.complete(**rules)
            shutil.rmtree(mirror.state)
        else:
            for file in files:
                put(mirror, file.filename, file.content)
        assert mirror.complete(**rules).files_adopted == 2
        summary = mirror.complete(**rules)
        assert (summary.projects_read, summary.files_adopted, summary.workers_started) == (0, 0, 0)
        assert index.pages_read() == ({} if index.etags else {"app": 1, "demo": 1})
