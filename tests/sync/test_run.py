"""Runs from Python, with worker processes, against a real index."""

from __future__ import annotations

import json
import logging
import os
import socket
import sqlite3
import time
from collections import Counter
from concurrent.futures import TimeoutError as FutureTimeoutError
from datetime import datetime, timezone
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from minimirror import Config, Failure, MinimirrorError, Status, run
from minimirror.storage import CatalogError, FolderBusyError
from minimirror.upstream import ListingError
from tests.helpers.index import UPLOADED, Body, Index
from tests.helpers.index import Status as Answer
from tests.helpers.running import DEADLINE, Mirror, in_background, until

if TYPE_CHECKING:
    from collections.abc import Callable

    from minimirror import Summary

    Factory = Callable[..., Index]

PASSWORD = "pass-w0rd/with@signs"
QUOTED_PASSWORD = "pass-w0rd%2Fwith%40signs"


@pytest.fixture
def mirror(index: Index, repository: Path) -> Mirror:
    return Mirror(index, repository)


def causes(summary: Summary) -> list[str]:
    return [str(failure) for failure in summary.failures]


def content(*files: Any) -> dict[str, bytes]:
    return {file.filename: file.content for file in files}


KINDS: dict[str, dict[str, Any]] = {
    "json, serials": {},
    "json, serials, no etags": {"etags": False},
    "json, etags": {"formats": {"json"}, "serials": False},
    "json, relative urls, neither": {"relative_urls": True, "serials": False, "etags": False},
    "json, gzip": {"gzip": True},
    "html, etags": {"formats": {"html"}, "serials": False},
    "html, etags, gzip": {"formats": {"html"}, "serials": False, "gzip": True},
    "html, base": {
        "formats": {"html"},
        "serials": False,
        "base_href": "/some/where/else.html",
        "html_upload_times": True,
    },
    "html, plain": {
        "formats": {"html"},
        "serials": False,
        "etags": False,
        "ranges": False,
        "digests": False,
        "relative_urls": True,
    },
}


class TestKindsOfIndex:
    """Any kind of index gives the same files, and the second run makes as few requests as possible."""

    @pytest.mark.parametrize("manner", KINDS.values(), ids=KINDS.keys())
    def test_same_files(self, index_factory: Factory, repository: Path, manner: dict[str, Any]) -> None:
        index = index_factory(**manner)
        mirror = Mirror(index, repository)
        index.add_wheel("Demo.Project", "1.0")
        wheel = index.add_wheel("Demo.Project", "1.1", requires_python=">=3.8", core_metadata=True)
        sdist = index.add_sdist("demo_project", "1.1")
        other = index.add_wheel("other", "2!1.0+local.1")
        index.add_project("empty")
        summary = mirror.complete()
        assert mirror.files() == content(wheel, sdist, other)
        assert (summary.projects_wanted, summary.projects_read) == (3, 3)
        assert (summary.files_wanted, summary.files_fetched, summary.files_present) == (3, 3, 0)
        assert summary.bytes_fetched == sum(map(len, mirror.files().values()))
        assert summary.refused == Counter(releases=1)
        assert set(index.files_fetched().values()) == {1}
        if index.formats != {"html"} or index.html_upload_times:
            assert {path.stat().st_mtime for path in repository.glob("[!.]*")} == {UPLOADED.timestamp()}

        stamps = mirror.stamps()
        summary = mirror.complete()
        assert mirror.requests() == sorted(self.least_requests(index))
        assert (summary.files_wanted, summary.files_fetched, summary.files_present) == (3, 0, 3)
        assert (summary.projects_wanted, summary.projects_read, summary.workers_started) == (3, 0, 0)
        assert mirror.stamps() == stamps

        newest = index.add_wheel("demo-project", "1.2")
        summary = mirror.complete()
        assert mirror.files() == content(newest, other)
        assert mirror.stamps()[other.filename] == stamps[other.filename]
        assert (summary.projects_read, summary.files_fetched, summary.files_removed) == (1, 1, 2)
        assert summary.files_present == 1
        # Without serials and ETags, every page is read to see whether it changed.
        others = set() if index.serials or index.etags else {"other", "empty"}
        assert index.pages_read().keys() == {"demo-project"} | others

    def least_requests(self, index: Index) -> list[tuple[str, int]]:
        status = 304 if index.etags else 200
        root = [("/simple/", status)]
        if index.serials:
            return root
        return [*root, *((f"/simple/{name}/", status) for name in ("demo-project", "empty", "other"))]

    @pytest.mark.parametrize("formats", [{"json"}, {"html"}])
    def test_file_host(self, index_factory: Factory, repository: Path, formats: set[str]) -> None:
        """Files may be on another host, which does not get the password of the index."""
        index, files = index_factory(formats=formats, auth=("me", "secret")), index_factory()
        wheel = files.add_wheel("demo", "1.0")
        index.add("demo", wheel.filename, wheel.content, url=files.file_url(wheel))
        mirror = Mirror(index, repository, index_url=index.url.replace("//", "//me:secret@"))
        mirror.complete()
        assert mirror.files() == content(wheel)
        assert all("authorization" in exchange.headers for exchange in index.requests)
        assert len(files.requests) == 1
        assert "authorization" not in files.requests[0].headers

    def test_odd_upload_times_are_no_failure(self, mirror: Mirror, index: Index) -> None:
        index.add_wheel("old", "1.0", upload_time=datetime(1969, 1, 1, tzinfo=timezone.utc))
        index.add_wheel("odd", "1.0", upload_time="yesterday")
        index.add_wheel("none", "1.0", upload_time=None)
        index.add_wheel("far", "1.0", upload_time="9999-12-31T23:59:59Z")
        mirror.complete()
        assert len(mirror.names()) == 4


