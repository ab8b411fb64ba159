"""A wheel's core metadata, read from the wheel itself (PEP 427, PEP 658).

Nothing is unpacked. What a hostile archive can cost is bounded before it is read.
"""

from __future__ import annotations

import struct
import zipfile
import zlib
from io import BufferedReader, FileIO
from pathlib import Path

from minimirror.errors import MinimirrorError

__all__ = ["WheelError", "read_metadata"]

MAX_METADATA = 4 << 20
"""Bytes: the longest METADATA that is read."""

MAX_DIRECTORY = 8 << 20
"""Bytes: the longest list of members, which :mod:`zipfile` reads at once, some 100,000 of them."""

_METHODS = {zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED}
"""How wheels are compressed. Of the other methods a few bytes may grow to many before they can be counted."""

_UNSOUND = (
    zipfile.BadZipFile, zlib.error, struct.error,
    EOFError, NotImplementedError, OverflowError, RuntimeError, ValueError,
)  # fmt: skip
"""What :mod:`zipfile` raises of an archive that is none."""


class WheelError(MinimirrorError):
    """A file is no wheel with core metadata that can be read."""


class _Bounded(BufferedReader):
    """A file of which no piece is read that is longer than any that a sound wheel has."""

    def read(self, size: int | None = -1, /) -> bytes:
        most = MAX_DIRECTORY + 1
        data = super().read(most if size is None or size < 0 else min(size, most))
        if len(data) == most:
            raise zipfile.BadZipFile("its list of members is too long")
        return data


def read_metadata(path: Path) -> bytes:
    """Read the METADATA of a wheel: what ``FILE.whl.metadata`` beside it holds, byte for byte (PEP 658).

    :raises WheelError: the wheel has none, more than one, one of more than 4 MB, or is no sound archive
    :raises OSError: the file cannot be read
    """
    with _Bounded(FileIO(path)) as stream:
        try:
            with zipfile.ZipFile(stream) as archive:
                return _read(archive)
        except _UNSOUND as error:
            raise WheelError(f"{path.name}: no sound wheel: {error}") from None


def _read(archive: zipfile.ZipFile) -> bytes:
    found = [each for each in archive.infolist() if _is_metadata(each.filename)]
    if len(found) != 1:
        raise zipfile.BadZipFile(f"it has {len(found)} METADATA files, not 1")
    if found[0].compress_type not in _METHODS:
        raise zipfile.BadZipFile("its METADATA is compressed in a way that wheels are not")
    with archive.open(found[0]) as member:
        data = member.read(MAX_METADATA + 1)
    if len(data) > MAX_METADATA:
        raise zipfile.BadZipFile(f"its METADATA has more than {MAX_METADATA} bytes")
    return data


def _is_metadata(name: str) -> bool:
    return name.endswith(".dist-info/METADATA") and name.count("/") == 1
