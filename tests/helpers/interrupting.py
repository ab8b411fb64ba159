"""Press Ctrl-C at a moment that no user could hit on purpose."""

from __future__ import annotations

import signal
from typing import TYPE_CHECKING

from tests.helpers.forking import beginning_with

if TYPE_CHECKING:
    from pathlib import Path

__all__ = ["interrupting"]

_SITE = """
import signal
import sys

def trace(frame, event, _):
    code = frame.f_code
    if code.co_name != {name!r} or not code.co_filename.endswith({file!r}):
        return None
    if event == {event!r}:
        sys.settrace(None)
        signal.raise_signal({number})
    return trace

sys.settrace(trace)
"""


def interrupting(folder: Path, moment: str, event: str = "call", number: int = signal.SIGINT) -> list[Path]:
    """Return the ``paths`` of a command that gets a signal when its main thread first calls a function.

    :param folder: a new folder
    :param moment: the end of the function's file, and its name: ``subprocess.py:run``
    :param event: ``call``, or ``return`` for the end of the function
    """
    file, _, name = moment.partition(":")
    text = _SITE.format(name=name, file=file, event=event, number=int(number))
    return [beginning_with(folder, text)]
