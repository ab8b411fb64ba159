"""``FILE.metadata`` beside a wheel, from which an installer learns what it needs without the wheel (PEP 658).

It is read from the wheel, whether the index offers it or not: by PEP 658 these are the same bytes, the wheel
is here and verified, and no request is needed.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from contextlib import suppress
from typing import NamedTuple

from minimirror.distributions import MetadataError, read_wheel_metadata
from minimirror.storage import FileRow, MetadataRow, MirrorFolder

__all__ = ["SUFFIX", "Beside", "find_metadata", "has_metadata"]

SUFFIX = ".metadata"


class Beside(NamedTuple):
    """What is, or shall be, beside a wheel."""

    row: MetadataRow
    is_new: bool = True
    """Whether the catalog does not know it yet."""

    staged: bool = False
    """Whether it was written to the partial folder."""

    occupied: bool = False
    """Whether somebody's own file is in its place."""

    drops: bool = False
    """Whether one of an earlier wheel of that name has to go."""


def find_metadata(
    row: FileRow, known: MetadataRow | None, repository: MirrorFolder, stage: Callable[[str, bytes], None]
) -> Beside:
    """Find out what is to be beside a wheel that is here.

    :param known: what the catalog knows of it
    :param stage: called with the name and the content of what is to be placed
    :raises OSError: the wheel, or the file beside it, cannot be read
    """
    if known is not None and known.wheel == row.sha256:
        return Beside(known, is_new=False)
    is_ours = known is not None and bool(known.sha256)
    try:
        with (repository.path / row.filename).open("rb") as stream:
            content = read_wheel_metadata(stream, row.filename)
    except MetadataError:
        return Beside(MetadataRow(row.filename, row.sha256), drops=is_ours)
    found = MetadataRow(row.filename, row.sha256, len(content), hashlib.sha256(content).hexdigest())
    if not is_ours and repository.occupied(row.filename + SUFFIX):
        if has_metadata(found, repository):
            # Of a mirror whose catalog was lost, for instance.
            return Beside(found)
        return Beside(MetadataRow(row.filename, row.sha256), occupied=True)
    stage(row.filename + SUFFIX, content)
    return Beside(found, staged=True)


def has_metadata(row: MetadataRow, repository: MirrorFolder) -> bool:
    """Whether the metadata is beside its wheel, byte for byte."""
    name = row.filename + SUFFIX
    if repository.size(name) != row.size:
        return False
    with suppress(OSError):
        return hashlib.sha256((repository.path / name).read_bytes()).hexdigest() == row.sha256
    return False
