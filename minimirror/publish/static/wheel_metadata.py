"""``FILE.metadata`` beside a wheel, from which an installer learns what it needs without the wheel (PEP 658).

It is read from the wheel, whether the index offers it or not: the bytes are the same by PEP 658, the wheel
is here and verified, and no request is needed.
"""

from __future__ import annotations

import hashlib
from typing import NamedTuple

from minimirror.common import has_sha256
from minimirror.distributions import MetadataError, read_offered_metadata
from minimirror.storage import FileRow, MetadataRow, Repository

__all__ = ["SUFFIX", "WheelMetadata", "find_metadata", "has_metadata"]

SUFFIX = ".metadata"


class WheelMetadata(NamedTuple):
    """The metadata file of a wheel."""

    row: MetadataRow
    is_new: bool = True
    """Whether it is not in the catalog yet."""

    content: bytes | None = None
    """What to write; None if nothing."""

    occupied: bool = False
    """Whether a local file has its name."""

    outdated: bool = False
    """Whether to delete the file of an earlier wheel with the same name."""

    @property
    def name(self) -> str:
        """The name of the file: ``foo-1.0-py3-none-any.whl.metadata``."""
        return self.row.filename + SUFFIX


def find_metadata(row: FileRow, known: MetadataRow | None, folder: Repository) -> WheelMetadata:
    """Return the metadata file that a wheel in the folder must have.

    :param known: its row in the catalog
    :raises OSError: the wheel, or the file beside it, cannot be read
    """
    if known is not None and known.wheel == row.sha256:
        return WheelMetadata(known, is_new=False)
    is_tracked = known is not None and bool(known.sha256)
    none = MetadataRow(row.filename, row.sha256)
    try:
        with folder.file(row.filename).open("rb") as stream:
            content = read_offered_metadata(stream, row.filename)
    except MetadataError:
        return WheelMetadata(none, outdated=is_tracked)
    found = MetadataRow(row.filename, row.sha256, len(content), hashlib.sha256(content).hexdigest())
    if is_tracked or not folder.occupied(row.filename + SUFFIX):
        return WheelMetadata(found, content=content)
    if has_metadata(found, folder):
        # For example, from before the catalog was lost.
        return WheelMetadata(found)
    return WheelMetadata(none, occupied=True)


def has_metadata(row: MetadataRow, folder: Repository) -> bool:
    """Return whether the metadata file has exactly these bytes."""
    name = row.filename + SUFFIX
    return folder.size(name) == row.size and has_sha256(folder.file(name), row.sha256)
