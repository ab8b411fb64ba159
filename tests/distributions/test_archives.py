"""Files of sdists: from every kind of archive, whatever wrote it, and within limits."""

from __future__ import annotations

import bz2
import gzip
import io
import lzma
import tarfile

import pytest

from minimirror.distributions import BrokenArchiveError, MetadataError, archives, read_sdist_file

CONTENT = b"Name: demo\n"
LONG = "demo-" + "1" * 120


def tar(*members: tarfile.TarInfo, format: int = tarfile.PAX_FORMAT) -> bytes:  # noqa: A002 - as in tarfile
    """Make a tar archive of members that have :data:`CONTENT`."""
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w", format=format) as archive:
        for member in members:
            member.size = len(CONTENT) if member.isreg() else 0
            archive.addfile(member, io.BytesIO(CONTENT))
    return buffer.getvalue()


def member(name: str, kind: bytes = tarfile.REGTYPE, mtime: float = 0) -> tarfile.TarInfo:
    found = tarfile.TarInfo(name)
    found.type, found.mtime = kind, mtime
    return found


def read(content: bytes, filename: str = "demo-1.0.tar") -> bytes | None:
    return read_sdist_file(io.BytesIO(content), filename, "PKG-INFO")


PLAIN = tar(member("demo-1.0/PKG-INFO"), member("demo-1.0/setup.py"))


class TestKinds:
    @pytest.mark.parametrize(
        ("extension", "content"),
        [
            *((extension, gzip.compress(PLAIN)) for extension in ("tar.gz", "tgz", "TAR.GZ")),
            *((extension, bz2.compress(PLAIN)) for extension in ("tar.bz2", "tbz", "tbz2")),
            *((extension, lzma.compress(PLAIN, preset=9)) for extension in ("tar.xz", "txz", "TXZ")),
            ("tar", PLAIN),
        ],
    )
    def test_packed_tar_archives(self, extension: str, content: bytes) -> None:
        assert read(content, f"demo-1.0.{extension}") == CONTENT
        for length in 0, min(600, len(content) - 10):
            with pytest.raises(BrokenArchiveError, match="complete archive"):
                read(content[:length], f"demo-1.0.{extension}")

    @pytest.mark.parametrize("extension", ["tar.Z", "tar.lz", "rpm", "7z"])
    def test_rare_ones_are_not_read(self, extension: str) -> None:
        with pytest.raises(MetadataError, match="not read") as caught:
            read(b"content", f"demo-1.0.{extension}")
        assert not isinstance(caught.value, BrokenArchiveError)

    def test_a_damaged_tail_is_found(self) -> None:
        packed = bytearray(gzip.compress(PLAIN))
        packed[-6] ^= 1
        with pytest.raises(BrokenArchiveError, match="CRC"):
            read(bytes(packed), "demo-1.0.tar.gz")


class TestTar:
    @pytest.mark.parametrize("format", [tarfile.PAX_FORMAT, tarfile.GNU_FORMAT])
    def test_long_names(self, format: int) -> None:  # noqa: A002 - as in tarfile
        content = tar(
            member(f"{LONG}/src/PKG-INFO"), member(f"{LONG}/PKG-INFO"), member("x/setup.py"), format=format
        )
        assert read(content) == CONTENT

    def test_extended_headers_without_a_name(self) -> None:
        assert read(tar(member("demo-1.0/PKG-INFO", mtime=1.5))) == CONTENT

    def test_links_and_folders_are_no_files(self) -> None:
        kinds = tarfile.SYMTYPE, tarfile.LNKTYPE, tarfile.DIRTYPE, tarfile.FIFOTYPE
        content = tar(*(member("demo-1.0/PKG-INFO", kind) for kind in kinds), member("demo-1.0/setup.py"))
        assert read(content) is None

    def test_an_archive_that_ends_without_the_usual_zeros(self) -> None:
        assert read(PLAIN[:2048]) == CONTENT

    def test_a_negative_size_is_an_error(self) -> None:
        header = member("demo-1.0/PKG-INFO")
        header.size = -1
        with pytest.raises(BrokenArchiveError, match="negative"):
            read(header.tobuf(tarfile.GNU_FORMAT) + bytes(1024))

    def test_a_file_that_cannot_be_read_is_not_called_damaged(self) -> None:
        class Unreadable(io.BytesIO):
            def read(self, size: int | None = -1, /) -> bytes:  # noqa: ARG002
                raise OSError(5, "Input/output error")

        with pytest.raises(OSError, match="Input/output"):
            read_sdist_file(Unreadable(), "demo-1.0.tar.gz", "PKG-INFO")


class TestLimits:
    @pytest.mark.parametrize("kind", [tarfile.REGTYPE, tarfile.XHDTYPE, tarfile.GNUTYPE_LONGNAME])
    def test_one_file(self, kind: bytes) -> None:
        header = member("demo-1.0/PKG-INFO", kind)
        header.size = archives.MAX_METADATA + 1
        with pytest.raises(MetadataError, match="PKG-INFO is larger than 4194304 bytes"):
            read(header.tobuf(tarfile.GNU_FORMAT) + bytes(1024))

    def test_all_files(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(archives, "MAX_UNPACKED", 1 << 20)
        with pytest.raises(MetadataError, match="larger than 1048576 bytes when unpacked") as caught:
            read(gzip.compress(PLAIN + bytes(2 << 20)), "demo-1.0.tar.gz")
        assert not isinstance(caught.value, BrokenArchiveError)

    def test_memory(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(archives, "MAX_MEMORY", 1 << 20)
        with pytest.raises(MetadataError, match="1 MiB of memory"):
            read(lzma.compress(PLAIN), "demo-1.0.tar.xz")
