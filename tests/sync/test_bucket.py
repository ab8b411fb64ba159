"""A mirror in a bucket of a real object store."""

from __future__ import annotations

import asyncio
import json
import os
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, closing
from datetime import timedelta
from typing import TYPE_CHECKING, Any

import obstore
import pytest

from minimirror import plan
from minimirror.storage import Catalog, CatalogReader, FolderBusyError, FolderError, MirrorBucket, open_mirror
from minimirror.sync import check_health, mirror_status, verify
from minimirror.sync.workers.starting import end_fork_server
from tests.helpers.buckets import Bucket, bucket, store
from tests.helpers.index import Body, Truncate
from tests.helpers.installers import install_from
from tests.helpers.running import DEADLINE, Mirror
from tests.helpers.servers.gateway import Answer, Gateway, gateway
from tests.helpers.servers.google import google
from tests.helpers.servers.nginx import nginx
from tests.helpers.servers.seaweedfs import KEYS

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

__all__ = ["bucket", "store"]

LARGE = os.urandom(11 << 20)
"""More than a part of a transfer in parts."""


def test_fills_a_bucket_and_goes_on_elsewhere(bucket: Bucket) -> None:
    small = bucket.index.add_wheel("foo", "1.0")
    large = bucket.index.add("foo", "foo-2.0.tar.gz", LARGE)
    found = plan(bucket.config(releases="all"))
    assert {each.filename for each in found.fetch} == {small.filename, large.filename}
    assert (found.fits, found.free) == (True, None)
    assert bucket.names() == set()
    assert bucket.complete(releases="all").files_fetched == 2
    assert bucket.names() == {small.filename, large.filename}
    assert bucket.read(large.filename) == LARGE
    assert bucket.attributes(small.filename)["sha256"] == small.sha256
    assert bucket.complete(releases="all").workers_started == 0
    bucket.move()
    bucket.index.add_wheel("bar", "1.0")
    assert bucket.complete(releases="all").files_fetched == 1
    assert verify(bucket.config(), read=True).well
    assert mirror_status(bucket.config()).files == 3
    assert check_health(bucket.config(), within=60.0).complete


def test_makes_a_lost_catalog_anew_without_fetching(bucket: Bucket) -> None:
    bucket.index.add_wheel("foo", "1.0")
    bucket.index.add("bar", "bar-1.0.tar.gz", LARGE)
    bucket.complete()
    bucket.move()
    for name in bucket.names(".minimirror"):
        obstore.delete(bucket.store, name)
    assert bucket.complete().files_adopted == 2
    assert not bucket.index.files_fetched()


def test_makes_a_catalog_anew_that_is_named_and_lost(bucket: Bucket) -> None:
    bucket.index.add_wheel("foo", "1.0")
    bucket.complete()
    bucket.move()
    (catalog,) = (name for name in bucket.names(".minimirror") if name.endswith(".sqlite"))
    obstore.delete(bucket.store, catalog)
    assert bucket.complete().files_adopted == 1
    bucket.move()
    assert bucket.complete().workers_started == 0


@pytest.mark.parametrize("content", [b"small", LARGE])
def test_a_wrong_file_is_never_visible(bucket: Bucket, content: bytes) -> None:
    file = bucket.index.add("foo", "foo-1.0.tar.gz", content)
    bucket.index.fault(file.filename, Body(content[:-1] + b"?"), always=True)
    summary = bucket.run()
    assert "sha256" in summary.failures[0].cause
    assert bucket.names() == set()
    assert bucket.names(".minimirror/partial") == set()


def test_resumes_a_broken_transfer(bucket: Bucket) -> None:
    file = bucket.index.add("foo", "foo-1.0.tar.gz", LARGE)
    bucket.index.fault(file.filename, Truncate(7 << 20))
    bucket.complete()
    assert bucket.read(file.filename) == LARGE
    ranges = [each.request.headers.get("range") for each in bucket.index.requests if "tar.gz" in each.path]
    assert ranges == [None, f"bytes={7 << 20}-"]


def test_replaces_and_deletes_only_what_it_placed(bucket: Bucket) -> None:
    bucket.put("own-1.0.zip", b"own")
    bucket.put("bar-1.0.tar.gz", b"own, too")
    bucket.index.add_sdist("bar", "1.0")
    bucket.index.add_wheel("foo", "1.0")
    summary = bucket.run(projects=["foo", "bar"])
    assert "other content" in str(summary.failures)
    bucket.index.add_wheel("foo", "2.0")
    bucket.run(projects=["foo", "bar"])
    assert bucket.names() == {"own-1.0.zip", "bar-1.0.tar.gz", "foo-2.0-py3-none-any.whl"}
    assert bucket.read("bar-1.0.tar.gz") == b"own, too"
    new = bucket.index.add("foo", "foo-2.0-py3-none-any.whl", b"other")
    bucket.run(projects=["foo", "bar"], allow_replace=True)
    assert bucket.read(new.filename) == b"other"
    assert bucket.names(".minimirror/partial") == set()


