"""Responses to any `Accept`, `Range` and condition that a client may send."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from minimirror.serve.cache import Cache
from minimirror.serve.responses import choose_type, file_response

if TYPE_CHECKING:
    from pathlib import Path

CONTENT = bytes(range(100))
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


@pytest.fixture(scope="module")
def file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("files") / "file"
    path.write_bytes(CONTENT)
    return path


def ask(file: Path, headers: dict[str, str]) -> tuple[int, dict[str, str], bytes]:
    response = file_response({"REQUEST_METHOD": "GET", **headers}, file)
    if response.file is None:
        return response.status, dict(response.headers), response.body
    with response.file:
        return response.status, dict(response.headers), response.file.read(response.length)


@given(st.integers(0, 150), st.none() | st.integers(0, 150))
def test_sends_a_range(file: Path, first: int, last: int | None) -> None:
    status, headers, body = ask(file, {"HTTP_RANGE": f"bytes={first}-{'' if last is None else last}"})
    wanted = CONTENT[first : None if last is None else last + 1]
    if last is not None and last < first:
        assert (status, body) == (200, CONTENT)
    elif first >= len(CONTENT):
        assert (status, headers["Content-Range"]) == (416, "bytes */100")
    else:
        assert (status, body) == (206, wanted)
        assert headers["Content-Range"] == f"bytes {first}-{first + len(wanted) - 1}/100"


@given(st.integers(0, 150))
def test_sends_a_range_from_the_end(file: Path, count: int) -> None:
    status, _, body = ask(file, {"HTTP_RANGE": f"bytes=-{count}"})
    assert (status, body) == (206, CONTENT[-count:]) if count else status == 416


@given(st.text(st.sampled_from("bytes=-0123456789, "), max_size=30) | st.text())
def test_accepts_any_range_header(file: Path, header: str) -> None:
    status, _, body = ask(file, {"HTTP_RANGE": header})
    assert status == 416 or body in CONTENT


@given(
    st.dictionaries(
        st.sampled_from(["HTTP_IF_NONE_MATCH", "HTTP_IF_MODIFIED_SINCE", "HTTP_IF_RANGE"]), st.text()
    )
)
def test_accepts_any_condition(file: Path, headers: dict[str, Any]) -> None:
    status, _, body = ask(file, headers)
    assert (status, body) in {(200, CONTENT), (304, b"")}


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
