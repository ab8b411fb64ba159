"""Each message about a distribution file, as a user reads it."""

from __future__ import annotations

import io
import zipfile

import pytest
from inline_snapshot import snapshot

from minimirror.distributions import (
    MAX_METADATA,
    FilenameError,
    MetadataError,
    read_filename,
    read_wheel_metadata,
)

METADATA = "demo-1.0.dist-info/METADATA"


def filename_error(filename: str, project: str = "foo") -> str:
    with pytest.raises(FilenameError) as caught:
        read_filename(filename, project)
    return caught.value.reason


def metadata_error(content: bytes) -> str:
    with pytest.raises(MetadataError) as caught:
        read_wheel_metadata(io.BytesIO(content), "demo-1.0-py3-none-any.whl")
    return str(caught.value)


def zipped(*members: str, content: bytes = b"", method: int = zipfile.ZIP_DEFLATED) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", method) as archive:
        for name in members:
            archive.writestr(name, content)
    return buffer.getvalue()


def test_filenames() -> None:
    assert filename_error("../foo-1.0.tar.gz") == snapshot("not a distribution filename")
    assert filename_error("foo-" + "1" * 300 + ".tar.gz") == snapshot("the name is longer than 246 bytes")
    assert filename_error("foo-1.0.tar.gz.asc") == snapshot("unknown file type 'asc'")
    assert filename_error("foo-1.0-py3-any.whl") == snapshot(
        "a wheel's name must have five or six parts between hyphens (PEP 427)"
    )
    assert filename_error("foo-1.0-bar-py3-none-any.whl") == snapshot(
        "a wheel's build tag must begin with a digit (PEP 427)"
    )
    assert filename_error("bar-1.0.tar.gz") == snapshot("not a file of project foo")
    assert filename_error("bar-1.0-py3-none-any.whl") == snapshot("belongs to project bar, not to foo")
    assert filename_error("foo-2-1.0.tar.gz") == snapshot(
        "'2-1.0' is not a version; the file may belong to another project"
    )
    assert filename_error("foo-2-1.tar.gz", "foo-2") == snapshot(
        "installers take it for a file of project foo"
    )


def test_metadata() -> None:
    assert metadata_error(b"") == snapshot("it is not a zip archive: File is not a zip file")
    assert metadata_error(zipped()) == snapshot("it has no PROJECT-VERSION.dist-info/METADATA files")
    assert metadata_error(zipped(METADATA, "demo-2.0.dist-info/METADATA")) == snapshot(
        "it has 2 PROJECT-VERSION.dist-info/METADATA files"
    )
    assert metadata_error(zipped(METADATA, content=bytes(MAX_METADATA + 1))) == snapshot(
        "its demo-1.0.dist-info/METADATA is larger than 4194304 bytes"
    )
    assert metadata_error(zipped(METADATA, method=zipfile.ZIP_BZIP2)) == snapshot(
        "its demo-1.0.dist-info/METADATA is compressed with a method that installers need not support"
    )
    damaged = zipped(METADATA, content=b"xyz", method=zipfile.ZIP_STORED).replace(b"xyz", b"abc")
    assert metadata_error(damaged) == snapshot(
        "its demo-1.0.dist-info/METADATA cannot be read: Bad CRC-32 for file 'demo-1.0.dist-info/METADATA'"
    )
    end = b"PK\5\6" + bytes(8) + (20 << 20).to_bytes(4, "little") + bytes(6)
    assert metadata_error(bytes(20 << 20) + end) == snapshot("its directory is larger than 16777216 bytes")
