"""Which listed digests mean that the index has other bytes than the mirror."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest

from minimirror.simple_api import File, Page
from minimirror.storage import FileRow, MirrorFolder
from minimirror.sync.held_files import compare

if TYPE_CHECKING:
    from pathlib import Path

NAME = "demo-1.0.tar.gz"
SHA256 = "5" * 64
OLD, NEW = "a" * 64, "b" * 64


def is_replaced(path: Path, known: dict[str, str], listed: dict[str, str], size: int | None = 5) -> bool:
    """Return whether a page means other bytes than the file that is here, which has 5 bytes."""
    (path / NAME).write_bytes(b"12345")
    told = json.dumps(known) if known else None
    row = FileRow(NAME, "demo", "1.0", 5, SHA256, None, None, None, None, "", digests=told)
    page = Page([File(NAME, f"https://example.org/{NAME}", listed, size=size)])
    found = compare(page, [row], MirrorFolder(path))
    return NAME in found.replaced


@pytest.mark.parametrize("algorithm", ["md5", "blake3", "k12"])
def test_a_digest_that_changes_means_other_bytes(algorithm: str, tmp_path: Path) -> None:
    assert is_replaced(tmp_path, {algorithm: OLD}, {algorithm: NEW})
    assert not is_replaced(tmp_path, {algorithm: OLD}, {algorithm: OLD})


def test_the_same_digest_of_a_known_algorithm_outweighs_an_unknown_one(tmp_path: Path) -> None:
    assert not is_replaced(tmp_path, {"blake3": OLD}, {"blake3": NEW, "sha256": SHA256})
    assert is_replaced(tmp_path, {"blake3": OLD}, {"blake3": OLD, "sha256": NEW})


def test_a_new_digest_of_a_known_algorithm_is_checked_with_the_file(tmp_path: Path) -> None:
    assert is_replaced(tmp_path, {}, {"md5": NEW})


@pytest.mark.parametrize("known", [{}, {"k12": OLD}])
def test_a_new_digest_of_an_unknown_algorithm_leaves_the_size(known: dict[str, str], tmp_path: Path) -> None:
    assert not is_replaced(tmp_path, known, {"blake3": NEW})
    assert is_replaced(tmp_path, known, {"blake3": NEW}, size=6)
