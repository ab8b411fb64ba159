"""The bytes of real wheels and sdists: valid for pip, reproducible, and quick to make."""

import base64
import functools
import gzip
import hashlib
import io
import random
import shutil
import tarfile
import zipfile
from dataclasses import dataclass
from pathlib import Path

__all__ = ["Content", "large_wheel", "metadata", "sdist", "wheel"]

_NOISE = 4 << 20
_ZIP_DATE = (2020, 1, 1, 0, 0, 0)
_TAR_DATE = 1577836800


@dataclass(frozen=True)
class Content:
    """What is in one distribution file, whatever its format."""

    project: str
    """The project's name as its author writes it."""

    version: str
    """The release's version."""

    requires_python: str | None
    """``Requires-Python``, or `None` where the author wrote none."""

    padding: int
    """Incompressible bytes of payload; gives the file its size."""

    @property
    def package(self) -> str:
        """The name of the package to import, and of the project in a filename."""
        return self.project.lower().replace("-", "_")


@functools.cache
def _noise() -> bytes:
    """Return seeded bytes that do not compress; every payload is a slice of them."""
    return random.Random(0).randbytes(_NOISE)


def _payload(content: Content) -> bytes:
    """Return the padding of one file; another offset for each, so that no two files are alike."""
    seed = hashlib.sha256(f"{content.project} {content.version} {content.padding}".encode()).digest()
    start = int.from_bytes(seed[:4], "big") % _NOISE
    noise = _noise()
    piece = noise[start : start + content.padding]
    while len(piece) < content.padding:
        piece += noise[: content.padding - len(piece)]
    return seed + piece


def metadata(content: Content) -> bytes:
    """Return the core metadata: ``METADATA`` of a wheel, ``PKG-INFO`` of an sdist."""
    lines = [
        "Metadata-Version: 2.1",
        f"Name: {content.project}",
        f"Version: {content.version}",
        "Summary: A project of the benchmark's index",
        "License: MIT",
        "Classifier: Programming Language :: Python :: 3",
    ]
    if content.requires_python:
        lines.append(f"Requires-Python: {content.requires_python}")
    return "\n".join([*lines, "", "Nothing to see here.", ""]).encode()


def _wheel_file(tag: str) -> bytes:
    """Return the ``WHEEL`` file for a compressed tag set such as ``py2.py3-none-any``."""
    pythons, abis, platforms = (part.split(".") for part in tag.split("-"))
    tags = [f"Tag: {py}-{abi}-{plat}" for py in pythons for abi in abis for plat in platforms]
    pure = str(tag.endswith("-any")).lower()
    return "\n".join(
        ["Wheel-Version: 1.0", "Generator: bench", f"Root-Is-Purelib: {pure}", *tags, ""]
    ).encode()


def _record_line(name: str, digest: bytes, size: int) -> str:
    return f"{name},sha256={base64.urlsafe_b64encode(digest).rstrip(b'=').decode()},{size}"


def _add(archive: zipfile.ZipFile, name: str, data: bytes) -> None:
    archive.writestr(zipfile.ZipInfo(name, _ZIP_DATE), data)


def wheel(content: Content, tag: str) -> bytes:
    """Return a wheel, stored without compression."""
    info = f"{content.package}-{content.version}.dist-info"
    members = {
        f"{content.package}/__init__.py": f'__version__ = "{content.version}"\n'.encode(),
        f"{content.package}/_data.bin": _payload(content),
        f"{info}/METADATA": metadata(content),
        f"{info}/WHEEL": _wheel_file(tag),
        f"{info}/top_level.txt": f"{content.package}\n".encode(),
    }
    record = [_record_line(name, hashlib.sha256(data).digest(), len(data)) for name, data in members.items()]
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_STORED) as archive:
        for name, data in members.items():
            _add(archive, name, data)
        _add(archive, f"{info}/RECORD", "\n".join([*record, f"{info}/RECORD,,", ""]).encode())
    return buffer.getvalue()


def _sdist_members(content: Content) -> dict[str, bytes]:
    requires = f'requires-python = "{content.requires_python}"\n' if content.requires_python else ""
    pyproject = (
        '[build-system]\nrequires = ["setuptools>=61"]\nbuild-backend = "setuptools.build_meta"\n\n'
        f'[project]\nname = "{content.project}"\nversion = "{content.version}"\n{requires}\n'
        f'[tool.setuptools]\npackages = ["{content.package}"]\n\n'
        f'[tool.setuptools.package-data]\n{content.package} = ["*.bin"]\n'
    )
    return {
        "PKG-INFO": metadata(content),
        "pyproject.toml": pyproject.encode(),
        f"{content.package}/__init__.py": f'__version__ = "{content.version}"\n'.encode(),
        f"{content.package}/_data.bin": _payload(content),
    }


def sdist(content: Content, folder: str, extension: str) -> bytes:
    """Return an sdist whose one top folder is *folder*, as ``.zip`` or ``.tar.gz``, without compression."""
    buffer = io.BytesIO()
    if extension == ".zip":
        with zipfile.ZipFile(buffer, "w", zipfile.ZIP_STORED) as archive:
            for name, data in _sdist_members(content).items():
                _add(archive, f"{folder}/{name}", data)
        return buffer.getvalue()
    with (
        gzip.GzipFile(fileobj=buffer, mode="wb", compresslevel=0, mtime=_TAR_DATE) as packed,
        tarfile.open(fileobj=packed, mode="w", format=tarfile.PAX_FORMAT) as tar,
    ):
        for name, data in _sdist_members(content).items():
            member = tarfile.TarInfo(f"{folder}/{name}")
            member.size, member.mtime = len(data), _TAR_DATE
            tar.addfile(member, io.BytesIO(data))
    return buffer.getvalue()


def large_wheel(path: Path, content: Content, tag: str) -> None:
    """Write a wheel of any size to *path*, a piece at a time."""
    info = f"{content.package}-{content.version}.dist-info"
    digest, left, noise = hashlib.sha256(), content.padding, _noise()
    with zipfile.ZipFile(path, "w", zipfile.ZIP_STORED) as archive:
        data_name = f"{content.package}/_data.bin"
        member = zipfile.ZipInfo(data_name, _ZIP_DATE)
        with archive.open(member, "w", force_zip64=True) as stream:
            while left:
                piece = noise[:left]
                digest.update(piece)
                stream.write(piece)
                left -= len(piece)
        record = [_record_line(data_name, digest.digest(), content.padding)]
        for name, data in {
            f"{content.package}/__init__.py": b"",
            f"{info}/METADATA": metadata(content),
            f"{info}/WHEEL": _wheel_file(tag),
        }.items():
            _add(archive, name, data)
            record.append(_record_line(name, hashlib.sha256(data).digest(), len(data)))
        _add(archive, f"{info}/RECORD", "\n".join([*record, f"{info}/RECORD,,", ""]).encode())
    shutil.copymode(__file__, path)
