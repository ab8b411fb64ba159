"""How long to wait, and how often to try again."""

from __future__ import annotations

import pytest
import responses
from hypothesis import given
from hypothesis import strategies as st

from minimirror.upstream import Client, FetchError, Retry, completed
from minimirror.upstream.client import Reply
from tests.helpers.asking import URL, failure, get


def retried(retry: Retry) -> Reply:
    async def attempt(_: float) -> Reply:
        return get()

    return completed(retry.call(attempt, Client().pause))


class TestRetryAfter:
    NOW = 1_700_000_000.0  # Tue, 14 Nov 2023 22:13:20 GMT

    @pytest.mark.parametrize(
        ("value", "seconds"),
        [
            ("0", 0.0),
            ("120", 120.0),
            (" 7 ", 7.0),
            ("9" * 50, 999_999_999.0),
            ("Tue, 14 Nov 2023 22:13:50 GMT", 30.0),
            ("Tue, 14 Nov 2023 23:13:50 +0100", 30.0),
            ("Tuesday, 14-Nov-23 22:13:50 GMT", 30.0),
            ("Tue Nov 14 22:13:50 2023", 30.0),
            ("Mon, 13 Nov 2023 22:13:20 GMT", 0.0),
            ("-5", None),
            ("1.5", None),
            ("soon", None),
            ("Tue, 99 Nov 2023 22:13:50 GMT", None),
            ("Tue, 14 Nov 99999 22:13:50 GMT", None),
            ("", None),
        ],
    )
    def test_is_seconds_or_a_date(
        self, mock: responses.RequestsMock, monkeypatch: pytest.MonkeyPatch, value: str, seconds: float | None
    ) -> None:
        monkeypatch.setenv("TZ", "UTC")
        monkeypatch.setattr("time.time", lambda: self.NOW)
        mock.get(URL, status=503, headers={"Retry-After": value})
        assert failure().retry_after == seconds


class TestRetry:
    @pytest.fixture
    def waits(self, monkeypatch: pytest.MonkeyPatch) -> list[float]:
        """How long was slept."""
        waits: list[float] = []
        monkeypatch.setattr("time.sleep", waits.append)
        return waits

    def test_until_it_succeeds(self, mock: responses.RequestsMock) -> None:
        for status in (503, 429, 200):
            mock.get(URL, status=status)
        with retried(Retry(attempts=3, pause=0)) as reply:
            assert reply.head.status == 200

    def test_often_enough(self, mock: responses.RequestsMock) -> None:
        for status in (503, 502):
            mock.get(URL, status=status)
        with pytest.raises(FetchError, match="HTTP 502"):
            retried(Retry(attempts=2, pause=0))
        assert len(mock.calls) == 2

    def test_not_a_permanent_failure(self, mock: responses.RequestsMock, waits: list[float]) -> None:
        mock.get(URL, status=404)
        with pytest.raises(FetchError, match="HTTP 404"):
            retried(Retry())
        assert (len(mock.calls), waits) == (1, [])

    def test_waits_longer_each_time(self, mock: responses.RequestsMock, waits: list[float]) -> None:
        for _ in range(5):
            mock.get(URL, status=500)
        with pytest.raises(FetchError):
            retried(Retry(attempts=5, pause=10, longest=45))
        least, most = [10, 20, 40, 45], [12.5, 25, 45, 45]
        assert all(low <= wait <= high for low, wait, high in zip(least, waits, most, strict=True))

    def test_waits_as_long_as_the_server_asks(self, mock: responses.RequestsMock, waits: list[float]) -> None:
        for seconds in ("0", "8", "3600"):
            mock.get(URL, status=429, headers={"Retry-After": seconds})
        mock.get(URL)
        retried(Retry(pause=1, longest=60))
        assert waits[0] == 0
        assert 8 <= waits[1] <= 10
        assert waits[2] == 60

    @given(st.integers(1, 50), st.none() | st.floats(0, 1e9))
    def test_no_wait_is_longer_than_the_longest(self, tried: int, asked: float | None) -> None:
        assert 0 <= Retry(pause=0.5, longest=60).pause_after(tried, asked) <= 60