class TestCredentials:
    @pytest.fixture
    def guarded(self, index_factory: Factory) -> Index:
        index = index_factory(auth=("alice", PASSWORD), serials=False)
        index.add_wheel("demo", "1.0")
        return index

    def with_password(self, index: Index, password: str = QUOTED_PASSWORD) -> str:
        return index.url.replace("//", f"//alice:{password}@")

    def test_in_the_url(
        self, guarded: Index, repository: Path, caplog: pytest.LogCaptureFixture, capfd: Any
    ) -> None:
        """All requests use them, and they are written nowhere."""
        caplog.set_level(logging.DEBUG)
        mirror = Mirror(guarded, repository, index_url=self.with_password(guarded))
        guarded.fault("*.whl", Answer(503, {"Retry-After": "0"}))
        guarded.add_wheel("broken", "1.0")
        guarded.fault("broken", Answer(403), always=True)
        summary = mirror.run()
        (failure,) = summary.failures
        assert (failure.project, "HTTP 403" in failure.cause) == ("broken", True)
        assert mirror.names() == {"demo-1.0-py3-none-any.whl"}
        mirror.run(index_url=self.with_password(guarded, "wrong-w0rd"), projects=["demo"], releases=2)
        with pytest.raises(MinimirrorError) as caught:
            mirror.run(index_url=self.with_password(guarded, "wrong-w0rd"))
        output = capfd.readouterr()
        said = [repr(summary), str(summary.as_dict()), str(caught.value), caplog.text, output.out, output.err]
        kept = [path.read_bytes() for path in mirror.state.rglob("*") if path.is_file()]
        assert len(kept) > 1
        for secret in (PASSWORD, QUOTED_PASSWORD, "w0rd"):
            assert not any(secret in text for text in said)
            assert not any(secret.encode() in data for data in kept)

    def test_in_netrc(self, guarded: Index, repository: Path) -> None:
        netrc = Path(os.environ["HOME"], ".netrc")
        netrc.write_text(f"machine 127.0.0.1 login alice password {PASSWORD}\n")
        netrc.chmod(0o600)
        mirror = Mirror(guarded, repository)
        with mirror.command() as command:
            assert command.end() == 0, command.stderr
        assert mirror.names() == {"demo-1.0-py3-none-any.whl"}

    def test_missing(self, guarded: Index, repository: Path) -> None:
        with pytest.raises(MinimirrorError, match="401"):
            Mirror(guarded, repository).run()
        summary = Mirror(guarded, repository, projects=["demo"]).run()
        (failure,) = summary.failures
        assert (failure.project, "HTTP 401" in failure.cause) == ("demo", True)


