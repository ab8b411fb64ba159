"""Files in the folder that minimirror did not place, and the projects that are local because of them."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any

import pytest

from tests.helpers import distributions
from tests.helpers.index import Gate
from tests.helpers.running import DEADLINE, Mirror, in_background, minimirror_command, until

if TYPE_CHECKING:
    from pathlib import Path

    from tests.helpers.index import File, Index

OWN = b"somebody's own"


@pytest.fixture
def mirror(index: Index, repository: Path) -> Mirror:
    repository.mkdir()
    return Mirror(index, repository)


@pytest.fixture
def other(index: Index) -> File:
    """A file of a project that has nothing to do with it."""
    return index.add_wheel("other", "1.0")


def put(mirror: Mirror, filename: str, data: bytes = OWN) -> None:
    (mirror.path / filename).write_bytes(data)


def local_note(project: str, *filenames: str) -> str:
    return (
        f"{project}: not mirrored, because these local files make it a local project: {', '.join(filenames)}."
        " Delete them if they are leftovers, or name the project in `projects` to mirror it anyway"
    )


SELECTIONS: dict[str, dict[str, Any]] = {
    "the whole index": {},
    "a glob": {"projects": ["d*", "other"]},
}


class TestPrivate:
    @pytest.mark.parametrize("rules", SELECTIONS.values(), ids=SELECTIONS.keys())
    @pytest.mark.parametrize("serials", [True, False])
    def test_is_not_mirrored_and_noted_at_every_run(
        self, mirror: Mirror, index: Index, other: File, rules: dict[str, Any], serials: bool
    ) -> None:
        index.serials = serials
        index.add_wheel("demo", "99.0")
        put(mirror, "demo-1.0-py3-none-any.whl")
        summary = mirror.complete(**rules)
        assert summary.notes == [local_note("demo", "demo-1.0-py3-none-any.whl")]
        assert mirror.files() == {other.filename: other.content, "demo-1.0-py3-none-any.whl": OWN}
        summary = mirror.complete(**rules)
        assert summary.workers_started == 0
        assert summary.notes == [local_note("demo", "demo-1.0-py3-none-any.whl")]
        index.add_wheel("demo", "100.0")
        summary = mirror.complete(**rules)
        assert summary.notes == [local_note("demo", "demo-1.0-py3-none-any.whl")]
        assert mirror.files() == {other.filename: other.content, "demo-1.0-py3-none-any.whl": OWN}

    @pytest.mark.parametrize("serials", [True, False])
    def test_is_mirrored_once_its_files_are_gone(
        self, mirror: Mirror, index: Index, other: File, serials: bool
    ) -> None:
        index.serials = serials
        demo = index.add_wheel("demo", "99.0")
        put(mirror, "demo-1.0-py3-none-any.whl")
        put(mirror, "demo-1.0.tar.gz")
        mirror.complete()
        (mirror.path / "demo-1.0.tar.gz").unlink()
        assert mirror.complete().notes == [local_note("demo", "demo-1.0-py3-none-any.whl")]
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
    def test_whatever_its_files_are_and_however_they_spell_it(
        self, mirror: Mirror, index: Index, other: File, project: str, filename: str
    ) -> None:
        index.add_wheel(project, "99.0")
        put(mirror, filename)
        summary = mirror.complete()
        assert len(summary.notes) == 1
        assert summary.notes[0].endswith(local_note("", filename)[1:])
        assert mirror.files() == {other.filename: other.content, filename: OWN}

    def test_a_name_that_two_projects_may_have_makes_both_private(
        self, mirror: Mirror, index: Index, other: File
    ) -> None:
        index.add_wheel("demo", "99.0")
        index.add_wheel("demo-2", "99.0")
        put(mirror, "demo-2-1.tar.gz")
        assert mirror.complete().notes == [
            local_note("demo", "demo-2-1.tar.gz"),
            local_note("demo-2", "demo-2-1.tar.gz"),
        ]
        assert mirror.names() == {other.filename, "demo-2-1.tar.gz"}

    def test_link_to_a_private_file(self, mirror: Mirror, index: Index, other: File, tmp_path: Path) -> None:
        """Installers and servers follow it."""
        index.add_wheel("demo", "99.0")
        (tmp_path / "own").write_bytes(OWN)
        (mirror.path / "demo-1.0.zip").symlink_to(tmp_path / "own")
        assert mirror.complete().notes == [local_note("demo", "demo-1.0.zip")]
        assert mirror.files() == {other.filename: other.content, "demo-1.0.zip": OWN}

    def test_other_files_make_nothing_private(self, mirror: Mirror, index: Index) -> None:
        """What is no distribution, hidden, a folder, or of no wanted project. Names need be no text."""
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


class TestNamed:
    @pytest.mark.parametrize("projects", [["demo"], ["Demo>=1"], ["*", "demo"]])
    def test_is_mirrored_beside_them(self, mirror: Mirror, index: Index, projects: list[str]) -> None:
        demo = index.add_wheel("demo", "99.0")
        put(mirror, "demo-1.0.zip")
        for _ in range(2):
            summary = mirror.complete(projects=projects)
            assert summary.notes == ["demo: mirrored in addition to its local files: demo-1.0.zip"]
        assert mirror.files() == {demo.filename: demo.content, "demo-1.0.zip": OWN}

    def test_and_not_any_more(self, mirror: Mirror, index: Index) -> None:
        """What was mirrored of it stays; and its own files stay whatever becomes of it."""
        demo = index.add_wheel("demo", "1.0")
        put(mirror, "demo-0.1.zip")
        mirror.complete(projects=["demo"])
        index.add_wheel("demo", "2.0")
        assert mirror.complete().notes == [local_note("demo", "demo-0.1.zip")]
        assert mirror.names() == {demo.filename, "demo-0.1.zip"}
        mirror.complete(exclude_projects=["*"])
        assert mirror.files() == {"demo-0.1.zip": OWN}

    def test_own_file_in_a_wanted_files_place(self, mirror: Mirror, index: Index) -> None:
        """It is named, again and again, and left alone, also when upstream changes or removes its file."""
        put(mirror, "demo-1.0.tar.gz")
        for size in (0, 100):
            index.add_sdist("demo", "1.0", padding=size)
            summary = mirror.run(projects=["demo"])
            assert [failure.filename for failure in summary.failures] == ["demo-1.0.tar.gz"]
        put(mirror, "demo-1.0.tar.gz", OWN + b", changed")
        assert len(mirror.run(projects=["demo"]).failures) == 1
        index.remove("demo")
        mirror.run(projects=["demo"])
        mirror.complete()
        assert mirror.files() == {"demo-1.0.tar.gz": OWN + b", changed"}


class TestUploadIntoAMirroredProject:
    @pytest.fixture
    def old(self, mirror: Mirror, index: Index, other: File) -> dict[str, bytes]:
        """What is there: a project that is mirrored, and then gets a private file."""
        old = [index.add_wheel("demo", "1.0"), index.add_sdist("demo", "1.0"), other]
        mirror.complete()
        put(mirror, "demo-1.1.tar.gz")
        return {"demo-1.1.tar.gz": OWN, **{file.filename: file.content for file in old}}

    def test_nothing_comes_and_nothing_goes(
        self, mirror: Mirror, index: Index, old: dict[str, bytes]
    ) -> None:
        assert mirror.complete().notes == [local_note("demo", "demo-1.1.tar.gz")]
        for version in ("1.0", "2.0"):
            index.add_wheel("demo", version, padding=50)
            mirror.complete()
            assert mirror.files() == old
        index.remove_file("demo", "demo-1.0.tar.gz")
        mirror.complete()
        assert mirror.files() == old

    @pytest.mark.usefixtures("old")
    def test_goes_on_when_it_is_gone(self, mirror: Mirror, index: Index) -> None:
        new = index.add_wheel("demo", "2.0")
        mirror.complete()
        (mirror.path / "demo-1.1.tar.gz").unlink()
        summary = mirror.complete()
        assert (summary.files_fetched, summary.files_removed, summary.notes) == (1, 2, [])
        assert mirror.names() == {new.filename, "other-1.0-py3-none-any.whl"}

    def test_that_is_gone_upstream(self, mirror: Mirror, index: Index, old: dict[str, bytes]) -> None:
        """What minimirror placed goes; what is somebody's own does not."""
        index.remove("demo")
        mirror.complete()
        assert mirror.files() == {
            name: old[name] for name in ("demo-1.1.tar.gz", "other-1.0-py3-none-any.whl")
        }

    def test_mirrored_file_that_is_lost_comes_back(self, mirror: Mirror, old: dict[str, bytes]) -> None:
        (mirror.path / "demo-1.0.tar.gz").unlink()
        mirror.complete()
        assert mirror.files() == old

    def test_mirrored_file_that_is_lost_and_not_to_be_had_is_forgotten(
        self, mirror: Mirror, index: Index, old: dict[str, bytes]
    ) -> None:
        """Another file of that name would be upstream's doing."""
        (mirror.path / "demo-1.0.tar.gz").unlink()
        index.add_sdist("demo", "1.0", padding=50)
        for _ in range(2):
            summary = mirror.complete()
            assert (summary.files_wanted, summary.files_present) == (2, 2)
        assert mirror.names() == old.keys() - {"demo-1.0.tar.gz"}

    def test_mirrored_file_that_is_replaced_may_be_their_own_too(
        self, mirror: Mirror, index: Index, old: dict[str, bytes]
    ) -> None:
        put(mirror, "demo-1.0.tar.gz", b"patched")
        mirror.complete()
        for _ in range(2):
            assert mirror.complete().notes == [local_note("demo", "demo-1.0.tar.gz", "demo-1.1.tar.gz")]
        assert mirror.files() == {**old, "demo-1.0.tar.gz": b"patched"}
        index.remove("demo")
        mirror.complete()
        assert mirror.files()["demo-1.0.tar.gz"] == b"patched"


