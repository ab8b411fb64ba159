"""Open files in a folder that others can write to."""

from __future__ import annotations

import errno
import os
import stat

__all__ = ["open_regular"]

# Windows has neither, and needs neither: links need privileges there, and FIFOs are not files.
_SAFELY: int = getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_NONBLOCK", 0)


def open_regular(path: str, flags: int) -> int:
    """Open a regular file. An ``opener`` for :func:`open`.

    A link is not followed, and a FIFO is not waited for. A new file gets the mode 0666 without the umask.

    :raises OSError: it cannot be opened, or is not a regular file
    """
    try:
        # A file is cut only when it is known to be one.
        descriptor = os.open(path, (flags & ~os.O_TRUNC) | _SAFELY, 0o666)
    except OSError as error:
        # A link to anything; a FIFO without a reader, or a socket.
        if error.errno in {errno.ELOOP, errno.EMLINK, errno.ENXIO} and os.path.lexists(path):
            raise _in_the_way(path) from None
        raise
    if not stat.S_ISREG(os.fstat(descriptor).st_mode):
        os.close(descriptor)
        raise _in_the_way(path)
    if flags & os.O_TRUNC:
        os.ftruncate(descriptor, 0)
    return descriptor


def _in_the_way(path: str) -> OSError:
    return OSError(errno.EINVAL, f"{path} is a link or a special file; remove it")
