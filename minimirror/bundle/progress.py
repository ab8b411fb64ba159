"""The progress of an export or an import."""

from __future__ import annotations

from dataclasses import dataclass

from minimirror.bundle.manifest import ManifestHeader
from minimirror.common import ProgressCallback, Status

__all__ = ["Progress"]

_EVERY = 1 << 20
"""Bytes, and 100 files, between two statuses."""


@dataclass
class Progress:
    """Counts the carried files and their bytes, and reports them now and then."""

    callback: ProgressCallback
    header: ManifestHeader
    done: str
    """What is done with the files, in one word."""

    filename: str = ""
    files: int = -1
    """Files that are done."""

    bytes: int = 0
    of_file: int = 0
    left: int = 0
    """Bytes until the next status."""

    def begin(self, filename: str) -> None:
        """Begin with a file."""
        self.filename, self.of_file = filename, 0
        self.files += 1
        self.left -= _EVERY // 100

    def __call__(self, size: int) -> None:
        """Count bytes of the file."""
        self.bytes += size
        self.of_file += size
        self.left -= size
        if self.left <= 0:
            self.left = _EVERY
            self.callback(
                Status(
                    files=self.header.files,
                    files_fetched=self.files,
                    bytes=self.header.bytes,
                    bytes_fetched=self.bytes,
                    in_flight={self.filename: self.of_file},
                    done=self.done,
                )
            )
