"""The core metadata of a wheel: the file ``METADATA`` in its ``.dist-info`` folder (PEP 427).

A wheel comes from the network, so everything that is read from it has a size limit.
"""

from __future__ import annotations

import io
import re
import struct
import zipfile
import zlib
from email.parser import BytesHeaderParser
from typing import IO

from packaging.specifiers import InvalidSpecifier, SpecifierSet
from packaging.utils import canonicalize_name

from minimirror.common import MinimirrorError

__all__ = [
    "MAX_METADATA",
    "MetadataError",
    "open_zip",
    "read_member",
    "read_wheel_metadata",
    "requires_python",
    "without_invalid_python",
]

MAX_METADATA = 4 << 20
"""Bytes of one wheel's metadata."""

_MAX_READ = 16 << 20
"""Bytes of a zip archive's directory, which is read at once; the largest wheels have about 5 MB."""

_MAX_SIZE = 1 << 50
"""Bytes of a file."""

_MAX_MEMBERS = 100_000
"""Members of a zip archive: each takes a kilobyte of memory while the archive is open."""

_MEMBER = b"PK\1\2"
"""What the entry of a member begins with, in the directory."""

_MAX_REQUIRES_PYTHON = 1000
"""Characters of a Requires-Python."""

_REQUIRES_PYTHON = re.compile(
    rb"^Requires-Python[ \t]*:.*(?:\r?\n[ \t].*)*\r?\n", re.IGNORECASE | re.MULTILINE
)

_BROKEN = (
    zipfile.BadZipFile,
    zlib.error,
    struct.error,
    ArithmeticError,
    EOFError,
    LookupError,
    RuntimeError,
    ValueError,
)
"""What zipfile raises for a broken or unusual archive."""


class MetadataError(MinimirrorError):
    """The metadata of a distribution file is missing or cannot be read."""


class _Bounded(io.RawIOBase):
    """A file that limits how much is read at once."""

    def __init__(self, file: io.RawIOBase | IO[bytes]) -> None:
        super().__init__()
        self._file = file

    def seekable(self) -> bool:
        return True

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        if whence == io.SEEK_SET and not 0 <= offset <= _MAX_SIZE:
            # A real file would fail as if it could not be read.
            raise MetadataError("it is not a zip archive: it refers to a place outside of it")
        return self._file.seek(offset, whence)

    def tell(self) -> int:
        return self._file.tell()

    def read(self, size: int | None = -1) -> bytes:
        size = -1 if size is None else size
        if size > _MAX_READ:
            raise MetadataError(f"its zip directory is larger than {_MAX_READ} bytes")
        data = self._file.read(_MAX_READ if size < 0 else size) or b""
        if size < 0 and len(data) == _MAX_READ:
            raise MetadataError("it is not a zip archive")
        if data.count(_MEMBER) > _MAX_MEMBERS:
            raise MetadataError(f"its zip directory has more than {_MAX_MEMBERS:,} members")
        return data


def open_zip(file: io.RawIOBase | IO[bytes]) -> zipfile.ZipFile:
    """Open a zip archive that comes from the network.

    :raises MetadataError: it is not a zip archive, or its directory is too large
    """
    try:
        return zipfile.ZipFile(_Bounded(file))
    except _BROKEN as error:
        raise MetadataError(f"it is not a zip archive: {error}") from None


def read_member(archive: zipfile.ZipFile, name: str, limit: int) -> bytes:
    """Read and decompress a member.

    :param limit: bytes that it may have, decompressed
    :raises MetadataError: it is longer, or cannot be read
    """
    info = archive.getinfo(name)
    if info.compress_type not in {zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED}:
        # Python decompresses the others without a limit.
        raise MetadataError(f"its {name} is compressed with a method that installers need not support")
    try:
        with archive.open(info) as member:
            data = member.read(limit + 1)
    except _BROKEN as error:
        raise MetadataError(f"its {name} cannot be read: {error}") from None
    if len(data) > limit:
        raise MetadataError(f"its {name} is larger than {limit} bytes")
    return data


def read_wheel_metadata(file: io.RawIOBase | IO[bytes], filename: str) -> bytes:
    """Read the core metadata of a wheel.

    :param file: the wheel; only its directory and the metadata are read
    :param filename: the wheel's name, which has the project's name
    :returns: the file ``METADATA``, at most :data:`MAX_METADATA` bytes
    :raises MetadataError: the wheel has no such file or several, or it is too large
    """
    project = canonicalize_name(filename.partition("-")[0])
    with open_zip(file) as archive:
        found = [name for name in archive.namelist() if _is_metadata(name, project)]
        if len(set(found)) != 1:
            raise MetadataError(f"it has {len(set(found)) or 'no'} PROJECT-VERSION.dist-info/METADATA files")
        return read_member(archive, found[0], MAX_METADATA)


def requires_python(metadata: bytes) -> str | None:
    """Return the Requires-Python of core metadata; None if it is missing or invalid."""
    # It is no string if it has a byte that is not ASCII.
    found = str(BytesHeaderParser().parsebytes(metadata)["Requires-Python"] or "")
    try:
        return str(SpecifierSet(found)) if 0 < len(found) <= _MAX_REQUIRES_PYTHON else None
    except InvalidSpecifier:
        return None


def without_invalid_python(metadata: bytes) -> bytes:
    """Return core metadata without its Requires-Python if that is invalid.

    pip ignores it; uv would reject the release.
    """
    return _REQUIRES_PYTHON.sub(b"", metadata) if requires_python(metadata) is None else metadata


def _is_metadata(name: str, project: str) -> bool:
    folder, _, rest = name.partition(".dist-info/")
    if rest != "METADATA" or "/" in folder:
        return False
    # Very old wheels have hyphens in the folder's name where the filename has "_".
    return canonicalize_name(folder.rpartition("-")[0]) == project
