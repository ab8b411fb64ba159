"""`export --with-installer`: the file that installs minimirror on a machine that has nothing but Python."""

from __future__ import annotations

import os
import subprocess
import sys
import zipfile
from importlib.metadata import requires
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from packaging.requirements import Requirement

from minimirror.bundle import BundleError, BundleRequestError, export
from tests.bundle.test_signature import allow, new_key
from tests.helpers.bundles import Far, Near
from tests.helpers.installed import installed_wheels
from tests.helpers.namespaces import unshare
from tests.helpers.running import DEADLINE, Mirror, minimirror_command

if TYPE_CHECKING:
    from tests.helpers.index import Index

WINDOWS = {"python": "3.12", "platform": "win_amd64"}
OLD = {"python": "3.9", "platform": "win_amd64"}


@pytest.fixture
def near(index: Index, tmp_path: Path) -> Near:
    """A mirror whose index has minimirror's dependencies for one target, as empty wheels."""
    for project in needed():
        index.add_wheel(project, "999.0", tag="cp312-cp312-win_amd64")
        index.add_wheel(project, "999.0", tag="cp313-cp313-manylinux_2_28_x86_64")
    mirror = Near(tmp_path / "near", index_url=index.url, targets=[WINDOWS, OLD])
    mirror.put("demo", "1.0")
    return mirror


def needed(extra: str = "") -> list[str]:
    found = [Requirement(text) for text in requires("minimirror") or ()]
    environment = {"extra": extra, "python_version": "3.12"}
    return ["pip", *(each.name for each in found if not each.marker or each.marker.evaluate(environment))]


def wheels(installer: Path) -> set[str]:
    with zipfile.ZipFile(installer) as archive:
        return {name.partition("/")[2] for name in archive.namelist() if name.startswith("wheels/")}


def test_a_machine_that_has_only_python(index: Index, tmp_path: Path) -> None:
    """It installs without a network and imports; a second installer upgrades and continues."""
    usb, far = tmp_path / "usb", Far(tmp_path / "far" / "packages")
    usb.mkdir()
    far.path.parent.mkdir()
    for project, filename, content in installed_wheels("minimirror", "pip"):
        index.add(project, filename, content)
    index.add_wheel("app", "1.0")
    mirror = Mirror(index, tmp_path / "near", projects=["app"])
    environment = far.path.parent / "env"
    for number in (1, 2):
        mirror.complete()
        options = ("--to", usb / f"lab-{number}.tar", "--split", "64KiB", "--with-installer")
        assert minimirror_command("export", "--config", mirror.config(), *options).exit_code == 0
        repository = ("--repository", far.path) if number == 1 else ()
        done = subprocess.run(
            [
                *unshare("--net"),
                bare_python(),
                "-I",
                usb / f"lab-{number}.pyz",
                "--env",
                environment,
                *repository,
            ],
            env={"HOME": str(far.path.parent), "PATH": os.defpath},
            cwd="/",
            capture_output=True,
            text=True,
            timeout=3 * DEADLINE,
            check=False,
        )
        assert done.returncode == 0, done.stdout + done.stderr
        assert far.equals(Near.of(mirror))
        index.add_wheel("app", f"{number + 1}.0")
    assert (far.path.parent / ".minirepo").exists()
    shown = subprocess.run([environment / "bin" / "minimirror", "--version"], check=True, capture_output=True)
    assert b"minimirror" in shown.stdout


def bare_python() -> Path:
    """Return the Python that the tests' environment was made from; with -I, it has none of its packages."""
    return Path(sys.base_prefix, "bin", f"python3.{sys.version_info.minor}")


def test_it_has_the_wheels_for_the_targets(near: Near, tmp_path: Path) -> None:
    """For those of them that can run minimirror."""
    made = near.export("1.tar", with_installer=[])
    assert made.installer == [tmp_path / "1.pyz"]
    found = wheels(tmp_path / "1.pyz")
    (own,) = (name for name in found if name.startswith("minimirror-"))
    assert found - {own} == {f"{name.replace('-', '_')}-999.0-cp312-cp312-win_amd64.whl" for name in needed()}
    assert near.export("2.tar", with_installer=[]).installer == []
    assert not (tmp_path / "2.pyz").exists()


def test_extras_are_added(near: Near, index: Index, tmp_path: Path) -> None:
    for name in set(needed("push")) - set(needed()):
        index.add_wheel(name, "999.0")
    config = near.config_file()
    options = ("--config", config, "--to", tmp_path / "1.tar", "--with-installer=push")
    done = minimirror_command("export", *options)
    assert f"python3 {tmp_path / '1.pyz'}" in done.stdout
    assert "twine-999.0-py3-none-any.whl" in wheels(tmp_path / "1.pyz")


def test_a_signature_covers_it(near: Near, tmp_path: Path) -> None:
    key = new_key(tmp_path / "key")
    path, signature = near.export("1.tar", with_installer=[], sign=key).installer
    allowed = allow(tmp_path / "allowed", ("me", key))
    options = ("-f", allowed, "-I", "me", "-n", "minimirror", "-s", signature)
    subprocess.run(
        ["ssh-keygen", "-Y", "verify", *options], input=path.read_bytes(), check=True, capture_output=True
    )


def test_nothing_is_made_if_a_wheel_is_missing(near: Near, index: Index, tmp_path: Path) -> None:
    index.remove("rich")
    with pytest.raises(BundleError, match="rich"):
        near.export("1.tar", with_installer=[])
    assert not list(tmp_path.glob("1.*"))
    assert near.export("1.tar").number == 1


def test_no_bundle_is_made_if_it_cannot_be_written(near: Near, tmp_path: Path) -> None:
    """Otherwise the next export would say that nothing has changed, and make no installer."""
    (tmp_path / "1.pyz").mkdir()
    with pytest.raises(BundleError, match=r"1\.pyz: .*no bundle was created"):
        near.export("1.tar", with_installer=[], force=True)
    assert [path.name for path in tmp_path.glob("1.*")] == ["1.pyz"]
    (tmp_path / "1.pyz").rmdir()
    made = near.export("1.tar", with_installer=[])
    assert (made.number, len(made.installer)) == (1, 1)


def test_wrong_options(near: Near, tmp_path: Path) -> None:
    with pytest.raises(BundleRequestError, match=r"no extra sevre.* serve"):
        near.export("1.tar", with_installer=["sevre"])
    (tmp_path / "1.pyz").touch()
    with pytest.raises(BundleRequestError, match=r"1\.pyz: already exists"):
        near.export("1.tar", with_installer=[])
    old = Near(near.path, index_url=near.values["index_url"], targets=[OLD])
    with pytest.raises(BundleRequestError, match="targets"):
        export(old.config(), tmp_path / "2.tar", with_installer=[])
    assert not list(tmp_path.glob("*.tar"))
