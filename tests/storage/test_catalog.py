"""The catalog: what is kept from run to run, and which projects have to be read."""

from __future__ import annotations

import json
import sqlite3
import tempfile
from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

from minimirror.common.report import Failure
from minimirror.storage.catalog import (
    SCHEMA_VERSION,
    SCHEMAS,
    Catalog,
    CatalogError,
    FileRow,
    MetadataRow,
    ProjectRow,
)

if TYPE_CHECKING:
    from collections.abc import Iterator


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "catalog.sqlite"


@pytest.fixture
def catalog(path: Path) -> Iterator[Catalog]:
    with Catalog(path) as catalog:
        yield catalog


def row(filename: str, project: str = "foo", size: int = 1) -> FileRow:
    return FileRow(
        filename=filename,
        project=project,
        version="1.0",
        size=size,
        sha256="a1" * 32,
        upload_time=1.5,
        requires_python=">=3.8",
        yanked="",
        core_metadata=None,
        url=f"https://example.org/{filename}",
    )


def changed(catalog: Catalog, batch: int = 500) -> list[str]:
    found = [project.name for project in catalog.changed_projects(batch)]
    assert catalog.changed_count() == len(found)
    return found


def read_all(catalog: Catalog, etag: str | None = None) -> None:
    """Mirror every changed project."""
    for project in catalog.changed_projects():
        catalog.mirrored(project._replace(serial=project.listed, etag=etag, rules="r"))


class TestOpening:
    def test_a_new_one_is_empty(self, catalog: Catalog) -> None:
        assert (catalog.project_count(), catalog.file_count(), catalog.changed_count()) == (0, 0, 0)
        assert (catalog.gone_projects(), list(catalog.sizes()), catalog.files("foo")) == ([], [], {})
        assert (catalog.project("foo"), catalog.recall("x")) == (None, None)

    def test_what_is_committed_is_there_again(self, path: Path) -> None:
        with Catalog(path) as catalog:
            catalog.list_projects([("foo", 3)])
            catalog.put_files([row("a.zip")])
            catalog.remember("x", "y")
            catalog.commit()
            catalog.list_projects([("bar", 4)])
            catalog.put_files([row("b.zip")])
            catalog.remember("x", None)
        with Catalog(path) as catalog:
            assert catalog.project("foo") == ProjectRow("foo", 3)
            assert catalog.project("bar") is None
            assert catalog.files("foo") == {"a.zip": row("a.zip")}
            assert catalog.recall("x") == "y"

    def test_another_may_read_it_meanwhile(self, path: Path, catalog: Catalog) -> None:
        catalog.put_files([row("a.zip")])
        catalog.commit()
        catalog.put_files([row("b.zip")])
        with closing(sqlite3.connect(path)) as reader:
            assert reader.execute("SELECT filename, project FROM files").fetchall() == [("a.zip", "foo")]

    @pytest.mark.parametrize("version", range(1, SCHEMA_VERSION))
    def test_an_older_schema_grows(self, path: Path, version: int) -> None:
        with closing(sqlite3.connect(path)) as db:
            db.executescript(f"{''.join(SCHEMAS[:version])} PRAGMA user_version = {version};")
            db.execute("INSERT INTO projects (name, listed, serial) VALUES ('foo', 3, 3)")
            columns = "filename, project, version, size, sha256, url"
            db.execute(
                f"INSERT INTO files ({columns}) VALUES ('foo-1.zip', 'foo', '1', 5, '00', 'http://a/')"
            )
            db.commit()
        with Catalog(path) as catalog:
            assert catalog.project("foo") == ProjectRow("foo", listed=3, serial=3)
            assert catalog.files("foo")["foo-1.zip"].size == 5

    def test_a_newer_schema_is_refused(self, path: Path) -> None:
        with Catalog(path) as catalog:
            catalog.list_projects([("foo", 3)])
            catalog.commit()
        with closing(sqlite3.connect(path)) as db:
            assert db.execute("PRAGMA user_version").fetchone() == (SCHEMA_VERSION,)
            db.execute(f"PRAGMA user_version = {SCHEMA_VERSION + 1}")
        for _ in range(2):
            with pytest.raises(CatalogError) as caught:
                Catalog(path)
            assert str(caught.value) == (
                f"catalog {path}: written by a newer minimirror (schema {SCHEMA_VERSION + 1}, this one knows"
                f" {SCHEMA_VERSION}); update minimirror"
            )

    @pytest.mark.parametrize("content", [b"not a database", b"\0" * 5000, b"SQLite format 3\0" + b"x" * 5000])
    def test_what_is_no_catalog_is_refused_and_left(self, path: Path, content: bytes) -> None:
        path.write_bytes(content)
        with pytest.raises(CatalogError, match=r"catalog .*catalog\.sqlite: "):
            Catalog(path)
        assert path.read_bytes() == content

    def test_another_program_s_database_is_refused(self, path: Path) -> None:
        with closing(sqlite3.connect(path)) as db:
            db.execute("CREATE TABLE files (x)")
        with pytest.raises(CatalogError, match="files"):
            Catalog(path)

    def test_a_place_where_there_can_be_none_is_an_error(self, tmp_path: Path) -> None:
        for path in (tmp_path, tmp_path / "absent" / "catalog.sqlite"):
            with pytest.raises(CatalogError):
                Catalog(path)

    def test_damage_that_shows_later_is_an_error_too(self, path: Path) -> None:
        Catalog(path).close()
        with closing(sqlite3.connect(path)) as db:
            db.execute("DROP TABLE files")
        with pytest.raises(CatalogError, match="no such table"), Catalog(path) as catalog:
            catalog.file_count()


