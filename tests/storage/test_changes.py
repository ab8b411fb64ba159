"""Which pages the next run must read: the index's list of projects, joined with the catalog."""

from __future__ import annotations

import tempfile
from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, rule

from minimirror.storage import Catalog, ProjectRow

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping


@pytest.fixture
def catalog(tmp_path: Path) -> Iterator[Catalog]:
    with Catalog(tmp_path / "catalog.sqlite") as catalog:
        yield catalog


def find(
    catalog: Catalog, listed: Mapping[str, int | None] | None, **facts: Any
) -> tuple[list[str], list[str]]:
    """Find changes; return the projects to read, and those that need a conditional request."""
    tables = catalog.changes
    tables.begin()
    if listed is not None:
        tables.select(listed.items())
    tables.add_damaged(facts.get("damaged", ()))
    tables.find(
        facts.get("rules", "r"), facts.get("own_rules", {}), facts.get("local", {}), facts.get("now", 0)
    )
    read, ask = [each.name for each in tables.to_read()], [each.name for each in tables.to_ask()]
    assert tables.count() == len(read) + len(ask)
    return read, ask


def mirror(catalog: Catalog, *, etag: str | None = None, rules: str = "r") -> None:
    """Record the list, and mirror every changed project."""
    catalog.changes.record()
    for project in [*catalog.changes.to_read(), *catalog.changes.to_ask()]:
        catalog.projects.put(
            ProjectRow(project.name, project.listed, serial=project.listed, etag=etag, rules=rules)
        )
    catalog.commit()


class TestSerials:
    def test_only_changed_pages_are_read(self, catalog: Catalog) -> None:
        assert find(catalog, {"a": 1, "b": 2}) == (["a", "b"], [])
        mirror(catalog)
        assert find(catalog, {"a": 1, "b": 2}) == ([], [])
        assert find(catalog, {"a": 1, "b": 3, "c": 4}) == (["b", "c"], [])

    def test_without_them_every_page_gets_a_conditional_request(self, catalog: Catalog) -> None:
        assert find(catalog, {"a": None, "b": None}) == (["a", "b"], [])
        mirror(catalog, etag='"x"')
        assert find(catalog, {"a": None, "b": None}) == ([], ["a", "b"])
        assert [each.etag for each in catalog.changes.to_ask()] == ['"x"', '"x"']
        catalog.changes.mark_changed(["b", "absent"])
        assert [each.name for each in catalog.changes.to_ask()] == ["a"]
        assert [each.name for each in catalog.changes.to_read()] == ["b"]

    def test_index_that_starts_or_stops_reporting_them(self, catalog: Catalog) -> None:
        find(catalog, {"a": 1})
        mirror(catalog)
        assert find(catalog, {"a": None}) == (["a"], [])
        mirror(catalog)
        assert find(catalog, {"a": 1}) == (["a"], [])

    def test_a_lower_serial_is_older_and_no_change(self, catalog: Catalog) -> None:
        find(catalog, {"a": 5})
        mirror(catalog)
        assert find(catalog, {"a": 4}) == ([], [])

    def test_the_last_entry_of_a_name_counts(self, catalog: Catalog) -> None:
        catalog.changes.begin()
        catalog.changes.select([("a", 1), ("a", 2)])
        catalog.changes.find("r", {}, {}, 0)
        assert [each.listed for each in catalog.changes.to_read()] == [2]