class TestIncremental:
    def test_only_the_changed_page_is_read(self, mirror: Mirror, index: Index) -> None:
        for number in range(20):
            index.add_wheel(f"project-{number}", "1.0")
        mirror.complete()
        index.add_wheel("project-7", "2.0")
        summary = mirror.complete()
        assert mirror.requests() == [
            ("/files/project-7/project_7-2.0-py3-none-any.whl", 200),
            ("/simple/", 200),
            ("/simple/project-7/", 200),
        ]
        assert (summary.files_wanted, summary.files_fetched, summary.files_present) == (20, 1, 19)
        assert (summary.projects_wanted, summary.projects_read, summary.files_removed) == (20, 1, 1)

    def test_superseded_file_is_deleted_once_the_new_ones_are_placed(
        self, mirror: Mirror, index: Index
    ) -> None:
        old = index.add_wheel("demo", "1.0")
        mirror.complete()
        new = [index.add_wheel("demo", "2.0"), index.add_sdist("demo", "2.0")]
        with in_background(mirror.complete) as result, index.hold(new[1].filename) as gate:
            assert gate.reached.wait(DEADLINE)
            until(lambda: new[0].filename in mirror.names(), "the other file is placed")
            assert mirror.files() == content(old, new[0])
            gate.release()
            summary = result.result(DEADLINE)
        assert mirror.files() == content(*new)
        assert (summary.files_fetched, summary.files_removed) == (2, 1)

    def test_superseded_file_stays_while_a_new_one_fails(self, mirror: Mirror, index: Index) -> None:
        old = index.add_wheel("demo", "1.0")
        other = index.add_wheel("other", "1.0")
        mirror.complete()
        new = [index.add_wheel("demo", "2.0"), index.add_sdist("demo", "2.0")]
        newer = index.add_wheel("other", "2.0")
        index.fault(new[1].filename, Answer(404), always=True)
        for _ in range(2):
            summary = mirror.run()
            assert summary.failures == [Failure("demo", "demo-2.0.tar.gz", "HTTP 404")]
            assert not summary.complete
            assert mirror.files() == content(old, new[0], newer)
            assert index.files_fetched().keys() <= {new[0].filename, newer.filename}
            # Two files of demo 2.0 and one of other; the superseded one is not wanted.
            assert (summary.files_wanted, summary.files_failed) == (3, 1)
        assert (summary.files_present, summary.files_fetched) == (2, 0)
        assert (summary.projects_read, summary.files_removed) == (1, 0)
        index.heal()
        summary = mirror.complete()
        assert mirror.files() == content(*new, newer)
        assert (summary.files_wanted, summary.files_fetched, summary.files_present) == (3, 1, 2)
        assert other.filename not in mirror.names()

    def test_deleted_or_truncated_file_is_fetched_again(self, mirror: Mirror, index: Index) -> None:
        files = [
            index.add_wheel("one", "1.0"),
            index.add_wheel("two", "1.0"),
            index.add_wheel("three", "1.0"),
        ]
        mirror.complete()
        (mirror.path / files[0].filename).unlink()
        (mirror.path / files[1].filename).write_bytes(files[1].content[:100])
        stamp = mirror.stamps()[files[2].filename]
        summary = mirror.complete()
        assert mirror.files() == content(*files)
        assert index.files_fetched() == {files[0].filename: 1, files[1].filename: 1}
        assert mirror.stamps()[files[2].filename] == stamp
        assert (summary.files_wanted, summary.files_fetched, summary.files_present) == (3, 2, 1)
        (mirror.path / files[0].filename).unlink()
        index.fault(files[0].filename, Answer(404), always=True)
        summary = mirror.run()
        assert causes(summary) == [f"{files[0].filename}: HTTP 404"]
        assert (summary.files_wanted, summary.files_present, summary.files_failed) == (3, 2, 1)

    @pytest.mark.parametrize("serials", [True, False])
    def test_removed_upstream_is_deleted(
        self, index_factory: Factory, repository: Path, serials: bool
    ) -> None:
        index = index_factory(serials=serials)
        mirror = Mirror(index, repository, releases=2)
        kept = index.add_wheel("demo", "1.0")
        for version in ("2.0", "3.0"):
            index.add_wheel("demo", version)
            index.add_wheel("malware", version)
        mirror.complete()
        assert len(mirror.names()) == 4
        index.remove("malware")
        index.remove_file("demo", "demo-3.0-py3-none-any.whl")
        summary = mirror.complete()
        assert mirror.names() == {kept.filename, "demo-2.0-py3-none-any.whl"}
        assert (summary.projects_wanted, summary.projects_removed, summary.files_removed) == (1, 1, 3)
        index.add_wheel("malware", "2.0")
        assert mirror.complete().files_fetched == 1

    def test_changed_back_after_half_of_a_release_was_fetched(
        self, index_factory: Factory, repository: Path
    ) -> None:
        """A page may be the same again, byte for byte, but not the one that was mirrored last."""
        index = index_factory(serials=False)
        mirror = Mirror(index, repository)
        old = index.add_wheel("demo", "1.0")
        mirror.complete()
        index.add_wheel("demo", "2.0")
        index.add_sdist("demo", "2.0")
        index.fault("demo-2.0.tar.gz", Answer(404), always=True)
        mirror.run()
        assert "demo-2.0-py3-none-any.whl" in mirror.names()
        index.remove_file("demo", "demo-2.0-py3-none-any.whl")
        index.remove_file("demo", "demo-2.0.tar.gz")
        mirror.complete()
        assert mirror.files() == content(old)

    def test_replaced_upstream_under_its_name(self, mirror: Mirror, index: Index) -> None:
        old = index.add_wheel("demo", "1.0")
        mirror.complete()
        new = index.add_wheel("demo", "1.0", padding=10)
        assert not mirror.run().complete
        assert mirror.files() == content(old)
        summary = mirror.complete(allow_replace=True)
        assert mirror.files() == content(new)
        assert (summary.files_wanted, summary.files_fetched, summary.files_removed) == (1, 1, 0)

    def test_yanked_upstream(self, mirror: Mirror, index: Index) -> None:
        first = index.add_wheel("demo", "1.0")
        second = index.add_wheel("demo", "2.0")
        mirror.complete()
        index.add_wheel("demo", "2.0", yanked="breaks everything")
        summary = mirror.complete()
        assert mirror.files() == content(first)
        assert summary.refused == {"yanked": 1}
        mirror.complete(yanked=True)
        assert mirror.files() == content(second)

    def test_quarantined(self, mirror: Mirror, index: Index) -> None:
        index.add_wheel("demo", "1.0")
        other = index.add_wheel("other", "1.0")
        mirror.complete()
        index.status("demo", "quarantined", "malware")
        summary = mirror.complete()
        assert mirror.files() == content(other)
        (note,) = summary.notes
        assert note.startswith("demo:")
        assert "quarantined" in note
        index.status("demo", "archived")
        assert mirror.complete().files_fetched == 1

    def test_new_metadata_fetches_no_file(self, mirror: Mirror, index: Index) -> None:
        wheel = index.add_wheel("demo", "1.0")
        mirror.complete()
        stamps = mirror.stamps()
        index.add("demo", wheel.filename, wheel.content, requires_python=">=3.9")
        summary = mirror.complete()
        assert (summary.projects_read, summary.files_fetched, summary.files_present) == (1, 0, 1)
        assert not index.files_fetched()
        assert mirror.stamps() == stamps
        (found,) = query(mirror, "SELECT requires_python FROM files")
        assert found == (">=3.9",)

    def test_index_that_cannot_be_read_changes_nothing(self, mirror: Mirror, index: Index) -> None:
        index.add_wheel("demo", "1.0")
        mirror.complete()
        before = mirror.files()
        for body in (b"", b"<html>", b'{"projects": [{"name": "x"}', b"[]", b'{"meta": {}}'):
            index.fault("/simple/", Body(body, "application/vnd.pypi.simple.v1+json"))
            with pytest.raises(ListingError):
                mirror.run()
            assert mirror.files() == before
        index.fault("/simple/", Answer(404))
        with pytest.raises(ListingError, match="HTTP 404") as caught:
            mirror.run()
        assert index.origin in str(caught.value)
        assert mirror.complete().files_present == 1

    def test_catalog_of_a_newer_minimirror(self, mirror: Mirror, index: Index) -> None:
        index.add_wheel("demo", "1.0")
        mirror.complete()
        index.add_wheel("demo", "2.0")
        with sqlite3.connect(mirror.state / "catalog.sqlite") as db:
            db.execute("PRAGMA user_version = 99")
        db.close()
        before = mirror.stamps()
        with pytest.raises(CatalogError, match="newer minimirror"):
            mirror.run()
        assert mirror.stamps() == before
        assert not index.requests

    def test_catalog_that_is_not_a_database_is_made_again(self, mirror: Mirror, index: Index) -> None:
        mirror.state.mkdir(parents=True)
        (mirror.state / "catalog.sqlite").write_bytes(b"no database at all" * 1000)
        index.add_wheel("demo", "1.0")
        summary = mirror.complete()
        assert "not a database" in summary.notes[0]
        (aside,) = mirror.state.glob("catalog.damaged-*")
        assert aside.name in summary.notes[0]
        assert mirror.complete().files_present == 1