class TestProjects:
    def test_with_serials_only_what_changed_is_read(self, catalog: Catalog) -> None:
        catalog.list_projects([("a", 1), ("b", 2)])
        assert changed(catalog) == ["a", "b"]
        read_all(catalog)
        assert changed(catalog) == []
        catalog.list_projects([("a", 1), ("b", 3), ("c", 4)])
        assert changed(catalog) == ["b", "c"]
        assert catalog.project("b") == ProjectRow("b", 3, 2, None, "r")

    def test_without_serials_every_page_is_asked_for(self, catalog: Catalog) -> None:
        catalog.list_projects([("a", None), ("b", None)])
        read_all(catalog, etag='"x"')
        assert [(project.name, project.etag) for project in catalog.changed_projects()] == [
            ("a", '"x"'),
            ("b", '"x"'),
        ]

    def test_serials_may_come_and_go(self, catalog: Catalog) -> None:
        catalog.list_projects([("a", 1)])
        read_all(catalog)
        catalog.list_projects([("a", None)])
        assert changed(catalog) == ["a"]
        read_all(catalog)
        catalog.list_projects([("a", 1)])
        assert changed(catalog) == ["a"]

    def test_a_serial_that_goes_back_is_a_change_too(self, catalog: Catalog) -> None:
        catalog.list_projects([("a", 5)])
        read_all(catalog)
        catalog.list_projects([("a", 4)])
        assert changed(catalog) == ["a"]

    def test_what_is_not_listed_any_more_is_gone(self, catalog: Catalog) -> None:
        catalog.list_projects([("a", 1), ("b", 2)])
        read_all(catalog)
        catalog.list_projects([("b", 3)])
        assert catalog.gone_projects() == ["a"]
        assert (catalog.project_count(), changed(catalog)) == (1, ["b"])
        catalog.list_projects([("a", 1), ("b", 3)])
        assert catalog.gone_projects() == []
        assert catalog.project("a") == ProjectRow("a", 1, 1, None, "r")
        catalog.list_projects([])
        assert catalog.gone_projects() == ["a", "b"]
        catalog.forget_projects(["a"])
        assert (catalog.gone_projects(), catalog.project("a")) == (["b"], None)

    def test_the_last_of_two_entries_of_a_name_counts(self, catalog: Catalog) -> None:
        catalog.list_projects([("a", 1), ("a", 2)])
        assert catalog.project("a") == ProjectRow("a", 2)

    def test_a_list_that_breaks_off_changes_nothing(self, catalog: Catalog) -> None:
        catalog.list_projects([("a", 1), ("b", 1)])

        def broken() -> Iterator[tuple[str, int | None]]:
            yield "c", 1
            raise ConnectionError("broken")

        with pytest.raises(ConnectionError):
            catalog.list_projects(broken())
        assert (changed(catalog), catalog.gone_projects()) == (["a", "b"], [])
        catalog.list_projects([("d", 1)])
        assert (changed(catalog), catalog.gone_projects()) == (["d"], ["a", "b"])

    def test_another_selection_has_projects_read_anew(self, catalog: Catalog) -> None:
        catalog.list_projects([("a", 1), ("b", 1), ("c", 1)])
        read_all(catalog, etag='"x"')
        catalog.list_projects([("a", 1), ("b", 1), ("c", 1), ("new", 1)])
        catalog.expect_rules(lambda name: "other" if name == "b" else "r")
        assert changed(catalog) == ["b", "new"]
        assert catalog.project("b") == ProjectRow("b", 1, None, None, "r")
        catalog.reread(["a", "absent"])
        assert changed(catalog) == ["a", "b", "new"]

    @pytest.mark.parametrize("batch", [1, 2, 3, 500])
    def test_changed_projects_may_be_written_while_they_are_read(self, catalog: Catalog, batch: int) -> None:
        names = [f"p{number}" for number in range(7)]
        catalog.list_projects((name, 1) for name in names)
        seen = []
        for project in catalog.changed_projects(batch):
            seen.append(project.name)
            catalog.mirrored(project._replace(serial=1))
            catalog.commit()
        assert seen == names
        assert changed(catalog) == []


