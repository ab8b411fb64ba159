"""The form of a page for any `Accept` that a client may send, and the cache of pages."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from minimirror.serve.accept import choose_type
from minimirror.serve.cache import Cache

TYPES = ["a/b", "a/c", "d/e"]


@pytest.mark.parametrize(
    ("accept", "chosen"),
    [
        ("", "a/b"),
        ("*/*", "a/b"),
        ("a/*;q=0.5, d/e", "d/e"),
        ("a/*, a/b;q=0.1", "a/c"),
        ("A/C", "a/c"),
        ("a/b;q=0", None),
        ("a/b;q=nan", None),
        ("a/b;q=x", None),
        ("x/y", None),
    ],
)
def test_chooses_the_preferred_type(accept: str, chosen: str | None) -> None:
    assert choose_type(accept, TYPES) == chosen


@given(st.text(st.sampled_from("abcde/*;,q=01. "), max_size=40) | st.text())
def test_chooses_a_type_for_any_header(accept: str) -> None:
    assert choose_type(accept, TYPES) in {*TYPES, None}


@given(st.lists(st.tuples(st.integers(0, 5), st.integers(0, 12)), max_size=40))
def test_cache_is_bounded(puts: list[tuple[int, int]]) -> None:
    """The cache has the last value put under a key, or none, and never exceeds its limit."""
    cache: Cache[tuple[int, int]] = Cache(10)
    last: dict[int, tuple[int, int]] = {}
    for number, (key, size) in enumerate(puts):
        last[key] = number, size
        cache.put(key, last[key], size)
        found = {each: cache.get(each) for each in last}
        assert all(value in {None, last[each]} for each, value in found.items())
        assert sum(value[1] for value in found.values() if value) <= 10
        assert (found[key] is not None) == (size <= 10)
