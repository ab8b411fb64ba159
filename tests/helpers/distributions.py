"""Distribution files made in memory: real, installable, and always the same bytes."""

from __future__ import annotations

import base64
import bz2
import gzip
import hashlib
import io
import os
import random
import re
import tarfile
import time
import zipfile
from typing import TYPE_CHECKING, Literal

from packaging.tags import parse_tag
from packaging.version import InvalidVersion, Version

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from pathlib import Path

__all__ = [
    "RELEASES",
    "RELEASES_NEED",
    "SdistExtension",
    "core_metadata",
    "escape_name",
    "escape_version",
    "place_local",
    "sdist",
    "sdist_filename",
    "tar_gz",
    "wheel",
    "wheel_filename",
]

SdistExtension = Literal[".tar.gz", ".tgz", ".tar.bz2", ".zip"]

_TIMESTAMP = (2020, 2, 2, 0, 0, 0)
_TIMESTAMP_UNIX = 1580601600
_EXTRA = re.compile(r"""extra == ["']([^"']+)""")

# A build backend without dependencies: the sdist contains the wheel that it builds.
_BACKEND = """\
import pathlib
import shutil


def build_wheel(wheel_directory, config_settings=None, metadata_directory=None):
    (built,) = pathlib.Path(__file__).parent.glob("*.whl")
    shutil.copy(built, wheel_directory)
    return built.name
"""
_PYPROJECT = '[build-system]\nrequires = []\nbuild-backend = "backend"\nbackend-path = ["."]\n'


def escape_name(name: str) -> str:
    """Escape a project's name for a filename (PEP 427, PEP 625)."""
    return re.sub(r"[-_.]+", "_", name).lower()


def escape_version(version: str) -> str:
    """Escape a version for a filename: normalized if PEP 440 allows it, and without a dash."""
    try:
        return str(Version(version))
    except InvalidVersion:
        return version.replace("-", "_")


def wheel_filename(name: str, version: str, *, tag: str = "py3-none-any", build: str | None = None) -> str:
    """Return the filename of a wheel."""
    stem = _stem(name, version)
    return f"{stem}-{build}-{tag}.whl" if build else f"{stem}-{tag}.whl"


def sdist_filename(name: str, version: str, *, extension: SdistExtension = ".tar.gz") -> str:
    """Return the filename of an sdist."""
    return _stem(name, version) + extension


def core_metadata(
    name: str,
    version: str,
    *,
    requires: Iterable[str] = (),
    requires_python: str | None = None,
    about: str = "",
) -> bytes:
    """Make a METADATA or PKG-INFO file, with the extras that the requirements mention.

    :param about: more of its headers, and its body
    """
    requires = list(requires)
    lines = ["Metadata-Version: 2.1", f"Name: {name}", f"Version: {version}"]
    if requires_python is not None:
        lines.append(f"Requires-Python: {requires_python}")
    extras = {extra for requirement in requires for extra in _EXTRA.findall(requirement)}
    lines += [f"Provides-Extra: {extra}" for extra in sorted(extras)]
    lines += [f"Requires-Dist: {requirement}" for requirement in requires]
    return _text(lines) + about.encode()


def wheel(  # noqa: PLR0913 - each is a property of a wheel
    name: str,
    version: str,
    *,
    tag: str = "py3-none-any",
    requires: Iterable[str] = (),
    requires_python: str | None = None,
    padding: int = 0,
    build: str | None = None,
    about: str = "",
) -> bytes:
    """Make a wheel with one tiny module, and ``padding`` incompressible bytes."""
    package, dist_info = escape_name(name), f"{_stem(name, version)}.dist-info"
    members = {
        f"{package}/__init__.py": f'__version__ = "{version}"\n'.encode(),
        f"{dist_info}/METADATA": core_metadata(
            name, version, requires=requires, requires_python=requires_python, about=about
        ),
        f"{dist_info}/WHEEL": _wheel_file(tag, build),
    }
    if padding:
        members[f"{package}/padding.bin"] = _noise(name, version, padding)
    members[f"{dist_info}/RECORD"] = _record(members, f"{dist_info}/RECORD")
    return _zip(members)