class TestFiles:
    def test_they_are_put_changed_and_forgotten(self, catalog: Catalog) -> None:
        catalog.put_files([row("a.zip"), row("b.zip", size=2), row("c.zip", "bar", 3)])
        assert catalog.files("foo") == {"a.zip": row("a.zip"), "b.zip": row("b.zip", size=2)}
        assert sorted(catalog.sizes()) == [("a.zip", "foo", 1), ("b.zip", "foo", 2), ("c.zip", "bar", 3)]
        catalog.put_files([row("a.zip", size=9)])
        catalog.forget_files(["b.zip", "absent.zip"])
        assert catalog.files("foo") == {"a.zip": row("a.zip", size=9)}
        assert (catalog.files("bar"), catalog.file_count()) == ({"c.zip": row("c.zip", "bar", 3)}, 2)

    def test_all_come_the_biggest_first(self, catalog: Catalog) -> None:
        catalog.put_files([row("a.zip", size=1), row("c.zip", size=5), row("b.zip", "bar", size=5)])
        assert [file.filename for file in catalog.all_files()] == ["b.zip", "c.zip", "a.zip"]

    def test_one_in_doubt_is_never_the_one_in_the_folder(self, catalog: Catalog) -> None:
        catalog.put_files([row("a.zip", size=1), row("b.zip", size=0)])
        catalog.doubt(["b.zip", "absent.zip"])
        assert sorted(catalog.sizes()) == [("a.zip", "foo", 1), ("b.zip", "foo", -1)]

    def test_those_of_others_are_told_apart(self, catalog: Catalog) -> None:
        catalog.put_files([row("a.zip")])
        for _ in range(2):
            assert catalog.unknown_files(["z.zip", "a.zip", "b.zip"]) == ["b.zip", "z.zip"]
        assert catalog.unknown_files([]) == []

    def test_every_field_comes_back_as_it_was(self, catalog: Catalog) -> None:
        odd = FileRow("a.zip", "foo", "", 1 << 49, "", None, None, None, "true", "https://example.org/\0é'\"")
        late = odd._replace(filename="b.zip", upload_time=1704164645.678901, yanked="", requires_python="")
        catalog.put_files([odd, late])
        assert catalog.files("foo") == {"a.zip": odd, "b.zip": late}


class TestMissing:
    def test_what_is_missing_is_what_the_last_run_could_not_get(self, catalog: Catalog) -> None:
        assert catalog.missing() == []
        failures = [
            Failure("bar", None, "HTTP 500"),
            Failure("foo", None, "HTTP 500"),
            Failure("foo", "b.zip", "HTTP 403"),
        ]
        catalog.replace_missing(reversed(failures))
        assert catalog.missing() == failures
        catalog.replace_missing(failures[:1])
        assert catalog.missing() == failures[:1]

    def test_projects_that_changed_since_they_were_mirrored_are_counted(self, catalog: Catalog) -> None:
        catalog.list_projects([("a", None), ("b", 2), ("c", 3)])
        assert catalog.unmirrored_count() == 3
        read_all(catalog, '"etag"')
        assert catalog.unmirrored_count() == 0
        catalog.list_projects([("a", None), ("b", 5)])
        assert catalog.unmirrored_count() == 1


