"""The catalog: what a mirror keeps from run to run."""

from __future__ import annotations

import os
import sqlite3
from contextlib import ExitStack, closing
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING

import pytest

from minimirror.common.report import Failure
from minimirror.storage import (
    Catalog,
    CatalogDamagedError,
    CatalogError,
    Exports,
    FileRow,
    MetadataRow,
    ProjectRow,
    RunRow,
)
from minimirror.storage.catalog.schema import SCHEMA_VERSION

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


class TestOpening:
    def test_a_new_one_is_empty(self, catalog: Catalog) -> None:
        assert (catalog.projects.count(), catalog.files.count()) == (0, 0)
        assert (list(catalog.files.tracked()), catalog.files.of("foo")) == ([], {})
        assert (catalog.projects.get("foo"), catalog.recall("x")) == (None, None)

    @pytest.mark.skipif(not hasattr(os, "geteuid"), reason="needs users")
    def test_a_user_who_may_not_write_can_read_it(self) -> None:
        with TemporaryDirectory() as name, ExitStack() as stack:
            path = Path(name, "catalog.sqlite")
            with Catalog(path) as catalog:
                catalog.projects.put(ProjectRow("foo"))
                catalog.commit()
            path.parent.chmod(0o555)
            stack.callback(path.parent.chmod, 0o755)
            if os.geteuid() == 0:
                os.seteuid(65534)
                stack.callback(os.seteuid, 0)
            with Catalog(path, read_only=True) as catalog:
                assert catalog.projects.count() == 1

    def test_committed_rows_are_kept(self, path: Path) -> None:
        with Catalog(path) as catalog:
            catalog.projects.put(ProjectRow("foo", 3))
            catalog.files.put([row("a.zip")])
            catalog.remember("x", "y")
            catalog.commit()
            catalog.projects.put(ProjectRow("bar", 4))
            catalog.files.put([row("b.zip")])
            catalog.remember("x", None)
        with Catalog(path) as catalog:
            assert catalog.projects.get("foo") == ProjectRow("foo", 3)
            assert catalog.projects.get("bar") is None
            assert catalog.files.of("foo") == {"a.zip": row("a.zip")}
            assert catalog.recall("x") == "y"

    def test_another_process_can_read_it_meanwhile(self, path: Path, catalog: Catalog) -> None:
        catalog.files.put([row("a.zip")])
        catalog.commit()
        catalog.files.put([row("b.zip")])
        with closing(sqlite3.connect(path)) as reader:
            assert reader.execute("SELECT filename, project FROM files").fetchall() == [("a.zip", "foo")]

    @pytest.mark.parametrize("version", [1, 2, 4])
    def test_schema_of_a_development_version_counts_as_damaged(self, path: Path, version: int) -> None:
        with closing(sqlite3.connect(path)) as db:
            db.executescript(f"CREATE TABLE files (filename TEXT); PRAGMA user_version = {version};")
        with pytest.raises(CatalogDamagedError, match="development"):
            Catalog(path)

    def test_a_catalog_without_the_digests_of_files_counts_as_damaged(self, path: Path) -> None:
        with Catalog(path):
            pass
        with closing(sqlite3.connect(path)) as db:
            # As development versions wrote it, with the same number of the schema.
            db.executescript("ALTER TABLE files DROP COLUMN digests; PRAGMA application_id = 0x6D6D6972;")
        with pytest.raises(CatalogDamagedError, match="development"):
            Catalog(path)

    def test_a_newer_schema_is_refused(self, path: Path) -> None:
        with Catalog(path) as catalog:
            catalog.projects.put(ProjectRow("foo", 3))
            catalog.commit()
        with closing(sqlite3.connect(path)) as db:
            assert db.execute("PRAGMA user_version").fetchone() == (SCHEMA_VERSION,)
            db.execute(f"PRAGMA user_version = {SCHEMA_VERSION + 1}")
        for _ in range(2):
            with pytest.raises(CatalogError, match=rf"schema {SCHEMA_VERSION + 1}.*\b{SCHEMA_VERSION}\b"):
                Catalog(path)

    @pytest.mark.parametrize("content", [b"not a database", b"\0" * 5000, b"SQLite format 3\0" + b"x" * 5000])
    def test_a_file_that_is_no_catalog_is_an_error_and_kept(self, path: Path, content: bytes) -> None:
        path.write_bytes(content)
        with pytest.raises(CatalogError, match=r"catalog\.sqlite"):
            Catalog(path)
        assert path.read_bytes() == content

    def test_a_database_of_another_program_is_refused(self, path: Path) -> None:
        with closing(sqlite3.connect(path)) as db:
            db.execute("CREATE TABLE files (x)")
        with pytest.raises(CatalogError, match="files"):
            Catalog(path)

    def test_an_impossible_path_is_an_error(self, tmp_path: Path) -> None:
        for path in (tmp_path, tmp_path / "absent" / "catalog.sqlite"):
            with pytest.raises(CatalogError):
                Catalog(path)

    def test_damage_found_later_is_an_error(self, path: Path) -> None:
        Catalog(path).close()
        with closing(sqlite3.connect(path)) as db:
            db.execute("DROP TABLE files")
        with pytest.raises(CatalogError, match="no such table"), Catalog(path) as catalog:
            catalog.files.count()


