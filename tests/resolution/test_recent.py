"""What resolutions keep in memory."""

from __future__ import annotations

import random

from minimirror.resolution.uv.recent import Recent


def noise(size: int) -> bytes:
    return random.Random(size).randbytes(size)


def test_what_was_used_last_is_kept() -> None:
    kept = Recent[str, bytes](3_500)
    for name in "abc":
        kept.put(name, noise(1_000))
    assert kept.use("a", len) == 1_000
    kept.put("d", noise(1_001))
    assert [name for name in "abcd" if kept.use(name, len)] == ["a", "c", "d"]


def test_a_value_that_is_put_again_takes_its_place_once() -> None:
    kept = Recent[str, bytes](2_500)
    kept.put("a", noise(1_000))
    for _ in range(5):
        kept.put("b", noise(1_001))
    assert (kept.use("a", len), kept.use("b", len)) == (1_000, 1_001)


def test_a_value_that_is_too_large_is_not_kept() -> None:
    kept = Recent[str, bytes](2_000)
    kept.put("a", noise(3_000))
    assert kept.use("a", len) is None