class TestChangedSelection:
    """The config changes between runs; the folder follows, and no file is fetched twice."""

    def test_widened_and_narrowed(self, mirror: Mirror, index: Index) -> None:
        tags = [
            "cp312-cp312-manylinux_2_17_x86_64",
            "cp312-cp312-win_amd64",
            "cp39-cp39-musllinux_1_2_aarch64",
        ]
        for version in ("1.0", "2.0", "3.0rc1"):
            for tag in tags:
                index.add_wheel("demo", version, tag=tag)
            index.add_sdist("demo", version)
        index.add_wheel("other", "1.0", yanked=True)
        index.add_wheel("other", "0.9")
        everything = {file.filename: file for project in index.projects.values() for file in project.files}

        def expect(names: set[str], **rules: Any) -> None:
            before = set((mirror.path.exists() and mirror.names()) or ())
            summary = mirror.complete(allow_delete=True, **rules)
            assert mirror.files() == {name: everything[name].content for name in names}
            assert index.files_fetched() == dict.fromkeys(names - before, 1)
            assert summary.files_removed == len(before - names)
            assert summary.files_present == len(names & before)
            # The same rules again: nothing to do.
            assert mirror.complete(**rules).workers_started == 0
            assert mirror.requests() == [("/simple/", 304)]

        second = {name for name in everything if name.startswith("demo-2.0")}
        first = {name for name in everything if name.startswith("demo-1.0")}
        third = {name for name in everything if name.startswith("demo-3.0")}
        other = {"other-0.9-py3-none-any.whl"}
        expect(second | other)
        expect(second | first | other, releases=2)
        expect(second | first | third | other, releases="all", prereleases=True)
        expect({n for n in second if "linux" in n} | {"demo-2.0.tar.gz"} | other, platforms=["linux", "any"])
        expect({"demo-2.0-cp312-cp312-win_amd64.whl"}, platforms=["win"], package_types=["bdist_wheel"])
        expect({"demo-2.0.tar.gz"}, extensions=["gz"])
        expect({n for n in second if "cp312" in n}, python_versions=["cp312"])
        expect(second | {"other-1.0-py3-none-any.whl"}, yanked=True)
        expect(first | other, projects=["demo<2", "o*"])
        expect(other, exclude_projects=["dem*"])
        expect(second | other)

    def test_list_of_projects(self, mirror: Mirror, index: Index) -> None:
        """Without globs the root is not read."""
        for name in ("one", "two", "three"):
            index.add_wheel(name, "1.0")
            index.add_wheel(name, "2.0")
        mirror.complete(projects=["one", "Two"])
        assert sorted(mirror.names()) == ["one-2.0-py3-none-any.whl", "two-2.0-py3-none-any.whl"]
        assert "/simple/" not in {exchange.path for exchange in index.requests}
        summary = mirror.complete(projects=["one", "two"])
        assert mirror.requests() == [("/simple/one/", 304), ("/simple/two/", 304)]
        assert summary.workers_started == 0
        summary = mirror.complete(projects=["two==1.*", "three"])
        assert sorted(mirror.names()) == ["three-2.0-py3-none-any.whl", "two-1.0-py3-none-any.whl"]
        assert index.pages_read() == {"two": 1, "three": 1}
        assert (summary.files_fetched, summary.files_removed, summary.projects_removed) == (2, 2, 1)
        # To a glob and back: no file is fetched again.
        mirror.complete(projects=["t*"])
        assert index.files_fetched() == {"two-2.0-py3-none-any.whl": 1}
        mirror.complete(projects=["three", "two"])
        assert not index.files_fetched()
        assert sorted(mirror.names()) == ["three-2.0-py3-none-any.whl", "two-2.0-py3-none-any.whl"]

    def test_another_index(self, index_factory: Factory, repository: Path) -> None:
        """Files that both have are not fetched again; files that only the first has are deleted."""
        index, other = index_factory(), index_factory()
        same = index.add_wheel("same", "1.0")
        index.add_wheel("first", "1.0")
        index.add_wheel("differs", "1.0")
        for name in ("x", "y"):
            other.add_project(name)
        other.add("same", same.filename, same.content)
        differs = other.add_wheel("differs", "1.0", padding=5)
        second = other.add_wheel("second", "1.0")
        assert other.serial != index.serial
        Mirror(index, repository).complete()
        mirror = Mirror(other, repository)
        summary = mirror.complete(allow_replace=True)
        assert mirror.files() == content(same, differs, second)
        assert other.files_fetched() == {differs.filename: 1, second.filename: 1}
        assert (summary.projects_removed, summary.files_removed) == (1, 1)
        assert mirror.complete().workers_started == 0

    def test_failed_change_is_finished_later(self, mirror: Mirror, index: Index) -> None:
        """Also if the config has not changed since."""
        files = [index.add_wheel("demo", version) for version in ("1.0", "2.0", "3.0")]
        mirror.complete()
        index.fault(files[0].filename, Answer(404))
        assert not mirror.run(releases="all").complete
        assert mirror.files() == content(*files[1:])
        mirror.complete(releases="all")
        assert mirror.files() == content(*files)
        index.fault("/simple/demo/", Answer(403))
        assert not mirror.run(releases=2).complete
        mirror.complete(releases="all")
        assert mirror.files() == content(*files)
        mirror.complete(releases=2)
        assert mirror.files() == content(*files[1:])


