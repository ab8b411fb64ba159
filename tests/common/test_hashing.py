"""Digests of a stream, in the same thread or a few buffers behind, and of a file on disk."""

from __future__ import annotations

import hashlib
import threading
from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from minimirror.common import Digests, ThreadedDigests, has_sha256, hash_file

if TYPE_CHECKING:
    from pathlib import Path

CONTENT = bytes(range(256)) * 10_000
SHA256 = hashlib.sha256(CONTENT).hexdigest()


def pour(content: bytes, sink: Digests | ThreadedDigests, most: int = 1 << 30) -> None:
    """Send the content through a sink, in pieces of at most ``most`` bytes."""
    for at in range(0, len(content), most):
        sink.update(content[at : at + most])


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
    digests = Digests({"sha256": SHA256})
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


@given(st.binary(max_size=2000), st.integers(1, 300), st.booleans())
def test_any_content_in_any_pieces(content: bytes, most: int, threaded: bool) -> None:
    digests = Digests()
    if threaded:
        sink = ThreadedDigests(digests)
        pour(content, sink, most)
        sink.close()
    else:
        pour(content, digests, most)
    assert (digests.sha256, digests.size) == (hashlib.sha256(content).hexdigest(), len(content))


@pytest.mark.parametrize("most", [1000, 1 << 20])
def test_closing_hashes_the_rest_and_ends_the_thread(most: int) -> None:
    before = set(threading.enumerate())
    digests = Digests({"sha256": SHA256})
    sink = ThreadedDigests(digests)
    pour(CONTENT, sink, most)
    sink.close()
    assert (digests.size, digests.mismatch()) == (len(CONTENT), None)
    assert set(threading.enumerate()) == before
