"""One run at a time per folder, and the workers of a killed run count too.

The operating system releases these locks when a process ends, even if it is killed.
"""

from __future__ import annotations

import json
import os
import socket
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO

from minimirror.common import format_time, open_regular, printable

__all__ = ["attend", "described_holder", "hold", "holder", "is_held", "this_process"]

_LAST_WORKERS = 10.0
"""Seconds that the workers of a killed run may need to notice that it has died."""

_GLANCE = 0.2
"""Seconds to wait for a process that only looks whether the folder is locked."""

_LONGEST = 10_000
"""Characters to read of the note that says who has locked the folder."""


@contextmanager
def hold(folder: Path) -> Iterator[bool]:
    """Lock a folder for a run; yield False if another run has locked it.

    :param folder: where the lock files are
    :raises OSError: they cannot be created or locked
    """
    with _open(folder / "lock", "a+") as file, _open(folder / "workers.lock", "a+") as workers:
        if not _wait_for(file, _GLANCE) or not _wait_for(workers, _LAST_WORKERS):
            yield False
            return
        _unlock(workers)
        note = folder / "holder.json"
        with _open(note, "w") as stream:
            json.dump(this_process(), stream)
        try:
            yield True
        finally:
            note.unlink(missing_ok=True)
            # Closing it is not enough: a process that another thread is forking may also have it open.
            _unlock(file)


def attend(folder: Path) -> None:
    """Make the next run wait until this worker process has ended, since it may still write to a file."""
    file = _open(folder / "workers.lock", "a+")
    _lock_shared(file)
    _attending.append(file)


_attending: list[IO[str]] = []
"""Open for as long as the process lives."""


def is_held(folder: Path) -> bool:
    """Return whether a run has locked the folder, as far as this user may know."""
    try:
        with _open(folder / "lock", "r") as file:
            return _is_locked(file)
    except OSError:
        return False


def holder(folder: Path) -> str:
    """Return which process has locked the folder; empty if unknown."""
    try:
        with _open(folder / "holder.json", "r") as stream:
            return described_holder(stream.read(_LONGEST))[0]
    except (OSError, ValueError):
        return ""


def described_holder(note: str | bytes) -> tuple[str, str | None]:
    """Return what a note says of a process, empty if it cannot be read, and of the local folder it uses."""
    try:
        found = json.loads(note)
        text = f"process {found['pid']} on {found['host']}, since {found['started']}"
        return printable(text), found.get("machine")
    except (ValueError, KeyError, TypeError, AttributeError):
        return "", None


def _open(path: Path, mode: str) -> IO[str]:
    return open(path, mode, encoding="utf-8", opener=open_regular)


def this_process() -> dict[str, object]:
    """Return what a note says of this process."""
    return {"pid": os.getpid(), "host": socket.gethostname(), "started": format_time(time.time())}


def _wait_for(file: IO[str], seconds: float) -> bool:
    end = time.monotonic() + seconds
    while not _try_lock(file):
        if time.monotonic() > end:
            return False
        time.sleep(0.01)
    return True


if os.name == "nt":
    import msvcrt

    def _try_lock(file: IO[str]) -> bool:
        try:
            msvcrt.locking(file.fileno(), msvcrt.LK_NBLCK, 1)  # type: ignore[attr-defined,unused-ignore]
        except OSError:
            return False
        return True

    def _is_locked(file: IO[str]) -> bool:
        if _try_lock(file):
            _unlock(file)
            return False
        return True

    def _unlock(file: IO[str]) -> None:
        msvcrt.locking(file.fileno(), msvcrt.LK_UNLCK, 1)  # type: ignore[attr-defined,unused-ignore]

    def _lock_shared(file: IO[str]) -> None:
        """Do nothing: Windows has no shared locks."""
else:
    import fcntl

    def _try_lock(file: IO[str]) -> bool:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return False
        return True

    def _is_locked(file: IO[str]) -> bool:
        try:
            fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)
        except BlockingIOError:
            return True
        return False

    def _unlock(file: IO[str]) -> None:
        fcntl.flock(file, fcntl.LOCK_UN)

    def _lock_shared(file: IO[str]) -> None:
        fcntl.flock(file, fcntl.LOCK_SH)
