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
from minimirror.bundle.writer import partial_path
from minimirror.common import ProgressCallback, shorten
from minimirror.config import Config
from minimirror.distributions import target_of_this_machine
from minimirror.storage import MirrorFolder
from minimirror.sync import run

__all__ = ["Installer"]

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


class Installer:
    """The installer of a bundle, beside it."""

    def __init__(self, config: Config, state: Path, to: Path, extras: Sequence[str]) -> None:
        """Prepare to make it.

        :param state: the folder of the mirror's catalog
        :param to: the bundle's first part
        :param extras: minimirror's extras to install
        """
        self._config = config
        self._extras = extras
        self._requirement = f"{_PROJECT}[{','.join(extras)}]" if extras else _PROJECT
        self._wheels = state / "installer"
        self.path = to.with_suffix(".pyz")
        if self.path == to:
            raise BundleRequestError(f"{to}: the installer has that name; name the bundle {to.stem}.tar")

    def collect_wheels(self, progress: ProgressCallback) -> None:
        """Mirror the wheels that it needs into a folder beside the catalog.

        :raises BundleError: some cannot be mirrored
        """
        own = _own_distribution()
        known = {canonicalize_name(name) for name in own.metadata.get_all("Provides-Extra") or ()}
        if unknown := [name for name in self._extras if canonicalize_name(name) not in known]:
            raise BundleRequestError(
                f"--with-installer {','.join(self._extras)}: minimirror has no extra {unknown[0]}; it has"
                f" {', '.join(sorted(known - {'lint', 'test'}))}"
            )
        python = own.metadata["Requires-Python"]
        all_targets = self._config.targets or [target_of_this_machine()]
        targets = [each for each in all_targets if each.accepts_python(python)]
        if not targets:
            raise BundleRequestError(
                f"--with-installer: minimirror needs Python {python}, which none of `targets` has"
            )
        with MirrorFolder(self._wheels).explained():
            self._wheels.mkdir(parents=True, exist_ok=True)
            for old in self._wheels.glob(f"{_PROJECT}-*.whl"):
                old.unlink()
            _write_own_wheel(own, self._wheels)
            requirements = self._wheels / ".requirements.txt"
            requirements.write_text(f"{self._requirement}\npip\n")
        needed = Config(
            **self._config.model_dump(include=_CONNECTION),
            repository=self._wheels,
            requirements=[requirements],
            targets=[each.as_dict() for each in targets],
            package_types=["bdist_wheel"],
        )
        summary = run(needed, progress=progress, allow_delete=True, allow_replace=True, take_over=True)
        if not summary.complete:
            causes = "; ".join(shorten([str(each) for each in summary.failures], _MAX_NAMES))
            raise BundleError(f"--with-installer: cannot get all wheels of minimirror: {causes}")

    def write(self, bundles: Sequence[Path], key: Path | None) -> list[Path]:
        """Write it, and its signature if the bundle is signed.

        :param bundles: all parts
        :returns: the files
        :raises BundleError: it cannot be written
        """
        partial = partial_path(self.path)
        made = {self.path: partial}
        if key:
            made[Path(f"{self.path}.sig")] = Path(f"{partial}.sig")
        values = {"requirement": self._requirement, "bundles": [each.name for each in bundles]}
        try:
            with zipfile.ZipFile(partial, "w") as archive:
                archive.write(installing.__file__, "__main__.py")
                archive.writestr("installer.json", json.dumps(values))
                for wheel in sorted(self._wheels.glob("*.whl")):
                    archive.write(wheel, f"wheels/{wheel.name}")
            if key:
                sign(partial, key, made[Path(f"{self.path}.sig")])
            for path, written in made.items():
                written.replace(path)
        except OSError as error:
            raise BundleError(
                f"{self.path}: cannot be written: {error.strerror}; no bundle was created"
            ) from None
        finally:
            for written in made.values():
                written.unlink(missing_ok=True)
        return list(made)


def _own_distribution() -> Distribution:
    try:
        return distribution(_PROJECT)
    except PackageNotFoundError:
        raise BundleError(
            "--with-installer: minimirror is not installed, so its requirements are unknown; install it with"
            " `pip install .` in its clone"
        ) from None


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
