"""The progress of an export or an import."""

from __future__ import annotations

from minimirror.bundle.manifest import ManifestHeader
from minimirror.common import ProgressCallback, Status

__all__ = ["Progress"]

_EVERY = 1 << 20
"""Bytes, and 100 files, between two statuses."""


class Progress:
    """Counts the carried files and their bytes, and reports them now and then."""

    def __init__(self, callback: ProgressCallback, header: ManifestHeader, done: str) -> None:
        """Begin with nothing.

        :param done: what is done with the files, in one word
        """
        self._callback = callback
        self._header = header
        self._done = done
        self._filename = ""
        self._files = -1
        """Files that are done."""
        self._bytes = self._of_file = self._left = 0

    def begin(self, filename: str) -> None:
        """Begin with a file."""
        self._filename = filename
        self._files += 1
        self._of_file = 0
        self._left -= _EVERY // 100

    def __call__(self, size: int) -> None:
        """Count bytes of the file."""
        self._bytes += size
        self._of_file += size
        self._left -= size
        if self._left <= 0:
            self._left = _EVERY
            self._callback(
                Status(
                    files=self._header.files,
                    files_fetched=self._files,
                    bytes=self._header.bytes,
                    bytes_fetched=self._bytes,
                    in_flight={self._filename: self._of_file},
                    done=self._done,
                )
            )
