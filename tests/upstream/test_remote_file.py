"""Remote files that are read in parts: no more of them than needed."""

from __future__ import annotations

import io
import shutil
from types import SimpleNamespace
from typing import TYPE_CHECKING

import pytest

from minimirror.distributions import MAX_METADATA, read_wheel_metadata
from minimirror.resolution.uv.fetcher import IndexFetcher
from minimirror.simple_api import File
from minimirror.upstream import FetchError, Index, Indexes, Retry
from minimirror.upstream.remote_file import NoRangesError, RemoteFile
from tests.helpers import distributions
from tests.helpers.index import Body, Headers, IgnoreRange, Status, Truncate

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tests.helpers.index import Index as Server

NAME = "demo-1.0-py3-none-any.whl"
METADATA = distributions.core_metadata("demo", "1.0")


class TestRemoteFile:
    @pytest.fixture
    def remote(self, index: Server) -> File:
        wheel = index.add_wheel("demo", "1.0", padding=400_000)
        return File(wheel.filename, index.file_url(wheel), {})

    def open(self, index: Server, remote: File) -> RemoteFile:
        return RemoteFile(Index(index.url).client, remote.url, Retry(attempts=2, pause=0))

    def test_it_reads_like_a_local_file(self, index: Server, remote: File) -> None:
        content = index.projects["demo"].files[0].content
        file = self.open(index, remote)
        for start, size in (0, 10), (100_000, 7), (100_003, 4), (390_000, 20_000), (0, 70_000), (401_000, 1):
            assert file.seek(start) == start
            assert file.read(size) == content[start : start + size]
        assert file.seek(-5, io.SEEK_END) == len(content) - 5
        assert file.read() == content[-5:]
        assert file.read() == b""
        with pytest.raises(ValueError, match="before the start"):
            file.seek(-1)

    def test_metadata_at_the_end_costs_one_request(self, index: Server, remote: File) -> None:
        wheel = index.add("demo", NAME, distributions.wheel("demo", "1.0"))
        file = self.open(index, remote._replace(url=index.file_url(wheel)))
        assert read_wheel_metadata(file, NAME) == METADATA
        assert [exchange.status for exchange in index.requests] == [206]

    @pytest.mark.parametrize("fault", [IgnoreRange(), Headers({"Content-Range": "bytes 0-9/400000"})])
    def test_a_server_without_ranges_is_an_error(
        self, index: Server, remote: File, fault: IgnoreRange | Headers
    ) -> None:
        index.fault(remote.filename, fault)
        with pytest.raises(NoRangesError):
            self.open(index, remote)

    def test_a_broken_transfer_is_retried(self, index: Server, remote: File) -> None:
        index.fault(remote.filename, Truncate(after=1000))
        assert self.open(index, remote).read() == index.projects["demo"].files[0].content
        assert len(index.requests) == 3

    def test_a_file_that_changes_is_an_error(self, index: Server, remote: File) -> None:
        file = self.open(index, remote)
        index.add_wheel("demo", "1.0", padding=500_000)
        with pytest.raises(FetchError, match="changed"):
            file.read(10)


class TestMetadata:
    @pytest.fixture
    def upstream(self, index: Server, tmp_path: Path) -> Iterator[IndexFetcher]:
        indexes = Indexes([Index(index.url, retry=Retry(attempts=2, pause=0))], lambda _: 0)
        upstream = IndexFetcher(indexes, tmp_path, 2)
        yield upstream
        upstream.close()

    def listed(self, upstream: IndexFetcher) -> File:
        with upstream.page("demo") as reply:
            assert reply is not None
            return reply.page.files[0]

    def test_it_is_read_from_the_file_beside_the_wheel(self, index: Server, upstream: IndexFetcher) -> None:
        wheel = index.add_wheel("demo", "1.0", core_metadata=True)
        assert upstream.metadata("demo", self.listed(upstream)) == METADATA
        assert index.files_fetched() == {f"{wheel.filename}.metadata": 1}

    def test_it_is_read_from_the_wheel_if_that_file_is_too_long(
        self, index: Server, upstream: IndexFetcher
    ) -> None:
        wheel = index.add_wheel("demo", "1.0", core_metadata={"sha256": 64 * "0"})
        index.fault(f"{wheel.filename}.metadata", Body(bytes(MAX_METADATA + 1), "text/plain"))
        assert upstream.metadata("demo", self.listed(upstream)) == METADATA

    def test_it_is_read_from_the_whole_wheel_if_the_server_has_no_ranges(
        self, index: Server, upstream: IndexFetcher
    ) -> None:
        index.ranges = False
        index.add_wheel("demo", "1.0", padding=200_000)
        assert upstream.metadata("demo", self.listed(upstream)) == METADATA

    @pytest.mark.parametrize("listed", [True, False])
    def test_files_take_at_most_half_of_the_room(
        self, index: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, listed: bool
    ) -> None:
        index.add_wheel("demo", "1.0", padding=5_000)
        index.add_wheel("demo", "2.0", padding=15_000)
        monkeypatch.setattr(shutil, "disk_usage", lambda _: SimpleNamespace(free=24_000))
        indexes = Indexes([Index(index.url, retry=Retry(attempts=2, pause=0))], lambda _: 0)
        upstream = IndexFetcher(indexes, tmp_path / "kept", 2)
        with upstream.page("demo") as reply:
            assert reply is not None
            files = reply.page.files
        small, large = files if listed else [file._replace(size=None) for file in files]
        with pytest.raises(FetchError, match="temporary folder"):
            upstream.file("demo", large)
        assert upstream.file("demo", small).read_bytes() == index.projects["demo"].files[0].content
        kept = [path.name for path in (tmp_path / "kept").rglob("*") if path.is_file()]
        # The other one is the page.
        assert small.filename in kept
        assert len(kept) == 2
        upstream.close()

    def test_a_failure_is_not_requested_again(self, index: Server, upstream: IndexFetcher) -> None:
        wheel = index.add_wheel("demo", "1.0")
        rule = index.fault(wheel.filename, Status(404))
        for _ in range(2):
            with pytest.raises(FetchError, match="404"):
                upstream.metadata("demo", self.listed(upstream))
        assert rule.met == 1
