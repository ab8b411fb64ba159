"""Resolutions that fail: the user learns why, and the others are resolved anyway."""

from __future__ import annotations

import re
import shutil
from types import SimpleNamespace
from typing import TYPE_CHECKING

import pytest

from tests.helpers import distributions
from tests.helpers.index import Body, Status
from tests.helpers.resolving import LINUX, MACOS, WINDOWS, Resolver, versions

if TYPE_CHECKING:
    from pathlib import Path

    from tests.helpers.index import Index as Server

JSON = "application/vnd.pypi.simple.v1+json"


class TestExplanation:
    def test_shows_the_reason_without_the_details_of_uv(self, index: Server, tmp_path: Path) -> None:
        index.add_wheel("demo", "1.0", requires=['dep<1; sys_platform == "win32"', "other"])
        index.add_wheel("other", "1.0", requires=["dep>=1"])
        index.add_wheel("dep", "0.9")
        index.add_wheel("dep", "1.0")
        linux, windows, macos = Resolver(index, LINUX, WINDOWS, MACOS)("demo")
        assert versions([linux, macos]) == [["demo 1.0", "dep 1.0", "other 1.0"]] * 2
        assert windows.needed == ()
        reason = windows.failure or ""
        assert reason.startswith("Because ")
        assert re.search("other.* depends? on dep>=1", reason)
        assert reason.endswith("we can conclude that your requirements are unsatisfiable.")
        assert not [text for text in ("127.0.0.1", "minimirror-", str(tmp_path), "\x1b") if text in reason]
        assert windows.consulted.keys() == {"demo", "dep", "other"}

    def test_a_project_that_is_not_on_the_index(self, index: Server) -> None:
        found = Resolver(index)("nope")[0]
        assert "nope was not found" in (found.failure or "")
        assert found.consulted == {"nope": None}

    def test_an_excluded_project(self, index: Server) -> None:
        index.add_wheel("demo", "1.0", requires=["demo-dep"])
        index.add_wheel("demo-dep", "1.0")
        failure = Resolver(index, is_mirrored=lambda name: name != "demo-dep").failure("demo")
        assert failure.endswith("`exclude_projects` excludes demo-dep.")
        assert index.pages_read() == {"demo": 1}

    def test_a_project_whose_files_are_all_refused(self, index: Server) -> None:
        index.add_wheel("demo", "1.0")
        failure = Resolver(index, allowed=lambda *_: []).failure("demo")
        assert f"No file of demo for {LINUX}" in failure

    @pytest.mark.parametrize(
        "line",
        [
            "demo @ https://user:secret@index.example.org/demo-1.0-py3-none-any.whl",
            "demo @ http://index.example.org/demo-1.0-py3-none-any.whl",
            "demo @ git+https://user:secret@index.example.org/demo.git",
            "demo @ file://{folder}/demo-1.0-py3-none-any.whl",
            "{folder}/demo-1.0-py3-none-any.whl",
        ],
    )
    def test_other_sources_are_refused(self, index: Server, tmp_path: Path, line: str) -> None:
        index.add_wheel("demo", "1.0")
        (tmp_path / "demo-1.0-py3-none-any.whl").write_bytes(distributions.wheel("demo", "1.0"))
        failure = Resolver(index).failure(line.format(folder=tmp_path))
        assert "index" in failure.splitlines()[-1]
        assert "secret" not in failure
        assert index.requests == []


def test_no_room_in_the_temporary_folder(index: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    index.add_wheel("demo", "1.0")
    monkeypatch.setattr(shutil, "disk_usage", lambda _: SimpleNamespace(free=100))
    failure = Resolver(index).failure("demo")
    assert failure.startswith("could not read the page of demo: the temporary folder has no room")
    assert "TMPDIR" in failure


class TestBrokenIndex:
    def test_a_page_that_cannot_be_fetched(self, index: Server) -> None:
        index.add_wheel("demo", "1.0", requires=["dep"])
        rule = index.fault("dep", Status(500), always=True)
        assert Resolver(index).failure("demo").endswith("the page of dep: HTTP 500")
        assert rule.met == 2

    def test_a_page_that_cannot_be_read(self, index: Server) -> None:
        index.fault("demo", Body(b"{", JSON), always=True)
        assert "the page of demo: the page is not" in Resolver(index).failure("demo")

    def test_metadata_that_cannot_be_fetched(self, index: Server) -> None:
        wheel = index.add_wheel("demo", "1.0")
        index.fault(wheel.filename, Status(503), always=True)
        failure = Resolver(index).failure("demo")
        assert failure.endswith(f"the metadata of {wheel.filename}: HTTP 503")

    def test_metadata_that_is_listed_but_missing_is_read_from_the_wheel(self, index: Server) -> None:
        index.add_wheel("demo", "1.0", requires=["dep"], core_metadata=True)
        index.add_wheel("dep", "1.0", core_metadata=True)
        index.fault("demo-1.0-py3-none-any.whl.metadata", Status(404))
        index.fault("dep-1.0-py3-none-any.whl.metadata", Body(b"other bytes"), Body(b"other bytes"))
        assert versions(Resolver(index).one("demo")) == ["demo 1.0", "dep 1.0"]

    def test_an_invalid_wheel_is_skipped(self, index: Server) -> None:
        index.add("demo", "demo-2.0-py3-none-any.whl", b"no wheel" * 1000)
        index.add_wheel("demo", "1.0")
        assert versions(Resolver(index).one("demo")) == ["demo 1.0"]
        failure = Resolver(index).failure("demo>1")
        assert "metadata of demo-2.0-py3-none-any.whl: " in failure

    def test_invalid_names_and_values(self, index: Server) -> None:
        index.add_wheel("demo", "1.0", requires=["dep"])
        for filename in "../demo-2.0.tar.gz", "demo-2.0-x.whl", "demo-two.tar.gz", "dep-9.0-py3-none-any.whl":
            index.add("demo", filename, b"")
        index.add_wheel("demo", "1.5", requires_python="nonsense \x1b[31m")
        index.add_wheel("dep", "1.0", hashes={"sha256": 40 * "a"}, upload_time="yesterday")
        assert "dep 1.0" in versions(Resolver(index).one("demo==1.0"))