class TestFiles:
    def test_put_change_and_untrack(self, catalog: Catalog) -> None:
        catalog.files.put([row("a.zip"), row("b.zip", size=2), row("c.zip", "bar", 3)])
        assert catalog.files.of("foo") == {"a.zip": row("a.zip"), "b.zip": row("b.zip", size=2)}
        assert sorted(catalog.files.tracked()) == [
            ("a.zip", "foo", 1, 0, ">=3.8"),
            ("b.zip", "foo", 2, 0, ">=3.8"),
            ("c.zip", "bar", 3, 0, ">=3.8"),
        ]
        catalog.files.put([row("a.zip", size=9)])
        catalog.files.untrack(["b.zip", "absent.zip"])
        assert catalog.files.of("foo") == {"a.zip": row("a.zip", size=9)}
        assert (catalog.files.of("bar"), catalog.files.count()) == ({"c.zip": row("c.zip", "bar", 3)}, 2)

    def test_all_yields_the_biggest_first(self, catalog: Catalog) -> None:
        catalog.files.put([row("a.zip", size=1), row("c.zip", size=5), row("b.zip", "bar", size=5)])
        assert [file.filename for file in catalog.files.all()] == ["b.zip", "c.zip", "a.zip"]

    def test_invalid_until_put_again(self, catalog: Catalog) -> None:
        catalog.files.put([row("a.zip"), row("b.zip")])
        catalog.files.invalidate(["b.zip", "absent.zip"])
        assert sorted(catalog.files.tracked()) == [
            ("a.zip", "foo", 1, 0, ">=3.8"),
            ("b.zip", "foo", 1, 1, ">=3.8"),
        ]
        assert catalog.files.invalid("foo") == {"b.zip"}
        catalog.files.put([row("b.zip")])
        catalog.files.put([row("a.zip", size=2)], invalid=True)
        assert catalog.files.invalid("foo") == {"a.zip"}

    def test_local_filenames(self, catalog: Catalog) -> None:
        catalog.files.put([row("a.zip")])
        for _ in range(2):
            assert catalog.local_filenames(["z.zip", "a.zip", "b.zip"]) == ["b.zip", "z.zip"]
        assert catalog.local_filenames([]) == []

    def test_every_field_is_kept_as_it_was(self, catalog: Catalog) -> None:
        odd = FileRow("a.zip", "foo", "", 1 << 49, "", None, None, None, "true", "https://example.org/\0é'\"")
        late = odd._replace(filename="b.zip", upload_time=1704164645.678901, yanked="", requires_python="")
        catalog.files.put([odd, late])
        assert catalog.files.of("foo") == {"a.zip": odd, "b.zip": late}


class TestMissing:
    def test_failures_of_the_last_run(self, catalog: Catalog) -> None:
        assert catalog.runs.missing() == []
        failures = [
            Failure("bar", None, "HTTP 500"),
            Failure("foo", None, "HTTP 500"),
            Failure("foo", "b.zip", "HTTP 403"),
        ]
        catalog.runs.replace_missing(reversed(failures))
        assert catalog.runs.missing() == failures
        catalog.runs.replace_missing(failures[:1])
        assert catalog.runs.missing() == failures[:1]

    def test_outdated_projects_are_counted(self, catalog: Catalog) -> None:
        mirrored = {"a": ProjectRow("a", None, None, '"etag"', "r"), "b": ProjectRow("b", 2, 2, None, "r")}
        for project in (ProjectRow("a"), ProjectRow("b", 2), ProjectRow("c", 3)):
            catalog.projects.put(project)
        assert catalog.projects.outdated_count() == 3
        for project in mirrored.values():
            catalog.projects.put(project)
        assert catalog.projects.outdated_count() == 1
        catalog.projects.put(mirrored["b"]._replace(listed=5))
        assert catalog.projects.outdated_count() == 2
        catalog.projects.put(mirrored["b"]._replace(listed=5, gone=1))
        assert catalog.projects.outdated_count() == 1


