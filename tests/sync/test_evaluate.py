"""What the rules need and a page does not say: vulnerabilities, and sizes if the page is HTML."""

from __future__ import annotations

import json
import time
from typing import TYPE_CHECKING, Any

import pytest

from minimirror.storage import Catalog
from tests.helpers.index import Body, Status
from tests.helpers.running import Mirror

if TYPE_CHECKING:
    from pathlib import Path

    from tests.helpers.index import Index

LINUX = {"python": "3.12", "platform": "manylinux_2_28_x86_64"}


@pytest.fixture
def mirror(index: Index, repository: Path) -> Mirror:
    for version in ("1.0", "2.0", "3.0", "4.0"):
        index.add_wheel("demo", version)
    index.add_wheel("other", "1.0")
    return Mirror(index, repository, projects=["demo", "other"], retries=0)


def releases(mirror: Mirror) -> set[str]:
    return {name.removesuffix("-py3-none-any.whl") for name in mirror.names()}


class TestVulnerable:
    @pytest.fixture
    def mirror(self, mirror: Mirror, index: Index) -> Mirror:
        mirror.rules["vulnerable"] = "exclude"
        index.vulnerable("demo", "4.0", "PYSEC-2024-4")
        index.vulnerable("demo", "3.0", "GHSA-3")
        index.vulnerable("demo", "3.0", "GHSA-4")
        index.vulnerable("demo", "2.0", "PYSEC-2024-2", withdrawn="2024-05-06T07:08:09Z")
        return mirror

    def test_newest_release_without_vulnerabilities_is_selected(self, mirror: Mirror) -> None:
        """A withdrawn vulnerability does not count."""
        summary = mirror.complete()
        assert releases(mirror) == {"demo-2.0", "other-1.0"}
        assert summary.refused == {"vulnerable": 2, "releases": 1}
        mirror.complete(vulnerable="include")
        assert releases(mirror) == {"demo-4.0", "other-1.0"}

    def test_project_whose_releases_are_all_vulnerable(self, mirror: Mirror, index: Index) -> None:
        for version in ("1.0", "2.0"):
            index.vulnerable("demo", version, "PYSEC-2024-9")
        (note,) = mirror.complete().notes
        assert note.startswith("demo: ")
        assert "vulnerable 4" in note
        assert releases(mirror) == {"other-1.0"}

    def test_only_selected_releases_are_queried_and_only_once(self, mirror: Mirror) -> None:
        mirror.complete()
        asked = [path for path, _ in mirror.requests() if path.startswith("/pypi/")]
        assert asked == [
            *(f"/pypi/demo/{version}/json" for version in ("2.0", "3.0", "4.0")),
            "/pypi/other/1.0/json",
        ]

    def test_vulnerabilities_are_queried_again_after_a_day(self, mirror: Mirror, index: Index) -> None:
        """A page does not change when a vulnerability becomes known."""
        now = time.time()
        mirror.complete()
        index.vulnerable("demo", "2.0", "PYSEC-2024-2")
        assert mirror.complete().projects_read == 0
        with Catalog(mirror.state / "catalog.sqlite") as catalog:
            row = catalog.projects.get("demo")
            assert row
            assert row.due == pytest.approx(now + 86400, abs=60)
            catalog.projects.put(row._replace(due=now - 1))
            catalog.commit()
        assert mirror.complete().projects_read == 1
        assert releases(mirror) == {"demo-1.0", "other-1.0"}

    def test_files_that_were_never_a_release(self, mirror: Mirror, index: Index) -> None:
        """The API lists the project's releases without it, and reports on the newest of them."""
        releases_of_demo = {"info": {"version": "3.0"}, "releases": {"3.0": [], "2.0": []}}
        index.fault("/pypi/demo/4.0/json", Status(404), always=True)
        index.fault("/pypi/demo/json", Body(json.dumps(releases_of_demo).encode()), always=True)
        mirror.complete()
        assert releases(mirror) == {"demo-4.0", "other-1.0"}

    def test_index_that_reports_projects_but_no_releases_is_an_error(
        self, mirror: Mirror, index: Index
    ) -> None:
        index.json_api = "projects"
        for failure in mirror.run().failures:
            assert "single releases" in failure.cause
        assert mirror.names() == set()

    def test_builds_of_a_release_are_as_vulnerable_as_the_release(self, mirror: Mirror, index: Index) -> None:
        for version in ("4.0+cpu", "2.0+cpu"):
            index.add_wheel("demo", version)
        mirror.complete(projects=["demo"])
        assert releases(mirror) == {"demo-2.0", "demo-2.0+cpu"}

    def test_index_without_the_api_is_an_error(self, mirror: Mirror, index: Index) -> None:
        index.json_api = False
        failures = mirror.run().failures
        assert sorted(each.project for each in failures) == ["demo", "other"]
        for failure in failures:
            assert failure.filename is None
            assert f"index {index.url} has no JSON API" in failure.cause
            assert "`vulnerable`" in failure.cause
        assert mirror.names() == set()

    @pytest.mark.parametrize(
        ("behaviour", "cause"),
        [
            (Status(503), "HTTP 503"),
            (Body(b"<html>"), "not JSON"),
            (Body(b"[" * 100_000), "not JSON"),
            (Body(b"[]"), "no list of vulnerabilities"),
            (Body(b'{"vulnerabilities": null}'), "no list of vulnerabilities"),
        ],
    )
    def test_failing_api_costs_one_project(
        self, mirror: Mirror, index: Index, behaviour: Status | Body, cause: str
    ) -> None:
        """Its mirrored files stay."""
        mirror.complete()
        index.add_wheel("demo", "5.0")
        index.fault("/pypi/demo/*json", behaviour, always=True)
        (failure,) = mirror.run().failures
        assert failure.project == "demo"
        assert "vulnerabilities" in failure.cause
        assert failure.cause.endswith(cause)
        assert releases(mirror) == {"demo-2.0", "other-1.0"}
        index.heal()
        mirror.complete()
        assert releases(mirror) == {"demo-5.0", "other-1.0"}

    def test_unknown_release_of_a_project_that_cannot_be_queried(self, mirror: Mirror, index: Index) -> None:
        """This does not mean that the index has no API."""
        index.fault("/pypi/demo/4.0/json", Status(404), always=True)
        index.fault("/pypi/demo/json", Status(503), always=True)
        (failure,) = mirror.run().failures
        assert failure.cause.endswith("HTTP 503")

    def test_vulnerable_release_in_a_lock_is_mirrored_with_a_note(
        self, mirror: Mirror, index: Index, tmp_path: Path
    ) -> None:
        """A lock is taken as it is."""
        file = index.projects["demo"].files[2]
        (tmp_path / "pylock.toml").write_text(
            'lock-version = "1.0"\ncreated-by = "test"\n[[packages]]\nname = "demo"\nversion = "3.0"\n'
            f'[[packages.wheels]]\nname = "{file.filename}"\nurl = "{index.file_url(file)}"\n'
            f'hashes = {{ sha256 = "{file.sha256}" }}\n'
        )
        summary = mirror.complete(
            requirements=[str(tmp_path / "pylock.toml")], targets=[LINUX], projects=["other"]
        )
        assert releases(mirror) == {"demo-3.0", "other-1.0"}
        (note,) = summary.notes
        assert note.startswith("demo: 3.0 ")
        assert note.endswith("GHSA-3, GHSA-4")

    def test_resolver_that_cannot_query_them_keeps_the_earlier_resolution(
        self, mirror: Mirror, index: Index, tmp_path: Path
    ) -> None:
        (tmp_path / "demo.txt").write_text("demo\n")
        rules: dict[str, Any] = {"requirements": [str(tmp_path / "demo.txt")], "targets": [LINUX]}
        mirror.complete(**rules, projects=["other"])
        index.add_wheel("demo", "5.0")
        index.fault("/pypi/demo/*", Status(503), always=True)
        cause = str(mirror.run(**rules, projects=["other"]).failures[0])
        assert "demo 5.0: HTTP 503" in cause
        assert releases(mirror) == {"demo-2.0", "other-1.0"}


class TestSizes:
    """HTML pages do not have any."""

    @pytest.mark.parametrize(
        ("rules", "kept"),
        [
            ({"max_file_size": "50 kB"}, ["3.0"]),
            ({"max_project_size": "50 kB", "releases": 3}, []),
            ({"max_project_size": "70 kB", "releases": 4}, ["4.0", "3.0", "2.0", "1.0"]),
            ({"max_project_size": "62 kB", "releases": 4}, ["4.0"]),
        ],
        ids=str,
    )
    @pytest.mark.parametrize("form", ["json", "html"])
    def test_sizes_are_requested_from_the_file_server(
        self, mirror: Mirror, index: Index, rules: dict[str, Any], kept: list[str], form: Any
    ) -> None:
        """With one byte of each file that would be mirrored."""
        index.formats = {form}
        index.add_wheel("demo", "4.0", padding=60_000)
        assert mirror.run(**rules, projects=["demo"]).complete == bool(kept)
        assert releases(mirror) == {f"demo-{version}" for version in kept}