class TestRuns:
    def test_a_run_is_noted(self, path: Path, catalog: Catalog) -> None:
        first, second = catalog.begin_run(10.0), catalog.begin_run(20.0)
        catalog.end_run(second, 21.5, {"files": 3}, ["foo: bad"])
        catalog.commit()
        with closing(sqlite3.connect(path)) as db:
            runs = db.execute("SELECT * FROM runs ORDER BY id").fetchall()
        assert runs[0] == (first, 10.0, None, None, None)
        assert runs[1][:3] == (second, 20.0, 21.5)
        assert [json.loads(text) for text in runs[1][3:]] == [{"files": 3}, ["foo: bad"]]


NAMES = st.sampled_from(["a", "b", "b-c", "z9"])
SERIALS = st.none() | st.integers(1, 3)
FINGERPRINTS = st.sampled_from(["r1", "r2"])
FILES = st.builds(row, st.sampled_from(["1.zip", "2.zip", "3.zip"]), NAMES, st.integers(0, 3))


class CatalogMachine(RuleBasedStateMachine):
    """A catalog beside two dictionaries, from run to run."""

    def __init__(self) -> None:
        super().__init__()
        self.folder = tempfile.TemporaryDirectory()
        self.path = Path(self.folder.name) / "catalog.sqlite"
        self.catalog = Catalog(self.path)
        self.projects: dict[str, ProjectRow] = {}
        self.files: dict[str, FileRow] = {}
        self.committed = (self.projects, self.files)

    def teardown(self) -> None:
        self.catalog.close()
        self.folder.cleanup()

    @rule(listed=st.dictionaries(NAMES, SERIALS))
    def list_projects(self, listed: dict[str, int | None]) -> None:
        self.catalog.list_projects(listed.items())
        known = {name: self.projects.get(name, ProjectRow(name)) for name in {*self.projects, *listed}}
        self.projects = {
            name: known[name]._replace(listed=listed[name], gone=0)
            if name in listed
            else known[name]._replace(gone=1)
            for name in known
        }

    @rule(
        etag=SERIALS.map(lambda number: number and f'"{number}"'), rules=FINGERPRINTS, most=st.integers(0, 3)
    )
    def mirror(self, etag: str | None, rules: str, most: int) -> None:
        for project, _ in zip(self.catalog.changed_projects(1), range(most), strict=False):
            done = project._replace(serial=project.listed, etag=etag, rules=rules)
            self.catalog.mirrored(done)
            self.projects = self.projects | {project.name: done}

    @rule(rules=FINGERPRINTS)
    def expect_rules(self, rules: str) -> None:
        self.catalog.expect_rules(lambda _: rules)
        self.projects = {
            name: project if project.rules in {None, rules} else project._replace(serial=None, etag=None)
            for name, project in self.projects.items()
        }

    @rule(name=NAMES)
    def reread(self, name: str) -> None:
        self.catalog.reread([name])
        if name in self.projects:
            self.projects = self.projects | {name: self.projects[name]._replace(serial=None, etag=None)}

    @rule()
    def forget_gone(self) -> None:
        for name in self.catalog.gone_projects():
            self.catalog.forget_projects([name])
        self.projects = {name: project for name, project in self.projects.items() if not project.gone}

    @rule(files=st.lists(FILES, max_size=3))
    def put_files(self, files: list[FileRow]) -> None:
        self.catalog.put_files(files)
        self.files = self.files | {file.filename: file for file in files}

    @rule(names=st.lists(st.sampled_from(["1.zip", "2.zip", "4.zip"]), max_size=2))
    def forget_files(self, names: list[str]) -> None:
        self.catalog.forget_files(names)
        self.files = {name: file for name, file in self.files.items() if name not in names}

    @rule()
    def commit(self) -> None:
        self.catalog.commit()
        self.committed = (self.projects, self.files)

    @rule()
    def reopen(self) -> None:
        self.catalog.close()
        self.catalog = Catalog(self.path)
        self.projects, self.files = self.committed

    @invariant()
    def agrees(self) -> None:
        wanted = [project for _, project in sorted(self.projects.items()) if not project.gone]
        unread = [project for project in wanted if project.listed is None or project.listed != project.serial]
        for name in ("a", "b", "b-c", "z9"):
            assert self.catalog.project(name) == self.projects.get(name)
            of_it = {filename: file for filename, file in self.files.items() if file.project == name}
            assert self.catalog.files(name) == of_it
        assert self.catalog.project_count() == len(wanted)
        assert self.catalog.gone_projects() == sorted(name for name, row in self.projects.items() if row.gone)
        for batch in (1, 2, 500):
            assert list(self.catalog.changed_projects(batch)) == unread
        assert self.catalog.changed_count() == len(unread)
        assert self.catalog.file_count() == len(self.files)
        sizes = sorted((file.filename, file.project, file.size) for file in self.files.values())
        assert sorted(self.catalog.sizes()) == sizes