@pytest.mark.parametrize("content", [b"small", LARGE])
def test_an_upload_never_overwrites(bucket: Bucket, content: bytes) -> None:
    """Somebody puts a file there while a worker is receiving another one."""
    mirror = MirrorBucket(bucket.url, bucket.home / "state")

    async def upload() -> str:
        target = mirror.upload("foo-1.0.tar.gz", asyncio.Semaphore(), replace=False)
        target.write(content)
        bucket.put("foo-1.0.tar.gz", b"own")
        return await target.finish("0" * 64)

    with pytest.raises(FileExistsError, match="did not place"):
        asyncio.run(upload())
    assert bucket.read("foo-1.0.tar.gz") == b"own"


def test_one_run_at_a_time(bucket: Bucket) -> None:
    with open_mirror(MirrorBucket(bucket.url, bucket.home / "other")):
        with pytest.raises(FolderBusyError, match="locked by another run: process"):
            bucket.run()
        # It was killed: its machine starts another one at once.
        lease = bucket.read(".minimirror/lease.json")
    bucket.put(".minimirror/lease.json", lease)
    with open_mirror(MirrorBucket(bucket.url, bucket.home / "other")):
        assert json.loads(bucket.read(".minimirror/lease.json"))["token"] != json.loads(lease)["token"]
    bucket.complete()


def test_a_catalog_that_another_run_has_saved_is_not_overwritten(bucket: Bucket) -> None:
    bucket.complete()
    mirror = MirrorBucket(bucket.url, bucket.home / "state-0")
    with ExitStack() as stack:
        catalog = stack.enter_context(open_mirror(mirror))
        catalog.remember("something", "new")
        catalog.commit()
        bucket.put(".minimirror/catalog.json", bucket.read(".minimirror/catalog.json") + b" ")
        with pytest.raises(FolderError, match="another run has saved"):
            stack.close()


def test_saves_the_whole_catalog_while_somebody_reads_it(bucket: Bucket) -> None:
    bucket.index.add_wheel("foo", "1.0")
    bucket.complete()
    bucket.index.add_wheel("bar", "1.0")
    path = MirrorBucket(bucket.url, bucket.home / "state-0").catalog
    with Catalog(path, read_only=True) as reader:
        assert reader.files.count() == 1
        reader.db.execute("BEGIN")
        assert reader.files.count() == 1
        bucket.complete()
    bucket.move()
    assert bucket.complete().files_adopted == 0
    assert mirror_status(bucket.config()).files == 2


@pytest.mark.parametrize("tool", ["pip", "uv"])
def test_installs_from_the_bucket_over_http(bucket: Bucket, tmp_path: Path, store: str, tool: Any) -> None:
    bucket.index.add_wheel("foo", "1.0", requires=["bar"])
    bucket.index.add_wheel("bar", "1.0")
    bucket.complete(simple=True)
    page = bucket.attributes("simple/foo/index.html")
    assert page["Content-Type"] == "text/html; charset=utf-8"
    assert bucket.attributes("simple/foo/index.json")["Content-Type"] == "application/vnd.pypi.simple.v1+json"
    path = bucket.url.removeprefix("s3:/")
    server = f"location / {{ rewrite ^(.*/)$ $1index.html break; proxy_pass {store}; }}"
    with nginx(tmp_path / "nginx", tmp_path, server=server) as origin:
        found = install_from(f"{origin}{path}/simple/", tmp_path / "to", "foo", tool=tool)
    assert found == {"foo==1.0", "bar==1.0"}


def test_installs_from_a_presigned_address(bucket: Bucket, tmp_path: Path) -> None:
    file = bucket.index.add_wheel("foo", "1.0")
    bucket.complete()
    url = obstore.sign(bucket.store, "GET", file.filename, timedelta(minutes=5))
    assert install_from(f"{bucket.index.url}none/", tmp_path / "to", url, tool="pip") == {"foo==1.0"}