class TestRuns:
    def test_a_run_is_recorded(self, path: Path, catalog: Catalog) -> None:
        first, second = catalog.runs.begin(10.0), catalog.runs.begin(20.0)
        catalog.runs.end(second, 21.5, {"files": 3})
        catalog.commit()
        with Catalog(path, read_only=True) as reader:
            assert list(reader.runs.newest_first()) == [
                RunRow(second, 20.0, 21.5, {"files": 3}),
                RunRow(first, 10.0, None, {}),
            ]

    def test_old_runs_are_dropped_except_the_last_complete_one(self, catalog: Catalog) -> None:
        good = catalog.runs.begin(1.0)
        catalog.runs.end(good, 2.0, {"complete": True})
        for number in range(1000):
            last = catalog.runs.begin(10.0 + number)
        kept = [row.number for row in catalog.runs.newest_first()]
        assert (kept[0], kept[-1]) == (last, good)
        assert len(kept) < 500

    def test_an_import_has_the_state_of_the_exporting_mirror(self, catalog: Catalog) -> None:
        catalog.runs.end(catalog.runs.begin(10.0), 11.0, {"complete": True})
        imported = {"complete": True, "bundle": "1.tar", "mirrored": 5.0, "bytes_fetched": 3}
        catalog.runs.end(catalog.runs.begin(20.0), 21.0, imported)
        last = catalog.runs.last_complete()
        assert last is not None
        assert (last.bundle, last.as_of) == ("1.tar", 5.0)
        assert Exports(catalog).last_run() == last.number
        assert not catalog.runs.last_counts(5)


def stale(catalog: Catalog) -> list[str]:
    return list(catalog.pages.stale())


class TestPages:
    """A page is stale once its content changes, and only then."""

    @pytest.fixture(autouse=True)
    def fresh(self, catalog: Catalog) -> None:
        """Two projects whose pages are up to date."""
        for name in ("foo", "bar"):
            catalog.projects.put(ProjectRow(name, 1))
        catalog.files.put([row("foo-1.0.zip"), row("bar-1.0.zip", "bar")])
        for name in ("foo", "bar"):
            assert name in stale(catalog)
            catalog.pages.placed(name, listed=True)
            catalog.pages.confirm(name)
        catalog.pages.set_root_stale(stale=False)

    def test_changes_that_no_page_shows(self, catalog: Catalog) -> None:
        catalog.projects.invalidate(["foo"])
        catalog.changes.begin()
        catalog.changes.select([("foo", 2), ("bar", 2), ("new", 2)])
        catalog.changes.record()
        for name in ("foo", "bar", "new"):
            catalog.projects.put(ProjectRow(name, 2, 2, rules="r"))
        catalog.projects.set_status("foo", None)
        assert (stale(catalog), list(catalog.pages.listed())) == ([], ["bar", "foo"])

    def test_files(self, catalog: Catalog) -> None:
        catalog.files.put([row("foo-1.0.zip")._replace(yanked=None)])
        assert (stale(catalog), list(catalog.pages.listed())) == (["foo"], ["bar", "foo"])
        catalog.files.invalidate(["bar-1.0.zip"])
        assert stale(catalog) == ["bar", "foo"]
        for name in ("foo", "bar"):
            catalog.pages.confirm(name)
        catalog.files.untrack(["bar-1.0.zip"])
        assert stale(catalog) == ["bar"]
        catalog.files.put([row("foo-1.0.zip", "bar")])
        assert stale(catalog) == ["bar", "foo"], "the file is another project's now"

    def test_statuses(self, catalog: Catalog) -> None:
        catalog.projects.put(ProjectRow("foo", status="archived"))
        assert stale(catalog) == ["foo"]
        catalog.pages.confirm("foo")
        catalog.projects.put(ProjectRow("foo", 5, status="archived"))
        catalog.projects.set_status("foo", "archived")
        assert stale(catalog) == []
        catalog.projects.set_status("foo", "deprecated")
        assert stale(catalog) == ["foo"]
        catalog.pages.confirm("foo")
        catalog.projects.untrack(["foo"])
        assert stale(catalog) == ["foo"]

    def test_root_is_stale_once_the_listed_projects_change(self, catalog: Catalog) -> None:
        catalog.pages.placed("foo", listed=True)
        assert not catalog.pages.is_root_stale()
        catalog.pages.placed("foo", listed=False)
        assert (catalog.pages.is_root_stale(), list(catalog.pages.empty())) == (True, ["foo"])

    def test_metadata_of_an_untracked_wheel_is_gone(self, catalog: Catalog) -> None:
        catalog.pages.put_metadata([MetadataRow("foo-1.0.zip", "a1" * 32, 3, "b2" * 32)])
        names = ["foo-1.0.zip.metadata", "bar-1.0.zip.metadata"]
        assert catalog.local_filenames(names) == ["bar-1.0.zip.metadata"]
        catalog.files.put([row("foo-1.0.zip", size=2)])
        assert catalog.pages.gone_metadata() == []
        catalog.files.untrack(["foo-1.0.zip"])
        assert catalog.pages.gone_metadata() == [("foo-1.0.zip", True)]
        assert catalog.local_filenames(names) == ["bar-1.0.zip.metadata"], "it is still tracked"
        catalog.files.put([row("foo-1.0.zip")])
        assert catalog.pages.gone_metadata() == []
