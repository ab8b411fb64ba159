"""The filtered index that uv gets, as any HTTP client sees it."""

from __future__ import annotations

import http.client
import json
from typing import TYPE_CHECKING, Any

import pytest
from packaging.version import Version

from minimirror.resolution.inputs import Requirements
from minimirror.resolution.uv.fetcher import IndexFetcher
from minimirror.resolution.uv.filtered_index import FilteredIndex
from minimirror.resolution.uv.index_server import IndexServer
from minimirror.upstream import Retry
from minimirror.upstream.index import Index, Indexes
from tests.helpers import distributions
from tests.helpers.index import Status
from tests.helpers.resolving import LINUX, OpenPolicy

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tests.helpers.index import Index as Server


class Client:
    """A client of a server, and of one filtered index on it."""

    def __init__(self, server: IndexServer, fetcher: IndexFetcher, folder: Path) -> None:
        self.folder = folder
        self.server = server
        self.fetcher = fetcher
        self.connection = http.client.HTTPConnection(server.origin.removeprefix("http://"))

    def open(self, **policy: Any) -> FilteredIndex:
        policies = OpenPolicy(LINUX, **policy)
        shown = FilteredIndex(Requirements("e"), 0, LINUX, LINUX.tags, policies, self.fetcher, self.folder)
        url = self.server.add(shown)
        self.base = url.removeprefix(self.server.origin).removesuffix("simple/")
        return shown

    def get(self, path: str, method: str = "GET") -> tuple[int, bytes]:
        self.connection.request(method, path)
        response = self.connection.getresponse()
        return response.status, response.read()

    def page(self, project: str) -> Any:
        status, body = self.get(f"{self.base}simple/{project}/")
        assert status == 200
        return json.loads(body)


@pytest.fixture
def client(index: Server, tmp_path: Path) -> Iterator[Client]:
    server = IndexServer()
    upstream = Indexes([Index(index.url, retry=Retry(attempts=1))], lambda _: 0)
    fetcher = IndexFetcher(upstream, tmp_path / "kept", 2)
    client = Client(server, fetcher, tmp_path)
    yield client
    client.connection.close()
    server.close()
    fetcher.close()


def test_a_page_that_changes_meanwhile_stays_as_it_was(index: Server, client: Client) -> None:
    wheel = index.add_wheel("demo", "1.0", core_metadata=True)
    shown = client.open()
    assert len(client.page("demo")["files"]) == 1
    index.add_sdist("demo", "1.0")
    assert len(client.page("demo")["files"]) == 1
    status, metadata = client.get(f"{client.base}files/demo/{wheel.filename}.metadata")
    assert (status, metadata[:16]) == (200, b"Metadata-Version")
    assert shown.sdist_of("demo", Version("1.0")) is None
    client.open()
    assert len(client.page("demo")["files"]) == 1
    # The next run resolves again.
    assert Index(index.url).changed("demo", shown.consulted["demo"] or "")


class TestPage:
    def test_shows_what_the_policy_allows(self, index: Server, client: Client) -> None:
        index.add_wheel("demo", "1.0", requires_python=">=3.8", yanked="old")
        index.add_wheel("demo", "2.0", tag="cp312-cp312-win_amd64")
        index.add_wheel("demo", "3.0")
        index.add_sdist("demo", "1.0")
        index.add("demo", "demo-1.0.win32.exe", b"")
        client.open(
            allowed=lambda _project, page, _target: [f for f in page.files if "3.0" not in f.filename]
        )
        page = client.page("demo")
        assert page["name"] == "demo"
        wheel, sdist = page["files"]
        assert wheel["filename"] == "demo-1.0-py3-none-any.whl"
        assert (wheel["requires-python"], wheel["yanked"], wheel["core-metadata"]) == (">=3.8", "old", True)
        assert sdist["filename"] == "demo-1.0.tar.gz"
        assert not sdist.get("core-metadata")
        assert "yanked" not in sdist

    def test_each_page_is_fetched_once(self, index: Server, client: Client) -> None:
        index.add_wheel("demo", "1.0")
        for _ in range(2):
            client.open()
            assert client.page("demo") == client.page("demo")
        assert index.pages_read() == {"demo": 1}

    def test_missing_pages_and_files_are_not_found(self, index: Server, client: Client) -> None:
        index.add_wheel("demo", "1.0")
        shown = client.open(is_mirrored=lambda name: name != "secret")
        missing = (
            "simple/nope/",
            "simple/secret/",
            "simple/",
            "",
            "files/demo/x.whl",
            "files/demo/x.whl.metadata",
        )
        for path in missing:
            assert client.get(client.base + path)[0] == 404
        assert shown.consulted.keys() == {"demo", "nope"}
        assert list(shown.hints.values()) == ["secret"]

    def test_a_failure_is_recorded(self, index: Server, client: Client) -> None:
        index.add_wheel("demo", "1.0")
        index.fault("demo", Status(418))
        shown = client.open()
        for _ in range(2):
            assert client.get(f"{client.base}simple/demo/") == (502, b"HTTP 418")
        assert shown.failures == {"demo": "could not read the page of demo: HTTP 418"}
        assert len(index.requests) == 1


class TestFiles:
    def test_metadata_and_file(self, index: Server, client: Client) -> None:
        wheel = index.add_wheel("demo", "1.0", requires=["dep"])
        client.open()
        metadata = distributions.core_metadata("demo", "1.0", requires=["dep"])
        assert client.get(f"{client.base}files/demo/{wheel.filename}.metadata") == (200, metadata)
        assert client.get(f"{client.base}files/demo/{wheel.filename}") == (200, wheel.content)

    def test_refused_files_cannot_be_fetched_by_name(self, index: Server, client: Client) -> None:
        wheel = index.add_wheel("demo", "1.0")
        client.open(allowed=lambda *_: [])
        assert client.get(f"{client.base}files/demo/{wheel.filename}")[0] == 404
        assert index.files_fetched() == {}

    def test_files_with_a_wrong_digest_are_not_served(self, index: Server, client: Client) -> None:
        sdist = index.add_sdist("demo", "1.0", hashes={"sha256": 64 * "0"})
        shown = client.open()
        status, said = client.get(f"{client.base}files/demo/{sdist.filename}")
        assert (status, said) == (502, b"its sha256 does not match the index")
        assert list(shown.failures) == [sdist.filename]

    def test_local_files_are_served(self, index: Server, client: Client, tmp_path: Path) -> None:
        own = tmp_path / "mine-1.0-py3-none-any.whl"
        own.write_bytes(distributions.wheel("mine", "1.0"))
        client.open(local_files=lambda _: [own])
        (file,) = client.page("mine")["files"]
        assert client.get(f"{client.base}files/mine/{file['filename']}") == (200, own.read_bytes())
        status, metadata = client.get(f"{client.base}files/mine/{own.name}.metadata")
        assert (status, metadata) == (200, distributions.core_metadata("mine", "1.0"))
        assert index.requests == []


class TestSeal:
    def test_nothing_is_served_without_the_secret_url(self, index: Server, client: Client) -> None:
        index.add_wheel("demo", "1.0")
        client.open()
        for path in "/", "/simple/demo/", "//simple/demo/", client.base[:-3] + "/simple/demo/":
            assert client.get(path)[0] == 403
        assert index.requests == []

    def test_the_server_is_not_a_proxy(self, index: Server, client: Client) -> None:
        client.open()
        assert client.get(index.url)[0] == 403
        assert client.get("index.example.org:443", "CONNECT")[0] == 403
        assert index.requests == []
