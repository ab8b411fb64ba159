"""How slow a server may be, and how often and after which pauses a request is sent again."""

from __future__ import annotations

import math
import time
from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from minimirror.upstream import FetchError, Pace, Retry, completed, status_error

if TYPE_CHECKING:
    from collections.abc import Iterator


class Attempts:
    """A request that fails in the given ways, and then succeeds."""

    def __init__(self, *failures: FetchError) -> None:
        self._failures = list(failures)
        self.deadlines: list[float] = []
        """When each attempt had to give up."""

        self.pauses: list[float] = []

    async def attempt(self, deadline: float) -> str:
        self.deadlines.append(deadline)
        if self._failures:
            raise self._failures.pop(0)
        return "done"

    async def pause(self, seconds: float) -> None:
        self.pauses.append(seconds)

    def run(self, retry: Retry) -> str:
        return completed(retry.call(self.attempt, self.pause))

    def fail(self, retry: Retry) -> FetchError:
        with pytest.raises(FetchError) as caught:
            self.run(retry)
        return caught.value


def transient(cause: str = "no", retry_after: float | None = None) -> FetchError:
    return FetchError(cause, transient=True, retry_after=retry_after)


class TestRetry:
    def test_a_request_that_succeeds_is_not_repeated(self) -> None:
        attempts = Attempts()
        assert attempts.run(Retry()) == "done"
        assert (len(attempts.deadlines), attempts.pauses) == (1, [])

    def test_a_passing_failure_is_retried(self) -> None:
        attempts = Attempts(transient(), transient())
        assert attempts.run(Retry(attempts=3)) == "done"
        assert (len(attempts.deadlines), len(attempts.pauses)) == (3, 2)

    def test_the_last_failure_is_raised(self) -> None:
        attempts = Attempts(transient("one"), transient("two"), transient("three"))
        assert attempts.fail(Retry(attempts=2)).cause == "two"
        assert (len(attempts.deadlines), len(attempts.pauses)) == (2, 1)

    def test_a_lasting_failure_is_not_retried(self) -> None:
        attempts = Attempts(FetchError("no"))
        assert attempts.fail(Retry()).cause == "no"
        assert (len(attempts.deadlines), attempts.pauses) == (1, [])

    def test_another_error_is_not_retried(self) -> None:
        async def attempt(_: float) -> None:
            raise OSError("disk full")

        with pytest.raises(OSError, match="disk full"):
            completed(Retry().call(attempt, Attempts().pause))

    def test_each_pause_is_twice_as_long(self) -> None:
        attempts = Attempts(*(transient() for _ in range(5)))
        attempts.fail(Retry(attempts=5, pause=10, longest=45))
        least, most = [10, 20, 40, 45], [12.5, 25, 45, 45]
        assert all(low <= each <= high for low, each, high in zip(least, attempts.pauses, most, strict=True))

    def test_the_server_may_ask_for_another_pause(self) -> None:
        attempts = Attempts(transient(retry_after=0), transient(retry_after=8), transient(retry_after=3600))
        attempts.run(Retry(pause=1, longest=60))
        none, eight, longest = attempts.pauses
        assert (none, longest) == (0, 60)
        assert 8 <= eight <= 10

    def test_all_attempts_have_the_same_deadline(self) -> None:
        attempts = Attempts(transient(), transient())
        before = time.monotonic()
        attempts.run(Retry(total=100))
        (deadline,) = set(attempts.deadlines)
        assert before + 100 <= deadline <= time.monotonic() + 100

    def test_no_attempt_begins_after_the_deadline(self) -> None:
        attempts = Attempts(transient(retry_after=200), transient())
        attempts.fail(Retry(total=100, longest=1000))
        assert (len(attempts.deadlines), attempts.pauses) == (1, [])

    @given(st.integers(1, 101), st.none() | st.floats(0, 1e9))
    def test_no_pause_is_longer_than_the_longest(self, tried: int, asked: float | None) -> None:
        assert 0 <= Retry(pause=0.5, longest=60).pause_after(tried, asked) <= 60


WORDS = ["Tue,", "14", "Nov", "2023", "99999", "22:13:50", "GMT", "-0000", "+9999", "0", ":", "-"]


def retry_after(value: str) -> float | None:
    return status_error(503, {"retry-after": value}).retry_after


class TestRetryAfter:
    @pytest.fixture(params=["UTC", "Asia/Tokyo", "America/New_York"])
    def _somewhere(self, request: pytest.FixtureRequest) -> Iterator[None]:
        """Be in a time zone, at 22:13:20 GMT on Tuesday, 14 November 2023."""
        with pytest.MonkeyPatch.context() as patch:
            patch.setenv("TZ", request.param)
            time.tzset()
            patch.setattr("time.time", lambda: 1_700_000_000.0)
            yield
        time.tzset()

    @pytest.mark.parametrize(
        ("value", "seconds"), [("0", 0), ("120", 120), (" 7 ", 7), ("9" * 50, 999_999_999)]
    )
    def test_it_may_be_seconds(self, value: str, seconds: int) -> None:
        assert retry_after(value) == seconds

    @pytest.mark.parametrize(
        ("value", "seconds"),
        [
            ("Tue, 14 Nov 2023 22:13:50 GMT", 30),
            ("Tue, 14 Nov 2023 23:13:50 +0100", 30),
            ("Tuesday, 14-Nov-23 22:13:50 GMT", 30),
            ("Tue Nov 14 22:13:50 2023", 30),
            ("Mon, 13 Nov 2023 22:13:20 GMT", 0),
        ],
    )
    @pytest.mark.usefixtures("_somewhere")
    def test_it_may_be_a_date(self, value: str, seconds: int) -> None:
        assert retry_after(value) == seconds

    @pytest.mark.parametrize(
        "value", ["", "-5", "1.5", "soon", "Tue, 99 Nov 2023 22:13:50 GMT", "Tue, 14 Nov 99999 22:13:50 GMT"]
    )
    def test_anything_else_is_ignored(self, value: str) -> None:
        assert retry_after(value) is None

    @given(st.text() | st.lists(st.sampled_from(WORDS)).map(" ".join))
    def test_any_text_is_a_time_or_ignored(self, value: str) -> None:
        seconds = retry_after(value)
        assert seconds is None or 0 <= seconds < math.inf


class TestPace:
    PACE = Pace(read=300, min_rate=1000)

    def check(self, got: int, seconds: float, deadline: float = math.inf) -> None:
        self.PACE.check(got, time.monotonic() - seconds, deadline)

    def test_a_response_may_be_slow_at_first(self) -> None:
        self.check(0, 200)

    def test_a_fast_response_may_take_long(self) -> None:
        self.check(100_000_000, 3600)

    def test_a_slow_response_is_a_passing_failure(self) -> None:
        with pytest.raises(FetchError, match="min_rate") as caught:
            self.check(300_000, 400)
        assert caught.value.transient

    def test_the_time_limit_is_a_lasting_failure(self) -> None:
        with pytest.raises(FetchError, match="file_timeout") as caught:
            self.check(100_000_000, 1, time.monotonic() - 1)
        assert not caught.value.transient
