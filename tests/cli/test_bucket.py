"""Commands on a mirror in a bucket of a real object store."""

from __future__ import annotations

import json
import os
from typing import TYPE_CHECKING, Any
from urllib.request import Request, urlopen

import pytest

from minimirror.bundle import export, import_bundles, list_exports
from minimirror.publish.report import facts
from minimirror.sync import mirror_report, verify
from tests.helpers.buckets import Bucket, bucket, new_bucket, store
from tests.helpers.distributions import wheel
from tests.helpers.index import Index
from tests.helpers.installers import install_from
from tests.helpers.pushing import ANN, counts, shelf
from tests.helpers.running import Mirror, minimirror_command, until
from tests.helpers.serving import Server

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

__all__ = ["bucket", "store"]

LARGE = os.urandom(11 << 20)
"""More than is sent at once."""

FOO = "foo-1.0+local.1-py3-none-any.whl"


@pytest.fixture(scope="module")
def filled(store: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Bucket]:
    """A mirror of a project with a dependency, and a local file. Nothing here changes it."""
    with Index() as index, pytest.MonkeyPatch.context() as environment:
        bucket = new_bucket(index, store, tmp_path_factory.mktemp("filled"), environment)
        fill(bucket)
        yield bucket


def fill(bucket: Bucket) -> None:
    bucket.index.add_wheel("foo", "1.0+local.1", requires=["bar", "mine"])
    bucket.index.add_wheel("bar", "1.0", core_metadata=True)
    bucket.put("mine-1.0-py3-none-any.whl", wheel("mine", "1.0"))
    bucket.complete(simple=True)


class TestServe:
    @pytest.mark.parametrize(("tool", "redirect"), [("pip", True), ("uv", True), ("uv", False)])
    def test_installs(self, filled: Bucket, tmp_path: Path, tool: Any, redirect: bool) -> None:
        config = filled.config_file(serve={"redirect": redirect})
        with Server(config, "--verbose") as server:
            found = install_from(server.simple, tmp_path / "to", "foo", tool=tool)
            requests = server.requests()
        assert found == {"foo==1.0+local.1", "bar==1.0", "mine==1.0"}
        assert ("GET", "/packages/bar-1.0-py3-none-any.whl.metadata", 200) in requests
        codes = {status for method, path, status in requests if (method, path[-4:]) == ("GET", ".whl")}
        assert codes <= ({302} if redirect else {200, 206})

    def test_sends_files_and_parts(self, filled: Bucket) -> None:
        """The store answers, or the server as of a folder."""
        content, path = filled.read(FOO), f"/packages/{FOO}"
        with Server(filled.config_file()) as server:
            with urlopen(Request(f"{server.url}{path[1:]}", headers={"Range": "bytes=2-5"})) as reply:
                assert (reply.status, reply.read()) == (206, content[2:6])
            assert server.ask(path).headers["Cache-Control"] == "no-store"
            head = server.ask(path, "HEAD")
            assert (head.status, head.headers["Content-Length"]) == (200, str(len(content)))
        with Server(filled.config_file(serve={"redirect": False})) as server:
            whole = server.ask(path)
            assert (whole.status, whole.body) == (200, content)
            assert server.ask(path, headers={"If-None-Match": whole.headers["ETag"]}).status == 304
            head = server.ask(path, "HEAD")
            assert (head.headers["Content-Length"], head.body) == (str(len(content)), b"")
            for asked, status, found in (
                ("bytes=2-5", 206, content[2:6]),
                ("bytes=9-", 206, content[9:]),
                ("bytes=-7", 206, content[-7:]),
                ("bytes=0-999999999", 200, content),
                ("bytes=1-2,4-5", 200, content),
            ):
                part = server.ask(path, headers={"Range": asked})
                assert (part.status, part.body) == (status, found), asked
            old = server.ask(path, headers={"Range": "bytes=2-5", "If-Range": '"other"'})
            assert (old.status, old.body) == (200, content)
            assert server.ask(path, headers={"Range": "bytes=999999999-"}).status == 416
            assert server.ask("/packages/other-1.0.zip").status == 404

    def test_follows_runs_of_another_machine(self, bucket: Bucket) -> None:
        with Server(bucket.config_file()) as server:
            assert server.names("foo") == set()
            bucket.move()
            bucket.index.add_wheel("foo", "1.0")
            bucket.complete()
            until(lambda: server.names("foo") == {"foo-1.0-py3-none-any.whl"}, "the page lists it")

    def test_pages_for_people(self, filled: Bucket) -> None:
        with Server(filled.config_file()) as server:
            assert "3 files" in server.ask("/").body.decode()
            assert FOO in server.ask("/packages/").body.decode()
            assert server.ask("/report").status == 200
            assert "pip install foo" in server.ask("/browse/project/foo").body.decode()


def test_reports(filled: Bucket) -> None:
    filled.move()
    found = mirror_report(filled.config())
    assert (found.repository, found.files, found.local.files) == (filled.url, 2, 1)
    assert next(facts(found)) == ("bucket", filled.url)


def test_exports_and_imports(bucket: Bucket, tmp_path: Path) -> None:
    """From a bucket into a folder, and from a folder into a bucket."""
    fill(bucket)
    bucket.index.add("bar", "bar-2.0.tar.gz", LARGE)
    bucket.complete()
    names = {"bar-2.0.tar.gz", FOO, "mine-1.0-py3-none-any.whl"}
    result = export(bucket.config(), tmp_path / "from-bucket.tar")
    assert result.files == 3
    assert [each.name for each in list_exports(bucket.config())] == ["from-bucket.tar"]
    folder = Mirror(bucket.index, tmp_path / "folder")
    (imported,) = import_bundles(folder.settings(), result.paths)
    assert imported.added == 3
    assert folder.files() == {name: bucket.read(name) for name in names}
    export(folder.settings(), tmp_path / "from-folder.tar")
    other = Bucket(bucket.index, tmp_path / "other")
    for check in (True, False):
        (imported,) = import_bundles(other.config(simple=True), [tmp_path / "from-folder.tar"], check=check)
        assert imported.added == 3
    assert {name: other.read(name) for name in names} == folder.files()
    assert "mine-1.0-py3-none-any.whl" in other.read("simple/mine/index.html").decode()
    (again,) = import_bundles(other.config(), [tmp_path / "from-folder.tar"])
    assert again.why_not == "already imported"
    assert verify(other.config(), read=True).well


def test_pushes(filled: Bucket, tmp_path: Path) -> None:
    command = ("push", "--config", filled.config_file(), "--all", "--json")
    with shelf(tmp_path) as server:
        for expected in (counts(uploaded=3), counts(present=3)):
            done = minimirror_command(*command, server.origin, env=ANN)
            assert json.loads(done.stdout)["files"] == expected, done.output
        assert server.files() == {name: filled.read(name) for name in filled.names() if name.endswith(".whl")}
