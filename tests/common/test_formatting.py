"""Text for people."""

from __future__ import annotations

import pytest

from minimirror.common import (
    did_you_mean,
    either,
    format_duration,
    format_size,
    format_time,
    mask_credentials,
    nearest,
    printable,
    quoted,
    shorten,
)


@pytest.mark.parametrize(
    ("size", "text"),
    [
        (0, "0 B"),
        (999, "999 B"),
        (1000, "1.0 kB"),
        (99_940, "99.9 kB"),
        (123_456_789, "123 MB"),
        (5e15, "5000 TB"),
    ],
)
def test_sizes(size: float, text: str) -> None:
    assert format_size(size) == text


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (3.51, "3.5 s"),
        (65, "1 min 05 s"),
        (3599.6, "1 h 00 min"),
        (90_000, "25 h 00 min"),
        (273_600, "3 d 04 h"),
    ],
)
def test_durations(seconds: float, text: str) -> None:
    assert format_duration(seconds) == text


def test_times_and_those_that_no_calendar_has() -> None:
    assert format_time(1_769_862_645.9) == "2026-01-31 12:30 UTC"
    assert format_time(1e12) == "after the year 9999"
    assert format_time(-1e12) == "before the year 1"


def test_a_long_list_is_shortened() -> None:
    assert shorten(["a", "b"], 2) == ["a", "b"]
    assert shorten(["a", "b", "c"], 2) == ["a", "b", "and 1 more"]
    assert shorten(["a"] * 1235, 1) == ["a", "and 1,234 more"]


def test_a_quoted_value_is_short_and_shows_no_secret() -> None:
    assert quoted("ftp://user:pass@example.org\x1b") == '"ftp://user:****@example.org?"'
    assert quoted("abcdef", most=3) == '"abc…"'
    assert mask_credentials("https://token@example.org/") == "https://****@example.org/"
    assert printable("a\tb") == "a?b"


def test_the_nearest_name_is_suggested() -> None:
    assert nearest("Extension", ["extensions", "platforms"]) == '; did you mean "extensions"?'
    assert not nearest("xyz", ["extensions", "platforms"])


def test_words_to_choose_from() -> None:
    assert [either(words) for words in (["a"], ["a", "b"], ["a", "b", "c"])] == [
        '"a"',
        '"a" or "b"',
        '"a", "b" or "c"',
    ]
    assert either(["a", "b", "c"], 2) == '"a", "b", and 1 more'
    assert did_you_mean([]) == ""
