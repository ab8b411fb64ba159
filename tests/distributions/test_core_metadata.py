"""Core metadata of wheels and sdists: found in its folder, and bounded."""

from __future__ import annotations

import io
import random
import zipfile
from tempfile import TemporaryFile
from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from minimirror.distributions import (
    MAX_METADATA,
    BrokenArchiveError,
    MetadataError,
    read_metadata,
    read_wheel_metadata,
    requires_python,
    without_invalid_python,
)
from tests.helpers import distributions

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from pathlib import Path

NAME = "demo-1.0-py3-none-any.whl"
METADATA = distributions.core_metadata("demo", "1.0")


def zipped(members: Mapping[str, bytes], method: int = zipfile.ZIP_DEFLATED) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", method) as archive:
        for name, content in members.items():
            archive.writestr(name, content)
    return buffer.getvalue()


def read(content: bytes, filename: str = NAME) -> bytes:
    return read_wheel_metadata(io.BytesIO(content), filename)


@pytest.mark.parametrize(
    ("make", "filename"), [(zipped, "demo-1.0.zip"), (distributions.tar_gz, "demo-1.0.tar.gz")]
)
class TestSdist:
    @pytest.mark.parametrize("folder", ["demo-1.0", "./demo-1.0"])
    def test_the_metadata_in_its_folder(
        self, make: Callable[[Mapping[str, bytes]], bytes], filename: str, folder: str
    ) -> None:
        members = {
            "./PKG-INFO": b"no",
            f"{folder}/src/PKG-INFO": b"no",
            f"{folder}/PKG-INFO": METADATA,
            f"{folder}/setup.py": b"",
        }
        assert read_metadata(io.BytesIO(make(members)), filename) == METADATA

    def test_huge_metadata_is_an_error(
        self, make: Callable[[Mapping[str, bytes]], bytes], filename: str
    ) -> None:
        content = make({"demo-1.0/PKG-INFO": bytes(MAX_METADATA + 1)})
        with pytest.raises(MetadataError, match="PKG-INFO is larger than"):
            read_metadata(io.BytesIO(content), filename)

    def test_half_of_it_is_no_archive(
        self, make: Callable[[Mapping[str, bytes]], bytes], filename: str
    ) -> None:
        content = make({"demo-1.0/PKG-INFO": METADATA, "demo-1.0/data": random.Random(1).randbytes(100_000)})
        with pytest.raises(BrokenArchiveError, match="archive"):
            read_metadata(io.BytesIO(content[: len(content) // 2]), filename)


class TestWheel:
    @pytest.mark.parametrize("method", [zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED])
    def test_the_metadata_in_its_own_folder(self, method: int) -> None:
        wheel = {
            "demo-1.0.dist-info/METADATA": b"it",
            "demo-1.0.dist-info/licenses/METADATA": b"",
            "vendored/other-1.0.dist-info/METADATA": b"",
            "other-1.0.dist-info/METADATA": b"",
        }
        assert read(zipped(wheel, method)) == b"it"

    @pytest.mark.parametrize(
        ("filename", "folder"),
        [
            ("Foo.Bar-1.0-py3-none-any.whl", "foo_bar-1.0"),
            ("foo_bar-1.0-py3-none-any.whl", "Foo.Bar-1.0"),
            ("foo_bar-1.0_2-py3-none-any.whl", "foo-bar-1.0_2"),
        ],
    )
    def test_the_folder_may_spell_the_name_differently(self, filename: str, folder: str) -> None:
        assert read(zipped({f"{folder}.dist-info/METADATA": METADATA}), filename) == METADATA

    @pytest.mark.parametrize(
        "members",
        [
            {},
            {"other-1.0.dist-info/METADATA": b""},
            {"demo-1.0.dist-info/metadata": b""},
            {"demo-1.0.dist-info/METADATA": b"", "demo-2.0.dist-info/METADATA": b""},
            {"demo-1.0.dist-info/METADATA": bytes(MAX_METADATA + 1)},
        ],
        ids=["empty", "another's", "misspelt", "two", "a bomb"],
    )
    def test_missing_ambiguous_or_huge_metadata_is_an_error(self, members: Mapping[str, bytes]) -> None:
        with pytest.raises(MetadataError):
            read(zipped(members))

    @pytest.mark.parametrize("method", [zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA])
    def test_a_compression_without_a_limit_is_an_error(self, method: int) -> None:
        with pytest.raises(MetadataError, match="compressed"):
            read(zipped({"demo-1.0.dist-info/METADATA": METADATA}, method))

    def test_a_huge_directory_is_an_error(self) -> None:
        # The end of an archive whose directory has 20 MB.
        end = b"PK\5\6" + bytes(8) + (20 << 20).to_bytes(4, "little") + bytes(6)
        with pytest.raises(MetadataError, match="directory is larger"):
            read(bytes(20 << 20) + end)

    def test_a_directory_of_too_many_members_is_an_error(self) -> None:
        member = b"PK\1\2" + bytes(24) + (1).to_bytes(2, "little") + bytes(16) + b"x"
        directory = member * 310_000
        end = b"PK\5\6" + bytes(8) + len(directory).to_bytes(4, "little") + bytes(6)
        with pytest.raises(MetadataError, match="100,000 members"):
            read(directory + end)

    @pytest.mark.parametrize("offset", [1 << 12, 1 << 31, 0xFFFFFFFE])
    def test_a_member_before_the_start_of_the_file_is_an_error(self, tmp_path: Path, offset: int) -> None:
        # A real file fails otherwise than bytes in memory if a position is negative.
        path = tmp_path / NAME
        content = distributions.wheel("demo", "1.0")
        path.write_bytes(content[:-6] + offset.to_bytes(4, "little") + content[-2:])
        with path.open("rb") as stream, pytest.raises(MetadataError):
            read_wheel_metadata(stream, NAME)

    @given(st.data())
    def test_damage_is_an_error(self, data: st.DataObject) -> None:
        content = bytearray(distributions.wheel("demo", "1.0"))
        for at in data.draw(st.lists(st.integers(0, len(content) - 1), min_size=1, max_size=5)):
            content[at] = data.draw(st.integers(0, 255))
        cut = data.draw(st.integers(0, len(content)))
        with TemporaryFile() as file:
            file.write(content[:cut] if data.draw(st.booleans()) else content)
            try:
                found = read_wheel_metadata(file, NAME)
            except MetadataError:
                return
        assert len(found) <= MAX_METADATA


@pytest.mark.parametrize(("listed", "read"), [(">=3.9,<4", "<4,>=3.9"), ("any", None), (None, None)])
def test_requires_python(listed: str | None, read: str | None) -> None:
    assert requires_python(distributions.core_metadata("demo", "1.0", requires_python=listed)) == read


def test_a_requires_python_that_is_not_ascii_is_ignored() -> None:
    metadata = distributions.core_metadata("demo", "1.0", requires_python=">=3")
    assert requires_python(metadata.replace(b">=3", b">=3\xff")) is None


def test_a_long_requires_python_is_ignored() -> None:
    long = ",".join([">=3"] * 1000)
    assert requires_python(distributions.core_metadata("demo", "1.0", requires_python=long)) is None


@pytest.mark.parametrize(
    ("listed", "left"), [(">=3.9", True), ("py3", False), ("*", False), (">=3.8 <4", False)]
)
def test_an_invalid_requires_python_can_be_removed(listed: str, left: bool) -> None:
    metadata = distributions.core_metadata("demo", "1.0", requires_python=listed, requires=["other>1"])
    found = without_invalid_python(metadata)
    assert (found == metadata) == left
    assert (b"Requires-Python" in found) == left
    assert b"Requires-Dist: other>1" in found
    assert without_invalid_python(b"Name: x\nrequires-python: py3,\n  py2\nVersion: 1\n\nText\n") == (
        b"Name: x\nVersion: 1\n\nText\n"
    )
