"""Signals: delayed, or raised as KeyboardInterrupt."""

from __future__ import annotations

import errno
import signal
from concurrent.futures import ThreadPoolExecutor

import pytest

from minimirror.common import Interrupts, defer_signals, is_disk_full


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_deferred_signal_is_raised_once_at_the_end(number: signal.Signals) -> None:
    done = []

    def work() -> None:
        with defer_signals():
            signal.raise_signal(number)
            signal.raise_signal(number)
            done.append("all")

    Interrupts().install()
    with pytest.raises(KeyboardInterrupt):
        work()
    assert done == ["all"]


def test_other_threads_defer_nothing() -> None:
    def inner() -> object:
        with defer_signals():
            return signal.getsignal(signal.SIGTERM)

    with ThreadPoolExecutor() as pool:
        assert pool.submit(inner).result(10) == signal.getsignal(signal.SIGTERM)


def test_a_full_disk_and_a_full_quota_are_told_from_other_errors() -> None:
    found = [is_disk_full(OSError(number, "")) for number in (errno.ENOSPC, errno.EDQUOT, errno.EACCES)]
    assert found == [True, True, False]
