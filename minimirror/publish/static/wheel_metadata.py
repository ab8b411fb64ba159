"""``FILE.metadata`` beside a wheel, from which an installer learns what it needs without the wheel (PEP 658).

It is read from the wheel, whether the index offers it or not: PEP 658 says that the bytes are the same, the
wheel is here and verified, and no request is needed.
"""

from __future__ import annotations

import hashlib
from contextlib import suppress
from typing import NamedTuple

from minimirror.distributions import MetadataError, read_wheel_metadata
from minimirror.storage import FileRow, MetadataRow, MirrorFolder

__all__ = ["SUFFIX", "WheelMetadata", "find_metadata", "has_metadata"]

SUFFIX = ".metadata"


class WheelMetadata(NamedTuple):
    """What is, or has to be, beside a wheel."""

    row: MetadataRow
    is_new: bool = True
    """Whether the catalog does not know it yet."""

    content: bytes | None = None
    """What has to be written; None if nothing has to be."""

    occupied: bool = False
    """Whether a local file is in its place."""

    outdated: bool = False
    """Whether that of an earlier wheel of the same name has to be deleted."""

    @property
    def name(self) -> str:
        """The name of the file: ``foo-1.0-py3-none-any.whl.metadata``."""
        return self.row.filename + SUFFIX


def find_metadata(row: FileRow, known: MetadataRow | None, folder: MirrorFolder) -> WheelMetadata:
    """Find out what has to be beside a wheel in the folder.

    :param known: what the catalog says of it
    :raises OSError: the wheel, or the file beside it, cannot be read
    """
    if known is not None and known.wheel == row.sha256:
        return WheelMetadata(known, is_new=False)
    is_tracked = known is not None and bool(known.sha256)
    none = MetadataRow(row.filename, row.sha256)
    try:
        with (folder.path / row.filename).open("rb") as stream:
            content = read_wheel_metadata(stream, row.filename)
    except MetadataError:
        return WheelMetadata(none, outdated=is_tracked)
    found = MetadataRow(row.filename, row.sha256, len(content), hashlib.sha256(content).hexdigest())
    if is_tracked or not folder.occupied(row.filename + SUFFIX):
        return WheelMetadata(found, content=content)
    if has_metadata(found, folder):
        # From a mirror whose catalog was lost, for instance.
        return WheelMetadata(found)
    return WheelMetadata(none, occupied=True)


def has_metadata(row: MetadataRow, folder: MirrorFolder) -> bool:
    """Return whether the metadata is beside its wheel, byte for byte."""
    name = row.filename + SUFFIX
    if folder.size(name) != row.size:
        return False
    with suppress(OSError):
        return hashlib.sha256((folder.path / name).read_bytes()).hexdigest() == row.sha256
    return False
