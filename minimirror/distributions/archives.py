"""The archives that distribution files are: zip archives, and packed tar archives.

They come from the network, so everything that is read from them has a limit. What exceeds it is an error.
"""

from __future__ import annotations

import bz2
import gzip
import io
import lzma
import re
import struct
import tarfile
import zipfile
import zlib
from collections.abc import Callable
from typing import IO, Any

from minimirror.common import MinimirrorError

__all__ = [
    "MAX_METADATA",
    "BrokenArchiveError",
    "MetadataError",
    "open_zip",
    "read_member",
    "read_sdist_file",
]

MAX_METADATA = 4 << 20
"""Bytes of one file that is read from an archive, such as a wheel's METADATA."""

_MAX_READ = 16 << 20
"""Bytes of a zip archive's directory, which is read at once; the largest wheels have about 5 MB."""

_MAX_SIZE = 1 << 50
"""Bytes of a file."""

_MAX_MEMBERS = 100_000
"""Members of a zip archive: each takes a kilobyte of memory while the archive is open."""

MAX_UNPACKED = 4 << 30
"""Bytes of an unpacked tar archive."""

MAX_MEMORY = 128 << 20
"""Bytes of memory for unpacking xz; ``xz -9`` makes archives that need half of it."""

_CHUNK = 64 << 10
"""Bytes that are read at once."""

_MEMBER = b"PK\1\2"
"""What the entry of a member begins with, in the directory of a zip archive."""

_LONG_NAMES = (tarfile.GNUTYPE_LONGNAME, tarfile.XHDTYPE)
"""Members of a tar archive whose content can have the name of the next member."""

_PAX_PATH = re.compile(rb"^\d+ path=(.*)$", re.MULTILINE)

