"""Files of a mirror: in a folder that others can write to, without following links, or elsewhere."""

from __future__ import annotations

import errno
import os
import stat
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from io import BufferedReader
from pathlib import Path
from typing import Literal, Protocol, TypeAlias

__all__ = [
    "StoredFile",
    "StoredObject",
    "is_foreign_link",
    "is_link",
    "open_regular",
    "refuse_link",
    "replacing",
]


class StoredObject(Protocol):
    """A file that is not in a folder. It offers what readers need of a :class:`Path`."""

    @property
    def name(self) -> str:
        """The filename."""
        ...

    def open(self, mode: Literal["rb"], /) -> BufferedReader:
        """Open it to read it.

        :raises OSError: it cannot be read
        """
        ...

    def stat(self) -> os.stat_result:
        """Return its size and modification time.

        :raises OSError: there is none, or it cannot be asked for
        """
        ...

    def sha256(self) -> str | None:
        """Return the digest that it had when it was written, hexadecimal; None if unknown.

        :raises OSError: there is none, or it cannot be asked for
        """
        ...


StoredFile: TypeAlias = Path | StoredObject
"""A file of the mirror, to read it."""

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


def is_link(path: str | os.PathLike[str]) -> bool:
    """Return whether a path is a symbolic link; False if that cannot be found out."""
    return os.path.islink(path)  # noqa: PTH114 - which may raise an error


def is_foreign_link(path: str | os.PathLike[str]) -> bool:
    """Return whether a path is a symbolic link that neither this user nor root has made."""
    return is_link(path) and hasattr(os, "geteuid") and os.lstat(path).st_uid not in {0, os.geteuid()}


def refuse_link(path: str | os.PathLike[str]) -> None:
    """Check that a path is not a symbolic link.

    :raises OSError: it is
    """
    if is_link(path):
        raise _in_the_way(os.fspath(path))


def _in_the_way(path: str) -> OSError:
    return OSError(errno.EINVAL, f"{path} is a link or a special file; remove it")


@contextmanager
def replacing(path: Path) -> Iterator[Path]:
    """Yield the path of a new file, which replaces another one at the end. Symbolic links are followed.

    After an error, the old file is as it was, and the new one is gone.

    :raises OSError: it cannot be replaced
    """
    target = Path(os.path.realpath(path))
    new = target.with_name(f".{target.name}.{os.urandom(4).hex()}")
    try:
        yield new
        new.replace(target)
    finally:
        # If this fails, there is no folder, and an error that says more.
        with suppress(OSError):
            new.unlink(missing_ok=True)
