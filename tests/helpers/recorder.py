"""Record every operation of a run that matters after a crash, or kill the run at one of them.

`watching` makes a folder for PYTHONPATH. With it, the command, its fork server and its workers call `install`
when they start. minimirror is not changed: audit hooks, SQLite's trace and a wrapper of the system call that
syncs see what it does.
"""

from __future__ import annotations

import json
import os
import shutil
import signal
import sqlite3
import sys
import threading
from pathlib import Path
from typing import Any, NamedTuple

__all__ = ["Event", "events", "install", "watching"]


class Event(NamedTuple):
    """An operation that is about to happen; `written` and `synced` have just happened."""

    kind: str
    """`written`: a worker has written a file; `sync`, `synced`; `commit`; `rename`; `remove`."""

    paths: list[str]
    """Relative to the mirror."""

    snapshot: str | None
    """A copy of the mirror before the event."""


def watching(folder: Path, repository: Path, *, kill_at: int = 0, group: bool = False) -> Path:
    """Make a folder for PYTHONPATH.

    :param folder: the folder to make, which also gets the record
    :param kill_at: kill the run, or its group, at its event with that number, from 1; record nothing
    """
    folder.mkdir(parents=True)
    (folder / "sitecustomize.py").write_text(
        "from tests.helpers.recorder import install\n"
        f"install({str(folder)!r}, {str(repository)!r}, {kill_at}, {group})\n"
    )
    return folder


def events(folder: Path) -> list[Event]:
    """Return the record of a run, in order."""
    return [Event(*json.loads(line)) for line in (folder / "record").read_text().splitlines()]


def install(
    folder: str, repository: str, kill_at: int, group: bool = False, is_run: bool | None = None
) -> None:
    """Watch this process, if it is a run or one of its workers."""
    if is_run is None:
        is_run = "minimirror" in sys.orig_argv
    recorder = _Recorder(Path(folder), repository, is_run, kill_at, group)
    sys.addaudithook(recorder)
    if is_run:
        recorder.watch_catalog()


class _Recorder:
    def __init__(self, folder: Path, repository: str, is_run: bool, kill_at: int, group: bool) -> None:
        self._folder = folder
        self._repository = repository
        self._is_run = is_run
        self._kill_at = kill_at
        self._group = group
        self._count = 0
        self._lock = threading.RLock()
        self._busy = False

    def __call__(self, event: str, arguments: tuple[Any, ...]) -> None:
        """Take an audit event."""
        if event == "os.utime" and not self._is_run:
            self._note("written", arguments[0])
        elif self._is_run and event == "os.rename":
            self._note("rename", *arguments[:2])
        elif self._is_run and event == "os.remove":
            self._note("remove", arguments[0])

    def watch_catalog(self) -> None:
        """Record commits of SQLite and, once a catalog is open, syncs."""
        connect: Any = sqlite3.connect

        def watched(*arguments: Any, **options: Any) -> sqlite3.Connection:
            db: sqlite3.Connection = connect(*arguments, **options)
            db.set_trace_callback(self._statement)
            self._watch_syncs()
            return db

        vars(sqlite3)["connect"] = watched

    def _statement(self, sql: str) -> None:
        if sql == "COMMIT":
            self._note("commit")

    def _watch_syncs(self) -> None:
        module: Any = sys.modules["minimirror.storage.folder"]
        sync = module._syncfs
        assert sync, "this system has no syncfs"

        def watched(folder: int) -> int:
            self._note("sync")
            answer: int = sync(folder)
            self._note("synced")
            return answer

        module._syncfs = watched

    def _note(self, kind: str, *paths: Any) -> None:
        names = [os.path.relpath(os.fspath(path), self._repository) for path in paths]
        if any(name.startswith("..") for name in names):
            return
        with self._lock:
            if self._busy:
                # The recorder's own operations.
                return
            self._busy = True
            self._count += 1
            if self._kill_at == 0:
                self._record(kind, names)
            elif self._is_run and self._count == self._kill_at:
                # The process is the head of its group.
                os.kill(-os.getpid() if self._group else os.getpid(), signal.SIGKILL)
            self._busy = False

    def _record(self, kind: str, names: list[str]) -> None:
        snapshot = None
        if kind in {"commit", "rename", "remove"}:
            snapshot = str(self._folder / f"{self._count:04}")
            shutil.copytree(self._repository, snapshot)
        with (self._folder / "record").open("a") as record:
            record.write(json.dumps([kind, names, snapshot]) + "\n")
