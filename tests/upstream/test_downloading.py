"""One file from a URL: whole, verified, continued where a transfer broke."""

from __future__ import annotations

import errno
import hashlib
import os
import re
import threading
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from minimirror.common import counted
from minimirror.simple_api import File
from minimirror.upstream import FetchError, Retry
from minimirror.upstream.downloading import LARGE, Downloaded, check, download, matches
from minimirror.upstream.target import PartialFile
from tests.helpers.fetching import ManyAtATime, OneAtATime, Way
from tests.helpers.index import (
    UPLOADED,
    Behaviour,
    Body,
    Chunked,
    Drip,
    Gate,
    Headers,
    IgnoreRange,
    Redirect,
    Reset,
    Status,
    Together,
    Truncate,
    WrongBytes,
)
from tests.helpers.running import until

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from tests.helpers.index import Index, Response

NAME = "demo-1.0.zip"
CONTENT = bytes(range(256)) * 400
SIZE = len(CONTENT)
OTHER = CONTENT[::-1]


def digest(content: bytes = CONTENT, algorithm: str = "sha256") -> dict[str, str]:
    return {algorithm: hashlib.new(algorithm, content).hexdigest()}


DONE = Downloaded(SIZE, digest()["sha256"])


class Fetching:
    """A file on an index, what a page says of it, and where it goes."""

    def __init__(self, index: Index, folder: Path, way: Way) -> None:
        self.index = index
        self.way = way
        self.partial = folder / f"{NAME}.part"
        self.reports: list[int] = []
        self.file = File(NAME, "", {})
        self.serve(CONTENT)

    def serve(self, content: bytes, **said: Any) -> None:
        url = self.index.file_url(self.index.add("demo", NAME, content))
        self.file = File(NAME, url, digest(content), size=len(content), upload_time=UPLOADED.timestamp())
        self.say(**said)

    def say(self, **said: Any) -> None:
        """Let the page say something else."""
        self.file = self.file._replace(**said)

    def fault(self, *behaviours: Behaviour, always: bool = False) -> None:
        self.index.fault(NAME, *behaviours, always=always)

    def __call__(self, *, attempts: int = 5, **options: Any) -> Downloaded:
        retry = Retry(attempts=attempts, pause=0)
        report = self.reports.append
        return self.way.run(
            download(
                self.way.http, self.file, PartialFile(self.partial), retry=retry, report=report, **options
            )
        )

    def failure(self, *, attempts: int = 5, **options: Any) -> FetchError:
        with pytest.raises(FetchError) as caught:
            self(attempts=attempts, **options)
        return caught.value

    @property
    def ranges(self) -> list[str | None]:
        """The range that each request asked for."""
        return [exchange.headers.get("range") for exchange in self.index.requests]

    @property
    def here(self) -> bytes | None:
        return self.partial.read_bytes() if self.partial.exists() else None


@dataclass(frozen=True)
class Part(Behaviour):
    """A part of a file, and what the server says of it."""

    status: int
    content_range: str
    content: bytes

    def respond(self, response: Response, /) -> Response:
        changed = replace(response, status=self.status, body=self.content)
        return changed.with_headers({"Content-Range": self.content_range})


NUMBERS = st.sampled_from([0, 999, 1000, 1001, SIZE - 1, SIZE, SIZE + 1, -1, 10**17, 10**40]) | st.integers()
CONTENT_RANGES = st.one_of(
    st.just(f"bytes 1000-{SIZE - 1}/{SIZE}"),
    st.builds("bytes {}-{}/{}".format, NUMBERS, NUMBERS, NUMBERS | st.just("*")),
    st.builds(
        "{} {}{}{}/{}".format,
        st.sampled_from(["bytes", "Bytes", "lines", ""]),
        *[NUMBERS, st.text("- =*", max_size=2)] * 2,
    ),
    st.text(st.characters(max_codepoint=255, exclude_characters="\r\n"), max_size=30),
)


@pytest.fixture(params=[OneAtATime, ManyAtATime])
def fetch(request: pytest.FixtureRequest, index: Index, tmp_path: Path) -> Iterator[Fetching]:
    way: Way = request.param()
    yield Fetching(index, tmp_path, way)
    way.close()


