"""Core metadata: ``METADATA`` in the ``.dist-info`` folder of a wheel (PEP 427), ``PKG-INFO`` of an sdist."""

from __future__ import annotations

import re
from email.parser import BytesHeaderParser
from typing import IO, TYPE_CHECKING

from packaging.specifiers import InvalidSpecifier, SpecifierSet
from packaging.utils import canonicalize_name

from minimirror.distributions.archives import MetadataError, open_zip, read_member, read_sdist_file

if TYPE_CHECKING:
    from io import RawIOBase

__all__ = [
    "read_metadata",
    "read_offered_metadata",
    "read_wheel_metadata",
    "requires_python",
    "valid_requires_python",
    "without_invalid_python",
]

_MAX_REQUIRES_PYTHON = 1000
"""Characters of a Requires-Python."""

_REQUIRES_PYTHON = re.compile(
    rb"^Requires-Python[ \t]*:.*(?:\r?\n[ \t].*)*\r?\n", re.IGNORECASE | re.MULTILINE
)


def read_metadata(file: IO[bytes], filename: str) -> bytes | None:
    """Read the core metadata of a distribution file, and whether the file is complete.

    :returns: None if an sdist or an egg has none
    :raises BrokenArchiveError: it is no archive of its kind, or only a part of one
    :raises MetadataError: the metadata cannot be read for another reason, such as a rare format
    :raises OSError: the file cannot be read
    """
    if filename.endswith(".whl"):
        return read_wheel_metadata(file, filename)
    return read_sdist_file(file, filename, "PKG-INFO")


def read_wheel_metadata(file: RawIOBase | IO[bytes], filename: str) -> bytes:
    """Read the core metadata of a wheel.

    :param file: the wheel; only its directory and the metadata are read
    :param filename: the wheel's name, which has the project's name
    :returns: the file ``METADATA``
    :raises MetadataError: the wheel has no such file or several, or it is too large
    """
    project = canonicalize_name(filename.partition("-")[0])
    with open_zip(file) as archive:
        found = [name for name in archive.namelist() if _is_metadata(name, project)]
        if len(set(found)) != 1:
            raise MetadataError(f"it has {len(set(found)) or 'no'} PROJECT-VERSION.dist-info/METADATA files")
        return read_member(archive, found[0])


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