class TestAdopted:
    def test_equal_files_are_adopted(self, mirror: Mirror, index: Index) -> None:
        """As is one that the rules do not want: it makes nothing private, and stays nobody's."""
        old, new = index.add_wheel("demo", "1.0"), index.add_wheel("demo", "2.0")
        for file in (old, new):
            put(mirror, file.filename, file.content)
        summary = mirror.complete()
        assert (summary.files_adopted, summary.files_fetched, summary.notes) == (1, 0, [])
        newest = index.add_wheel("demo", "3.0")
        summary = mirror.complete()
        assert mirror.names() == {old.filename, newest.filename}
        assert summary.files_removed == 1

    def test_beside_a_private_file_nothing_is(self, mirror: Mirror, index: Index) -> None:
        demo = index.add_wheel("demo", "1.0")
        put(mirror, demo.filename, demo.content)
        put(mirror, "demo-2.0.zip")
        summary = mirror.complete()
        assert (summary.files_adopted, summary.notes) == (0, [local_note("demo", "demo-2.0.zip")])
        index.remove("demo")
        mirror.complete()
        assert mirror.files() == {demo.filename: demo.content, "demo-2.0.zip": OWN}

    @pytest.mark.parametrize("change", [{"size": 5}, {"hashes": {"sha256": "0" * 64}}, {"hashes": False}])
    def test_file_of_which_the_index_says_something_else_is_not(
        self, mirror: Mirror, index: Index, change: dict[str, Any]
    ) -> None:
        content = distributions.wheel("demo", "1.0")
        index.add_wheel("demo", "1.0", **change)
        put(mirror, "demo-1.0-py3-none-any.whl", content)
        assert mirror.complete().notes == [local_note("demo", "demo-1.0-py3-none-any.whl")]
        index.remove("demo")
        mirror.complete()
        assert mirror.names() == {"demo-1.0-py3-none-any.whl"}


class TestUploadMeanwhile:
    """A file is uploaded while a run is about to place one of that name."""

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
        assert mirror.complete().notes == [local_note("demo", demo.filename)]
        index.remove("demo")
        mirror.complete()
        assert mirror.files() == {demo.filename: OWN, other.filename: other.content}


def test_command_says_so(mirror: Mirror, index: Index, other: File) -> None:
    index.add_wheel("demo", "99.0")
    put(mirror, "demo-1.0.zip")
    command = minimirror_command("run", "--config", mirror.config())
    assert command.process.returncode == 0
    assert f"note: {local_note('demo', 'demo-1.0.zip')}" in command.stdout.splitlines()
