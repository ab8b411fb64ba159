"""What both ways to send a request share: heads, redirects, and decoding."""

from __future__ import annotations

import asyncio
import gzip
import zlib
from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from minimirror.upstream import FetchError, completed
from minimirror.upstream.decoding import decoded
from minimirror.upstream.http import (
    ContentRange,
    Head,
    check_sendable,
    next_url,
    status_is_good,
)

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

URL = "https://example.org/simple/"
LIMIT = 1 << 24
STEP = 1 << 20
"""Bytes that are decoded at once."""


def head(status: int = 200, **headers: str) -> Head:
    return Head(URL, status, {name.replace("_", "-"): value for name, value in headers.items()})


def decode_chunks(chunks: Iterable[bytes], encoding: str | None, limit: int) -> Iterator[bytes]:
    said = {} if encoding is None else {"content_encoding": encoding}
    return decoded(head(200, **said), chunks, limit)


def decode(*chunks: bytes, limit: int = LIMIT) -> bytes:
    return b"".join(decode_chunks(chunks, "gzip", limit))


class TestHead:
    @pytest.mark.parametrize(("status", "whole"), [(200, True), (203, True), (206, False), (304, False)])
    def test_a_body_is_whole_with_status_200_or_203(self, status: int, whole: bool) -> None:
        assert head(status).whole is whole

    @pytest.mark.parametrize(
        ("value", "length"), [("0", 0), ("7", 7), (" 7 ", 7), ("7, 7", 7), ("9" * 19, int("9" * 19))]
    )
    def test_its_length_is_that_of_the_body(self, value: str, length: int) -> None:
        assert head(content_length=value).length == length

    @pytest.mark.parametrize(
        "value",
        ["", "-7", "+7", "seven", "7.0", "0x7", "7_0", "7 7", "7, 8", "7,", "\xb2", "9" * 20, "9" * 5000],
    )
    def test_it_has_no_length_if_that_is_invalid(self, value: str) -> None:
        assert head(content_length=value).length is None

    def test_it_has_no_length_if_there_is_none(self) -> None:
        assert head().length is None

    @pytest.mark.parametrize("encoding", ["chunked", "Chunked"])
    def test_chunks_take_precedence_over_a_length(self, encoding: str) -> None:
        assert head(content_length="7", transfer_encoding=encoding).length is None

    @pytest.mark.parametrize(
        ("value", "found"),
        [
            ("bytes 0-0/1", ContentRange(0, 0, 1)),
            (" bytes 5-99/100 ", ContentRange(5, 99, 100)),
            ("bytes 5-99/*", ContentRange(5, 99, None)),
        ],
    )
    def test_its_range_is_a_part_of_the_file(self, value: str, found: ContentRange) -> None:
        assert head(206, content_range=value).range == found

    @pytest.mark.parametrize(
        "value",
        [
            "",
            "bytes",
            "bytes 0-0",
            "bytes */100",
            "bytes 5-/100",
            "bytes -5/100",
            "bytes a-b/c",
            "bytes 0-0/1, 0-0/1",
            f"bytes 0-{'9' * 19}/{'9' * 20}",
            "items 0-0/1",
        ],
    )
    def test_it_has_no_range_if_that_is_invalid(self, value: str) -> None:
        assert head(206, content_range=value).range is None