_WITHOUT_CONTENT = (
    *(tarfile.LNKTYPE, tarfile.SYMTYPE, tarfile.DIRTYPE),
    *(tarfile.CHRTYPE, tarfile.BLKTYPE, tarfile.FIFOTYPE),
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
"""What the standard library raises for a broken or unusual archive."""


class MetadataError(MinimirrorError):
    """The metadata of a distribution file is missing or cannot be read."""


class BrokenArchiveError(MetadataError):
    """The file is no archive of its kind, or only a part of one."""


class _Bounded(io.RawIOBase):
    """A zip archive whose reader may not read too much at once."""

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


def read_member(archive: zipfile.ZipFile, name: str) -> bytes:
    """Read and decompress a member of a zip archive.

    :returns: at most :data:`MAX_METADATA` bytes
    :raises MetadataError: it is longer, or cannot be read
    """
    info = archive.getinfo(name)
    if info.compress_type not in {zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED}:
        # Python decompresses the others without a limit.
        raise MetadataError(f"its {name} is compressed with a method that installers need not support")
    try:
        with archive.open(info) as member:
            data = member.read(MAX_METADATA + 1)
    except _BROKEN as error:
        raise MetadataError(f"its {name} cannot be read: {error}") from None
    if len(data) > MAX_METADATA:
        raise _too_large(name)
    return data


def read_sdist_file(file: IO[bytes], filename: str, name: str) -> bytes | None:
    """Read a file in the top folder of an sdist, and the archive to its end.

    :param filename: the sdist's name, whose extension says what kind of archive it is
    :param name: the file's name, such as ``PKG-INFO``
    :returns: at most :data:`MAX_METADATA` bytes; None if there is no such file
    :raises BrokenArchiveError: it is no archive of its kind, or only a part of one
    :raises MetadataError: it exceeds a limit, or its kind is a rare one, which is not read
    :raises OSError: the sdist cannot be read
    """
    extension = filename.rpartition(".")[2].lower()
    if extension in {"zip", "egg"}:
        with open_zip(file) as archive:
            found = [each for each in archive.namelist() if _is_in_top_folder(each, name)]
            return read_member(archive, found[0]) if found else None
    unpack = _UNPACK.get(extension)
    if unpack is None:
        raise MetadataError(f"archives of the kind {extension!a} are not read")
    try:
        with unpack(file) as stream:
            return _read_tar(_Tar(stream), name)
    except (*_BROKEN, OSError) as error:
        # gzip and bz2 raise an OSError too, without a number, for what they cannot unpack.
        if getattr(error, "errno", None) is not None:
            raise
        raise BrokenArchiveError(f"it is not a complete archive: {error}") from None


def _is_in_top_folder(path: str, name: str) -> bool:
    folder, _, rest = path.removeprefix("./").partition("/")
    return bool(folder) and rest == name


def _too_large(name: str) -> MetadataError:
    return MetadataError(f"its {name} is larger than {MAX_METADATA} bytes")


class _Xz(io.RawIOBase):
    """Unpacks xz with a limit on memory, which lzma's own file does not have."""

    def __init__(self, file: IO[bytes]) -> None:
        super().__init__()
        self._file = file
        self._decompressor = lzma.LZMADecompressor(memlimit=MAX_MEMORY)

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        data = b""
        while not data and not self._decompressor.eof:
            packed = self._file.read(_CHUNK) if self._decompressor.needs_input else b""
            if self._decompressor.needs_input and not packed:
                raise EOFError("it ends too early")
            try:
                data = self._decompressor.decompress(packed, len(buffer))
            except lzma.LZMAError as error:
                memory = f"{MAX_MEMORY >> 20} MiB of memory"
                raise MetadataError(f"it cannot be unpacked with {memory}: {error}") from None
        buffer[: len(data)] = data
        return len(data)


_UNPACK: dict[str, Callable[[IO[bytes]], Any]] = {
    **dict.fromkeys(("gz", "tgz"), gzip.open),
    **dict.fromkeys(("bz2", "tbz", "tbz2"), bz2.open),
    **dict.fromkeys(("xz", "txz"), lambda file: io.BufferedReader(_Xz(file))),
    "tar": lambda file: file,
}
"""How to unpack tar archives, by the last extension."""


class _Tar:
    """An unpacked tar archive, read from its beginning to its end.

    tarfile is not used for this: it reads headers of any size into memory.
    """

    def __init__(self, stream: IO[bytes]) -> None:
        self._stream = stream
        self._read = 0

    def read(self, size: int) -> bytes:
        data = self._stream.read(size)
        self._read += len(data)
        if self._read > MAX_UNPACKED:
            raise MetadataError(f"it is larger than {MAX_UNPACKED} bytes when unpacked")
        return data

    def header(self) -> tarfile.TarInfo | None:
        """Read the header of the next member; None at the end."""
        is_first = not self._read
        block = self.read(tarfile.BLOCKSIZE)
        if not any(block) and not is_first:
            # Unpack the rest too: a checksum follows it.
            while self.read(_CHUNK):
                pass
            return None
        found = tarfile.TarInfo.frombuf(block, "utf-8", "surrogateescape")
        if found.size < 0:
            raise tarfile.HeaderError("a member has a negative size")
        return found

    def content(self, member: tarfile.TarInfo, *, keep: bool) -> bytes:
        """Read the content of the member whose header was read last.

        :returns: nothing, unless it is to be kept
        :raises MetadataError: it is to be kept, but too large
        """
        if keep and member.size > MAX_METADATA:
            raise _too_large(member.name)
        kept = b""
        left = 0 if member.type in _WITHOUT_CONTENT else -(-member.size // tarfile.BLOCKSIZE)
        left *= tarfile.BLOCKSIZE
        while left:
            data = self.read(min(left, _CHUNK))
            if not data:
                raise EOFError("it ends too early")
            left -= len(data)
            kept += data if keep else b""
        return kept[: member.size]


def _read_tar(archive: _Tar, name: str) -> bytes | None:
    found, path = None, ""
    while member := archive.header():
        is_name = member.type in _LONG_NAMES
        is_it = found is None and member.isreg() and _is_in_top_folder(path or member.name, name)
        content = archive.content(member, keep=is_name or is_it)
        found = content if is_it else found
        path = (_long_name(member, content) or path) if is_name else ""
    return found


def _long_name(member: tarfile.TarInfo, content: bytes) -> str:
    """Return the name of the next member, empty if its own header has it."""
    if member.type == tarfile.GNUTYPE_LONGNAME:
        return content.partition(b"\0")[0].decode(errors="replace")
    path = _PAX_PATH.search(content)
    return path[1].decode(errors="replace") if path else ""