def place_local(folder: Path, name: str, version: str, *, padding: int = 0) -> bytes:
    """Put a ``.zip`` sdist into a folder, as if copied there an hour ago; return its content."""
    path = folder / sdist_filename(name, version, extension=".zip")
    path.write_bytes(content := sdist(name, version, extension=".zip", padding=padding))
    written = time.time() - 3600
    os.utime(path, (written, written))
    return content


def sdist(  # noqa: PLR0913 - as for wheel
    name: str,
    version: str,
    *,
    extension: SdistExtension = ".tar.gz",
    requires: Iterable[str] = (),
    requires_python: str | None = None,
    padding: int = 0,
) -> bytes:
    """Make an sdist that builds without a network, with ``padding`` incompressible bytes."""
    requires = list(requires)
    built = wheel(name, version, requires=requires, requires_python=requires_python)
    members = {
        "PKG-INFO": core_metadata(name, version, requires=requires, requires_python=requires_python),
        "pyproject.toml": _PYPROJECT.encode(),
        "backend.py": _BACKEND.encode(),
        wheel_filename(name, version): built,
    }
    if padding:
        members["padding.bin"] = _noise(name, version, padding)
    members = {f"{_stem(name, version)}/{path}": content for path, content in members.items()}
    if extension == ".zip":
        return _zip(members)
    if extension == ".tar.bz2":
        return bz2.compress(_tar(members))
    return gzip.compress(_tar(members), mtime=0)


def _stem(name: str, version: str) -> str:
    return f"{escape_name(name)}-{escape_version(version)}"


def _text(lines: Iterable[str]) -> bytes:
    return "".join(f"{line}\n" for line in lines).encode()


def _wheel_file(tag: str, build: str | None) -> bytes:
    pure = str(tag.endswith("-any")).lower()
    lines = ["Wheel-Version: 1.0", "Generator: minimirror-tests", f"Root-Is-Purelib: {pure}"]
    lines += [f"Tag: {single}" for single in sorted(map(str, parse_tag(tag)))]
    if build:
        lines.append(f"Build: {build}")
    return _text(lines)


def _record(members: Mapping[str, bytes], own_path: str) -> bytes:
    lines = []
    for path, content in members.items():
        digest = base64.urlsafe_b64encode(hashlib.sha256(content).digest()).rstrip(b"=").decode()
        lines.append(f"{path},sha256={digest},{len(content)}")
    return _text([*lines, f"{own_path},,"])


def _noise(name: str, version: str, size: int) -> bytes:
    return random.Random(f"{name} {version}").randbytes(size)


def _zip(members: Mapping[str, bytes]) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_STORED) as archive:
        for path, content in members.items():
            info = zipfile.ZipInfo(path, _TIMESTAMP)
            info.create_system = 3
            info.external_attr = 0o100644 << 16
            archive.writestr(info, content)
    return buffer.getvalue()


def tar_gz(members: Mapping[str, bytes]) -> bytes:
    """Return a .tar.gz with these members."""
    return gzip.compress(_tar(members))


def _tar(members: Mapping[str, bytes]) -> bytes:
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w", format=tarfile.PAX_FORMAT) as archive:
        for path, content in members.items():
            info = tarfile.TarInfo(path)
            info.size, info.mtime, info.mode = len(content), _TIMESTAMP_UNIX, 0o644
            archive.addfile(info, io.BytesIO(content))
    return buffer.getvalue()


RELEASES = {
    "local-1.0.tar.gz": sdist("local", "1.0", requires_python=">=3.7"),
    "local-1.0-py3-none-any.whl": wheel("local", "1.0", requires_python=">=3.8"),
    "local-2.0.0.zip": sdist("local", "2.0.0", extension=".zip"),
    "local-2.0-py3-none-any.whl": wheel("local", "2.0", requires_python=">=3.9"),
    "local-3.0.tar.bz2": sdist("local", "3.0", extension=".tar.bz2"),
    "local-3.0-py3-none-any.whl": wheel("local", "3.0"),
    "local-4.0.tar.gz": sdist("local", "4.0"),
}
"""Files of a local project. The sdist of 2.0 does not say which Python it needs, but its wheel does."""

RELEASES_NEED = dict(zip(RELEASES, [">=3.7", ">=3.8", ">=3.9", ">=3.9", None, None, None], strict=True))
"""The Requires-Python of these files on a page."""
