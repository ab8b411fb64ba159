"""Dependencies without a wheel: the error, and what building them needs."""

from __future__ import annotations

import gzip
import io
import json
import os
import re
import tarfile
import zipfile
from typing import TYPE_CHECKING

import pytest

from minimirror.distributions import MetadataError
from minimirror.distributions.targets import target_of_this_machine
from minimirror.resolution.uv.sdist import build_requirements
from tests.helpers import distributions
from tests.helpers.index import Status
from tests.helpers.resolving import LINUX, WINDOWS, Resolver, versions

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from tests.helpers.index import Index as Server

_BACKEND = """\
import pathlib, shutil
import {needs}

def build_wheel(wheel_directory, config_settings=None, metadata_directory=None):
    (built,) = pathlib.Path(__file__).parent.glob("*.whl")
    shutil.copy(built, wheel_directory)
    return built.name
"""


def built_with(server: Server, project: str, builder: str, *requires: str) -> None:
    """List an sdist that imports another project while it is built."""
    members = {
        "pyproject.toml": (
            f'[build-system]\nrequires = ["{builder}"]\nbuild-backend = "backend"\nbackend-path = ["."]\n'
        ).encode(),
        "backend.py": _BACKEND.format(needs=builder).encode(),
        "PKG-INFO": distributions.core_metadata(project, "1.0"),
        f"{project}-1.0-py3-none-any.whl": distributions.wheel(project, "1.0", requires=requires),
    }
    filename = distributions.sdist_filename(project, "1.0")
    server.add(
        project,
        filename,
        distributions.tar_gz({f"{project}-1.0/{name}": data for name, data in members.items()}),
    )


class TestWithoutBuild:
    def test_the_error_names_who_needs_it_and_a_remedy(self, index: Server) -> None:
        index.add_wheel("demo", "1.0", requires=["legacy"])
        index.add_sdist("legacy", "1.0")
        failure = Resolver(index).failure("demo")
        assert "legacy==1.0 has no usable wheels" in failure
        assert re.search("demo.* depends? on legacy", failure)
        assert f'legacy has a release without a wheel for {LINUX}: with `"build": true`' in failure
        assert "--no-build" not in failure
        assert index.files_fetched() == {"demo-1.0-py3-none-any.whl": 1}

    def test_an_older_release_with_a_wheel_is_used(self, index: Server) -> None:
        index.add_sdist("demo", "2.0")
        index.add_wheel("demo", "1.0")
        assert versions(Resolver(index).one("demo")) == ["demo 1.0"]