CatalogMachine.TestCase.settings = settings(max_examples=40, stateful_step_count=20, deadline=None)
TestModel = CatalogMachine.TestCase


def stale(catalog: Catalog) -> list[str]:
    return list(catalog.pages.stale())


class TestPages:
    """A page turns stale with whatever changes what it says, and with nothing else."""

    @pytest.fixture(autouse=True)
    def true(self, catalog: Catalog) -> None:
        """Two projects whose pages are true."""
        catalog.list_projects([("foo", 1), ("bar", 1)])
        catalog.put_files([row("foo-1.0.zip"), row("bar-1.0.zip", "bar")])
        for name in ("foo", "bar"):
            assert name in stale(catalog)
            catalog.pages.placed(name, listed=True)
            catalog.pages.settle(name)
        catalog.pages.mark_root(stale=False)

    def test_what_does_not_matter(self, catalog: Catalog) -> None:
        catalog.reread(["foo"])
        catalog.list_projects([("foo", 2), ("bar", 2), ("new", 2)])
        for name in ("foo", "bar", "new"):
            catalog.mirrored(ProjectRow(name, 2, 2, rules="r"))
        catalog.tell_status("foo", None)
        assert (stale(catalog), list(catalog.pages.listed())) == ([], ["bar", "foo"])

    def test_files(self, catalog: Catalog) -> None:
        catalog.put_files([row("foo-1.0.zip")._replace(yanked=None)])
        assert (stale(catalog), list(catalog.pages.listed())) == (["foo"], ["bar", "foo"])
        catalog.doubt(["bar-1.0.zip"])
        assert stale(catalog) == ["bar", "foo"]
        for name in ("foo", "bar"):
            catalog.pages.settle(name)
        catalog.forget_files(["bar-1.0.zip"])
        assert stale(catalog) == ["bar"]
        catalog.put_files([row("foo-1.0.zip", "bar")])
        assert stale(catalog) == ["bar", "foo"], "the file is another project's now"

    def test_statuses(self, catalog: Catalog) -> None:
        catalog.mirrored(ProjectRow("foo", status="archived"))
        assert stale(catalog) == ["foo"]
        catalog.pages.settle("foo")
        catalog.mirrored(ProjectRow("foo", 5, status="archived"))
        catalog.tell_status("foo", "archived")
        assert stale(catalog) == []
        catalog.tell_status("foo", "deprecated")
        assert stale(catalog) == ["foo"]
        catalog.pages.settle("foo")
        catalog.forget_projects(["foo"])
        assert stale(catalog) == ["foo"]

    def test_root_follows_what_is_listed(self, catalog: Catalog) -> None:
        catalog.pages.placed("foo", listed=True)
        assert not catalog.pages.is_root_stale()
        catalog.pages.placed("foo", listed=False)
        assert (catalog.pages.is_root_stale(), list(catalog.pages.empty())) == (True, ["foo"])

    def test_metadata_goes_with_its_wheel(self, catalog: Catalog) -> None:
        catalog.pages.put_metadata([MetadataRow("foo-1.0.zip", "a1" * 32, 3, "b2" * 32)])
        names = ["foo-1.0.zip.metadata", "bar-1.0.zip.metadata"]
        assert catalog.unknown_files(names) == ["bar-1.0.zip.metadata"]
        catalog.put_files([row("foo-1.0.zip", size=2)])
        assert catalog.pages.gone_metadata() == []
        catalog.forget_files(["foo-1.0.zip"])
        assert catalog.pages.gone_metadata() == [("foo-1.0.zip", True)]
        assert catalog.unknown_files(names) == ["bar-1.0.zip.metadata"], "it is minimirror's still"
        catalog.put_files([row("foo-1.0.zip")])
        assert catalog.pages.gone_metadata() == []


def test_all_pages_of_an_older_catalog_are_stale(path: Path) -> None:
    with closing(sqlite3.connect(path)) as db:
        db.executescript("".join(SCHEMAS[:2]))
        db.execute(
            "INSERT INTO files (filename, project, version, size, sha256, url)"
            " VALUES ('f', 'foo', '', 1, '', '')"
        )
        db.execute("PRAGMA user_version = 2")
        db.commit()
    with Catalog(path) as catalog:
        assert stale(catalog) == ["foo"]