class TestList:
    def test_unchanged_list_of_the_last_run(self, catalog: Catalog) -> None:
        find(catalog, {"a": 1, "b": 2})
        mirror(catalog)
        find(catalog, {"a": 1, "c": 2})
        catalog.changes.record()
        assert find(catalog, None) == (["c"], [])
        assert catalog.changes.gone() == ["b"]
        assert catalog.changes.selected_count() == 2

    def test_unlisted_project_is_gone(self, catalog: Catalog) -> None:
        find(catalog, {"a": 1, "b": 2})
        mirror(catalog)
        assert find(catalog, {"b": 3}) == (["b"], [])
        assert catalog.changes.gone() == ["a"]
        catalog.changes.record()
        assert catalog.projects.count() == 1
        assert find(catalog, {"a": 1, "b": 2}) == ([], [])
        assert catalog.changes.gone() == []
        catalog.changes.record()
        assert catalog.projects.get("a") == ProjectRow("a", 1, 1, None, "r")

    def test_truncated_list_changes_nothing(self, catalog: Catalog) -> None:
        find(catalog, {"a": 1, "b": 1})
        mirror(catalog)

        def broken() -> Iterator[tuple[str, int | None]]:
            yield "c", 1
            raise ConnectionError("broken")

        catalog.changes.begin()
        with pytest.raises(ConnectionError):
            catalog.changes.select(broken())
        catalog.changes.select([("d", 1)])
        assert [catalog.changes.is_selected(name) for name in ("a", "c", "d")] == [False, False, True]
        assert catalog.changes.gone() == ["a", "b"]
        assert catalog.projects.count() == 2

    def test_finding_writes_nothing(self, catalog: Catalog, tmp_path: Path) -> None:
        find(catalog, {"a": 1, "b": 1})
        mirror(catalog)
        with Catalog(tmp_path / "catalog.sqlite", read_only=True) as reader:
            assert find(reader, {"b": 2, "c": 1}) == (["b", "c"], [])
            assert reader.changes.gone() == ["a"]
        assert catalog.projects.get("b") == ProjectRow("b", 1, 1, None, "r")

    def test_a_catalog_that_does_not_exist_reads_as_empty(self, tmp_path: Path) -> None:
        path = tmp_path / "absent.sqlite"
        with closing(Catalog(path, read_only=True)) as reader:
            assert find(reader, {"a": 1}) == (["a"], [])
        assert not path.exists()


class TestInvalid:
    """Pages that are read again although they have not changed."""

    @pytest.fixture(autouse=True)
    def mirrored(self, catalog: Catalog) -> None:
        find(catalog, {"a": 1, "b": 1})
        mirror(catalog, etag='"x"')

    def find(self, catalog: Catalog, **facts: Any) -> list[str]:
        """Find changes with and without serials, which must agree."""
        read, _ = find(catalog, {"a": 1, "b": 1}, **facts)
        assert find(catalog, {"a": None, "b": None}, **facts)[0] == read
        return read

    def test_none(self, catalog: Catalog) -> None:
        assert self.find(catalog) == []

    def test_other_rules(self, catalog: Catalog) -> None:
        assert self.find(catalog, rules="other") == ["a", "b"]
        assert self.find(catalog, own_rules={"b": "other", "absent": "other"}) == ["b"]
        assert self.find(catalog, rules="other", own_rules={"b": "r"}) == ["a"]

    def test_changed_local_files(self, catalog: Catalog) -> None:
        assert self.find(catalog, local={"a": '["a-1.zip"]'}) == ["a"]
        catalog.projects.put(ProjectRow("a", 1, 1, '"x"', "r", local_files='["a-1.zip"]'))
        assert self.find(catalog, local={"a": '["a-1.zip"]'}) == []
        assert self.find(catalog, local={"a": '["a-2.zip"]'}) == ["a"]
        assert self.find(catalog) == ["a"]

    def test_due_time(self, catalog: Catalog) -> None:
        catalog.projects.put(ProjectRow("a", 1, 1, '"x"', "r", due=100.0))
        assert [self.find(catalog, now=now) for now in (99, 100, 101)] == [[], ["a"], ["a"]]

    def test_damaged_files(self, catalog: Catalog) -> None:
        assert self.find(catalog, damaged=[("b-1.zip", "b"), ("b-2.zip", "b")]) == ["b"]

    def test_an_incomplete_project(self, catalog: Catalog) -> None:
        catalog.projects.invalidate(["a", "absent"])
        assert self.find(catalog) == ["a"]