class TestNextUrl:
    @pytest.mark.parametrize("status", [200, 201, 203, 204, 206, 299, 304, 416])
    def test_there_is_none_after_the_final_response(self, status: int) -> None:
        assert status_is_good(status)
        assert next_url(head(status, location="/other/")) is None

    @pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
    def test_it_is_the_location_of_a_redirect(self, status: int) -> None:
        assert next_url(head(status, location="../x")) == "https://example.org/x"

    @pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
    def test_a_redirect_without_a_location_is_an_error(self, status: int) -> None:
        for response in (head(status), head(status, location="")):
            with pytest.raises(FetchError, match="Location") as caught:
                next_url(response)
            assert (caught.value.status, caught.value.transient) == (status, False)

    @pytest.mark.parametrize(
        "status", [100, 199, 300, 305, 306, 400, 401, 403, 404, 410, 451, 501, 505, 600, 999]
    )
    def test_another_status_is_an_error(self, status: int) -> None:
        with pytest.raises(FetchError) as caught:
            next_url(head(status, location="/other/"))
        error = caught.value
        assert (error.status, error.transient) == (status, False)
        assert error.cause.startswith(f"HTTP {status}")
        assert error.not_found == (status in {404, 410})

    @pytest.mark.parametrize("status", [408, 425, 429, 500, 502, 503, 504])
    def test_some_errors_may_pass(self, status: int) -> None:
        with pytest.raises(FetchError) as caught:
            next_url(head(status, retry_after="7"))
        assert (caught.value.transient, caught.value.retry_after) == (True, 7.0)

    @pytest.mark.parametrize(
        "location", ["https://example.org/x", "http://example.org:8080/x", "/x", "//EXAMPLE.org/x"]
    )
    def test_a_redirect_may_have_to_stay_on_the_host(self, location: str) -> None:
        target = next_url(head(302, location=location), same_host=True)
        assert target is not None
        assert target.endswith("/x")
        for elsewhere in ("https://files.example.org/x", "//example.org.example.com/x"):
            with pytest.raises(FetchError, match="another host"):
                next_url(head(302, location=elsewhere), same_host=True)


class TestCheckSendable:
    @pytest.mark.parametrize("value", ["", '"abc"', 'W/"\xe9"', "a\tb", "\xff"])
    def test_latin_1_can_be_sent(self, value: str) -> None:
        check_sendable({"If-None-Match": value})

    @pytest.mark.parametrize("value", ["a\nb", "a\rb", "a\r\n b", "a\0b", "\u20ac", "\ud800"])
    def test_a_line_break_and_other_characters_cannot(self, value: str) -> None:
        with pytest.raises(FetchError, match="cannot be sent"):
            check_sendable({"Accept": "*/*", "If-None-Match": value})


