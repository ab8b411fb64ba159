"""A file of the mirror, read by twine for an upload."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory

from twine.exceptions import TwineException
from twine.package import PackageFile

from minimirror.common import BUFFER, hash_file
from minimirror.distributions import MetadataError, open_zip, read_member
from minimirror.publish.push.model import PushFile

__all__ = ["UnreadableError", "form_fields", "on_disk", "read_package"]

_READ_BY_TWINE = ("METADATA", "PKG-INFO")
"""twine reads every member of a zip archive whose name contains one of these into memory."""


class UnreadableError(Exception):
    """A file has changed, or twine cannot upload it."""

    def __init__(self, cause: str, *, altered: bool = False) -> None:
        super().__init__(cause)
        self.altered = altered
        """Whether the file was deleted or changed."""


@contextmanager
def on_disk(file: PushFile) -> Iterator[Path]:
    """Yield the path of a file, because twine reads only what is on the disk; of an object, that of a copy.

    :raises UnreadableError: it cannot be read
    """
    if isinstance(file.stored, Path):
        yield file.stored
        return
    with TemporaryDirectory(prefix="minimirror-") as folder:
        path = Path(folder, file.filename)
        with _explained(), file.stored.open("rb") as source, path.open("wb") as copy:
            shutil.copyfileobj(source, copy, BUFFER)
        yield path


def read_package(file: PushFile, path: Path) -> PackageFile:
    """Read the metadata of a file that has not changed.

    :param path: where it is on the disk
    :raises UnreadableError: it has changed, or twine cannot upload it
    """
    _check_content(file, path)
    try:
        if file.filename.endswith((".whl", ".zip")):
            _check_metadata_size(path)
        return PackageFile.from_filename(str(path), None)
    except (MetadataError, TwineException) as error:
        raise UnreadableError(f"twine cannot upload the file: {_short(error, path)}") from None
    except Exception as error:  # noqa: BLE001 - twine does not catch what a broken archive raises
        why = f"{type(error).__name__}: {_short(error, path)}"
        raise UnreadableError(f"twine cannot read the file: {why}") from None


@contextmanager
def _explained() -> Iterator[None]:
    try:
        yield
    except FileNotFoundError:
        raise UnreadableError("the file is missing from the folder", altered=True) from None
    except OSError as error:
        raise UnreadableError(f"cannot read the file: {error.strerror or error}", altered=True) from None


def _check_content(file: PushFile, path: Path) -> None:
    with _explained():
        digests = hash_file(path, {"sha256": file.sha256})
    if digests.mismatch():
        raise UnreadableError("the file was changed after minimirror placed it", altered=True)


def _check_metadata_size(path: Path) -> None:
    """Check what twine will read into memory.

    :raises MetadataError: it is too large
    """
    with path.open("rb") as stream, open_zip(stream) as archive:
        for name in archive.namelist():
            if any(each in name for each in _READ_BY_TWINE):
                read_member(archive, name)


def _short(error: Exception, path: Path) -> str:
    return " ".join(str(error).replace(str(path), path.name).split())[:200]


def form_fields(package: PackageFile) -> Iterator[tuple[str, str]]:
    """Yield the fields of the upload API's form as twine sends them."""
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
