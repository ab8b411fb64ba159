"""Signals at the right moment."""

from __future__ import annotations

import os
import signal
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from types import FrameType

__all__ = ["Interrupts", "defer_signals"]

_SIGNALS = (signal.SIGINT, signal.SIGTERM)

_ONE = 0.2
"""Seconds in which several signals are one: ``timeout`` and some launchers pass each on, too."""

_SHOW_CURSOR = b"\x1b[?25h\r\n"


class Interrupts:
    """What a command does about SIGINT and SIGTERM.

    The first raises KeyboardInterrupt, so that the command saves its work and cleans up. systemd, Docker and
    cron stop a command with SIGTERM. The second ends the process at once, as a kill does.
    """

    def __init__(self) -> None:
        self._number = 0
        self._at = 0.0
        self.over = False
        """Whether the command has ended, so that the first signal has nothing left to interrupt."""

    def install(self) -> None:
        """Handle the signals from now on, except for those that the process was started to ignore."""
        if threading.current_thread() is threading.main_thread():
            for number in _SIGNALS:
                if signal.getsignal(number) is not signal.SIG_IGN:
                    signal.signal(number, self)

    @property
    def received(self) -> bool:
        """Whether a signal has come."""
        return self._number != 0

    @property
    def exit_code(self) -> int:
        """The exit code after an interruption, as in shells: 130 after SIGINT, 143 after SIGTERM."""
        return 128 + (self._number or signal.SIGINT)

    def receive(self, number: int) -> bool:
        """Take a signal, and return whether it is the first. The second ends the process."""
        now = time.monotonic()
        if not self._number:
            self._number, self._at = number, now
            return True
        if now - self._at > _ONE:
            _leave(number)
        return False

    def __call__(self, number: int, _frame: FrameType | None) -> None:
        """Handle a signal.

        :raises KeyboardInterrupt: at the first one, unless the command is over
        """
        if self.receive(number) and not self.over:
            raise KeyboardInterrupt


def _leave(number: int) -> None:
    """End the process. A progress display may have hidden the cursor."""
    with suppress(OSError):
        if sys.stderr.isatty() and os.environ.get("TERM") != "dumb":
            os.write(sys.stderr.fileno(), _SHOW_CURSOR)
    os._exit(128 + number)


@contextmanager
def defer_signals() -> Iterator[None]:
    """Delay SIGINT and SIGTERM until the block ends, so that the catalog and the folder stay in step.

    Does nothing outside the main thread, since only that one receives signals.
    """
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    received: list[int] = []
    before = {number: signal.getsignal(number) for number in _SIGNALS}

    def defer(number: int, _frame: FrameType | None) -> None:
        handler = before[signal.Signals(number)]
        if not isinstance(handler, Interrupts) or handler.receive(number):
            received.append(number)

    for number in _SIGNALS:
        signal.signal(number, defer)
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
        if received:
            if isinstance(before[signal.Signals(received[0])], Interrupts):
                raise KeyboardInterrupt
            signal.raise_signal(received[0])