class TestNamedProjects:
    def test_that_do_not_exist(self, mirror: Mirror, index: Index) -> None:
        demo = index.add_wheel("demo", "1.0")
        for projects in (["demo", "Nonesuch"], ["demo", "nonesuch", "zzz-*"]):
            summary = mirror.run(projects=projects)
            assert [(each.project, each.filename) for each in summary.failures] == [("nonesuch", None)]
            assert mirror.files() == content(demo)
            assert (summary.projects_wanted, summary.files_wanted, summary.files_failed) == (1, 1, 0)

    def test_without_selected_files(self, mirror: Mirror, index: Index) -> None:
        index.add_wheel("demo", "1.0")
        index.add_project("empty")
        summary = mirror.run(projects=["demo>=2", "empty"])
        demo, empty = sorted(summary.notes)
        assert demo.startswith("demo:")
        assert "projects 1" in demo
        assert empty.startswith("empty:")
        assert (summary.files_wanted, summary.complete, summary.unmatched) == (0, False, {"projects": 1})

    def test_that_are_removed_upstream(self, mirror: Mirror, index: Index) -> None:
        index.add_wheel("demo", "1.0")
        other = index.add_wheel("other", "1.0")
        mirror.complete(projects=["demo", "other"])
        index.remove("demo")
        for _ in range(2):
            summary = mirror.run(projects=["demo", "other"])
            assert [(each.project, each.filename) for each in summary.failures] == [("demo", None)]
            assert mirror.files() == content(other)

    def test_whose_page_cannot_be_read_keep_their_files(self, mirror: Mirror, index: Index) -> None:
        demo = index.add_wheel("demo", "1.0")
        mirror.complete(projects=["demo"])
        index.add_wheel("demo", "2.0")
        for body in (
            b"",
            b"\0\1\2",
            b"[]",
            b'{"files": 3}',
            b'{"meta": {"api-version": "2.0"}, "files": []}',
        ):
            index.fault("/simple/demo/", Body(body, "application/vnd.pypi.simple.v1+json"), always=True)
            summary = mirror.run(projects=["demo"])
            assert len(summary.failures) == 1, body
            assert summary.failures[0].filename is None
            assert mirror.files() == content(demo)
            assert summary.files_present == 1
            index.heal()
        mirror.complete(projects=["demo"])
        assert mirror.names() == {"demo-2.0-py3-none-any.whl"}

    def test_listed_by_the_root_without_a_page(self, mirror: Mirror, index: Index) -> None:
        demo = index.add_wheel("demo", "1.0")
        index.add_wheel("ghost", "1.0")
        index.fault("/simple/ghost/", Answer(404), always=True)
        summary = mirror.run()
        (cause,) = causes(summary)
        assert cause.startswith("ghost: ")
        assert "HTTP 404" in cause
        assert mirror.files() == content(demo)

    def test_few_of_thousands(self, mirror: Mirror, index: Index) -> None:
        """Only pages of selected projects are read."""
        for number in range(5000):
            index.add_project(f"project-{number}")
        index.add_wheel("django-one", "1.0")
        index.add_wheel("Django_Two", "1.0")
        summary = mirror.complete(projects=["django.*", "project-4999"], exclude_projects=["django-two"])
        assert mirror.names() == {"django_one-1.0-py3-none-any.whl"}
        assert index.pages_read() == {"django-one": 1, "project-4999": 1}
        assert (summary.projects_wanted, summary.projects_read) == (2, 2)