class TestWhole:
    def test_a_file(self, fetch: Fetching) -> None:
        assert fetch() == DONE
        assert fetch.here == CONTENT
        assert fetch.partial.stat().st_mtime == UPLOADED.timestamp()
        assert (fetch.ranges, fetch.reports[-1]) == ([None], SIZE)
        assert fetch.reports == sorted(fetch.reports)
        assert fetch.index.requests[0].headers["accept-encoding"] == "identity"

    @pytest.mark.parametrize("size", [0, 1, 8192, 65536, LARGE - 1, LARGE, LARGE + 1])
    @pytest.mark.parametrize("chunked", [False, True])
    def test_of_any_size(self, fetch: Fetching, size: int, chunked: bool) -> None:
        content = (CONTENT * (size // SIZE + 1))[:size]
        fetch.serve(content)
        if chunked:
            fetch.fault(Chunked(100_000))
        assert fetch() == Downloaded(size, digest(content)["sha256"])
        assert fetch.here == content

    @pytest.mark.parametrize("size", [None, SIZE])
    @pytest.mark.parametrize("digests", [{}, digest(), digest(algorithm="md5"), {"crc32": "0" * 32}])
    @pytest.mark.parametrize("chunked", [False, True])
    def test_without_size_or_digests(
        self, fetch: Fetching, size: int | None, digests: dict[str, str], chunked: bool
    ) -> None:
        if chunked:
            fetch.fault(Chunked())
        fetch.say(size=size, digests=digests, upload_time=None)
        assert fetch() == DONE
        assert fetch.here == CONTENT

    def test_without_a_length_or_chunks(self, fetch: Fetching) -> None:
        fetch.fault(Headers({"Content-Length": "none", "Connection": "close"}))
        assert fetch() == DONE

    def test_behind_a_redirect(self, fetch: Fetching, index_factory: Callable[..., Index]) -> None:
        elsewhere = index_factory()
        fetch.fault(Redirect(elsewhere.file_url(elsewhere.add("demo", NAME, CONTENT))))
        assert fetch() == DONE
        assert elsewhere.files_fetched() == {NAME: 1}

    @pytest.mark.parametrize("seconds", [0.0, 1.5, 1704164645.678901, 253402300799.0, -62135683140.0])
    def test_its_upload_time_becomes_its_mtime(self, fetch: Fetching, seconds: float) -> None:
        fetch.say(upload_time=seconds)
        fetch()
        if 0 <= seconds < 1 << 33:  # what every file system holds
            assert fetch.partial.stat().st_mtime == pytest.approx(seconds, abs=1e-6)

    def test_every_digest_is_checked(self, fetch: Fetching) -> None:
        fetch.say(digests=digest() | digest(algorithm="blake2b") | {"new-one": "00" * 20})
        assert fetch() == DONE
        fetch.say(digests=digest() | digest(OTHER, "md5"))
        assert "md5" in fetch.failure().cause
        assert fetch.here is None


class TestPinned:
    @pytest.mark.parametrize("said", [{}, digest(algorithm="md5"), digest()])
    def test_one_of_the_digests_is_enough(self, fetch: Fetching, said: dict[str, str]) -> None:
        right = next(f"{name}:{value}" for name, value in digest(algorithm="sha512").items())
        fetch.say(digests=said, size=None, pinned=(f"sha256:{'0' * 64}", right))
        assert fetch() == DONE
        assert check(fetch.partial, fetch.file) == DONE

    def test_another_file_is_an_error_that_names_both(self, fetch: Fetching) -> None:
        pinned = f"sha256:{'0' * 64}"
        fetch.say(digests=digest(algorithm="md5"), pinned=(pinned,))
        cause = fetch.failure().cause
        assert pinned in cause
        assert digest()["sha256"] in cause
        assert fetch.here is None


class TestResumed:
    def test_where_it_broke(self, fetch: Fetching) -> None:
        fetch.fault(Truncate(1000), Truncate(500))
        assert fetch() == DONE
        assert fetch.here == CONTENT
        assert fetch.ranges == [None, "bytes=1000-", "bytes=1500-"]
        assert {1000, 1500, SIZE} <= set(fetch.reports)
        assert sum(exchange.sent for exchange in fetch.index.requests) == SIZE

    def test_behind_a_reset(self, fetch: Fetching) -> None:
        fetch.fault(Reset(50_000))
        assert fetch() == DONE

    def test_in_the_hashing_thread(self, fetch: Fetching) -> None:
        content = CONTENT * (LARGE // SIZE + 10)
        fetch.serve(content)
        fetch.fault(Truncate(LARGE - 5), Truncate(3))
        assert fetch() == Downloaded(len(content), digest(content)["sha256"])
        assert fetch.ranges == [None, f"bytes={LARGE - 5}-", f"bytes={LARGE - 2}-"]

    def test_from_an_earlier_run(self, fetch: Fetching) -> None:
        fetch.fault(Truncate(1000))
        assert fetch.failure(attempts=1).transient
        assert fetch.here == CONTENT[:1000]
        assert fetch() == DONE
        assert fetch.ranges == [None, "bytes=1000-"]

    def test_complete_from_an_earlier_run(self, fetch: Fetching) -> None:
        fetch.partial.write_bytes(CONTENT)
        assert fetch() == DONE
        assert fetch.ranges == []
        assert fetch.partial.stat().st_mtime == UPLOADED.timestamp()

    def test_complete_from_an_earlier_run_without_a_listed_size(self, fetch: Fetching) -> None:
        fetch.say(size=None)
        fetch.partial.write_bytes(CONTENT)
        assert fetch() == DONE
        assert fetch.ranges == [f"bytes={SIZE}-", None]

    @pytest.mark.parametrize("left", [b"x", b"x" * 1000, OTHER, CONTENT + b"x", CONTENT * 2])
    def test_not_from_another_file_of_an_earlier_run(self, fetch: Fetching, left: bytes) -> None:
        fetch.partial.write_bytes(left)
        assert fetch() == DONE
        assert fetch.here == CONTENT

    @pytest.mark.parametrize("digests", [{}, {"blake3": "0" * 64}])
    def test_not_from_an_earlier_run_without_a_digest(self, fetch: Fetching, digests: dict[str, str]) -> None:
        fetch.partial.write_bytes(OTHER[:1000])
        fetch.say(digests=digests)
        assert fetch() == DONE
        assert (fetch.here, fetch.ranges) == (CONTENT, [None])

    def test_without_digests_by_the_etag(self, fetch: Fetching) -> None:
        fetch.say(digests={})
        fetch.fault(Truncate(1000))
        assert fetch() == DONE
        assert fetch.ranges == [None, "bytes=1000-"]
        assert fetch.index.requests[1].headers["if-range"] == f'"{DONE.sha256}"'

    def test_without_digests_by_the_etag_that_came_before_an_error(self, fetch: Fetching) -> None:
        fetch.say(digests={})
        fetch.fault(Truncate(1000), Status(503))
        assert fetch() == DONE
        assert fetch.ranges == [None, "bytes=1000-", "bytes=1000-"]

    @pytest.mark.parametrize("etag", [None, 'W/"weak"', ""])
    def test_without_digests_and_etag_from_the_beginning(self, fetch: Fetching, etag: str | None) -> None:
        fetch.say(digests={})
        fetch.fault(Together(Headers({"ETag": etag}), Truncate(1000)))
        assert fetch() == DONE
        assert fetch.ranges == [None, None]

    def test_without_digests_a_changed_file_starts_again(self, fetch: Fetching) -> None:
        fetch.say(digests={}, size=None)
        fetch.fault(Together(Headers({"ETag": '"old"'}), Truncate(1000)))
        assert fetch() == DONE
        assert fetch.here == CONTENT

    def test_not_if_the_server_ignores_ranges(self, fetch: Fetching) -> None:
        fetch.fault(Truncate(1000), IgnoreRange())
        assert fetch() == DONE
        assert fetch.here == CONTENT

    @pytest.mark.parametrize(
        "content_range",
        [
            "bytes 0-101399/102400",
            "bytes 999-102399/102400",
            "bytes 1000-102399/999999",
            "bytes */102400",
            "bytes 1000-102399",
            "items 1000-102399/102400",
            "",
            None,
        ],
    )
    def test_not_if_the_server_sends_another_range(self, fetch: Fetching, content_range: str | None) -> None:
        fetch.fault(Truncate(1000), Headers({"Content-Range": content_range}))
        assert fetch() == DONE
        assert fetch.here == CONTENT
        assert fetch.ranges == [None, "bytes=1000-", None]

    def test_if_the_server_does_not_know_the_total_size(self, fetch: Fetching) -> None:
        fetch.fault(Truncate(1000), Headers({"Content-Range": f"bytes 1000-{SIZE - 1}/*"}))
        assert fetch() == DONE
        assert len(fetch.ranges) == 2

    def test_not_if_the_server_refuses(self, fetch: Fetching) -> None:
        fetch.fault(Truncate(1000), Status(416))
        assert fetch() == DONE
        assert fetch.ranges == [None, "bytes=1000-", None]

    @pytest.mark.parametrize("always", [Truncate(1000), Status(416), Status(503), Reset(None)])
    def test_not_for_ever(self, fetch: Fetching, always: Behaviour) -> None:
        fetch.fault(always, always=True)
        assert fetch.failure(attempts=4).transient
        assert len(fetch.ranges) in {4, 7}  # a connection that was kept is replaced at once

    @settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None, max_examples=60)
    @given(
        st.lists(
            st.sampled_from(
                [
                    Truncate(None),
                    Truncate(0),
                    Truncate(700),
                    Truncate(60_000),
                    Reset(3000),
                    Status(503),
                    Status(416),
                    IgnoreRange(),
                    Together(IgnoreRange(), Truncate(90_000)),
                    Chunked(),
                    Together(Chunked(500), Truncate(2000)),
                    Headers({"Content-Range": "bytes 1-2/3"}),
                    Headers({"ETag": None}),
                    Headers({"ETag": '"other"'}),
                ]
            ),
            max_size=6,
        ),
        st.booleans(),
        st.booleans(),
        st.sampled_from([b"", CONTENT[:5000], OTHER[:5000], CONTENT, CONTENT + b"x"]),
    )
    def test_whatever_breaks_the_file_is_right(
        self, fetch: Fetching, faults: list[Behaviour], with_digests: bool, with_size: bool, left: bytes
    ) -> None:
        fetch.index.heal()
        fetch.serve(CONTENT)
        fetch.say(**({} if with_digests else {"digests": {}}), **({} if with_size else {"size": None}))
        fetch.fault(*faults)
        fetch.partial.write_bytes(left)
        assert fetch(attempts=20) == DONE
        assert fetch.here == CONTENT

    @settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
    @given(
        CONTENT_RANGES, st.integers(0, SIZE), st.sampled_from([CONTENT, OTHER]), st.sampled_from([206, 200])
    )
    def test_whatever_range_the_server_sends_the_file_is_right_or_absent(
        self, fetch: Fetching, said: str, start: int, content: bytes, status: int
    ) -> None:
        fetch.index.heal()
        fetch.index.clear()
        fetch.partial.write_bytes(CONTENT[:1000])
        fetch.fault(Part(status, said, content[start:]))
        try:
            assert fetch() == DONE
        except FetchError:
            assert not fetch.here
        else:
            assert fetch.here == CONTENT
        assert fetch.ranges[0] == "bytes=1000-"
        honest = (said, start, content) == (f"bytes 1000-{SIZE - 1}/{SIZE}", 1000, CONTENT)
        assert len(fetch.ranges) > 1 or not fetch.here or honest or (status, start) == (200, 0)

    @settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
    @given(st.integers(0, SIZE - 1), st.sampled_from(["*", SIZE, SIZE + 1, SIZE - 1, 0]), st.booleans())
    def test_without_digests_a_range_counts_only_if_it_fits(
        self, fetch: Fetching, start: int, total: object, with_size: bool
    ) -> None:
        """The server is honest about the bytes that it sends, and sends others than it was asked for."""
        fetch.index.heal()
        fetch.index.clear()
        fetch.say(digests={}, size=SIZE if with_size else None)
        fetch.fault(Truncate(1000), Part(206, f"bytes {start}-{SIZE - 1}/{total}", CONTENT[start:]))
        assert fetch() == DONE
        assert fetch.here == CONTENT


class TestWrong:
    def test_wrong_bytes_are_fetched_once_more(self, fetch: Fetching) -> None:
        fetch.fault(WrongBytes())
        assert fetch() == DONE
        assert fetch.ranges == [None, None]

    def test_bytes_that_stay_wrong_are_deleted(self, fetch: Fetching) -> None:
        fetch.fault(WrongBytes(), always=True)
        error = fetch.failure()
        assert ("sha256" in error.cause, error.transient) == (True, False)
        assert (fetch.here, len(fetch.ranges)) == (None, 2)

    def test_the_second_half_of_another_file_is_an_error(self, fetch: Fetching) -> None:
        fetch.fault(Truncate(1000), WrongBytes())
        assert fetch() == DONE
        assert fetch.ranges == [None, "bytes=1000-", None]

    @pytest.mark.parametrize("listed", [0, 1, SIZE - 1, SIZE + 1, LARGE * 2])
    @pytest.mark.parametrize("digests", [{}, digest()])
    def test_a_wrong_size_is_an_error(self, fetch: Fetching, listed: int, digests: dict[str, str]) -> None:
        fetch.say(size=listed, digests=digests)
        error = fetch.failure()
        assert re.search(rf"\b{SIZE:,} bytes.*\b{listed:,}$", error.cause)
        assert not error.transient
        assert (fetch.here, len(fetch.ranges)) == (None, 1)

    @pytest.mark.parametrize("listed", [1, SIZE - 1])
    def test_a_wrong_size_is_an_error_without_content_length(self, fetch: Fetching, listed: int) -> None:
        fetch.say(size=listed)
        fetch.fault(Chunked(), always=True)
        error = fetch.failure()
        assert f"more than the {counted(listed, 'byte')} that" in error.cause
        assert not error.transient
        assert fetch.here is None

    def test_a_wrong_size_is_an_error_if_the_body_is_short(self, fetch: Fetching) -> None:
        fetch.say(size=SIZE + 1)
        fetch.fault(Together(IgnoreRange(), Chunked()), always=True)
        error = fetch.failure(attempts=3)
        assert ("1 byte early" in error.cause, error.transient) == (True, True)

    @pytest.mark.parametrize("status", [201, 202, 204, 206, 304, 416, 404, 500])
    @pytest.mark.parametrize("said", [{}, {"digests": {}, "size": None}])
    def test_another_status_is_an_error(self, fetch: Fetching, status: int, said: dict[str, Any]) -> None:
        fetch.say(**said)
        fetch.fault(Status(status, body=b""), always=True)
        error = fetch.failure(attempts=2)
        assert status in (error.status, 416)
        assert fetch.here in {None, b""}

    def test_an_html_page_instead_of_the_file_is_an_error(self, fetch: Fetching) -> None:
        fetch.fault(Body(b"<h1>Sign in</h1>"), always=True)
        assert not fetch.failure().transient
        assert fetch.here is None
        fetch.say(size=None)
        assert "sha256" in fetch.failure().cause
        assert fetch.here is None

    @pytest.mark.parametrize("behaviours", [[], [Chunked()]])
    def test_a_file_of_unlisted_size_has_a_bound(self, fetch: Fetching, behaviours: list[Behaviour]) -> None:
        fetch.say(size=None)
        if behaviours:
            fetch.fault(*behaviours, always=True)
        error = fetch.failure(most=SIZE - 1)
        assert (f"more than {SIZE - 1} bytes" in error.cause, error.transient) == (True, False)
        assert fetch.here is None
        assert fetch(most=SIZE) == DONE

    @pytest.mark.parametrize(
        ("fault", "cause"),
        [
            (Body(b"<h1>Sign in</h1>"), "HTML page"),
            (Body(b"", "application/zip"), "empty"),
            (Together(Body(b"", "application/zip"), Chunked()), "empty"),
            (Headers({"Content-Encoding": "gzip"}), "'gzip'"),
        ],
    )
    def test_without_a_digest_an_implausible_body_is_an_error(
        self, fetch: Fetching, fault: Behaviour, cause: str
    ) -> None:
        fetch.say(digests={}, size=None)
        fetch.fault(fault, always=True)
        error = fetch.failure()
        assert (cause in error.cause, error.transient) == (True, False)
        assert fetch.here is None

    @pytest.mark.parametrize(
        ("filename", "encoding"),
        [
            ("a-1.tar.gz", "gzip"),
            ("a-1.tgz", "x-gzip"),
            ("a-1.tar.bz2", "x-bzip2"),
            ("a-1.tar.Z", "compress"),
        ],
    )
    def test_an_archive_may_be_labelled_with_its_own_compression(
        self, fetch: Fetching, filename: str, encoding: str
    ) -> None:
        """Servers that are set up for downloads by people do so; the file is kept as it is stored."""
        fetch.say(digests={}, size=None, filename=filename)
        fetch.fault(Headers({"Content-Encoding": encoding}), always=True)
        assert fetch() == DONE
        fetch.say(filename="a-1-py3-none-any.whl")
        assert encoding in fetch.failure().cause

    def test_with_the_right_digest_a_wrong_label_is_ignored(self, fetch: Fetching) -> None:
        fetch.fault(Headers({"Content-Encoding": "gzip", "Content-Type": "text/html"}), always=True)
        assert fetch() == DONE

    def test_an_unsupported_url_is_an_error(self, fetch: Fetching) -> None:
        fetch.say(url="file:///etc/passwd")
        assert not fetch.failure().transient
        assert fetch.here is None

    def test_an_unwritable_place_is_an_oserror(self, fetch: Fetching) -> None:
        fetch.partial.mkdir()
        with pytest.raises(IsADirectoryError):
            fetch()
        fetch.partial = fetch.partial.parent / "absent" / "x"
        with pytest.raises(FileNotFoundError):
            fetch()
        assert fetch.ranges == []

    def test_an_error_in_the_middle_does_not_hang_and_leaves_no_thread(self, fetch: Fetching) -> None:
        content = CONTENT * (LARGE // SIZE + 10)
        fetch.serve(content)

        def full(size: int) -> None:
            if size > 1 << 20:
                raise OSError(errno.ENOSPC, "No space left on device")

        def threads() -> set[threading.Thread]:
            return {thread for thread in threading.enumerate() if not thread.name.startswith("index-")}

        before = threads()
        with pytest.raises(OSError, match="No space"):
            fetch.way.run(
                download(fetch.way.http, fetch.file, PartialFile(fetch.partial), retry=Retry(), report=full)
            )
        assert threads() == before
        assert fetch.here
        assert content.startswith(fetch.here)
        assert fetch().size == len(content)


def test_the_partial_file_grows_while_bytes_arrive(fetch: Fetching) -> None:
    with fetch.index.hold(NAME, after=60_000) as gate, ThreadPoolExecutor() as pool:
        assert isinstance(gate, Gate)
        running = pool.submit(fetch)
        assert gate.reached.wait(5)
        until(lambda: fetch.reports, "the first part is here")
        gate.release()
        assert running.result(10) == DONE
    assert min(fetch.reports) <= 60_000 < max(fetch.reports)


def test_a_slow_server_is_waited_for(fetch: Fetching) -> None:
    fetch.fault(Drip(1_000_000))
    assert fetch() == DONE
    assert len(fetch.reports) > 2


class TestCheck:
    @pytest.fixture
    def path(self, tmp_path: Path) -> Path:
        path = tmp_path / NAME
        path.write_bytes(CONTENT)
        return path

    @pytest.mark.parametrize(
        "said",
        [
            {"digests": {}},
            {"digests": {}, "size": SIZE},
            {"digests": digest(), "size": SIZE},
            {"digests": digest() | digest(algorithm="md5")},
            {"digests": {"crc32": "0" * 32}},
        ],
    )
    def test_a_file_that_the_index_lists_is_accepted(self, path: Path, said: dict[str, Any]) -> None:
        assert check(path, File(NAME, "", **said)) == DONE
        assert path.read_bytes() == CONTENT

    @pytest.mark.parametrize(
        "said",
        [
            {"digests": digest(), "size": SIZE - 1},
            {"digests": {}, "size": 0},
            {"digests": digest(OTHER)},
            {"digests": digest() | digest(OTHER, "sha512")},
        ],
    )
    def test_another_file_is_not(self, path: Path, said: dict[str, Any]) -> None:
        assert check(path, File(NAME, "", **said)) is None
        assert path.read_bytes() == CONTENT

    def test_an_unreadable_file_is_an_oserror(self, tmp_path: Path) -> None:
        (tmp_path / "dangling").symlink_to("nowhere")
        for path in (tmp_path, tmp_path / "absent", tmp_path / "dangling"):
            with pytest.raises(OSError, match=os.path.basename(path)):  # noqa: PTH119
                check(path, File(NAME, "", {}))


@pytest.mark.parametrize("digests", [{}, {"blake3": "0" * 64}])
def test_only_a_known_digest_proves_that_a_file_is_the_listed_one(
    tmp_path: Path, digests: dict[str, str]
) -> None:
    path = tmp_path / "file"
    path.write_bytes(CONTENT)
    assert matches(path, File("file", "https://example.org/file", {**digests, **digest()}))
    assert not matches(path, File("file", "https://example.org/file", digests, size=SIZE))