def test_the_catalog_can_be_written_while_changes_are_read(catalog: Catalog) -> None:
    names = [f"p{number:04}" for number in range(1200)]
    find(catalog, dict.fromkeys(names, 1))
    catalog.changes.record()
    seen = []
    for project in catalog.changes.to_read():
        seen.append(project.name)
        catalog.projects.put(ProjectRow(project.name, 1, 1, rules="r"))
        catalog.commit()
    assert seen == names
    assert find(catalog, None) == ([], [])


NAMES = st.sampled_from(["a", "b", "b-c", "z9"])
SERIALS = st.none() | st.integers(1, 3)
ETAGS = st.none() | st.sampled_from(['"1"', '"2"'])
RULES = st.sampled_from(["r1", "r2"])
TIMES = st.integers(0, 3)


class ChangesMachine(RuleBasedStateMachine):
    """Runs on a catalog, compared with a dictionary."""

    def __init__(self) -> None:
        super().__init__()
        self.folder = tempfile.TemporaryDirectory()
        self.path = Path(self.folder.name) / "catalog.sqlite"
        self.catalog = Catalog(self.path)
        self.rows: dict[str, ProjectRow] = {}

    def teardown(self) -> None:
        self.catalog.close()
        self.folder.cleanup()

    @rule(
        listed=st.none() | st.dictionaries(NAMES, SERIALS),
        rules=RULES,
        own_rules=st.dictionaries(NAMES, RULES),
        local=st.dictionaries(NAMES, st.sampled_from(["[1]", "[2]"])),
        now=TIMES,
        etag=ETAGS,
        due=st.none() | TIMES,
        most=st.integers(0, 4),
    )
    def run(self, listed: Any, rules: str, own_rules: Any, local: Any, now: int, **after: Any) -> None:
        """Find changes, compare them with the model, and mirror some of them."""
        if listed is None:
            listed = {row.name: row.listed for row in self.rows.values() if not row.gone}
            found = find(self.catalog, None, rules=rules, own_rules=own_rules, local=local, now=now)
        else:
            found = find(self.catalog, listed, rules=rules, own_rules=own_rules, local=local, now=now)
        read: list[str] = []
        ask: list[str] = []
        for name in sorted(listed):
            row = self.rows.get(name, ProjectRow(name))
            if (
                row.rules != own_rules.get(name, rules)
                or row.local_files != local.get(name)
                or (row.due is not None and row.due <= now)
                or row.serial is None is row.etag
            ):
                read.append(name)
            elif listed[name] is None:
                (ask if row.etag else read).append(name)
            elif row.serial is None or row.serial < listed[name]:
                read.append(name)
        assert found == (read, ask)
        assert self.catalog.changes.gone() == sorted(self.rows.keys() - listed.keys())
        self.catalog.changes.record()
        for name in {*self.rows, *listed}:
            row = self.rows.get(name, ProjectRow(name))
            self.rows[name] = row._replace(listed=listed.get(name, row.listed), gone=int(name not in listed))
        for name in [*read, *ask][: after["most"]]:
            row = ProjectRow(
                name,
                listed[name],
                listed[name],
                after["etag"],
                own_rules.get(name, rules),
                local_files=local.get(name),
                due=after["due"],
            )
            self.catalog.projects.put(row)
            self.rows[name] = row
        for name in {*self.rows, "absent"}:
            assert self.catalog.projects.get(name) == self.rows.get(name)

    @rule(name=NAMES)
    def invalidate(self, name: str) -> None:
        self.catalog.projects.invalidate([name])
        if name in self.rows:
            self.rows[name] = self.rows[name]._replace(serial=None, etag=None)

    @rule()
    def untrack_gone(self) -> None:
        gone = [name for name, row in self.rows.items() if row.gone]
        self.catalog.projects.untrack(gone)
        for name in gone:
            del self.rows[name]

    @rule()
    def reopen(self) -> None:
        self.catalog.commit()
        self.catalog.close()
        self.catalog = Catalog(self.path)


ChangesMachine.TestCase.settings = settings(max_examples=60, stateful_step_count=20, deadline=None)
TestModel = ChangesMachine.TestCase
