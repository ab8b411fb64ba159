"""A fork server that is forked, too: it need not import what the command has imported.

It waits until the command starts one, and begins as the process that Python would start for that.
"""

from __future__ import annotations

import fcntl
import json
import os
import resource
import signal
import socket
import sys
from multiprocessing import util
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

__all__ = ["prepare_fork_server"]

_LIMITS = [number for name, number in vars(resource).items() if name.startswith("RLIMIT_")]


def prepare_fork_server(begin: Callable[[], None]) -> None:
    """Fork a process that becomes the fork server of this one, if it starts one.

    :param begin: what each process does at its start
    """
    ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    # As minimirror does: until it ignores Ctrl-C, a fork server would die of it with a traceback.
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    pid = os.fork()
    if pid == 0:
        ours.close()
        _wait_and_serve(theirs, begin)
    signal.pthread_sigmask(signal.SIG_SETMASK, before)
    theirs.close()
    functions: Any = util
    start = functions.spawnv_passfds

    def spawnv_passfds(path: bytes, arguments: Sequence[Any], descriptors: Sequence[int]) -> int:
        if "multiprocessing.forkserver" not in arguments[-1]:
            return int(start(path, arguments, descriptors))
        functions.spawnv_passfds = start
        order = {
            "arguments": [os.fsdecode(each) for each in arguments],
            "numbers": [*descriptors],
            "environment": dict(os.environ),
            "limits": [resource.getrlimit(each) for each in _LIMITS],
        }
        with ours:
            socket.send_fds(ours, [json.dumps(order).encode()], [*descriptors])
        return pid

    functions.spawnv_passfds = spawnv_passfds


def _wait_and_serve(connection: socket.socket, begin: Callable[[], None]) -> None:
    """Do not return."""
    order, descriptors, _, _ = socket.recv_fds(connection, 1 << 20, 8)
    if not order:
        os._exit(0)
    connection.close()
    _take(descriptors, **json.loads(order))
    try:
        begin()
        exec(sys.orig_argv[-1], {})
    except SystemExit:
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
