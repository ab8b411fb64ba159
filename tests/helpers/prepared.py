"""The processes that multiprocessing starts for a command, forked, too: its resource tracker and fork server.

They wait until the command starts them, and need not import what it has imported.
"""

from __future__ import annotations

import fcntl
import json
import os
import resource
import signal
import socket
import sys
import traceback
from multiprocessing import util
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

__all__ = ["prepare_processes"]

_LIMITS = [number for name, number in vars(resource).items() if name.startswith("RLIMIT_")]


def prepare_processes(begin: Callable[[], None]) -> None:
    """Fork the processes that become the resource tracker and the fork server of this one, if it starts them.

    :param begin: what each process does at its start
    """
    prepared = [_prepare(begin) for _ in range(2)]
    functions: Any = util
    start = functions.spawnv_passfds

    def spawnv_passfds(path: bytes, arguments: Sequence[Any], descriptors: Sequence[int]) -> int:
        if not prepared:
            return int(start(path, arguments, descriptors))
        pid, connection = prepared.pop()
        order = {
            "arguments": [os.fsdecode(each) for each in arguments],
            "numbers": [*descriptors],
            "environment": dict(os.environ),
            "limits": [resource.getrlimit(each) for each in _LIMITS],
        }
        with connection:
            socket.send_fds(connection, [json.dumps(order).encode()], [*descriptors])
        return pid

    functions.spawnv_passfds = spawnv_passfds


def _prepare(begin: Callable[[], None]) -> tuple[int, socket.socket]:
    """Fork a process; return its ID, and the connection on which it waits for an order."""
    ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    # As minimirror does: until it ignores Ctrl-C, a fork server would die of it with a traceback.
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    pid = os.fork()
    if pid == 0:
        ours.close()
        _wait_and_work(theirs, begin)
    signal.pthread_sigmask(signal.SIG_SETMASK, before)
    theirs.close()
    return pid, ours


def _wait_and_work(connection: socket.socket, begin: Callable[[], None]) -> None:
    """Do not return."""
    order, descriptors, _, _ = socket.recv_fds(connection, 1 << 20, 8)
    connection.close()
    try:
        if order:
            _take(descriptors, **json.loads(order))
            begin()
            exec(sys.orig_argv[-1], {})
    except Exception:  # noqa: BLE001 - as Python does
        traceback.print_exc()
        os._exit(1)
    finally:
        os._exit(0)


def _take(
    descriptors: list[int],
    arguments: list[str],
    numbers: list[int],
    environment: dict[str, str],
    limits: list[list[int]],
) -> None:
    """Take over what a new process has from the one that starts it."""
    # Out of the way first: the numbers may be those of others of them.
    least = max(*descriptors, *numbers) + 1
    moved = [fcntl.fcntl(each, fcntl.F_DUPFD, least) for each in descriptors]
    for each in descriptors:
        os.close(each)
    for each, number in zip(moved, numbers, strict=True):
        os.dup2(each, number)
        os.close(each)
    os.environ.clear()
    os.environ.update(environment)
    for limit, values in zip(_LIMITS, limits, strict=True):
        resource.setrlimit(limit, (values[0], values[1]))
    sys.orig_argv = arguments
    sys.argv = ["-c"]