class TestFolder:
    """Everything else in the folder is local."""

    def test_local_files_are_never_touched(self, mirror: Mirror, index: Index) -> None:
        mirror.path.mkdir()
        files = {"demo-0.9-py3-none-any.whl": b"mine", "notes.txt": b"notes", "local-1.0.tar.gz": b"local"}
        for name, data in files.items():
            (mirror.path / name).write_bytes(data)
        (mirror.path / "folder").mkdir()
        (mirror.path / "folder" / "demo-1.0.tar.gz").write_bytes(b"mine")
        stamps = mirror.stamps()
        index.add_wheel("demo", "0.9")
        index.add_wheel("demo", "1.0")

        def local() -> dict[str, tuple[int, int]]:
            return {name: stamp for name, stamp in mirror.stamps().items() if name in stamps}

        changes: list[dict[str, Any]] = [{}, {"releases": "all"}, {"exclude_projects": ["*"]}]
        for rules in changes:
            # A project that is listed by name is mirrored beside local files.
            summary = mirror.run(projects=["demo"], **rules)
            assert local() == stamps
            # A selected file with the name of a local one is reported, and the local one is left alone.
            assert [each.filename for each in summary.failures] == (
                ["demo-0.9-py3-none-any.whl"] if rules.get("releases") else []
            )
        index.remove("demo")
        mirror.complete()
        assert local() == stamps == mirror.stamps()
        assert {name: (mirror.path / name).read_bytes() for name in files} == files

    def test_folder_of_minirepo_is_adopted(self, mirror: Mirror, index: Index) -> None:
        """Equal files are not fetched again, a truncated one is noted, and superseded ones are deleted."""
        good = [
            index.add_wheel("demo", "1.0"),
            index.add_sdist("demo", "1.0"),
            index.add_wheel("other", "1.0"),
        ]
        broken = index.add_wheel("broken", "1.0")
        mirror.path.mkdir()
        for file in good:
            (mirror.path / file.filename).write_bytes(file.content)
        (mirror.path / broken.filename).write_bytes(broken.content[:-1])
        (mirror.path / "unlisted-1.0.tar.gz").write_bytes(b"x")
        stamps = mirror.stamps()
        summary = mirror.run()
        assert not index.files_fetched()
        assert mirror.stamps() == stamps
        assert (summary.files_wanted, summary.files_adopted, summary.files_failed) == (3, 3, 0)
        assert (summary.files_fetched, summary.files_present, summary.bytes_fetched) == (0, 0, 0)
        (note,) = summary.notes
        assert note.startswith("broken: ")
        assert "local project" in note
        assert broken.filename in note
        (mirror.path / broken.filename).unlink()
        index.add_wheel("demo", "2.0")
        summary = mirror.complete()
        assert mirror.names() == {
            "demo-2.0-py3-none-any.whl",
            good[2].filename,
            broken.filename,
            "unlisted-1.0.tar.gz",
        }
        assert (summary.files_fetched, summary.files_present, summary.files_removed) == (2, 1, 2)

    @pytest.mark.parametrize("hashes", [False, {"blake3": "0" * 64}])
    def test_file_without_a_known_digest_on_the_page_is_not_adopted(
        self, index: Index, repository: Path, hashes: bool | dict[str, str]
    ) -> None:
        """It may be local, and adopted files may be deleted one day."""
        index.add_wheel("demo", "1.0", hashes=hashes)
        repository.mkdir()
        (repository / "demo-1.0-py3-none-any.whl").write_bytes(b"local")
        mirror = Mirror(index, repository)
        summary = mirror.run(projects=["demo"])
        assert len(summary.failures) == 1
        assert "no digest" in summary.failures[0].cause
        index.remove("demo")
        mirror.complete()
        assert mirror.files() == {"demo-1.0-py3-none-any.whl": b"local"}

    def test_something_else_in_a_files_place(self, mirror: Mirror, index: Index, tmp_path: Path) -> None:
        """A folder, a dangling link or a link to another file is reported, not followed and not touched."""
        folder, dangling, linked = (index.add_wheel(name, "1.0") for name in ("a", "b", "c"))
        fine = index.add_wheel("d", "1.0")
        elsewhere = tmp_path / "elsewhere"
        elsewhere.write_bytes(b"precious")
        mirror.path.mkdir()
        (mirror.path / folder.filename).mkdir()
        (mirror.path / dangling.filename).symlink_to(tmp_path / "nowhere")
        (mirror.path / linked.filename).symlink_to(elsewhere)
        for _ in range(2):
            summary = mirror.run()
            names = {failure.filename for failure in summary.failures}
            assert names == {folder.filename, dangling.filename}
            # Installers follow a link, so it counts as a local file.
            (note,) = summary.notes
            assert note.startswith("c: ")
            assert "local project" in note
            assert linked.filename in note
            assert not any("written" in failure.cause for failure in summary.failures), causes(summary)
        assert (mirror.path / fine.filename).read_bytes() == fine.content
        assert elsewhere.read_bytes() == b"precious"
        assert not (tmp_path / "nowhere").exists()

    def test_superseded_file_that_cannot_be_deleted_costs_one_project(
        self, mirror: Mirror, index: Index
    ) -> None:
        old = index.add_wheel("demo", "1.0")
        index.add_wheel("other", "1.0")
        mirror.complete()
        (mirror.path / old.filename).unlink()
        (mirror.path / old.filename).mkdir()
        (mirror.path / old.filename / "keep").touch()
        new = [index.add_wheel("demo", "2.0"), index.add_wheel("other", "2.0")]
        summary = mirror.run()
        assert {file.filename for file in new} | {old.filename} == mirror.names()
        assert (summary.files_fetched, summary.files_removed) == (2, 1)

    def test_two_runs_at_once(self, mirror: Mirror, index: Index) -> None:
        wheel = index.add_wheel("demo", "1.0")
        with in_background(mirror.complete) as result, index.hold(wheel.filename) as gate:
            assert gate.reached.wait(DEADLINE)
            requests = len(index.requests)
            with pytest.raises(FolderBusyError) as caught:
                run(Config(repository=mirror.path, index_url=index.url))
            assert f"process {os.getpid()} on {socket.gethostname()}" in str(caught.value)
            assert str(mirror.path) in str(caught.value)
            assert len(index.requests) == requests
            assert not result.done()
            gate.release()
            assert result.result(DEADLINE).complete
        assert mirror.files() == content(wheel)
        mirror.complete()

    def test_hostile_filenames_stay_inside(self, mirror: Mirror, index: Index, tmp_path: Path) -> None:
        good = index.add_wheel("demo", "1.0")
        hostile = [
            "../demo-1.0.tar.gz",
            "../../demo-1.0-py3-none-any.whl",
            "/tmp/demo-1.0.tar.gz",
            "..\\demo-1.0.tar.gz",
            ".minimirror/catalog.sqlite",
            "demo-1.0/../../x.tar.gz",
            "demo-1.0\0.tar.gz",
            "demo-1.0\n.tar.gz",
            "demo-1.0\x1b[2J.tar.gz",
            "..",
            "",
            "demo-1.0-" + "x" * 300 + ".tar.gz",
            "other-1.0-py3-none-any.whl",
            "demo-\N{RIGHT-TO-LEFT OVERRIDE}1.0.tar.gz",
        ]
        for name in hostile:
            index.add("demo", name, b"evil", version="1.0")
        index.add_wheel("other", "1.0")
        before = {path for path in tmp_path.rglob("*") if not path.is_relative_to(mirror.path)}
        summary = mirror.run(releases="all")
        assert mirror.names() == {good.filename, "other-1.0-py3-none-any.whl"}
        assert b"evil" not in mirror.files().values()
        after = {path for path in tmp_path.rglob("*") if not path.is_relative_to(mirror.path)}
        assert after == before
        # Messages have no control characters.
        said = [*causes(summary), *summary.notes]
        assert all(text.isprintable() for text in said)

    def test_nothing_is_left_behind(self, mirror: Mirror, index: Index) -> None:
        """After a complete run there are no unfinished transfers, and the folder is not locked."""
        index.add_wheel("demo", "1.0")
        (mirror.state / "partial").mkdir(parents=True)
        (mirror.state / "partial" / "demo-0.1.tar.gz.part").write_bytes(b"old")
        mirror.complete()
        assert mirror.partials() == {}
        names = sorted(path.name for path in mirror.state.iterdir())
        assert names == ["catalog.sqlite", "lock", "partial", "workers.lock"]

    def test_unfinished_transfers_survive_a_failed_run(self, mirror: Mirror, index: Index) -> None:
        (mirror.state / "partial").mkdir(parents=True)
        (mirror.state / "partial" / "demo-1.0.tar.gz.part").write_bytes(b"half")
        index.fault("/simple/", Answer(404))
        with pytest.raises(MinimirrorError):
            mirror.run()
        assert mirror.partials() == {"demo-1.0.tar.gz.part": 4}


