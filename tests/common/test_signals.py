"""Signals: delayed, or raised as KeyboardInterrupt."""

from __future__ import annotations

import errno
import signal
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress

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


_BUSY = """
import signal
from minimirror.common import Interrupts, defer_signals
Interrupts().install()
with defer_signals():
    print("busy", flush=True)
    while True:
        signal.pause()
"""


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_second_signal_ends_the_process_at_once(number: signal.Signals) -> None:
    """But not if it comes with the first: some launchers send each twice."""
    with subprocess.Popen([sys.executable, "-c", _BUSY], stdout=subprocess.PIPE, text=True) as busy:
        assert busy.stdout
        assert busy.stdout.readline() == "busy\n"
        while busy.poll() is None:
            busy.send_signal(number)
            with suppress(subprocess.TimeoutExpired):
                busy.wait(0.05)
        assert busy.returncode == 128 + number
