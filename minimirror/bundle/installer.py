"""The installer: one file that installs minimirror on a machine that has nothing but Python.

It is a zip file that Python runs: minimirror's own wheel, those of its dependencies and of pip for each
target, and :mod:`minimirror.bundle.installing` as its main program. The wheels of others are mirrored by a
run of its own, so that the index, its credentials and the targets are those of the config.
"""

from __future__ import annotations

import base64
import hashlib
import json
import os
import zipfile
from collections.abc import Sequence
from importlib.metadata import Distribution, PackageNotFoundError, distribution
from pathlib import Path

from packaging.utils import canonicalize_name

from minimirror.bundle import installing
from minimirror.bundle.results import BundleError, BundleRequestError
from minimirror.bundle.signature import sign
from minimirror.common import ProgressCallback, shorten
from minimirror.config import Config
from minimirror.distributions import target_of_this_machine
from minimirror.storage import MirrorFolder, open_folder
from minimirror.sync import run

__all__ = ["collect_wheels", "installer_path", "write_installer"]

_PROJECT = "minimirror"
_OLD = 315619200
"""1980-01-02, the time of minimirror's own wheel: a file that is complete, and which a zip file can hold."""

_MAX_NAMES = 5
"""Failures that a message shows."""

_CONNECTION = {
    "processes", "connections", "index_url", "indexes", "client_cert", "min_age", "min_age_exempt",
    "uploaded_before", "vulnerable", "connect_timeout", "read_timeout", "min_rate", "file_timeout",
    "retries",
}  # fmt: skip
"""The keys that say where files come from, and which of them to trust."""


def collect_wheels(config: Config, extras: Sequence[str], progress: ProgressCallback) -> Path:
    """Mirror what the installer needs into a folder beside the catalog, and return that folder.

    :param extras: minimirror's extras to install
    :raises BundleError: it cannot be mirrored for each target
    """
    own = _own_distribution()
    known = {canonicalize_name(name) for name in own.metadata.get_all("Provides-Extra") or ()}
    if unknown := [name for name in extras if canonicalize_name(name) not in known]:
        raise BundleRequestError(
            f"--with-installer {','.join(extras)}: minimirror has no extra {unknown[0]}; it has"
            f" {', '.join(sorted(known - {'lint', 'test'}))}"
        )
    required = own.metadata["Requires-Python"]
    targets = [each for each in config.targets or [target_of_this_machine()] if each.accepts_python(required)]
    if not targets:
        raise BundleRequestError(
            f"--with-installer: minimirror needs Python {required}, which none of `targets` has"
        )
    folder = open_folder(config.repository, "export").state / "installer"
    with MirrorFolder(folder).explained():
        folder.mkdir(parents=True, exist_ok=True)
        for old in folder.glob(f"{_PROJECT}-*.whl"):
            old.unlink()
        _write_own_wheel(own, folder)
        requirements = folder / ".requirements.txt"
        requirements.write_text(f"{_requirement(extras)}\npip\n")
    needed = Config(
        **config.model_dump(include=_CONNECTION),
        repository=folder,
        requirements=[requirements],
        targets=[each.as_dict() for each in targets],
        package_types=["bdist_wheel"],
    )
    summary = run(needed, progress=progress, allow_delete=True, allow_replace=True, take_over=True)
    if not summary.complete:
        causes = "; ".join(shorten([str(each) for each in summary.failures], _MAX_NAMES))
        raise BundleError(f"--with-installer: cannot get all wheels of minimirror: {causes}")
    return folder


def installer_path(to: Path) -> Path:
    """Return the path of the installer beside a bundle.

    :param to: the bundle's first part
    """
    return to.with_suffix(".pyz")


def write_installer(
    wheels: Path, to: Path, bundles: Sequence[Path], extras: Sequence[str], key: Path | None
) -> list[Path]:
    """Write the installer beside a bundle, and its signature if the bundle is signed.

    :param to: the bundle's first part
    :param bundles: all parts
    :returns: the files
    :raises BundleError: it cannot be written
    """
    path = installer_path(to)
    partial, signature = path.with_name(f".{path.name}.partial"), path.with_name(f".{path.name}.partial.sig")
    values = {"requirement": _requirement(extras), "bundles": [each.name for each in bundles]}
    made = {path: partial, path.with_name(f"{path.name}.sig"): signature} if key else {path: partial}
    try:
        with zipfile.ZipFile(partial, "w") as archive:
            archive.write(installing.__file__, "__main__.py")
            archive.writestr("installer.json", json.dumps(values))
            for wheel in sorted(wheels.glob("*.whl")):
                archive.write(wheel, f"wheels/{wheel.name}")
        if key:
            sign(partial, key, signature)
        for name, written in made.items():
            written.replace(name)
    except OSError as error:
        raise BundleError(f"{path}: cannot be written: {error.strerror}") from None
    finally:
        partial.unlink(missing_ok=True)
        signature.unlink(missing_ok=True)
    return list(made)


def _own_distribution() -> Distribution:
    try:
        return distribution(_PROJECT)
    except PackageNotFoundError:
        raise BundleError(
            "--with-installer: minimirror is not installed, so its requirements are unknown; install it with"
            " `pip install .` in its clone"
        ) from None


def _requirement(extras: Sequence[str]) -> str:
    return f"{_PROJECT}[{','.join(extras)}]" if extras else _PROJECT


def _write_own_wheel(own: Distribution, folder: Path) -> None:
    """Make a wheel of the running minimirror, however it was installed."""
    package = Path(__file__).parents[1]
    stem = f"{_PROJECT}-{own.version}"
    members = {
        f"{_PROJECT}/{path.relative_to(package).as_posix()}": path.read_bytes()
        for path in sorted(package.rglob("*"))
        if path.is_file() and path.suffix != ".pyc"
    }
    # That of an egg-info has no Requires-Dist.
    headers = ["Metadata-Version", "Name", "Version", "Summary", "Requires-Python", "Provides-Extra"]
    metadata = "".join(f"{key}: {value}\n" for key in headers for value in own.metadata.get_all(key) or ())
    metadata += "".join(f"Requires-Dist: {each}\n" for each in own.requires or ())
    kind = f"Wheel-Version: 1.0\nGenerator: {_PROJECT}\nRoot-Is-Purelib: true\nTag: py3-none-any\n"
    entries = own.read_text("entry_points.txt") or ""
    for name, text in (("METADATA", metadata), ("WHEEL", kind), ("entry_points.txt", entries)):
        members[f"{stem}.dist-info/{name}"] = text.encode()
    members[f"{stem}.dist-info/RECORD"] = (
        "".join(
            f"{name},sha256={base64.urlsafe_b64encode(hashlib.sha256(data).digest()).decode().rstrip('=')},{len(data)}\n"
            for name, data in members.items()
        ).encode()
        + f"{stem}.dist-info/RECORD,,\n".encode()
    )
    path = folder / f"{stem}-py3-none-any.whl"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, data in members.items():
            archive.writestr(zipfile.ZipInfo(name), data, zipfile.ZIP_DEFLATED)
    os.utime(path, (_OLD, _OLD))