class TestDecoded:
    @pytest.mark.parametrize("encoding", [None, "", "identity", " Identity "])
    def test_a_plain_body_stays_as_it_is(self, encoding: str | None) -> None:
        assert list(decode_chunks([b"a", b"", b"bc"], encoding, LIMIT)) == [b"a", b"", b"bc"]

    @pytest.mark.parametrize("encoding", ["gzip", "x-gzip", " GZip "])
    @pytest.mark.parametrize("size", [0, 1, 1000, STEP - 1, STEP, STEP + 1, 3 * STEP])
    def test_gzip_is_decoded_in_steps(self, encoding: str, size: int) -> None:
        content = (bytes(range(251)) * (size // 251 + 1))[:size]
        found = list(decode_chunks([gzip.compress(content, 1)], encoding, LIMIT))
        assert b"".join(found) == content
        assert max(map(len, found)) <= STEP

    @pytest.mark.parametrize("encoding", ["br", "deflate", "zstd", "gzip, gzip", "x" * 1000])
    def test_another_encoding_is_an_error(self, encoding: str) -> None:
        with pytest.raises(FetchError, match="encoding") as caught:
            list(decode_chunks([b"content"], encoding, LIMIT))
        assert not caught.value.transient
        assert len(caught.value.cause) < 100

    @pytest.mark.parametrize("kept", [0, 1, 5, 100, -9, -8, -1])
    def test_gzip_that_ends_early_is_an_error(self, kept: int) -> None:
        with pytest.raises(FetchError, match="ends early") as caught:
            decode(gzip.compress(bytes(range(256)) * 10)[:kept])
        assert caught.value.transient

    @pytest.mark.parametrize(
        "broken",
        [
            b"<html>plain</html>",
            zlib.compress(b"content"),
            gzip.compress(b"content") + b"<html>",
            gzip.compress(b"content") + bytes(1 << 20),
            gzip.compress(b"content")[:-8] + bytes(8),
        ],
        ids=["no gzip", "zlib", "more after it", "zeros after it", "a wrong checksum"],
    )
    def test_invalid_gzip_is_an_error(self, broken: bytes) -> None:
        with pytest.raises(FetchError, match="not valid gzip") as caught:
            decode(broken)
        assert caught.value.transient

    @pytest.mark.parametrize("encoding", [None, "gzip"])
    def test_a_body_that_is_larger_than_the_limit_is_an_error(self, encoding: str | None) -> None:
        def body(size: int) -> list[bytes]:
            return [gzip.compress(bytes(size)) if encoding else bytes(size)]

        assert b"".join(decode_chunks(body(1000), encoding, 1000)) == bytes(1000)
        with pytest.raises(FetchError, match="larger than 1000 bytes") as caught:
            list(decode_chunks(body(1001), encoding, 1000))
        assert not caught.value.transient

    @pytest.mark.parametrize("encoding", [None, "gzip"])
    def test_an_endless_body_is_not_read_to_its_end(self, encoding: str | None) -> None:
        def body() -> Iterator[bytes]:
            packer = zlib.compressobj(wbits=31)
            for _ in range(100):
                yield packer.compress(bytes(STEP)) if encoding else bytes(STEP)

        found: list[bytes] = []
        with pytest.raises(FetchError, match="larger"):
            found.extend(decode_chunks(body(), encoding, LIMIT))
        assert sum(map(len, found)) <= LIMIT

    @pytest.mark.parametrize(
        "bomb",
        [
            gzip.compress(bytes(50 << 20), 9),
            gzip.compress(b"", mtime=0)[:10] + b"\0\0\0\xff\xff" * 300_000,
            gzip.compress(b"", mtime=0) * 60_000,
        ],
        ids=["zeros", "empty blocks", "empty members"],
    )
    def test_a_bomb_is_an_error(self, bomb: bytes) -> None:
        found: list[bytes] = []
        with pytest.raises(FetchError, match="larger than 1000000 bytes"):
            found.extend(
                decode_chunks([bomb[at : at + 65536] for at in range(0, len(bomb), 65536)], "gzip", 1_000_000)
            )
        assert sum(map(len, found)) <= 1_000_000

    @given(
        st.lists(
            st.binary(max_size=300) | st.builds(bytes, st.integers(0, 3 * STEP)), min_size=1, max_size=4
        ),
        st.integers(1, 1000),
        st.data(),
    )
    def test_any_members_in_any_pieces(self, members: list[bytes], size: int, data: st.DataObject) -> None:
        *first, last = (gzip.compress(member, 1) for member in members)
        assert decode(*_pieces(b"".join([*first, last]), size)) == b"".join(members)
        kept = data.draw(st.integers(0, len(last) - 1), label="bytes of the last member")
        cut = b"".join([*first, last[:kept]])
        if first and not kept:
            assert decode(*_pieces(cut, size)) == b"".join(members[:-1])
        else:
            with pytest.raises(FetchError, match="ends early"):
                decode(*_pieces(cut, size))


class TestReadBody:
    def test_it_is_decoded_and_bounded(self) -> None:
        packed = [gzip.compress(b"content")]
        assert b"".join(decoded(head(content_encoding="gzip"), packed, LIMIT)) == b"content"
        assert b"".join(decoded(head(), packed, LIMIT)) == packed[0]
        with pytest.raises(FetchError, match="larger"):
            list(decoded(head(content_encoding="gzip"), packed, 6))

    def test_an_unchanged_page_has_no_body_to_decode(self) -> None:
        assert b"".join(decoded(head(304, content_encoding="gzip"), [], LIMIT)) == b""


class TestCompleted:
    def test_it_returns_what_the_coroutine_returns(self) -> None:
        async def add(one: int, two: int) -> int:
            return one + two

        async def calculate() -> int:
            return await add(await add(1, 2), 3)

        assert completed(calculate()) == 6

    def test_it_raises_what_the_coroutine_raises(self) -> None:
        async def fail() -> None:
            raise FetchError("no")

        with pytest.raises(FetchError, match="no"):
            completed(fail())

    def test_a_coroutine_must_not_wait_for_a_loop(self) -> None:
        with pytest.raises(AssertionError, match="cannot wait"):
            completed(asyncio.sleep(0))


def _pieces(body: bytes, size: int) -> Iterable[bytes]:
    return (body[at : at + size] for at in range(0, len(body), size))