def test_a_build_gets_neither_secrets_nor_a_home(
    index: Server, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    secrets = {
        "CI_JOB_TOKEN": "s3cret",
        "TWINE_USERNAME": "s3cret",
        "AWS_PROFILE": "s3cret",
        "DB_PASSWORD": "s3cret",
        "my_api_key": "s3cret",
        "SSH_AUTH_SOCK": "s3cret",
    }
    for name, value in secrets.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setenv("HARMLESS", "kept")
    seen = tmp_path / "seen.json"
    backend = (
        "import json, os, pathlib, shutil\n"
        "def build_wheel(wheel_directory, config_settings=None, metadata_directory=None):\n"
        f"    pathlib.Path({str(seen)!r}).write_text(json.dumps(dict(os.environ)))\n"
        '    (built,) = pathlib.Path(__file__).parent.glob("*.whl")\n'
        "    shutil.copy(built, wheel_directory)\n"
        "    return built.name\n"
    )
    members = {
        "pyproject.toml": b'[build-system]\nrequires = []\nbuild-backend = "backend"\nbackend-path = ["."]\n',
        "backend.py": backend.encode(),
        "PKG-INFO": distributions.core_metadata("curious", "1.0"),
        "curious-1.0-py3-none-any.whl": distributions.wheel("curious", "1.0"),
    }
    filename = distributions.sdist_filename("curious", "1.0")
    index.add(
        "curious",
        filename,
        distributions.tar_gz({f"curious-1.0/{name}": data for name, data in members.items()}),
    )
    assert versions(Resolver(index, build=True).one("curious")) == ["curious 1.0"]
    environment = json.loads(seen.read_text())
    assert environment["HARMLESS"] == "kept"
    assert environment.keys().isdisjoint(secrets)
    assert environment["HOME"] != os.environ.get("HOME")


class TestBuild:
    def test_build_requirements_are_needed_too(self, index: Server) -> None:
        index.add_wheel("demo", "1.0", requires=["legacy"])
        built_with(index, "legacy", "builder", "dep")
        built_with(index, "builder", "deeper")
        index.add_wheel("dep", "1.0")
        index.add_wheel("deeper", "1.0")
        found = Resolver(index, build=True).one("demo")
        chains = {f"{each.project} {each.version}": " → ".join(each.chain) for each in found.needed}
        assert chains == {
            "builder 1.0": "demo → demo → legacy → build of legacy → builder",
            "deeper 1.0": ("demo → demo → legacy → build of legacy → builder → build of builder → deeper"),
            "demo 1.0": "demo → demo",
            "dep 1.0": "demo → demo → legacy → dep",
            "legacy 1.0": "demo → demo → legacy",
        }
        assert found.consulted.keys() == {"builder", "deeper", "demo", "dep", "legacy"}

    def test_builds_use_wheels_for_this_machine_and_the_mirror_those_for_the_target(
        self, index: Server
    ) -> None:
        here = target_of_this_machine()
        tag = f"py3-none-{here.platform}"
        built_with(index, "legacy", "builder")
        index.add_wheel("builder", "1.0", tag="py3-none-win_amd64")
        index.add_wheel("builder", "2.0", tag=tag)
        assert versions(Resolver(index, WINDOWS, build=True)("legacy")) == [["builder 1.0", "legacy 1.0"]]

    def test_the_runtime_and_the_build_may_need_different_releases(self, index: Server) -> None:
        built_with(index, "legacy", "builder", "builder<2")
        index.add_wheel("builder", "1.0")
        index.add_wheel("builder", "2.0")
        found = Resolver(index, build=True).one("legacy")
        assert versions(found) == ["builder 1.0", "builder 2.0", "legacy 1.0"]

    def test_missing_build_requirements(self, index: Server) -> None:
        built_with(index, "legacy", "builder")
        # It is available for this machine, but not for the target.
        index.add_wheel("builder", "1.0", tag=f"py3-none-{target_of_this_machine().platform}")
        (found,) = Resolver(index, WINDOWS, build=True)("legacy")
        assert (found.failure or "").startswith("legacy → legacy → build of legacy: ")
        assert "builder" in (found.failure or "")

    def test_an_sdist_that_cannot_be_built(self, index: Server) -> None:
        index.add("legacy", "legacy-1.0.tar.gz", distributions.tar_gz({"legacy-1.0/pyproject.toml": b"[["}))
        assert "legacy" in Resolver(index, build=True).failure("legacy")

    def test_an_sdist_that_cannot_be_fetched(self, index: Server) -> None:
        sdist = index.add_sdist("legacy", "1.0")
        index.fault(sdist.filename, Status(500), always=True)
        assert "legacy-1.0.tar.gz: HTTP 500" in Resolver(index, build=True).failure("legacy")


class TestBuildRequirements:
    """Read from any sdists, hostile ones too."""

    def write(self, folder: Path, content: bytes, name: str = "demo-1.0.tar.gz") -> Path:
        path = folder / name
        path.write_bytes(content)
        return path

    @pytest.mark.parametrize("extension", [".tar.gz", ".tgz", ".tar.bz2", ".zip"])
    def test_every_kind_of_sdist(self, tmp_path: Path, extension: distributions.SdistExtension) -> None:
        sdist = distributions.sdist("demo", "1.0", extension=extension)
        assert build_requirements(self.write(tmp_path, sdist, f"demo-1.0{extension}")) == ()

    def test_listed_requirements(self, tmp_path: Path) -> None:
        text = b'[build-system]\nrequires = ["Builder >=1", "x; sys_platform == \'win32\'"]\n'
        sdist = distributions.tar_gz({"demo-1.0/sub/pyproject.toml": b"", "demo-1.0/pyproject.toml": text})
        assert build_requirements(self.write(tmp_path, sdist)) == (
            "Builder>=1",
            'x; sys_platform == "win32"',
        )

    @pytest.mark.parametrize("members", [{"demo-1.0/setup.py": b""}, {"demo-1.0/pyproject.toml": b"[tool]"}])
    def test_setuptools_is_the_default(self, tmp_path: Path, members: Mapping[str, bytes]) -> None:
        assert build_requirements(self.write(tmp_path, distributions.tar_gz(members))) == (
            "setuptools",
            "wheel",
        )

    @pytest.mark.parametrize(
        "text",
        [
            "[[",
            "\xff",
            "[" * 100_000,
            "build-system = 3",
            "[build-system]",
            "[build-system]\nrequires = 'setuptools'",
            "[build-system]\nrequires = [1]",
            '[build-system]\nrequires = ["-r /etc/passwd"]',
            '[build-system]\nrequires = ["x\\n--index-url=https://index.example.org"]',
            '[build-system]\nrequires = ["x @ https://index.example.org/x.zip"]',
            "#" * (5 << 20),
        ],
        ids=range(11),
    )
    def test_invalid_pyproject_files(self, tmp_path: Path, text: str) -> None:
        sdist = distributions.tar_gz({"demo-1.0/pyproject.toml": text.encode("latin-1")})
        with pytest.raises(MetadataError):
            build_requirements(self.write(tmp_path, sdist))

    @pytest.mark.parametrize(
        "name", ["a-1.tar.gz", "a-1.tar.bz2", "a-1.tar.xz", "a-1.zip", "a-1.tar", "a-1.7z"]
    )
    def test_invalid_archives(self, tmp_path: Path, name: str) -> None:
        with pytest.raises(MetadataError):
            build_requirements(self.write(tmp_path, 100 * b"no archive", name))

    def test_truncated_sdists(self, tmp_path: Path) -> None:
        sdist = distributions.sdist("demo", "1.0", padding=10_000)
        for length in 0, 100, len(sdist) // 2:
            with pytest.raises(MetadataError):
                build_requirements(self.write(tmp_path, sdist[:length]))

    def test_a_header_that_would_fill_the_memory(self, tmp_path: Path) -> None:
        header = tarfile.TarInfo("demo-1.0/x")
        header.type, header.size = tarfile.XHDTYPE, 1 << 30
        bomb = gzip.compress(header.tobuf(tarfile.USTAR_FORMAT) + bytes(1 << 20))
        with pytest.raises(MetadataError, match="larger than"):
            build_requirements(self.write(tmp_path, bomb))

    def test_a_compression_that_python_unpacks_without_a_bound(self, tmp_path: Path) -> None:
        buffer = io.BytesIO()
        with zipfile.ZipFile(buffer, "w", zipfile.ZIP_LZMA) as archive:
            archive.writestr("demo-1.0/pyproject.toml", b"")
        with pytest.raises(MetadataError, match="compressed"):
            build_requirements(self.write(tmp_path, buffer.getvalue(), "demo-1.0.zip"))
