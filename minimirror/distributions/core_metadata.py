"""The core metadata: a wheel's ``METADATA`` in its ``.dist-info`` folder (PEP 427), an sdist's ``PKG-INFO``.

The files come from the network, so everything that is read from them has a size limit.
"""

from __future__ import annotations

import bz2
import gzip
import io
import re
import struct
import tarfile
import zipfile
import zlib
from collections.abc import Callable
from email.parser import BytesHeaderParser
from typing import IO, Any

from packaging.specifiers import InvalidSpecifier, SpecifierSet
from packaging.utils import canonicalize_name

from minimirror.common import MinimirrorError

__all__ = [
    "MAX_METADATA",
    "BrokenArchiveError",
    "MetadataError",
    "open_zip",
    "read_member",
    "read_metadata",
    "read_offered_metadata",
    "read_sdist_metadata",
    "read_wheel_metadata",
    "requires_python",
    "valid_requires_python",
    "without_invalid_python",
]

MAX_METADATA = 4 << 20
"""Bytes of one wheel's metadata."""

_MAX_READ = 16 << 20
"""Bytes of a zip archive's directory, which is read at once; the largest wheels have about 5 MB."""

_MAX_SIZE = 1 << 50
"""Bytes of a file."""

_MAX_MEMBERS = 100_000
"""Members of an archive: each takes a kilobyte of memory while the archive is open."""

_MAX_UNPACKED = 1 << 30
"""Bytes of an unpacked tar archive that are read, which takes some seconds."""

_UNPACK: dict[str, Callable[[IO[bytes]], Any]] = {
    ".gz": gzip.open,
    ".tgz": gzip.open,
    ".bz2": bz2.open,
    ".tbz": bz2.open,
    ".tbz2": bz2.open,
}
"""How to unpack tar archives, by the last extension. The others are rare, or lack a bound on memory."""

_MEMBER = b"PK\1\2"
"""What the entry of a member begins with, in the directory."""

_MAX_REQUIRES_PYTHON = 1000
"""Characters of a Requires-Python."""

_REQUIRES_PYTHON = re.compile(
    rb"^Requires-Python[ \t]*:.*(?:\r?\n[ \t].*)*\r?\n", re.IGNORECASE | re.MULTILINE
)

_BROKEN = (
    tarfile.TarError,
    zipfile.BadZipFile,
    zlib.error,
    struct.error,
    ArithmeticError,
    EOFError,
    LookupError,
    RuntimeError,
    ValueError,
)
"""What zipfile and tarfile raise for a broken or unusual archive."""


class MetadataError(MinimirrorError):
    """The metadata of a distribution file is missing or cannot be read."""


class BrokenArchiveError(MetadataError):
    """The file is no archive of its kind, or only a part of one."""


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
            raise MetadataError("it is not a complete archive: it refers to a place outside of it")
        return self._file.seek(offset, whence)

    def tell(self) -> int:
        return self._file.tell()

    def read(self, size: int | None = -1) -> bytes:
        size = -1 if size is None else size
        if size > _MAX_READ:
            raise MetadataError(f"its directory is larger than {_MAX_READ} bytes")
        data = self._file.read(_MAX_READ if size < 0 else size) or b""
        if size < 0 and len(data) == _MAX_READ:
            raise MetadataError("it is not a complete archive")
        if data.count(_MEMBER) > _MAX_MEMBERS:
            raise MetadataError(f"its directory has more than {_MAX_MEMBERS:,} members")
        return data


def open_zip(file: io.RawIOBase | IO[bytes]) -> zipfile.ZipFile:
    """Open a zip archive that comes from the network.

    :raises BrokenArchiveError: it is not a zip archive
    :raises MetadataError: its directory is too large
    """
    try:
        return zipfile.ZipFile(_Bounded(file))
    except _BROKEN as error:
        raise BrokenArchiveError(f"it is not a zip archive: {error}") from None


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


def read_metadata(file: IO[bytes], filename: str) -> bytes | None:
    """Read the core metadata of a distribution file, and whether the file is complete.

    :returns: None if it has none, or its format is a rare one, which is not read
    :raises BrokenArchiveError: it is no archive of its kind, or only a part of one
    :raises MetadataError: the metadata cannot be read for another reason
    """
    if filename.endswith(".whl"):
        return read_wheel_metadata(file, filename)
    if filename.lower().endswith(".egg"):
        open_zip(file).close()
        return None
    return read_sdist_metadata(file, filename)


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


def read_offered_metadata(file: IO[bytes], filename: str) -> bytes:
    """Read the core metadata of a wheel that a page may offer beside it (PEP 658).

    :raises MetadataError: the wheel has none, or pip fails on it, although it takes it from the wheel itself
    """
    content = read_wheel_metadata(file, filename)
    try:
        content.decode()
    except UnicodeDecodeError:
        raise MetadataError("its METADATA is not UTF-8, so it is not offered on its own") from None
    return content


def read_sdist_metadata(file: IO[bytes], filename: str) -> bytes | None:
    """Read the ``PKG-INFO`` of an sdist, and the archive to its end, as far as the limits allow.

    :returns: at most :data:`MAX_METADATA` bytes; None if there is none, or the format is a rare one
    :raises BrokenArchiveError: it is no archive of its kind, or only a part of one
    :raises MetadataError: it exceeds a limit
    """
    extension = filename[filename.rfind(".") :].lower()
    if extension == ".zip":
        with open_zip(file) as archive:
            found = [name for name in archive.namelist() if _is_pkg_info(name)]
            return read_member(archive, found[0], MAX_METADATA) if found else None
    unpack = _UNPACK.get(extension)
    if unpack is None and extension != ".tar":
        return None
    try:
        with unpack(file) if unpack else file as stream:
            return _read_tar(_Bounded(stream))
    except (*_BROKEN, OSError) as error:
        raise BrokenArchiveError(f"it is not a complete archive: {error}") from None


def _read_tar(stream: _Bounded) -> bytes | None:
    metadata = None
    with tarfile.open(fileobj=stream, mode="r:") as archive:
        for number, member in enumerate(archive):
            if number > _MAX_MEMBERS or member.offset_data + member.size > _MAX_UNPACKED:
                return metadata
            if metadata is None and member.isfile() and _is_pkg_info(member.name):
                if member.size > MAX_METADATA:
                    raise MetadataError(f"its {member.name} is larger than {MAX_METADATA} bytes")
                opened = archive.extractfile(member)
                metadata = opened.read() if opened else None
    # The end of a compressed archive has a checksum.
    while stream.read(1 << 16):
        if stream.tell() > _MAX_UNPACKED:
            break
    return metadata


def _is_pkg_info(name: str) -> bool:
    folder, _, rest = name.removeprefix("./").partition("/")
    return bool(folder) and rest == "PKG-INFO"


def requires_python(metadata: bytes) -> str | None:
    """Return the Requires-Python of core metadata; None if it is missing or invalid."""
    # It is no string if it has a byte that is not ASCII.
    return valid_requires_python(str(BytesHeaderParser().parsebytes(metadata)["Requires-Python"] or ""))


def valid_requires_python(text: str) -> str | None:
    """Return a Requires-Python in its normal form; None if it is empty, too long or invalid."""
    try:
        return str(SpecifierSet(text)) if 0 < len(text) <= _MAX_REQUIRES_PYTHON else None
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