def test_finds_and_repairs_damage(bucket: Bucket) -> None:
    for name in ("foo", "bar", "baz"):
        bucket.index.add_wheel(name, "1.0")
    bucket.complete(simple=True)
    damaged = bucket.read("foo-1.0-py3-none-any.whl")
    bucket.put("foo-1.0-py3-none-any.whl", b"?" * len(damaged))
    bucket.put("bar-1.0-py3-none-any.whl", b"?")
    obstore.delete(bucket.store, ["baz-1.0-py3-none-any.whl", "simple/foo/index.html"])
    found = verify(bucket.config(simple=True), read=True)
    assert found.altered == ["foo-1.0-py3-none-any.whl"]
    assert found.truncated == ["bar-1.0-py3-none-any.whl"]
    assert found.missing == ["baz-1.0-py3-none-any.whl"]
    assert "foo" in found.pages
    assert bucket.complete(simple=True).files_fetched == 2


class TestErrors:
    def test_no_bucket(self, bucket: Bucket) -> None:
        with pytest.raises(FolderError, match="no such bucket") as caught:
            list(MirrorBucket("s3://missing/mirror", bucket.home).filenames())
        assert caught.value.exit_code == 2

    def test_wrong_key(self, bucket: Bucket, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv("AWS_ACCESS_KEY_ID", "nobody")
        bucket.url += "-denied"
        with pytest.raises(FolderError, match="access denied") as caught:
            bucket.run()
        assert "secret" not in str(caught.value)

    def test_no_server(self, bucket: Bucket, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv("AWS_ENDPOINT_URL", "http://127.0.0.1:9")
        bucket.url += "-unreachable"
        with pytest.raises(FolderError, match="cannot be reached"):
            bucket.run()


def refusal(status: int, code: str) -> Answer:
    body = f"<Error><Code>{code}</Code><Message>secret-word</Message></Error>"
    return Answer(status, body.encode(), {"Content-Type": "application/xml"})


class TestRefusals:
    """What a store answers now and then, by a gateway in front of a real one."""

    @pytest.fixture
    def way(self, bucket: Bucket, store: str, monkeypatch: pytest.MonkeyPatch) -> Iterator[Gateway]:
        bucket.url += "-behind"
        bucket.index.add_wheel("foo", "1.0")
        bucket.index.add("bar", "bar-1.0.tar.gz", LARGE)
        with gateway(store) as found:
            monkeypatch.setenv("AWS_ENDPOINT_URL", found.url)
            yield found

    def test_that_pass(self, bucket: Bucket, way: Gateway) -> None:
        """The store is overloaded, or a part of a large file gets lost."""
        answers = {"foo": refusal(503, "SlowDown"), "partNumber=2": refusal(500, "InternalError")}

        def once(_method: str, path: str) -> Answer | None:
            return next((answers.pop(each) for each in [*answers] if each in path), None)

        way.instead = once
        assert bucket.complete().files_fetched == 2
        assert not answers
        assert bucket.read("bar-1.0.tar.gz") == LARGE

    def test_of_a_part(self, bucket: Bucket, way: Gateway) -> None:
        """The file fails, the others do not, and nothing of it stays."""
        way.instead = lambda _, path: refusal(403, "AccessDenied") if "partNumber=2" in path else None
        summary = bucket.run()
        assert "access denied" in str(summary.failures)
        assert bucket.names() == {"foo-1.0-py3-none-any.whl"}
        assert bucket.names(".minimirror/partial") == set()
        assert [path for method, path in way.requests if method == "DELETE" and "uploadId" in path]

    def test_other_machines_stop_listing_a_file_before_it_is_deleted(
        self, bucket: Bucket, way: Gateway
    ) -> None:
        bucket.complete(simple=True)
        bucket.index.add_wheel("foo", "2.0")
        seen: list[str] = []

        def look(method: str, _: str) -> None:
            if method == "DELETE":
                other = MirrorBucket(bucket.url, bucket.home / "other")
                other.refresh()
                with closing(CatalogReader(other.catalog)) as catalog:
                    seen.extend(row.version for row in catalog.files("foo"))

        way.instead = look
        bucket.complete(simple=True)
        assert seen
        assert {*seen} == {"2.0"}

    def test_a_run_that_ends_before_it_deletes(self, bucket: Bucket, way: Gateway) -> None:
        """Another machine deletes the file, and fetches nothing."""
        bucket.complete()
        bucket.index.add_wheel("foo", "2.0")
        way.instead = lambda method, _: refusal(403, "AccessDenied") if method == "DELETE" else None
        assert not bucket.run().complete
        way.instead = lambda *_: None
        # Its lease could not be deleted, and would last for two minutes.
        obstore.delete(bucket.store, ".minimirror/lease.json")
        bucket.move()
        assert bucket.complete().files_removed == 1
        assert not bucket.index.files_fetched()
        assert bucket.names() == {"foo-2.0-py3-none-any.whl", "bar-1.0.tar.gz"}

    def test_of_old_credentials(self, bucket: Bucket, way: Gateway) -> None:
        way.instead = lambda *_: refusal(400, "ExpiredToken")
        with pytest.raises(FolderError, match="credentials have expired") as caught:
            bucket.run()
        assert "secret-word" not in str(caught.value)


def test_takes_keys_and_endpoint_from_a_profile(
    bucket: Bucket, store: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Also if another run in this process, before, had others in its environment."""
    bucket.index.add_wheel("bar", "1.0")
    monkeypatch.setenv("AWS_ENDPOINT_URL", "http://127.0.0.1:9")
    end_fork_server()
    Mirror(bucket.index, tmp_path / "folder").complete()
    for name in (*KEYS, "AWS_ENDPOINT_URL"):
        monkeypatch.delenv(name)
    path = tmp_path / "aws"
    key, secret, region = KEYS.values()
    path.write_text(
        f"[profile lab]\nregion = {region}\nendpoint_url = {store}\n"
        f"aws_access_key_id = {key}\naws_secret_access_key = {secret}\n"
    )
    monkeypatch.setenv("AWS_CONFIG_FILE", str(path))
    monkeypatch.setenv("AWS_PROFILE", "lab")
    assert bucket.complete().files_fetched == 1


class TestGoogle:
    """The store speaks S3; what is in front of it translates."""

    @pytest.fixture
    def bucket(self, bucket: Bucket, store: str, monkeypatch: pytest.MonkeyPatch) -> Iterator[Bucket]:
        for name in ("AWS_ENDPOINT_URL", *KEYS):
            monkeypatch.delenv(name)
        with google(store) as origin:
            monkeypatch.setenv("STORAGE_EMULATOR_HOST", origin)
            yield Bucket(bucket.index, bucket.home, "gs")

    def test_fills_a_bucket_and_goes_on_elsewhere(self, bucket: Bucket) -> None:
        small = bucket.index.add_wheel("foo", "1.0")
        large = bucket.index.add("foo", "foo-2.0.tar.gz", LARGE)
        assert {each.filename for each in plan(bucket.config(releases="all")).fetch} == {
            small.filename,
            large.filename,
        }
        assert bucket.complete(releases="all", simple=True).files_fetched == 2
        assert bucket.read(large.filename) == LARGE
        assert bucket.attributes(small.filename)["sha256"] == small.sha256
        assert b"foo-1.0" in bucket.read("simple/foo/index.html")
        assert bucket.attributes("simple/foo/index.html")["Content-Type"].startswith("text/html")
        bucket.move()
        bucket.index.remove_file("foo", small.filename)
        assert bucket.complete(releases="all", simple=True).files_removed == 1
        assert not bucket.index.files_fetched()
        assert verify(bucket.config(), read=True).well

    def test_replaces_only_what_it_placed(self, bucket: Bucket) -> None:
        bucket.put("bar-1.0.tar.gz", b"own")
        bucket.put("large-1.0.tar.gz", b"own")
        bucket.index.add_sdist("bar", "1.0")
        bucket.index.add("large", "large-1.0.tar.gz", LARGE)
        bucket.index.add_wheel("foo", "1.0")
        assert "other content" in str(bucket.run(projects=["foo", "bar", "large"]).failures)
        assert bucket.read("bar-1.0.tar.gz") == bucket.read("large-1.0.tar.gz") == b"own"
        for content in (b"new", LARGE):
            new = bucket.index.add("foo", "foo-1.0-py3-none-any.whl", content)
            bucket.run(projects=["foo"], allow_replace=True)
            assert bucket.read(new.filename) == content
        assert bucket.names(".minimirror/partial") == set()

    def test_keeps_two_runs_apart(self, bucket: Bucket) -> None:
        bucket.index.add_wheel("foo", "1.0")
        bucket.complete()
        with (
            open_mirror(MirrorBucket(bucket.url, bucket.home / "other")),
            pytest.raises(FolderBusyError, match="locked by another run"),
        ):
            bucket.run()

    def test_a_file_that_comes_meanwhile_stays(self, bucket: Bucket) -> None:
        """Neither the parent nor a worker has seen it when the run lists the bucket."""
        small = bucket.index.add_wheel("foo", "1.0")
        gate = bucket.index.hold(small.filename)
        with ThreadPoolExecutor(1) as thread:
            running = thread.submit(bucket.run)
            assert gate.reached.wait(DEADLINE)
            bucket.put(small.filename, b"own")
            gate.release()
            (failure,) = running.result().failures
        assert "did not place" in failure.cause
        assert bucket.read(small.filename) == b"own"