def query(mirror: Mirror, sql: str) -> list[Any]:
    db = sqlite3.connect(f"file:{mirror.state / 'catalog.sqlite'}?mode=ro", uri=True)
    try:
        return db.execute(sql).fetchall()
    finally:
        db.close()


class TestHistory:
    def test_catalog_has_the_files(self, mirror: Mirror, index: Index) -> None:
        wheel = index.add_wheel("Demo", "1.0.0", requires_python=">=3.8", core_metadata=True, yanked="bad")
        mirror.complete(yanked=True)
        columns = "filename, project, version, size, sha256, upload_time, requires_python, yanked, url"
        assert query(mirror, f"SELECT {columns} FROM files") == [
            (
                wheel.filename,
                "demo",
                "1.0.0",
                len(wheel.content),
                wheel.sha256,
                UPLOADED.timestamp(),
                ">=3.8",
                "bad",
                index.file_url(wheel),
            )
        ]

    def test_runs(self, mirror: Mirror, index: Index) -> None:
        index.add_wheel("demo", "1.0")
        before = time.time()
        mirror.complete()
        index.add_wheel("demo", "2.0")
        index.fault("*/demo-2.0-*", Answer(404))
        mirror.run()
        index.fault("/simple/", Answer(403))
        with pytest.raises(MinimirrorError):
            mirror.run()
        runs = query(mirror, "SELECT started, ended, counts FROM runs ORDER BY id")
        times = [time for run in runs for time in run[:2]]
        assert sorted(times) == times
        assert before <= times[0] <= times[-1] <= time.time()
        counts = [json.loads(run[2]) for run in runs]
        assert [each["files"]["fetched"] for each in counts] == [1, 0, 0]
        assert [each["complete"] for each in counts] == [True, False, False]
        assert [each["failures"] for each in counts[:2]] == [0, 1]
        errors = [each["error"] for each in counts]
        assert errors[:2] == [None, None]
        assert "HTTP 403" in errors[2]


