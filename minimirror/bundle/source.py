"""Reads the files whose bytes an export carries."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial

from minimirror.common import open_regular
from minimirror.storage import MirrorFolder, Repository

__all__ = ["SourceChangedError", "open_file", "open_stored"]

_READ = os.O_RDONLY | getattr(os, "O_BINARY", 0)


class SourceChangedError(Exception):
    """A file does not hold exactly the bytes of its member, or cannot be read."""


@contextmanager
def open_file(path: str, *, links: bool = False) -> Iterator[Callable[[int], bytes]]:
    """Open a file; yield the function that returns its next bytes, at most as many as asked for.

    :param path: text, because pathlib takes longer
    :param links: follow a link
    :raises SourceChangedError: it cannot be opened
    """
    try:
        source = os.open(path, _READ) if links else open_regular(path, _READ)
    except OSError as error:
        raise SourceChangedError from error
    try:
        yield partial(os.read, source)
    finally:
        os.close(source)


@contextmanager
def open_stored(folder: Repository, filename: str, *, local: bool) -> Iterator[Callable[[int], bytes]]:
    """Open a file of the mirror, as :func:`open_file` does; only a local one may be a link.

    :raises SourceChangedError: it is missing or cannot be opened
    :raises FolderError: a bucket cannot be reached
    """
    if isinstance(folder, MirrorFolder):
        with open_file(f"{folder}{os.sep}{filename}", links=local) as read:
            yield read
        return
    try:
        stream = folder.file(filename).open("rb")
    except FileNotFoundError as error:
        raise SourceChangedError from error
    except OSError as error:
        raise folder.unusable(error) from None

    def explained(size: int) -> bytes:
        # This says that the store failed; the writer would say that the file has changed.
        with folder.explained():
            return stream.read(size)

    with stream:
        yield explained
