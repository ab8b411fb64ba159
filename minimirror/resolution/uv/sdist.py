"""Read what an sdist is built with: ``build-system.requires`` in its ``pyproject.toml`` (PEP 518).

An sdist comes from the network. It is read as a stream, and everything that is read has a bound.
"""

from __future__ import annotations

import bz2
import gzip
import lzma
import tarfile
import zlib
from collections.abc import Callable
from pathlib import Path
from typing import IO, Any, BinaryIO

from packaging.requirements import InvalidRequirement, Requirement

from minimirror.distributions import MetadataError, open_zip, read_member
from minimirror.resolution.inputs.files import load_toml

__all__ = ["build_requirements"]

MAX_PYPROJECT = 4 << 20
"""Bytes of a pyproject.toml."""

MAX_UNPACKED = 4 << 30
"""Bytes of an unpacked sdist."""

_MAX_HEADER = 1 << 20
"""Bytes of a tar header that describes the next member: Python reads it into memory."""

_DEFAULT = ("setuptools", "wheel")
"""What an sdist is built with if it does not say (PEP 518)."""

_OPENERS: dict[str, Callable[[BinaryIO], Any]] = {
    ".tar.gz": lambda file: gzip.GzipFile(fileobj=file),
    ".tgz": lambda file: gzip.GzipFile(fileobj=file),
    ".tar.bz2": bz2.BZ2File,
    ".tbz": bz2.BZ2File,
    ".tar.xz": lzma.LZMAFile,
    ".txz": lzma.LZMAFile,
    ".tar": lambda file: file,
}


def build_requirements(path: Path) -> tuple[str, ...]:
    """Read the build requirements of an sdist.

    :returns: requirements (PEP 508), possibly none
    :raises MetadataError: the sdist or its pyproject.toml cannot be read
    """
    with path.open("rb") as file:
        text = _read_zip(file) if path.name.endswith(".zip") else _read_tar(file, path.name)
    if text is None:
        return _DEFAULT
    try:
        system = load_toml(text.decode()).get("build-system")
    except ValueError as error:
        raise MetadataError(f"invalid pyproject.toml: {error}") from None
    if system is None:
        return _DEFAULT
    requires = system.get("requires") if isinstance(system, dict) else None
    if not isinstance(requires, list):
        raise MetadataError("its pyproject.toml has no list build-system.requires")
    return tuple(map(_requirement, requires))


def _requirement(value: object) -> str:
    """Return a requirement that is safe to pass on: one line, and a project of the index."""
    try:
        requirement = Requirement(value if isinstance(value, str) else "")
    except InvalidRequirement:
        raise MetadataError(f"invalid requirement in build-system.requires: {str(value)[:80]!r}") from None
    if requirement.url is not None:
        raise MetadataError(f"it is built with {requirement.name} from a URL, not from the index")
    return str(requirement)


def _read_zip(file: BinaryIO) -> bytes | None:
    with open_zip(file) as archive:
        name = next((name for name in archive.namelist() if _is_pyproject(name)), None)
        return None if name is None else read_member(archive, name, MAX_PYPROJECT)


def _is_pyproject(name: str) -> bool:
    folder, _, rest = name.removeprefix("./").partition("/")
    return bool(folder) and rest == "pyproject.toml"


class _TarHeader(tarfile.TarInfo):
    """The header of a member, with a bound if it only describes the next member."""

    @classmethod
    def frombuf(cls, buf: bytes | bytearray, encoding: str, errors: str) -> _TarHeader:
        header = super().frombuf(buf, encoding, errors)
        plain = header.type in tarfile.REGULAR_TYPES or header.type in {tarfile.DIRTYPE, tarfile.SYMTYPE}
        if header.size > _MAX_HEADER and not plain:
            raise MetadataError("not an sdist: a header in it is too large")
        return header


class _BoundedReader:
    """Reads an unpacked file, and fails if it is longer than any sdist."""

    def __init__(self, file: IO[bytes]) -> None:
        self._file = file
        self._left = MAX_UNPACKED

    def read(self, size: int) -> bytes:
        data = self._file.read(size)
        self._left -= len(data)
        if self._left < 0:
            raise MetadataError(f"larger than {MAX_UNPACKED} bytes when unpacked")
        return data


def _read_tar(file: BinaryIO, filename: str) -> bytes | None:
    opener = next((_OPENERS[end] for end in _OPENERS if filename.endswith(end)), None)
    if opener is None:
        raise MetadataError("unknown kind of archive")
    try:
        with (
            opener(file) as unpacked,
            tarfile.open(fileobj=_BoundedReader(unpacked), mode="r|", tarinfo=_TarHeader) as archive,  # type: ignore[call-overload]
        ):
            for member in archive:
                if _is_pyproject(member.name) and member.isreg():
                    if member.size > MAX_PYPROJECT:
                        raise MetadataError(f"its pyproject.toml is larger than {MAX_PYPROJECT} bytes")
                    content = archive.extractfile(member)
                    return content.read() if content else b""
    except (tarfile.TarError, OSError, EOFError, ValueError, zlib.error, lzma.LZMAError) as error:
        raise MetadataError(f"could not unpack it: {error}") from None
    return None