class TestProgress:
    def test_reports_files_and_bytes(self, mirror: Mirror, index: Index) -> None:
        files = [index.add_wheel(f"project-{number}", "1.0", padding=1000) for number in range(30)]
        seen: list[Status] = []
        with in_background(lambda: mirror.run(seen.append)) as result, index.hold(files[7].filename) as gate:
            assert gate.reached.wait(DEADLINE)
            until(lambda: seen and seen[-1].files_fetched == 29, "all but one are reported")
            with pytest.raises(FutureTimeoutError):
                result.result(0)
            assert seen[-1].in_flight.keys() == {files[7].filename}
            gate.release()
            summary = result.result(DEADLINE)
        last = seen[-1]
        assert (last.projects, last.projects_read, last.files, last.files_fetched) == (30, 30, 30, 30)
        assert last.bytes == last.bytes_fetched == summary.bytes_fetched
        assert (last.failures, last.in_flight) == (0, {})
        counts = ("projects", "projects_read", "files", "files_fetched", "bytes", "bytes_fetched", "failures")
        for field in counts:
            values = [getattr(status, field) for status in seen]
            assert values == sorted(values), field
        for status in seen:
            # The list of projects is read first.
            assert status.projects_read <= status.projects in {0, 30}
            assert status.files_fetched + len(status.in_flight) <= status.files
            assert status.bytes_fetched <= status.bytes
            assert all(0 <= count < 3000 for count in status.in_flight.values())

    def test_nothing_to_do(self, index_factory: Factory, repository: Path) -> None:
        index = index_factory(serials=False)
        index.add_wheel("demo", "1.0")
        index.add_wheel("other", "1.0")
        mirror = Mirror(index, repository)
        mirror.complete()
        seen: list[Status] = []
        mirror.run(seen.append)
        assert (seen[-1].projects, seen[-1].projects_read, seen[-1].files) == (2, 2, 0)

    def test_an_exception_from_the_callback_ends_the_run(self, mirror: Mirror, index: Index) -> None:
        index.add_wheel("demo", "1.0")

        def fail(_: Status) -> None:
            raise ZeroDivisionError

        with pytest.raises(ZeroDivisionError):
            mirror.run(fail)
        mirror.complete()


class TestRequestsAndLog:
    def test_user_agent_and_connections(self, index_factory: Factory, repository: Path) -> None:
        """By default, a run opens at most 32 connections."""
        index = index_factory(latency=0.02, serials=False)
        for number in range(150):
            index.add_wheel(f"project-{number}", "1.0")
        run(Config(repository=repository, index_url=index.url))
        assert 8 < index.peak_connections <= 32
        agents = {exchange.headers["user-agent"] for exchange in index.requests}
        assert len(agents) == 1
        assert agents.pop().startswith("minimirror/")
        # The parent makes the conditional requests; it closes its connections before the workers start.
        for number in range(0, 150, 2):
            index.add_wheel(f"project-{number}", "2.0")
        index.clear()
        summary = run(Config(repository=repository, index_url=index.url))
        assert (summary.projects_read, summary.files_fetched) == (75, 75)
        assert index.peak_connections <= 32

    def test_each_file_is_logged(
        self, mirror: Mirror, index: Index, caplog: pytest.LogCaptureFixture
    ) -> None:
        caplog.set_level(logging.INFO, "minimirror")
        index.add_wheel("demo", "1.0")
        mirror.complete()
        wheel = index.add_wheel("demo", "2.0")
        index.add_project("bad")
        index.fault("/simple/bad/", Answer(403))
        mirror.run()
        missing, *changes = caplog.records[1:]
        assert missing.levelname == "WARNING"
        assert "bad: " in missing.getMessage()
        assert [(record.levelname, record.getMessage()) for record in changes] == [
            ("INFO", f"fetched demo-2.0-py3-none-any.whl ({len(wheel.content)} bytes)"),
            ("INFO", "deleted demo-1.0-py3-none-any.whl"),
        ]
