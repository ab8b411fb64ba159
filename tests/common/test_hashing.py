"""Digests of a stream, in the same thread or a few buffers behind, and of a file on disk."""

from __future__ import annotations

import hashlib
import threading
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from minimirror.common import BUFFER, Digests, ThreadedDigests, has_sha256, hash_file

if TYPE_CHECKING:
    from pathlib import Path

CONTENT = bytes(range(256)) * 10_000
SHA256 = hashlib.sha256(CONTENT).hexdigest()


def pour(content: bytes, sink: Digests | ThreadedDigests, most: int = 1 << 30) -> None:
    """Send the content through a sink, in pieces of at most ``most`` bytes."""
    while content:
        buffer = sink.buffer()
        got = min(len(buffer), len(content), most)
        buffer[:got], content = content[:got], content[got:]
        sink.update(buffer[:got])


def test_sha256_and_size_are_computed_whatever_is_expected() -> None:
    digests = Digests({})
    assert (digests.sha256, digests.size) == (hashlib.sha256().hexdigest(), 0)
    pour(CONTENT, digests)
    assert (digests.sha256, digests.size, digests.mismatch()) == (SHA256, len(CONTENT), None)
    assert not digests.checked


@pytest.mark.parametrize("algorithm", ["md5", "sha1", "sha224", "sha256", "sha512", "blake2b", "sha3_256"])
def test_every_algorithm_that_an_index_may_use_is_checked(algorithm: str) -> None:
    right = Digests({algorithm: hashlib.new(algorithm, CONTENT).hexdigest()})
    wrong = Digests({algorithm: hashlib.new(algorithm, b"").hexdigest()})
    for digests in (right, wrong):
        assert digests.checked
        pour(CONTENT, digests)
    assert (right.mismatch(), wrong.mismatch()) == (None, algorithm)
    assert right.sha256 == wrong.sha256 == SHA256


def test_every_expected_digest_must_agree() -> None:
    digests = Digests({"sha256": SHA256, "md5": "0" * 32})
    pour(CONTENT, digests)
    assert digests.mismatch() == "md5"


def test_a_digest_of_another_length_is_wrong() -> None:
    digests = Digests({"sha256": SHA256[:32]})
    pour(CONTENT, digests)
    assert digests.mismatch() == "sha256"


@pytest.mark.parametrize("algorithm", ["crc32", "shake_128", "", "sha256 ", "SHA256"])
def test_an_unknown_algorithm_checks_nothing(algorithm: str) -> None:
    digests = Digests({algorithm: "0" * 64})
    pour(CONTENT, digests)
    assert not digests.checked
    assert digests.mismatch() is None


def test_read_hashes_the_rest_of_a_file(tmp_path: Path) -> None:
    path = tmp_path / "file"
    path.write_bytes(CONTENT)
    digests = Digests({"sha256": SHA256}, buffer=1000)
    with path.open("rb", buffering=0) as stream:
        digests.read(stream)
    assert (digests.size, digests.sha256, digests.mismatch()) == (len(CONTENT), SHA256, None)


def test_a_whole_file(tmp_path: Path) -> None:
    path = tmp_path / "file"
    seen: list[int] = []
    path.write_bytes(CONTENT)
    assert hash_file(path, {"md5": "0" * 32}, seen.append).mismatch() == "md5"
    assert seen[-1] == hash_file(path).size == len(CONTENT)
    assert has_sha256(path, SHA256)
    assert not has_sha256(path, "0" * 64)
    assert not has_sha256(tmp_path / "missing", SHA256)


@given(st.binary(max_size=2000), st.integers(1, 300), st.integers(1, 300), st.booleans())
def test_any_content_in_any_pieces(content: bytes, buffer: int, most: int, behind: bool) -> None:
    digests = Digests({}, buffer)
    if behind:
        with ThreadedDigests(digests) as sink:
            pour(content, sink, most)
    else:
        pour(content, digests, most)
    assert (digests.sha256, digests.size) == (hashlib.sha256(content).hexdigest(), len(content))


class TestThreadedDigests:
    def test_more_than_all_its_buffers(self) -> None:
        content = CONTENT * 4
        assert len(content) > 2 * ThreadedDigests.BUFFERS * BUFFER
        digests = Digests({"sha256": hashlib.sha256(content).hexdigest()})
        with ThreadedDigests(digests) as behind:
            pour(content, behind)
        assert (digests.size, digests.mismatch()) == (len(content), None)

    def test_leaving_the_block_hashes_the_rest_and_ends_the_thread(self) -> None:
        before = set(threading.enumerate())
        digests = Digests({})
        with ThreadedDigests(digests) as behind:
            pour(CONTENT, behind, 1000)
        assert digests.size == len(CONTENT)
        assert set(threading.enumerate()) == before

    @pytest.mark.parametrize("most", [1000, 1 << 20])
    def test_an_error_in_the_middle_does_not_hang(self, most: int) -> None:
        digests = Digests({})

        def broken() -> None:
            with ThreadedDigests(digests) as behind:
                pour(CONTENT, behind, most)
                behind.buffer()  # lent and never given back
                raise OSError("no space left")

        with ThreadPoolExecutor() as pool, pytest.raises(OSError, match="no space"):
            pool.submit(broken).result(10)
        assert digests.sha256 == SHA256

    def test_an_error_of_a_hash_is_raised_and_does_not_hang(self) -> None:
        def broken(more: bytes) -> None:
            with ThreadedDigests(Digests({})) as behind:
                data = behind.buffer()[:1000]
                data.release()  # so that it cannot be hashed
                behind.update(data)
                pour(more, behind, 1000)

        for more in (b"", CONTENT):
            with ThreadPoolExecutor() as pool, pytest.raises(ValueError, match="released"):
                pool.submit(broken, more).result(10)
