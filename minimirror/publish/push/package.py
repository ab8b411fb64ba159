"""A file of the mirror, as twine reads it for an upload."""

from __future__ import annotations

from collections.abc import Iterator
from io import FileIO
from pathlib import Path

from twine.exceptions import TwineException
from twine.package import PackageFile

from minimirror.common import Digests
from minimirror.distributions import MAX_METADATA, MetadataError, open_zip, read_member
from minimirror.publish.push.holdings import Holding

__all__ = ["UnreadableError", "fields", "read"]

_READ_BY_TWINE = ("METADATA", "PKG-INFO")
"""What the names of those members of a zip archive have in them that twine reads, each as a whole."""


class UnreadableError(Exception):
    """A file that is not what it should be, or that twine cannot read."""

    def __init__(self, cause: str, *, altered: bool = False) -> None:
        super().__init__(cause)
        self.altered = altered
        """Whether it is another than was chosen."""


def read(file: Holding) -> PackageFile:
    """Read what a file says of itself, if it still is the one that was chosen.

    :raises UnreadableError: it is not, or twine does not upload it
    """
    _check(file)
    try:
        if file.filename.endswith((".whl", ".zip")):
            _check_metadata(file.path)
        return PackageFile.from_filename(str(file.path), None)
    except (MetadataError, TwineException) as error:
        raise UnreadableError(f"twine does not upload it: {_short(error, file.path)}") from None
    except Exception as error:  # noqa: BLE001 - of archives that are none, twine lets through what comes
        raise UnreadableError(
            f"twine cannot read it: {type(error).__name__}: {_short(error, file.path)}"
        ) from None


def _check(file: Holding) -> None:
    """Make sure that a file is the one that was chosen: somebody may have changed it since it was placed."""
    digests = Digests({"sha256": file.sha256}, min(1 << 20, file.size + 1))
    try:
        with FileIO(file.path) as stream:
            digests.read(stream)
    except FileNotFoundError:
        raise UnreadableError("it is missing here", altered=True) from None
    except OSError as error:
        raise UnreadableError(f"cannot be read: {error.strerror or error}", altered=True) from None
    if digests.mismatch():
        raise UnreadableError("it has been altered here since it was placed", altered=True)


def _check_metadata(path: Path) -> None:
    """Make sure that what twine reads as a whole is not too large.

    :raises MetadataError: it is
    """
    with path.open("rb") as stream, open_zip(stream) as archive:
        for name in archive.namelist():
            if any(each in name for each in _READ_BY_TWINE):
                read_member(archive, name, MAX_METADATA)


def _short(error: Exception, path: Path) -> str:
    return " ".join(str(error).replace(str(path), path.name).split())[:200]


def fields(package: PackageFile) -> Iterator[tuple[str, str]]:
    """The fields of the upload API's form, as the servers expect them of twine."""
    yield ":action", "file_upload"
    yield "protocol_version", "1"
    for key, value in package.metadata_dictionary().items():
        if isinstance(value, dict):
            yield from ((key, f"{name}, {url}") for name, url in value.items())
        elif key == "keywords" and not isinstance(value, str):
            yield key, ", ".join(value)  # type: ignore[arg-type]
        elif isinstance(value, str):
            yield key, value
        elif value is not None:
            yield from ((key, each) for each in value)  # type: ignore[attr-defined]
